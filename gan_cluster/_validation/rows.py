"""Checks of X: it has to be rows of numbers, or images, that can be used for training."""

import sys
from collections.abc import Sequence
from math import isfinite, isqrt
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse
import torch
from sklearn.utils import gen_batches
from sklearn.utils.validation import assert_all_finite, validate_data
from torch.utils.data import Dataset

from gan_cluster.networks.dcgan import MIN_IMAGE_SIZE
from gan_cluster.training.data import Encoding, Layout
from gan_cluster.training.storage import (
    BLOCK_ROWS,
    as_array,
    mapped_file,
    release,
    spool,
    spread_rows,
)

CHANNEL_COUNTS = (1, 3, 4)
UNIT_ROWS = 200  # rows by which is decided whether X is in the units of fit
BEYOND_IMAGES, FEW_BEYOND = 3.0, 0.01  # half ranges from the middle, and the share of such values
BEYOND_COLUMNS = 30.0  # deviations from the mean, for the median of all values
AT_THE_END = 0.9  # half ranges from the middle
NARROW, FEW_ROWS = 0.02, 10  # half ranges: rows differ less than this; least number of such rows
HINTED_BY = 1000  # rows by which is decided whether a table may be images


class Rows(NamedTuple):
    """Rows (n_samples, n_features) that passed all checks, and the layout of X."""

    X: np.ndarray
    layout: Layout


def check_rows(estimator: Any, X: Any, *, reset: bool, min_rows: int = 1) -> Rows:
    """Validate X and reshape it to (n_samples, n_features), if possible without copying it.

    Raises a TypeError if X is sparse or holds objects that are not numbers. Raises a ValueError if
    X has NaN, infinity, masked, complex or no values, fewer than ``min_rows`` rows, another number
    of features or other axes than at fit, or a shape that contradicts ``image_shape``; if X is a
    data set whose items differ in shape or dtype.
    """
    if isinstance(X, Dataset):
        X = spool(X)
    if isinstance(X, torch.Tensor):
        if X.layout != torch.strided:
            raise TypeError(f"X is a sparse tensor ({X.layout}): make it dense with X.to_dense()")
        X = as_array(X)
    if np.ma.is_masked(X):
        raise ValueError(
            f"X is masked in {np.ma.count_masked(X)} places: fill them, for instance with "
            "X.filled(0), or drop their rows"
        )
    if isinstance(X, list | tuple):
        X = np.asarray(X)
    if scipy.sparse.issparse(X):
        raise TypeError(
            "Sparse data was passed for X, but dense data is required: make it dense with "
            "X.toarray(), or where it is made, as with OneHotEncoder(sparse_output=False)"
        )
    dtype = _dtype_of(X)
    image_shape = _declared_image_shape(estimator.image_shape)
    channels_last, row_shape = False, None
    if getattr(X, "ndim", 2) > 4:
        raise ValueError(
            f"X has {X.ndim} dimensions: give rows (n_samples, n_features), or images "
            "(n_samples, channels, height, width)"
        )
    if getattr(X, "ndim", 2) > 2:
        array = np.asarray(X)
        row_shape = array.shape[1:]
        n_values = int(np.prod(row_shape))
        if not reset and n_values != estimator.n_features_in_:
            fitted = estimator.model_.layout
            size = f", images of {fitted.image_shape}: give images of that size"
            raise ValueError(
                f"X holds images of shape {row_shape}, but {type(estimator).__name__} was fitted "
                f"on rows of shape {fitted.row_shape}"
                + (size if fitted.image_shape else "")
                + _of_one_row(row_shape, len(array), fitted)
            )
        image_shape, channels_last = _native_image_shape(row_shape, image_shape)
        X = array.reshape(len(array), n_values)
    original = X
    on_disk = isinstance(X, np.ndarray) and mapped_file(X) is not None
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # of sums that look for NaN
            X = validate_data(
                estimator,
                X,
                dtype="numeric",
                reset=reset,
                ensure_min_samples=min_rows,
                ensure_all_finite=not on_disk,
            )
        if on_disk and X.dtype.kind == "f":
            for chunk in gen_batches(len(X), BLOCK_ROWS):
                assert_all_finite(X[chunk], input_name="X")
                release(X)
        if X.dtype == object:  # as columns of categories or intervals become
            X = X.astype(np.float64)
    except (OverflowError, TypeError, ValueError) as error:
        if not reset and isinstance(error, ValueError) and getattr(X, "ndim", 0) == 2:
            one = _of_one_row(X.shape[1:], len(X), estimator.model_.layout)
            if one and X.shape[1] != estimator.n_features_in_:
                raise ValueError(str(error) + one) from error
        raise _explained(original, error) from error
    if X.dtype.kind in "mM":
        raise TypeError(f"X holds dates or durations ({X.dtype}): turn them into numbers")
    if X.dtype == bool:
        X = X.astype(np.uint8)
    if reset and image_shape is not None and int(np.prod(image_shape)) != X.shape[1]:
        channels, height, width = image_shape
        raise ValueError(
            f"image_shape={image_shape} makes {channels} * {height} * {width} = "
            f"{np.prod(image_shape)} values an image, but X has {X.shape[1]} features"
        )
    layout = Layout(row_shape or X.shape[1:], image_shape, channels_last, dtype)
    if not reset and len(layout.row_shape) > 1:
        fitted = estimator.model_.layout
        if layout.of_image != fitted.of_image:
            raise ValueError(
                f"X holds images of shape {layout.row_shape}, but {type(estimator).__name__} was "
                f"fitted on rows of shape {fitted.row_shape} with "
                f"image_shape={fitted.image_shape}: give images with their axes in the same order"
            )
    return Rows(X, layout)


