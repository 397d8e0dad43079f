"""Known classes of some rows, and the clusters that match them."""

from math import ceil
from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

DOUBT = 1e-3  # added to probabilities, so that one label cannot rule out a cluster


class Votes(NamedTuple):
    """Predictions of a net for rows with known classes."""

    classes: np.ndarray  # (n_labelled, n_classes), one-hot
    found: np.ndarray  # (n_labelled, k), probabilities of the values of a code, or of clusters

    @property
    def counts(self) -> np.ndarray:
        """Number of rows of each class with each value, (n_classes, k)."""
        return self.classes.T @ self.found

    def order(self, groups: np.ndarray, n_clusters: int) -> np.ndarray:
        """Groups in the order of the classes that match them best, and then all other groups.

        ``groups`` (k,) is the group of each value.

        >>> votes = Votes(np.eye(2), np.array([[0.0, 0.1, 0.9], [0.7, 0.1, 0.2]]))
        >>> votes.order(np.array([0, 1, 2]), 3).tolist()
        [2, 0, 1]
        """
        likely = np.log(self.found @ np.eye(n_clusters)[groups] + DOUBT)
        of_classes = linear_sum_assignment(self.classes.T @ likely, maximize=True)[1]
        others = np.setdiff1d(np.arange(n_clusters), of_classes)
        return np.concatenate([of_classes, others])


class Labels(NamedTuple):
    """Names of classes, and the rows with known classes."""

    names: np.ndarray  # (n_classes,), sorted
    rows: np.ndarray  # (n_labelled,), indices of rows of X
    numbers: np.ndarray  # (n_labelled,), the class of each of these

    def few(self, n_rows: int) -> "Labels":
        """Labels of at most about ``n_rows`` rows, evenly spread over the rows of each class."""
        most = ceil(n_rows / len(self.names))
        of_classes = [np.flatnonzero(self.numbers == i) for i in range(len(self.names))]
        kept = np.sort(np.concatenate([of[:: ceil(len(of) / most)] for of in of_classes]))
        return Labels(self.names, self.rows[kept], self.numbers[kept])

    def votes(self, found: np.ndarray) -> Votes:
        """Votes of the labelled rows, with their predictions (n_labelled, k)."""
        return Votes(np.eye(len(self.names))[self.numbers], found)
