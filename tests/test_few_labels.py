"""A few labels: what is asked of them, what they teach, and what keeps the classes' names."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits, make_blobs
from small import IMAGE, clusterer, extractor

from gan_cluster import InfoGANClusterer, load, save
from gan_cluster._folder import CorruptModelError, read_model, write_model
from gan_cluster.training import schedule

LEARNS = {"codes_per_cluster": "auto", "prior": "learned", "max_epochs": 30, "width": 4}
LEARNS |= {"learning_rate": 5e-3}


@pytest.fixture(scope="module")
def blobs():
    centers = [[0, 0], [5, 0], [0, 5]]
    return make_blobs([20, 60, 40], 2, centers=centers, cluster_std=0.5, random_state=0)


def some_of(classes, n_each=2, unknown=-1):
    """The classes of the first rows of each, and of all others what stands for unknown."""
    y = np.full(len(classes), unknown, dtype=classes.dtype)
    for name in np.unique(classes):
        rows = np.flatnonzero(classes == name)[:n_each]
        y[rows] = classes[rows]
    return y


@pytest.fixture(scope="module")
def fitted(blobs):
    X, classes = blobs
    return clusterer(**LEARNS).fit(X, some_of(classes))


def _same(model, other, X):
    np.testing.assert_array_equal(model.labels_, other.labels_)
    np.testing.assert_array_equal(model.predict_proba(X), other.predict_proba(X))
    np.testing.assert_array_equal(model.classes_, other.classes_)
    assert model.classes_.dtype == other.classes_.dtype


def test_clusters_have_the_numbers_of_classes(fitted, blobs):
    X, classes = blobs
    assert fitted.classes_.tolist() == [0, 1, 2]
    assert np.mean(fitted.labels_ == classes) > 0.95
    np.testing.assert_array_equal(fitted.predict(X), fitted.labels_)
    assert fitted.predict_proba(X)[np.arange(len(X)), classes].mean() > 0.9
    drawn = fitted.sample(200, cluster=1, random_state=0)
    assert np.mean(fitted.predict(drawn) == 1) > 0.8
    assert fitted.history_[-1]["label_loss"] < 0.5


@pytest.mark.parametrize(
    "given",
    [
        lambda y, names: names[y].tolist(),
        lambda y, names: names[y],
        lambda y, names: pd.Series(names[y]),
        lambda y, names: pd.Series(names[y]).astype("category"),
    ],
    ids=["list", "objects", "series", "categories"],
)
def test_names_are_kept(given, fitted, blobs):
    X, classes = blobs
    names = np.array(["ape", "bee", "cat", -1], dtype=object)
    model = clusterer(**LEARNS).fit(X, given(some_of(classes), names))
    assert model.classes_.tolist() == ["ape", "bee", "cat"]
    np.testing.assert_array_equal(model.labels_, fitted.labels_)


@pytest.mark.parametrize(
    "given",
    [list, pd.Series, torch.from_numpy, lambda y: y.astype(float), lambda y: y.astype("i1")],
)
def test_classes_may_be_any_whole_numbers(given, fitted, blobs):
    X, classes = blobs
    y = some_of(classes)
    model = clusterer(**LEARNS).fit(X, given(np.where(y < 0, -1, 7 * y + 3)))
    assert model.classes_.tolist() == [3, 10, 17]
    np.testing.assert_array_equal(model.labels_, fitted.labels_)


def test_names_that_are_swapped_swap_the_clusters(fitted, blobs):
    X, classes = blobs
    swapped = np.array([1, 0, 2])
    model = clusterer(**LEARNS).fit(X, some_of(swapped[classes]))
    assert np.mean(model.labels_ == swapped[classes]) > 0.95


@pytest.mark.parametrize("per_cluster", [1, 4])
def test_clusters_that_no_label_names_come_after_by_size(per_cluster):
    sizes = [40, 20, 70, 50]
    centers = [[0, 0], [6, 0], [0, 6], [6, 6]]
    X, classes = make_blobs(sizes, 2, centers=centers, cluster_std=0.5, random_state=0)
    y = np.where(classes == 1, classes, -1)
    settings = {**LEARNS, "codes_per_cluster": per_cluster, "n_init": 3}
    model = clusterer(**settings, n_clusters=4).fit(X, y)
    assert model.classes_.tolist() == [1]
    assert np.mean(model.labels_[classes == 1] == 0) > 0.9
    counts = np.bincount(model.labels_, minlength=4)
    assert (np.diff(counts[1:]) <= 0).all()
    if per_cluster > 1:
        assert counts.tolist() == pytest.approx([20, 70, 50, 40], abs=5)


@pytest.mark.parametrize("y", ["all", "none", "names", "two columns", "numbers"])
def test_classes_of_all_rows_or_of_none_are_ignored(y, blobs):
    X, classes = blobs
    given = {
        "all": classes,
        "none": np.full(len(X), -1),
        "names": np.array(["a", "b", "c"])[classes],
        "two columns": np.c_[classes, classes],
        "numbers": X[:, 0],
    }
    model, without = clusterer(**LEARNS).fit(X, given[y]), clusterer(**LEARNS).fit(X)
    assert not hasattr(model, "classes_")
    np.testing.assert_array_equal(model.predict_proba(X), without.predict_proba(X))
    np.testing.assert_array_equal(
        model.sample(5, random_state=0), without.sample(5, random_state=0)
    )


@pytest.mark.parametrize(
    ("settings", "change", "message"),
    [
        ({}, lambda y: y[:-1], "y has 119 values, and X has 120 rows"),
        ({}, lambda y: y[:, None], r"y has shape \(120, 1\): give one class, or -1, for each"),
        ({}, lambda y: np.where(y < 0, np.nan, y), "y is missing in 114 places .NaN or None.: "),
        ({}, lambda y: np.where(y < 0, None, y), "y is missing in 114 places"),
        ({}, lambda y: y.astype(str), 'y holds "-1" as text: give a list, or an array'),
        ({}, lambda y: np.where(y == 1, 0.5, y), "y holds 0.5: classes are whole"),
        (
            {},
            lambda y: ["a" if i == 1 else i for i in y.tolist()],
            "y holds 'a': classes are",
        ),
        ({"n_clusters": 2}, lambda y: y, "y names 3 classes, n_clusters=2: raise n_clusters"),
        ({"consistency_weight": 0}, lambda y: y, "learns from no label: set objective="),
        ({"objective": "infogan"}, lambda y: y, "objective='infogan' learns from no label"),
    ],
)
def test_labels_that_cannot_be_learned_are_refused_before_training(
    settings, change, message, blobs, monkeypatch
):
    X, classes = blobs
    monkeypatch.setattr(schedule.Schedule, "prepare", None)
    model = clusterer(**settings)
    with pytest.raises((TypeError, ValueError), match=message):
        model.fit(X, change(some_of(classes)))
    assert not hasattr(model, "model_")


def test_training_goes_on_without_labels(fitted, blobs):
    X, classes = blobs
    model = pickle.loads(pickle.dumps(fitted)).set_params(warm_start=True)
    with pytest.raises(ValueError, match="warm_start trains on without labels"):
        model.fit(X, some_of(classes))
    _same(model, fitted, X)
    model.set_params(max_epochs=1).fit(X).partial_fit(X, some_of(classes))
    assert model.classes_.tolist() == [0, 1, 2]
    assert np.mean(model.labels_ == classes) > 0.9


def test_a_new_fit_forgets_classes(fitted, blobs):
    X, _ = blobs
    model = pickle.loads(pickle.dumps(fitted)).fit(X)
    assert not hasattr(model, "classes_")
    assert not hasattr(clone(fitted), "classes_")
    assert not hasattr(clusterer().partial_fit(X, some_of(blobs[1])), "classes_")


def test_an_extractor_ignores_labels(blobs):
    X, classes = blobs
    model, without = extractor().fit(X, some_of(classes)), extractor().fit(X)
    np.testing.assert_array_equal(model.transform(X), without.transform(X))


def test_classes_are_kept_where_a_model_is(fitted, blobs, tmp_path):
    X, classes = blobs
    names = np.array(["ape", "bee", "cat", -1], dtype=object)
    named = clusterer(max_epochs=2).fit(X, names[some_of(classes)])
    for model, folder in ((fitted, "numbers"), (named, "names")):
        save(model, tmp_path / folder)
        _same(load(tmp_path / folder), model, X)
        _same(pickle.loads(pickle.dumps(model)), model, X)


@pytest.mark.parametrize("classes", [[0, 0, 1], [0, "a"], [[0]], [1, 2, 3, 4], [2**70], "abc", []])
def test_names_that_cannot_be_those_of_clusters_are_not_loaded(classes, fitted, tmp_path):
    save(fitted, tmp_path)
    document, tensors = read_model(tmp_path)
    document["model"]["classes"] = classes
    write_model(tmp_path, document, tensors)
    with pytest.raises(CorruptModelError):
        load(tmp_path)


def test_merged_clusters_have_no_names(fitted, blobs):
    model = pickle.loads(pickle.dumps(fitted)).merge_clusters([0, 1])
    assert model.predict_proba(blobs[0]).shape == (120, 2)
    with pytest.raises(AttributeError, match="clusters have no names"):
        model.classes_  # noqa: B018
    assert fitted.classes_.tolist() == [0, 1, 2]


def test_a_checkpoint_is_of_its_labels(blobs, tmp_path, monkeypatch):
    X, classes = blobs
    settings = {**LEARNS, "max_epochs": 6, "n_init": 2}
    whole = clusterer(**settings).fit(X, some_of(classes))

    class Killed(Exception):
        pass

    def killed(self, run, stage, *args):
        train(self, run, stage, *args)
        if stage.plays:
            raise Killed

    train = schedule.Schedule._train
    with monkeypatch.context() as patched:
        patched.setattr(schedule.Schedule, "_train", killed)
        with pytest.raises(Killed):
            clusterer(**settings, checkpoint_dir=tmp_path / "a").fit(X, some_of(classes))
    for other in (None, some_of(classes, n_each=3)):
        with pytest.raises(ValueError, match="holds the state of another fit"):
            clusterer(**settings, checkpoint_dir=tmp_path / "a").fit(X, other)
    model = clusterer(**settings, checkpoint_dir=tmp_path / "a").fit(X, some_of(classes))
    _same(model, whole, X)


def test_ten_labels_name_the_digits():
    X, classes = load_digits(return_X_y=True)
    y = some_of(classes, n_each=1)
    swapped = np.array([0, 1, 2, 8, 4, 5, 6, 7, 3, 9])
    settings = {"image_shape": IMAGE, "n_init": 1, "max_epochs": 60, "random_state": 0}
    model = InfoGANClusterer(10, **settings).fit(X, np.where(y < 0, -1, swapped[y]))
    assert np.mean(model.labels_ == swapped[classes]) > 0.85
    assert np.mean(model.labels_[classes == 3] == 8) > 0.8


def test_classes_count_where_the_number_of_clusters_is_sought():
    X, _ = make_blobs(120, centers=3, random_state=0, cluster_std=0.3)
    y = np.where(np.arange(120) < 40, np.arange(120) % 5, -1)  # more than there are blobs
    model = clusterer(n_clusters="auto", max_clusters=6, prior="auto").fit(X, y)
    assert model.n_clusters_ >= 5
    assert model.classes_.tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="y names 5 classes, max_clusters=4: raise max_clusters"):
        clusterer(n_clusters="auto", max_clusters=4, prior="auto").fit(X, y)


def test_fit_predict_learns_from_them_too(fitted, blobs):
    X, classes = blobs
    again = clusterer(**LEARNS)
    np.testing.assert_array_equal(again.fit_predict(X, some_of(classes)), fitted.labels_)
    assert again.classes_.tolist() == [0, 1, 2]
