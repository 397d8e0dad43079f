"""Settings that cannot work are named, with what would be right, before any training."""

import re

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError
from small import clusterer, extractor

from gan_cluster import InfoGANClusterer, Objective
from gan_cluster.objectives import OBJECTIVES

pytestmark = pytest.mark.usefixtures("no_training")
both = pytest.mark.parametrize("make", [clusterer, extractor])
X = np.random.RandomState(0).normal(size=(20, 64))
LEARNING_RATE = "learning_rate=.*: it should be a positive number, or two, that of the disc"
SETTINGS = {
    "no run and no head": ({"n_init": 0}, "'n_init' parameter"),
    "half a run": ({"n_init": 1.5}, "'n_init' parameter"),
    "runs by a name": ({"n_init": "many"}, "'n_init' parameter"),
    "image_shape of two numbers": (
        {"image_shape": (8, 8)},
        r"three positive integers .*; grey images have one channel: \(1, 8, 8\)",
    ),
    "image_shape of fractions": ({"image_shape": (1.0, 8, 8)}, "three positive integers"),
    "image_shape with a zero": ({"image_shape": (0, 8, 8)}, "three positive integers"),
    "image_shape of no numbers": ({"image_shape": 64}, "'image_shape' parameter"),
    "small images": (
        {"image_shape": (4, 4, 4)},
        'images of 4x4 are too small .* at least 8x8: enlarge them or set architecture="mlp"',
    ),
    "convolutions without images": ({"architecture": "dcgan"}, "needs images: set image_shape"),
    "too deep": ({"image_shape": (1, 8, 8), "depth": 4}, "depth=4 .* set depth to at most 3"),
    "far too deep": ({"image_shape": (1, 8, 8), "depth": 10**9}, "set depth to at most 3"),
    "unknown architecture": ({"architecture": "vgg"}, "'architecture' parameter"),
    "views of a table": ({"augment": "image"}, 'augment="image" needs images'),
    "colours of a table": ({"augment": "photo"}, "see rows of a table: set augment"),
    "colours of grey images": (
        {"augment": "photo", "image_shape": (1, 8, 8)},
        'augment="photo" changes the colours of images of 3 channels.* images of 1 channels',
    ),
    "views that do not differ": ({"contrast_temperature": 0.5}, 'augment="none" makes none'),
    "contrast_temperature": ({"contrast_temperature": -1}, "'contrast_temperature' parameter"),
    "augment": ({"augment": "mirror"}, "'augment' parameter"),
    "unknown device": ({"device": "abacus"}, "device='abacus' is unknown: use \"auto\""),
    "absent device": ({"device": "meta"}, "device='meta' is not available here: use"),
    "categorical codes": ({"categorical_codes": (3, 0)}, "categorical_codes.* positive integers"),
    "batch_size": ({"batch_size": 1}, "'batch_size' parameter"),
    "ema_decay": ({"ema_decay": 1.0}, "'ema_decay' parameter of Objective"),
    "adversarial_loss": ({"adversarial_loss": "wgan"}, "'adversarial_loss' parameter"),
    "callbacks": ({"callbacks": "print"}, "'callbacks' parameter"),
    "callback": ({"callbacks": [print]}, "callbacks should be instances of skorch"),
    "augment of fewer rows": ({"augment": lambda rows: rows[:1]}, "augment should map a batch to"),
    "augment that fails": ({"augment": lambda rows: rows.mirrored}, "augment fails on a batch of"),
    "augment of nothing": ({"augment": lambda rows: None}, "augment should .*it gave None"),
    "instance_noise": ({"instance_noise": -0.1}, "'instance_noise' parameter"),
    "gradient_penalty": ({"gradient_penalty": -1.0}, "'gradient_penalty' parameter of Objective"),
    "codes_per_cluster": ({"codes_per_cluster": 0}, "'codes_per_cluster' parameter of Objective"),
    "consistency_weight": ({"consistency_weight": None}, "'consistency_weight' parameter"),
    "unknown objective": ({"objective": "wgan"}, "'objective' parameter"),
    "class for an objective": ({"objective": Objective}, "'objective' parameter"),
    "learning rate of zero": ({"learning_rate": 0.0}, "'learning_rate' parameter"),
    "learning rate of a word": ({"learning_rate": "slow"}, "'learning_rate' parameter"),
    "no learning rate": ({"learning_rate": None}, "'learning_rate' parameter"),
    "three learning rates": ({"learning_rate": (1e-3, 1e-3, 1e-3)}, LEARNING_RATE),
    "one learning rate of two": ({"learning_rate": [1e-3]}, LEARNING_RATE),
    "a negative learning rate of two": ({"learning_rate": (1e-3, -1e-3)}, LEARNING_RATE),
    "an infinite learning rate of two": ({"learning_rate": (1e-3, np.inf)}, LEARNING_RATE),
    "an infinite learning rate": ({"learning_rate": np.inf}, "'learning_rate' parameter"),
    "words for learning rates": ({"learning_rate": ("auto", 1e-3)}, LEARNING_RATE),
    "random_state": ({"random_state": "today"}, "'random_state' parameter"),
}


