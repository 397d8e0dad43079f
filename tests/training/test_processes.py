"""Processes that train one model together end with the same one."""

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits
from small import clusterer

from gan_cluster.training.batches import Batches
from gan_cluster.training.data import Encoding
from gan_cluster.training.processes import Processes
from gan_cluster.training.random import torch_generator

TOGETHER = Path(__file__).parents[1] / "together.py"


def _torchrun(folder, *modes):
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command = [sys.executable, *launch, str(TOGETHER), str(folder), *modes]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def test_all_end_with_the_same_model_on_one_cpu(tmp_path):
    modes = "seedless", "game", "codes", "learned", "heads"
    done = _torchrun(tmp_path, *modes)  # one after the other, for processes take long to start
    assert done.returncode == 0, done.stderr
    for mode in modes:
        _assert_same_model(tmp_path / mode)


def _assert_same_model(folder):
    first, second = (pickle.loads((folder / f"{rank}.pickle").read_bytes()) for rank in "01")
    for name in ("generator_", "discriminator_"):
        ours, others = getattr(first, name).state_dict(), getattr(second, name).state_dict()
        for key, value in ours.items():
            np.testing.assert_array_equal(value.numpy(), others[key].numpy(), err_msg=key)
    np.testing.assert_array_equal(first.labels_, second.labels_)
    X = load_digits().data[400:500]
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))
    for here, there in zip(first.history_, second.history_, strict=True):
        here.pop("seconds"), there.pop("seconds")
        assert here == there
    assert first.partial_fit(X).model_.net.processes.count == 1
    printed = [(folder / f"{rank}.printed").read_text() for rank in "01"]
    assert (" 1/2: " if folder.name in ("game", "learned") else " 1/1: ") in printed[0]
    assert "ConvergenceWarning" in printed[0]
    assert not printed[1]


def test_each_sees_rows_of_its_own(blobs):
    X, _ = blobs
    encoding = Encoding.from_data(X, (4,), channels_last=False)
    seen = []
    for rank in range(3):
        processes = Processes()
        processes.rank, processes.count = rank, 3
        rng = torch_generator(0)
        batches = Batches(X, encoding, batch_size=32, rng=rng, device="cpu", processes=processes)
        assert len(batches) == len(list(batches)) == 4
        seen.append({int(i) for _, _, indices in batches for i in indices})
        assert [len(rows) for rows, _, _ in batches] == [10] * 4
    assert all(len(rows) == 40 for rows in seen)
    assert set.union(*seen) == set(range(120))


def test_one_that_dies_ends_the_others(tmp_path):
    done = _torchrun(tmp_path, "dies")
    assert done.returncode != 0
    assert not list(tmp_path.rglob("*.pickle"))


def test_a_batch_too_small_to_share_is_named(tmp_path):
    done = _torchrun(tmp_path, "tiny batch")
    assert done.returncode != 0
    assert "batch_size=3 is shared by 2 processes: give at least 4" in done.stderr


def test_missing_accelerate_is_named(monkeypatch, images, no_training):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(ImportError, match=r"gan-cluster\[distributed\]"):
        clusterer().fit(images)
