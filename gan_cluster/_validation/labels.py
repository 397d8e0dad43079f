"""Checks of y, in which -1 marks rows of unknown class."""

from collections.abc import Callable
from numbers import Integral, Number
from typing import Any

import numpy as np
import torch
from sklearn.utils._missing import is_pandas_na, is_scalar_nan

from gan_cluster.training.labels import Labels
from gan_cluster.training.storage import as_array

UNKNOWN = -1


def check_labels(y: Any, n_rows: int) -> Labels | None:
    """The labels in y; None if no row, or every row, has a label.

    Raises a ValueError if y holds NaN, or "-1" as text; if it has a -1 and another length than X,
    or more than one dimension. Raises a TypeError if it has a -1 and classes that are neither names
    nor whole numbers, or are both.
    """
    if y is None:
        return None
    values = _values(y)
    if values.dtype.kind in "US" and "-1" in values.astype(str):
        raise ValueError(
            'y holds "-1" as text: give a list, or an array of dtype object, with the number -1 '
            "where no class is known"
        )
    is_unknown = np.zeros(values.shape, dtype=bool)
    if values.dtype.kind in "if":
        is_unknown = values == UNKNOWN
    elif values.dtype.kind == "O":
        is_unknown = _each(values, lambda value: isinstance(value, Number) and value == UNKNOWN)
    is_missing = np.isnan(values) if values.dtype.kind == "f" else _each(values, _is_missing)
    if is_missing.any():
        raise ValueError(
            f"y is missing in {is_missing.sum()} places (NaN or None): give -1 where no class is "
            "known"
        )
    if not is_unknown.any():
        return None
    if values.ndim != 1:
        raise ValueError(f"y has shape {values.shape}: give one class, or -1, for each row of X")
    if len(values) != n_rows:
        raise ValueError(f"y has {len(values)} values, and X has {n_rows} rows")
    if is_unknown.all():
        return None
    rows = np.flatnonzero(~is_unknown)
    names, numbers = np.unique(_classes(values[rows]), return_inverse=True)
    return Labels(names, rows, numbers)


def _values(y: Any) -> np.ndarray:
    """The values of y; a list becomes an array of objects, or -1 beside names would become text."""
    if isinstance(y, torch.Tensor):
        return as_array(y)
    return np.asarray(y, dtype=object if isinstance(y, list | tuple) else None)


def _each(values: np.ndarray, question: Callable[[Any], bool]) -> np.ndarray:
    """The answers for all values of an array of objects; False for other arrays."""
    if values.dtype.kind != "O":
        return np.zeros(values.shape, dtype=bool)
    answers = [bool(question(value)) for value in values.flat]
    return np.array(answers, dtype=bool).reshape(values.shape)


def _is_missing(value: Any) -> bool:
    return value is None or is_scalar_nan(value) or is_pandas_na(value)


def _classes(known: np.ndarray) -> np.ndarray:
    """Classes as an array of whole numbers, or of names."""
    if known.dtype.kind == "O" and all(isinstance(value, str) for value in known):
        return known.astype(str)
    strange = [] if known.dtype.kind == "i" else [v for v in known.tolist() if not _is_whole(v)]
    if strange:
        raise TypeError(
            f"y holds {strange[0]!r}: classes are whole numbers or names, not both, and -1 where "
            "no class is known"
        )
    return known.astype(np.int64)


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) or (isinstance(value, float) and value.is_integer())
