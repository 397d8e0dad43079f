"""Merging of codes into clusters, such that clusters of near rows share most information.

The criterion is that of the information bottleneck (Slonim & Tishby, 1999), minus a part of the
entropy of clusters: without this, it would prefer clusters of equal sizes. The search moves one
code at a time, as in the sequential information bottleneck (Slonim, Friedman & Tishby, 2002).
"""

import math
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from scipy.special import xlogy
from sklearn.cluster import AgglomerativeClustering

from gan_cluster.training.labels import Votes

RESTARTS = 20
FEW = 100  # up to this many codes, each is tried in every group
UNEQUAL = 0.25  # part of the entropy that is subtracted
UNLIKELY = 0.01  # smaller probabilities of a code are set to 0, to save memory
LOOKS = 4  # passes over many codes; further passes would gain only some thousandths
LABEL = 1.0  # worth of a label, in nats for each row of a code of average size


def information(joint: np.ndarray) -> float:
    """Mutual information in nats of a symmetric joint distribution (k, k).

    >>> round(information(np.eye(4) / 4), 4)  # log 4
    1.3863
    """
    marginal = joint.sum(0)
    return max(0.0, float(xlogy(joint, joint).sum() - 2 * xlogy(marginal, marginal).sum()))


def criterion(joint: np.ndarray) -> float:
    """Information minus a part of the entropy of a symmetric joint distribution (k, k).

    >>> round(criterion(np.eye(4) / 4), 4)  # 3/4 log 4
    1.0397
    """
    marginal = joint.sum(0)
    return information(joint) + UNEQUAL * float(xlogy(marginal, marginal).sum())


def label_joint(labels: np.ndarray, near: np.ndarray, size: int) -> np.ndarray:
    """Joint distribution (size, size) of the labels of a row and of a near row, symmetric.

    >>> label_joint(np.array([0, 0, 1]), np.array([[1], [0], [0]]), 2).round(2).tolist()
    [[0.67, 0.17], [0.17, 0.0]]
    """
    pairs = labels[:, None] * size + labels[near]
    joint = np.bincount(pairs.ravel(), minlength=size**2).reshape(size, size)
    return (joint + joint.T) / max(1, 2 * pairs.size)


def code_joint(found: np.ndarray, near: np.ndarray) -> np.ndarray:
    """The same for values of the first code, from their probabilities (n_samples, n_codes).

    So uncertain rows count for several values.
    """
    least = np.minimum(UNLIKELY, found.max(1, keepdims=True))
    codes = csr_array(np.where(found < least, 0, found))
    of_near = sum(codes[column] for column in near.T)
    joint = (codes.T @ of_near).toarray().astype(np.float64)
    return (joint + joint.T) / (2 * joint.sum())


def grouped(joint: np.ndarray, groups: np.ndarray, n_clusters: int) -> np.ndarray:
    """The joint distribution of groups, from the joint distribution of their members.

    >>> grouped(np.eye(3) / 3, np.array([0, 1, 1]), 2).round(2).tolist()
    [[0.33, 0.0], [0.0, 0.67]]
    """
    member: Any = np.eye(n_clusters)[groups]
    if len(joint) > FEW:
        member = csr_array(member)
    return member.T @ joint @ member


