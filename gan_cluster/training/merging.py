"""Which codes make one cluster: those whose union keeps most of what near rows share.

The criterion is that of the information bottleneck (Slonim & Tishby, 1999); the search moves
one code at a time, as its sequential form does (Slonim, Friedman & Tishby, 2002).
"""

import numpy as np
from scipy.special import xlogy
from sklearn.cluster import AgglomerativeClustering

RESTARTS = 20


def information(joint: np.ndarray) -> float:
    """Mutual information in nats of a symmetric joint distribution (k, k).

    >>> round(information(np.eye(4) / 4), 4)  # log 4
    1.3863
    """
    marginal = joint.sum(0)
    return max(0.0, float(xlogy(joint, joint).sum() - 2 * xlogy(marginal, marginal).sum()))


def grouped(joint: np.ndarray, groups: np.ndarray, n_clusters: int) -> np.ndarray:
    """The joint distribution of groups, from that of their members.

    >>> grouped(np.eye(3) / 3, np.array([0, 1, 1]), 2).round(2).tolist()
    [[0.33, 0.0], [0.0, 0.67]]
    """
    member = np.eye(n_clusters)[groups]
    return member.T @ joint @ member


def merge_codes(joint: np.ndarray, n_clusters: int, rng: np.random.RandomState) -> np.ndarray:
    """Group codes into clusters so that the cluster of a row tells most of that of a near row.

    Parameters
    ----------
    joint : ndarray of shape (n_codes, n_codes)
        Share of pairs of near rows that have each pair of codes, symmetric.
    n_clusters : int
        At most n_codes.
    rng : RandomState
        Draws the starts of the search, but for the first.

    Returns
    -------
    groups : ndarray of shape (n_codes,)
        Cluster of each code; every cluster has one at least.

    Examples
    --------
    >>> joint = np.array([[4, 2, 0], [2, 4, 0], [0, 0, 6]]) / 18
    >>> groups = merge_codes(joint, 2, np.random.RandomState(0))
    >>> groups[0] == groups[1], groups[0] == groups[2]
    (np.True_, np.False_)
    """
    n_codes = len(joint)
    if n_codes <= max(n_clusters, 2):
        return np.minimum(np.arange(n_codes), n_clusters - 1)
    share = np.maximum(joint.sum(0), 1 / n_codes**2)
    apart = 1 - joint / np.sqrt(np.outer(share, share))
    nearest = AgglomerativeClustering(n_clusters, metric="precomputed", linkage="average")
    starts = [nearest.fit_predict(apart)]
    starts += [
        rng.permutation(np.arange(n_codes) % n_clusters)
        for _ in range(min(RESTARTS, 400 // n_codes))
    ]
    candidates = [_move_codes(joint, groups, n_clusters) for groups in starts]
    return max(candidates, key=lambda groups: information(grouped(joint, groups, n_clusters)))


def _move_codes(joint: np.ndarray, groups: np.ndarray, n_clusters: int) -> np.ndarray:
    """Move one code at a time to where it keeps most information, until none moves."""
    groups, moved = groups.copy(), True
    while moved:
        moved = False
        for code in range(len(joint)):
            home = groups[code]
            if (groups == home).sum() == 1:
                continue
            gain = _gains(joint, groups, code, n_clusters)
            best = int(gain.argmax())
            if gain[best] > gain[home] + 1e-9:
                groups[code], moved = best, True
    return groups


def _gains(joint: np.ndarray, groups: np.ndarray, code: int, n_clusters: int) -> np.ndarray:
    """Information gained by putting a code, taken out of its group, into each of the groups."""
    member = np.eye(n_clusters)[groups]
    member[code] = 0
    rest, towards, itself = member.T @ joint @ member, joint[code] @ member, joint[code, code]
    joined = rest + towards  # row b: the joint's row b where the code has come to b
    rows = xlogy(joined, joined).sum(1) - xlogy(rest, rest).sum(1)
    inner, before = np.diag(joined), np.diag(rest)
    corner = inner + towards + itself
    block = 2 * rows - 2 * (xlogy(inner, inner) - xlogy(before, before))
    block += xlogy(corner, corner) - xlogy(before, before)
    marginal = member.T @ joint.sum(0)
    total = marginal + joint[code].sum()
    return block - 2 * (xlogy(total, total) - xlogy(marginal, marginal))
