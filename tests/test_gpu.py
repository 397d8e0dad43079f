"""Training on a GPU, and what it leaves behind; skipped where there is none."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from sklearn.callback import ScoringMonitor
from sklearn.datasets import load_digits
from small import clusterer, extractor
from stopped import Crash, Crashes, Drawn, Trunk

from gan_cluster import Objective, load, save
from gan_cluster.inspection import FiltersDisplay
from gan_cluster.metrics import clustering_accuracy
from gan_cluster.training import checkpoint, data
from gan_cluster.training.schedule import Schedule

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
    monkeypatch.setattr(data.torch.cuda, "mem_get_info", lambda device: (1000, 1000))
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


@pytest.mark.parametrize("held", [True, False])
def test_batches_and_steps_never_wait_for_the_gpu(held, monkeypatch):
    X = load_digits().data[:512]
    if not held:
        monkeypatch.setattr(data.torch.cuda, "mem_get_info", lambda device: (1000, 1000))
    model = clusterer(batch_size=128, **IMAGE).fit(X).model_
    batches = Schedule(model.recipe, X).batches(model.rng, looks_near=True)
    assert (batches.held is not None) == held
    torch.cuda.set_sync_debug_mode("error")
    try:
        for batch in batches:
            model.net.train_step(batch)
    finally:
        torch.cuda.set_sync_debug_mode("default")
