"""What the tests share: small data, a guard against training, and how many examples are tried."""

import importlib
import os
import signal
import sys
import warnings
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from hypothesis import settings
from sklearn.datasets import load_digits, make_blobs

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # errors are for ours: packages that are imported have theirs
    from gan_cluster import _recipe
    from gan_cluster.training.net import AdversarialNet
    from gan_cluster.training.recipe import Length

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"

torch.set_num_threads(1)  # for steps as small as these a second thread only gets in the way

# of the properties: HYPOTHESIS_PROFILE=nightly tries new examples, ten times as many
settings.register_profile("ci", max_examples=50, deadline=None, derandomize=True, database=None)
settings.register_profile(
    "nightly", max_examples=500, deadline=None, database=None, print_blob=True
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    """Warnings are errors while tests run, not while their modules import others' packages."""
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        return (yield)


@pytest.fixture(autouse=True)
def _on_the_cpu(request, monkeypatch):
    """Tests are of the CPU wherever they run, those marked gpu apart: exact results differ."""
    if "gpu" not in request.keywords:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


@pytest.fixture(autouse=True)
def interrupts():
    """Interrupts are heard, also where the tests run in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def blobs():
    """Three round clusters in a table of four columns, and their labels."""
    return make_blobs(120, n_features=4, centers=3, cluster_std=0.5, random_state=0)


@pytest.fixture(scope="session")
def images():
    """100 handwritten digits of 8x8, as a table of floats from 0 to 16."""
    X = load_digits().data[:100]
    X.setflags(write=False)
    return X


@pytest.fixture(scope="session")
def colours():
    """Images of 3 channels, 9x11, channels first, uint8."""
    return np.random.RandomState(0).randint(0, 256, (40, 3, 9, 11)).astype(np.uint8)


@pytest.fixture
def no_training(monkeypatch):
    """Any training step fails the test."""

    def train_step(self, *args, **kwargs):
        pytest.fail("a training step ran")

    monkeypatch.setattr(AdversarialNet, "train_step", train_step)


@pytest.fixture
def refused(monkeypatch, capsys, tmp_path):
    """A function of a benchmark and its arguments, which it has to refuse; returns what it says."""

    def run(name, *arguments):
        monkeypatch.syspath_prepend(str(BENCHMARKS))
        script = importlib.import_module(name)
        written = ["--json", str(tmp_path / "found.json")]
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *arguments, *written])
        with pytest.raises(SystemExit, match="2"):
            script.main()
        assert not list(tmp_path.iterdir())
        return capsys.readouterr().err

    return run


@pytest.fixture
def short(monkeypatch):
    """Few runs, or heads, of one epoch a stage; searches in threads, where this holds, too."""

    def shortened(**length):
        few = {name: min(1, length[name]) for name in ("looking", "trying", "drawing")}
        few |= {name: min(2, length[name]) for name in ("n_runs", "n_heads")}
        return Length(**{**length, **few, "forming": 1, "more": 1})

    monkeypatch.setattr(_recipe, "Length", shortened)
    with joblib.parallel_config(backend="threading"):
        yield
