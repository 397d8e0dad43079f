"""Rows as images, and images side by side: the parts that all pictures of images share."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn.functional import adaptive_avg_pool2d

from gan_cluster._estimator import BaseGAN
from gan_cluster.inspection._matplotlib import check_axes, require_matplotlib
from gan_cluster.training.data import Layout

LINE = 1
GAP = 4
BLANK = 1.0
THUMBNAILS_AT_ONCE = 1000


def image_layout(estimator: BaseGAN) -> Layout:
    """The layout of the images that a fitted estimator was trained on.

    Raises a ValueError if its rows are not images, or do not have 1, 3 or 4 channels.
    """
    layout = estimator.model_.layout
    shape = layout.image_shape
    if shape is None:
        raise ValueError(
            "this display shows images, but the estimator was fitted to a table: set "
            "image_shape=(channels, height, width) if its rows are images"
        )
    if shape[0] not in (1, 3, 4):
        raise ValueError(f"images should have 1, 3 or 4 channels to be shown, got {shape[0]}")
    return layout


def as_images(layout: Layout, *parts: np.ndarray) -> list[np.ndarray]:
    """Flat rows (..., n_features) as images (..., height, width, channels) from 0 to 1.

    All parts are scaled by the same range. NaN stays NaN.
    """
    parts = tuple(np.asarray(part, dtype=np.float64) for part in parts)
    low, high = value_range(*parts)
    return [_unflattened(layout, (part - low) / (high - low or 1.0)) for part in parts]


def value_range(*parts: np.ndarray) -> tuple[float, float]:
    """The smallest and the largest value of all parts, without NaN; 0 and 1 if all are NaN."""
    ends = [(np.nanmin(part), np.nanmax(part)) for part in parts if not np.isnan(part).all()]
    if not ends:
        return 0.0, 1.0
    return float(min(low for low, _ in ends)), float(max(high for _, high in ends))


def thumbnails(
    layout: Layout, rows: np.ndarray, limits: tuple[float, float], side: int
) -> np.ndarray:
    """Flat rows (n, n_features) as small images (n, height, width, 1 or 3) of bytes.

    ``limits`` are the values shown as black and white. No side is longer than ``side`` pixels.
    """
    assert layout.image_shape is not None
    channels, *size = layout.image_shape
    shrinks = max(size) > side
    height, width = (max(1, side * n // max(size)) for n in size) if shrinks else size
    n_colours = 1 if channels == 1 else 3
    small = np.empty((len(rows), height, width, n_colours), dtype=np.uint8)
    low, high = limits
    for start in range(0, len(rows), THUMBNAILS_AT_ONCE):
        part = slice(start, start + THUMBNAILS_AT_ONCE)
        shares = (rows[part].astype(np.float64) - low) / (high - low or 1.0)
        images = torch.from_numpy(_unflattened(layout, shares)[..., :n_colours].clip(0, 1))
        if shrinks:
            maps = adaptive_avg_pool2d(images.permute(0, 3, 1, 2), (height, width))
            images = maps.permute(0, 2, 3, 1)
        small[part] = (images * 255).round().numpy()
    return small


def _unflattened(layout: Layout, rows: np.ndarray) -> np.ndarray:
    assert layout.image_shape is not None
    channels, height, width = layout.image_shape
    if layout.channels_last:
        return rows.reshape(*rows.shape[:-1], height, width, channels)
    return np.moveaxis(rows.reshape(*rows.shape[:-1], *layout.image_shape), -3, -1)


def grid(images: np.ndarray) -> np.ndarray:
    """Arrange images (n_rows, n_columns, height, width, channels) in one RGB image with lines."""
    colour = images if images.shape[-1] == 1 else images[..., :3]
    lines = ((0, 0), (0, 0), (0, LINE), (0, LINE), (0, 0))
    tiles = np.pad(np.nan_to_num(colour, nan=BLANK), lines, constant_values=BLANK)
    n_rows, n_columns, height, width, channels = tiles.shape
    laid = tiles.swapaxes(1, 2).reshape(n_rows * height, n_columns * width, channels)
    return np.repeat(laid[:-LINE, :-LINE], 3 // channels, axis=2)


def draw(display: Any, image: np.ndarray, ax: Any) -> Any:
    """Draw a display's picture (height, width, 3) without frame and ticks; return its axes.

    Without axes, a new figure with the proportions of the picture is made. Sets ``image_``,
    ``ax_`` and ``figure_``.
    """
    require_matplotlib(f"{type(display).__name__}.plot")
    if ax is None:
        from matplotlib import pyplot as plt

        height, width = image.shape[:2]
        _, ax = plt.subplots(figsize=(8, 8 * height / width + 0.4), layout="constrained")
    check_axes(ax)
    display.image_, display.ax_, display.figure_ = image, ax, ax.figure
    ax.imshow(image, interpolation="nearest")
    ax.tick_params(length=0, top=False, labeltop=True, bottom=False, labelbottom=False)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return ax


def draw_blocks(display: Any, blocks: Sequence[tuple[str, np.ndarray]], ax: Any) -> Any:
    """Draw named blocks of images, with the same number of rows, side by side; return the axes."""
    grids = [grid(images) for _, images in blocks]
    gap = np.full((len(grids[0]), GAP, 3), BLANK)
    parts = [part for laid in grids for part in (gap, laid)][1:]
    ends = np.cumsum([part.shape[1] for part in parts])[::2]
    ax = draw(display, np.concatenate(parts, axis=1), ax)
    middles = [end - laid.shape[1] / 2 for end, laid in zip(ends, grids, strict=True)]
    ax.set_xticks(middles, [name for name, _ in blocks])
    return ax


def label_rows(ax: Any, images: np.ndarray, labels: Iterable) -> None:
    """Write a label beside each row of a grid of images."""
    ax.set_yticks(_middles(images.shape[0], images.shape[2]), labels)


def label_clusters(ax: Any, images: np.ndarray, clusters: Sequence[int] | None) -> None:
    """Write the cluster beside each row of a grid of images, if rows have clusters."""
    if clusters is not None:
        label_rows(ax, images, clusters)
        ax.set_ylabel("cluster")


def label_columns(ax: Any, images: np.ndarray, labels: Sequence) -> None:
    """Write a label above each column of a grid of images."""
    ax.set_xticks(_middles(images.shape[1], images.shape[3]), labels)


def _middles(n_tiles: int, size: int) -> np.ndarray:
    return np.arange(n_tiles) * (size + LINE) + (size - 1) / 2
