"""What GANFeatureExtractor finds, scores and draws."""

import re

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from small import extractor


@pytest.fixture(scope="module")
def pictures():
    return np.random.RandomState(0).uniform(size=(40, 256)).astype(np.float32)


@pytest.mark.parametrize("settings", [{}, {"image_shape": (1, 8, 8)}])
def test_images_of_another_size_are_an_error_that_names_both(settings, pictures):
    native = np.asarray(pictures).reshape(-1, 8, 8)
    model = extractor(**settings).fit(native)
    for other in (np.zeros((2, 9, 9)), np.zeros((2, 5, 9, 9))):
        message = rf"shape {re.escape(str(other.shape[1:]))}, but .* images of \(1, 8, 8\)"
        with pytest.raises(ValueError, match=message):
            model.transform(other)


def test_only_a_game_with_a_categorical_code_has_a_score(blobs):
    model = extractor().fit(blobs[0])
    assert 0 <= model.score(blobs[0]) <= np.log(3)
    assert hasattr(extractor(), "score")
    assert not hasattr(extractor(objective="gan"), "score")
    assert not hasattr(extractor(n_clusters=None), "score")


def test_continuous_codes_alone(blobs):
    model = extractor(n_clusters=None, n_continuous=2).fit(blobs[0])
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
    features = extractor(augment="none", max_epochs=30, width=4, learning_rate=(5e-3, 1e-3))
    labels = KMeans(3, n_init=5, random_state=0).fit_predict(features.fit_transform(X))
    assert adjusted_rand_score(y, labels) > 0.8


def test_the_same_seed_gives_the_same_features(pictures):
    one, again = (extractor(image_shape=(1, 16, 16)).fit_transform(pictures) for _ in range(2))
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


@pytest.mark.parametrize("settings", [{"objective": "gan"}, {"n_clusters": None}])
def test_no_cluster_to_draw_from_without_a_categorical_code(settings, blobs):
    model = extractor(**settings).fit(blobs[0])
    with pytest.raises(ValueError, match="no categorical code"):
        model.sample(1, cluster=0)
