"""Rows as tensors and back, near rows, batches."""

import numpy as np
import pytest
import torch

from gan_cluster.training.batches import Batches, fixed_batches, held_rows
from gan_cluster.training.data import FAR, Encoding
from gan_cluster.training.neighbors import nearest_rows, search_on_cpu, search_on_gpu
from gan_cluster.training.random import torch_generator


@pytest.fixture
def table():
    return np.random.RandomState(0).normal([5, -2], [3, 0.3], (23, 2))


def _encoding(X, shape=None, channels_last=False):
    return Encoding.from_data(X, shape or X.shape[1:], channels_last)


def _batches(X, batch_size, encoding=None, **given):
    encoding = encoding or _encoding(X)
    rng = torch_generator(0)
    return Batches(X, encoding, batch_size=batch_size, rng=rng, device="cpu", **given)


def test_tables_are_standardised_and_come_back(table):
    encoding = _encoding(table)
    batch = encoding.encode(table)
    assert batch.dtype == torch.float32
    torch.testing.assert_close(batch.mean(0), torch.zeros(2), atol=1e-6, rtol=0)
    torch.testing.assert_close(batch.std(0, correction=0), torch.ones(2))
    np.testing.assert_allclose(encoding.decode(batch), table, rtol=1e-5)


def test_a_column_far_from_zero_keeps_its_digits():
    X = 1e9 + np.arange(6.0)[:, None]
    batch = _encoding(X).encode(X)
    torch.testing.assert_close(batch.diff(dim=0).std(), torch.tensor(0.0), atol=1e-5, rtol=0)


def test_a_constant_column_stays_finite(table):
    table[:, 1] = 3
    encoding = _encoding(table)
    batch = encoding.encode(table)
    assert (batch[:, 1] == 0).all()
    drawn = encoding.decode(batch + 0.5)
    np.testing.assert_allclose(drawn[:, 1], 3)
    np.testing.assert_allclose(drawn[:, 0], table[:, 0] + 0.5 * table[:, 0].std(), rtol=1e-5)


@pytest.mark.parametrize("unit", [2.0**-1000, 2.0**-40, 2.0**40, 2.0**1000])
def test_units_of_powers_of_two_change_no_bit(unit, table):
    expected, found = (_encoding(X).encode(X) for X in (table, table * unit))
    assert torch.equal(found, expected)


@pytest.mark.parametrize("shape", [(2,), (1, 1, 2)])
@pytest.mark.parametrize(
    ("unit", "dtype"),
    [(unit, "f8") for unit in (1e-310, 1e-12, 1e12, 1e306)]
    + [(unit, "f4") for unit in (1e-40, 1e-12, 1e12, 3e37)],
)
def test_units_change_little(unit, dtype, shape, table):
    table = np.clip(table, -9, 9)
    X = (table * unit).astype(dtype)
    expected, found = (_encoding(rows, shape).encode(rows) for rows in (table, X))
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


def test_a_column_that_hardly_varies_is_not_constant():
    X = 1 + np.arange(6.0)[:, None] * np.finfo(float).eps
    batch = _encoding(X).encode(X)
    assert (batch.diff(dim=0) > 0).all()
    assert batch.abs().max() < 10


def test_the_smallest_range_of_images():
    X = np.array([[0.0, 0.0], [0.0, 5e-324]])
    assert _encoding(X, (1, 1, 2)).encode(X).ravel().tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize("channels_last", [False, True])
def test_images_fill_the_range_of_tanh_and_come_back(channels_last, colours):
    images = colours.transpose(0, 2, 3, 1) if channels_last else colours
    rows = images.reshape(len(images), -1)
    encoding = _encoding(rows, (3, 9, 11), channels_last)
    batch = encoding.encode(rows)
    assert batch.shape == colours.shape
    assert (batch.min(), batch.max()) == (-1, 1)
    np.testing.assert_allclose((batch.numpy() + 1) * 127.5, colours, atol=1e-3)
    np.testing.assert_allclose(encoding.decode(batch), rows, atol=1e-3)


def test_neighbours_are_the_nearest_rows_and_the_row_itself(table):
    encoding = _encoding(table)
    found = nearest_rows(table, encoding, 3, torch_generator(0))
    distances = torch.cdist(encoding.encode(table), encoding.encode(table))
    for i, row in enumerate(found):
        assert set(row) == set(distances[i].argsort()[:4].tolist())
        assert i in row


def test_neighbours_are_searched_in_blocks(monkeypatch):
    line = np.arange(60.0).reshape(60, 1)
    whole = nearest_rows(line, _encoding(line), 2, torch_generator(0))
    monkeypatch.setattr("gan_cluster.training.neighbors.NEIGHBOR_BLOCK", 10)
    blocks = nearest_rows(line, _encoding(line), 2, torch_generator(0))
    assert np.ptp(whole, axis=1).max() == 2
    assert np.ptp(blocks, axis=1).mean() > 6
    assert (blocks == np.arange(60)[:, None]).any(1).all()


def test_neighbours_are_at_most_all_rows(table):
    assert nearest_rows(table[:3], _encoding(table), 5, torch_generator(0)).shape == (3, 3)


def test_batches_pass_over_the_rows_in_a_new_order_each_time(table):
    batches = _batches(table, 10)
    assert len(batches) == 2
    passes = [torch.cat([indices for _, _, indices in batches]) for _ in range(2)]
    for order in passes:
        assert len(order) == len(set(order.tolist())) == 20
    assert not torch.equal(*passes)
    for rows, partners, indices in batches:
        torch.testing.assert_close(rows, batches.encoding.encode(table[indices.numpy()]))
        assert partners is rows


