"""Mixtures that are fitted to rows, and whether their clusters explain those better."""

import math

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture
from small import clusterer

from gan_cluster.training import mixtures as module
from gan_cluster.training import neighbors
from gan_cluster.training.data import Encoding
from gan_cluster.training.mixtures import (
    BY_K_MEANS,
    N_INIT,
    RIDGE,
    View,
    chosen,
    explained,
    mixtures,
)
from gan_cluster.training.neighbors import nearest_rows
from gan_cluster.training.random import torch_generator


def _seen(X):
    encoding = Encoding.from_data(X, X.shape[1:], channels_last=False)
    return encoding, View.of(X, encoding)


def _near(X, n_neighbors=5):
    encoding = Encoding.from_data(X, X.shape[1:], channels_last=False)
    return nearest_rows(X, encoding, n_neighbors, torch_generator(0))[:, 1:]


def _constant_columns(X):
    return np.insert(X, [0, 2], 7.0, axis=1)


def _many_columns(X):
    noise = np.random.RandomState(0).normal(0, 0.3, (len(X), 110))
    return np.concatenate([X, noise], axis=1)


def test_axes_are_those_of_all_rows_even_if_they_are_sorted(monkeypatch):
    monkeypatch.setattr(neighbors, "CHUNK_BYTES", 0)  # so that as few rows as can be are read
    centers = np.random.RandomState(0).normal(0, 5, (4, 120))
    X, labels = make_blobs([200] * 4, centers=centers, random_state=0, shuffle=False)
    encoding, view = _seen(X)
    middles = np.array([view.rows[labels == k].mean(0) for k in range(4)])
    assert pdist(middles).min() > 0.99 * pdist(encoding.encode(centers)).min()


@pytest.mark.parametrize("made", [np.copy, _constant_columns, _many_columns])
def test_labels_are_those_of_scikit_learn(made, blobs):
    X = made(blobs[0])
    encoding, view = _seen(X)
    assert view.rows.shape == (120, 50 if X.shape[1] > 100 else 4)
    spheres, gaussians, *_ = mixtures(view, 3)
    rows = encoding.encode(X)
    found = KMeans(3, n_init=N_INIT, random_state=0).fit(view.rows)
    np.testing.assert_array_equal(spheres(rows).argmax(1), found.predict(view.rows))
    start = found.cluster_centers_
    fitted = GaussianMixture(3, reg_covar=RIDGE, means_init=start, random_state=0).fit(view.rows)
    probabilities = gaussians(rows).softmax(1)
    np.testing.assert_allclose(probabilities, fitted.predict_proba(view.rows), atol=1e-3)


