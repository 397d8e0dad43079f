"""ClusterReport: an HTML page that shows the clusters of a fitted clusterer."""

import os
from numbers import Integral
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from sklearn.decomposition import PCA
from sklearn.utils.validation import _check_feature_names_in, check_scalar

from gan_cluster._extras import require
from gan_cluster._folder import write_file
from gan_cluster._seeds import seeds
from gan_cluster.clusterer import InfoGANClusterer
from gan_cluster.inspection._checks import check_fitted
from gan_cluster.inspection._images import image_layout
from gan_cluster.inspection.clusters import certain_members
from gan_cluster.inspection.latent import Traversal, traversal
from gan_cluster.inspection.tables import profile
from gan_cluster.training.data import Layout

N_VALUES, LIMIT = 17, 2.0  # of a continuous code under the slider; training sees half of the range
N_WALKS = 20  # largest number of draws below a slider


class ClusterPart(NamedTuple):
    """One cluster: its size, indices of its most and least certain members, and drawn rows."""

    size: int
    surest: np.ndarray
    least: np.ndarray
    drawn: np.ndarray


class Map(NamedTuple):
    """Rows on the map: their indices in X (n,), their places (n, 2), and the variance kept."""

    indices: np.ndarray
    places: np.ndarray
    kept_variance: float


class ClusterReport:
    """One HTML page that shows the clusters of a fitted clusterer; it works offline.

    Use :meth:`from_estimator` to make one, and :meth:`save` to write it. The page shows the size of
    each cluster, its most and least certain members with their row numbers, and drawn members; a
    map of rows, each of which is shown under the mouse pointer; the effect of each code, with a
    slider; and curves of the training. Rows of a table are shown by their columns.

    Parameters
    ----------
    rows : ndarray of shape (n_samples, n_features)
        The rows of X.
    layout : Layout
        Layout of the images, if rows are images.
    feature_names : list of str
        Names of the columns.
    labels, certainty : ndarray of shape (n_samples,)
        Cluster of each row, and its probability.
    clusters : list of ClusterPart
        Members of each cluster.
    map : Map
        Rows on the map.
    profile : ndarray of shape (n_clusters, n_features) or None
        For a table, the means of standardised columns.
    traversals : dict of str to Traversal
        Rows drawn for the values of each code.
    history : list of dict
        One dict for each epoch.

    See Also
    --------
    ClusterDisplay : Only the clusters, as one picture.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.datasets import load_wine
    >>> from gan_cluster import InfoGANClusterer
    >>> from gan_cluster.inspection import ClusterReport
    >>> X = load_wine(as_frame=True).data
    >>> clusterer = InfoGANClusterer(3, max_epochs=2, random_state=0).fit(X)
    >>> report = ClusterReport.from_estimator(clusterer, X)
    >>> with TemporaryDirectory() as folder:
    ...     report.save(Path(folder, "clusters.html"))
    """

    def __init__(
        self,
        rows: np.ndarray,
        layout: Layout,
        feature_names: list[str],
        labels: np.ndarray,
        certainty: np.ndarray,
        clusters: list[ClusterPart],
        map: Map,
        profile: np.ndarray | None,
        traversals: dict[str, Traversal],
        history: list[dict[str, Any]],
    ):
        self.rows = rows
        self.layout = layout
        self.feature_names = feature_names
        self.labels = labels
        self.certainty = certainty
        self.clusters = clusters
        self.map = map
        self.profile = profile
        self.traversals = traversals
        self.history = history

    @classmethod
    def from_estimator(
        cls,
        estimator: InfoGANClusterer,
        X: Any,
        *,
        n_members: int = 8,
        max_rows: int = 20_000,
        random_state: int | np.random.RandomState | None = 0,
    ) -> Self:
        """Make the report of a fitted clusterer.

        Parameters
        ----------
        estimator : InfoGANClusterer
            Fitted, to a table or to images.
        X : array-like or tensor, as in :meth:`InfoGANClusterer.fit`
            Rows from which members are taken.
        n_members : int, default=8
            Number of most certain, of least certain and of drawn members of each cluster.
        max_rows : int, default=20_000
            Largest number of rows on the map. If X has more, rows are chosen at random.
        random_state : int, RandomState or None, default=0
            Seed of all random choices.

        Returns
        -------
        report : ClusterReport

        Raises
        ------
        ImportError
            If bokeh is missing.
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If the estimator is not an InfoGANClusterer.
        ValueError
            If X does not match the X of fit, or images do not have 1, 3 or 4 channels.
        """
        require_bokeh(f"{cls.__name__}.from_estimator")
        check_fitted(estimator, InfoGANClusterer)
        check_scalar(n_members, "n_members", Integral, min_val=1)
        check_scalar(max_rows, "max_rows", Integral, min_val=2)
        model = estimator.model_
        is_table = model.layout.image_shape is None
        layout = model.layout if is_table else image_layout(estimator)
        seed = seeds(random_state, 1)[0]
        rows, members, probabilities = certain_members(estimator, X)
        labels = probabilities.argmax(1)
        clusters = [
            ClusterPart(
                len(indices),
                indices[:n_members],
                indices[n_members:][-n_members:],
                _flat(estimator.sample(n_members, cluster=cluster, random_state=random_state)),
            )
            for cluster, indices in enumerate(members)
        ]
        n_walks = min(N_WALKS, max(n_members, model.n_clusters))
        return cls(
            rows,
            layout,
            _check_feature_names_in(estimator).tolist(),
            labels,
            probabilities.max(1),
            clusters,
            _map_of(estimator, rows, max_rows, seed),
            profile(rows, labels, model.n_clusters)[0] if is_table else None,
            {
                code: traversal(estimator, code, n_walks, N_VALUES, LIMIT, seed)
                for code in model.code_names
            },
            model.history,
        )

    def to_html(self) -> str:
        """The page as text.

        Returns
        -------
        html : str
        """
        from gan_cluster.inspection._page import page

        return page(self)

    def save(self, path: str | os.PathLike) -> None:
        """Write the page to a file. If that fails, an older file is not changed.

        Parameters
        ----------
        path : path-like
            Name of the file; its folder must exist.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        write_file(Path(path).resolve(), self.to_html().encode())


def require_bokeh(caller: str) -> None:
    """Raise an ImportError that names the extra if bokeh is missing."""
    require(caller, "report", "bokeh")


def _flat(rows: Any) -> np.ndarray:
    return np.reshape(rows, (len(rows), -1))


def _map_of(estimator: InfoGANClusterer, rows: np.ndarray, max_rows: int, seed: int) -> Map:
    """A map of rows by principal components of the trunk's features."""
    indices = np.arange(len(rows))
    if len(rows) > max_rows:
        rng = np.random.RandomState(seed)
        indices = np.sort(rng.choice(len(rows), max_rows, replace=False))
    model = estimator.model_
    features = model.map(model.discriminator.features, rows[indices])
    pca = PCA(min(2, *features.shape), random_state=0)
    places = np.zeros((len(features), 2))
    found = pca.fit_transform(features)
    places[:, : found.shape[1]] = found
    return Map(indices, places, float(pca.explained_variance_ratio_.sum()))
