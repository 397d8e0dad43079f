"""Which layers are read and pooled, what columns are called, and how they are reduced."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score
from small import STEADY, clusterer, extractor
from torch import nn

from gan_cluster import GANFeatureExtractor, load, save

BARE = {**STEADY, "info_weight": 0, "continuous_weight": 0}  # a GAN without a code
GAN = {**BARE, "image_shape": (1, 16, 16), "width": 2, "n_components": 5}
IMAGES = {"image_shape": (1, 16, 16), "width": 2, "normalize": None}


@pytest.fixture(scope="module")
def pictures():
    return np.random.RandomState(0).uniform(size=(60, 256)).astype(np.float32)


@pytest.fixture(scope="module")
def model(pictures):
    return extractor(**GAN).fit(pictures)


def _activations(model, X, layer):
    """The layer's activations, computed by hand from the trained modules."""
    rows = model.model_.encoding.encode(X)
    model.discriminator_.eval()
    with torch.inference_mode():
        for name, module in model.discriminator_.trunk.named_children():
            rows = module(rows)
            if name == layer:
                return rows.numpy()
        return model.discriminator_.recognition(rows).numpy()


def test_more_directions_than_rows(pictures):
    found = extractor(**{**GAN, "n_components": 20, "normalize": None, "augment": "none"})
    stds = found.fit_transform(pictures[:8]).std(0)
    assert stds.max() < 10
    assert (stds == 0).any()


def test_rows_are_projected_and_scaled(model, pictures):
    features = model.transform(pictures)
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, atol=1e-5)
    center, directions = model.reading_.reduction
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
    before = model.reading_.reduction[1]
    assert model.partial_fit(pictures).transform(pictures).shape == (60, 5)
    assert not np.array_equal(model.reading_.reduction[1], before)


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
        ({"n_components": "auto", "objective": "gan"}, 20),
        ({"n_components": "auto", "objective": "consistency"}, None),
        ({"n_components": "auto", "augment": "none", "n_neighbors": 0}, None),
        ({"n_components": 3, "layers": "all"}, 3),
    ],
)
def test_how_many_components(settings, n_components, pictures):
    model = extractor(**{**GAN, **settings}).fit(pictures)
    assert model.reading_.n_components == n_components
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


@pytest.mark.parametrize("augment", ["auto", "none"])
def test_near_rows_stand_for_twins_of_tables(augment):
    blobs, classes = make_blobs(300, n_features=4, centers=3, cluster_std=0.1, random_state=0)
    X = np.hstack([blobs, np.random.RandomState(0).normal(size=(300, 12))]) * np.logspace(0, 6, 16)
    settings = {**BARE, "width": 4, "normalize": None, "augment": augment}

    def agreement(n_components):
        features = extractor(**settings, n_components=n_components).fit_transform(X)
        found = KMeans(3, n_init=3, random_state=0).fit_predict(features)
        return adjusted_rand_score(classes, found)

    assert agreement(2) > 0.9 > agreement(None)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"augment": "none", "n_neighbors": 0}, "raise n_neighbors"),
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
    monkeypatch.setattr("gan_cluster.reading.MAX_REDUCED", 31)
    with pytest.raises(ValueError, match="at most 31"):
        extractor(**GAN).fit(pictures)


def test_a_model_is_read_another_way_without_training(blobs, pictures, monkeypatch):
    X, _ = blobs
    clusters, table = clusterer(max_epochs=3).fit(X), extractor(max_epochs=3).fit(X)
    images = extractor(**GAN).fit(pictures)
    readings = [
        (clusters, X, {"layers": ["dense1"], "normalize": None}),
        (table, X, {"n_components": 2}),
        (images, pictures, {"layers": "all", "pooling": "avg"}),
    ]
    expected = []
    for model, X, reading in readings:
        parameters = {name: model.get_params()[name] for name in ("objective", "image_shape")}
        whole = extractor(**parameters, **reading, max_epochs=model.max_epochs)
        expected.append(whole.fit_transform(X))
    monkeypatch.setattr(type(table.model_.net), "train_step", lambda *_: pytest.fail("trained"))
    for (model, X, reading), features in zip(readings, expected, strict=True):
        again = GANFeatureExtractor.from_model(model.model_, X, **reading)
        np.testing.assert_array_equal(again.transform(X), features)
        assert again.model_ is model.model_


