"""Features reduced to the directions in which rows differ more than their twins do."""

import pickle

import numpy as np
import pytest
import torch
from scipy.linalg import eigh
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score
from small import extractor
from torch import nn

from gan_cluster import load, save
from gan_cluster.training.twins import discriminant, twin_reduction

GAN = {"objective": "gan", "image_shape": (1, 16, 16), "width": 2, "n_components": 5}


@pytest.fixture(scope="module")
def pictures():
    return np.random.RandomState(0).uniform(size=(60, 256)).astype(np.float32)


@pytest.fixture(scope="module")
def model(pictures):
    return extractor(**GAN).fit(pictures)


def test_directions_are_those_of_fishers_discriminant():
    rng = np.random.RandomState(0)
    spread, noise = rng.normal(size=(2, 50, 6))
    total, within = np.cov(spread.T), np.cov(noise.T)
    found = discriminant(total, within, 3)
    ridge = 0.01 * np.trace(within) / 6 * np.eye(6)
    ratios = np.diag(found.T @ total @ found) / np.diag(found.T @ (within + ridge) @ found)
    np.testing.assert_allclose(ratios, eigh(total, within + ridge)[0][::-1][:3])
    np.testing.assert_allclose(found.T @ total @ found, np.eye(3), atol=1e-10)


def test_directions_in_which_nothing_varies_are_zero():
    assert not discriminant(np.zeros((3, 3)), np.zeros((3, 3)), 2).any()
    rng = np.random.RandomState(0)
    low = rng.normal(size=(100, 4)) @ rng.normal(size=(4, 30)).astype(np.float32)
    found = discriminant(np.cov(low.T), 0.1 * np.cov(low.T), 20)
    np.testing.assert_allclose((low @ found[:, :4]).std(0, ddof=1), 1, rtol=1e-3)
    assert not found[:, 4:].any()


def test_more_directions_than_rows(pictures):
    found = extractor(**{**GAN, "n_components": 20, "normalize": None, "augment": "none"})
    stds = found.fit_transform(pictures[:8]).std(0)
    assert stds.max() < 10
    assert (stds == 0).any()


def test_what_twins_share_is_found():
    """Of two columns, the one that the twin of a row keeps."""

    class Net:
        device = "cpu"

        def _set_training(self, training):
            pass

        def twins(self, rows, rng):
            noise = torch.randn(len(rows), generator=rng)
            return torch.stack([rows[:, 0], noise], dim=1)

    class Encoding:
        def encode(self, rows):
            return torch.from_numpy(rows)

    X = np.random.RandomState(0).normal(3, 2, size=(2_000, 2)).astype(np.float32)
    center, directions = twin_reduction(Net(), Encoding(), X, lambda batch: batch, 1, 0)
    kept, lost = np.abs(directions.ravel())
    assert kept > 0.45 > 10 * lost  # one over the deviation of 2
    assert center == pytest.approx([X[:, 0].mean(), 0], abs=0.1)


def test_rows_are_projected_and_scaled(model, pictures):
    features = model.transform(pictures)
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, atol=1e-5)
    center, directions = model._reduction
    whole = extractor(**{**GAN, "n_components": None, "normalize": None}).fit(pictures)
    expected = (whole.transform(pictures) - center) @ directions
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(features, expected, atol=1e-4)


def test_columns_are_numbered(model):
    assert model.get_feature_names_out().tolist() == [f"component_{i}" for i in range(5)]


