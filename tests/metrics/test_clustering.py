"""Scores whose value is known by hand, by brute force or by their definition."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import make_scorer

from gan_cluster.metrics import clustering_accuracy, expected_calibration_error, purity


@pytest.mark.parametrize("metric", [clustering_accuracy, purity])
def test_names_of_clusters_do_not_matter(metric):
    classes = np.array(["cat", "dog", "cat", "emu", "dog"])
    assert metric(classes, [7, -1, 7, 3, -1]) == 1.0


def test_accuracy_is_the_best_of_all_matches():
    rng = np.random.default_rng(0)
    true, pred = rng.integers(4, size=60), rng.integers(4, size=60)
    best = max(np.mean(np.array(match)[pred] == true) for match in permutations(range(4)))
    assert clustering_accuracy(true, pred) == pytest.approx(best)


def test_the_largest_overlap_is_not_always_matched():
    true, pred = [0] * 9 + [1] * 4, [0] * 5 + [1] * 4 + [0] * 4
    assert clustering_accuracy(true, pred) == pytest.approx(8 / 13)


@pytest.mark.parametrize(
    ("pred", "accuracy", "pure"),
    [([0, 0, 0, 0], 0.5, 0.5), ([0, 1, 2, 3], 0.5, 1.0), ([0, 0, 0, 1], 0.75, 0.75)],
)
def test_fewer_and_more_clusters_than_classes(pred, accuracy, pure):
    assert clustering_accuracy([0, 0, 1, 1], pred) == accuracy
    assert purity([0, 0, 1, 1], pred) == pure


def test_purity_is_never_below_accuracy():
    rng = np.random.default_rng(1)
    for n_clusters in (2, 5, 20):
        true, pred = rng.integers(5, size=100), rng.integers(n_clusters, size=100)
        assert purity(true, pred) >= clustering_accuracy(true, pred)


def test_accuracy_makes_a_scorer_for_searches():
    X = np.repeat([[0.0], [5.0]], 4, axis=0)
    kmeans = KMeans(2, random_state=0).fit(X)
    assert make_scorer(clustering_accuracy)(kmeans, X, list("aaaabbbb")) == 1.0


@pytest.mark.parametrize("metric", [clustering_accuracy, purity])
@pytest.mark.parametrize(
    ("true", "pred", "message"),
    [
        ([0, 1], [0, 1, 1], "same length, got 2 and 3"),
        ([], [], "empty"),
        ([[0, 1], [1, 0]], [0, 1], "1d array"),
    ],
)
def test_errors_say_what_is_wrong(metric, true, pred, message):
    with pytest.raises(ValueError, match=message):
        metric(true, pred)


@pytest.mark.parametrize("metric", [clustering_accuracy, purity])
@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        ([0, np.nan, 1], ValueError, "NaN"),
        (["a", None, "b"], TypeError, "all numbers or all strings"),
        (pd.array(["a", pd.NA, "b"], dtype="string"), TypeError, "all numbers or all strings"),
        (np.array(["a", 1, "b"], dtype=object), TypeError, "all numbers or all strings"),
        ([0.5, 1.5, 0.5], ValueError, "is continuous"),
    ],
)
def test_labels_that_are_no_classes_are_named(metric, labels, error, message):
    with pytest.raises(error, match=message):
        metric(labels, [0, 1, 1])
    with pytest.raises(error, match=message):
        metric([0, 1, 1], labels)


@pytest.mark.parametrize(
    "labels",
    [
        pd.array([2, 5, 5], dtype="Int64"),
        pd.Series(["a", "b", "b"]),
        pd.Categorical(["a", "b", "b"]),
        np.array([True, False, False]),
        np.array([1, 2, 2], dtype=object),
        [1.0, 2.0, 2.0],
    ],
)
def test_labels_of_any_kind(labels):
    assert clustering_accuracy(labels, [0, 1, 1]) == 1.0


def test_calibration_is_that_of_its_definition():
    rng = np.random.default_rng(0)
    true, probabilities = rng.integers(3, size=200), rng.dirichlet(np.ones(3), size=200)
    labels, found = probabilities.argmax(1), probabilities.max(1)
    right = max((np.array(match)[labels] == true for match in permutations(range(3))), key=np.mean)
    bins = [(found >= low) & (found < low + 0.1) for low in np.arange(10) / 10]
    gaps = [abs(right[b].mean() - found[b].mean()) * b.mean() for b in bins if b.any()]
    assert expected_calibration_error(true, probabilities, 10) == pytest.approx(sum(gaps))


def test_calibration_of_probabilities_that_say_what_happens():
    certain = np.eye(3)[[2, 0, 1, 1]]
    assert expected_calibration_error(["b", "a", "c", "c"], certain) == 0
    assert expected_calibration_error(["b", "a", "c", "c"], np.eye(3)[[0] * 4]) == 0.5


@pytest.mark.parametrize(
    ("true", "probabilities", "n_bins", "error", "message"),
    [
        ([0, 1], [[0.5, 0.6], [1, 0]], 15, ValueError, "each row sum to 1"),
        ([0, 1], [[1.5, -0.5], [1, 0]], 15, ValueError, "between 0 and 1"),
        ([0, 1], [[np.nan, 1], [1, 0]], 15, ValueError, "NaN"),
        ([0, 1], [0.5, 0.5], 15, ValueError, "2D array"),
        ([0, 1, 1], [[1, 0], [1, 0]], 15, ValueError, "same length"),
        ([0.5, 1], [[1, 0], [1, 0]], 15, ValueError, "continuous"),
        ([0, 1], [[1, 0], [1, 0]], 0, ValueError, "n_bins"),
        ([0, 1], [[1, 0], [1, 0]], 1.5, TypeError, "n_bins"),
    ],
)
def test_calibration_names_what_is_wrong(true, probabilities, n_bins, error, message):
    with pytest.raises(error, match=message):
        expected_calibration_error(true, probabilities, n_bins)
