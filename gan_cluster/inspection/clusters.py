"""Pictures of clusters, one row each: real and generated, or certain and uncertain members."""

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

AMONG = 1000  # largest number of members of a cluster that k-means divides


@documented
class ClusterDisplay(Display):
    """Picture of clusters of images: real members on the left, generated members on the right.

    Use :meth:`from_estimator` to make one.

    Parameters
    ----------
    members, samples : ndarray of shape (n_clusters, n_images, height, width, channels)
        Real and generated images of each cluster, with 1 (grey), 3 or 4 channels and values from
        0 to 1; images of NaN are left blank.

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
            Number of real members of each cluster. k-means divides the cluster into this many
            parts, and the member nearest to the centre of each part is shown, so that members
            differ. If a cluster has fewer members, places are left blank.
        n_samples : int, default=8
            Number of generated members of each cluster.
        random_state : int, RandomState or None, default=0
            Seed of the generated members. With an int, the images of one column share their
            noise, so that only their cluster differs.
        [ax]

        [raises]
        ValueError
            If rows are not images with 1, 3 or 4 channels.
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
    """Picture of members of clusters: the most certain on the left, the least certain on the right.

    Use :meth:`from_estimator` to make one. The left shows typical members of a cluster; the right
    shows its border, and rows that may belong to another cluster.

    Parameters
    ----------
    most, least : ndarray of shape (n_clusters, n_images, height, width, channels)
        Images of each cluster from certain to uncertain, with 1 (grey), 3 or 4 channels and values
        from 0 to 1; images of NaN are left blank.
    clusters : sequence of int
        Numbers of the clusters.

    Attributes
    ----------
    [picture]

    See Also
    --------
    ClusterDisplay : Real and generated members of each cluster.
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
            Clusters to show, one in each row; None shows all.
        n_members : int, default=8
            Number of most certain members, and of least certain ones. No member is shown twice: if
            a cluster has fewer than ``2 * n_members``, places are left blank.
        [ax]

        [raises]
        ValueError
            If there is no such cluster, or rows are not images with 1, 3 or 4 channels.
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
    """The flat rows of X, the indices of each cluster's members, and the probabilities.

    The most certain members come first. Probabilities have shape (n_samples, n_clusters).
    """
    rows = check_rows(estimator, X, reset=False).X
    probabilities = estimator.predict_proba(X)
    return rows, by_certainty(probabilities), probabilities


def _different(rows: np.ndarray, members: np.ndarray, n: int) -> np.ndarray:
    """The n members nearest to the centres of k-means within a cluster; all if there are fewer."""
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
    """Chosen rows in the first or the last places of each cluster, and NaN in other places."""
    placed = np.full((len(chosen), n_places, rows.shape[1]), np.nan)
    for places, indices in zip(placed, chosen, strict=True):
        start = n_places - len(indices) if last else 0
        places[start : start + len(indices)] = rows[indices]
    return placed
