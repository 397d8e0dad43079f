"""The one place that looks for matplotlib, which is an extra, and at the axes that are given."""

from typing import Any


def require_matplotlib(caller: str) -> None:
    """Raise an ImportError that names the extra where matplotlib is missing."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"{caller} needs matplotlib: python -m pip install 'gan-cluster[plot]'"
        ) from error


def check_axes(ax: Any) -> None:
    """Raise a TypeError where something else than axes is given to draw on."""
    if not hasattr(ax, "imshow"):
        raise TypeError(f"ax should be matplotlib Axes, got {type(ax).__name__}")
