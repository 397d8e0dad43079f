"""What users get wrong most is told with what to do instead."""

import re
import warnings

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import OneHotEncoder
from skorch.callbacks import BatchScoring, Callback, Checkpoint, EarlyStopping, EpochScoring
from small import IMAGE, STEADY, clusterer, extractor

from gan_cluster._convergence import failures

CASES = {
    "channels last in image_shape": (
        {"image_shape": (16, 16, 3)},
        np.zeros((4, 768)),
        "In image_shape channels come first: (3, 16, 16)?",
    ),
    "grey ones": (
        {"image_shape": (28, 28, 1)},
        np.zeros((4, 28, 28, 1)),
        "channels come first: (1, 28, 28)?",
    ),
    "axes that may mean both": (
        {},
        np.zeros((4, 8, 8, 8)),
        "image_shape=(8, 8, 8) or, channels last, np.moveaxis(X, -1, 1) with that image_shape",
    ),
    "axes that may mean two shapes": (
        {},
        np.zeros((4, 9, 8, 8)),
        "image_shape=(9, 8, 8) or, channels last, image_shape=(8, 9, 8)",
    ),
}


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize("make", [clusterer, extractor])
@pytest.mark.parametrize("name", CASES)
def test_axes_are_told_apart(name, make):
    settings, zeros, message = CASES[name]
    X = np.random.default_rng(0).uniform(size=zeros.shape)
    with pytest.raises(ValueError, match=re.escape(message)):
        make(**settings).fit(X)


def test_the_readings_that_are_named_can_be_given():
    X = np.random.default_rng(0).uniform(size=(40, 8, 8, 8))
    for given in (X, np.moveaxis(X, -1, 1)):
        model = clusterer(image_shape=(8, 8, 8)).fit(given)
        assert model.sample().shape == (1, 8, 8, 8)


def test_many_channels_of_narrow_images_are_fine_without_convolutions():
    X = np.random.default_rng(0).uniform(size=(40, 8 * 9 * 3))
    assert clusterer(image_shape=(8, 9, 3), architecture="mlp").fit(X).sample().shape == (1, 216)


@pytest.mark.usefixtures("no_training")
def test_sparse_rows_of_an_encoder_name_its_parameter():
    X = OneHotEncoder().fit_transform(np.array([["a"], ["b"], ["a"]] * 5))
    assert isinstance(X, csr_matrix)
    with pytest.raises(TypeError, match=r"X\.toarray\(\).*OneHotEncoder\(sparse_output=False\)"):
        clusterer().fit(X)


@pytest.mark.parametrize("shape", [(8, 8), (1, 8, 8), (8, 8, 1), (64,)])
def test_one_grey_image_is_told_to_be_many(shape, images):
    model = clusterer(image_shape=IMAGE).fit(images)
    one = images[0].reshape(shape)
    if shape == (1, 8, 8):  # which is one image without an axis of channels
        assert model.predict(one) == model.predict(images[:1])
        return
    told = r"reshape\(1, -1\)" if len(shape) == 1 else r"If X is one image, give X\[None\]"
    with pytest.raises(ValueError, match=told):
        model.predict(one)
    if len(shape) > 1:
        assert model.predict(one[None]) == model.predict(images[:1])


def test_one_colour_image_is_told_to_be_many(colours):
    for X in (colours, np.moveaxis(colours, 1, -1)):
        model = clusterer().fit(X)
        with pytest.raises(ValueError, match=r"If X is one image, give X\[None\]"):
            model.transform(X[0])
        assert model.predict(X[0][None]) == model.predict(X[:1])


def test_other_numbers_of_columns_are_not_taken_for_an_image(images, blobs):
    for model, X in ((clusterer(image_shape=IMAGE).fit(images), images[:, :8]),):
        with pytest.raises(ValueError, match="8 features") as told:
            model.predict(X)
        assert "X[None]" not in str(told.value)
    with pytest.raises(ValueError, match="2 features") as told:
        clusterer().fit(blobs[0]).predict(blobs[0][:2, :2])
    assert "X[None]" not in str(told.value)


def test_how_many_epochs_more_is_said(blobs):
    with pytest.warns(ConvergenceWarning, match="raise max_epochs from 1 to 2"):
        clusterer(max_epochs=1).fit(blobs[0])
    (told,) = failures([{"labels_changed": 0.5}] * 90, 0.02, "auto", np.array([60, 60]))
    assert 'set max_epochs=180 ("auto" was 90 here)' in told


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize(
    "callback", [EpochScoring("accuracy"), BatchScoring("accuracy"), EarlyStopping(), Checkpoint()]
)
def test_callbacks_that_need_a_validation_set_are_told_what_there_is(callback, blobs):
    name = type(callback).__name__
    with pytest.raises(ValueError, match=f"{name}.*'agreement' and 'labels_changed'"):
        clusterer(callbacks=[callback]).fit(blobs[0])
    with pytest.raises(ValueError, match=f"{name}.*'discriminator_loss' and 'generator_loss'"):
        clusterer(callbacks=[callback], **STEADY).fit(blobs[0])


@pytest.mark.parametrize("measures", ["'agreement' and 'labels_changed'", "both losses"])
def test_measures_that_are_named_can_be_watched(measures, blobs):
    settings = STEADY if measures == "both losses" else {}
    names = ["generator_loss"] if settings else ["agreement", "labels_changed"]
    watching = [EarlyStopping(name, patience=100) for name in names]
    assert clusterer(callbacks=watching, max_epochs=4, **settings).fit(blobs[0]).n_iter_ == 4


def test_a_measure_that_an_epoch_has_not_is_named_with_those_it_has(blobs):
    model = clusterer(callbacks=[EarlyStopping("generator_loss")], max_epochs=4)
    said = "monitor='generator_loss' is no measure of epoch 1, which has agreement, .*, seconds"
    with pytest.raises(ValueError, match=said):
        model.fit(blobs[0])
    assert not hasattr(model, "model_")


def test_a_measure_of_ones_own_can_be_watched(blobs):
    class Records(Callback):
        def on_epoch_end(self, net, **kwargs):
            net.history.record("valid_loss", 1.0)

    model = clusterer(callbacks=[Records(), EarlyStopping(patience=2)], max_epochs=8)
    assert model.fit(blobs[0]).n_iter_ < 8


def test_a_table_that_may_be_of_images_is_told_so_beside_what_went_wrong(images, capsys):
    hint = re.escape("X has 64 = 8 * 8 columns, none of them negative: if its rows are images, set")
    with pytest.warns(ConvergenceWarning, match=hint) as told:
        clusterer(max_epochs=1, verbose=1).fit(images)
    assert sum("8 * 8 columns" in str(warning.message) for warning in told) == 1
    assert capsys.readouterr().err.count("8 * 8 columns") == 1


@pytest.mark.parametrize("kind", ["images", "negative", "no square", "small", "at rest"])
def test_other_tables_are_not(kind, images, blobs, capsys):
    X = {"negative": images - 1, "no square": images[:, :60], "small": images[:, :49]}
    settings = {"image_shape": IMAGE} if kind == "images" else {}
    settings |= {"verbose": 0} if kind == "at rest" else {"verbose": 1}
    if kind == "at rest":
        X = {kind: np.hstack([np.abs(blobs[0])] * 16)}
        settings |= {"max_epochs": 60, "width": 8}
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        clusterer(**settings).fit(X.get(kind, images))
    assert not any("columns, none" in str(warning.message) for warning in told)
    assert "columns, none" not in capsys.readouterr().err
