"""Rows on disk, and data sets, give what the same rows in memory give."""

import numpy as np
import pytest
import torch
from inputs import Items
from small import clusterer, extractor
from torch.utils.data import IterableDataset, TensorDataset

from gan_cluster.training import storage
from gan_cluster.training.batches import Batches
from gan_cluster.training.data import Encoding
from gan_cluster.training.neighbors import nearest_rows
from gan_cluster.training.random import torch_generator


@pytest.fixture
def all_on_disk(monkeypatch):
    """Every file is too large for memory, and blocks are small."""
    monkeypatch.setattr(storage, "HELD_BYTES", 0)
    monkeypatch.setattr(storage, "BLOCK_ROWS", 30)
    monkeypatch.setattr(storage, "RUN", 4)


def _memmap(X, folder, mode="r"):
    path = folder / "rows"
    X.tofile(path)
    return np.memmap(path, dtype=X.dtype, mode=mode, shape=X.shape)


class Stream(IterableDataset):
    def __init__(self, rows):
        self.rows = rows

    def __iter__(self):
        return iter(self.rows)


def test_rows_are_spread_over_all_whatever_their_order():
    X = np.arange(25_000)[:, None]
    rows = storage.spread_rows(X, 10_000)[:, 0]
    assert len(rows) == 8_334
    assert (rows // 3 == np.arange(8_334)).all()  # one of each run of three
    np.testing.assert_allclose(np.bincount(rows % 3) / len(rows), 1 / 3, atol=0.03)
    np.testing.assert_array_equal(storage.spread_rows(X, 25_000), X)
    assert len(storage.spread_rows(X[:5], 10)) == 5


def test_views_of_large_files_are_known(tmp_path, all_on_disk):
    mapped = _memmap(np.arange(60.0).reshape(12, 5), tmp_path)
    for view in (mapped, np.asarray(mapped), mapped[::2], np.asarray(mapped).reshape(5, 12)):
        assert storage.mapped_file(view) is mapped
    for other in (np.array(mapped), np.zeros(3), mapped[[0, 2]]):
        assert storage.mapped_file(other) is None


def test_small_files_are_held(tmp_path):
    assert storage.mapped_file(_memmap(np.zeros((3, 2)), tmp_path)) is None


@pytest.mark.parametrize("mode", ["r", "r+", "c"])
def test_released_rows_can_be_read_and_changes_are_kept(mode, tmp_path, all_on_disk):
    X = np.arange(20000.0).reshape(4, 5000)
    mapped = _memmap(X, tmp_path, mode)
    if mode != "r":
        mapped[2] = X[2] = -1
    read = storage.read(mapped, slice(1, 3))
    storage.release(mapped)
    np.testing.assert_array_equal(read, X[1:3])
    np.testing.assert_array_equal(mapped, X)


def test_blocks_hold_every_row_once_in_runs(tmp_path, all_on_disk):
    mapped = _memmap(np.zeros((103, 2)), tmp_path)
    blocks = storage.deal(mapped, 3, torch_generator(0))
    np.testing.assert_array_equal(np.sort(np.concatenate(blocks)), np.arange(103))
    assert {len(block) for block in blocks} <= {25, 26}
    for block in blocks:
        assert (np.diff(block) == 1).mean() > 0.5
        assert np.ptp(block) > 60


def test_blocks_of_long_rows_are_short_but_hold_some_batches(tmp_path, all_on_disk, monkeypatch):
    monkeypatch.setattr(storage, "BLOCK_BYTES", 10 * 16)
    mapped = _memmap(np.zeros((100, 2)), tmp_path)
    assert [len(b) for b in storage.deal(mapped, 1, torch_generator(0))] == [10] * 10
    assert [len(b) for b in storage.deal(mapped, 3, torch_generator(0))] == [20] * 5


def test_batches_come_from_one_block_after_the_other(tmp_path, all_on_disk):
    rng = torch_generator(0)
    X = _memmap(np.random.RandomState(0).normal(size=(100, 2)), tmp_path)
    encoding = Encoding.from_data(X, (2,), channels_last=False)
    blocks = storage.deal(X, 5, rng)
    near = [nearest_rows(X[block], encoding, 2, rng) for block in blocks]
    batches = Batches(X, encoding, batch_size=5, rng=rng, device="cpu", blocks=blocks, near=near)
    where = np.empty(100, dtype=int)
    for i, block in enumerate(blocks):
        where[block] = i
    seen, orders = [], []
    for rows, partners, indices in batches:
        torch.testing.assert_close(rows, encoding.encode(X[indices.numpy()]))
        distances = torch.cdist(partners, encoding.encode(X))
        assert len(set(where[indices.numpy()])) == 1
        assert (where[distances.argmin(1).numpy()] == where[indices.numpy()]).all()
        seen += indices.tolist()
        orders.append(where[indices[0]])
    assert len(seen) == len(batches) * 5 == 100
    assert sorted(seen) == list(range(100))
    assert len(set(orders)) == 4
    assert [where[next(iter(batches))[2][0]] for _ in range(8)] != [orders[0]] * 8


def test_rows_on_disk_are_clustered_as_those_in_memory(blobs, tmp_path, all_on_disk):
    X, _ = blobs
    settings = {"max_epochs": 40, "batch_size": 10, "width": 4, "random_state": 1}
    in_memory = clusterer(**settings).fit(X)
    on_disk = clusterer(**settings).fit(_memmap(X, tmp_path))
    shared = np.zeros((3, 3))
    np.add.at(shared, (in_memory.labels_, on_disk.labels_), 1)
    assert (shared > 0).sum() == 3
    np.testing.assert_array_equal(on_disk.predict(X), on_disk.labels_)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_bad_values_on_disk_are_named(bad, tmp_path, all_on_disk, no_training):
    X = np.random.RandomState(0).normal(size=(50, 3))
    X[41, 1] = bad
    with pytest.raises(ValueError, match="in row 41, column 1"):
        clusterer().fit(_memmap(X, tmp_path))


@pytest.mark.parametrize("kind", ["Dataset of tuples", "IterableDataset", "TensorDataset"])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_data_sets_give_what_arrays_give(kind, method, colours):
    tensors = torch.from_numpy(colours)
    X = {
        "Dataset of tuples": Items(colours),
        "IterableDataset": Stream(tensors),
        "TensorDataset": TensorDataset(tensors),
    }[kind]
    model = getattr(extractor(), method)(X)
    expected = getattr(extractor(), method)(colours)
    np.testing.assert_array_equal(model.transform(X), expected.transform(colours))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "Stream has no rows"),
        ([np.zeros(3), np.zeros(4)], r"item 1 of Stream has shape \(4,\)"),
        ([np.zeros(3), np.zeros(3, dtype=int)], "item 1 of Stream .* dtype int64"),
        ([np.array(["a", None])], "rows of numbers"),
    ],
)
def test_data_sets_that_are_no_rows_are_named(rows, message, no_training):
    with pytest.raises(ValueError, match=message):
        clusterer().fit(Stream(rows))


