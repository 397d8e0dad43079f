"""Walks in the latent space: their images are those of the points that they should be."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from points import CODES, NOISE_DIM, noise_of, tile
from sklearn.exceptions import NotFittedError
from small import clusterer, extractor
from torch import nn

from gan_cluster.inspection import ArithmeticDisplay, WalkDisplay
from gan_cluster.inspection.walks import slerp


@pytest.fixture(scope="module")
def model(images):
    return clusterer(**CODES).fit(images)


def scaled(parts):
    """Rows of digits as a display shows them."""
    low, high = min(map(np.min, parts)), max(map(np.max, parts))
    return [(part.reshape(-1, 8, 8, 1) - low) / (high - low) for part in parts]


def test_walks_end_at_their_points_and_go_along_the_arc(model, ax):
    noise = noise_of(2, 3)
    codes = np.array([[[0, 3, -1], [1, 0, 0], [2, 2, 0.5]], [[0, 3, 1], [1, 0, 0], [2, 2, -2]]])
    points = [*zip(codes, noise, strict=True)]
    display = WalkDisplay.from_estimator(model, points, n_steps=4, ax=ax)
    assert display.images.shape == (3, 5, 8, 8, 1)
    lengths = np.linalg.norm(noise, axis=2)
    angle = np.arccos((noise[0] * noise[1]).sum(1) / lengths.prod(0))
    middle = noise.sum(0) / (2 * np.cos(angle / 2))[:, None]
    assert np.abs(middle - noise.mean(0)).max() > 0.1
    parts = [model.generate(codes[0], noise[0]), model.generate(codes.mean(0), middle)]
    parts.append(model.generate(codes[1], noise[1]))
    drawn = [*display.images.swapaxes(0, 1)]
    span = np.ptp(parts[0][0]) / np.ptp(drawn[0][0])
    shift = parts[0][0].min() - span * drawn[0][0].min()
    for column, part in zip((0, 2, 4), parts, strict=True):
        expected = (part.reshape(3, 8, 8, 1) - shift) / span
        np.testing.assert_allclose(drawn[column], expected, atol=1e-5)
        np.testing.assert_array_equal(tile(display, 1, column)[..., :1], drawn[column][1])
    assert [text.get_text() for text in ax.get_xticklabels()] == ["a", "", "", "", "b"]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["0", "1", "2"]
    assert (display.clusters, ax.get_ylabel()) == ([0, 1, 2], "cluster")
    assert display.figure_ is ax.figure


def test_a_model_of_a_data_frame_is_shown_as_one_of_an_array(model, images, ax):
    framed = clusterer(**CODES).fit(pd.DataFrame(images).add_prefix("pixel"))
    points = [([1, 2, 0.0], row) for row in noise_of(2)]
    first, second = (WalkDisplay.from_estimator(each, points, ax=ax) for each in (model, framed))
    np.testing.assert_array_equal(first.images, second.images)
    group = np.repeat([[1, 2, 0.0]], 2, axis=0), noise_of(2)
    first, second = (
        ArithmeticDisplay.from_estimator(each, group, group, group, ax=ax)
        for each in (model, framed)
    )
    np.testing.assert_array_equal(first.images, second.images)


def test_a_walk_leads_through_all_points(model, ax):
    noise = noise_of(4)
    points = [([1, 2, 0.0], row) for row in noise]
    display = WalkDisplay.from_estimator(model, points, n_steps=3, ax=ax)
    assert display.points.tolist() == [0, 3, 6, 9]
    assert display.images.shape == (1, 10, 8, 8, 1)
    rows = model.generate([[1, 2, 0.0]], noise).reshape(4, 8, 8, 1)
    shown = display.images[0, display.points]
    slope, start = np.polyfit(rows.ravel(), shown.ravel(), 1)
    np.testing.assert_allclose(shown, slope * rows + start, atol=1e-5)


def test_drawn_walks_hold_categories_and_follow_the_seed(model):
    seen = []
    spied = clusterer(**CODES)
    vars(spied).update(vars(model))
    spied.generate = lambda codes, noise: (seen.append((codes, noise)), np.zeros((5, 64)))[1]
    pictures = [
        WalkDisplay.from_estimator(spied, n_rows=5, n_steps=2, random_state=seed, ax=ax)
        for seed, ax in zip((0, 0, 1), Figure().subplots(3), strict=True)
    ]
    assert pictures[0].images.shape == (5, 3, 8, 8, 1)
    for codes, _ in seen[:3]:
        assert codes[:, 0].tolist() == [0, 1, 2, 0, 1]
        np.testing.assert_array_equal(codes[:, 1], seen[0][0][:, 1])
    np.testing.assert_allclose(seen[1][0], (seen[0][0] + seen[2][0]) / 2)
    assert (seen[0][0][:, 2] != seen[2][0][:, 2]).all()
    assert (seen[0][1] != seen[2][1]).all()
    np.testing.assert_array_equal(seen[0][1], seen[3][1])
    assert (seen[0][1] != seen[6][1]).any()


def test_slerp_keeps_length_and_halves_angles():
    start, end = np.array([[2.0, 0, 0]]), np.array([[0, 0, 2.0]])
    for share in (0, 0.25, 0.5, 1):
        angle = share * np.pi / 2
        expected = [[2 * np.cos(angle), 0, 2 * np.sin(angle)]]
        np.testing.assert_allclose(slerp(start, end, share), expected, atol=1e-12)


def test_slerp_is_a_line_where_there_is_no_arc():
    start = np.array([[1.0, 1], [1, 1], [0, 0], [3, 0]])
    end = np.array([[3.0, 3], [-2, -2], [0, 0], [3, 0]])
    np.testing.assert_allclose(slerp(start, end, 0.5), (start + end) / 2)


def test_networks_without_codes_walk(images, ax):
    gan = extractor(objective="gan", image_shape=(1, 8, 8), noise_dim=NOISE_DIM).fit(images)
    noise = noise_of(3, 2)
    walk = WalkDisplay.from_estimator(gan, [([], part) for part in noise], n_steps=1, ax=ax)
    assert walk.clusters is None
    (expected,) = scaled([gan.generate([], noise.reshape(6, -1))])
    np.testing.assert_allclose(walk.images.swapaxes(0, 1).reshape(6, 8, 8, 1), expected, atol=1e-5)


def test_a_table_has_no_picture(blobs):
    table = clusterer().fit(blobs[0])
    with pytest.raises(ValueError, match="fitted to a table"):
        WalkDisplay.from_estimator(table)


def test_bad_estimators_are_named():
    with pytest.raises(NotFittedError):
        WalkDisplay.from_estimator(clusterer())
    with pytest.raises(TypeError, match="InfoGANClusterer or a GANFeatureExtractor, got Linear"):
        WalkDisplay.from_estimator(nn.Linear(1, 1))


GOOD = [0, 1, 0.0], np.zeros(NOISE_DIM)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([], r"at least two points .*, got \[\]"),
        ([GOOD], r"at least two points .*, got \[\("),
        (5, "at least two points .*, got 5"),
        ([GOOD, ([1, 1, 0.0], GOOD[1])], "cluster, category1 should be the same in all points"),
        ([GOOD, ([0, 1], GOOD[1])], r"codes has shape \(2,\): it should be \(1, 3\)"),
        ([GOOD, ([3, 1, 0.0], GOOD[1])], "is cluster: it should be one of 0 .. 2"),
        ([GOOD, (GOOD[0], [0.0])], rf"noise has shape \(1,\): it should be \(1, {NOISE_DIM}\)"),
        ([GOOD, (GOOD[0], [np.nan] * NOISE_DIM)], "noise contains NaN"),
        ([GOOD, GOOD[:1]], r"points\[1\] should be a pair \(codes, noise\), got"),
        ([GOOD, (GOOD[0], np.zeros((2, NOISE_DIM)))], r"the same number of rows, got \[1, 2\]"),
        ([GOOD, (GOOD[0], np.empty((0, NOISE_DIM)))], r"points\[1\] is empty: give at least one"),
    ],
)
def test_bad_points_are_named(model, points, message):
    with pytest.raises(ValueError, match=message):
        WalkDisplay.from_estimator(model, points)


def test_bad_numbers_are_named(model):
    with pytest.raises(ValueError, match="n_rows == 0"):
        WalkDisplay.from_estimator(model, n_rows=0)
    with pytest.raises(ValueError, match="n_steps == 0"):
        WalkDisplay.from_estimator(model, n_steps=0)
