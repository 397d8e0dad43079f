"""Clusters of images, a row each: real members beside generated ones, sure beside unsure ones."""

from collections.abc import Sequence
from math import ceil
from numbers import Integral
from typing import Any, Self

import numpy as np
from sklearn.cluster import KMeans
from sklearn.utils.validation import check_scalar

from gan_cluster._validation.rows import check_rows
from gan_cluster.clusterer import InfoGANClusterer, by_certainty
from gan_cluster.inspection._checks import check_estimator, check_numbers
from gan_cluster.inspection._display import Display, documented
from gan_cluster.inspection._images import as_images, draw_blocks, image_layout, label_clusters

AMONG = 1000  # members of a cluster, at most, from which different ones are chosen


@documented
class ClusterDisplay(Display):
    """Picture of clusters of images: real members left, generated members right.

    Use :meth:`from_estimator` to make one.

    Parameters
    ----------
    members, samples : ndarray of shape (n_clusters, n_images, height, width, channels)
        Real and generated images of each cluster, with 1 (grey), 3 or 4 channels and values from
        0 to 1; NaN leaves a place blank.

    Attributes
    ----------
    [picture]

    See Also
    --------
    MembersDisplay : The most and the least certain members.
    gan_cluster.InfoGANClusterer.sample : Draws the generated members.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from sklearn.datasets import load_digits
    >>> from gan_cluster import InfoGANClusterer
    >>> from gan_cluster.inspection import ClusterDisplay
    >>> X = load_digits().data[:200]
    >>> clusterer = InfoGANClusterer(10, image_shape=(1, 8, 8), max_epochs=1, random_state=0)
    >>> display = ClusterDisplay.from_estimator(clusterer.fit(X), X, ax=Figure().subplots())
    >>> display.image_.shape  # 10 rows; 8 + 8 columns
    (89, 146, 3)
    """

    def __init__(self, members: np.ndarray, samples: np.ndarray):
        self.members = members
        self.samples = samples

    @classmethod
    def from_estimator(
        cls,
        estimator: InfoGANClusterer,
        X: Any,
        *,
        n_members: int = 8,
        n_samples: int = 8,
        random_state: int | np.random.RandomState | None = 0,
        ax: Any = None,
    ) -> Self:
        """Show each cluster of a fitted clusterer.

        Parameters
        ----------
        estimator : InfoGANClusterer
            A clusterer fitted to images.
        X : array-like or tensor, as in :meth:`InfoGANClusterer.fit`
            Rows from which members are taken.
        n_members : int, default=8
            Number of real members of a cluster, of as many different kinds: those at the middle of
            the parts into which k-means divides it. Places stay blank where it has fewer.
        n_samples : int, default=8
            Number of generated members of a cluster.
        random_state : int, RandomState or None, default=0
            Seed of the draws. With an int the images of one column share their noise, so that
            they differ by their cluster alone.
        [ax]

        [raises]
        ValueError
            If its rows are not images of 1, 3 or 4 channels.
        """
        check_estimator(cls, estimator, InfoGANClusterer)
        check_scalar(n_members, "n_members", Integral, min_val=1)
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
        layout = image_layout(estimator)
        rows, members, _ = certain_members(estimator, X)
        drawn = [
            estimator.sample(n_samples, cluster=cluster, random_state=random_state)
            for cluster in range(len(members))
        ]
        spread = [_different(rows, indices, n_members) for indices in members]
        first = _placed(rows, spread, n_members)
        samples = np.reshape(drawn, (len(members), n_samples, -1))
        return cls(*as_images(layout, first, samples)).plot(ax=ax)

    def _draw(self, ax: Any) -> None:
        ax = draw_blocks(self, [("real members", self.members), ("generated", self.samples)], ax)
        label_clusters(ax, self.members, range(len(self.members)))


