"""The one place that looks for matplotlib, which is an extra."""


def require_matplotlib(caller: str) -> None:
    """Raise an ImportError that names the extra where matplotlib is missing."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"{caller} needs matplotlib: python -m pip install 'gan-cluster[plot]'"
        ) from error