def _of_one_row(row_shape: tuple[int, ...], n_rows: int, fitted: Layout) -> str:
    """Advice if X with these rows looks like a single image."""
    if fitted.image_shape is None:
        return ""
    channels, height, width = fitted.image_shape
    of_one: list[tuple[int, ...]] = [fitted.image_shape, (height, width, channels)]
    of_one += [(height, width)] if channels == 1 else []
    return ". If X is one image, give X[None]" if (n_rows, *row_shape) in of_one else ""


def hint_of_images(rows: Rows) -> str:
    """A hint if rows of a table may be images, as the number of columns is a square."""
    n_features = rows.X.shape[1]
    side = isqrt(n_features)
    is_square = side >= MIN_IMAGE_SIZE and side**2 == n_features
    if rows.layout.image_shape is not None or not is_square or rows.X[:HINTED_BY].min() < 0:
        return ""
    return (
        f"X has {n_features} = {side} * {side} columns, none of them negative: if its rows are "
        f"images, set image_shape=(1, {side}, {side})"
    )


def as_given(rows: np.ndarray, layout: Layout, names: Sequence[str] | None) -> Any:
    """Rows in the units of X, with the shape and dtype of X, or as a data frame like it.

    For integer dtypes, values are rounded and limited to the range of the dtype.
    """
    flat = rows.reshape(len(rows), -1)
    if isinstance(layout.dtype, str):
        return _cast(flat, layout.dtype).reshape(len(rows), *layout.row_shape)
    import pandas as pd

    columns = [_cast(column, dtype) for column, dtype in zip(flat.T, layout.dtype, strict=True)]
    return pd.DataFrame(dict(enumerate(columns))).set_axis(
        pd.RangeIndex(len(columns)) if names is None else names, axis=1
    )


def check_dtypes(layout: Layout) -> None:
    """Check that rows can be converted to the dtypes of a layout from a file.

    Raises a ValueError or TypeError if a dtype is not one of plain numbers, or is missing.
    """
    names = (layout.dtype,) if isinstance(layout.dtype, str) else layout.dtype
    if names is layout.dtype and layout.row_shape != (len(names),):
        raise ValueError(f"{len(names)} dtypes are not those of rows of {layout.row_shape}")
    for name in names:
        if _plain(np.dtype(name)) != name:
            raise ValueError(f"rows cannot be given as {name!r}")


def _cast(values: np.ndarray, name: str) -> np.ndarray:
    dtype = np.dtype(name)
    if dtype.kind == "f":
        limits = np.finfo(dtype)
        return values.clip(limits.min, limits.max).astype(dtype)
    low, high = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    ceiling = float(high)
    if ceiling > high:  # 2**63 - 1 has no float of its own
        ceiling = np.nextafter(ceiling, 0)
    return values.round().clip(low, ceiling).astype(dtype)


def _dtype_of(X: Any) -> str | tuple[str, ...]:
    """The dtype of X, or of each column of a data frame; float64 if it is not of plain numbers."""
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(X, pandas.DataFrame):
        return tuple(_plain(dtype) for dtype in X.dtypes)
    return _plain(getattr(X, "dtype", None))


def _plain(dtype: Any) -> str:
    kept = isinstance(dtype, np.dtype) and dtype.kind in "biuf"
    return dtype.name if kept else "float64"


def _explained(X: Any, error: Exception) -> Exception:
    """The error; if it is about a value that is not finite, with the place of the first one."""
    kind = TypeError if isinstance(error, TypeError) else ValueError
    values, reason = np.asarray(X), str(error).splitlines()[0]
    kinds = "OUSf" if "contains" in reason else "OUS"  # or else shape or names may be wrong
    for i, row in enumerate(values if values.ndim == 2 and values.dtype.kind in kinds else ()):
        finite = np.isfinite(row) if values.dtype.kind == "f" else [_is_finite(v) for v in row]
        for j in np.flatnonzero(np.logical_not(finite)):
            column = X.columns[j] if hasattr(X, "columns") else int(j)
            return kind(
                f"X holds {str(row[j])[:40]} in row {i}, column {column!r}: encode, impute or drop "
                f"what is not a finite number ({reason})"
            )
    return error