@both
@pytest.mark.parametrize("kind", SETTINGS)
def test_settings(make, kind):
    settings, message = SETTINGS[kind]
    with pytest.raises((ValueError, TypeError), match=message):
        make(**settings).fit(X)


@both
def test_cuda_where_there_is_none(make):
    with pytest.raises(ValueError, match="device='cuda' is not available here"):
        make(device="cuda").fit(X)


def test_a_cuda_device_beyond_the_last(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(ValueError, match="device='cuda:1' is not available here"):
        clusterer(device="cuda:1").fit(X)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_clusters": 0}, "'n_clusters' parameter"),
        ({"n_clusters": 21}, "n_samples=20 should be at least the number of clusters, 21"),
    ],
)
def test_number_of_clusters(settings, message):
    with pytest.raises(ValueError, match=message):
        clusterer(**settings).fit(X)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layers": "conv1"}, r"layers='conv1' names no layer \['conv1'\]: there are \['dense1"),
        ({"layers": []}, r"layers=\[\] names no layer"),
        ({"objective": "gan", "layers": "recognition"}, "names no layer"),
        ({"pooling": "max"}, 'pooling="max" needs convolutional maps'),
        ({"pooling": "avg"}, 'pooling="avg" needs convolutional maps.*leave pooling="auto"'),
        ({"normalize": "l1"}, "'normalize' parameter"),
    ],
)
def test_features_that_are_not_there(settings, message):
    with pytest.raises(ValueError, match=message):
        extractor(**settings).fit(X)


@pytest.mark.parametrize(
    "objective", ["gan", Objective(consistency_weight=0, info_weight=0), OBJECTIVES["gan"]]
)
@pytest.mark.parametrize("method", ["fit", "partial_fit", "fit_predict"])
def test_a_clusterer_needs_a_term_that_teaches_clusters(objective, method):
    message = f'no term of objective={objective!r} trains one: set objective="consistency"'
    with pytest.raises(ValueError, match=re.escape(message)):
        getattr(InfoGANClusterer(3, objective=objective), method)(X)


def test_clusters_that_are_not_asked_for():
    with pytest.raises(ValueError, match=r"categorical_codes=\(3,\) come after the cluster, and"):
        extractor(n_clusters=None, categorical_codes=(3,)).fit(X)
    with pytest.raises(ValueError, match="'n_clusters' parameter"):
        clusterer(n_clusters=None).fit(X)


def test_a_chunk_in_units_far_from_those_of_the_first(monkeypatch):
    monkeypatch.setattr("gan_cluster.training.data.CHUNK_BYTES", 10 * 64 * 8)
    later = np.vstack([X, X * 1e200])
    with pytest.raises(ValueError, match="X is too large in column 0: its variance overflows"):
        clusterer().fit(later)


@pytest.fixture(scope="module")
def fitted():
    colours = np.random.RandomState(0).normal(size=(20, 3, 8, 8))
    return clusterer().fit(X), clusterer().fit(colours)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (X[:, :63], "X has 63 features, but InfoGANClusterer is expecting 64"),
        (np.full_like(X, np.nan), "contains NaN"),
        (X[:1], r"1 sample\(s\).*minimum of 2"),
        (X.reshape(20, 8, 8), r"images of shape \(8, 8\).* fitted on rows of shape \(64,\)"),
    ],
)
def test_rows_to_go_on_with(bad, message, fitted):
    with pytest.raises(ValueError, match=message):
        fitted[0].partial_fit(bad)


@pytest.mark.parametrize("method", ["predict", "partial_fit"])
@pytest.mark.parametrize("shape", [(8, 8, 3), (3, 4, 16), (3, 16, 16), (8, 8)])
def test_new_images_with_other_axes(method, shape, fitted):
    with pytest.raises(ValueError, match=r"fitted on rows of shape \(3, 8, 8\)"):
        getattr(fitted[1], method)(np.zeros((5, *shape)))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n_samples": 0}, ValueError, "n_samples == 0, must be >= 1"),
        ({"n_samples": 1.5}, TypeError, "n_samples must be an instance of"),
        ({"n_samples": True}, TypeError, "n_samples must be an instance of int, not bool"),
        ({"cluster": True}, TypeError, "cluster must be an instance of int, not bool"),
        ({"cluster": 3}, ValueError, "cluster == 3, must be <= 2"),
        ({"cluster": -1}, ValueError, "cluster == -1, must be >= 0"),
        ({"cluster": "cats"}, TypeError, "cluster must be an instance of"),
        ({"random_state": "a"}, ValueError, "'a' cannot be used to seed"),
    ],
)
def test_what_to_sample(arguments, error, message, fitted):
    with pytest.raises(error, match=message):
        fitted[0].sample(**arguments)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "transform", "score"])
def test_before_fit(method):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        getattr(clusterer(), method)(X)
    with pytest.raises(NotFittedError, match="not fitted yet"):
        clusterer().sample()
    assert not hasattr(clusterer(), "history_")
