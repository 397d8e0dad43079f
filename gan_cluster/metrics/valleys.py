"""Whether clusters have valleys between them, without classes."""

from typing import Any

import numpy as np
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import check_X_y

from gan_cluster.training.numbers import thinness, valley

N_NEIGHBORS = 5


def valley_depth(X: Any, labels: Any) -> float:
    """How deep the shallowest valley is between two clusters, in nats of log density.

    Where near rows are of two clusters, rows should lie thinner than in these clusters. Densities
    are those of the five nearest rows [1]_. A cluster that was cut in two has a value below 0, and
    clusters that have a valley between all of them 0.3 or more. So of several numbers of clusters,
    the largest with 0.3 is that of ``InfoGANClusterer("auto")``, which has no other criterion.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Rows. Their columns should have comparable scales.
    labels : array-like of shape (n_samples,)
        Cluster of each row.

    Returns
    -------
    depth : float
        From -5 to 5. It is 5 where hardly any near rows are of two clusters, and -5 where a
        cluster has less than a hundredth of the rows, or less than five.

    Raises
    ------
    ValueError
        If there are less than six rows, they differ from labels in number, or are not finite.

    See Also
    --------
    sklearn.metrics.silhouette_score : Asks for round clusters.

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
