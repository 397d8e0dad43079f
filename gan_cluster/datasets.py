"""Made images of which every factor is known."""

from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils import check_scalar, gen_batches

from gan_cluster._seeds import numpy_generator

SPRITE_FACTORS = {"shape": 3, "scale": 6, "rotation": 40, "x": 32, "y": 32}
SHAPES = ("square", "ellipse", "heart")
ELONGATION = 1.3  # the ellipse is so much longer, and thinner, than a disc
MARGIN = 0.55  # of the half side: the place of a centre stays so far from the border
CHUNK = 2**21  # pixels that are drawn together


def make_sprites(
    n_samples: int = 1000, *, image_size: int = 32, random_state: Any = None
) -> tuple[np.ndarray, np.ndarray]:
    """White squares, ellipses and hearts of known size, rotation and place on black.

    The factors are those of dSprites [1]_, drawn at random instead of all in turn; nothing is
    downloaded. Shapes of the same scale have the same area.

    Parameters
    ----------
    n_samples : int, default=1000
        How many.
    image_size : int, default=32
        Height and width in pixels, at least 8.
    random_state : int, RandomState or None, default=None
        Of the draw of factors.

    Returns
    -------
    X : ndarray of shape (n_samples, 1, image_size, image_size)
        Images in uint8, edges smoothed.
    factors : ndarray of shape (n_samples, 5)
        Integers: shape (0 square, 1 ellipse, 2 heart), scale (0 to 5), rotation (0 to 39, a turn
        in all), x and y (0 to 31, from left and from the top).

    Raises
    ------
    TypeError, ValueError
        If ``n_samples`` or ``image_size`` is not an integer or too small.

    References
    ----------
    .. [1] Matthey, Higgins, Hassabis & Lerchner (2017). dSprites: Disentanglement testing sprites
       dataset.

    Examples
    --------
    >>> from gan_cluster.datasets import make_sprites
    >>> X, factors = make_sprites(100, random_state=0)
    >>> X.shape, factors.shape
    ((100, 1, 32, 32), (100, 5))
    """
    check_scalar(n_samples, "n_samples", Integral, min_val=1)
    check_scalar(image_size, "image_size", Integral, min_val=8)
    rng = numpy_generator(random_state)
    factors = np.stack([rng.randint(n, size=n_samples) for n in SPRITE_FACTORS.values()], axis=1)
    X = np.empty((n_samples, 1, image_size, image_size), dtype=np.uint8)
    for rows in gen_batches(n_samples, max(1, CHUNK // image_size**2)):
        X[rows, 0] = _drawn(factors[rows], image_size)
    return X, factors


def _drawn(factors: np.ndarray, size: int) -> np.ndarray:
    shape, scale, rotation, x, y = factors.T[:, :, None, None]
    radius = 0.2 + 0.15 * scale / 5  # of the disc of the same area, in half sides of the image
    angle = 2 * np.pi * rotation / 40
    place = (1 - MARGIN) * (2 * np.stack([x, y]) / 31 - 1)
    centres = (2 * np.arange(size) + 1) / size - 1
    right, down = centres - place[0], centres[:, None] - place[1]
    u = (np.cos(angle) * right + np.sin(angle) * down) / radius
    v = (np.cos(angle) * down - np.sin(angle) * right) / radius
    square = np.maximum(np.abs(u), np.abs(v)) * 2 / np.sqrt(np.pi) - 1
    ellipse = np.hypot(u / ELONGATION, v * ELONGATION) - 1
    heart = _heart(u / np.sqrt(1.3), 0.4 - np.sqrt(1.3) * v)
    inside = np.where(shape == 0, square, np.where(shape == 1, ellipse, heart))
    edge = inside * radius * size / 2  # about the distance to the edge in pixels
    return np.round(255 * np.clip(0.5 - edge, 0, 1)).astype(np.uint8)


def _heart(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Below 0 inside u^2 + (v - |u|^(2/3))^2 = 1, whose area is pi, and above outside."""
    return np.hypot(u, v - np.cbrt(u**2)) - 1
