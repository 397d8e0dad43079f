"""Tables of numbers as heat maps."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gan_cluster.inspection._matplotlib import check_axes, require_matplotlib

CELL, BARE = (0.75, 0.6), (0.2, 0.3)  # inches a cell needs with a text and without


def heat_map(
    display: Any,
    values: np.ndarray,
    texts: np.ndarray | None,
    labels: tuple[Sequence, Sequence],
    ax: Any,
    **colours: Any,
) -> Any:
    """Draw values (n_rows, n_columns) as colours, with texts in the cells; return the axes.

    Without axes, a new figure is made, large enough for texts and labels. Sets ``im_``, ``text_``,
    ``ax_`` and ``figure_``.
    """
    require_matplotlib(f"{type(display).__name__}.plot")
    n_rows, n_columns = values.shape
    longest = max(len(str(label)) for label in labels[1])
    turned = longest > 4
    if ax is None:
        from matplotlib import pyplot as plt

        width, height = CELL if texts is not None else BARE
        size = (2 + width * n_columns, 1 + height * n_rows + 0.08 * turned * longest)
        _, ax = plt.subplots(figsize=size, layout="constrained")
    check_axes(ax)
    image = ax.imshow(values, aspect="auto", **colours)
    display.text_ = None if texts is None else _written(ax, image, values, texts)
    ax.set_xticks(range(n_columns), labels[1], rotation=90 * turned)
    ax.set_yticks(range(n_rows), labels[0])
    ax.set_ylabel("cluster")
    display.im_, display.ax_, display.figure_ = image, ax, ax.figure
    return ax


def _written(ax: Any, image: Any, values: np.ndarray, texts: np.ndarray) -> np.ndarray:
    """Write texts on the cells of an image, white on dark cells and black on light ones."""
    lightness = image.cmap(image.norm(values))[..., :3] @ [0.299, 0.587, 0.114]
    written = np.empty(values.shape, dtype=object)
    for i, j in np.ndindex(*values.shape):
        style = {"ha": "center", "va": "center", "fontsize": "small"}
        colour = "white" if lightness[i, j] < 0.5 else "black"
        written[i, j] = ax.text(j, i, texts[i, j], color=colour, **style)
    return written
