"""What a generator draws of each cluster beside its real members; no label but the clusters'."""

from collections.abc import Callable
from functools import partial
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from sklearn.utils import check_array, check_consistent_length, check_scalar
from sklearn.utils.validation import check_is_fitted

from gan_cluster._docs import filled
from gan_cluster._seeds import numpy_generator
from gan_cluster.metrics.clustering import check_labels

JUDGES, BALL = 3, 5  # neighbours that vote, and that a ball reaches to

TEXTS = {
    "data": """\
X : array-like of shape (n_samples, n_features)
    Real rows: pixels, columns in units that compare, or features such as ``transform`` gives.
labels : array-like of shape (n_samples,)
    Cluster of each, as ``labels_`` or ``predict`` say.
drawn : array-like of shape (n_drawn, n_features)
    Generated rows.
drawn_labels : array-like of shape (n_drawn,)
    Cluster that each was drawn of.
""",
    "ball": """\
n_neighbors : int, default=5
    Nearest real rows to which a ball reaches.
""",
    "compared": """\
random_state : int, RandomState or None, default=0
    Of which rows are compared.
""",
    "raises": """\
Raises
------
ValueError
    If lengths or numbers of features differ, values are not finite, or rows were drawn of a
    cluster that no real row is of.
""",
    "equal": """\
As many of a cluster's real rows as were drawn are taken at random, or of both as many as there are
of the fewer.
""",
}
documented = partial(filled, texts=TEXTS)
Parts = dict[Any, tuple[np.ndarray, np.ndarray]]


@documented
def cluster_fidelity(
    X: Any, labels: Any, drawn: Any, drawn_labels: Any, *, n_neighbors: int = JUDGES
) -> dict[Any, float]:
    """Share of the rows drawn of each cluster that their nearest real rows say are of it.

    The nearest real rows of all clusters vote. It is the accuracy on generated rows of a
    classifier of real ones (Shmelkov, Schmid & Alahari, 2018: GAN-test), whose classes are the
    clusters.

    Parameters
    ----------
    [data]
    n_neighbors : int, default=3
        Real rows that vote on each.

    Returns
    -------
    fidelity : dict of float
        From 0 to 1 for each cluster of which rows were drawn.

    [raises]

    References
    ----------
    Shmelkov, Schmid & Alahari (2018). How good is my GAN? arXiv:1807.09499.

    Examples
    --------
    >>> from gan_cluster.metrics import cluster_fidelity
    >>> X, labels = [[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]], [0, 0, 0, 1, 1, 1]
    >>> cluster_fidelity(X, labels, [[0.1], [5.2], [0.3], [5.0]], [0, 0, 1, 1])
    {0: 0.5, 1: 0.5}
    """
    X, labels, drawn, drawn_labels = _checked(X, labels, drawn, drawn_labels)
    check_scalar(n_neighbors, "n_neighbors", Integral, min_val=1)
    judge = KNeighborsClassifier(min(n_neighbors, len(X))).fit(X, labels)
    is_right = judge.predict(drawn) == drawn_labels
    return {k: float(is_right[drawn_labels == k].mean()) for k in np.unique(drawn_labels).tolist()}


@documented
def cluster_variety(
    X: Any, labels: Any, drawn: Any, drawn_labels: Any, *, random_state: Any = 0
) -> dict[Any, float]:
    """How far apart the rows drawn of each cluster lie, beside its real rows.

    The median distance of a drawn row to the nearest other of its cluster, divided by that among
    real rows: 0 for one row over and over, 1 for rows as different as real ones. A pair of copies
    is what the birthday paradox test of a GAN's support looks for (Arora, Risteski & Zhang, 2018).

    Parameters
    ----------
    [data]
    [compared]

    Returns
    -------
    variety : dict of float
        For each cluster of which rows were drawn; NaN where there are fewer than two, or where
        half of the real rows have a copy.

    [raises]

    Notes
    -----
    [equal]

    References
    ----------
    Arora, Risteski & Zhang (2018). Do GANs learn the distribution? Some theory and empirics.
    arXiv:1706.08224.

    Examples
    --------
    >>> from gan_cluster.metrics import cluster_variety
    >>> X = [[0.0], [1.0], [2.0], [3.0]]
    >>> cluster_variety(X, [0, 0, 0, 0], [[0.0], [0.5], [1.0], [1.5]], [0, 0, 0, 0])
    {0: 0.5}
    """
    parts = _paired(X, labels, drawn, drawn_labels, random_state)
    return {cluster: _variety(*pair) for cluster, pair in parts.items()}


