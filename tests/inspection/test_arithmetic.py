"""Sums in the latent space: their images are those of the points that they should be."""

import numpy as np
import pytest
from points import CODES, NOISE_DIM, noise_of, tile
from sklearn.exceptions import NotFittedError
from small import clusterer, extractor
from torch import nn

from gan_cluster.inspection import ArithmeticDisplay

GOOD = [0, 1, 0.0], np.zeros(NOISE_DIM)


@pytest.fixture(scope="module")
def model(images):
    return clusterer(**CODES).fit(images)


@pytest.fixture
def groups():
    codes = [[[0, 1, 0.5]] * 3, [[0, 1, -0.5]] * 2, [[2, 1, 0.0]] * 3]
    noise = noise_of(8)
    return [*zip(codes, (noise[:3], noise[3:5], noise[5:]), strict=True)]


def test_the_sum_is_that_of_the_means(model, groups, ax):
    display = ArithmeticDisplay.from_estimator(model, *groups, n_variants=5, ax=ax)
    assert display.images.shape == (4, 6, 8, 8, 1)
    noise = [np.mean(part, axis=0) for _, part in groups]
    codes = [np.mean(part, axis=0) for part, _ in groups]
    a, b, c = noise
    total, code = a - b + c, [2, 1, 1.0]
    np.testing.assert_allclose(codes[0] - codes[1] + codes[2], code)
    lines = [
        model.generate([mean, *exemplars], [centre, *rows])
        for mean, centre, (exemplars, rows) in zip(codes, noise, groups, strict=True)
    ]
    lines.append(model.generate([code], [total]))
    shown = [*display.images]
    slope, start = np.polyfit(lines[0].ravel(), shown[0][:4].ravel(), 1)
    for row, line in enumerate(lines):
        expected = slope * line.reshape(-1, 8, 8, 1) + start
        np.testing.assert_allclose(shown[row][: len(line)], expected, atol=1e-5)
    assert np.isnan(shown[0][4:]).all()
    assert np.isnan(shown[1][3:]).all()
    assert (tile(display, 1, 3) == 1).all()
    np.testing.assert_array_equal(tile(display, 3, 0)[..., :1], shown[3][0])
    assert [text.get_text() for text in ax.get_yticklabels()] == ["a", "- b", "+ c", "a - b + c"]
    variants = shown[3][1:]
    assert len(np.unique(variants.reshape(5, -1), axis=0)) == 5


def test_variants_lie_around_the_sum(model, groups, ax):
    seen = []
    spied = clusterer(**CODES)
    vars(spied).update(vars(model))
    spied.generate = lambda codes, noise: (
        seen.append((codes, noise)),
        model.generate(codes, noise),
    )[1]
    ArithmeticDisplay.from_estimator(spied, *groups, n_variants=50, ax=ax)
    codes, noise = seen[3]
    distance = np.abs(noise[1:] - noise[0])
    assert 0.2 < distance.max() <= 0.25
    np.testing.assert_array_equal(codes, np.repeat([[2, 1, 1.0]], 51, axis=0))


def test_categories_may_come_from_either_side(model, ax):
    noise = noise_of(3, 3)
    codes = [2, 3, 0.0], [1, 3, 0.0], [1, 0, 0.0]
    display = ArithmeticDisplay.from_estimator(model, *zip(codes, noise, strict=True), ax=ax)
    total = noise.mean(1)[0] - noise.mean(1)[1] + noise.mean(1)[2]
    made = model.generate([[2, 0, 0.0]], [total]).reshape(8, 8)
    assert np.corrcoef(display.images[3, 0, ..., 0].ravel(), made.ravel())[0, 1] > 1 - 1e-9


@pytest.mark.parametrize(
    ("b", "message"),
    [
        ((GOOD[0], []), "b is empty: give at least one row"),
        ((np.empty((0, 3)), np.empty((0, NOISE_DIM))), "b is empty: give at least one row"),
        (([2, 1, 0.0], GOOD[1]), r"cluster is \[0\] in a, \[2\] in b and \[1\] in c"),
        (([[0, 1, 0.0], [1, 1, 0.0]], GOOD[1]), "should be the same for all exemplars of a group"),
        (([0, 1, 0.0, 0.0], GOOD[1]), r"codes has shape \(4,\): it should be \(1, 3\)"),
        (([9, 1, 0.0], GOOD[1]), "is cluster: it should be one of 0 .. 2"),
        (([[0], [1, 2]], GOOD[1]), "b: codes should be numbers of shape"),
        ((np.empty((0, 3)), GOOD[1]), "b is empty: give at least one row"),
        ((GOOD[0], [0.0]), rf"b: noise has shape \(1,\): it should be \(1, {NOISE_DIM}\)"),
    ],
)
def test_bad_exemplars_are_named(model, b, message):
    with pytest.raises(ValueError, match=message):
        ArithmeticDisplay.from_estimator(model, GOOD, b, ([1, 1, 0.0], GOOD[1]))


def test_networks_without_codes_add(images, ax):
    gan = extractor(objective="gan", image_shape=(1, 8, 8), noise_dim=NOISE_DIM).fit(images)
    groups = [([], part) for part in noise_of(3, 2)]
    total = ArithmeticDisplay.from_estimator(gan, *groups, n_variants=0, ax=ax)
    assert total.images.shape == (4, 3, 8, 8, 1)


def test_a_table_has_no_picture(blobs):
    with pytest.raises(ValueError, match="fitted to a table"):
        ArithmeticDisplay.from_estimator(clusterer().fit(blobs[0]), *[([0], [0, 0])] * 3)


def test_bad_estimators_are_named():
    given = [([0], [0, 0])] * 3
    with pytest.raises(NotFittedError):
        ArithmeticDisplay.from_estimator(clusterer(), *given)
    with pytest.raises(TypeError, match="InfoGANClusterer or a GANFeatureExtractor, got Linear"):
        ArithmeticDisplay.from_estimator(nn.Linear(1, 1), *given)


def test_bad_numbers_are_named(model):
    with pytest.raises(ValueError, match="n_variants == -1"):
        ArithmeticDisplay.from_estimator(model, GOOD, GOOD, GOOD, n_variants=-1)
