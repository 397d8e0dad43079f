"""Saved models come back as they were, or with an error that says why not."""

import errno
import json
import os
import pickle
import resource
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from sklearn.exceptions import NotFittedError
from small import STEADY, clusterer, extractor
from torch import nn

from gan_cluster import InfoGANClusterer, Objective, _folder, load, save
from gan_cluster._folder import CorruptModelError
from gan_cluster.training.history import MAX_EPOCHS


class Drawn(nn.Module):
    def __init__(self, latent_dim, shape, width=6):
        super().__init__()
        self.layer = nn.Linear(latent_dim, shape[0])

    def forward(self, latent):
        return self.layer(latent)


def trunk(shape):
    return nn.Sequential(nn.Linear(shape[0], 5), nn.ReLU())


def wider_trunk(shape):
    return nn.Sequential(nn.Linear(shape[0], 7), nn.ReLU())


SETTINGS = {
    "images": (clusterer, {"image_shape": (1, 8, 8), "codes_per_cluster": 2}),
    "a game alone": (clusterer, {**STEADY, "codes_per_cluster": 2}),
    "infogan": (clusterer, {"objective": "infogan", "learning_rate": "auto"}),
    "all options": (
        clusterer,
        {
            "image_shape": (1, 8, 8),
            "prior": np.array([0.5, 0.2, 0.3]),
            "categorical_codes": (2,),
            "n_continuous": 2,
            "learning_rate": (1e-3, 2e-3),
            "ema_decay": 0.9,
            "random_state": np.random.RandomState(0),
        },
    ),
    "learned variance": (clusterer, {"n_continuous": 2, "continuous_variance": "learned"}),
    "learned prior": (clusterer, {"prior": "learned"}),
    "taught by a mixture": (clusterer, {"prior": "auto", "n_init": 2, "codes_per_cluster": "auto"}),
    "no clusters": (extractor, {"n_clusters": None, "n_continuous": 2}),
    "features": (extractor, {"layers": "all", "pooling": "max", "image_shape": (1, 8, 8)}),
    "gan": (extractor, {"objective": "gan"}),
}


def _plain(history):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history]


@pytest.mark.parametrize("name", SETTINGS)
def test_a_model_comes_back_and_goes_on_as_it_was(name, images, tmp_path):
    make, settings = SETTINGS[name]
    model = make(**settings).fit(images)
    save(model, tmp_path / "model")
    same = load(tmp_path / "model")
    assert type(same) is type(model)
    for step in range(2):
        np.testing.assert_array_equal(same.transform(images), model.transform(images))
        drawn = [m.sample(5, random_state=0) for m in (same, model)]
        np.testing.assert_array_equal(*drawn)
        assert _plain(same.history_) == _plain(model.history_)
        if make is clusterer:
            np.testing.assert_array_equal(same.labels_, model.labels_)
            np.testing.assert_array_equal(same.predict(images), model.predict(images))
            assert same.mutual_information_ == model.mutual_information_
        else:
            names = [m.get_feature_names_out().tolist() for m in (same, model)]
            assert names[0] == names[1]
        if step == 0:
            same.partial_fit(images)
            model.partial_fit(images)


def test_parameters_and_names_come_back(images, tmp_path):
    table = pd.DataFrame(images[:, :5], columns=list("abcde"))
    model = clusterer(max_epochs=1, callbacks=[]).fit(table)
    save(model, tmp_path)
    same = load(tmp_path, verbose=0)
    assert same.get_params() | {"callbacks": None} == model.get_params() | {"callbacks": None}
    assert same.feature_names_in_.tolist() == list("abcde")
    assert same.n_features_in_ == 5
    with pytest.raises(ValueError, match="feature names"):
        same.predict(table.rename(columns={"a": "z"}))
    with pytest.raises(ValueError, match="width"):
        same.set_params(width=4).partial_fit(table)


def test_parameters_of_other_kinds_come_back_as_tuples(images, tmp_path):
    shares = pd.Series([0.5, 0.25, 0.25])
    save(clusterer(max_epochs=1, prior=shares, categorical_codes=range(2, 4)).fit(images), tmp_path)
    same = load(tmp_path)
    assert same.prior == (0.5, 0.25, 0.25)
    assert same.categorical_codes == (2, 3)
    assert same.partial_fit(images).encode(images).categorical[2].shape == (len(images), 3)


