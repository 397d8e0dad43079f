"""The check for optional packages, which are installed as extras."""

from importlib import import_module


def require(caller: str, extra: str, named: str, *modules: str) -> None:
    """Raise an ImportError that names the extra if one of its modules is missing.

    >>> require("a test", "plot", "matplotlib", "no_such_module")
    Traceback (most recent call last):
    ...
    ImportError: a test needs matplotlib: python -m pip install 'gan-cluster[plot]'
    """
    try:
        for module in modules or (named,):
            import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{caller} needs {named}: python -m pip install 'gan-cluster[{extra}]'"
        ) from error
