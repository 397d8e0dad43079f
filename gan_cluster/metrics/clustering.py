"""Scores of a clustering against known classes; NMI and ARI are in scikit-learn."""

from numbers import Number
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.metrics.cluster import contingency_matrix
from sklearn.utils import assert_all_finite, check_array, column_or_1d

from gan_cluster._validation.latent import check_whole

SUM_TOLERANCE = 1e-3  # probabilities may be float32, or rounded


def clustering_accuracy(labels_true: Any, labels_pred: Any) -> float:
    """Share of correct rows under the best one-to-one match of clusters and classes.

    The match is found by the Hungarian method [1]_, as in most work on image clustering [2]_.
    If there are more clusters than classes, the rows of clusters without a match count as wrong.

    Parameters
    ----------
    labels_true : array-like of shape (n_samples,)
        Class of each row; numbers or strings.
    labels_pred : array-like of shape (n_samples,)
        Cluster of each row; the names of clusters do not matter.

    Returns
    -------
    accuracy : float
        Between 0 and 1, 1 for a perfect clustering.

    Raises
    ------
    ValueError
        If the two differ in length, are empty, are not one-dimensional, hold NaN, or are
        continuous.

    See Also
    --------
    sklearn.metrics.normalized_mutual_info_score : Needs no match.
    sklearn.metrics.adjusted_rand_score : Compares pairs of rows, adjusted for chance.

    References
    ----------
    .. [1] Kuhn (1955). The Hungarian method for the assignment problem. Naval Research
       Logistics Quarterly 2, 83-97.
    .. [2] Yang, Xu, Nie, Yan & Zhuang (2010). Image clustering using local discriminant models
       and global integration. IEEE Transactions on Image Processing 19, 2761-2773.

    Examples
    --------
    >>> from gan_cluster.metrics import clustering_accuracy
    >>> clustering_accuracy(["a", "a", "b", "b"], [1, 1, 0, 0])
    1.0
    >>> clustering_accuracy([0, 0, 1, 1], [0, 1, 2, 2])
    0.75
    """
    counts = contingency(labels_true, labels_pred)
    matched = linear_sum_assignment(counts, maximize=True)
    return float(counts[matched].sum() / counts.sum())


def purity(labels_true: Any, labels_pred: Any) -> float:
    """Share of rows whose class is the most frequent one in their cluster.

    Purity is never below :func:`clustering_accuracy`, and it is 1 if every row is a cluster of its
    own. So compare only clusterings with the same number of clusters. See Manning, Raghavan &
    Schuetze (2008), Introduction to Information Retrieval, section 16.3.

    Parameters
    ----------
    labels_true : array-like of shape (n_samples,)
        Class of each row; numbers or strings.
    labels_pred : array-like of shape (n_samples,)
        Cluster of each row; the names of clusters do not matter.

    Returns
    -------
    purity : float
        Above 0, at most 1.

    Raises
    ------
    ValueError
        If the two differ in length, are empty, are not one-dimensional, hold NaN, or are
        continuous.

    Examples
    --------
    >>> from gan_cluster.metrics import purity
    >>> purity([0, 0, 1, 1], [0, 1, 2, 2])
    1.0
    >>> purity([0, 0, 1, 1], [0, 0, 0, 0])
    0.5
    """
    counts = contingency(labels_true, labels_pred)
    return float(counts.max(axis=0).sum() / counts.sum())


def expected_calibration_error(labels_true: Any, probabilities: Any, n_bins: int = 15) -> float:
    """How far the probabilities of clusters are from the share of correct rows.

    Rows are sorted into bins of equal width by the probability of their most probable cluster. For
    each bin, the mean of these probabilities is compared with the share of correct rows. The error
    is the mean of the differences, weighted by the number of rows in each bin [1]_. A row is
    correct if its most probable cluster is matched with its class, as in
    :func:`clustering_accuracy`.

    Parameters
    ----------
    labels_true : array-like of shape (n_samples,)
        Class of each row; numbers or strings.
    probabilities : array-like of shape (n_samples, n_clusters)
        Probability of each cluster, such as those of ``predict_proba``; rows sum to 1.
    n_bins : int, default=15
        Number of bins.

    Returns
    -------
    error : float
        Between 0 and 1; 0 if the share of correct rows equals the probability in every bin.

    Raises
    ------
    TypeError
        If ``n_bins`` is not an integer.
    ValueError
        If classes are not valid for :func:`clustering_accuracy`; if probabilities have another
        number of rows, are not finite, are outside 0 to 1 or do not sum to 1; if ``n_bins`` is not
        positive.

    See Also
    --------
    clustering_accuracy : The share of correct rows.

    References
    ----------
    .. [1] Guo, Pleiss, Sun & Weinberger (2017). On calibration of modern neural networks.
       arXiv:1706.04599.

    Examples
    --------
    Half of the rows whose cluster has a probability of .8 are correct:

    >>> from gan_cluster.metrics import expected_calibration_error
    >>> sure, unsure = [1.0, 0.0], [0.2, 0.8]
    >>> round(expected_calibration_error(["a", "a", "b", "a"], [sure, sure, unsure, unsure]), 3)
    0.15
    """
    n_bins = check_whole(n_bins, "n_bins", 1)
    probabilities = check_array(probabilities, dtype=np.float64, input_name="probabilities")
    sums = probabilities.sum(axis=1)
    if (probabilities < 0).any() or not np.allclose(sums, 1, rtol=0, atol=SUM_TOLERANCE):
        raise ValueError("probabilities should lie between 0 and 1, and each row sum to 1")
    true = check_labels(labels_true, "labels_true")
    labels, found = probabilities.argmax(axis=1), probabilities.max(axis=1)
    counts = contingency(true, labels)
    classes, clusters = np.unique(true, return_inverse=True)[1], np.unique(labels)
    of_class, matched = linear_sum_assignment(counts, maximize=True)
    class_of = np.full(probabilities.shape[1], -1)
    class_of[clusters[matched]] = of_class
    is_right = class_of[labels] == classes
    bins = np.minimum((found * n_bins).astype(int), n_bins - 1)
    return float(np.abs(np.bincount(bins, is_right - found)).sum() / len(found))


def check_labels(labels: Any, name: str) -> np.ndarray:
    """Labels of rows as an array, all numbers or all strings.

    Raises
    ------
    TypeError
        If numbers, strings or None are mixed.
    ValueError
        If they are not one-dimensional, missing for some rows, or continuous.
    """
    labels = column_or_1d(labels, input_name=name)
    if labels.dtype == object:
        numbers, strings = (sum(isinstance(v, kind) for v in labels) for kind in (Number, str))
        if len(labels) not in (numbers, strings):
            raise TypeError(f"{name} should be all numbers or all strings, none of them missing")
        labels = np.array(labels.tolist())
    assert_all_finite(labels, input_name=name)
    if labels.dtype.kind == "f" and (labels != labels.round()).any():
        raise ValueError(f"{name} is continuous: classes are integers or strings")
    return labels


def contingency(labels_true: Any, labels_pred: Any) -> np.ndarray:
    """Number of rows of each class (rows) in each cluster (columns)."""
    true, pred = check_labels(labels_true, "labels_true"), check_labels(labels_pred, "labels_pred")
    if len(true) != len(pred):
        raise ValueError(
            "labels_true and labels_pred should have the same length, "
            f"got {len(true)} and {len(pred)}"
        )
    if not len(true):
        raise ValueError("labels_true and labels_pred are empty: there is nothing to score")
    return contingency_matrix(true, pred)