def test_parameters_that_were_changed_since_fit_are_not_saved(images, tmp_path):
    model = extractor(image_shape=(1, 8, 8), layers="conv1").fit(images)
    model.set_params(layers="dense", width=5)
    with pytest.raises(ValueError, match="layers, width changed since fit"):
        save(model, tmp_path / "model")
    model.set_params(layers="conv1", width=2, device="cpu", verbose=1, objective__info_weight=2.0)
    with pytest.raises(ValueError, match="objective changed since fit"):
        save(model, tmp_path / "model")
    assert not (tmp_path / "model").exists()
    save(model.set_params(objective__info_weight=1.0), tmp_path / "model")
    np.testing.assert_array_equal(
        load(tmp_path / "model").transform(images), model.transform(images)
    )


def test_a_model_is_read_as_it_was(images, tmp_path):
    model = extractor(image_shape=(1, 8, 8), objective="gan").fit(images)
    save(model, tmp_path)
    for other in ({"layers": "all"}, {"pooling": "avg"}, {"normalize": None}, {"n_components": 2}):
        with pytest.raises(ValueError, match=f"{next(iter(other))} has to be as in fit"):
            load(tmp_path, **other)
    document, tensors = _folder.read_model(tmp_path)
    document["parameters"]["layers"] = "dense"  # as if "last" had stood for another layer
    _folder.write_model(tmp_path, document, tensors)
    same = load(tmp_path)
    np.testing.assert_array_equal(same.transform(images), model.transform(images))


def test_networks_of_the_users_are_given_again(blobs, tmp_path):
    X, _ = blobs
    model = clusterer(architecture=(Drawn, trunk)).fit(X)
    save(model, tmp_path)
    with pytest.raises(TypeError, match=r"give load\(\) again .*: architecture"):
        load(tmp_path)
    same = load(tmp_path, architecture=(Drawn, trunk))
    np.testing.assert_array_equal(same.transform(X), model.transform(X))
    with pytest.raises(ValueError, match="does not fit together"):
        load(tmp_path, architecture=(Drawn, wider_trunk))


def brighter(rows):
    return rows + 0.1


def test_functions_of_the_users_are_given_again(blobs, tmp_path):
    X, _ = blobs
    model = clusterer(augment=brighter, balance_weight=2.0).fit(X)
    save(model, tmp_path)
    with pytest.raises(TypeError, match=r"give load\(\) again .*: objective__augment$"):
        load(tmp_path)
    found = [
        load(tmp_path, objective__augment=brighter),
        load(tmp_path, objective=Objective(**model.objective.get_params())),
    ]
    expected = model.partial_fit(X).predict_proba(X)
    for same in found:
        assert same.objective == model.objective
        np.testing.assert_array_equal(same.partial_fit(X).predict_proba(X), expected)


@pytest.mark.parametrize("objective", ["consistency", Objective(), Objective(n_neighbors=3)])
def test_an_objective_comes_back_as_it_was_given(objective, blobs, tmp_path):
    save(clusterer(objective=objective).fit(blobs[0]), tmp_path)
    same = load(tmp_path)
    assert same.objective == objective
    assert same.objective is not objective or isinstance(objective, str)


@pytest.mark.parametrize("settings", [{}, {"ema_decay": 0.5, "codes_per_cluster": 2}])
def test_a_model_that_a_gpu_trained_is_read_where_there_is_none(settings, images, tmp_path):
    model = clusterer(n_clusters=10, image_shape=(1, 8, 8), **settings).fit(images)
    labels, drawn = model.predict_proba(images), model.sample(5, random_state=0)
    model.model_.recipe = model.model_.recipe.on("cuda")  # as if it had been trained there
    read = pickle.loads(pickle.dumps(model))
    assert model.device_ == "cuda"
    save(model, tmp_path)
    document, tensors = _folder.read_model(tmp_path)
    on_gpu = {**tensors, "random.step": torch.zeros(16, dtype=torch.uint8)}  # CUDA's are short
    _folder.write_model(tmp_path, document, on_gpu)
    for same in (read, load(tmp_path)):
        assert same.device_ == "cpu"
        np.testing.assert_array_equal(same.predict_proba(images), labels)
        np.testing.assert_array_equal(same.sample(5, random_state=0), drawn)
        assert same.history_ == model.history_
        assert same.partial_fit(images).n_iter_ == model.n_iter_ + 1


