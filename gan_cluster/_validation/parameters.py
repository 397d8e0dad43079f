"""What is asked of parameters, by themselves and together with the rows."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from numbers import Integral
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from skorch.callbacks import Callback

from gan_cluster._validation.rows import Rows
from gan_cluster.networks.dcgan import MIN_IMAGE_SIZE, halvings

CALLBACK_STATE = ("_callback", "_skl")  # of scikit-learn's, which it tears down itself


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
        found = torch.device(device)
    except RuntimeError as error:
        raise ValueError(
            f'device={device!r} is unknown: use "auto", "cpu", "cuda", "cuda:0" or "mps"'
        ) from error
    there = {
        "cpu": 1,
        "cuda": torch.cuda.device_count() if torch.cuda.is_available() else 0,
        "mps": int(torch.backends.mps.is_available()),
    }
    if (found.index or 0) >= there.get(found.type, 0):
        raise ValueError(f'device={device!r} is not available here: use "auto" or "cpu"')
    return device


def check_share(batch_size: int, n_processes: int) -> None:
    """Whether a batch is large enough for processes that train together.

    Raises
    ------
    ValueError
        If a process would see fewer than two rows of it.
    """
    if batch_size < 2 * n_processes:
        raise ValueError(
            f"batch_size={batch_size} is shared by {n_processes} processes: give at least "
            f"{2 * n_processes}, two rows for each"
        )


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
    try:
        shares = np.asarray(prior, dtype=np.float64)
    except (TypeError, ValueError):
        shares = np.empty(0)
    if shares.shape != (n_clusters,) or not (shares > 0).all() or abs(shares.sum() - 1) > 1e-6:
        raise ValueError(
            f"prior should be {n_clusters} positive shares that sum to 1, one for each cluster, "
            f"got {prior!r}"
        )
    return tuple(shares)


def check_augment(augment: Any, batch: torch.Tensor) -> None:
    """Whether a function of the user's keeps the shape of a batch.

    Raises
    ------
    ValueError
        If it does not, or fails.
    """
    try:
        got = augment(batch) if callable(augment) else batch
    except Exception as error:
        raise ValueError(
            f"augment fails on a batch of shape {tuple(batch.shape)}: {error!r}"
        ) from error
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
    changed = changed_parameters(estimator, before)
    if changed:
        name, (old, value) = next(iter(changed.items()))
        raise ValueError(
            f"{name} changed from {old!r} to {value!r}: this would go on with the training "
            "that was begun; call fit to start anew, with warm_start=False"
        )


def changed_parameters(
    estimator: BaseEstimator, before: dict[str, Any]
) -> dict[str, tuple[Any, Any]]:
    """Old and new values of the parameters that are not what they were."""
    found = {}
    for name, old in before.items():
        value = getattr(estimator, name)
        arrays = hasattr(value, "__array__") or hasattr(old, "__array__")
        if value is not old and (not np.array_equal(value, old) if arrays else value != old):
            found[name] = old, value
    return found


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
