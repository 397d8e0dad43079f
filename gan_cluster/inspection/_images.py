"""Rows as images, and images side by side: what all pictures of images share."""

from typing import Any

import numpy as np

from gan_cluster.inspection._matplotlib import require_matplotlib

LINE = 1
BLANK = 1.0


def image_layout(
    estimator: Any, image_shape: tuple[int, int, int] | None
) -> tuple[tuple[int, ...], bool]:
    """Shape (channels, height, width) of the images in rows, and whether channels come last."""
    shape = estimator._encoding.shape
    if len(shape) < 3:  # an MLP sees images as tables
        if image_shape is None:
            raise ValueError(
                "this display shows images, but the estimator was fitted to a table: set "
                "image_shape=(channels, height, width) if its rows are images"
            )
        shape = image_shape
    if shape[0] not in (1, 3, 4):
        raise ValueError(f"images should have 1, 3 or 4 channels to be shown, got {shape[0]}")
    return shape, estimator._encoding.channels_last


def as_images(rows: np.ndarray, shape: tuple[int, ...], channels_last: bool) -> np.ndarray:
    """Flat rows (..., n_features) as images (..., height, width, channels)."""
    channels, height, width = shape
    if channels_last:
        return rows.reshape(*rows.shape[:-1], height, width, channels)
    return np.moveaxis(rows.reshape(*rows.shape[:-1], *shape), -3, -1)


def grid(images: np.ndarray) -> np.ndarray:
    """Lay (n_rows, n_columns, height, width, channels) out as one RGB image, lines between."""
    colour = images if images.shape[-1] == 1 else images[..., :3]
    lines = ((0, 0), (0, 0), (0, LINE), (0, LINE), (0, 0))
    tiles = np.pad(np.nan_to_num(colour, nan=BLANK), lines, constant_values=BLANK)
    n_rows, n_columns, height, width, channels = tiles.shape
    laid = tiles.swapaxes(1, 2).reshape(n_rows * height, n_columns * width, channels)
    return np.repeat(laid[:-LINE, :-LINE], 3 // channels, axis=2)


def draw(display: Any, image: np.ndarray, ax: Any) -> Any:
    """Draw a display's picture (height, width, 3) without frame; return its axes.

    Without axes a new figure is made, in the proportions of the picture. Sets ``image_``, ``ax_``
    and ``figure_``.
    """
    require_matplotlib(f"{type(display).__name__}.plot")
    if ax is None:
        from matplotlib import pyplot as plt

        height, width = image.shape[:2]
        _, ax = plt.subplots(figsize=(8, 8 * height / width + 0.4), layout="constrained")
    display.image_, display.ax_, display.figure_ = image, ax, ax.figure
    ax.imshow(image, interpolation="nearest")
    ax.tick_params(length=0, top=False, labeltop=True, bottom=False, labelbottom=False)
    ax.spines[:].set_visible(False)
    return ax
