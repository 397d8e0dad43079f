"""The number of clusters: the largest one with a valley of low density between all clusters.

Many codes are merged into each number of clusters. The density of rows is estimated from distances
to near rows: in d dimensions, the log density is -d times the log distance, up to a constant
(Loftsgaarden & Quesenberry, 1965). The border inside a cluster that was split is dense. The border
of two distinct clusters is a valley; the more distinct they are, the deeper it is (Chazal, Guibas,
Oudot & Skraba, 2013). In images, small groups apart from all others are often unusual members of a
class, so a cluster of images only counts if it is not much smaller than the others.
"""

import numpy as np
from scipy.special import xlogy
from sklearn.utils import Bunch

from gan_cluster.training.merging import grouped, information, merge_codes

DEPTH = 0.3  # least depth of a valley, in nats of log density
DEEPEST = 5.0  # depth of a valley without rows
CROSSINGS = 4  # least number of pairs of near rows across a border for an estimate of its density
LEAST = 0.01  # least share of rows in a cluster
FEWEST = 5  # least number of rows in a cluster
SMALL = 0.5  # clusters of images with a smaller part of the mean number of rows do not count


def thinness(rows: np.ndarray, near: np.ndarray) -> np.ndarray:
    """-log density at each row in nats, (n_samples,), up to a constant.

    It is the mean log distance of near rows (n_samples, n_neighbors), times an estimate of the
    number of dimensions of the rows (Levina & Bickel, 2004).

    >>> rows = np.array([[0.0], [1.0], [2.0], [4.0], [8.0]])
    >>> near = np.array([[1, 2], [0, 2], [1, 0], [2, 1], [3, 2]])
    >>> thin = thinness(rows, near)
    >>> bool(thin[4] > thin[3] > thin[1])
    True
    """
    distances = np.stack([np.linalg.norm(rows[of] - rows, axis=1) for of in near.T], axis=1)
    if not distances.any():
        return np.zeros(len(rows))
    logs = np.log(np.sort(np.maximum(distances, distances[distances > 0].min()), axis=1))
    spread = np.mean(logs[:, -1:] - logs[:, :-1]) if near.shape[1] > 1 else 0.0
    return logs.mean(1) / max(spread, 1 / rows.shape[1])


def valley(labels: np.ndarray, near: np.ndarray, thin: np.ndarray, n_clusters: int) -> float:
    """Depth of the shallowest valley between two clusters, in nats of log density.

    The depth is the mean -log density at pairs of near rows in two different clusters, minus the
    mean of those inside the two clusters, which can have very different densities. It is negative
    if the border is denser than the clusters, and -DEEPEST if a cluster has hardly any rows.

    Parameters
    ----------
    labels : ndarray of int, shape (n_samples,)
    near : ndarray of int, shape (n_samples, n_neighbors)
    thin : ndarray of shape (n_samples,)
        The result of :func:`thinness`.
    n_clusters : int

    >>> rows = np.array([0, 1, 2, 3, 7, 10, 11, 12, 13, 14])[:, None]
    >>> near = np.array([[1], [0], [1], [2], [5], [6], [5], [6], [7], [8]])
    >>> valley(np.repeat([0, 1], 5), near, thinness(rows, near), 2) > 0
    True
    """
    sizes = np.bincount(labels, minlength=n_clusters)
    if sizes.min() < max(FEWEST, LEAST * len(labels)):
        return -DEEPEST
    pairs = (labels[:, None] * n_clusters + labels[near]).ravel()
    between = ((thin[:, None] + thin[near]) / 2).ravel()
    shape = n_clusters, n_clusters
    crossings = np.bincount(pairs, minlength=n_clusters**2).reshape(shape)
    total = np.bincount(pairs, between, minlength=n_clusters**2).reshape(shape)
    crossings, total = crossings + crossings.T, total + total.T
    within = np.bincount(labels, thin, minlength=n_clusters) / sizes
    known = np.triu(crossings >= 2 * CROSSINGS, 1)
    depths = total[known] / crossings[known] - np.add.outer(within, within)[known] / 2
    return float(np.clip(depths, -DEEPEST, DEEPEST).min(initial=DEEPEST))


