"""A fit that was stopped at any moment goes on where it stood, and ends as it would have."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from copy import deepcopy
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback
from small import STEADY, clusterer, extractor
from stopped import Crash, Crashes, Drawn, Trunk
from torch import nn

from gan_cluster._folder import CorruptModelError, read_model, write_model
from gan_cluster._recipe import identity
from gan_cluster._validation.rows import check_rows
from gan_cluster.training import checkpoint, schedule
from gan_cluster.training.judging import Jury


@pytest.fixture
def each_epoch(monkeypatch):
    """The state is written after each epoch, however long that takes."""
    monkeypatch.setattr(checkpoint, "WRITING_SHARE", 1.0)


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


def jittered(rows):
    return rows + 0.1 * torch.randn_like(rows)


FITS = {
    "two runs, merged, refined": (clusterer, {"n_init": 2, "codes_per_cluster": 2}),
    "the game alone": (clusterer, {**STEADY, "n_init": 2, "ema_decay": 0.9}),
    "that rests": (clusterer, {"tol": 1.0, "n_iter_no_change": 2, "n_init": 2}),
    "that looks at rows first": (
        clusterer,
        {"contrast_temperature": 0.5, "augment": jittered, "n_init": 2, "codes_per_cluster": 2},
    ),
    "learned prior": (clusterer, {"prior": "learned"}),
    "taught by a mixture, codes in turn": (
        clusterer,
        {"prior": "auto", "n_init": 2, "codes_per_cluster": "auto"},
    ),
    "continuous codes alone": (
        extractor,
        {"n_clusters": None, "n_continuous": 3, "ema_decay": 0.9},
    ),
    "networks that draw": (extractor, {"architecture": (Drawn, Trunk), "n_init": 2}),
}


@pytest.mark.parametrize("name", FITS)
def test_a_fit_goes_on_where_it_stood(name, blobs, tmp_path, each_epoch):
    X, _ = blobs
    make, settings = FITS[name]
    settings = {"max_epochs": 8, **settings}
    watched = Counts()
    whole = make(callbacks=[watched], **settings).fit(X)
    further = deepcopy(whole).partial_fit(X)
    for epoch in (2, 4, 5, 6, 9, 11):
        state, rest = tmp_path / f"state {epoch}", Counts()
        model = make(checkpoint_dir=state, callbacks=[Crashes(epoch)], **settings)
        try:
            model.fit(X)
        except Crash:
            assert not hasattr(model, "model_")
        again = make(checkpoint_dir=state, callbacks=[rest], **settings).fit(X)
        _same(again, whole, X)
        assert rest.epochs_ == max(0, watched.epochs_ - (epoch - 1))
        _same(again.partial_fit(X), further, X)
        if epoch > watched.epochs_:
            break  # there was no crash


@pytest.mark.parametrize("epoch", [3, 5, 7, 9, 10])
def test_the_best_run_of_each_number_of_codes_is_kept(
    epoch, blobs, tmp_path, each_epoch, monkeypatch
):
    def coarse_ones_left_out(scores, nets, recipe):
        return [
            0.0 if net.clusters.n_codes == 6 else s for s, net in zip(scores, nets, strict=False)
        ]

    monkeypatch.setattr(schedule, "fair_scores", coarse_ones_left_out)
    monkeypatch.setattr(Jury, "score", lambda jury, net: 1 + net.clusters.n_codes % 4)
    X, _ = blobs
    settings = {"n_init": 4, "codes_per_cluster": "auto", "prior": "learned", "max_epochs": 4}
    whole = clusterer(**settings).fit(X)
    assert whole.model_.net.clusters.n_codes == 12
    settings["checkpoint_dir"] = tmp_path
    with pytest.raises(Crash):
        clusterer(callbacks=[Crashes(epoch)], **settings).fit(X)
    _same(clusterer(**settings).fit(X), whole, X)


def test_the_mixture_that_teaches_is_part_of_the_state(tmp_path, each_epoch):
    rng = np.random.RandomState(0)
    X = np.concatenate([rng.normal(0, 1, (60, 2)), rng.normal([2, 2], 0.1, (60, 2))])
    settings = {"n_clusters": 2, "prior": "auto", "max_epochs": 4}
    whole = clusterer(**settings).fit(X)
    assert whole.model_.net.clusters.teacher is not None
    settings["checkpoint_dir"] = tmp_path
    with pytest.raises(Crash):
        clusterer(callbacks=[Crashes(4)], **settings).fit(X)
    kept, again = read_model(tmp_path)[1], clusterer(**settings).fit(X)
    for name, part in whole.model_.net.clusters.teacher.state_dict().items():
        assert torch.equal(kept[f"run0.teacher.{name}"], part)
    _same(again, whole, X)
    _same(again.partial_fit(X), whole.partial_fit(X), X)
    document, tensors = read_model(tmp_path)
    tensors["run0.teacher.weights"] = torch.zeros(2)
    write_model(tmp_path, document, tensors)
    with pytest.raises(CorruptModelError, match=r"teacher\.weights"):
        clusterer(**settings).fit(X)


def test_a_fit_that_is_done_is_not_done_again(blobs, tmp_path, monkeypatch):
    X, _ = blobs
    whole = clusterer(checkpoint_dir=tmp_path).fit(X)
    monkeypatch.setattr(
        type(whole.model_.net), "train_step", lambda *a, **k: pytest.fail("trained")
    )
    _same(clusterer(checkpoint_dir=tmp_path).fit(X), whole, X)


def test_without_a_seed_the_first_one_drawn_is_kept(blobs, tmp_path, each_epoch):
    X, _ = blobs
    settings = {"random_state": None, "max_epochs": 4}
    model = clusterer(checkpoint_dir=tmp_path, callbacks=[Crashes(4)], **settings)
    with pytest.raises(Crash):
        model.fit(X)
    resumed = clusterer(checkpoint_dir=tmp_path, **settings).fit(X)
    _same(clusterer(checkpoint_dir=tmp_path, **settings).fit(X), resumed, X)


@pytest.mark.parametrize(
    ("share", "written"),
    [
        (1.0, [*range(1, 13)]),
        (0.1, [1, 10, 12]),  # a look at the clock takes a second, so writing one, and it rests nine
    ],
)
def test_the_state_is_written_for_a_share_of_the_time(share, written, blobs, tmp_path, monkeypatch):
    told, clock = [], count()
    monkeypatch.setattr(checkpoint, "WRITING_SHARE", share)
    monkeypatch.setattr(checkpoint, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(
        checkpoint,
        "write_model",
        lambda folder, document, tensors: told.append((document["stage"], document["done"])),
    )
    clusterer(max_epochs=24, n_iter_no_change=None, checkpoint_dir=tmp_path).fit(blobs[0])
    assert told == [(stage, done) for stage in (0, 1) for done in written]


def near_twins(rows):
    return rows + 0.1


class Noise:
    def __init__(self, scale):
        self.scale = scale

    def __call__(self, rows):
        return rows + self.scale


class Scaled(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, rows):
        return self.factor * rows


class Shifted(nn.Module):
    def __init__(self, shift):
        super().__init__()
        self.register_buffer("shift", torch.full((1,), shift), persistent=False)

    def forward(self, rows):
        return rows + self.shift


ROWS = np.random.RandomState(0).normal(size=(3000, 4))
ALTERED = ROWS.copy()
ALTERED[1234, 2] += 1e-9
PIXELS = np.random.RandomState(0).randint(0, 256, (60, 192)).astype(np.uint8)
PAIR = nn.Linear(5, 4), nn.Linear(4, 6)
APART = {
    "one value of one row": (({}, ROWS), ({}, ALTERED)),
    "rows in another order": (({}, ROWS), ({}, ROWS[::-1])),
    "number of rows": (({}, ROWS), ({}, ROWS[:-1])),
    "precision of rows": (({}, ROWS), ({}, ROWS.astype(np.float32))),
    "axes of images of the same bytes": (
        ({}, PIXELS.reshape(60, 3, 8, 8)),
        ({}, PIXELS.reshape(60, 8, 8, 3)),
    ),
    "a RandomState": (
        ({"random_state": np.random.RandomState(0)}, ROWS),
        ({"random_state": np.random.RandomState(1)}, ROWS),
    ),
    "weights of networks of the user's": (
        ({"architecture": PAIR}, ROWS),
        ({"architecture": (nn.Linear(5, 4), PAIR[1])}, ROWS),
    ),
    "what a network multiplies by": (
        ({"architecture": (PAIR[0], nn.Sequential(PAIR[1], Scaled(1.0)))}, ROWS),
        ({"architecture": (PAIR[0], nn.Sequential(PAIR[1], Scaled(2.0)))}, ROWS),
    ),
    "a buffer of a network that is not saved": (
        ({"architecture": (PAIR[0], nn.Sequential(PAIR[1], Shifted(1.0)))}, ROWS),
        ({"architecture": (PAIR[0], nn.Sequential(PAIR[1], Shifted(2.0)))}, ROWS),
    ),
    "twins by an object": (({"augment": Noise(0.1)}, ROWS), ({"augment": Noise(0.2)}, ROWS)),
    "twins by a function": (({"augment": "none"}, ROWS), ({"augment": near_twins}, ROWS)),
    "a weight of the objective": (({}, ROWS), ({"balance_weight": 2.0}, ROWS)),
    "a seed": (({}, ROWS), ({"random_state": 1}, ROWS)),
    "epochs": (({}, ROWS), ({"max_epochs": 3}, ROWS)),
    "width": (({}, ROWS), ({"width": 3}, ROWS)),
}


@pytest.mark.parametrize("name", APART)
def test_another_fit_is_refused(name, tmp_path, each_epoch):
    (settings, X), (others, other_X) = APART[name]
    counts, folder = Counts(), tmp_path / "state"

    def fitted(callback, settings, X):
        given = {"batch_size": 3000, "max_epochs": 4, **deepcopy(settings)}
        return clusterer(checkpoint_dir=folder, callbacks=[callback], **given).fit(X)

    with pytest.raises(Crash):
        fitted(Crashes(2), settings, X)
    with pytest.raises(ValueError, match="holds the state of another fit"):
        fitted(counts, others, other_X)
    assert counts.epochs_ == 0
    fitted(counts, settings, X.copy())
    assert counts.epochs_ == 3


def test_what_changes_no_result_does_not_tell_fits_apart(blobs):
    def identity_of(model, X):
        return identity(model.get_params(deep=False), check_rows(clone(model), X, reset=True))

    X, _ = blobs
    states = [identity_of(clusterer(random_state=np.random.RandomState(i)), X) for i in (0, 0, 1)]
    assert states[0] == states[1] != states[2]
    net = nn.Linear(4, 6, dtype=torch.bfloat16)
    nets = [identity_of(clusterer(architecture=(deepcopy(net), net)), X) for _ in range(2)]
    assert nets[0] == nets[1]
    same = clusterer(verbose=1, callbacks=[Counts()], device="cpu", checkpoint_dir="somewhere")
    assert identity_of(clusterer(), X) == identity_of(same, np.asfortranarray(X))
    assert identity_of(clusterer(), X) == identity_of(clusterer(), X.tolist())


def test_bad_folders_are_named(blobs, tmp_path, no_training):
    X, _ = blobs
    with pytest.raises(FileNotFoundError, match="there is no folder for it"):
        clusterer(checkpoint_dir=tmp_path / "no" / "folder").fit(X)
    with pytest.raises(ValueError, match="'checkpoint_dir' parameter"):
        clusterer(checkpoint_dir=3).fit(X)
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match="is a file, not a folder"):
        clusterer(checkpoint_dir=tmp_path / "file").fit(X)


def test_a_damaged_state_is_found_out(blobs, tmp_path):
    clusterer(checkpoint_dir=tmp_path).fit(blobs[0])
    path = tmp_path / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(CorruptModelError):
        clusterer(checkpoint_dir=tmp_path).fit(blobs[0])


@pytest.fixture(params=[{"n_init": 2, "codes_per_cluster": 2, "prior": "learned"}, STEADY])
def kept(request, blobs, tmp_path, each_epoch):
    """A fit and the state that it left in its last stage."""
    model = clusterer(
        checkpoint_dir=tmp_path, callbacks=[Crashes(6)], max_epochs=4, **request.param
    )
    with suppress(Crash):
        model.fit(blobs[0])
    return model.set_params(callbacks=None), tmp_path, *read_model(tmp_path)


STRANGE = [None, -1, 0, 1, 5, 2.5, 10**30, "", [], [0], [-1, 2**40], {}, {"a": 1}, [[0, "a"]]]
STRANGE_TENSORS = [
    torch.zeros(0),
    torch.zeros(3),
    torch.zeros(10**6, 0),
    torch.full((5,), -1),
    torch.full((120,), 10**6, dtype=torch.int32),
    torch.full((), 0.5, dtype=torch.float64),
]


def _places(value, path=()):
    yield path
    for key, part in value.items() if isinstance(value, dict) else ():
        yield from _places(part, (*path, key))


def _put(document, path, value):
    document, inner = deepcopy(document), None
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return document


@pytest.mark.filterwarnings("ignore")  # of trainings of no length
def test_forged_states_end_in_documented_errors(kept, blobs):
    model, folder, document, tensors = kept
    forged = [
        (_put(document, path, value), tensors)
        for path in [*_places(document)][1:]
        if path != ("identity",)
        for value in STRANGE
    ]
    forged += [
        (document, {**tensors, name: value})
        for name in tensors
        if name.count(".") < 3 or "clusters" in name or "optimizer.0" in name
        for value in STRANGE_TENSORS
    ]
    ended = 0
    for document, tensors in forged:
        write_model(folder, document, tensors)
        try:
            clone(model).fit(blobs[0])
            ended += 1
        except CorruptModelError:
            pass
    assert 0 < ended < len(forged) / 2


def test_a_state_of_more_trainings_builds_none_of_them(kept, blobs, no_training):
    model, folder, document, tensors = kept
    write_model(folder, {**document, "seeds": [1] * 100_000}, tensors)
    with pytest.raises(CorruptModelError, match="it is not of"):
        model.fit(blobs[0])


def test_a_look_at_rows_is_not_gone_on_with_where_there_is_none(blobs, tmp_path, each_epoch):
    model = clusterer(checkpoint_dir=tmp_path, callbacks=[Crashes(2)])
    with pytest.raises(Crash):
        model.fit(blobs[0])
    document, tensors = read_model(tmp_path)
    write_model(tmp_path, {**document, "stage": checkpoint.LOOKING}, tensors)
    with pytest.raises(CorruptModelError, match="it is not of 1 trainings"):
        model.set_params(callbacks=None).fit(blobs[0])


def test_a_search_is_told_that_its_fits_cannot_share_a_folder(blobs, tmp_path):
    search = GridSearchCV(clusterer(checkpoint_dir=tmp_path), {"width": [2, 3]}, cv=2)
    with pytest.raises(ValueError, match="A search fits many times, and needs checkpoint_dir=None"):
        search.set_params(error_score="raise").fit(blobs[0])


def test_fits_may_share_a_folder_if_they_are_the_same(blobs, tmp_path, each_epoch):
    X, _ = blobs
    settings = {"max_epochs": 12, "checkpoint_dir": tmp_path}
    whole = clusterer(max_epochs=12).fit(X)
    with ThreadPoolExecutor(3) as pool:
        for model in pool.map(lambda _: clusterer(**settings).fit(X), range(6)):
            _same(model, whole, X)


def test_a_fit_does_not_write_over_another_that_began_with_it(blobs, tmp_path, each_epoch):
    X, _ = blobs
    other = clusterer(width=3, checkpoint_dir=tmp_path)

    class Meanwhile(Callback):
        def on_epoch_end(self, net, **kwargs):
            other.fit(X)

    model = clusterer(checkpoint_dir=tmp_path, callbacks=[Meanwhile()])
    with pytest.raises(ValueError, match="holds the state of another fit"):
        model.fit(X)
    assert not hasattr(model, "model_")
    _same(clone(other).fit(X), other, X)


def test_the_global_generator_is_left_alone(blobs, tmp_path):
    clusterer(checkpoint_dir=tmp_path).fit(blobs[0])
    state = torch.random.get_rng_state()
    clusterer(checkpoint_dir=tmp_path).fit(blobs[0])
    assert torch.equal(torch.random.get_rng_state(), state)


def test_fits_that_are_killed_end_alike(tmp_path):
    script = Path(__file__).parents[1] / "killed.py"
    command = [sys.executable, str(script), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "10 kills" in done.stdout
