"""Rows that are used to merge codes, and to compare runs and mixtures."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from scipy.special import softmax
from sklearn.utils import Bunch

from gan_cluster.networks.mixture import Mixture
from gan_cluster.training.inference import (
    features_of,
    map_rows,
    merge_clusters,
    near_rows,
    neighbor_joint,
    view_of,
)
from gan_cluster.training.labels import Labels
from gan_cluster.training.merging import code_joint, information
from gan_cluster.training.mixtures import View, are_few, chosen, explained, mixtures
from gan_cluster.training.net import AdversarialNet
from gan_cluster.training.numbers import SMALL, cluster_numbers
from gan_cluster.training.random import globally_seeded, torch_generator
from gan_cluster.training.recipe import Recipe
from gan_cluster.training.storage import read, spread_rows

JUDGED_ROWS = 10_000
FINER = 0.01
EARNED = 1.5  # equal sizes are not used if twins differ this many times as often with them
ERRORS = 1.5  # standard errors that are added to it, for there may be few rows
TWINS = 8  # of each row at most, to see how often they differ
PART_ROWS = 1_000  # rows whose densities are computed together


def fair_scores(
    scores: Sequence[float], nets: Sequence[AdversarialNet], recipe: Recipe
) -> list[float]:
    """Scores of nets, but 0 for those that have too few codes for the clusters in the data.

    Codes have about equal shares of the rows. A cluster with fewer rows than a code cannot be found
    by that net, and merging such nets' codes gives clusters of more equal sizes, which raises
    their score. So nets with the fewest codes are left out if the best of the others has a cluster
    that is smaller than one of their codes. If mixtures are tried, small clusters can be theirs.
    """
    if recipe.mixtures:
        return [*scores]
    finer = [i for i in range(len(scores)) if nets[i].clusters.n_codes > recipe.fewest_codes]
    if finer:
        clusters = nets[max(finer, key=lambda i: scores[i])].clusters
        least = float(clusters.shares.min()) * recipe.fewest_codes
        if clusters.groups is not None and clusters.follows and least < 1:
            return [score if i in finer else 0.0 for i, score in enumerate(scores)]
    return [*scores]


@dataclass(frozen=True)
class Jury:
    """Some rows, the nearest rows of each, their view for mixtures, and labelled rows.

    The view is None if mixtures are not tried; runs are then compared by near rows only.
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
        """Merge a net's codes into clusters, which keep the numbers of ``known`` ones."""
        encoding, n_clusters, votes = self.recipe.encoding, self.recipe.n_clusters, None
        if self.labels is not None:
            votes = self.labels.votes(self._codes(net, self.labelled))
        return merge_clusters(net, encoding, self.rows, self.near, n_clusters, known, votes)

    def numbers(self, net: AdversarialNet, max_clusters: int) -> tuple[Bunch, int, np.ndarray]:
        """Criteria for each number of clusters, from a net with more codes than clusters.

        Densities of images are those of features, where shifted images are near each other.
        """
        encoding, found = self.recipe.encoding, self._codes(net, self.rows)
        codes, joint = found.argmax(1), code_joint(found, self.near)
        near, view, are_images = self.near, view_of(net, encoding), len(encoding.shape) == 3
        if view is None and are_images:
            view = features_of(net, encoding)
            near = near_rows(net, encoding, self.rows, view)
        seen = (self.view or View.of(self.rows, encoding)).rows if view is None else view(self.rows)
        smallest = SMALL if are_images else 0.0
        return cluster_numbers(codes, joint, near, seen, max_clusters, smallest)

    def score(self, net: AdversarialNet) -> float:
        """Score of a net's clusters, times the share of labels that agree, if there are labels.

        A net with more codes for each cluster has to be better than others, as merging codes can
        raise the score by chance. This effect is small for tables with many rows.
        """
        n_clusters, view, weight = self.recipe.n_clusters, self.view, self._agreed(net)
        has_few = are_few(self.rows, n_clusters)
        is_finer = net.clusters.n_codes > self.recipe.fewest_codes
        if is_finer and (view is None or has_few):
            weight *= 1 - FINER
        if view is None or not has_few:
            joint = neighbor_joint(net, self.recipe.encoding, self.rows, self.near)
            return weight * information(joint)
        labels = self._read(net, self.rows)
        return weight * float(explained(labels, self.near, view.rows, n_clusters).mean())

    def disagreement(self, net: AdversarialNet) -> float:
        """Share of twins that are in another cluster than their row."""
        labels, rng = self._read(net, self.rows), torch_generator(0, net.device)
        shares = []
        with globally_seeded(0, self.recipe.runs_users_code):
            for _ in range(max(1, min(TWINS, JUDGED_ROWS // len(self.rows)))):
                twins = map_rows(
                    net,
                    self.recipe.encoding,
                    self.rows,
                    lambda batch: net.label(net.twins(batch, rng)).argmax(1),
                )
                shares.append((labels != twins).mean())
        return float(np.mean(shares))

    def may_be_equal(self, equal: float, free: float) -> bool:
        """Whether twins differ hardly more often with equal sizes than with free ones.

        Both are as :meth:`disagreement` gives them.
        """
        n_rows = len(self.rows)
        error = sqrt(max(free, 1 / n_rows) / n_rows)
        return equal <= EARNED * free + ERRORS * error

    def _agreed(self, net: AdversarialNet) -> float:
        """The share of labelled rows that are in the cluster of their class."""
        if self.labels is None:
            return 1.0
        return float((self._read(net, self.labelled) == self.labels.numbers).mean())

    def better_mixture(self, net: AdversarialNet) -> Mixture | None:
        """A mixture whose clusters are better than those of the net, or None."""
        if self.view is None:
            return None
        n_clusters = self.recipe.n_clusters
        found = [*mixtures(self.view, n_clusters)]
        labels = [self._labels(mixture) for mixture in found]
        number = chosen(labels, self._read(net, self.rows), self.near, self.view.rows, n_clusters)
        return None if number is None else self._named(found[number], net)

    def _named(self, mixture: Mixture, net: AdversarialNet) -> Mixture | None:
        """The mixture, numbered by classes; None if labels agree more with the net."""
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
        """Joint log densities (n, n_clusters) of rows and components of a mixture."""
        with torch.inference_mode():
            parts = self.recipe.encoding.encode(rows).split(PART_ROWS)
            return torch.cat([mixture(part) for part in parts]).numpy()

    def _labels(self, mixture: Mixture) -> np.ndarray:
        return self._densities(mixture, self.rows).argmax(1)

    def teach(self, net: AdversarialNet) -> bool:
        """If a mixture has better clusters, let Q learn them; return whether it has.

        The net's codes are grouped to match these clusters.
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
        groups[code] = cluster  # each cluster has at least one code
        clusters.regroup(torch.from_numpy(groups).to(net.device), codes.mean(0))
        clusters.teacher = mixture.to(net.device)
        return True