def test_parameters_that_cannot_be_are_named(images, tmp_path):
    save(clusterer().fit(images), tmp_path)
    with pytest.raises(ValueError, match="Invalid parameter 'colour'"):
        load(tmp_path, colour="red")
    with pytest.raises(ValueError, match="'batch_size' parameter"):
        load(tmp_path, batch_size=0)
    with pytest.raises(ValueError, match="not available here"):
        load(tmp_path, device="cuda:99")


def test_what_cannot_be_saved_is_named(images, tmp_path):
    with pytest.raises(NotFittedError):
        save(clusterer(), tmp_path / "a")
    with pytest.raises(TypeError, match="estimator should be one of"):
        save(nn.Linear(1, 1), tmp_path / "a")
    with pytest.raises(FileNotFoundError):
        save(clusterer().fit(images), tmp_path / "no" / "folder")
    assert not list(tmp_path.iterdir())


def test_what_is_no_model_is_named(tmp_path):
    (tmp_path / "file").touch()
    for path, message in {
        "missing": "there is no folder",
        "file": "there is no folder",
        ".": "holds no model",
    }.items():
        with pytest.raises(FileNotFoundError, match=message):
            load(tmp_path / path)


@pytest.fixture
def two_models(images):
    return [clusterer(random_state=seed).fit(images) for seed in range(2)]


def _holds(folder, model, images):
    return np.array_equal(load(folder).transform(images), model.transform(images))


def test_a_later_model_takes_the_place_of_an_older_one(two_models, images, tmp_path):
    for model in two_models:
        save(model, tmp_path)
        assert _holds(tmp_path, model, images)
        assert os.listdir(tmp_path) == ["model.safetensors"]


@pytest.mark.parametrize("failing", range(2))
def test_a_save_that_fails_leaves_the_older_model(
    failing, two_models, images, tmp_path, monkeypatch
):
    save(two_models[0], tmp_path)
    before = sorted(os.listdir(tmp_path))
    calls = []

    def fails(function):
        def wrapped(*arguments):
            calls.append(function)
            if len(calls) > failing:
                raise OSError(errno.ENOSPC, "No space left on device")
            return function(*arguments)

        return wrapped

    with monkeypatch.context() as patch:
        for name in ("replace", "fsync"):
            patch.setattr(_folder.os, name, fails(getattr(os, name)))
        with pytest.raises(OSError, match="No space left"):
            save(two_models[1], tmp_path)
    assert _holds(tmp_path, two_models[0], images)
    assert set(before) <= set(os.listdir(tmp_path))
    assert not list(tmp_path.glob(".*"))


LIMITED = """
import resource, sys
from pathlib import Path
from gan_cluster import load, save
model = load(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    save(model, sys.argv[2])
except OSError as error:
    print(error)
"""


