"""Clusters of k-means and of mixtures of Gaussians, and a comparison with those of a net."""

import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.linalg import solve_triangular
from scipy.special import log_softmax, xlogy
from sklearn.cluster import KMeans
from sklearn.covariance import oas
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import KFold

from gan_cluster.networks.mixture import Mixture
from gan_cluster.training.data import Encoding
from gan_cluster.training.merging import label_joint
from gan_cluster.training.neighbors import principal_axes

N_INIT = 5
BY_K_MEANS = 2  # of the mixtures: k-means itself, and one that starts from its centers
STARTS = 20  # mixtures that start at random, at most
WORK = 10**8  # rows * clusters * columns^2 of all of them together, at most
RIDGE = 0.01  # added to variances, for columns of variance 1
TIGHTEST = 1e-12  # least variance of clusters of k-means, whose rows may all be the same
ERRORS = 2.5  # standard errors within which a difference does not count
FEW_ROWS = 128  # mean number of rows in a cluster below which rows are few
SURPRISE = 5.0  # largest loss in nats of a row in an unexpected cluster
FOLDS = 5


class View(NamedTuple):
    """Rows for mixtures, projected onto a few axes."""

    center: np.ndarray
    axes: np.ndarray
    rows: np.ndarray

    @classmethod
    def of(cls, X: np.ndarray, encoding: Encoding) -> "View":
        """The view of rows X; constant columns are left out."""
        rows = encoding.encode(X).flatten(1).numpy().astype(np.float64)
        seen = principal_axes(X, encoding, np.random.RandomState(0).permutation(len(X)))
        if seen is None:
            center = np.zeros(rows.shape[1])
            varies = rows.std(0) > 0
            axes = np.eye(rows.shape[1])[:, varies | ~varies.any()]
        else:
            center, axes = seen.mean_.astype(np.float64), seen.components_.T.astype(np.float64)
        return cls(center, axes, (rows - center) @ axes)


def explained(
    labels: np.ndarray, near: np.ndarray | None, rows: np.ndarray | None, k: int
) -> np.ndarray:
    """How well the cluster of each row can be predicted from near rows and from Gaussians.

    For each row, two amounts of information about its cluster are added, as shares of the entropy
    of the clusters: the information in the clusters of near rows, and that in Gaussians of the
    clusters that were fitted without this row. The mean is at most 2. Clusters of unequal sizes
    have no disadvantage.

    Parameters
    ----------
    labels : ndarray of int, shape (n_samples,)
    near : ndarray of int, shape (n_samples, n_neighbors), or None
        If None, only Gaussians count.
    rows : ndarray of shape (n_samples, d) or None
        If None, only near rows count.
    k : int
        Number of clusters.

    Returns
    -------
    shares : ndarray of shape (n_samples,)

    >>> labels = np.arange(20) % 2
    >>> near = (np.arange(20)[:, None] + 2) % 20
    >>> rows = labels[:, None] + np.linspace(0, 0.1, 20)[:, None]
    >>> round(float(explained(labels, near, rows, 2).mean()), 2)
    2.0
    """
    shares = np.bincount(labels, minlength=k) / len(labels)
    entropy = -float(xlogy(shares, shares).sum())
    amounts = np.zeros(len(labels))
    if entropy == 0:
        return amounts
    if near is not None:
        joint = label_joint(labels, near, k)
        common = joint[labels[:, None], labels[near]]
        marginal = joint.sum(0)
        amounts += np.log(common / (marginal[labels][:, None] * marginal[labels[near]])).mean(1)
    if rows is not None:
        amounts += -np.log(shares[labels]) - _surprises(labels, rows, k)
    return amounts / entropy


def _surprises(labels: np.ndarray, rows: np.ndarray, n_clusters: int) -> np.ndarray:
    """-log p(cluster | row) for each row, by Gaussians that were fitted on other folds."""
    surprises = np.empty(len(rows))
    folds = KFold(min(FOLDS, len(rows)), shuffle=True, random_state=0)
    for known, new in folds.split(rows):
        density = np.full((len(new), n_clusters), np.finfo(np.float64).min)  # -inf has no softmax
        for cluster, size in enumerate(np.bincount(labels[known], minlength=n_clusters)):
            if size > 1:
                members = rows[known][labels[known] == cluster]
                covariance = oas(members)[0] + RIDGE * np.eye(rows.shape[1])
                factor = np.linalg.cholesky(covariance)
                apart = solve_triangular(factor, (rows[new] - members.mean(0)).T, lower=True)
                height = np.log(size / len(known)) - np.log(np.diag(factor)).sum()
                density[:, cluster] = height - np.square(apart).sum(0) / 2
        own = log_softmax(density, axis=1)[np.arange(len(new)), labels[new]]
        surprises[new] = np.minimum(-own, SURPRISE)
    return surprises