def test_layers_of_a_convolutional_net(pictures):
    model = extractor(**IMAGES).fit(pictures)
    assert model.layer_names_ == ["conv1", "conv2", "conv3", "dense", "recognition", "posterior"]
    hidden, posterior = np.split(model.transform(pictures), [128], axis=1)
    np.testing.assert_allclose(hidden, _activations(model, pictures, "recognition"), atol=1e-5)
    np.testing.assert_allclose(posterior, model.encode(pictures).categorical[0], atol=1e-6)


@pytest.mark.parametrize("layer", ["conv1", "conv3"])
def test_average_over_space(layer, pictures):
    model = extractor(layers=layer, pooling="avg", **IMAGES).fit(pictures)
    expected = _activations(model, pictures, layer).mean((2, 3))
    np.testing.assert_allclose(model.transform(pictures), expected, atol=1e-5)
    assert model.get_feature_names_out().tolist() == [
        f"{layer}_{i}" for i in range(expected.shape[1])
    ]


def test_maximum_in_each_cell_of_a_grid(pictures):
    model = extractor(layers=["conv1"], pooling="max", **IMAGES).fit(pictures)
    maps = _activations(model, pictures, "conv1")  # (60, 2, 8, 8)
    expected = maps.reshape(60, 2, 4, 2, 4, 2).max((3, 5))
    np.testing.assert_allclose(model.transform(pictures), expected.reshape(60, -1), atol=1e-5)
    names = model.get_feature_names_out()
    assert (names[0], names[4 * 3 + 2], names[-1]) == ("conv1_0_0_0", "conv1_0_3_2", "conv1_1_3_3")


def test_a_map_smaller_than_the_grid_keeps_its_size(pictures):
    model = extractor(layers="conv3", pooling="max", **IMAGES).fit(pictures)
    maps = _activations(model, pictures, "conv3")
    assert maps.shape[2:] == (2, 2)
    np.testing.assert_allclose(model.transform(pictures), maps.reshape(60, -1), atol=1e-5)


def test_all_convolutions_as_in_dcgan(pictures):
    model = extractor(layers="all", pooling="max", **IMAGES).fit(pictures)
    names = model.get_feature_names_out()
    assert {name.split("_")[0] for name in names} == {"conv1", "conv2", "conv3"}
    assert len(names) == 2 * 16 + 4 * 16 + 8 * 4
    assert model.transform(pictures).shape == (60, len(names))


def test_layers_come_in_the_order_asked_for(pictures):
    model = extractor(layers=["dense", "conv1"], pooling="avg", **IMAGES).fit(pictures)
    found = model.transform(pictures)
    np.testing.assert_allclose(found[:, :-2], _activations(model, pictures, "dense"), atol=1e-5)
    assert model.get_feature_names_out()[-1] == "conv1_1"


@pytest.mark.parametrize(
    ("settings", "layers"),
    [
        ({"layers": "all"}, {"dense1", "dense2"}),
        ({"layers": "last"}, {"recognition", "posterior"}),
        ({"layers": "posterior", "categorical_codes": (2,)}, {"posterior"}),
        ({"layers": "last", "n_clusters": None, "n_continuous": 1}, {"recognition"}),
        ({"layers": "last", "objective": "gan", "n_components": None}, {"dense2"}),
        ({"layers": "last", "objective": "gan"}, {"component"}),
        ({"layers": "all", "depth": 3, "objective": "gan"}, {"dense1", "dense2", "dense3"}),
    ],
)
def test_layers_of_a_table(settings, layers, blobs):
    model = extractor(**settings).fit(blobs[0])
    names = model.get_feature_names_out()
    assert {name.split("_")[0] for name in names} == layers
    assert model.transform(blobs[0]).shape == (120, len(names))


def test_rows_of_unit_length(pictures):
    features = extractor(**{**IMAGES, "normalize": "l2"}).fit_transform(pictures)
    assert features.dtype == np.float32
    for layer in np.split(features, [128], axis=1):  # what Q says in two layers, of equal weight
        np.testing.assert_allclose(np.linalg.norm(layer, axis=1), 0.5**0.5, rtol=1e-5)


