"""Training on a GPU, and what it leaves behind; skipped where there is none."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from small import clusterer, extractor

from gan_cluster import load, save
from gan_cluster.metrics import clustering_accuracy
from gan_cluster.training import data
from gan_cluster.training.processes import ALONE

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
@pytest.mark.parametrize("settings", [{}, {"precision": "bf16"}, {"ema_decay": 0.9}])
def test_features_are_finite_whatever_the_options(make, settings):
    X = load_digits().data[:200]
    assert np.isfinite(make(**settings, **IMAGE).fit_transform(X)).all()


def test_rows_lie_on_the_gpu_where_they_fit(monkeypatch):
    X = load_digits().data[:200]
    held = clusterer(**IMAGE).fit(X)
    monkeypatch.setattr(data.torch.cuda, "mem_get_info", lambda device: (1000, 1000))
    streamed = clusterer(**IMAGE).fit(X)
    assert (held.labels_ == streamed.labels_).mean() > 0.9


@pytest.mark.parametrize("held", [True, False])
def test_batches_and_steps_never_wait_for_the_gpu(held, monkeypatch):
    X = load_digits().data[:512]
    if not held:
        monkeypatch.setattr(data.torch.cuda, "mem_get_info", lambda device: (1000, 1000))
    model = clusterer(batch_size=128, **IMAGE).fit(X)
    batches = model._batches(X, model._batch_rng, ALONE)
    assert (batches.held is not None) == held
    torch.cuda.set_sync_debug_mode("error")
    try:
        for batch in batches:
            model.net_.train_step(batch)
    finally:
        torch.cuda.set_sync_debug_mode("default")
