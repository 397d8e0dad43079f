"""Scores that compare the generated rows of each cluster with its real rows; no classes needed."""

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

JUDGES, BALL = 3, 5  # number of neighbours that vote, and for the radius of a ball

TEXTS = {
    "data": """\
X : array-like of shape (n_samples, n_features)
    Real rows: pixels, columns in comparable units, or features such as those of ``transform``.
labels : array-like of shape (n_samples,)
    Cluster of each real row, from ``labels_`` or ``predict``.
drawn : array-like of shape (n_drawn, n_features)
    Generated rows.
drawn_labels : array-like of shape (n_drawn,)
    Cluster from which each generated row was drawn.
""",
    "ball": """\
n_neighbors : int, default=5
    The radius of a ball is the distance to this nearest real row.
""",
    "compared": """\
random_state : int, RandomState or None, default=0
    Seed of the choice of rows that are compared.
""",
    "raises": """\
Raises
------
ValueError
    If lengths or numbers of features differ, values are not finite, or rows were drawn from a
    cluster without real rows.
""",
    "equal": """\
For each cluster, the same number of real and of generated rows is compared: as many as the smaller
group has, chosen at random from the larger one.
""",
}
documented = partial(filled, texts=TEXTS)
Parts = dict[Any, tuple[np.ndarray, np.ndarray]]


@documented
def cluster_fidelity(
    X: Any, labels: Any, drawn: Any, drawn_labels: Any, *, n_neighbors: int = JUDGES
) -> dict[Any, float]:
    """Share of the generated rows of each cluster whose nearest real rows are in that cluster.

    The nearest real rows vote for their clusters. This is GAN-test (Shmelkov, Schmid & Alahari,
    2018) with clusters as classes: the accuracy, on generated rows, of a classifier that was
    trained on real rows.

    Parameters
    ----------
    [data]
    n_neighbors : int, default=3
        Number of real rows that vote for each generated row.

    Returns
    -------
    fidelity : dict of float
        From 0 to 1 for each cluster with generated rows.

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
    """Distances between the generated rows of each cluster, relative to those of its real rows.

    The median distance of a generated row to the nearest other one of its cluster, divided by the
    same median of real rows: 0 if all generated rows are equal, 1 if they differ as much as real
    rows. Near copies among generated rows are also what the birthday paradox test of GANs looks for
    (Arora, Risteski & Zhang, 2018).

    Parameters
    ----------
    [data]
    [compared]

    Returns
    -------
    variety : dict of float
        For each cluster with generated rows; NaN if fewer than two rows are compared, or if half
        of the real rows have a copy.

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
    """Density: in how many balls around the real rows of its cluster a generated row lies.

    The ball around a real row reaches to its ``n_neighbors``-th nearest other real row. Density is
    the mean number of balls that contain a generated row, divided by ``n_neighbors``. It is about
    1 if generated rows lie where real rows are, even if they are all near a few real rows, and 0
    if they are far from real rows.

    Parameters
    ----------
    [data]
    [ball]
    [compared]

    Returns
    -------
    density : dict of float
        For each cluster with generated rows; NaN if fewer than two rows are compared.

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
    """Coverage: share of the real rows of each cluster that have a generated row near them.

    Near means within the ball that reaches to the ``n_neighbors``-th nearest other real row.

    Parameters
    ----------
    [data]
    [ball]
    [compared]

    Returns
    -------
    coverage : dict of float
        From 0 to 1 for each cluster with generated rows; NaN if fewer than two rows are compared.
        Even real rows that were held out reach only about ``1 - 2 ** -n_neighbors``.

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
    """Table that compares the rows that a fitted clusterer draws from each cluster with rows X.

    Parameters
    ----------
    estimator : InfoGANClusterer
        Fitted.
    X : array-like or tensor, as in :meth:`InfoGANClusterer.fit`
        Real rows, those of fit or others.
    transform : callable, default=None
        A function that maps rows as in X to features (n, n_features) for the comparison, such as
        ``estimator.transform``. None compares pixels of images, or standardised columns of
        tables.
    n_samples : int, default=200
        Number of rows drawn from each cluster.
    random_state : int, RandomState or None, default=0
        Seed of the drawn rows and of the choice of rows that are compared.

    Returns
    -------
    report : dict of str to ndarray of shape (n_clusters,)
        ``cluster``, ``n_members`` and the scores ``fidelity``, ``variety``, ``density`` and
        ``coverage``, each as from the function ``cluster_...`` of that name. Clusters without rows
        of X are left out. ``pandas.DataFrame(report)`` makes it a data frame.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError, ValueError
        If the estimator has no clusters, X cannot be read, or the features are not finite.

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
    if hasattr(rows, "detach"):  # a tensor; this module is imported without torch
        from gan_cluster.training.storage import as_array

        rows = as_array(rows)
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
    """Real and generated rows of each cluster, the same number of both."""
    X, labels, drawn, drawn_labels = _checked(X, labels, drawn, drawn_labels)
    rng, parts = numpy_generator(random_state), {}
    for cluster in np.unique(drawn_labels).tolist():
        pair = X[labels == cluster], drawn[drawn_labels == cluster]
        size = min(map(len, pair))
        real, generated = (part[rng.permutation(len(part))[:size]] for part in pair)
        parts[cluster] = real, generated
    return parts


def _nearest(rows: np.ndarray, n_neighbors: int = 1) -> np.ndarray:
    """Distance (n,) of each row to its ``n_neighbors``-th nearest other row."""
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
