"""A fit that was stopped at any moment goes on where it stood, and ends as it would have."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback
from small import clusterer, extractor
from torch import nn

from gan_cluster import _checkpoint
from gan_cluster._folder import CorruptModelError


class Crash(Exception):
    pass


class Crashes(Callback):
    def __init__(self, epoch):
        self.epoch, self.seen_ = epoch, 0

    def on_epoch_begin(self, net, **kwargs):
        self.seen_ += 1
        if self.seen_ == self.epoch:
            raise Crash


class Counts(Callback):
    epochs_ = 0

    def on_epoch_end(self, net, **kwargs):
        self.epochs_ += 1


def _same(model, other, X):
    np.testing.assert_array_equal(model.transform(X), other.transform(X))
    np.testing.assert_array_equal(model.sample(4, random_state=0), other.sample(4, random_state=0))
    histories = [
        [{k: v for k, v in row.items() if k != "seconds"} for row in m.history_]
        for m in (model, other)
    ]
    assert histories[0] == histories[1]
    if hasattr(model, "labels_"):
        np.testing.assert_array_equal(model.labels_, other.labels_)


class Trunk(nn.Sequential):
    """Draws from torch's global generator in training."""

    def __init__(self, shape):
        super().__init__(nn.Flatten(), nn.Linear(int(np.prod(shape)), 8), nn.ReLU(), nn.Dropout())


class Drawn(nn.Module):
    def __init__(self, latent_dim, shape):
        super().__init__()
        self.shape = shape
        self.layer = nn.Linear(latent_dim, int(np.prod(shape)))

    def forward(self, latent):
        return self.layer(latent).view(-1, *self.shape)


FITS = {
    "two runs, merged, refined": (clusterer, {"n_init": 2, "codes_per_cluster": 2}),
    "the game alone": (clusterer, {"consistency_weight": 0, "n_init": 2, "ema_decay": 0.9}),
    "that rests": (clusterer, {"tol": 1.0, "n_iter_no_change": 2, "n_init": 2}),
    "learned prior": (clusterer, {"prior": "learned", "augment": "adversarial"}),
    "contrast": (
        extractor,
        {"categorical_codes": (), "n_continuous": 3, "contrastive_weight": 1.0, "ema_decay": 0.9},
    ),
    "networks that draw": (extractor, {"architecture": (Drawn, Trunk), "n_init": 2}),
}


@pytest.mark.parametrize("epoch", [2, 4, 5, 6, 9, 11])
@pytest.mark.parametrize("name", FITS)
def test_a_fit_goes_on_where_it_stood(name, epoch, blobs, tmp_path):
    X, _ = blobs
    make, settings = FITS[name]
    settings = {"max_epochs": 8, **settings}
    counts = [Counts(), Counts()]
    whole = make(callbacks=[counts[0]], **settings).fit(X)
    model = make(checkpoint_dir=tmp_path / "state", callbacks=[Crashes(epoch)], **settings)
    try:
        model.fit(X)
    except Crash:
        assert not hasattr(model, "net_")
    again = make(checkpoint_dir=tmp_path / "state", callbacks=[counts[1]], **settings).fit(X)
    _same(again, whole, X)
    assert counts[1].epochs_ == max(0, counts[0].epochs_ - (epoch - 1))
    _same(again.partial_fit(X), whole.partial_fit(X), X)


def test_a_fit_that_is_done_is_not_done_again(blobs, tmp_path, monkeypatch):
    X, _ = blobs
    whole = clusterer(checkpoint_dir=tmp_path).fit(X)
    monkeypatch.setattr(type(whole.net_), "train_step", lambda *a, **k: pytest.fail("trained"))
    _same(clusterer(checkpoint_dir=tmp_path).fit(X), whole, X)


