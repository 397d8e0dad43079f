"""A traversal shows what the generator makes of a code's values."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.exceptions import NotFittedError
from small import clusterer, extractor
from torch import nn

from gan_cluster.inspection import TraversalDisplay
from gan_cluster.inspection._images import LINE

CODES = {"image_shape": (1, 8, 8), "categorical_codes": (4,), "n_continuous": 2}


@pytest.fixture(scope="module")
def model(images):
    return clusterer(**CODES).fit(images)


def labels(ticks):
    return [tick.get_text() for tick in ticks]


@pytest.mark.parametrize(
    ("code", "values"),
    [
        ("cluster", [0, 1, 2]),
        ("category1", [0, 1, 2, 3]),
        ("continuous1", [-2, -1, 0, 1, 2]),
    ],
)
def test_columns_are_values_and_rows_hold_the_rest(code, values, model, ax):
    display = TraversalDisplay.from_estimator(model, code, n_rows=4, n_values=5, ax=ax)
    assert display.images.shape == (4, len(values), 8, 8, 1)
    np.testing.assert_allclose(display.values, values)
    assert labels(ax.get_xticklabels()) == [f"{v:.3g}" for v in values]
    assert ax.get_title() == code
    assert display.figure_ is ax.figure
    assert (display.images.min(), display.images.max()) == (0, 1)
    tile = 8 + LINE
    for row in range(4):
        for column in range(len(values)):
            pixels = display.image_[row * tile : row * tile + 8, column * tile : column * tile + 8]
            expected = np.repeat(display.images[row, column], 3, axis=2)
            np.testing.assert_allclose(pixels, expected)


def test_rows_name_their_cluster_and_grey_values_lie_beyond_training(model, ax):
    display = TraversalDisplay.from_estimator(model, "continuous0", n_rows=4, n_values=5, ax=ax)
    assert display.clusters == [0, 1, 2, 0]
    assert labels(ax.get_yticklabels()) == ["0", "1", "2", "0"]
    assert ax.get_ylabel() == "cluster"
    colours = [tick.get_color() for tick in ax.get_xticklabels()]
    assert colours == ["0.6", "black", "black", "black", "0.6"]


def test_rows_of_all_clusters_have_no_name_and_categories_are_not_grey(model, ax):
    TraversalDisplay.from_estimator(model, "cluster", n_rows=4, ax=ax)
    assert not labels(ax.get_yticklabels())
    assert not ax.get_ylabel()
    assert {tick.get_color() for tick in ax.get_xticklabels()} == {"black"}


def test_images_are_those_of_codes_and_noise(images, ax):
    model = clusterer(image_shape=(1, 8, 8), n_continuous=1).fit(images)
    seen = []
    generate = model.generate
    model.generate = lambda codes, noise: (seen.append((codes, noise)), generate(codes, noise))[1]
    display = TraversalDisplay.from_estimator(model, "continuous0", n_rows=5, n_values=3, ax=ax)
    rows = np.stack([generate(codes, noise) for codes, noise in seen], axis=1)
    scaled = (rows - rows.min()) / np.ptp(rows)
    np.testing.assert_allclose(display.images[..., 0], scaled.reshape(5, 3, 8, 8), atol=1e-6)
    assert all((noise == seen[0][1]).all() for _, noise in seen)
    assert [codes[0, 1] for codes, _ in seen] == [-2, 0, 2]
    assert [codes[:, 0].tolist() for codes, _ in seen] == [[0, 1, 2, 0, 1]] * 3


def test_seeds(model):
    pictures = [
        TraversalDisplay.from_estimator(model, random_state=seed, ax=Figure().subplots()).image_
        for seed in (0, 0, 1, np.random.RandomState(0))
    ]
    np.testing.assert_array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[0], pictures[2])
    assert pictures[3].shape == pictures[0].shape


def test_colours_of_an_extractor(colours, ax):
    display = TraversalDisplay.from_estimator(extractor().fit(colours), n_rows=2, ax=ax)
    assert display.images.shape == (2, 3, 9, 11, 3)


def test_without_a_cluster_the_first_code_is_changed(colours, ax):
    model = extractor(n_clusters=None, n_continuous=2).fit(colours)
    display = TraversalDisplay.from_estimator(model, n_rows=2, ax=ax)
    assert (display.code, display.clusters) == ("continuous0", None)


def test_bad_input_is_named(model, blobs, images):
    with pytest.raises(ValueError, match="code='slant' does not exist: there are"):
        TraversalDisplay.from_estimator(model, "slant")
    with pytest.raises(NotFittedError):
        TraversalDisplay.from_estimator(clusterer())
    with pytest.raises(TypeError, match="got Linear"):
        TraversalDisplay.from_estimator(nn.Linear(1, 1))
    with pytest.raises(ValueError, match="fitted to a table"):
        TraversalDisplay.from_estimator(clusterer().fit(blobs[0]))
    gan = extractor(objective="gan", image_shape=(1, 8, 8)).fit(images)
    with pytest.raises(ValueError, match="there is no code to change"):
        TraversalDisplay.from_estimator(gan)
