"""What is noted of fitted rows, and how unlike them others are."""

import pickle
import warnings
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score
from small import clusterer, extractor

from gan_cluster import _folder, load, save
from gan_cluster._folder import CorruptModelError
from gan_cluster.training import usual
from gan_cluster.training.usual import normals

HERE = Path(__file__).parent
LEARNS = {"max_epochs": 30, "learning_rate": 5e-3, "width": 4}


@pytest.fixture(scope="module")
def fitted(blobs):
    return clusterer(**LEARNS).fit(blobs[0])


def test_far_rows_are_less_usual_than_new_ones_of_the_same_kind(fitted, blobs):
    rng = np.random.RandomState(1)
    X = blobs[0] + rng.normal(scale=0.05, size=blobs[0].shape)
    outside = rng.uniform(X.min(0) - 3, X.max(0) + 3, size=X.shape)
    scores = fitted.score_samples(np.vstack([X, outside]))
    assert scores.shape == (240,)
    assert scores.dtype == np.float64
    assert (scores <= 0).all()
    assert roc_auc_score(np.repeat([1, 0], 120), scores) > 0.95


def test_the_unit_is_the_mean_distance_and_few_rows_are_below_the_offset(fitted, blobs):
    scores = fitted.score_samples(blobs[0])
    assert -1.05 < scores.mean() < -0.7  # each row was seen here, and was not for the unit
    assert (scores < fitted.offset_).mean() <= 0.02
    assert fitted.offset_ < -1


def test_a_row_alone_has_the_same_score(fitted, blobs):
    X = blobs[0][:5]
    alone = np.concatenate([fitted.score_samples(row[None]) for row in X])
    np.testing.assert_array_equal(alone, fitted.score_samples(X))


def test_scores_are_kept_by_files_pickles_and_merged_clusters(fitted, blobs, tmp_path):
    expected = fitted.score_samples(blobs[0])
    save(fitted, tmp_path)
    merged = deepcopy(fitted).merge_clusters([0, 1])
    for same in (load(tmp_path), pickle.loads(pickle.dumps(fitted)), merged):
        np.testing.assert_array_equal(same.score_samples(blobs[0]), expected)
        assert same.offset_ == fitted.offset_


def test_training_on_notes_what_is_usual_anew(blobs):
    model = clusterer(max_epochs=2, warm_start=True)
    X = blobs[0]
    seen = [model.fit(X).model_.usual, model.fit(X).model_.usual]
    seen.append(model.partial_fit(X + 5).model_.usual)
    assert not torch.equal(seen[0].centers, seen[1].centers)
    assert not torch.equal(seen[1].centers, seen[2].centers)
    model.partial_fit(X)
    assert (model.score_samples(X) < model.offset_).mean() <= 0.02


def test_an_error_leaves_what_was_usual(blobs, monkeypatch):
    model = clusterer().fit(blobs[0])
    before = model.model_.usual

    def fails(self, X):
        self.usual = None
        raise RuntimeError("no")

    monkeypatch.setattr(type(model.model_), "note_usual", fails)
    with pytest.raises(RuntimeError, match="no"):
        model.partial_fit(blobs[0])
    assert model.model_.usual is before


def test_it_is_not_known_before_fit_and_of_older_models(tmp_path):
    with pytest.raises(NotFittedError):
        clusterer().score_samples(np.zeros((3, 4)))
    assert not hasattr(clusterer(), "offset_")
    older = load(HERE.parent / "saved_format_5")
    with pytest.raises(
        NotFittedError, match=r"older versions did not save them.*partial_fit again"
    ):
        older.score_samples(np.zeros((3, 4)))
    assert not hasattr(older, "offset_")
    save(older, tmp_path)
    assert not hasattr(load(tmp_path), "offset_")
    X = np.random.RandomState(0).normal(size=(60, 4))
    assert older.partial_fit(X).score_samples(X).shape == (60,)


def test_rows_of_another_shape_are_refused(fitted):
    with pytest.raises(ValueError, match="features"):
        fitted.score_samples(np.zeros((3, 5)))


def test_an_extractor_has_no_such_score(blobs):
    assert not hasattr(extractor().fit(blobs[0]), "score_samples")


def test_two_rows_are_enough_and_copies_of_them_too(blobs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of clusters that are empty
        few = clusterer(n_clusters=2).fit(blobs[0][:2])
        same = clusterer(n_clusters=2).fit(np.repeat(blobs[0][:2], 10, axis=0))
    assert np.isfinite(few.score_samples(blobs[0][:2])).all()
    assert np.isfinite(same.score_samples(blobs[0][:2])).all()


def test_a_wide_trunk_is_read_by_q_alone(blobs, monkeypatch):
    monkeypatch.setattr(usual, "MOST_FEATURES", 10)
    model = clusterer().fit(blobs[0])
    assert model.model_.usual.factor.shape == (128, 128)
    assert model.score_samples(blobs[0]).shape == (120,)


@pytest.mark.parametrize("forged", [np.nan, np.inf])
def test_features_that_are_not_finite_say_nothing(forged, blobs, monkeypatch):
    def strange(net, batch):
        return torch.full((len(batch), 3), forged)

    monkeypatch.setattr(usual, "features", strange)
    model = clusterer().fit(blobs[0])
    with pytest.raises(NotFittedError, match="features are not finite"):
        model.score_samples(blobs[0])


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("centers", torch.zeros(3, 5), "has not the shapes"),
        ("centers", torch.zeros(0, 160), "has not the shapes"),
        ("centers", torch.tensor(1.0), "does not fit"),
        ("factor", torch.eye(5), "has not the shapes"),
        ("factor", torch.eye(160).double(), "no finite numbers"),
        ("offset", torch.tensor(torch.nan), "no finite numbers"),
        ("offset", torch.tensor(1.0), "cannot be"),
        ("distance", torch.tensor(0.0), "cannot be"),
        ("distance", None, "does not fit"),
    ],
)
def test_forged_parts_are_found_out(name, value, message, blobs, tmp_path):
    save(clusterer().fit(blobs[0]), tmp_path)
    document, tensors = _folder.read_model(tmp_path)
    assert tensors["usual.factor"].shape == (160, 160)
    tensors.pop(f"usual.{name}")
    if value is not None:
        tensors[f"usual.{name}"] = value
    _folder.write_model(tmp_path, document, tensors)
    with pytest.raises(CorruptModelError, match=message):
        load(tmp_path)


def test_a_shared_covariance_makes_distances_mahalanobis():
    rng = np.random.RandomState(0)
    values = np.repeat([2, 5], 4000)
    seen = rng.normal([[0, 0]] * 4000 + [[9, 0]] * 4000, [1, 3])
    centers, factor = normals(seen, values)
    found = usual.distances_from(np.array([[2.0, 0], [9, 6], [4.5, 0]]), centers, factor)
    np.testing.assert_allclose(found, [2, 2, 4.5], rtol=0.1)


def test_rows_may_be_sorted(blobs):
    model = clusterer(**LEARNS, codes_per_cluster=3).fit(blobs[0]).model_
    rng = np.random.RandomState(0)
    values = model.map(lambda batch: model.net.read_first(batch).argmax(1), blobs[0])
    offsets = []
    for order in (np.argsort(values, kind="stable"), rng.permutation(len(values))):
        model.note_usual(blobs[0][order])
        offsets.append(model.offset)
    assert offsets[0] == pytest.approx(offsets[1], rel=0.2)
