"""Runs are judged, and a mixture whose clusters are better teaches those of a net."""

import pickle
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.datasets import make_blobs
from sklearn.mixture import GaussianMixture
from small import clusterer

from gan_cluster import load, save
from gan_cluster.metrics import clustering_accuracy
from gan_cluster.training import judging
from gan_cluster.training.inference import neighbor_joint
from gan_cluster.training.judging import FINER, Jury
from gan_cluster.training.merging import information
from gan_cluster.training.mixtures import RIDGE

SETTINGS = {"prior": "auto", "max_epochs": 20, "width": 8}


@pytest.fixture(scope="module")
def table():
    """A wide cluster between two narrow ones, of which k-means takes a part of it."""
    rng = np.random.RandomState(0)
    wide = rng.normal(0, 1, (100, 2))
    return np.concatenate([wide, *(rng.normal(at, 0.15, (60, 2)) for at in ([2.5, 0], [0, 2.5]))])


@pytest.fixture(scope="module")
def pickled(table):
    return pickle.dumps(clusterer(**SETTINGS).fit(table))


@pytest.fixture
def taught(pickled):
    return pickle.loads(pickled)


def _teacher(model):
    return model.model_.net.clusters.teacher


def _same(model, other, X):
    np.testing.assert_array_equal(model.labels_, other.labels_)
    np.testing.assert_array_equal(model.predict_proba(X), other.predict_proba(X))
    theirs = _teacher(other).state_dict()
    assert all(
        torch.equal(part, theirs[name]) for name, part in _teacher(model).state_dict().items()
    )


def test_labels_follow_a_mixture_that_is_better(taught, table):
    rows = taught.model_.encode(table)
    fitted = GaussianMixture(3, reg_covar=RIDGE, n_init=5, random_state=0)
    labels = fitted.fit_predict(rows.numpy())
    assert clustering_accuracy(labels, taught.labels_) > 0.95
    assert clustering_accuracy(labels, _teacher(taught)(rows).argmax(1).numpy()) > 0.95


def test_a_mixture_that_teaches_has_the_numbers_of_classes(table):
    classes = np.repeat([2, 0, 1], [100, 60, 60])
    model = clusterer(**SETTINGS).fit(table, np.where(np.arange(220) % 20 == 0, classes, -1))
    read = _teacher(model)(model.model_.encode(table)).argmax(1).numpy()
    assert np.mean(read == classes) > 0.9
    assert np.mean(model.labels_ == classes) > 0.9


def test_what_a_mixture_has_taught_is_kept(taught, table, tmp_path):
    save(taught, tmp_path)
    for same in (load(tmp_path), pickle.loads(pickle.dumps(taught))):
        model = pickle.loads(pickle.dumps(taught))
        _same(same, model, table)
        _same(same.partial_fit(table), model.partial_fit(table), table)


def test_training_goes_on_with_the_same_mixture(taught, table):
    before = pickle.loads(pickle.dumps(_teacher(taught)))
    taught.set_params(warm_start=True, max_epochs=2).fit(table)
    assert all(map(torch.equal, before.buffers(), _teacher(taught).buffers()))
    assert taught.n_iter_ == clusterer(**SETTINGS).max_epochs + 2


def test_clusters_that_are_joined_have_no_mixture(taught, table):
    taught.merge_clusters([0, 2])
    assert _teacher(taught) is None
    assert taught.partial_fit(table).predict_proba(table).shape == (220, 2)


def test_a_training_that_fails_leaves_the_mixture(taught, table, monkeypatch):
    net, expected = taught.model_.net, taught.predict_proba(table)

    def fails(*arguments, **given):
        raise RuntimeError("fails")

    monkeypatch.setattr(net, "critic_step", fails)
    with pytest.raises(RuntimeError, match="fails"):
        taught.partial_fit(table)
    assert _teacher(taught) is not None
    np.testing.assert_array_equal(taught.predict_proba(table), expected)


@pytest.mark.parametrize("prior", ["uniform", "learned", (0.5, 0.3, 0.2)])
def test_a_prior_that_is_set_asks_no_mixture(prior, table, monkeypatch):
    monkeypatch.setattr("gan_cluster.training.judging.mixtures", lambda *a: pytest.fail("fitted"))
    model = clusterer(prior=prior, n_init=2, codes_per_cluster=2).fit(table)
    assert _teacher(model) is None


def test_images_ask_no_mixture(images, monkeypatch):
    monkeypatch.setattr("gan_cluster.training.judging.mixtures", lambda *a: pytest.fail("fitted"))
    model = clusterer(prior="auto", image_shape=(1, 8, 8), n_init=2).fit(images)
    assert _teacher(model) is None
    net, recipe = model.model_.net, model.model_.recipe
    jury = Jury.of(net, recipe, images)
    assert jury.view is None
    assert jury.better_mixture(net) is None
    expected = information(neighbor_joint(net, recipe.encoding, images, jury.near))
    assert jury.score(net) == pytest.approx(expected)