def are_few(rows: np.ndarray, n_clusters: int) -> bool:
    """Whether there are so few rows for each cluster that Gaussians are better than near rows."""
    return len(rows) < FEW_ROWS * n_clusters


def mixtures(view: View, n_clusters: int) -> Iterator[Mixture]:
    """The simplest first: k-means, as a mixture of equal spheres; then mixtures of Gaussians.

    The first of these starts from the centers of k-means. These can be far off if the sizes of
    clusters differ much, so others start at random: as many as are soon fitted.
    """
    rows, d = view.rows, view.rows.shape[1]
    found = _fitted(KMeans(n_clusters, n_init=N_INIT, random_state=0), rows)
    centers = found.cluster_centers_
    sharpness = np.sqrt(rows.size / max(found.inertia_, TIGHTEST * rows.size))
    spheres = np.broadcast_to(sharpness * np.eye(d), (n_clusters, d, d))
    yield _module(view, np.full(n_clusters, 1 / n_clusters), centers, spheres)
    starts: list[dict[str, Any]] = [{"means_init": centers, "random_state": 0}]
    n_random = min(STARTS, WORK // (len(rows) * n_clusters * d**2))
    starts += [{"init_params": "k-means++", "random_state": seed} for seed in range(n_random)]
    for start in starts:
        fitted = _fitted(GaussianMixture(n_clusters, reg_covar=RIDGE, **start), rows)
        yield _module(view, fitted.weights_, fitted.means_, fitted.precisions_cholesky_)


def _fitted(model: Any, rows: np.ndarray) -> Any:
    """The fitted model, without warnings: its clusters are compared later."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(rows)


def chosen(
    simple: list[np.ndarray], found: np.ndarray, near: np.ndarray, rows: np.ndarray, k: int
) -> int | None:
    """Index of the simple labels that replace the labels that were found, or None.

    The best explained simple labels are compared with those found. If the difference is within the
    error of measurement, simple labels win if rows are few, and those found if rows are many. If
    rows are many, near rows decide, and Gaussians only if these cannot tell: Gaussians favour
    clusters that are Gaussian. If rows are few, the best of many mixtures seems better than it is,
    so those that start at random have to be clearly better than those that k-means started.

    Parameters
    ----------
    simple : list of ndarray of int, shape (n_samples,)
        In the order of :func:`mixtures`.
    found : ndarray of int, shape (n_samples,)
    near, rows, k
        As in :func:`explained`.
    """
    has_few = are_few(near, k)
    judging = rows if has_few else None
    shares = [explained(labels, near, judging, k) for labels in simple]
    means = [share.mean() for share in shares]
    best = int(np.argmax(means))
    if has_few:
        first = int(np.argmax(means[:BY_K_MEANS]))
        gain, error = _mean_and_error(shares[best] - shares[first])
        best = best if gain > error else first
    gain, error = _mean_and_error(shares[best] - explained(found, near, judging, k))
    if has_few:
        return best if gain > -error else None
    if abs(gain) <= error:
        gains = explained(simple[best], None, rows, k) - explained(found, None, rows, k)
        gain, error = _mean_and_error(gains)
    return best if gain > error else None


def _mean_and_error(gains: np.ndarray) -> tuple[float, float]:
    """The mean of gains (n_samples,), and the largest error it may have."""
    return float(gains.mean()), float(ERRORS * gains.std() / np.sqrt(len(gains)))


def _module(view: View, weights: np.ndarray, means: np.ndarray, factors: np.ndarray) -> Mixture:
    parts = weights, means, factors, view.center, view.axes
    return Mixture(*(torch.tensor(np.asarray(part), dtype=torch.float32) for part in parts))