def test_without_a_seed_the_first_one_drawn_is_kept(blobs, tmp_path):
    X, _ = blobs
    settings = {"random_state": None, "max_epochs": 4}
    model = clusterer(checkpoint_dir=tmp_path, callbacks=[Crashes(4)], **settings)
    with pytest.raises(Crash):
        model.fit(X)
    resumed = clusterer(checkpoint_dir=tmp_path, **settings).fit(X)
    _same(clusterer(checkpoint_dir=tmp_path, **settings).fit(X), resumed, X)


def test_the_state_is_written_every_so_many_epochs(blobs, tmp_path, monkeypatch):
    written = []
    real = _checkpoint.write_model
    monkeypatch.setattr(
        _checkpoint,
        "write_model",
        lambda folder, document, tensors: (
            written.append((document["stage"], document["done"])),
            real(folder, document, tensors),
        ),
    )
    clusterer(max_epochs=10, checkpoint_dir=tmp_path, checkpoint_every=3).fit(blobs[0])
    assert written == [(0, 3), (0, 5), (1, 3), (1, 5)]


@pytest.mark.parametrize("changed", [{"width": 3}, {"max_epochs": 3}, {"random_state": 1}])
def test_another_fit_is_refused(changed, blobs, tmp_path, no_training):
    X, _ = blobs
    folder = tmp_path / "state"
    _checkpoint.write_model(folder, {"identity": "another"}, {})
    with pytest.raises(ValueError, match="holds the state of another fit"):
        clusterer(checkpoint_dir=folder, **changed).fit(X)


def test_a_training_that_is_done_is_read_another_way(blobs, tmp_path):
    X, _ = blobs
    given = {"max_epochs": 3, "objective": "gan", "random_state": 0}
    extractor(**given, checkpoint_dir=tmp_path / "state").fit(X)
    for reading in ({"layers": ["dense1"], "normalize": None}, {"n_components": 2}):
        counts = Counts()
        kept = {"checkpoint_dir": tmp_path / "state", "callbacks": [counts]}
        found = extractor(**given, **reading, **kept).fit(X)
        assert counts.epochs_ == 0
        _same(found, extractor(**given, **reading).fit(X), X)


def test_parameters_and_rows_tell_fits_apart(blobs):
    X, _ = blobs
    base = _checkpoint.identity(clusterer().get_params(), X)
    assert base == _checkpoint.identity(clusterer(verbose=1).get_params(), X.copy())
    assert base != _checkpoint.identity(clusterer(width=3).get_params(), X)
    assert base != _checkpoint.identity(clusterer().get_params(), X + 1)
    assert base != _checkpoint.identity(clusterer().get_params(), X.astype(np.float32))
    assert base != _checkpoint.identity(clusterer().get_params(), X[:-1])


def test_bad_folders_are_named(blobs, tmp_path, no_training):
    X, _ = blobs
    with pytest.raises(FileNotFoundError, match="there is no folder for it"):
        clusterer(checkpoint_dir=tmp_path / "no" / "folder").fit(X)
    with pytest.raises(ValueError, match="'checkpoint_dir' parameter"):
        clusterer(checkpoint_dir=3).fit(X)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("damage", ["document", "tensors"])
def test_a_damaged_state_is_found_out(damage, blobs, tmp_path):
    clusterer(checkpoint_dir=tmp_path).fit(blobs[0])
    path = next(tmp_path.glob("*.json" if damage == "document" else "*.safetensors"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises((CorruptModelError, json.JSONDecodeError)):
        clusterer(checkpoint_dir=tmp_path).fit(blobs[0])


def test_the_global_generator_is_left_alone(blobs, tmp_path):
    clusterer(checkpoint_dir=tmp_path).fit(blobs[0])
    state = torch.random.get_rng_state()
    clusterer(checkpoint_dir=tmp_path).fit(blobs[0])
    assert torch.equal(torch.random.get_rng_state(), state)


def test_fits_that_are_killed_end_alike(tmp_path):
    script = Path(__file__).parent / "killed.py"
    command = [sys.executable, str(script), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "20 kills" in done.stdout