def test_a_quota_is_a_clear_error(two_models, images, tmp_path):
    ours, others = tmp_path / "ours", tmp_path / "others"
    save(two_models[0], ours)
    save(two_models[1], others)
    command = [sys.executable, "-c", LIMITED, str(ours), str(others)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "File too large" in done.stdout
    assert _holds(others, two_models[1], images)
    assert not list(others.glob(".*"))


STRANGE = [
    None,
    True,
    -1,
    0,
    3,
    2.5,
    float("nan"),
    10**9,
    10**30,
    "",
    "auto",
    "../x",
    [],
    {},
    [[0]],
]
STRANGE += [[10**9] * 3, ["a"], "x" * 10_000, {"a": 1}]


def _places(value, path=()):
    """Every place in a document, as the keys that lead there."""
    yield path
    inner = list(enumerate(value)) if isinstance(value, list) else []
    for key, part in value.items() if isinstance(value, dict) else inner:
        yield from _places(part, (*path, key))


def _mutated(document, rng):
    """The document with something strange at one place, or without it."""
    document = json.loads(json.dumps(document))
    places = list(_places(document))[1:]
    *path, last = places[rng.integers(len(places))]
    inner = document
    for key in path:
        inner = inner[key]
    chosen = rng.integers(len(STRANGE) + 1)
    if chosen == len(STRANGE):
        del inner[last]
    else:
        inner[last] = STRANGE[chosen]
    return document


def _loads_or_says_why(folder):
    try:
        load(folder)
    except (ValueError, TypeError, FileNotFoundError):
        return False
    return True


@pytest.fixture
def saved(images, tmp_path):
    folder = tmp_path / "model"
    save(clusterer(image_shape=(1, 8, 8), codes_per_cluster=2).fit(images), folder)
    return folder


def test_damaged_files_are_found_out(saved):
    rng = np.random.default_rng(0)
    path = saved / "model.safetensors"
    whole = path.read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    for i in range(800):
        damaged = bytearray(whole)
        end = header if i % 2 else len(damaged)
        if rng.random() < 0.3:
            damaged = damaged[: rng.integers(end)]
        else:
            damaged[rng.integers(end)] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        with pytest.raises(CorruptModelError):
            load(saved)
    path.write_bytes(whole)
    load(saved)


@pytest.mark.parametrize(
    "dtype", ["object", "datetime64[s]", "no dtype", 3, ["uint8"], ["uint8", 0]]
)
def test_rows_of_a_forged_dtype_are_found_out(dtype, saved):
    document, _ = _folder.read_model(saved)
    document["model"]["layout"]["dtype"] = dtype
    _told(saved, json.dumps({"format": _folder.FORMAT, "model": document}).encode())
    with pytest.raises(CorruptModelError, match="does not fit together"):
        load(saved)


def test_a_loaded_model_draws_rows_as_x_was(images, tmp_path):
    frame = pd.DataFrame(images.astype("int16")).add_prefix("pixel")
    model = clusterer().fit(frame)
    save(model, tmp_path / "model")
    drawn = load(tmp_path / "model").sample(3, random_state=0)
    pd.testing.assert_frame_equal(drawn, model.sample(3, random_state=0))
    assert (drawn.dtypes == "int16").all()


@pytest.mark.filterwarnings("ignore")  # of torch, about networks of no size
def test_forged_documents_give_documented_errors_in_bounded_memory(saved, tmp_path):
    document, tensors = _folder.read_model(saved)
    rng = np.random.default_rng(0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    loaded = 0
    for _ in range(1200):
        _folder.write_model(saved, _mutated(document, rng), tensors)
        loaded += _loads_or_says_why(saved)
    assert 0 < loaded < 1200
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 300 * 1024
    assert os.listdir(tmp_path) == ["model"]


def test_forged_tensors_give_documented_errors(saved):
    document, whole = _folder.read_model(saved)
    rng = np.random.default_rng(0)
    strange = [
        torch.zeros(3),
        torch.zeros(2, 2, dtype=torch.int64),
        torch.zeros(0),
        torch.zeros(10**6, 0),
        torch.full((5,), -1),
        torch.full((5,), 2**62),
    ]
    for name in sorted(whole):
        if name.startswith("optimizer.") and "optimizer.1." not in name:
            continue
        for forged in strange:
            _folder.write_model(saved, document, {**whole, name: forged})
            _loads_or_says_why(saved)
        _folder.write_model(saved, document, {k: v for k, v in whole.items() if k != name})
        _loads_or_says_why(saved)
    path = saved / "model.safetensors"
    payload = path.read_bytes()
    end = 8 + int.from_bytes(payload[:8], "little")
    for i in range(100):  # a header that declares what is not there
        header = json.loads(payload[8:end])
        header[sorted(header)[rng.integers(len(header))]] = [
            {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]},
            {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]},
            {"dtype": "X", "shape": [1], "data_offsets": [0, 4]},
        ][i % 3]
        text = json.dumps(header).encode()
        path.write_bytes(len(text).to_bytes(8, "little") + text + payload[end:])
        with pytest.raises(CorruptModelError):
            load(saved)