def test_finer_codes_have_to_be_better(taught, table):
    net, recipe = taught.model_.net, taught.model_.recipe
    net.clusters.n_codes = 6
    scores = [
        Jury.of(net, replace(recipe, codes_in_turn=turn), table).score(net)
        for turn in ((2,), (2, 1))
    ]
    assert scores[1] == pytest.approx((1 - FINER) * scores[0])
    assert 0 < scores[0] <= 2


def test_a_mixture_that_is_better_groups_the_codes_and_else_they_stay(table, monkeypatch):
    model = clusterer(codes_per_cluster=3, **{**SETTINGS, "max_epochs": 2}).fit(table).model_
    net, clusters = model.net, model.net.clusters
    jury = Jury.of(net, model.recipe, table)
    clusters.teacher = None
    assert torch.equal(jury.merge(net), jury.merge(net))  # an interrupt may come between
    with monkeypatch.context() as patch:
        patch.setattr(Jury, "better_mixture", lambda *a: None)
        before = jury.merge(net)
        jury.teach(net)
        assert clusters.teacher is None
        assert torch.equal(clusters.groups, before)
    jury.teach(net)
    assert clusters.teacher is not None
    assert sorted(set(clusters.groups.tolist())) == [0, 1, 2]
    usage = model.map(lambda batch: net.discriminator_(batch).code[:, :9].softmax(1), table)
    sizes = np.bincount(clusters.groups, usage.mean(0))
    np.testing.assert_allclose(clusters.shares, sizes, atol=1e-5)


def test_many_clusters_form_where_a_batch_cannot_show_them_all():
    X, y = make_blobs(200, n_features=8, centers=20, cluster_std=0.5, random_state=0)
    model = clusterer(n_clusters=20, batch_size=20, max_epochs=30, width=16).fit(X)
    assert clustering_accuracy(y, model.labels_) > 0.85


@pytest.mark.parametrize("on_images", [False, True])
def test_clusters_of_unequal_sizes_are_found_by_default(on_images):
    rng, sizes = np.random.RandomState(0), (150, 40, 20)
    if on_images:
        of_each = (200 * (rng.rand(3, 1, 8, 8) > 0.5)).repeat(sizes, axis=0)
        X = (of_each + rng.normal(0, 20, of_each.shape)).clip(0, 255).astype(np.uint8)
    else:
        X = 4 * rng.normal(size=(3, 4)).repeat(sizes, axis=0) + rng.normal(0, 0.5, (210, 4))
    model = clusterer(prior="auto", codes_per_cluster=2, max_epochs=20, width=4).fit(X)
    np.testing.assert_allclose(np.bincount(model.labels_), sizes, atol=10)


def _judged(n_codes, sizes, follows=True, is_merged=True):
    groups = torch.arange(n_codes) % len(sizes) if is_merged else None
    clusters = SimpleNamespace(
        n_codes=n_codes, groups=groups, shares=torch.tensor(sizes), follows=follows
    )
    return SimpleNamespace(clusters=clusters)


def test_codes_that_are_too_coarse_for_a_cluster_are_left_out():
    equal, small = [0.3, 0.3, 0.4], [0.15, 0.4, 0.45]  # a coarse code has a sixth of the rows
    coarse = _judged(6, equal)

    def fair_scores(scores, nets, mixtures=False):
        return judging.fair_scores(scores, nets, SimpleNamespace(mixtures=mixtures, fewest_codes=6))

    assert fair_scores([1.0, 1.1], [_judged(12, equal), coarse]) == [1.0, 1.1]
    assert fair_scores([1.0, 1.1], [_judged(12, small), coarse]) == [1.0, 0.0]
    assert fair_scores([1.0, 1.1], [_judged(12, small), coarse], mixtures=True) == [1.0, 1.1]
    assert fair_scores([1.0, 1.1], [_judged(12, small, follows=False), coarse]) == [1.0, 1.1]
    # the best of the finer ones counts, and only those that have ended
    finer = [_judged(12, small), coarse, _judged(12, equal), coarse]
    assert fair_scores([1.0, 1.2, 1.1, 1.1], finer) == [1.0, 1.2, 1.1, 1.1]
    assert fair_scores([1.0, 1.2], finer) == [1.0, 0.0]
    assert fair_scores([1.0, 1.2], [_judged(12, small, is_merged=False), coarse]) == [1.0, 1.2]
    assert fair_scores([1.0, 1.2], [_judged(12, small), _judged(12, equal)]) == [1.0, 1.2]
    assert fair_scores([], [coarse]) == []
