"""Captured steps: what they repeat, what cannot be captured, and that no step waits for the host.

There is a GPU on few machines: here a recorder stands for a CUDA graph, and repeats operations
without running any Python of the step again.
"""

import numpy as np
import pytest
import torch
from capturing import CASES, Looks, Reads, Replaces, drawn
from replayed import Replayed, captured_on_the_cpu
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from small import clusterer, extractor
from stopped import Crash, Crashes

from gan_cluster.training import checkpoint
from gan_cluster.training.graphs import HostReads
from gan_cluster.training.labels import Labels
from gan_cluster.training.schedule import Schedule
from gan_cluster.training.steps import Steps

X = load_digits().data[:300]
IMAGE = {"image_shape": (1, 8, 8)}


def fits(settings, monkeypatch, y=None):
    """The same fit with steps that are not captured, and that are; and the number of graphs."""
    captured_on_the_cpu(monkeypatch)
    settings = {"max_epochs": 6, **settings}
    looked = clusterer(callbacks=[Looks()], **settings).fit(X, y)
    assert Replayed.made == 0
    captured = clusterer(**settings).fit(X, y)
    return looked, captured, Replayed.made


def assert_same(one, other):
    np.testing.assert_array_equal(one.transform(X), other.transform(X))
    np.testing.assert_array_equal(one.labels_, other.labels_)
    np.testing.assert_array_equal(one.sample(9, random_state=0), other.sample(9, random_state=0))
    rows = [
        [{name: row[name] for name in sorted(row.keys() - {"seconds"})} for row in model.history_]
        for model in (one, other)
    ]
    assert str(rows[0]) == str(rows[1])


@pytest.mark.parametrize("case", CASES)
def test_captured_steps_do_what_others_do(case, monkeypatch):
    settings, n_graphs = CASES[case]
    looked, captured, made = fits(settings, monkeypatch)
    assert made == n_graphs
    assert_same(looked, captured)


@pytest.mark.parametrize("settings", [{}, {**IMAGE, "n_continuous": 1}])
def test_captured_steps_learn_the_same_from_labels(settings, monkeypatch):
    y = np.full(len(X), -1)
    y[:6] = [0, 1, 2] * 2
    looked, captured, made = fits(settings, monkeypatch, y)
    assert made == 2
    assert_same(looked, captured)
    assert 0 < captured.history_[-1]["label_loss"] < 5


@pytest.mark.parametrize("trunk", [Reads, Replaces])
def test_networks_that_cannot_be_captured_are_trained_all_the_same(trunk, monkeypatch):
    looked, captured, made = fits({"architecture": (drawn, trunk)}, monkeypatch)
    assert made == 0
    assert_same(looked, captured)


def test_a_capture_that_fails_is_done_without(monkeypatch):
    captured_on_the_cpu(monkeypatch)
    looked = clusterer(callbacks=[Looks()], max_epochs=6).fit(X)

    def fails(*args):
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr("gan_cluster.training.graphs.Graph", fails)
    assert_same(looked, clusterer(max_epochs=6).fit(X))


def test_steps_are_captured_anew_after_one_that_diverged(monkeypatch):
    settings = {"learning_rate": (1e-3, 1e30), "max_epochs": 8}
    with pytest.warns(ConvergenceWarning, match=r"diverged in epoch \[5, 6\]"):
        looked, captured, made = fits(settings, monkeypatch)
    assert made == 3
    assert_same(looked, captured)


@pytest.mark.parametrize(("settings", "epochs"), [(IMAGE, [2, 5]), ({}, [2, 5, 8])])
def test_a_fit_with_captured_steps_goes_on_where_it_stood(settings, epochs, tmp_path, monkeypatch):
    captured_on_the_cpu(monkeypatch)
    monkeypatch.setattr(checkpoint, "WRITING_SHARE", 1.0)
    settings = {**settings, "max_epochs": 6, "n_init": 2}
    whole = clusterer(**settings).fit(X)
    for stops in epochs:
        settings["checkpoint_dir"] = tmp_path / str(stops)
        with pytest.raises(Crash):
            clusterer(**settings, callbacks=[Crashes(stops)]).fit(X)
        assert_same(clusterer(**settings).fit(X), whole)


def test_chunks_and_a_warm_start_capture_as_well(monkeypatch):
    captured_on_the_cpu(monkeypatch)
    model = extractor(**IMAGE, warm_start=True).partial_fit(X)
    assert Replayed.made == 1
    made = [Replayed.made for _ in range(2) if model.fit(X)]
    assert made == [2, 3]


@pytest.mark.parametrize("captures", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_no_step_waits_for_the_host(case, captures, monkeypatch):
    if captures:
        captured_on_the_cpu(monkeypatch)
    model = clusterer(**CASES[case][0]).fit(X).model_
    net = model.net
    net.initialize_callbacks()
    batches = Schedule(model.recipe, X).batches(model.rng, looks_near=True)
    if net.objective.is_consistent:
        some = Labels(np.arange(2), np.arange(6), np.arange(6) % 2)
        batches = batches.beside_labels(some)
    steps = Steps(net, batches)
    steps.epoch()
    with HostReads() as reads:
        steps.epoch()
    where = {"aten::_local_scalar_dense"} if captures else set()  # the seed of the order
    assert set(reads.found) <= where


def test_no_step_of_the_look_at_rows_waits_for_the_host():
    colours = np.random.RandomState(0).rand(80, 3, 8, 8)
    model = clusterer().fit(colours).model_
    model.net.initialize_callbacks()
    model.net.looking = True
    rows = colours.reshape(80, -1)
    steps = Steps(model.net, Schedule(model.recipe, rows).batches(model.rng, looks_near=False))
    steps.epoch()
    with HostReads() as reads:
        steps.epoch()
    assert reads.found == []


def test_operations_that_read_values_are_found():
    values = torch.arange(4.0)
    with HostReads() as reads:
        values[values.long()].cumsum(0).clamp(0, 2)
    assert reads.found == []
    with HostReads() as reads:
        values[values > 1]
        values.nonzero()
        bool(values.sum() > 2)
    assert reads.found == ["aten::index", "aten::nonzero", "aten::_local_scalar_dense"]