def test_batch_size_is_clipped(table):
    batches = _batches(table, 1000)
    assert [len(rows) for rows, _, _ in batches] == [23]


def test_partners_are_drawn_from_the_neighbours(table):
    encoding = _encoding(table)
    neighbors = nearest_rows(table, encoding, 2, torch_generator(0))
    batches = _batches(table, 23, near=[neighbors])
    drawn = []
    for _ in range(50):
        ((_, partners, indices),) = batches
        distance = torch.cdist(partners, encoding.encode(table))
        drawn.append(distance.argmin(1)[indices.argsort()].numpy())
    for i, seen in enumerate(np.transpose(drawn)):
        assert set(seen) == set(neighbors[i])


def test_relabel_tells_the_share_that_changed(table):
    batches = _batches(table, 4)
    indices = torch.tensor([3, 8, 1, 7])
    assert batches.relabel(indices, torch.tensor([0, 1, 2, 0])) == 1
    assert batches.relabel(indices, torch.tensor([0, 1, 0, 0])) == 0.25


def test_fixed_batches_fill_up_the_last_one(table):
    parts = list(fixed_batches(table, _encoding(table), 10, "cpu"))
    assert [(len(rows), n) for rows, n in parts] == [(10, 10), (10, 10), (10, 3)]


@pytest.mark.parametrize("channels_last", [False, True])
def test_rows_held_on_the_device_are_batches_like_those_that_are_read(channels_last, colours):
    images = colours.transpose(0, 2, 3, 1) if channels_last else colours
    X = images.reshape(len(images), -1)
    encoding = _encoding(X, (3, 9, 11), channels_last)
    rows, near = encoding.encode(X), nearest_rows(X, encoding, 3, torch_generator(0))
    read, held = (_batches(X, 7, encoding, near=[near], held=at) for at in (None, rows))
    assert len(held) == len(read) == 5
    orders = []
    for own in (*held, *held.alone()):
        for part, expected in zip(own, next(iter(read)), strict=True):
            assert (part.shape, part.stride()) == (expected.shape, expected.stride())
        orders.append(own[2])
        assert torch.equal(own[0], rows[own[2]])
    for epoch in (orders[:5], orders[5:]):
        assert len(torch.cat(epoch).unique()) == 35
    assert not torch.equal(orders[0], orders[5])
    partners = torch.cat([partners for _, partners, _ in held])
    assert len(partners.unique(dim=0)) > 10
    for _, partners, numbers in held:
        for partner, number in zip(partners, numbers, strict=True):
            assert any(torch.equal(partner, rows[i]) for i in near[number])
    assert all(torch.equal(own, partners) for own, partners, _ in held.alone())


def test_a_search_by_all_distances_finds_the_same_rows(table):
    rows = np.float32(table)
    found = search_on_gpu("cpu", rows, 4)
    assert found.shape == (23, 4)
    for ours, others in zip(found, search_on_cpu(rows, 4), strict=True):
        assert set(ours) == set(others)


def test_the_cpu_holds_no_second_copy_of_the_rows(table):
    assert held_rows(table, _encoding(table), "cpu") is None


@pytest.mark.parametrize("far", [1e6, -1e6, 1e300])
def test_one_pixel_far_off_leaves_the_scale_of_images(far):
    images = np.random.RandomState(0).randint(0, 256, (200, 64)).astype(float)
    expected = _encoding(images, (1, 8, 8)).encode(images)
    images[7, 3] = far
    found = _encoding(images, (1, 8, 8)).encode(images)
    is_far = torch.arange(200 * 64).view(expected.shape) == 7 * 64 + 3
    torch.testing.assert_close(found[~is_far], expected[~is_far], atol=0.05, rtol=0)
    assert found[is_far] == np.sign(far) * FAR


@pytest.mark.parametrize("far", [1e6, -1e6, 1e150])
def test_one_value_far_off_leaves_the_scale_of_its_column(far):
    X = np.random.RandomState(0).normal([5, -2], [300, 0.3], (500, 2))
    expected = _encoding(X).encode(X)
    X[7, 1] = far
    found = _encoding(X).encode(X)
    torch.testing.assert_close(found[:, 0], expected[:, 0])
    assert found[7, 1] == np.sign(far) * FAR
    others = np.arange(500) != 7
    torch.testing.assert_close(found[others, 1], expected[others, 1], atol=0.3, rtol=0.2)


def test_columns_of_one_kind_keep_their_relative_scales_and_those_of_units_do_not():
    rows, of_one_kind = np.random.RandomState(0).normal(size=(200, 4)), [1, 1.5, 2, 0]
    batch = _encoding(rows * of_one_kind).encode(rows * of_one_kind)
    deviation = batch.std(0, correction=0) / (rows * of_one_kind).std(0)[0]
    expected = (rows * of_one_kind).std(0) / (rows * of_one_kind).std(0)[0]
    np.testing.assert_allclose(deviation / deviation[0], expected, rtol=1e-5)
    np.testing.assert_allclose(batch[:, :3].square().mean(), 1, atol=0.05)
    of_units = rows * [1, 1000, 0.01, 0]
    batch = _encoding(of_units).encode(of_units)
    np.testing.assert_allclose(batch.std(0, correction=0), [1, 1, 1, 0], rtol=1e-5)