def cluster_numbers(
    codes: np.ndarray,
    joint: np.ndarray,
    near: np.ndarray,
    rows: np.ndarray,
    max_clusters: int,
    smallest: float = 0.0,
) -> tuple[Bunch, int, np.ndarray]:
    """Criteria for each number of clusters, from more codes than clusters.

    Parameters
    ----------
    codes : ndarray of int, shape (n_samples,)
        Code of each row.
    joint : ndarray of shape (n_codes, n_codes)
        Share of pairs of near rows that have each pair of codes, symmetric.
    near : ndarray of int, shape (n_samples, n_neighbors)
    rows : ndarray of shape (n_samples, d)
        The rows or features that densities are computed from, and in which ``near`` are near.
    max_clusters : int
    smallest : float, default=0.0
        A cluster counts if it has at least this part of the mean number of rows.

    Returns
    -------
    numbers : Bunch
        ``k``, from 1 on; ``criterion``, the result of :func:`valley`, 0 for one cluster;
        ``information`` and ``entropy`` in nats; ``counted``, how many of the clusters count.
    n_clusters : int
        Of the largest number of clusters that all have a valley between them, those that count.
    tree : ndarray of shape (n_codes - 1, 4)
        The result of :func:`merge_tree`.
    """
    thin = thinness(rows, near)
    ks = np.arange(1, min(max_clusters, len(joint)) + 1)
    numbers = Bunch(k=ks, criterion=np.zeros(len(ks)), counted=ks.copy())
    numbers |= {"information": np.zeros(len(ks)), "entropy": np.zeros(len(ks))}
    groupings = [np.zeros(len(joint), dtype=int)]
    for i, k in enumerate(ks[1:], 1):
        groups = merge_codes(joint, k, np.random.RandomState(0))
        groupings.append(groups)
        shared, labels = grouped(joint, groups, k), groups[codes]
        sizes = shared.sum(0)
        numbers.criterion[i] = valley(labels, near, thin, k)
        numbers.counted[i] = (np.bincount(labels) >= smallest * len(labels) / k).sum()
        numbers.information[i] = information(shared)
        numbers.entropy[i] = -float(xlogy(sizes, sizes).sum())
    n_clusters = number_of(numbers)
    return numbers, n_clusters, merge_tree(joint, groupings[n_clusters - 1])


def number_of(numbers: Bunch, least: float = DEPTH) -> int:
    """The number of clusters that :func:`cluster_numbers` finds, from its criteria.

    >>> number_of(Bunch(criterion=np.array([0, 2, 1, -1]), counted=np.array([1, 2, 3, 4])))
    3
    """
    distinct = np.flatnonzero(numbers.criterion >= least)
    return int(numbers.counted[distinct[-1]]) if len(distinct) else 1


def merge_tree(joint: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Merge codes two by two, by the smallest loss of information, within groups first.

    Parameters
    ----------
    joint : ndarray of shape (n_codes, n_codes)
        Share of pairs of near rows that have each pair of codes, symmetric.
    groups : ndarray of shape (n_codes,)
        Cluster of each code.

    Returns
    -------
    tree : ndarray of shape (n_codes - 1, 4)
        A linkage matrix as from :func:`scipy.cluster.hierarchy.linkage`. Heights are the
        information in nats that was lost by all merges so far.

    >>> joint = np.array([[4, 2, 0], [2, 4, 0], [0, 0, 6]]) / 18
    >>> merge_tree(joint, np.array([0, 0, 1])).round(2)[:, [0, 1, 3]].tolist()
    [[0.0, 1.0, 2.0], [2.0, 3.0, 3.0]]
    """
    n_codes, joint, groups = len(joint), joint.copy(), groups.copy()
    numbers, sizes = np.arange(n_codes), np.ones(n_codes)
    tree, height = np.empty((n_codes - 1, 4)), 0.0
    for step in range(n_codes - 1):
        losses = _losses(joint)
        apart = groups[:, None] != groups
        if not apart.all() and not (apart | np.eye(len(joint), dtype=bool)).all():
            losses[apart] = np.inf
        losses[np.tril_indices(len(joint))] = np.inf
        a, b = np.unravel_index(losses.argmin(), losses.shape)
        height += max(0.0, losses[a, b])
        first, second = sorted((numbers[a], numbers[b]))
        sizes[a] += sizes[b]
        tree[step] = first, second, height, sizes[a]
        numbers[a] = n_codes + step
        joint[a] += joint[b]
        joint[:, a] += joint[:, b]
        joint = np.delete(np.delete(joint, b, 0), b, 1)
        numbers, sizes, groups = (np.delete(each, b) for each in (numbers, sizes, groups))
    return tree


def _losses(joint: np.ndarray) -> np.ndarray:
    """Loss of information by merging each two codes, (n_codes, n_codes)."""
    inner, marginal = np.diag(joint), joint.sum(0)
    each, shares = xlogy(joint, joint), xlogy(marginal, marginal)
    rows = np.array([xlogy(joint + row, joint + row).sum(1) for row in joint])
    # of the joint rows all but the columns of both codes themselves, which become one cell
    itself = inner[:, None] + joint
    rows -= xlogy(itself, itself) + xlogy(itself.T, itself.T)
    corner = inner[:, None] + inner + 2 * joint
    after = 2 * rows + xlogy(corner, corner)
    own = np.diag(each)
    before = 2 * (each.sum(1)[:, None] + each.sum(1)) - own[:, None] - own - 2 * each
    total = marginal[:, None] + marginal
    gone = 2 * (shares[:, None] + shares - xlogy(total, total))
    return before - after - gone
