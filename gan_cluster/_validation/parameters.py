"""Checks of parameters, by themselves and together with the rows."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import (
    Interval,
    StrOptions,
    validate_parameter_constraints,
)
from skorch.callbacks import BatchScoring, Callback, EarlyStopping, EpochScoring
from skorch.callbacks import Checkpoint as SavesBest

from gan_cluster.networks.dcgan import MIN_IMAGE_SIZE
from gan_cluster.objectives import ADVERSARIAL_LOSSES

WEIGHT = [Interval(Real, 0, None, closed="left")]
OBJECTIVE_CONSTRAINTS: dict[str, list] = {
    "consistency_weight": WEIGHT,
    "balance_weight": WEIGHT,
    "augment": [StrOptions({"auto", "image", "photo", "none"}), callable],
    "contrast_temperature": [*WEIGHT, StrOptions({"auto"})],
    "n_neighbors": [Interval(Integral, 0, None, closed="left"), StrOptions({"auto"})],
    "codes_per_cluster": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
    "info_weight": WEIGHT,
    "continuous_weight": WEIGHT,
    "continuous_variance": [StrOptions({"fixed", "learned"})],
    "adversarial_loss": [StrOptions(set(ADVERSARIAL_LOSSES))],
    "gradient_penalty": [*WEIGHT, StrOptions({"auto"})],
    "instance_noise": WEIGHT,
    "ema_decay": [Interval(Real, 0, 1, closed="left")],
}
CALLBACK_STATE = ("_callback", "_skl")  # attributes of scikit-learn, which it removes itself


def check_architecture(
    architecture: str | tuple, image_shape: tuple[int, int, int] | None, depth: int | None
) -> None:
    """Raise an error unless networks can be made from a name, or from a pair of the user."""
    if isinstance(architecture, tuple):
        if len(architecture) != 2 or not all(callable(part) for part in architecture):
            raise TypeError(
                "architecture should be a pair (generator, trunk) of modules, classes "
                f"or functions that make them, got {architecture!r}"
            )
        return
    if architecture == "mlp":
        return
    if image_shape is None:
        raise ValueError(
            f'architecture="{architecture}" needs images: set image_shape=(channels, height, '
            "width) or give X with four dimensions"
        )
    channels, height, width = image_shape
    if width in (1, 3, 4) and min(channels, height) >= MIN_IMAGE_SIZE:
        raise ValueError(
            f"image_shape={image_shape} makes images of {height}x{width} with {channels} channels, "
            "too small for convolutions. In image_shape channels come first: "
            f"{(width, channels, height)}?"
        )
    if min(height, width) < MIN_IMAGE_SIZE:
        raise ValueError(
            f"images of {height}x{width} are too small for convolutions, which need at least "
            f'{MIN_IMAGE_SIZE}x{MIN_IMAGE_SIZE}: enlarge them or set architecture="mlp"'
        )
    deepest = min(height, width).bit_length() - 1
    if depth is not None and depth > deepest:
        raise ValueError(
            f"depth={depth} is too large for images of {height}x{width}: set depth to at most "
            f"{deepest}"
        )


def check_objective(objective: Any) -> None:
    """Raise an error unless all weights of an objective are valid."""
    validate_parameter_constraints(OBJECTIVE_CONSTRAINTS, objective.get_params(), "Objective")


def check_learning_rate(rate: Any) -> tuple[float, float]:
    """Learning rates of both networks from one or two positive numbers; a ValueError otherwise."""
    rates = tuple(rate) if np.ndim(rate) else (rate, rate)
    are_rates = all(isinstance(r, Real) and 0 < float(r) < np.inf for r in rates)
    if len(rates) != 2 or not are_rates:
        raise ValueError(
            f"learning_rate={rate!r}: it should be a positive number, or two, that of the "
            "discriminator and that of the generator"
        )
    return float(rates[0]), float(rates[1])


def check_share(batch_size: int, n_processes: int) -> None:
    """Raise a ValueError unless each process gets at least two rows of a batch."""
    if batch_size < 2 * n_processes:
        raise ValueError(
            f"batch_size={batch_size} is shared by {n_processes} processes: give at least "
            f"{2 * n_processes}, two rows for each"
        )


def check_code_sizes(sizes: Sequence[int]) -> tuple[int, ...]:
    """Sizes of categorical codes as a tuple; a ValueError unless all are positive integers."""
    if not all(isinstance(size, Integral) and size > 0 for size in sizes):
        raise ValueError(f"categorical_codes should be positive integers, got {sizes!r}")
    return tuple(int(size) for size in sizes)


def check_prior(prior: Any, n_clusters: int, is_consistent: bool) -> str | tuple[float, ...]:
    """The prior over clusters: "auto", "uniform", "learned" or shares that sum to 1.

    Raises a ValueError otherwise. A learned prior needs the consistency term, as only this term
    uses real rows.
    """
    if not n_clusters and not isinstance(prior, str):
        raise ValueError("prior gives the sizes of clusters, and there are none: leave it out")
    if isinstance(prior, str):
        if prior == "learned" and not is_consistent:
            raise ValueError('prior="learned" needs an objective with a consistency_weight above 0')
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
    """Raise a ValueError unless the user's function works and keeps the shape of a batch."""
    try:
        got = augment(batch) if callable(augment) else batch
    except Exception as error:
        raise ValueError(
            f"augment fails on a batch of shape {tuple(batch.shape)}: {error!r}"
        ) from error
    if not isinstance(got, torch.Tensor) or got.shape != batch.shape or got.dtype != batch.dtype:
        outcome = f"{got.dtype} of shape {tuple(got.shape)}" if hasattr(got, "shape") else repr(got)
        raise ValueError(
            f"augment should map a batch to a tensor of {batch.dtype} of the same shape, "
            f"{tuple(batch.shape)}; it gave {outcome}"
        )


