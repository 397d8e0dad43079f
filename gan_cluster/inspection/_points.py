"""Points of the latent space, drawn at random or given: the input of the generator."""

from typing import Any, NamedTuple

import numpy as np

from gan_cluster._estimator import BaseGAN
from gan_cluster._validation.latent import check_codes, check_noise, rows_given


class Points(NamedTuple):
    """Points of the latent space: codes (n_rows, n_codes) and noise (n_rows, noise_dim)."""

    codes: np.ndarray
    noise: np.ndarray


def draw_points(estimator: BaseGAN, n_rows: int, rng: np.random.RandomState) -> Points:
    """Draw points from the prior, taking the clusters in turn."""
    sizes = estimator.model_.code_sizes
    codes: list[np.ndarray] = [rng.randint(size, size=n_rows) for size in sizes]
    codes += [rng.uniform(-1, 1, n_rows) for _ in estimator.code_names_[len(sizes) :]]
    if sizes:
        codes[0] = np.arange(n_rows) % sizes[0]
    noise = rng.normal(size=(n_rows, estimator.model_.net.code.noise_dim))
    return Points(np.column_stack([np.empty((n_rows, 0)), *codes]), noise)


def check_points(estimator: BaseGAN, name: str, pair: Any) -> Points:
    """The user's pair (codes, noise) as points; if one of the two has a single row, it is repeated.

    Raises a ValueError if it is not a pair, has no rows, or if codes or noise have a wrong shape or
    invalid values.
    """
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        raise ValueError(f"{name} should be a pair (codes, noise), got {pair!r:.80}")
    codes, noise = pair
    if not rows_given(noise) or (estimator.code_names_ and not rows_given(codes)):
        raise ValueError(f"{name} is empty: give at least one row of codes and noise")
    try:
        n_rows = max(map(rows_given, pair))
        model = estimator.model_
        codes = check_codes(codes, model.code_names, model.code_sizes, n_rows)
        return Points(codes, check_noise(noise, model.net.code.noise_dim, n_rows))
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}: {error}") from error