@documented
def cluster_density(
    X: Any,
    labels: Any,
    drawn: Any,
    drawn_labels: Any,
    *,
    n_neighbors: int = BALL,
    random_state: Any = 0,
) -> dict[Any, float]:
    """Density: in how many balls around real rows of its cluster a drawn row lies.

    Balls reach to the ``n_neighbors``-th nearest other real row. The mean number of those that hold
    a drawn row, divided by ``n_neighbors``: about 1 for rows that lie where real ones do, however
    few of those they are near, and 0 for rows far away.

    Parameters
    ----------
    [data]
    [ball]
    [compared]

    Returns
    -------
    density : dict of float
        For each cluster of which rows were drawn; NaN where there are fewer than two.

    [raises]

    Notes
    -----
    [equal]

    References
    ----------
    Naeem, Oh, Uh, Choi & Yoo (2020). Reliable fidelity and diversity metrics for generative models.
    arXiv:2002.09797, eq. 5.

    Examples
    --------
    >>> from gan_cluster.metrics import cluster_density
    >>> X, labels = [[0.0], [1.0], [2.0]], [0, 0, 0]
    >>> cluster_density(X, labels, [[0.5], [1.5], [9.0]], [0, 0, 0], n_neighbors=1)
    {0: 1.333...}
    """
    check_scalar(n_neighbors, "n_neighbors", Integral, min_val=1)
    parts = _paired(X, labels, drawn, drawn_labels, random_state)
    return {cluster: _density(*pair, n_neighbors) for cluster, pair in parts.items()}


@documented
def cluster_coverage(
    X: Any,
    labels: Any,
    drawn: Any,
    drawn_labels: Any,
    *,
    n_neighbors: int = BALL,
    random_state: Any = 0,
) -> dict[Any, float]:
    """Coverage: share of the real rows of each cluster near which at least one row was drawn.

    Near is within the ball to the ``n_neighbors``-th nearest other real row.

    Parameters
    ----------
    [data]
    [ball]
    [compared]

    Returns
    -------
    coverage : dict of float
        From 0 to 1 for each cluster of which rows were drawn; NaN where there are fewer than two.
        Held-out real rows do not reach 1 either, but about ``1 - 2 ** -n_neighbors``.

    [raises]

    Notes
    -----
    [equal]

    References
    ----------
    Naeem, Oh, Uh, Choi & Yoo (2020). Reliable fidelity and diversity metrics for generative models.
    arXiv:2002.09797, eq. 6.

    Examples
    --------
    >>> from gan_cluster.metrics import cluster_coverage
    >>> X, labels = [[0.0], [1.0], [5.0], [6.0]], [0, 0, 0, 0]
    >>> cluster_coverage(X, labels, [[0.5], [0.5], [0.5], [0.5]], [0, 0, 0, 0], n_neighbors=1)
    {0: 0.5}
    """
    check_scalar(n_neighbors, "n_neighbors", Integral, min_val=1)
    parts = _paired(X, labels, drawn, drawn_labels, random_state)
    return {cluster: _coverage(*pair, n_neighbors) for cluster, pair in parts.items()}