def test_features_are_written_where_asked(images, tmp_path):
    model = extractor(image_shape=(1, 8, 8)).fit(images)
    expected = model.transform(images)
    out = np.memmap(tmp_path / "out", dtype=np.float32, mode="w+", shape=expected.shape)
    assert model.transform(images, out=out) is out
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize(("shape", "dtype"), [((99, 131), np.float32), ((100, 131), np.int64)])
def test_out_must_hold_the_features(shape, dtype, images):
    model = extractor(image_shape=(1, 8, 8)).fit(images)
    with pytest.raises(ValueError, match=r"out has shape .* it should have shape \(100, 131\)"):
        model.transform(images, out=np.empty(shape, dtype))


@pytest.mark.parametrize(
    ("out", "error", "message"),
    [
        ([[0.0] * 131] * 100, TypeError, "out should be an ndarray to write to, got list"),
        (torch.zeros(100, 131), TypeError, "out should be an ndarray to write to, got Tensor"),
        (np.broadcast_to(np.float32(0), (100, 131)), ValueError, "out cannot be written to"),
    ],
)
def test_out_must_be_an_array_to_write_to(out, error, message, images):
    model = extractor(image_shape=(1, 8, 8)).fit(images)
    with pytest.raises(error, match=message):
        model.transform(images, out=out)
