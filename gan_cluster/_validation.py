"""The one place where input is looked at: every error here comes before any training."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data
from skorch.callbacks import Callback

from gan_cluster.networks.dcgan import MIN_IMAGE_SIZE, halvings

CHANNEL_COUNTS = (1, 3, 4)
CALLBACK_STATE = ("_callback", "_skl")  # of scikit-learn's, which it tears down itself


class Rows(NamedTuple):
    """Validated rows, with the image they hold: (channels, height, width) and its axis order."""

    X: np.ndarray
    row_shape: tuple[int, ...]
    image_shape: tuple[int, int, int] | None
    channels_last: bool

    @property
    def layout(self) -> tuple[tuple[int, int, int] | None, bool]:
        """What two arrays of images must share for their flattened rows to mean the same."""
        colours = self.image_shape is not None and self.image_shape[0] > 1
        return self.image_shape, self.channels_last and colours


def check_rows(
    estimator: BaseEstimator, X: Any, image_shape: Any, *, reset: bool, min_rows: int = 1
) -> Rows:
    """Validate X and lay it out as (n_samples, n_features), without copying it where possible.

    Raises
    ------
    TypeError
        If X is sparse or holds objects that are not numbers.
    ValueError
        If X has NaN, infinity, complex or no values, fewer than ``min_rows`` rows, another
        number of features than at fit, or a shape that contradicts ``image_shape``.
    """
    if isinstance(X, torch.Tensor):
        if X.layout != torch.strided:
            raise TypeError(f"X is a sparse tensor ({X.layout}): make it dense by X.to_dense()")
        X = X.detach().cpu()
        X = (X.float() if X.dtype == torch.bfloat16 else X).numpy()
    image_shape = _declared_image_shape(image_shape)
    channels_last, row_shape = False, None
    if getattr(X, "ndim", 2) in (3, 4):
        array = np.asarray(X)
        image_shape, channels_last = _native_image_shape(array.shape[1:], image_shape)
        row_shape = array.shape[1:]
        X = array.reshape(len(array), int(np.prod(array.shape[1:])))
    try:
        X = validate_data(estimator, X, dtype="numeric", reset=reset, ensure_min_samples=min_rows)
    except (TypeError, ValueError) as error:
        raise _explained(X, error) from error
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
    return Rows(X, row_shape or X.shape[1:], image_shape, channels_last)


@contextmanager
def restored_on_error(estimator: BaseEstimator) -> Iterator[None]:
    """Give the estimator the attributes it had, should fitting end early."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        for name in vars(estimator).keys() - before.keys():
            if not name.startswith(CALLBACK_STATE):
                delattr(estimator, name)
        vars(estimator).update(before)
        raise


def _explained(X: Any, error: Exception) -> Exception:
    """The error, with the first value that is not a number, where that is what is wrong."""
    values = np.asarray(X)
    for i, row in enumerate(values if values.ndim == 2 and values.dtype.kind in "OUS" else ()):
        for j, value in enumerate(row):
            try:
                float(value)
            except (TypeError, ValueError):
                column = X.columns[j] if hasattr(X, "columns") else j
                return type(error)(
                    f"X holds {value!r} in row {i}, column {column!r}, which is not a number: "
                    f"encode or drop such columns ({error})"
                )
    return error


def _declared_image_shape(shape: Any) -> tuple[int, int, int] | None:
    if shape is None:
        return None
    sizes = tuple(shape)
    if len(sizes) != 3 or not all(isinstance(n, int | np.integer) and n > 0 for n in sizes):
        raise ValueError(
            "image_shape should be three positive integers (channels, height, width), "
            f"got {shape!r}"
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
        f"whether that is image_shape={first} or, channels last, image_shape={last}"
    )


