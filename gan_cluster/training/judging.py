"""Rows by which codes are merged and runs compared, and by which a mixture may do better."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from sklearn.utils import Bunch

from gan_cluster.networks.mixture import Mixture
from gan_cluster.training.inference import (
    map_rows,
    merge_clusters,
    near_rows,
    neighbor_joint,
    view_of,
)
from gan_cluster.training.merging import information
from gan_cluster.training.mixtures import View, chosen, explained, mixtures
from gan_cluster.training.net import AdversarialNet
from gan_cluster.training.numbers import cluster_numbers
from gan_cluster.training.recipe import Recipe
from gan_cluster.training.storage import spread_rows

JUDGED_ROWS = 10_000
FINER = 0.01
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

    def numbers(self, net: AdversarialNet, max_clusters: int) -> tuple[Bunch, int, np.ndarray]:
        """What speaks for each number of clusters, by a net's codes, which are finer."""
        encoding, view = self.recipe.encoding, view_of(net, self.recipe.encoding)
        found = map_rows(net, encoding, self.rows, lambda batch: net.read_first(batch).softmax(1))
        rows = View.of(self.rows, encoding).rows if view is None else view(self.rows)
        return cluster_numbers(found, self.near, rows, max_clusters)

    def score(self, net: AdversarialNet) -> float:
        """How good a net's clusters are; no label is looked at.

        Those of finer codes have to be better than others: a merge that fits chance looks good.
        """
        is_finer = net.clusters.n_codes > self.recipe.n_clusters * min(self.recipe.codes_in_turn)
        return (1 - is_finer * FINER) * self._explained(net)

    def _explained(self, net: AdversarialNet) -> float:
        encoding = self.recipe.encoding
        if self.view is None:
            return information(neighbor_joint(net, encoding, self.rows, self.near))
        shares = explained(self._read(net), self.near, self.view.rows, self.recipe.n_clusters)
        return float(shares.mean())

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

    def teach(self, net: AdversarialNet) -> None:
        """If a mixture has better clusters, let Q learn them from now on.

        The net's codes are grouped as far as they tell those clusters.
        """
        mixture = self.better_mixture(net)
        if mixture is None:
            return
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
