"""Which layers GANFeatureExtractor reads, how it pools and what it calls the columns."""

import re

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from small import extractor

IMAGES = {"image_shape": (1, 16, 16), "width": 2, "normalize": None}


@pytest.fixture(scope="module")
def pictures():
    return np.random.RandomState(0).uniform(size=(40, 256)).astype(np.float32)


def _activations(model, X, layer):
    """The layer's activations, computed by hand from the trained modules."""
    rows = model._encoding.encode(X)
    model.discriminator_.eval()
    with torch.inference_mode():
        for name, module in model.discriminator_.trunk.named_children():
            rows = module(rows)
            if name == layer:
                return rows.numpy()
        return model.discriminator_.recognition(rows).numpy()


def test_layers_of_a_convolutional_net(pictures):
    model = extractor(**IMAGES).fit(pictures)
    assert model.layer_names_ == ["conv1", "conv2", "conv3", "dense", "recognition", "posterior"]
    hidden, posterior = np.split(model.transform(pictures), [128], axis=1)
    np.testing.assert_allclose(hidden, _activations(model, pictures, "recognition"), atol=1e-5)
    np.testing.assert_allclose(posterior, model.encode(pictures).categorical[0], atol=1e-6)


@pytest.mark.parametrize("settings", [{}, {"image_shape": (1, 8, 8)}])
def test_images_of_another_size_are_an_error_that_names_both(settings, pictures):
    native = np.asarray(pictures).reshape(-1, 8, 8)
    model = extractor(**settings).fit(native)
    for other in (np.zeros((2, 9, 9)), np.zeros((2, 5, 9, 9))):
        message = rf"shape {re.escape(str(other.shape[1:]))}, but .* images of \(1, 8, 8\)"
        with pytest.raises(ValueError, match=message):
            model.transform(other)


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
    maps = _activations(model, pictures, "conv1")  # (40, 2, 8, 8)
    expected = maps.reshape(40, 2, 4, 2, 4, 2).max((3, 5))
    np.testing.assert_allclose(model.transform(pictures), expected.reshape(40, -1), atol=1e-5)
    names = model.get_feature_names_out()
    assert (names[0], names[4 * 3 + 2], names[-1]) == ("conv1_0_0_0", "conv1_0_3_2", "conv1_1_3_3")


def test_a_map_smaller_than_the_grid_keeps_its_size(pictures):
    model = extractor(layers="conv3", pooling="max", **IMAGES).fit(pictures)
    maps = _activations(model, pictures, "conv3")
    assert maps.shape[2:] == (2, 2)
    np.testing.assert_allclose(model.transform(pictures), maps.reshape(40, -1), atol=1e-5)


def test_all_convolutions_as_in_dcgan(pictures):
    model = extractor(layers="all", pooling="max", **IMAGES).fit(pictures)
    names = model.get_feature_names_out()
    assert {name.split("_")[0] for name in names} == {"conv1", "conv2", "conv3"}
    assert len(names) == 2 * 16 + 4 * 16 + 8 * 4
    assert model.transform(pictures).shape == (40, len(names))


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
        ({"layers": "posterior", "categorical_codes": (3, 2)}, {"posterior"}),
        ({"layers": "last", "categorical_codes": (), "n_continuous": 1}, {"recognition"}),
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


def test_only_a_game_with_a_categorical_code_has_a_score(blobs):
    model = extractor().fit(blobs[0])
    assert 0 <= model.score(blobs[0]) <= np.log(3)
    assert hasattr(extractor(), "score")
    assert not hasattr(extractor(objective="gan"), "score")
    assert not hasattr(extractor(categorical_codes=()), "score")


def test_continuous_codes_alone(blobs):
    model = extractor(categorical_codes=(), n_continuous=2).fit(blobs[0])
    assert "continuous_information" in model.history_[-1]
    assert model.transform(blobs[0]).shape == (120, 128)


@pytest.mark.parametrize("shape", [(16, 16), (1, 16, 16), (16, 16, 1)])
def test_samples_have_the_shape_of_x(shape, pictures):
    model = extractor(width=2).fit(pictures.reshape(-1, *shape))
    one, again = (model.sample(5, random_state=0) for _ in range(2))
    assert one.shape == (5, *shape)
    np.testing.assert_array_equal(one, again)
    assert one.min() >= pictures.min() - 1e-6


def test_features_keep_apart_what_is_apart(blobs):
    X, y = blobs
    features = extractor(augment="none", max_epochs=30, width=4, discriminator_lr=5e-3)
    labels = KMeans(3, n_init=5, random_state=0).fit_predict(features.fit_transform(X))
    assert adjusted_rand_score(y, labels) > 0.8


def test_the_same_seed_gives_the_same_features(pictures):
    one, again = (extractor(**IMAGES).fit_transform(pictures) for _ in range(2))
    np.testing.assert_array_equal(one, again)


def test_the_game_alone_has_no_code_at_all(blobs):
    model = extractor(objective="gan", n_continuous=2).fit(blobs[0])
    assert list(model.discriminator_.layers) == ["dense1", "dense2"]


def test_samples_of_one_value_of_the_code(blobs):
    model = extractor(max_epochs=4).fit(blobs[0])
    one, other = (model.sample(20, value, random_state=0) for value in (0, 1))
    assert one.shape == other.shape == (20, blobs[0].shape[1])
    assert not np.array_equal(one, other)
    with pytest.raises(ValueError, match="cluster == 3, must be <= 2"):
        model.sample(1, cluster=3)


@pytest.mark.parametrize("settings", [{"objective": "gan"}, {"categorical_codes": ()}])
def test_no_cluster_to_draw_from_without_a_categorical_code(settings, blobs):
    model = extractor(**settings).fit(blobs[0])
    with pytest.raises(ValueError, match="no categorical code"):
        model.sample(1, cluster=0)


def test_what_is_read_was_settled_at_fit(pictures):
    model = extractor(**{**IMAGES, "normalize": "l2"}).fit(pictures)
    before = model.transform(pictures)
    model.set_params(normalize=None, pooling="max", layers="all")
    np.testing.assert_array_equal(model.transform(pictures), before)
