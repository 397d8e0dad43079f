"""Rows by which codes are merged and runs compared, and by which a mixture may do better."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

from gan_cluster.networks.mixture import Mixture
from gan_cluster.training.inference import (
    map_rows,
    merge_clusters,
    near_rows,
    neighbor_joint,
)
from gan_cluster.training.merging import information
from gan_cluster.training.mixtures import View, are_few, chosen, explained, mixtures
from gan_cluster.training.net import AdversarialNet
from gan_cluster.training.random import globally_seeded, torch_generator
from gan_cluster.training.recipe import Recipe
from gan_cluster.training.storage import spread_rows

JUDGED_ROWS = 10_000
FINER = 0.01
EARNED = 1.5  # times as often twins have to be of other clusters, if those are of equal sizes
PART_ROWS = 1_000  # whose densities are looked at together


@dataclass(frozen=True)
class Jury:
    """Some rows, those near each of them as a net sees them, and what mixtures see of them.

    Its view is None where mixtures are not tried; runs are then compared by near rows alone.
    """

    recipe: Recipe
    rows: np.ndarray
    near: np.ndarray
    view: View | None

    @classmethod
    def of(cls, net: AdversarialNet, recipe: Recipe, X: np.ndarray) -> "Jury":
        rows = spread_rows(X, JUDGED_ROWS)
        view = View.of(rows, recipe.encoding) if recipe.mixtures else None
        return cls(recipe, rows, near_rows(net, recipe.encoding, rows), view)

    def merge(self, net: AdversarialNet, known: torch.Tensor | None = None) -> torch.Tensor:
        """Make clusters of a net's codes; they keep the numbers of those that are known."""
        encoding, n_clusters = self.recipe.encoding, self.recipe.n_clusters
        return merge_clusters(net, encoding, self.rows, self.near, n_clusters, known)

    def score(self, net: AdversarialNet) -> float:
        """How good a net's clusters are; no label is looked at.

        Those of finer codes have to be better than others: a merge that fits chance looks good. It
        hardly does so on many rows of a table.
        """
        n_clusters, view = self.recipe.n_clusters, self.view
        is_finer = net.clusters.n_codes > n_clusters * min(self.recipe.codes_in_turn)
        weight = 1 - is_finer * FINER
        if view is not None and are_few(self.rows, n_clusters):
            return weight * float(
                explained(self._read(net), self.near, view.rows, n_clusters).mean()
            )
        told = information(neighbor_joint(net, self.recipe.encoding, self.rows, self.near))
        return told if view is not None else weight * told

    def disagreement(self, net: AdversarialNet) -> float:
        """Share of rows whose twin is of another cluster."""
        rng = torch_generator(0, net.device)
        with globally_seeded(0, self.recipe.runs_users_code):
            twins = map_rows(
                net,
                self.recipe.encoding,
                self.rows,
                lambda batch: net.label(net.twins(batch, rng)).argmax(1),
            )
        return float((self._read(net) != twins).mean())

    def better_mixture(self, net: AdversarialNet) -> Mixture | None:
        """A mixture whose clusters are to be taken in place of those of the net, if any."""
        if self.view is None:
            return None
        n_clusters = self.recipe.n_clusters
        found = [*mixtures(self.view, n_clusters)]
        labels = [self._labels(mixture) for mixture in found]
        number = chosen(labels, self._read(net), self.near, self.view.rows, n_clusters)
        return None if number is None else found[number]

    def _read(self, net: AdversarialNet) -> np.ndarray:
        encoding = self.recipe.encoding
        return map_rows(net, encoding, self.rows, lambda batch: net.label(batch).argmax(1))

    def _labels(self, mixture: Mixture) -> np.ndarray:
        with torch.inference_mode():
            rows = self.recipe.encoding.encode(self.rows)
            return torch.cat([mixture(part).argmax(1) for part in rows.split(PART_ROWS)]).numpy()

    def teach(self, net: AdversarialNet) -> bool:
        """If a mixture has better clusters, let Q learn them from now on; whether it has.

        The net's codes are grouped as far as they tell those clusters.
        """
        mixture = self.better_mixture(net)
        if mixture is None:
            return False
        n_clusters, clusters = self.recipe.n_clusters, net.clusters
        encoding = self.recipe.encoding
        codes = map_rows(net, encoding, self.rows, lambda b: net.read_first(b).softmax(1))
        of_mixture = np.eye(n_clusters, dtype=np.float32)[self._labels(mixture)]
        shared = codes.T @ of_mixture
        groups = shared.argmax(1)
        code, cluster = linear_sum_assignment(shared, maximize=True)
        groups[code] = cluster  # each has one at least
        clusters.regroup(torch.from_numpy(groups).to(net.device), codes.mean(0))
        clusters.teacher = mixture.to(net.device)
        return True
