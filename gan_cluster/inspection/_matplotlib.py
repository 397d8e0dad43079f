"""The one place that looks for matplotlib, which is an extra, and at the axes that are given."""

from typing import Any

import numpy as np

from gan_cluster._extras import require


def require_matplotlib(caller: str) -> None:
    """Raise an ImportError that names the extra where matplotlib is missing."""
    require(caller, "plot", "matplotlib")


def check_axes(ax: Any) -> None:
    """Raise a TypeError where something else than axes is given to draw on."""
    if not hasattr(ax, "imshow"):
        raise TypeError(f"ax should be matplotlib Axes, got {type(ax).__name__}")


def all_axes(ax: Any) -> np.ndarray:
    """Axes that are given, one or several, as an array (n_axes,); a TypeError if some are none."""
    axes = np.asarray(ax, dtype=object).ravel()
    for each in axes:
        check_axes(each)
    return axes
