"""Rows by which codes are merged and runs compared, and by which a mixture may do better."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from scipy.special import softmax
from sklearn.utils import Bunch

from gan_cluster.networks.mixture import Mixture
from gan_cluster.training.inference import (
    map_rows,
    merge_clusters,
    near_rows,
    neighbor_joint,
    view_of,
)
from gan_cluster.training.labels import Labels
from gan_cluster.training.merging import information
from gan_cluster.training.mixtures import View, are_few, chosen, explained, mixtures
from gan_cluster.training.net import AdversarialNet
from gan_cluster.training.numbers import cluster_numbers
from gan_cluster.training.random import globally_seeded, torch_generator
from gan_cluster.training.recipe import Recipe
from gan_cluster.training.storage import read, spread_rows

JUDGED_ROWS = 10_000
FINER = 0.01
EARNED = 1.5  # times as often twins have to be of other clusters, if those are of equal sizes
PART_ROWS = 1_000  # whose densities are looked at together


@dataclass(frozen=True)
class Jury:
    """Some rows, those near each of them as a net sees them, and what mixtures see of them.

    Its view is None where mixtures are not tried; runs are then compared by near rows alone. Where
    there are labels, it also has some of these, and their rows.
    """

    recipe: Recipe
    rows: np.ndarray
    near: np.ndarray
    view: View | None
    labels: Labels | None
    labelled: np.ndarray

    @classmethod
    def of(
        cls, net: AdversarialNet, recipe: Recipe, X: np.ndarray, labels: Labels | None = None
    ) -> "Jury":
        rows = spread_rows(X, JUDGED_ROWS)
        view = View.of(rows, recipe.encoding) if recipe.mixtures else None
        near, few = near_rows(net, recipe.encoding, rows), labels and labels.few(JUDGED_ROWS)
        return cls(recipe, rows, near, view, few, read(X, few.rows) if few else X[:0])

    def merge(self, net: AdversarialNet, known: torch.Tensor | None = None) -> torch.Tensor:
        """Make clusters of a net's codes; they keep the numbers of those that are known."""
        encoding, n_clusters, votes = self.recipe.encoding, self.recipe.n_clusters, None
        if self.labels is not None:
            votes = self.labels.votes(self._codes(net, self.labelled))
        return merge_clusters(net, encoding, self.rows, self.near, n_clusters, known, votes)

    def numbers(self, net: AdversarialNet, max_clusters: int) -> tuple[Bunch, int, np.ndarray]:
        """What speaks for each number of clusters, by a net's codes, which are finer."""
        encoding, found = self.recipe.encoding, self._codes(net, self.rows)
        view = view_of(net, encoding)
        seen = (self.view or View.of(self.rows, encoding)).rows if view is None else view(self.rows)
        return cluster_numbers(found, self.near, seen, max_clusters)

    def score(self, net: AdversarialNet) -> float:
        """How good a net's clusters are, times the share of labels that agree, if there are any.

        Those of finer codes have to be better than others: a merge that fits chance looks good. It
        hardly does so on many rows of a table.
        """
        n_clusters, view, weight = self.recipe.n_clusters, self.view, self._agreed(net)
        has_few = are_few(self.rows, n_clusters)
        is_finer = net.clusters.n_codes > n_clusters * min(self.recipe.codes_in_turn)
        if is_finer and (view is None or has_few):
            weight *= 1 - FINER
        if view is None or not has_few:
            joint = neighbor_joint(net, self.recipe.encoding, self.rows, self.near)
            return weight * information(joint)
        labels = self._read(net, self.rows)
        return weight * float(explained(labels, self.near, view.rows, n_clusters).mean())

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
        return float((self._read(net, self.rows) != twins).mean())

    def _agreed(self, net: AdversarialNet) -> float:
        """The share of labelled rows that are in the cluster of their class."""
        if self.labels is None:
            return 1.0
        return float((self._read(net, self.labelled) == self.labels.numbers).mean())

    def better_mixture(self, net: AdversarialNet) -> Mixture | None:
        """A mixture whose clusters are to be taken in place of those of the net, if any."""
        if self.view is None:
            return None
        n_clusters = self.recipe.n_clusters
        found = [*mixtures(self.view, n_clusters)]
        labels = [self._labels(mixture) for mixture in found]
        number = chosen(labels, self._read(net, self.rows), self.near, self.view.rows, n_clusters)
        return None if number is None else self._named(found[number], net)

    def _named(self, mixture: Mixture, net: AdversarialNet) -> Mixture | None:
        """The mixture with the numbers of classes; None if labels agree more with the net."""
        if self.labels is None:
            return mixture
        found, n_clusters = self._densities(mixture, self.labelled), self.recipe.n_clusters
        votes = self.labels.votes(softmax(found, axis=1))
        order = votes.order(np.arange(n_clusters), n_clusters)
        agreed = (found[:, order].argmax(1) == self.labels.numbers).mean()
        return None if agreed < self._agreed(net) else mixture.ordered(torch.from_numpy(order))

    def _read(self, net: AdversarialNet, rows: np.ndarray) -> np.ndarray:
        """The cluster of each row (n,)."""
        encoding = self.recipe.encoding
        return map_rows(net, encoding, rows, lambda batch: net.label(batch).argmax(1))

    def _codes(self, net: AdversarialNet, rows: np.ndarray) -> np.ndarray:
        """Probabilities (n, n_codes) of the values of the first code."""
        encoding = self.recipe.encoding
        return map_rows(net, encoding, rows, lambda batch: net.read_first(batch).softmax(1))

    def _densities(self, mixture: Mixture, rows: np.ndarray) -> np.ndarray:
        """Log densities (n, n_clusters) of rows together with components of a mixture."""
        with torch.inference_mode():
            parts = self.recipe.encoding.encode(rows).split(PART_ROWS)
            return torch.cat([mixture(part) for part in parts]).numpy()

    def _labels(self, mixture: Mixture) -> np.ndarray:
        return self._densities(mixture, self.rows).argmax(1)

    def teach(self, net: AdversarialNet) -> bool:
        """If a mixture has better clusters, let Q learn them from now on; whether it has.

        The net's codes are grouped as far as they tell those clusters.
        """
        mixture = self.better_mixture(net)
        if mixture is None:
            return False
        n_clusters, clusters = self.recipe.n_clusters, net.clusters
        codes = self._codes(net, self.rows)
        of_mixture = np.eye(n_clusters, dtype=np.float32)[self._labels(mixture)]
        shared = codes.T @ of_mixture
        groups = shared.argmax(1)
        code, cluster = linear_sum_assignment(shared, maximize=True)
        groups[code] = cluster  # each has one at least
        clusters.regroup(torch.from_numpy(groups).to(net.device), codes.mean(0))
        clusters.teacher = mixture.to(net.device)
        return True
