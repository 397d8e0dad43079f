"""The one place that looks for matplotlib, which is an extra, and at the axes that are given."""

from typing import Any

from gan_cluster._extras import require


def require_matplotlib(caller: str) -> None:
    """Raise an ImportError that names the extra where matplotlib is missing."""
    require(caller, "plot", "matplotlib")


def check_axes(ax: Any) -> None:
    """Raise a TypeError where something else than axes is given to draw on."""
    if not hasattr(ax, "imshow"):
        raise TypeError(f"ax should be matplotlib Axes, got {type(ax).__name__}")
