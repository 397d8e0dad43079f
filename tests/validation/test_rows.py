"""X is left alone, never encoded whole, and put in the units of the networks."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score
from small import clusterer, extractor

from gan_cluster._validation.rows import far_from_fitted
from gan_cluster.training import neighbors
from gan_cluster.training.data import Encoding
from gan_cluster.training.random import torch_generator


def test_booleans_are_numbers(images):
    bits = images > 8
    np.testing.assert_array_equal(
        clusterer().fit(bits).labels_, clusterer().fit(bits.astype(np.uint8)).labels_
    )


@pytest.mark.parametrize("shape", [(8, 8), (1, 8, 8), (8, 8, 1)])
def test_layouts_of_grey_images(shape, images):
    expected = clusterer(image_shape=(1, 8, 8)).fit(images)
    given = images.reshape(-1, *shape)
    model = clusterer().fit(given)
    np.testing.assert_array_equal(model.labels_, expected.labels_)
    np.testing.assert_array_equal(model.predict(images.reshape(-1, 8, 8)), expected.predict(images))
    assert model.sample(3).shape == (3, *shape)


@pytest.mark.parametrize("make", [clusterer, extractor])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.uint8])
def test_x_is_never_changed(make, dtype, images):
    X = images.astype(dtype)
    before = X.copy()
    model = make(image_shape=(1, 8, 8), gradient_penalty=1.0).fit(X).partial_fit(X)
    model.transform(X)
    model.score(X)
    np.testing.assert_array_equal(X, before)
    model.transform(X)[:] = 7
    np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize("architecture", ["dcgan", "mlp"])
def test_x_is_never_encoded_whole(architecture, monkeypatch):
    X = np.random.RandomState(0).randint(0, 256, (3000, 64)).astype(np.uint8)
    sizes = []
    encode = Encoding.encode

    def spy(self, rows):
        sizes.append(len(rows))
        return encode(self, rows)

    monkeypatch.setattr(Encoding, "encode", spy)
    monkeypatch.setattr(neighbors, "CHUNK_BYTES", 500 * 64 * 4)
    model = clusterer(architecture=architecture, image_shape=(1, 8, 8), max_epochs=1).fit(X)
    model.predict(X)
    model.transform(X)
    model.score(X)
    assert 0 < max(sizes) <= 500


def test_a_chunk_at_a_time_sets_the_scale(monkeypatch):
    monkeypatch.setattr("gan_cluster.training.data.CHUNK_BYTES", 8 * 4 * 10)
    X = np.random.RandomState(0).normal([1, -5, 100, 0], [1, 2, 3, 0.1], (95, 4))
    encoding = Encoding.from_data(X, (4,), channels_last=False)
    np.testing.assert_allclose(encoding.center, X.mean(0))
    np.testing.assert_allclose(encoding.scale, X.std(0))
    images = Encoding.from_data(X, (1, 2, 2), channels_last=False)
    assert (images.center - images.scale, images.center + images.scale) == (
        pytest.approx(X.min()),
        pytest.approx(X.max()),
    )


def test_feature_names_are_kept_and_asked_for(blobs):
    frame = pd.DataFrame(blobs[0], columns=["a", "b", "c", "d"])
    model = extractor().fit(frame)
    assert model.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    with pytest.raises(ValueError, match="feature names should match"):
        model.transform(frame[["b", "a", "c", "d"]])


@pytest.mark.parametrize("dtype", ["i8", "u8", ">f8", "f8"])
def test_numbers_far_from_zero_keep_their_differences(dtype):
    far = (np.array([[0.0], [0.0], [1.0], [1.0]]) * 50 + 1_700_000_000).astype(dtype)
    encoding = Encoding.from_data(far, (1,), False)
    np.testing.assert_allclose(encoding.encode(far).numpy(), [[-1], [-1], [1], [1]])


UNITS = {
    "1e-12": 1e-12,
    "1e12": 1e12,
    "1e-300": 1e-300,
    "1e300": 1e300,
    "one for each column": np.array([1e-12, 1.0, 1e12, 1e-3, 1e-12]),
}


@pytest.fixture
def table(blobs):
    """The blobs and a column that is constant."""
    return np.column_stack([blobs[0], np.full(120, 7.0)])


@pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS)
def test_clusters_are_the_same_in_all_units(unit, table, blobs):
    model = clusterer(max_epochs=30, batch_size=20, width=4).fit(table * unit)
    assert adjusted_rand_score(model.labels_, blobs[1]) == 1


@pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS)
def test_rows_are_drawn_in_the_units_of_x(unit, table):
    expected, drawn = (
        clusterer(max_epochs=10).fit(X).sample(500, random_state=0) for X in (table, table * unit)
    )
    np.testing.assert_allclose((drawn / unit).mean(0), expected.mean(0), atol=0.3)
    np.testing.assert_allclose((drawn / unit).std(0), expected.std(0), atol=0.3)
    np.testing.assert_allclose(drawn[:, 4], 7 * np.broadcast_to(unit, 5)[4])
    assert (expected.std(0)[:4] > 0.1).all()


@pytest.mark.parametrize("unit", [1e-12, 1e12])
def test_images_are_the_same_in_all_units(unit, images):
    settings = {"max_epochs": 4, "image_shape": (1, 8, 8)}
    plain, model = (clusterer(**settings).fit(X) for X in (images, images * unit))
    assert adjusted_rand_score(plain.labels_, model.labels_) == 1
    expected, drawn = (fitted.sample(50, random_state=0) for fitted in (plain, model))
    np.testing.assert_allclose(drawn / unit, expected, atol=0.1)


def test_a_row_far_away_has_finite_results_and_a_warning(blobs):
    model = clusterer().fit(blobs[0])
    for read, far in ((model.predict_proba, 1e300), (model.transform, -1e300)):
        with pytest.warns(UserWarning, match="X lies far outside the rows of fit"):
            assert np.isfinite(read(np.full((1, 4), far))).all()


def test_near_rows_of_wide_data_are_found_in_little_memory(monkeypatch):
    rng = np.random.RandomState(0)
    X = rng.normal(size=(150, 5000))
    X = np.vstack([X, X + 0.1 * rng.normal(size=X.shape)])
    monkeypatch.setattr(neighbors, "CHUNK_BYTES", 110 * 5000 * 4)
    sizes = []
    encode = Encoding.encode
    monkeypatch.setattr(
        Encoding, "encode", lambda self, rows: sizes.append(len(rows)) or encode(self, rows)
    )
    encoding = Encoding(
        shape=(5000,), channels_last=False, center=np.zeros(5000), scale=np.ones(5000)
    )
    near = neighbors.nearest_rows(X, encoding, 1, torch_generator(0))
    same = np.arange(300) % 150
    np.testing.assert_array_equal(np.sort(near, axis=1) % 150, np.tile(same, (2, 1)).T)
    assert max(sizes) == 110


def _far(fitted, X, shape=None):
    encoding = Encoding.from_data(fitted, shape or fitted.shape[1:], channels_last=False)
    return far_from_fitted(X, encoding)


PIXELS = np.random.RandomState(0).randint(0, 256, (50, 64)).astype(np.uint8)
COLUMNS = np.random.RandomState(0).normal([500, 3], [10, 0.1], (50, 2))


@pytest.mark.parametrize("shape", [(1, 8, 8), (64,)])
def test_rows_in_other_units_than_those_of_fit_are_told_of(shape):
    other = PIXELS / 255
    assert "from 0 to 1, and those of fit from about" in _far(PIXELS, other, shape)
    assert "in the same units" in _far(other, PIXELS, shape)
    assert _far(PIXELS, PIXELS[:5] // 2, shape) is None


def test_columns_in_other_units_are_told_of():
    assert _far(COLUMNS, COLUMNS * 1000)
    assert _far(COLUMNS, COLUMNS / 1000)
    assert _far(COLUMNS, COLUMNS[:20] + np.array([20, 0.2])) is None


@pytest.mark.parametrize("shape", [(1, 8, 8), (64,)])
def test_one_row_or_a_constant_one_tells_nothing_of_units(shape):
    for rows in (PIXELS[:1], np.full((3, 64), 128), np.zeros((1, 64)), np.full((30, 64), 255)):
        assert _far(PIXELS, rows, shape) is None
    assert _far(PIXELS, PIXELS[:1] / 255, shape) is None


def test_an_estimator_warns_of_other_units_once_it_is_fitted():
    model = clusterer(image_shape=(1, 8, 8)).fit(PIXELS)
    model.predict(PIXELS)
    model.partial_fit(PIXELS)
    for method in ("predict", "transform", "score"):
        with pytest.warns(UserWarning, match="X lies far outside the rows of fit"):
            getattr(model, method)(PIXELS / 255)


def test_near_rows_of_embeddings_are_those_of_like_directions():
    rng = np.random.RandomState(0)
    directions = rng.normal(size=(60, 120))
    X = np.vstack([directions, directions * rng.uniform(3, 9, size=(60, 1))])  # some are longer
    encoding = Encoding((120,), False, center=np.zeros(120), scale=np.ones(120))
    near = neighbors.nearest_rows(X, encoding, 1, torch_generator(0))
    assert (np.sort(near % 60, axis=1) == (np.arange(120) % 60)[:, None]).all()