def _many_layers(document, tensors):
    document["parameters"] |= {"architecture": "mlp", "depth": 5_000}
    return document, tensors | {f"{i:x}": torch.zeros(0) for i in range(28_000)}


def _many_objects(document, tensors):
    return {**document, "n_features": [{"": 0}] * 350_000}, tensors


def _history_of(**columns):
    def forged(document, tensors):
        kept = {k: v for k, v in tensors.items() if not k.startswith("history.")}
        return document, kept | {f"history.{k}.epoch": v for k, v in columns.items()}

    return forged


BOMBS = {
    "layers without weights": _many_layers,
    "many objects": _many_objects,
    "many epochs": _history_of(values=torch.arange(MAX_EPOCHS + 1)),
    "rows of no size": _history_of(values=torch.zeros(10**9, 0, dtype=torch.int64)),
    "lists of no size": _history_of(
        values=torch.zeros(0), sizes=torch.zeros(3_000_000, dtype=torch.int64)
    ),
    "lists that overlap": _history_of(
        values=torch.arange(10_000), sizes=torch.tensor([10_000, -10_000] * 5_000 + [10_000])
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_small_files_do_not_fill_the_memory(name, saved):
    _folder.write_model(saved, *BOMBS[name](*_folder.read_model(saved)))
    tracemalloc.start()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(CorruptModelError):
        load(saved)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200 * 2**20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400 * 1024


def test_a_history_as_long_as_is_read_is_written_small(saved):
    model = load(saved)
    usage = np.random.RandomState(0).dirichlet(np.ones(2000), 1450)
    net = model.model_.net
    net.history.clear()
    for i, shares in enumerate(usage):
        net.history.new_epoch()
        net.history.record("epoch", i + 1)
        net.history.record("cluster_usage", shares.tolist())
    save(model, saved)
    assert (saved / "model.safetensors").stat().st_size < 1.1 * usage.nbytes
    assert load(saved).history_ == model.history_


def test_a_history_too_long_to_be_read_is_not_written(saved):
    model = load(saved)
    before = (saved / "model.safetensors").read_bytes()
    model.model_.net.history.extend({"epoch": i} for i in range(MAX_EPOCHS))
    with pytest.raises(ValueError, match=f"is longer than {MAX_EPOCHS}"):
        save(model, saved)
    assert (saved / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("order", torch.tensor([0, 0, 1])),
        ("order", torch.arange(4)),
        ("encoding.center", torch.zeros(3, dtype=torch.float64)),
        ("encoding.scale", torch.full((1,), float("nan"), dtype=torch.float64)),
        ("clusters.groups", torch.zeros(6, dtype=torch.int64)),
        ("clusters.shares", torch.tensor([1.0, -1.0, 1.0])),
        ("optimizer.0.step", torch.zeros(3)),
    ],
)
def test_a_model_that_could_not_be_used_is_not_read(name, value, saved):
    document, tensors = _folder.read_model(saved)
    assert name in tensors
    _folder.write_model(saved, document, {**tensors, name: value})
    with pytest.raises(CorruptModelError, match="does not fit together"):
        load(saved)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"weights": torch.tensor([0.5, 0.5])}, "no shares"),
        ({"weights": torch.tensor([0.5, 0.5, 0.0])}, "no shares"),
        ({"weights": torch.tensor([0.5, 0.5, torch.nan])}, "no finite numbers"),
        ({"means": torch.full((3, 4), torch.inf)}, "no finite numbers"),
        ({"means": torch.zeros(3, 4, dtype=torch.float64)}, "no finite numbers"),
        ({"means": torch.zeros(3)}, "does not fit"),
        ({"means": torch.zeros(3, 5)}, "do not fit each other"),
        ({"factors": -torch.eye(4).repeat(3, 1, 1)}, "none of covariances"),
        ({"factors": torch.ones(3)}, "does not fit"),
        ({"center": torch.zeros(5)}, "none of such rows"),
        ({"center": torch.zeros(7), "axes": torch.zeros(7, 4)}, "none of such rows"),
        ({"axes": torch.eye(4)[:3]}, "do not fit each other"),
        ({"colours": torch.zeros(1)}, "does not fit"),
        ({"means": None}, "does not fit"),
    ],
)
def test_a_forged_mixture_is_found_out(given, message, blobs, tmp_path):
    save(clusterer(prior="auto", max_epochs=1).fit(blobs[0]), tmp_path)
    document, tensors = _folder.read_model(tmp_path)
    assert "teacher.weights" in tensors
    tensors |= {f"teacher.{name}": part for name, part in given.items()}
    kept = {name: part for name, part in tensors.items() if part is not None}
    _folder.write_model(tmp_path, document, kept)
    with pytest.raises(CorruptModelError, match=message):
        load(tmp_path)