def _unequal(part=1):
    sizes = [1000 // part, 300 // part, 100 // part, 30 // part]
    X, truth = make_blobs(sizes, 6, cluster_std=3.0, random_state=1)
    encoding, view = _seen(X)
    return X, truth, encoding, view


def test_mixtures_start_at_random_as_long_as_this_takes_little(monkeypatch):
    *_, view = _unequal()
    assert len([*mixtures(view, 4)]) == BY_K_MEANS + module.STARTS
    monkeypatch.setattr(module, "WORK", 3 * view.rows.size * view.rows.shape[1] * 4)
    assert len([*mixtures(view, 4)]) == BY_K_MEANS + 3
    monkeypatch.setattr(module, "WORK", 100)
    assert len([*mixtures(view, 4)]) == BY_K_MEANS


@pytest.mark.parametrize(("part", "least"), [(1, 0.9), (3, 0.8)])
def test_a_mixture_of_very_unequal_clusters_is_found_and_chosen(part, least):
    X, truth, encoding, view = _unequal(part)
    labels = [mixture(encoding.encode(X)).argmax(1).numpy() for mixture in mixtures(view, 4)]
    number = chosen(labels, labels[0], _near(X), view.rows, 4)
    assert adjusted_rand_score(truth, labels[0]) < 0.6  # k-means cuts the largest cluster
    assert adjusted_rand_score(truth, labels[number]) > least


def test_of_few_rows_a_random_start_has_to_be_clearly_better():
    X, truth = make_blobs(60, n_features=2, centers=[[0, 0], [9, 9]], random_state=0)
    nearly = np.concatenate([1 - truth[:1], truth[1:]])
    random = np.random.RandomState(0).randint(2, size=60)
    for started, number in (([nearly, nearly, truth], 0), ([random, random, truth], 2)):
        assert chosen(started, random, _near(X), _seen(X)[1].rows, 2) == number


def test_gaussians_decide_if_near_rows_cannot_tell():
    X, truth = make_blobs(400, n_features=2, centers=[[0, 0], [9, 9]], random_state=0)
    rng = np.random.RandomState(0)
    near, random = rng.randint(400, size=(400, 5)), rng.randint(2, size=400)
    assert chosen([truth], random, near, X, 2) == 0
    assert chosen([random], truth, near, X, 2) is None


def test_clusters_of_k_means_may_have_no_extent():
    X = np.repeat([[0.0, 0], [1, 5], [3, 1]], 10, axis=0)
    encoding, view = _seen(X)
    spheres, *_ = mixtures(view, 3)
    assert len(set(spheres(encoding.encode(X)).argmax(1).tolist())) == 3
    far = spheres(encoding.encode(X + 1e6)).softmax(1)
    assert far.isfinite().all()


def test_rows_that_are_all_the_same_are_of_one_cluster():
    encoding, _ = _seen(np.arange(20.0).reshape(10, 2))
    X = np.ones((10, 2))
    for mixture in mixtures(View.of(X, encoding), 2):
        assert len(set(mixture(encoding.encode(X)).argmax(1).tolist())) == 1


LABELS = np.repeat([0, 1], 10)
APART = 100.0 * LABELS[:, None] + np.tile(np.linspace(0, 1, 10), 2)[:, None]
NEXT = np.concatenate([np.roll(np.arange(10), 1), 10 + np.roll(np.arange(10), 1)])


def test_what_near_rows_explain_by_hand():
    near = NEXT.copy()
    near[[0, 10]] = 10, 0  # the joint distribution of pairs is 0.45, 0.05; 0.05, 0.45
    expected = np.full(20, (math.log(0.45 / 0.25) + math.log(2)) / math.log(2))
    expected[[0, 10]] = (math.log(0.05 / 0.25) + math.log(2)) / math.log(2)
    shares = explained(LABELS, near[:, None], APART, 2)
    np.testing.assert_allclose(shares, expected, atol=1e-6)


def test_a_row_amid_another_cluster_is_a_surprise_of_five_nats_at_most():
    rows = APART.copy()
    rows[0] = 100.5
    shares = explained(LABELS, NEXT[:, None], rows, 2)
    assert shares[0] == pytest.approx((2 * math.log(2) - 5) / math.log(2))


def test_clusters_of_any_sizes_are_explained_by_two_at_most():
    rng = np.random.RandomState(0)
    assert explained(LABELS, NEXT[:, None], APART, 2).mean() == pytest.approx(2)
    unequal = np.repeat([0, 1], [90, 10])
    near = np.concatenate([np.roll(np.arange(90), 1), 90 + np.roll(np.arange(10), 1)])
    rows = 100.0 * unequal[:, None] + rng.normal(size=(100, 1))
    assert explained(unequal, near[:, None], rows, 2).mean() == pytest.approx(2)
    for _ in range(5):
        labels, near = rng.randint(3, size=50), rng.permutation(50)[:, None]
        assert explained(labels, near, rng.normal(size=(50, 2)), 3).mean() < 2
    assert explained(np.zeros(20, dtype=int), NEXT[:, None], APART, 3).tolist() == [0] * 20


@pytest.mark.parametrize("n_rows", [2, 3, 4, 6])
def test_few_rows_are_explained_as_far_as_can_be(n_rows):
    labels, rows = np.arange(n_rows), np.arange(float(n_rows))[:, None]
    shares = explained(labels, np.roll(labels, 1)[:, None], rows, n_rows)
    assert np.isfinite(shares).all()
    X = np.random.RandomState(0).normal(size=(n_rows, 2))
    with pytest.warns(ConvergenceWarning) as told:  # that so short a training is no good
        clusterer(n_clusters=2, prior="auto").fit(X)
    assert all("clusters" in str(each.message) or "labels" in str(each.message) for each in told)


@pytest.mark.parametrize(
    ("n_rows", "of_level"), [(60, 0), (300, None)]
)  # few rows leave what is level to the simple labels
def test_better_labels_are_chosen_and_level_ones_by_the_number_of_rows(n_rows, of_level):
    X, truth = make_blobs(n_rows, n_features=2, centers=[[0, 0], [9, 9]], random_state=0)
    _, view = _seen(X)
    near, random = _near(X), np.random.RandomState(0).randint(2, size=n_rows)
    assert chosen([truth], random, near, view.rows, 2) == 0
    assert chosen([random, truth], random, near, view.rows, 2) == 1
    nearly = np.concatenate([1 - truth[:1], truth[1:]])
    for simple, found in ((truth, nearly), (nearly, truth)):
        assert chosen([simple], found, near, view.rows, 2) == of_level
    assert chosen([random], truth, near, view.rows, 2) is None