@documented
class MembersDisplay(Display):
    """Picture of members of clusters: the most certain left, the least certain right.

    Use :meth:`from_estimator` to make one. What a cluster is shows on the left; where it ends, and
    which of its rows may be of another one, on the right.

    Parameters
    ----------
    most, least : ndarray of shape (n_clusters, n_images, height, width, channels)
        Images of each cluster from certain to uncertain, with 1 (grey), 3 or 4 channels and values
        from 0 to 1; NaN leaves a place blank.
    clusters : sequence of int
        Their numbers.

    Attributes
    ----------
    [picture]

    See Also
    --------
    ClusterDisplay : Members of each cluster beside generated ones.
    gan_cluster.InfoGANClusterer.predict_proba : How certain a member is.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from sklearn.datasets import load_digits
    >>> from gan_cluster import InfoGANClusterer
    >>> from gan_cluster.inspection import MembersDisplay
    >>> X = load_digits().data[:200]
    >>> clusterer = InfoGANClusterer(10, image_shape=(1, 8, 8), max_epochs=1, random_state=0)
    >>> ax = Figure().subplots()
    >>> display = MembersDisplay.from_estimator(clusterer.fit(X), X, clusters=[0, 3], ax=ax)
    >>> display.least.shape
    (2, 8, 8, 8, 1)
    """

    def __init__(self, most: np.ndarray, least: np.ndarray, clusters: Sequence[int]):
        self.most = most
        self.least = least
        self.clusters = clusters

    @classmethod
    def from_estimator(
        cls,
        estimator: InfoGANClusterer,
        X: Any,
        *,
        clusters: Sequence[int] | None = None,
        n_members: int = 8,
        ax: Any = None,
    ) -> Self:
        """Show members of clusters of a fitted clusterer.

        Parameters
        ----------
        estimator : InfoGANClusterer
            A clusterer fitted to images.
        X : array-like or tensor, as in :meth:`InfoGANClusterer.fit`
            Rows from which members are taken.
        clusters : sequence of int, default=None
            Clusters to show, a row each; None shows all.
        n_members : int, default=8
            Number of most certain members and of least certain ones. No row is shown twice: in a
            cluster that has fewer than twice as many, places stay blank.
        [ax]

        [raises]
        ValueError
            If there is no such cluster, or rows are not images of 1, 3 or 4 channels.
        """
        check_estimator(cls, estimator, InfoGANClusterer)
        check_scalar(n_members, "n_members", Integral, min_val=1)
        n_clusters = estimator.model_.n_clusters
        wanted = range(n_clusters) if clusters is None else clusters
        shown = check_numbers("clusters", wanted, n_clusters)
        layout = image_layout(estimator)
        rows, members, _ = certain_members(estimator, X)
        most = [members[cluster][:n_members] for cluster in shown]
        least = [members[cluster][n_members:][-n_members:] for cluster in shown]
        left, right = as_images(
            layout,
            _placed(rows, most, n_members),
            _placed(rows, least, n_members, last=True),
        )
        return cls(left, right, shown).plot(ax=ax)

    def _draw(self, ax: Any) -> None:
        ax = draw_blocks(self, [("most certain", self.most), ("least certain", self.least)], ax)
        label_clusters(ax, self.most, self.clusters)


def certain_members(
    estimator: InfoGANClusterer, X: Any
) -> tuple[np.ndarray, list[np.ndarray], np.ndarray]:
    """The flat rows of X, indices of each cluster's members, the most certain first, and how much.

    The last are the probabilities (n_samples, n_clusters).
    """
    rows = check_rows(estimator, X, reset=False).X
    probabilities = estimator.predict_proba(X)
    return rows, by_certainty(probabilities), probabilities


def _different(rows: np.ndarray, members: np.ndarray, n: int) -> np.ndarray:
    """Those n of the members that stand for parts of their cluster, or all if there are fewer."""
    among = members[:: ceil(len(members) / AMONG)] if len(members) > AMONG else members
    values = rows[among].astype(np.float64)
    if len(np.unique(values, axis=0)) <= n:
        return among[:n]
    parts = KMeans(n, n_init=1, random_state=0).fit(values)
    distances = parts.transform(values)
    distances[parts.labels_[:, None] != np.arange(n)] = np.inf
    return among[np.sort(distances.argmin(0))]


def _placed(
    rows: np.ndarray, chosen: Sequence[np.ndarray], n_places: int, *, last: bool = False
) -> np.ndarray:
    """Chosen rows in the first places of each cluster or the last ones; NaN in the others."""
    placed = np.full((len(chosen), n_places, rows.shape[1]), np.nan)
    for places, indices in zip(placed, chosen, strict=True):
        start = n_places - len(indices) if last else 0
        places[start : start + len(indices)] = rows[indices]
    return placed
