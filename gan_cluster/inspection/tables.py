"""Pictures of clusters, one row each: means of table columns, and counts of known classes."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import _check_feature_names_in

from gan_cluster._validation.rows import check_rows
from gan_cluster.clusterer import InfoGANClusterer
from gan_cluster.inspection._checks import check_estimator
from gan_cluster.inspection._display import Display, documented
from gan_cluster.inspection._heat import heat_map
from gan_cluster.inspection._matplotlib import require_matplotlib
from gan_cluster.metrics.clustering import check_labels, contingency


def profile(rows: np.ndarray, labels: np.ndarray, n_clusters: int) -> tuple[np.ndarray, np.ndarray]:
    """Means and quartiles of standardised columns in each cluster, NaN for empty clusters."""
    largest = np.abs(rows).max(axis=0)  # or squares of very large or small units would overflow
    rows = StandardScaler().fit_transform(rows / np.where(largest == 0, 1.0, largest))
    means = np.full((n_clusters, rows.shape[1]), np.nan)
    quartiles = np.full((*means.shape, 2), np.nan)
    for cluster in np.unique(labels):
        members = rows[labels == cluster]
        means[cluster] = members.mean(axis=0)
        quartiles[cluster] = np.quantile(members, [0.25, 0.75], axis=0).T
    return means, quartiles


@documented
class ProfileDisplay:
    """Picture of clusters of a table: how the columns of each cluster differ from all rows.

    Use :meth:`from_estimator` to make one. Columns are standardised over all rows: 0 is the mean of
    all rows, and 1 is one standard deviation above it. Colours show the means of clusters. Below
    each mean are the first and third quartiles of the cluster.

    Parameters
    ----------
    means : ndarray of shape (n_clusters, n_features)
        Mean of each column in each cluster, NaN for empty clusters.
    quartiles : ndarray of shape (n_clusters, n_features, 2)
        The first and the third quartile.
    feature_names : sequence of str
        Names of the columns.

    Attributes
    ----------
    [heat map]

    See Also
    --------
    ClusterDisplay : Clusters of images.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from sklearn.datasets import load_wine
    >>> from gan_cluster import InfoGANClusterer
    >>> from gan_cluster.inspection import ProfileDisplay
    >>> X = load_wine(as_frame=True).data
    >>> clusterer = InfoGANClusterer(3, max_epochs=4, random_state=0).fit(X)
    >>> display = ProfileDisplay.from_estimator(clusterer, X, ax=Figure().subplots())
    >>> display.means.shape, display.feature_names[0]
    ((3, 13), 'alcohol')
    """

    def __init__(self, means: np.ndarray, quartiles: np.ndarray, feature_names: Sequence[str]):
        self.means = means
        self.quartiles = quartiles
        self.feature_names = feature_names

    @classmethod
    def from_estimator(
        cls, estimator: InfoGANClusterer, X: Any, *, include_values: bool = True, ax: Any = None
    ) -> Self:
        """Show the clusters of a fitted clusterer.

        Parameters
        ----------
        estimator : InfoGANClusterer
            Fitted to a table.
        X : array-like or tensor, as in :meth:`InfoGANClusterer.fit`
            Rows from which means and quartiles are computed.
        include_values : bool, default=True
            Whether to write numbers into the cells; many columns leave no room for them.
        [ax]

        [raises]
        ValueError
            If rows are images.
        """
        check_estimator(cls, estimator, InfoGANClusterer)
        if estimator.model_.layout.image_shape is not None:
            raise ValueError(
                "this display shows the columns of a table, but the estimator was fitted to "
                "images: use ClusterDisplay"
            )
        rows, n_clusters = check_rows(estimator, X, reset=False).X, estimator.model_.n_clusters
        means, quartiles = profile(rows, estimator.predict(X), n_clusters)
        names = _check_feature_names_in(estimator).tolist()
        return cls(means, quartiles, names).plot(ax=ax, include_values=include_values)

    def plot(self, ax: Any = None, *, include_values: bool = True) -> Self:
        """Draw the picture.

        Parameters
        ----------
        include_values : bool, default=True
            Whether to write numbers into the cells.
        [ax]
        """
        texts = np.full(self.means.shape, "", dtype=object)
        for place in np.argwhere(~np.isnan(self.means)):
            low, high = self.quartiles[*place]
            texts[*place] = f"{self.means[*place]:z.1f}\n{low:z.1f} .. {high:z.1f}"
        limit = np.nanmax(np.abs(self.means)) or 1.0
        labels = range(len(self.means)), self.feature_names
        colours = {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit}
        ax = heat_map(self, self.means, texts if include_values else None, labels, ax, **colours)
        ax.figure.colorbar(ax.images[-1], ax=ax, label="standard deviations")
        return self


@documented
class ConfusionDisplay(Display):
    """Picture of clusters against known classes: how many rows of each class a cluster holds.

    Use :meth:`from_estimator` or :meth:`from_predictions` to make one. The Hungarian method matches
    clusters and classes. Matched ones come first, in the same order, so that a good clustering
    gives a dark diagonal; the others come last. Unlike in
    :class:`sklearn.metrics.ConfusionMatrixDisplay`, there may be more clusters than classes, or
    fewer.

    Parameters
    ----------
    counts : ndarray of shape (n_clusters, n_classes)
        Number of rows.
    clusters : sequence of length n_clusters
        Names of the clusters.
    classes : sequence of length n_classes
        Names of the classes.

    Attributes
    ----------
    [heat map]

    See Also
    --------
    gan_cluster.metrics.clustering_accuracy : Share of rows in the matched cells.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from gan_cluster.inspection import ConfusionDisplay
    >>> classes, clusters = ["a", "a", "b", "b", "b"], [1, 1, 0, 0, 1]
    >>> ax = Figure().subplots()
    >>> display = ConfusionDisplay.from_predictions(classes, clusters, ax=ax)
    >>> display.counts
    array([[2, 0],
           [1, 2]])
    >>> display.classes
    ['b', 'a']
    """

    def __init__(self, counts: np.ndarray, clusters: Sequence, classes: Sequence):
        self.counts = counts
        self.clusters = clusters
        self.classes = classes

    @classmethod
    def from_estimator(cls, estimator: InfoGANClusterer, X: Any, y: Any, *, ax: Any = None) -> Self:
        """Show the clusters of a fitted clusterer.

        Parameters
        ----------
        estimator : InfoGANClusterer
            Fitted.
        X : array-like or tensor, as in :meth:`InfoGANClusterer.fit`
            Rows.
        y : array-like of shape (n_samples,)
            Class of each row; numbers or strings.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure with pyplot.

        Returns
        -------
        display : ConfusionDisplay
            With the picture drawn. Clusters without rows are left out.

        [raises]
        ValueError
            If X and y differ in length, or y is not one-dimensional, has NaN or is continuous.
        """
        check_estimator(cls, estimator, InfoGANClusterer)
        y = check_labels(y, "y")
        check_consistent_length(X, y)
        return cls.from_predictions(y, estimator.predict(X), ax=ax)

    @classmethod
    def from_predictions(cls, labels_true: Any, labels_pred: Any, *, ax: Any = None) -> Self:
        """Show the clusters that any clusterer found.

        Parameters
        ----------
        labels_true : array-like of shape (n_samples,)
            Class of each row; numbers or strings.
        labels_pred : array-like of shape (n_samples,)
            Cluster of each row.
        [ax]

        Raises
        ------
        ImportError
            If matplotlib is missing.
        ValueError
            If the two differ in length, are empty, are not one-dimensional, hold NaN, or are
            continuous.
        """
        require_matplotlib(f"{cls.__name__}.from_predictions")
        counts = contingency(labels_true, labels_pred).T
        orders = [
            [*matched, *np.setdiff1d(np.arange(size), matched)]  # what is left over comes last
            for size, matched in zip(
                counts.shape, linear_sum_assignment(counts, maximize=True), strict=True
            )
        ]
        names = np.unique(labels_pred), np.unique(labels_true)
        clusters, classes = (own[order].tolist() for own, order in zip(names, orders, strict=True))
        return cls(counts[np.ix_(*orders)], clusters, classes).plot(ax=ax)

    def _draw(self, ax: Any) -> None:
        labels = self.clusters, self.classes
        ax = heat_map(self, self.counts, self.counts, labels, ax, cmap="Blues", vmin=0)
        ax.set_xlabel("class")
