"""Training on a GPU, and what it leaves behind; skipped where there is none."""

import gc
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from capturing import CASES, Looks, Reads, Replaces, drawn
from matplotlib.figure import Figure
from sklearn.callback import ScoringMonitor
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from small import clusterer, extractor, is_finite
from stopped import Crash, Crashes, Drawn, Trunk

from gan_cluster import Objective, load, save
from gan_cluster.inspection import FiltersDisplay
from gan_cluster.metrics import clustering_accuracy
from gan_cluster.training import batches, checkpoint, graphs
from gan_cluster.training.schedule import Schedule
from gan_cluster.training.steps import Steps

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]
IMAGE = {"image_shape": (1, 8, 8)}


def _on_cpu_alone(path):
    """Labels of a model that a process without a GPU reads."""
    script = """
import os, pickle, sys
os.environ["CUDA_VISIBLE_DEVICES"] = ""
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from gan_cluster import load
import gan_cluster.clusterer
path = sys.argv[1]
model = load(path) if os.path.isdir(path) else pickle.load(open(path, "rb"))
assert model.device_ == "cpu"
print(*model.predict(load_digits().data))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, path], capture_output=True, text=True, check=True
    )
    return np.array(done.stdout.split(), dtype=int)


def test_a_default_fit_on_a_gpu_finds_the_digits_and_runs_on_a_cpu(tmp_path):
    X, y = load_digits(return_X_y=True)
    model = clusterer(n_clusters=10, width=16, max_epochs="auto", **IMAGE).fit(X)
    assert model.device_ == "cuda"
    assert {weights.device.type for weights in model.discriminator_.parameters()} == {"cuda"}
    assert clustering_accuracy(y, model.labels_) > 0.8
    save(model, tmp_path / "folder")
    (tmp_path / "pickled").write_bytes(pickle.dumps(model))
    for path in (tmp_path / "folder", tmp_path / "pickled"):
        assert (_on_cpu_alone(path) == model.predict(X)).mean() > 0.99
    back = load(tmp_path / "folder", device="cuda")
    np.testing.assert_array_equal(back.predict(X), model.predict(X))
    assert back.partial_fit(X).device_ == "cuda"


@pytest.mark.parametrize("make", [clusterer, extractor])
@pytest.mark.parametrize(
    "settings", [{}, {"precision": "bf16"}, {"objective": Objective(ema_decay=0.9)}]
)
def test_features_are_finite_whatever_the_options(make, settings):
    X = load_digits().data[:200]
    assert np.isfinite(make(**settings, **IMAGE).fit_transform(X)).all()


def test_rows_lie_on_the_gpu_where_they_fit(monkeypatch):
    X = load_digits().data[:200]
    held = clusterer(**IMAGE).fit(X)
    monkeypatch.setattr(batches.torch.cuda, "mem_get_info", lambda device: (1000, 1000))
    streamed = clusterer(**IMAGE).fit(X)
    assert (held.labels_ == streamed.labels_).mean() > 0.9


KINDS = {"images": IMAGE, "table": {}, "networks that draw": {"architecture": (Drawn, Trunk)}}


@pytest.mark.parametrize("make", [clusterer, extractor])
@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_features(make, kind):
    X = load_digits().data[:200]
    torch.cuda.init()
    before = torch.cuda.get_rng_state(), torch.backends.cudnn.deterministic
    one, again = (make(**KINDS[kind], max_epochs=6).fit_transform(X) for _ in range(2))
    np.testing.assert_array_equal(one, again)
    assert torch.equal(torch.cuda.get_rng_state(), before[0])
    assert torch.backends.cudnn.deterministic == before[1]


@pytest.mark.parametrize("kind", KINDS)
def test_a_fit_goes_on_where_it_stood(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "WRITING_SHARE", 1.0)
    X = load_digits().data[:200]
    settings = {**KINDS[kind], "max_epochs": 6, "n_init": 2}
    whole = clusterer(**settings).fit(X)
    for stops in (3, 8):
        settings["checkpoint_dir"] = tmp_path / str(stops)
        with pytest.raises(Crash):
            clusterer(**settings, callbacks=[Crashes(stops)]).fit(X)
        again = clusterer(**settings).fit(X)
        np.testing.assert_array_equal(again.transform(X), whole.transform(X))


def test_a_model_that_is_pickled_stays_on_the_gpu_as_it_was():
    X = load_digits().data[:200]
    model = clusterer(**IMAGE).fit(X)
    net, features = model.model_.net, model.transform(X)
    copy = pickle.loads(pickle.dumps(model))
    assert model.model_.net is net
    assert net.device == copy.model_.net.device == "cuda"
    np.testing.assert_array_equal(copy.transform(X), features)
    assert copy.partial_fit(X).n_iter_ == model.partial_fit(X).n_iter_ == 3


def test_a_mixture_that_teaches_is_where_the_model_is(tmp_path):
    X = load_digits().data[:200, 10:20]
    model = clusterer(prior="auto").fit(X)
    assert model.model_.net.clusters.teacher.weights.device.type == "cuda"
    save(model, tmp_path)
    for same in (load(tmp_path, device="cuda"), pickle.loads(pickle.dumps(model))):
        assert same.partial_fit(X).n_iter_ == 3
    moved = load(tmp_path, device="cpu").partial_fit(X)
    assert moved.model_.net.clusters.teacher.weights.device.type == "cpu"


def test_callbacks_of_scikit_learn_read_each_epoch():
    X, y = load_digits(return_X_y=True)
    monitor = ScoringMonitor(scoring="adjusted_rand_score")
    model = clusterer(max_epochs=4, **IMAGE).set_callbacks(monitor).fit(X[:200], y[:200])
    assert len(monitor.get_logs().data_as_pandas) == 5  # of each epoch, and of the whole fit
    assert model.model_.net.device == "cuda"


def test_filters_in_inference_mode():
    X = load_digits().data[:200]
    model = clusterer(**IMAGE).fit(X)
    with torch.inference_mode():
        found = FiltersDisplay.from_estimator(model, X, ax=Figure().subplots())
    assert np.isfinite(found.gradients).all()
    assert len(np.unique(found.gradients)) > 10


@pytest.fixture
def made(monkeypatch):
    """The graphs that are captured."""
    made = []
    capture = graphs.Graph.__init__

    def noted(self, *args):
        capture(self, *args)
        made.append(type(self))

    monkeypatch.setattr(graphs.Graph, "__init__", noted)
    return made


@pytest.mark.parametrize("case", CASES)
def test_captured_steps_do_what_others_do(case, made):
    X = load_digits().data[:300]
    settings, n_graphs = CASES[case]
    looked = clusterer(**{"max_epochs": 6, **settings}, callbacks=[Looks()]).fit(X)
    assert made == []
    captured = clusterer(**{"max_epochs": 6, **settings}).fit(X)
    assert len(made) == n_graphs
    np.testing.assert_array_equal(captured.transform(X), looked.transform(X))
    np.testing.assert_array_equal(captured.labels_, looked.labels_)


@pytest.mark.parametrize("trunk", [Reads, Replaces])
def test_networks_that_cannot_be_captured_are_trained_all_the_same(trunk, made):
    X = load_digits().data[:300]
    model = clusterer(architecture=(drawn, trunk), max_epochs=6).fit(X)
    assert made == []
    assert np.isfinite(model.transform(X)).all()


@pytest.mark.parametrize("held", [True, False])
def test_an_epoch_never_waits_for_the_gpu(held, made, monkeypatch):
    X = load_digits().data[:512]
    if not held:
        monkeypatch.setattr(batches.torch.cuda, "mem_get_info", lambda device: (1000, 1000))
    model = clusterer(batch_size=64, objective=Objective(ema_decay=0.9), **IMAGE).fit(X).model_
    model.net.initialize_callbacks()
    rows = Schedule(model.recipe, X).batches(model.rng, looks_near=True)
    assert (rows.held is not None) == held
    steps = Steps(model.net, rows)
    model.net.hold_rates()
    steps.epoch()
    assert len(made) == held
    torch.cuda.set_sync_debug_mode("error")
    try:
        steps.epoch()
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_what_diverges_is_taken_back():
    X = load_digits().data[:300]
    model = clusterer(learning_rate=(1e-3, 1e30), max_epochs=8, **IMAGE)
    with pytest.warns(ConvergenceWarning, match="diverged in epoch"):
        model.fit(X)
    assert is_finite(model, X)


def test_memory_does_not_grow_over_fits():
    X = load_digits().data
    used = []
    for _ in range(10):
        clusterer(n_clusters=10, **IMAGE).fit(X)
        gc.collect()
        used.append(torch.cuda.memory_allocated())
    assert max(used[2:]) <= used[1]


def test_fits_in_two_threads_are_those_of_one():
    X = load_digits().data[:300]
    seeds = (0, 1)

    def features(seed):
        return clusterer(max_epochs=12, **IMAGE).set_params(random_state=seed).fit_transform(X)

    alone = [features(seed) for seed in seeds]
    with ThreadPoolExecutor(2) as threads:
        together = list(threads.map(features, seeds))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


def test_too_little_memory_is_said_with_what_would_fit():
    X = np.random.default_rng(0).integers(0, 256, (8192, 3, 32, 32), dtype=np.uint8)
    torch.cuda.empty_cache()
    total = torch.cuda.mem_get_info()[1]
    torch.cuda.set_per_process_memory_fraction(
        min(1.0, (torch.cuda.memory_reserved() + 2e9) / total)
    )
    try:
        model = clusterer(n_clusters=10, width=64, batch_size=8192)
        with pytest.raises(MemoryError, match=r"batch_size=8192 needs .* batch_size=\d+ would fit"):
            model.fit(X)
        assert "model_" not in vars(model)
        clusterer(n_clusters=10, width=64, batch_size=128).fit(X[:512])
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