def check_callbacks(callbacks: Any, is_consistent: bool) -> None:
    """Raise an error unless the training loop can use the callbacks.

    Raises a TypeError if they are not skorch's. Raises a ValueError if they need a validation set,
    which does not exist; the message names measures that epochs have.
    """
    has = (
        "'agreement' and 'labels_changed'"
        if is_consistent
        else "'discriminator_loss' and 'generator_loss'"
    )
    known = f"each epoch has {has}, and history_ says what else"
    records = any(
        not type(callback).__module__.startswith("skorch.") for callback in callbacks or ()
    )
    for callback in callbacks or []:
        if not isinstance(callback, Callback):
            raise TypeError(
                f"callbacks should be instances of skorch.callbacks.Callback, got {callback!r}; "
                "those of scikit-learn are set by set_callbacks"
            )
        name, monitor = type(callback).__name__, getattr(callback, "monitor", None)
        if isinstance(callback, EpochScoring | BatchScoring):
            raise ValueError(
                f"callbacks: {name} needs a net that predicts y, and this one does not: {known}; "
                "a callback of your own, with on_epoch_end, can record more in net.history"
            )
        is_missing = isinstance(monitor, str) and monitor.startswith(("valid_", "train_"))
        if isinstance(callback, EarlyStopping | SavesBest) and is_missing and not records:
            raise ValueError(
                f"callbacks: {name} watches monitor={monitor!r}, which is not recorded: there is "
                f"no validation set; {known}"
            )


def check_unchanged(parameters: dict[str, Any], before: dict[str, Any]) -> None:
    """Raise a ValueError if a parameter was changed that cannot change during training."""
    changed = changed_parameters(parameters, before)
    if changed:
        name, (old, value) = next(iter(changed.items()))
        raise ValueError(
            f"{name} changed from {old!r} to {value!r}: training cannot continue with "
            "another value; call fit with warm_start=False to start anew"
        )


def changed_parameters(
    parameters: dict[str, Any], before: dict[str, Any]
) -> dict[str, tuple[Any, Any]]:
    """Old and new values of the parameters that were changed."""
    changed = {}
    for name, old in before.items():
        value = parameters[name]
        arrays = hasattr(value, "__array__") or hasattr(old, "__array__")
        if value is not old and (not np.array_equal(value, old) if arrays else value != old):
            changed[name] = old, value
    return changed


@contextmanager
def restored_on_error(estimator: BaseEstimator) -> Iterator[None]:
    """A context that restores the attributes of the estimator if fitting ends by an error."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        for name in vars(estimator).keys() - before.keys():
            if not name.startswith(CALLBACK_STATE):
                delattr(estimator, name)
        vars(estimator).update(before)
        raise