def check_fit_rows(X: np.ndarray, n_clusters: int) -> None:
    """What only training asks of X: rows enough for the clusters, and something to tell apart.

    Raises
    ------
    ValueError
        If there are fewer rows than clusters, or all rows are the same.
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


def check_scale(scale: np.ndarray, center: np.ndarray) -> None:
    """Whether columns can be scaled in double precision.

    Raises
    ------
    ValueError
        If the values of a column are so large that their square overflows.
    """
    bad = np.flatnonzero(~(np.isfinite(scale) & np.isfinite(center)))
    if len(bad):
        raise ValueError(
            f"X is too large in column {bad[0]}: its variance overflows; give it in other units"
        )


def check_augment(augment: Any, batch: torch.Tensor) -> None:
    """Whether a function of the user's keeps the shape of a batch.

    Raises
    ------
    ValueError
        If it does not.
    """
    got = augment(batch) if callable(augment) else batch
    if not isinstance(got, torch.Tensor) or got.shape != batch.shape or got.dtype != batch.dtype:
        found = f"{got.dtype} of shape {tuple(got.shape)}" if hasattr(got, "shape") else repr(got)
        raise ValueError(
            f"augment should map a batch to a tensor of {batch.dtype} of the same shape, "
            f"{tuple(batch.shape)}; it gave {found}"
        )


def check_callbacks(callbacks: Any) -> None:
    """Whether the training loop can call them.

    Raises
    ------
    TypeError
        If one is not a callback of skorch's.
    """
    for callback in callbacks or []:
        if not isinstance(callback, Callback):
            raise TypeError(
                f"callbacks should be instances of skorch.callbacks.Callback, got {callback!r}; "
                "those of scikit-learn are set by set_callbacks"
            )


def check_unchanged(estimator: BaseEstimator, before: dict[str, Any]) -> None:
    """Whether training can go on with the parameters as they are now.

    Raises
    ------
    ValueError
        If a parameter that shaped the training so far has another value.
    """
    for name, old in before.items():
        value = getattr(estimator, name)
        arrays = isinstance(value, np.ndarray) or isinstance(old, np.ndarray)
        if value is not old and (not np.array_equal(value, old) if arrays else value != old):
            raise ValueError(
                f"{name} changed from {old!r} to {value!r}: partial_fit goes on with the "
                "training that was begun; call fit to start anew"
            )


def resolve_architecture(
    architecture: Any, rows: Rows, depth: int | None
) -> tuple[str | tuple, tuple[int, ...]]:
    """The architecture "auto" stands for, and the shape of a row as its networks see it.

    Raises
    ------
    ValueError
        If images are too small for the convolutions, or "dcgan" is asked for without images.
    TypeError
        If a pair of networks of the user's is not two modules, classes or functions.
    """
    table = (rows.X.shape[1],)
    if isinstance(architecture, tuple):
        if len(architecture) != 2 or not all(callable(part) for part in architecture):
            raise TypeError(
                "architecture should be a pair (generator, discriminator) of modules, classes "
                f"or functions that make them, got {architecture!r}"
            )
        return architecture, rows.image_shape or table
    if architecture == "mlp" or (architecture == "auto" and rows.image_shape is None):
        return "mlp", table
    if rows.image_shape is None:
        raise ValueError(
            'architecture="dcgan" needs images: set image_shape=(channels, height, width) or '
            "give X with four dimensions"
        )
    _, height, width = rows.image_shape
    if min(height, width) < MIN_IMAGE_SIZE:
        raise ValueError(
            f"images of {height}x{width} are too small for convolutions, which need at least "
            f'{MIN_IMAGE_SIZE}x{MIN_IMAGE_SIZE}: enlarge them or set architecture="mlp"'
        )
    if depth is not None and min(halvings(height, width, depth)[-1]) < 1:
        deepest = min(height, width).bit_length() - 1
        raise ValueError(
            f"depth={depth} halves images of {height}x{width} away: set depth to at most {deepest}"
        )
    return "dcgan", rows.image_shape


def resolve_device(device: str) -> str:
    """The device to run on; "auto" is CUDA where there is one.

    Raises
    ------
    ValueError
        If the name is unknown or the device is not there.
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        kind = torch.device(device).type
    except RuntimeError as error:
        raise ValueError(
            f'device={device!r} is unknown: use "auto", "cpu", "cuda", "cuda:0" or "mps"'
        ) from error
    there = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if not there.get(kind, False):
        raise ValueError(f'device={device!r} is not available here: use "auto" or "cpu"')
    return device


def check_code_sizes(sizes: Sequence[int]) -> tuple[int, ...]:
    """Sizes of categorical codes as a tuple.

    Raises
    ------
    ValueError
        If one of them is not a positive integer.
    """
    found = tuple(sizes)
    if not all(isinstance(size, Integral) and size > 0 for size in found):
        raise ValueError(f"categorical_codes should be positive integers, got {sizes!r}")
    return tuple(int(size) for size in found)


def check_prior(prior: Any, n_clusters: int, consistent: bool) -> str | tuple[float, ...]:
    """The prior over clusters: "uniform", "learned" or their shares.

    Raises
    ------
    ValueError
        If it is not one positive share for each cluster, 1 in all, or is to be learned without
        the consistency term, which alone reads real rows.
    """
    if isinstance(prior, str):
        if prior == "learned" and not consistent:
            raise ValueError('prior="learned" needs a consistency_weight above 0')
        return prior
    shares = np.asarray(prior, dtype=np.float64)
    if shares.shape != (n_clusters,) or not (shares > 0).all() or abs(shares.sum() - 1) > 1e-6:
        raise ValueError(
            f"prior should be {n_clusters} positive shares that sum to 1, one for each cluster, "
            f"got {prior!r}"
        )
    return tuple(shares)
