"""A history as columns of numbers, which take little memory even for many epochs."""

from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy as np
import torch

MAX_EPOCHS = 300_000  # that are read; each epoch takes the memory of a dict
VALUES, SIZES, EPOCHS = "history.values.", "history.sizes.", "history.epochs."
DTYPES = {float: torch.float64, int: torch.int64, bool: torch.bool}

Others = dict[str, list[list[Any]]]


def history_columns(rows: Sequence[dict[str, Any]]) -> tuple[Others, dict[str, torch.Tensor]]:
    """The values of a history: columns of numbers as tensors, and pairs of epoch and other value.

    Lists of numbers are concatenated, and their sizes are stored. If not all epochs have a column,
    the indices of its epochs are stored. Values that JSON cannot hold are left out.

    Raises a ValueError if there are more epochs than can be read again.

    >>> rows = [{"epoch": 1, "usage": [0.5, 0.5]}, {"epoch": 2, "event": "best"}]
    >>> others, columns = history_columns(rows)
    >>> others, sorted(columns)[:2]
    ({'event': [[1, 'best']]}, ['history.epochs.usage', 'history.sizes.usage'])
    >>> [{name: row[name] for name in row if name != "batches"}
    ...  for row in history_rows(others, columns)] == rows
    True
    """
    _check_length(len(rows))
    others: Others = {}
    columns: dict[str, torch.Tensor] = {}
    for name in dict.fromkeys(name for row in rows for name in row if name != "batches"):
        found = {i: plain(row[name]) for i, row in enumerate(rows) if name in row}
        values, sizes = [*found.values()], None
        if all(isinstance(value, list) for value in values):
            sizes = [len(value) for value in values]
            values = [part for value in values for part in value]
        column = _column(values)
        if column is None:
            others[name] = [[i, v] for i, v in found.items() if v is not NotImplemented]
            continue
        columns[VALUES + name] = column
        if sizes is not None:
            columns[SIZES + name] = torch.tensor(sizes)
        if len(found) < len(rows):
            columns[EPOCHS + name] = torch.tensor([*found])
    return others, columns


def _column(values: list[Any]) -> torch.Tensor | None:
    """Numbers of one type as a tensor; None for other values."""
    kinds = set(map(type, values))
    if len(kinds) != 1 or not kinds <= DTYPES.keys():
        return None
    try:
        return torch.tensor(values, dtype=DTYPES[kinds.pop()])
    except (OverflowError, RuntimeError, ValueError):  # an integer too large
        return None


def history_rows(others: Others, columns: dict[str, torch.Tensor]) -> list[dict[str, Any]]:
    """The history from the results of :func:`history_columns`; other tensors are ignored.

    Raises a ValueError, LookupError or TypeError if columns do not fit each other.
    """
    n_epochs = len(columns.get(VALUES + "epoch", ()))
    _check_length(n_epochs)
    rows: list[dict[str, Any]] = [{"batches": []} for _ in range(n_epochs)]
    for name in [name.removeprefix(VALUES) for name in columns if name.startswith(VALUES)]:
        values = columns[VALUES + name]
        sizes, epochs = columns.get(SIZES + name), columns.get(EPOCHS + name)
        n_values = len(values if sizes is None else sizes)
        if n_values != (n_epochs if epochs is None else len(epochs)) or n_values > n_epochs:
            raise ValueError(f"{name} has not as many values as there are epochs")
        found = _numbers(values)
        if sizes is not None:
            found = _parted(found, _numbers(sizes))
        indices = range(n_epochs) if epochs is None else _numbers(epochs)
        for epoch, value in zip(indices, found, strict=True):
            rows[epoch][name] = value
    for name, kept in others.items():
        for epoch, value in kept:
            rows[epoch][name] = value
    return rows


def _check_length(n_epochs: int) -> None:
    if n_epochs > MAX_EPOCHS:
        raise ValueError(f"a history of {n_epochs} epochs is longer than {MAX_EPOCHS}")


def _numbers(column: Any) -> Any:
    if column.ndim != 1 or column.dtype not in DTYPES.values():
        raise ValueError("history is not of columns of numbers")
    return column.tolist()


def _parted(values: list[Any], sizes: list[int]) -> list[list[Any]]:
    """Lists of these sizes, one after the other."""
    if min(sizes, default=0) < 0 or sum(sizes) != len(values):
        raise ValueError("lists of history have other sizes")
    rest = iter(values)
    return [[*islice(rest, size)] for size in sizes]


def plain(value: Any) -> Any:
    """A value as JSON holds it; NotImplemented if JSON cannot hold it.

    >>> plain((1, np.float64(0.5), [None])), plain(print), plain({"a": print})
    ([1, 0.5, [None]], NotImplemented, NotImplemented)
    """
    if hasattr(value, "to_numpy"):  # a series of pandas or polars
        value = value.to_numpy()
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, dict):
        told = {key: plain(part) for key, part in value.items()}
        return NotImplemented if any(part is NotImplemented for part in told.values()) else told
    if isinstance(value, list | tuple | range):
        parts = [plain(part) for part in value]
        return NotImplemented if any(part is NotImplemented for part in parts) else parts
    return value if value is None or isinstance(value, bool | str | int | float) else NotImplemented