def test_what_is_read_was_settled_at_fit(pictures):
    model = extractor(**{**IMAGES, "normalize": "l2"}).fit(pictures)
    before = model.transform(pictures)
    model.set_params(normalize=None, pooling="max", layers="all")
    np.testing.assert_array_equal(model.transform(pictures), before)


@pytest.fixture(scope="module")
def frame(blobs):
    return pd.DataFrame(blobs[0], columns=list("abcd"))


@pytest.fixture(scope="module")
def clusters(frame):
    return clusterer(max_epochs=4).fit(frame)


@pytest.fixture
def again(clusters, frame):
    return GANFeatureExtractor.from_model(clusters.model_, frame, layers="dense2")


def test_another_reading_of_a_clusterer_is_a_whole_extractor(again, clusters, frame, tmp_path):
    assert again.get_feature_names_out(list("abcd"))[0] == "dense2_0"
    assert again.layer_names_ == ["dense1", "dense2", "recognition", "posterior"]
    assert again.score(frame) == clusters.score(frame)
    drawn = [model.sample(3, random_state=0) for model in (again, clusters)]
    np.testing.assert_array_equal(*drawn)
    save(again, tmp_path)
    np.testing.assert_array_equal(load(tmp_path).transform(frame), again.transform(frame))


def test_another_reading_has_the_parameters_of_the_training(again, clusters):
    trained = clusters.model_.recipe.parameters
    assert {name: again.get_params()[name] for name in trained} == trained
    assert {"objective", "n_clusters", "width", "learning_rate"} <= trained.keys()


def test_another_reading_trains_on(clusters, frame):
    model = copy.deepcopy(clusters.model_)
    again = GANFeatureExtractor.from_model(model, frame, layers="dense2")
    before = again.transform(frame)
    assert again.partial_fit(frame).n_iter_ == 5
    assert not np.array_equal(again.transform(frame), before)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"model": "model"}, TypeError, "should be the model_ of a fitted estimator, got str"),
        ({"layers": "conv1"}, ValueError, r"layers='conv1' names no layer .* \['dense1"),
        ({"pooling": "sum"}, ValueError, "'pooling' parameter"),
        ({"n_components": 500}, ValueError, "n_components=500 cannot reduce"),
        ({"X": np.zeros((5, 3))}, ValueError, r"rows of shape \(3,\), but .* of shape \(4,\)"),
    ],
)
def test_what_cannot_be_read_again(settings, error, message, clusters, frame):
    with pytest.raises(error, match=message):
        GANFeatureExtractor.from_model(**{"model": clusters.model_, "X": frame, **settings})


def test_of_merged_clusters_fewer_features_can_be_reduced(clusters, frame):
    model = copy.deepcopy(clusters).merge_clusters([0, 1]).model_
    read = {"model": model, "X": frame, "layers": "posterior"}
    assert GANFeatureExtractor.from_model(**read, n_components=2).transform(frame).shape[1] == 2
    with pytest.raises(ValueError, match="n_components=3 cannot reduce the 2 features"):
        GANFeatureExtractor.from_model(**read, n_components=3)


def test_a_model_that_is_read_again_keeps_an_objective_of_its_own(blobs, tmp_path):
    model = clusterer().fit(blobs[0])
    other = GANFeatureExtractor.from_model(model.model_, blobs[0])
    other.set_params(objective__balance_weight=0)
    assert model.objective.balance_weight == 5
    save(model, tmp_path / "model")
    with pytest.raises(ValueError, match="objective changed since fit"):
        save(other, tmp_path / "other")


def test_an_extractor_that_reads_anew_trains_on_and_is_saved(blobs, tmp_path):
    X = blobs[0]
    model = extractor().fit(X)
    other = GANFeatureExtractor.from_model(model.model_, X, layers="all", normalize=None)
    other.set_params(batch_size=40).partial_fit(X)
    assert other.transform(X).shape == (len(X), 64)
    save(other, tmp_path)
    np.testing.assert_array_equal(load(tmp_path).transform(X), other.transform(X))
    other.set_params(layers="last")
    with pytest.raises(ValueError, match="layers changed since fit"):
        save(other, tmp_path)
    assert other.partial_fit(X).get_feature_names_out()[0] == "recognition_0"
