"""Valleys of low density between clusters: a score that needs no classes."""

from typing import Any

import numpy as np
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import check_X_y

from gan_cluster.training.numbers import thinness, valley

N_NEIGHBORS = 5


def valley_depth(X: Any, labels: Any) -> float:
    """Depth of the shallowest valley between two clusters, in nats of log density.

    At the border of two clusters the density of rows should be lower than inside them. The border
    is where near rows are in different clusters. Densities are estimated from the five nearest
    rows [1]_. If a cluster was cut in two, the depth is below 0. If there is a valley between all
    clusters, it is 0.3 or more. ``InfoGANClusterer("auto")`` takes the largest number of clusters
    with a depth of at least 0.3. For images, it computes densities from features of the trained
    network, and does not count clusters that are much smaller than others.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Rows. Their columns should have comparable scales.
    labels : array-like of shape (n_samples,)
        Cluster of each row.

    Returns
    -------
    depth : float
        From -5 to 5. It is 5 if hardly any near rows are in different clusters, and -5 if a
        cluster has less than a hundredth of the rows, or fewer than five rows.

    Raises
    ------
    ValueError
        If there are fewer than six rows, X is not finite, or X and labels differ in length.

    See Also
    --------
    sklearn.metrics.silhouette_score : High for round clusters.

    References
    ----------
    .. [1] Loftsgaarden & Quesenberry (1965). A nonparametric estimate of a multivariate density
       function. Annals of Mathematical Statistics 36.

    Examples
    --------
    >>> from sklearn.cluster import KMeans
    >>> from sklearn.datasets import make_blobs
    >>> from gan_cluster.metrics import valley_depth
    >>> X, _ = make_blobs(300, centers=3, random_state=0, cluster_std=0.5)
    >>> depths = {k: valley_depth(X, KMeans(k, random_state=0).fit_predict(X)) for k in (2, 3, 4)}
    >>> max(k for k, depth in depths.items() if depth >= 0.3)
    3
    """
    labels = np.unique(np.asarray(labels), return_inverse=True)[1]
    X, labels = check_X_y(X, labels, dtype=np.float64, ensure_min_samples=N_NEIGHBORS + 1)
    near = NearestNeighbors(n_neighbors=N_NEIGHBORS).fit(X).kneighbors(return_distance=False)
    return valley(labels, near, thinness(X, near), int(labels.max()) + 1)
