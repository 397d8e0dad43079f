"""Sprites show the factors they were made from."""

import numpy as np
import pytest

from gan_cluster.datasets import SPRITE_FACTORS, _drawn, make_sprites


@pytest.fixture(scope="module")
def sprites():
    return make_sprites(3000, random_state=0)


def _moments(X):
    """Mass, centre and longest axis of each image."""
    weights = X[:, 0].astype(float)
    mass = weights.sum((1, 2))
    grid = np.arange(X.shape[-1])
    x = (weights * grid).sum((1, 2)) / mass
    y = (weights * grid[:, None]).sum((1, 2)) / mass
    return mass, x, y


def test_shapes_ranges_and_seeds(sprites):
    X, factors = sprites
    assert X.shape == (3000, 1, 32, 32)
    assert X.dtype == np.uint8
    assert (X.min(), X.max()) == (0, 255)
    for column, n_values in zip(factors.T, SPRITE_FACTORS.values(), strict=True):
        assert set(column) == set(range(n_values))
    again, same = make_sprites(3000, random_state=0)
    np.testing.assert_array_equal(again, X)
    np.testing.assert_array_equal(same, factors)
    assert not np.array_equal(make_sprites(3000, random_state=1)[0], X)


def test_place_and_size_are_where_factors_say(sprites):
    X, factors = sprites
    mass, x, y = _moments(X)
    for found, factor in ((x, factors[:, 3]), (y, factors[:, 4])):
        assert np.corrcoef(found, factor)[0, 1] > 0.98
    for shape in range(3):
        chosen = factors[:, 0] == shape
        assert np.corrcoef(np.sqrt(mass[chosen]), factors[chosen, 1])[0, 1] > 0.99
    for scale in range(6):
        areas = [mass[(factors[:, 0] == k) & (factors[:, 1] == scale)].mean() for k in range(3)]
        assert np.ptp(areas) < 0.03 * np.mean(areas)


def test_nothing_reaches_the_border(sprites):
    X, _ = sprites
    border = np.concatenate([X[:, 0, [0, -1]].ravel(), X[:, 0, :, [0, -1]].ravel()])
    assert border.max() < 128


def test_rotation_turns_a_shape_and_a_turn_brings_it_back():
    turns = np.array([[1, 5, turn, 16, 16] for turn in range(40)])
    images = _drawn(turns, 33).astype(float)
    centred = _drawn(np.array([[1, 5, 0, 15.5, 15.5], [1, 5, 10, 15.5, 15.5]]), 33).astype(float)
    assert np.abs(np.rot90(centred[0]) - centred[1]).max() <= 2
    assert np.abs(images[0] - images[10]).sum() > 0.3 * images[0].sum()
    assert np.abs(images[0] - images[20]).max() <= 2  # an ellipse is the same after half a turn


def test_sizes_of_images():
    X, _ = make_sprites(5, image_size=64, random_state=0)
    assert X.shape == (5, 1, 64, 64)
    small, _ = make_sprites(5, random_state=0)
    means = X.reshape(5, 32, 2, 32, 2).mean((2, 4))
    assert np.abs(means - small[:, 0]).mean() < 5


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"n_samples": 0}, "n_samples == 0"), ({"image_size": 7}, "image_size == 7")],
)
def test_bad_input_is_named(settings, message):
    with pytest.raises(ValueError, match=message):
        make_sprites(**settings)
