"""The same rows in every kind of container give the same clusters, and X is left alone."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from joblib import dump, load
from small import clusterer, extractor

from gan_cluster.training import neighbors
from gan_cluster.training.data import Encoding
from gan_cluster.training.random import torch_generator


def _memmap(X, folder):
    dump(X, folder / "X.joblib")
    return load(folder / "X.joblib", mmap_mode="r")


TABLES = {
    "list": lambda X, folder: X.tolist(),
    "fortran": lambda X, folder: np.asfortranarray(X),
    "read-only memmap": _memmap,
    "torch": lambda X, folder: torch.from_numpy(X.copy()),
    "torch with gradient": lambda X, folder: torch.from_numpy(X.copy()).requires_grad_(),
    "pandas": lambda X, folder: pd.DataFrame(X).add_prefix("x"),
    "polars": lambda X, folder: pl.DataFrame(X),
}


@pytest.mark.parametrize("kind", TABLES)
def test_containers_of_a_table(kind, blobs, tmp_path):
    X, _ = blobs
    expected = clusterer().fit(X)
    given = TABLES[kind](X, tmp_path)
    model = clusterer().fit(given)
    np.testing.assert_array_equal(model.labels_, expected.labels_)
    np.testing.assert_array_equal(model.predict_proba(given), expected.predict_proba(X))


@pytest.mark.parametrize("dtype", [np.float32, np.uint8, np.int64, np.float16])
def test_dtypes_of_the_same_numbers(dtype, images):
    expected = clusterer(image_shape=(1, 8, 8)).fit(images)
    model = clusterer(image_shape=(1, 8, 8)).fit(images.astype(dtype))
    np.testing.assert_array_equal(model.labels_, expected.labels_)
    np.testing.assert_allclose(
        model.predict_proba(images.astype(dtype)), expected.predict_proba(images), atol=1e-5
    )


def test_booleans_are_numbers(images):
    bits = images > 8
    np.testing.assert_array_equal(
        clusterer().fit(bits).labels_, clusterer().fit(bits.astype(np.uint8)).labels_
    )


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.uint8])
def test_torch_dtypes(dtype, images):
    tensor = torch.from_numpy(images.copy()).to(dtype)  # integers to 16 are exact in each
    model = clusterer(image_shape=(1, 8, 8)).fit(tensor)
    expected = clusterer(image_shape=(1, 8, 8)).fit(images.astype(np.float32))
    np.testing.assert_array_equal(model.labels_, expected.labels_)


LAYOUTS = {
    "first": lambda X: X,
    "last": lambda X: np.ascontiguousarray(X.transpose(0, 2, 3, 1)),
    "last, a view": lambda X: X.transpose(0, 2, 3, 1),
    "torch": lambda X: torch.from_numpy(X.copy()),
    "flat": lambda X: X.reshape(len(X), -1),
    "lists": lambda X: X.tolist(),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_of_colour_images(layout, colours):
    expected = clusterer().fit(colours)
    given = LAYOUTS[layout](colours)
    model = clusterer(image_shape=(3, 9, 11)).fit(given)
    np.testing.assert_array_equal(model.labels_, expected.labels_)
    np.testing.assert_array_equal(model.predict_proba(given), expected.predict_proba(colours))
    assert model.n_features_in_ == 3 * 9 * 11
    assert model.sample(2).shape == (2, *np.shape(given)[1:])


def test_channels_last_is_seen_without_image_shape(colours):
    last = LAYOUTS["last"](colours)
    np.testing.assert_array_equal(clusterer().fit(last).labels_, clusterer().fit(colours).labels_)


@pytest.mark.parametrize("shape", [(8, 8), (1, 8, 8), (8, 8, 1)])
def test_layouts_of_grey_images(shape, images):
    expected = clusterer(image_shape=(1, 8, 8)).fit(images)
    given = images.reshape(-1, *shape)
    model = clusterer().fit(given)
    np.testing.assert_array_equal(model.labels_, expected.labels_)
    np.testing.assert_array_equal(model.predict(images.reshape(-1, 8, 8)), expected.predict(images))
    assert model.sample(3).shape == (3, *shape)


def test_memmap_of_images_is_read_in_place(colours, tmp_path):
    expected = extractor().fit_transform(colours)
    np.testing.assert_array_equal(extractor().fit_transform(_memmap(colours, tmp_path)), expected)


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


def test_a_row_far_away_has_finite_results(blobs):
    model = clusterer().fit(blobs[0])
    assert np.isfinite(model.predict_proba(np.full((1, 4), 1e300))).all()
    assert np.isfinite(model.transform(np.full((1, 4), -1e300))).all()


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