def _is_finite(value: Any) -> bool:
    try:
        return isfinite(float(value))
    except (OverflowError, TypeError, ValueError):
        return False


def _declared_image_shape(shape: Any) -> tuple[int, int, int] | None:
    if shape is None:
        return None
    sizes = tuple(shape)
    if len(sizes) != 3 or not all(isinstance(n, int | np.integer) and n > 0 for n in sizes):
        grey = f"; grey images have one channel: {(1, *sizes)!r}" if len(sizes) == 2 else ""
        raise ValueError(
            "image_shape should be three positive integers (channels, height, width), "
            f"got {shape!r}{grey}"
        )
    return int(sizes[0]), int(sizes[1]), int(sizes[2])


def _native_image_shape(
    sizes: Sequence[int], declared: tuple[int, int, int] | None
) -> tuple[tuple[int, int, int], bool]:
    """Shape and axis order of images that come as arrays of three or four dimensions."""
    first = (1, sizes[0], sizes[1]) if len(sizes) == 2 else (sizes[0], sizes[1], sizes[2])
    last = (first[2], first[0], first[1])
    if declared is not None:
        if first == declared:
            return declared, False
        if len(sizes) == 3 and last == declared:
            return declared, True
        channels, height, width = declared
        raise ValueError(
            f"X holds images of shape {tuple(sizes)}, but image_shape={declared} asks for "
            f"({channels}, {height}, {width}) or, channels last, ({height}, {width}, {channels})"
        )
    if len(sizes) == 2 or first[0] in CHANNEL_COUNTS:
        return first, False
    if first[2] in CHANNEL_COUNTS:
        return last, True
    raise ValueError(
        f"X holds images of shape {tuple(sizes)}: set image_shape=(channels, height, width) to say "
        f"whether that is image_shape={first} or, channels last, "
        + (
            f"image_shape={last}"
            if last != first
            else "np.moveaxis(X, -1, 1) with that image_shape"
        )
    )


def check_fit_rows(X: np.ndarray, n_clusters: int) -> None:
    """Checks of X for training only: there must be enough rows, and they must differ.

    Raises a ValueError if there are fewer rows than clusters, or all rows are the same.
    """
    if len(X) < n_clusters:
        raise ValueError(
            f"n_samples={len(X)} should be at least the number of clusters, {n_clusters}: "
            "give more rows or ask for fewer clusters"
        )
    if all((X[i] == X[0]).all() for i in range(len(X))):
        raise ValueError(
            f"X is constant: all {len(X)} rows are the same, there is nothing to cluster"
        )


def far_from_fitted(X: np.ndarray, encoding: Encoding) -> str | None:
    """A warning if rows seem to be in other units than those of fit, or None."""
    rows = spread_rows(X, UNIT_ROWS)
    seen = encoding.encode(rows).flatten(1).numpy()
    if len(encoding.shape) == 3:
        span = float(seen.max() - seen.min())
        is_beyond = float(np.mean(np.abs(seen) > BEYOND_IMAGES)) > FEW_BEYOND
        is_narrow = len(seen) > 1 and 0 < span < NARROW and abs(seen.mean()) > AT_THE_END
    else:
        apart = seen - seen[:1]  # exactly 0 where a column is constant
        deviation = float(apart[:, encoding.scale > 0].std(0).max(initial=0))
        is_beyond = bool(np.median(np.abs(seen)) > BEYOND_COLUMNS)
        off = float(np.abs(seen.mean(0)).max(initial=0))
        is_narrow = len(seen) >= FEW_ROWS and 0 < deviation < NARROW and off > AT_THE_END
    if not (is_beyond or is_narrow):
        return None
    low, high = encoding.ends
    return (
        f"X lies far outside the rows of fit: its values go from {rows.min():.4g} to "
        f"{rows.max():.4g}, and those of fit from about {low:.4g} to {high:.4g}; give it in the "
        "same units"
    )


def check_scale(scale: np.ndarray, center: np.ndarray) -> None:
    """Check that columns can be scaled in double precision.

    Raises a ValueError if the values of a column are so large that their square overflows.
    """
    bad = np.flatnonzero(~(np.isfinite(scale) & np.isfinite(center)))
    if len(bad):
        raise ValueError(
            f"X is too large in column {bad[0]}: its variance overflows; give it in other units"
        )