def test_links_are_not_followed(saved, tmp_path):
    path = saved / "model.safetensors"
    moved = path.rename(tmp_path / "moved")
    path.symlink_to(moved)
    with pytest.raises(CorruptModelError, match="is not a plain file"):
        load(saved)
    path.unlink()
    moved.rename(path)
    load(saved)


def _told(folder, text):
    """Put another document into a file, with the digest that it then has."""
    tensors = load_tensors((folder / "model.safetensors").read_bytes())
    tensors[_folder.DOCUMENT] = torch.tensor([*text], dtype=torch.uint8)
    del tensors[_folder.DIGEST]
    tensors[_folder.DIGEST] = _folder._digest(tensors)
    (folder / "model.safetensors").write_bytes(save_tensors(tensors))


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 10**6,
        b'{"a":' * 10**5,
        b"9" * 10**5,
        b"\xff",
        b"[]",
        b"",
        b'{"format": 4}',
        b'{"format": 4, "model": []}',
        b" " * (_folder.MAX_DOCUMENT + 1),
    ],
)
def test_json_that_is_no_model_is_found_out(text, saved):
    _told(saved, text)
    with pytest.raises(CorruptModelError):
        load(saved)


def test_a_later_format_says_which_it_is(saved):
    _told(saved, b'{"format": 6, "model": {}}')
    with pytest.raises(
        CorruptModelError, match="it is of format 6, and this version reads format 5"
    ):
        load(saved)


def test_no_class_but_ours_is_made(saved):
    document, tensors = _folder.read_model(saved)
    _folder.write_model(saved, {**document, "class": "os.system"}, tensors)
    with pytest.raises(CorruptModelError, match="holds no estimator"):
        load(saved)


@pytest.mark.parametrize("name", ["checkpoint_dir", "callbacks", "compile"])
def test_a_file_does_not_say_where_a_later_fit_writes(name, saved):
    document, tensors = _folder.read_model(saved)
    document["parameters"][name] = "somewhere"
    _folder.write_model(saved, document, tensors)
    with pytest.raises(CorruptModelError, match="holds no estimator"):
        load(saved)


def test_nothing_is_loaded_into_the_global_generator(saved):
    state = torch.random.get_rng_state()
    assert isinstance(load(saved), InfoGANClusterer)
    assert torch.equal(torch.random.get_rng_state(), state)


HERE = Path(__file__).parent


def test_a_model_of_an_older_format_is_refused_with_what_to_do():
    with pytest.raises(
        CorruptModelError,
        match=r"saved_0_1 holds a model.json: it is of an older format, and this version reads "
        "format 5: before the first release .* has to be fitted and saved again",
    ):
        load(HERE / "saved_0_1")


def test_a_model_that_was_saved_before_is_read():
    folder = HERE / "saved_format_5"
    expected = json.loads((folder / "expected.json").read_text())
    model = load(folder)
    np.testing.assert_array_equal(model.predict(np.array(expected["X"])), expected["labels"])
    np.testing.assert_array_equal(model.labels_, expected["labels"])
    probabilities = model.predict_proba(np.array(expected["X"]))
    np.testing.assert_allclose(probabilities, expected["probabilities"], atol=1e-4)
    assert model.code_names_ == ["cluster", "continuous0"]
    assert model.sample(4, cluster=2, random_state=0).shape == (4, 4)
    assert np.log(3) < model.history_[-1]["code_entropy"] < np.log(12)
    n_epochs = model.n_iter_
    assert model.partial_fit(np.array(expected["X"])).n_iter_ == n_epochs + 1
