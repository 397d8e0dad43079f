"""Checks for matplotlib, which is an optional extra, and of the axes that the user gives."""

from typing import Any

import numpy as np

from gan_cluster._extras import require


def require_matplotlib(caller: str) -> None:
    """Raise an ImportError that names the extra if matplotlib is missing."""
    require(caller, "plot", "matplotlib")


def check_axes(ax: Any) -> None:
    """Raise a TypeError if ``ax`` is not axes."""
    if not hasattr(ax, "imshow"):
        raise TypeError(f"ax should be matplotlib Axes, got {type(ax).__name__}")


def all_axes(ax: Any) -> np.ndarray:
    """The user's axes, one or several, as an array (n_axes,); a TypeError if one is not axes."""
    axes = np.asarray(ax, dtype=object).ravel()
    for each in axes:
        check_axes(each)
    return axes