def test_saved_and_pickled(model, pictures, tmp_path):
    save(model, tmp_path)
    expected = model.transform(pictures)
    for same in (load(tmp_path), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(same.transform(pictures), expected)


def test_training_is_the_same_without(model, pictures):
    plain = extractor(**{**GAN, "n_components": None}).fit(pictures)
    for ours, its in zip(
        model.discriminator_.parameters(), plain.discriminator_.parameters(), strict=True
    ):
        assert torch.equal(ours, its)


def test_partial_fit_reduces_to_what_is_learned_last(pictures):
    model = extractor(**GAN).partial_fit(pictures)
    before = model._reduction[1]
    assert model.partial_fit(pictures).transform(pictures).shape == (60, 5)
    assert not np.array_equal(model._reduction[1], before)


def test_twins_by_a_function_that_follows_gradients(pictures):
    def sharpened(rows):
        rows = rows.detach().requires_grad_()
        (slope,) = torch.autograd.grad(rows.square().sum(), rows)
        return rows + 0.1 * slope

    features = extractor(**GAN, augment=sharpened).fit_transform(pictures)
    assert np.isfinite(features).all()


@pytest.mark.parametrize(
    ("settings", "n_components"),
    [
        ({"n_components": "auto"}, 20),
        ({"n_components": "auto", "width": 1, "depth": 1}, 16),
        ({"n_components": "auto", "layers": "conv3"}, None),
        ({"n_components": "auto", "objective": "infogan"}, None),
        ({"n_components": "auto", "augment": "none", "n_neighbors": 0}, None),
        ({"n_components": 3, "layers": "all"}, 3),
    ],
)
def test_how_many_components(settings, n_components, pictures):
    model = extractor(**{**GAN, **settings}).fit(pictures)
    assert model._n_components == n_components
    first = model.get_feature_names_out()[0].split("_")[0]
    assert (first == "component") == (n_components is not None)


def test_the_last_layer_of_the_game_alone_still_sees_where_things_are(pictures):
    model = extractor(**{**GAN, "n_components": None}).fit(pictures)
    assert model.get_feature_names_out()[-1] == "conv2_3_3_3"
    generator = nn.Sequential(nn.Linear(2, 256), nn.Unflatten(1, (1, 16, 16)))
    trunk = nn.Sequential(nn.Conv2d(1, 3, 8, 8), nn.Conv2d(3, 5, 1), nn.Flatten())
    small = extractor(**{**GAN, "n_components": None, "architecture": (generator, trunk)})
    assert small.fit(pictures).get_feature_names_out()[-1] == "1_4_1_1"


def test_twins_by_a_function(pictures):
    model = extractor(**GAN, augment=lambda rows: rows + 0.1 * torch.randn_like(rows))
    state = torch.get_rng_state()
    features = model.fit(pictures).transform(pictures)
    np.testing.assert_array_equal(features, model.fit(pictures).transform(pictures))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("augment", ["auto", "none", "adversarial"])
def test_near_rows_stand_for_twins_of_tables(augment):
    blobs, classes = make_blobs(300, n_features=4, centers=3, cluster_std=0.1, random_state=0)
    X = np.hstack([blobs, np.random.RandomState(0).normal(size=(300, 12))])
    settings = {"objective": "gan", "width": 4, "normalize": None, "augment": augment}

    def agreement(n_components):
        features = extractor(**settings, n_components=n_components).fit_transform(X)
        found = KMeans(3, n_init=3, random_state=0).fit_predict(features)
        return adjusted_rand_score(classes, found)

    assert agreement(2) > 0.9 > agreement(None)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"augment": "none", "n_neighbors": 0}, "raise n_neighbors"),
        ({"augment": "adversarial", "n_neighbors": 0}, "raise n_neighbors"),
        ({"image_shape": None, "n_neighbors": 0}, "raise n_neighbors"),
        ({"n_components": 65}, "the 64 features"),
        ({"n_components": 0}, "n_components"),
        ({"augment": lambda rows: rows[:1]}, "augment should map"),
    ],
)
def test_what_cannot_be_reduced(settings, message, pictures):
    with pytest.raises(ValueError, match=message):
        extractor(**{**GAN, **settings}).fit(pictures)


def test_more_features_than_a_covariance_is_made_of(pictures, monkeypatch):
    monkeypatch.setattr("gan_cluster.features.MAX_REDUCED", 31)
    with pytest.raises(ValueError, match="at most 31"):
        extractor(**GAN).fit(pictures)