def generation_report(
    estimator: Any,
    X: Any,
    *,
    transform: Callable[[np.ndarray], np.ndarray] | None = None,
    n_samples: int = 200,
    random_state: Any = 0,
) -> dict[str, np.ndarray]:
    """What a fitted clusterer draws of each cluster beside rows X, as a table.

    Parameters
    ----------
    estimator : InfoGANClusterer
        Fitted.
    X : array-like or tensor, as in :meth:`InfoGANClusterer.fit`
        Real rows, those of fit or others.
    transform : callable, default=None
        From rows as in X to the features (n, n_features) in which they are compared, such as
        ``estimator.transform``. None compares the pixels of images, and the columns of tables in
        the units that the networks see.
    n_samples : int, default=200
        Rows drawn of each cluster.
    random_state : int, RandomState or None, default=0
        Of the draws.

    Returns
    -------
    report : dict of str to ndarray of shape (n_clusters,)
        ``cluster``, ``n_members`` and, by the functions of that name, ``fidelity``, ``variety``,
        ``density`` and ``coverage``; clusters that hold no row of X are left out. It makes a
        ``pandas.DataFrame`` as it is.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError, ValueError
        If it has no clusters, rows cannot be read, or a transform gives no finite features.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from gan_cluster import InfoGANClusterer
    >>> from gan_cluster.metrics import generation_report
    >>> X, _ = make_blobs(300, random_state=0)
    >>> clusterer = InfoGANClusterer(3, max_epochs=60, random_state=0).fit(X)
    >>> report = generation_report(clusterer, X)
    >>> list(report)
    ['cluster', 'n_members', 'fidelity', 'variety', 'density', 'coverage']
    """
    check_is_fitted(estimator)
    if not hasattr(estimator, "predict"):
        raise TypeError(f"estimator should be a clusterer, got {type(estimator).__name__}")
    check_scalar(n_samples, "n_samples", Integral, min_val=2)
    rng = numpy_generator(random_state)
    labels = estimator.predict(X)
    clusters, counts = np.unique(labels, return_counts=True)
    rows = [estimator.sample(n_samples, cluster=int(k), random_state=rng) for k in clusters]
    if transform is None:
        transform = partial(_as_seen, estimator.model_)
    real, drawn = transform(X), np.concatenate([transform(part) for part in rows])
    given = real, labels, drawn, np.repeat(clusters, n_samples)
    parts = _paired(*given, rng)
    columns = {
        "fidelity": cluster_fidelity(*given),
        "variety": {k: _variety(*pair) for k, pair in parts.items()},
        "density": {k: _density(*pair, BALL) for k, pair in parts.items()},
        "coverage": {k: _coverage(*pair, BALL) for k, pair in parts.items()},
    }
    found = {name: np.array(list(column.values())) for name, column in columns.items()}
    return {"cluster": clusters, "n_members": counts, **found}


def _as_seen(model: Any, rows: Any) -> np.ndarray:
    """Rows as the networks see them, flattened."""
    flat = np.asarray(rows).reshape(len(rows), -1)
    return model.encode(flat).flatten(1).numpy(force=True)


def _checked(
    X: Any, labels: Any, drawn: Any, drawn_labels: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    X, drawn = (
        check_array(rows, dtype=np.float64, input_name=name)
        for rows, name in ((X, "X"), (drawn, "drawn"))
    )
    labels, drawn_labels = (
        check_labels(labels, "labels"),
        check_labels(drawn_labels, "drawn_labels"),
    )
    check_consistent_length(X, labels)
    check_consistent_length(drawn, drawn_labels)
    if X.shape[1] != drawn.shape[1]:
        raise ValueError(f"X has {X.shape[1]} features, but drawn has {drawn.shape[1]}")
    unknown = np.setdiff1d(drawn_labels, labels).tolist()
    if unknown:
        raise ValueError(f"no real row is in cluster {unknown[0]!r}, of which rows were drawn")
    return X, labels, drawn, drawn_labels


def _paired(X: Any, labels: Any, drawn: Any, drawn_labels: Any, random_state: Any) -> Parts:
    """As many real and drawn rows of each cluster."""
    X, labels, drawn, drawn_labels = _checked(X, labels, drawn, drawn_labels)
    rng, parts = numpy_generator(random_state), {}
    for cluster in np.unique(drawn_labels).tolist():
        pair = X[labels == cluster], drawn[drawn_labels == cluster]
        size = min(map(len, pair))
        real, generated = (part[rng.permutation(len(part))[:size]] for part in pair)
        parts[cluster] = real, generated
    return parts


def _nearest(rows: np.ndarray, n_neighbors: int = 1) -> np.ndarray:
    """Distance (n,) of each row to its nearest other, or the next of those."""
    search = NearestNeighbors(n_neighbors=min(n_neighbors, len(rows) - 1)).fit(rows)
    return search.kneighbors()[0][:, -1]


def _variety(real: np.ndarray, drawn: np.ndarray) -> float:
    if len(real) < 2:
        return np.nan
    apart = np.median(_nearest(real))
    return float(np.median(_nearest(drawn)) / apart) if apart else np.nan


def _density(real: np.ndarray, drawn: np.ndarray, n_neighbors: int) -> float:
    if len(real) < 2:
        return np.nan
    n_neighbors = min(n_neighbors, len(real) - 1)
    search = NearestNeighbors(n_neighbors=len(drawn)).fit(drawn)
    distances = search.kneighbors(real)[0]
    held = (distances <= _nearest(real, n_neighbors)[:, None]).sum()
    return float(held / (n_neighbors * len(drawn)))


def _coverage(real: np.ndarray, drawn: np.ndarray, n_neighbors: int) -> float:
    if len(real) < 2:
        return np.nan
    distances = NearestNeighbors(n_neighbors=1).fit(drawn).kneighbors(real)[0][:, 0]
    return float((distances <= _nearest(real, n_neighbors)).mean())
