"""Checks of codes and noise that a user gives to the generator."""

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils.validation import check_array, check_scalar


def check_codes(
    codes: Any, names: list[str], sizes: Sequence[int], n_samples: int, *, may_lack: bool = False
) -> np.ndarray:
    """Codes as floats (n_samples, n_codes); a single row is repeated.

    Columns are in the order of ``names``, categorical codes first; ``sizes`` are their numbers of
    values. If codes ``may_lack``, NaN stands for a random value. Raises a TypeError or ValueError
    if codes are not valid.
    """
    if hasattr(codes, "to_frame") and hasattr(codes, "index"):  # one row of a DataFrame
        codes = codes.to_frame().T
    columns = list(getattr(codes, "columns", []))
    if all(isinstance(column, str) for column in columns) and columns not in ([], names):
        raise ValueError(f"codes has columns {columns}: they should be {names}")
    checked = _rows_of(codes, "codes", n_samples, len(names), may_lack, f"each of {names}")
    for j, size in enumerate(sizes):
        present = checked[~np.isnan(checked[:, j]), j]
        if len(present) and not np.isin(present, np.arange(size)).all():
            raise ValueError(f"codes[:, {j}] is {names[j]}: it should be one of 0 .. {size - 1}")
    return checked


def check_noise(noise: Any, noise_dim: int, n_samples: int) -> np.ndarray:
    """Noise as floats (n_samples, noise_dim); a single row is repeated; errors as for codes."""
    return _rows_of(noise, "noise", n_samples, noise_dim, False)


def check_cluster(cluster: Any, n_clusters: int) -> None:
    """Raise a TypeError or ValueError unless there is such a cluster."""
    if not n_clusters:
        raise ValueError(f"cluster={cluster}: there is no categorical code to draw from")
    check_whole(cluster, "cluster", 0, n_clusters - 1)


def check_whole(value: Any, name: str, least: int, most: int | None = None) -> int:
    """An integer in its range; a TypeError or ValueError otherwise, also for True and False."""
    if isinstance(value, bool):
        raise TypeError(f"{name} must be an instance of int, not bool.")
    return int(check_scalar(value, name, Integral, min_val=least, max_val=most))


def rows_given(values: Any) -> int:
    """Number of rows of codes or noise; 1 for values that are not numbers, which fail later."""
    try:
        array = _numbers(values)
    except (TypeError, ValueError, RuntimeError):
        return 1
    return len(array) if array.ndim > 1 else int(array.size > 0)


def _numbers(values: Any) -> np.ndarray:
    """Values as floats, with NaN for masked values."""
    if np.ma.is_masked(values):
        values = values.astype(np.float64).filled(np.nan)
    return np.asarray(values, dtype=np.float64)


def _rows_of(
    values: Any,
    name: str,
    n_samples: int,
    width: int,
    missing: bool,
    columns: str = "each of the noise variables",
) -> np.ndarray:
    """A float array (n_samples, width); a single row is repeated."""
    kept = "allow-nan" if missing else True
    wanted = n_samples, width
    if values is None:
        raise TypeError(f"{name} is None: it should be of shape {wanted}")
    try:
        array = _numbers(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{name} should be numbers of shape {wanted}: {error}") from error
    rows = np.atleast_2d(array)
    if not (rows.size or width):
        return np.empty(wanted)
    if len(rows) == 1:
        rows = np.repeat(rows, n_samples, axis=0)
    if rows.shape != wanted or not n_samples:
        raise ValueError(
            f"{name} has shape {array.shape}: it should be {wanted}, a row for each sample and a "
            f"column for {columns}"
        )
    rows = check_array(rows, dtype=np.float64, ensure_all_finite=kept, input_name=name)
    if np.nanmax(np.abs(rows), initial=0.0) > np.finfo(np.float32).max:
        raise ValueError(f"{name} has values that are too large for float32")
    return rows