def merge_codes(
    joint: np.ndarray,
    n_clusters: int,
    rng: np.random.RandomState,
    votes: Votes | None = None,
) -> np.ndarray:
    """Group codes into clusters so that clusters of near rows have most mutual information.

    If some rows have labels, there is a bonus for labelled rows of class i in cluster i.

    Parameters
    ----------
    joint : ndarray of shape (n_codes, n_codes)
        Share of pairs of near rows that have each pair of codes, symmetric.
    n_clusters : int
        At most n_codes.
    rng : RandomState
        For the random starts of the search; the first start is not random.
    votes : Votes, default=None
        Labelled rows of at most n_clusters classes, and their codes.

    Returns
    -------
    groups : ndarray of shape (n_codes,)
        Cluster of each code; every cluster has at least one code.

    Examples
    --------
    >>> joint = np.array([[4, 2, 0], [2, 4, 0], [0, 0, 6]]) / 18
    >>> groups = merge_codes(joint, 2, np.random.RandomState(0))
    >>> groups[0] == groups[1], groups[0] == groups[2]
    (np.True_, np.False_)
    >>> votes = Votes(classes=np.eye(2), found=np.array([[0, 0, 1], [1, 0, 0]]))
    >>> merge_codes(joint, 2, np.random.RandomState(0), votes).tolist()
    [1, 1, 0]
    """
    n_codes = len(joint)
    worth = np.zeros((n_clusters, n_codes))

    def named(groups: np.ndarray) -> np.ndarray:
        return groups if votes is None else np.argsort(votes.order(groups, n_clusters))[groups]

    if votes is not None:
        worth[: votes.classes.shape[1]] = LABEL / n_codes * votes.counts
    if n_codes <= max(n_clusters, 2):
        return named(np.minimum(np.arange(n_codes), n_clusters - 1))
    share = np.maximum(joint.sum(0), 1 / n_codes**2)
    apart = 1 - joint / np.sqrt(np.outer(share, share))
    nearest = AgglomerativeClustering(n_clusters, metric="precomputed", linkage="average")
    starts = [nearest.fit_predict(apart)]
    starts += [
        rng.permutation(np.arange(n_codes) % n_clusters)
        for _ in range(min(RESTARTS, 400 // n_codes))
    ]
    candidates = [_move_codes(joint, named(groups), worth) for groups in starts]
    if len(candidates) == 1:
        return candidates[0]

    def quality(groups: np.ndarray) -> float:
        agreed = float(worth[groups, np.arange(n_codes)].sum())
        return criterion(grouped(joint, groups, n_clusters)) + agreed

    return max(candidates, key=quality)


def _move_codes(joint: np.ndarray, groups: np.ndarray, worth: np.ndarray) -> np.ndarray:
    """Move one code at a time to the group with the largest gain, until no code moves.

    ``worth`` (n_clusters, n_codes) is an additional gain by labels, for each code in each cluster.

    If there are many codes, the number of passes is limited.
    """
    kind, looks = (_Search, math.inf) if len(joint) <= FEW else (_NearSearch, LOOKS)
    search: Any = kind(joint, groups, len(worth))
    stale = joint.sum(0) > 0  # codes without rows are not moved
    while stale.any() and looks:
        looks -= 1
        codes = np.flatnonzero(stale)
        stale[:] = False
        for code in codes:
            home = search.groups[code]
            if (search.groups == home).sum() == 1:
                continue
            targets, gain = search.gains(code)
            gain = gain + worth[targets, code]
            best = int(gain.argmax())
            if gain[best] > gain[targets == home] + 1e-9:
                stale |= search.move(code, targets[best])
    return search.groups


class _Search:
    """A grouping of few codes; each code is tried in every group."""

    def __init__(self, joint: np.ndarray, groups: np.ndarray, n_clusters: int):
        self.joint, self.groups, self.n_clusters = joint, groups.copy(), n_clusters

    def move(self, code: int, group: int) -> np.ndarray:
        """Move a code to another group; return which codes have to be tried again (n_codes,)."""
        self.groups[code] = group
        return np.ones(len(self.joint), dtype=bool)

    def gains(self, code: int) -> tuple[np.ndarray, np.ndarray]:
        """Groups, and the gain of the criterion if a code moves to each of them."""
        joint, member = self.joint, np.eye(self.n_clusters)[self.groups]
        member[code] = 0
        rest, towards, marginal = member.T @ joint @ member, joint[code] @ member, joint.sum(0)
        gain = _gains(rest, towards, joint[code, code], member.T @ marginal, joint[code].sum())
        return np.arange(self.n_clusters), gain


class _NearSearch:
    """A grouping of many codes; each is tried in groups that share near rows with it.

    Each code is also tried in the smallest group. Sums over groups are computed again after each
    move instead of being corrected, so that there are no rounding errors in zeros.
    """

    def __init__(self, joint: np.ndarray, groups: np.ndarray, n_clusters: int):
        self.joint, self.groups, self.share = joint, groups.copy(), joint.sum(0)
        member = csr_array(np.eye(n_clusters)[groups])
        self.towards = joint @ member  # for each code and each group
        self.shared = member.T @ self.towards  # for each two groups
        self.marginal = self.shared.sum(0)

    def _members(self, group: int) -> np.ndarray:
        return np.flatnonzero((self.groups == group) & (self.share > 0))

    def move(self, code: int, group: int) -> np.ndarray:
        """Like for few codes; only codes that share near rows with the changed groups."""
        changed = [self.groups[code], group]
        codes, near = np.flatnonzero(self.joint[code]), self._near(code, *changed)
        self.groups[code] = group
        members = {number: self._members(number) for number in changed}
        for number, others in members.items():
            self.towards[codes, number] = self.joint[np.ix_(codes, others)].sum(1)
        for number, others in members.items():
            sums = self.towards[np.ix_(others, near)].sum(0)
            self.shared[number, near] = self.shared[near, number] = sums
            self.marginal[number] = self.share[others].sum()
        return np.any(self.towards[:, changed] > 0, axis=1)

    def _near(self, code: int, *groups: int) -> np.ndarray:
        """Groups that share near rows with a code, and the given groups."""
        is_near = self.towards[code] > 0
        is_near[[*groups]] = True
        return np.flatnonzero(is_near)

    def gains(self, code: int) -> tuple[np.ndarray, np.ndarray]:
        """Like for few codes, but only for groups that share near rows."""
        joint, home = self.joint, self.groups[code]
        others = self._members(home)
        others = others[others != code]
        near = self._near(code, home, int(self.marginal.argmin()))
        at_home = near == home
        towards, left = self.towards[code, near], self.towards[np.ix_(others, near)].sum(0)
        towards[at_home] = joint[code, others].sum()
        left[at_home] = np.maximum(self.towards[others, home] - joint[others, code], 0).sum()
        rest, marginal = self.shared[np.ix_(near, near)], self.marginal[near]
        rest[at_home], rest[:, at_home] = left, left[:, None]
        marginal[at_home] = self.share[others].sum()
        return near, _gains(rest, towards, joint[code, code], marginal, self.share[code])


def _gains(
    rest: np.ndarray, towards: np.ndarray, itself: float, marginal: np.ndarray, share: float
) -> np.ndarray:
    """Gains of the criterion if a code is put into each of some groups, up to a constant.

    For the groups without the code, ``rest`` (k, k) is their joint distribution and ``marginal``
    (k,) their shares. ``share`` is the share of the code, ``towards`` (k,) its joint distribution
    with the groups, and ``itself`` with itself.
    """
    joined = rest + towards  # row b: row b of the joint distribution if the code is in group b
    rows = xlogy(joined, joined).sum(1) - xlogy(rest, rest).sum(1)
    inner, before = np.diag(joined), np.diag(rest)
    corner = inner + towards + itself
    block = 2 * rows - 2 * (xlogy(inner, inner) - xlogy(before, before))
    block += xlogy(corner, corner) - xlogy(before, before)
    total = marginal + share
    return block - (2 - UNEQUAL) * (xlogy(total, total) - xlogy(marginal, marginal))
