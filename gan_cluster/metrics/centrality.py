"""Choose among several models when no factors are known: keep the one that others agree with."""

import warnings
from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted

from gan_cluster._seeds import numpy_generator
from gan_cluster.metrics.disentanglement import DEAD, GROUP, majority_accuracy

VOTES_AT_ONCE = 16  # whose rows are generated and read together


def model_centrality(
    estimators: Iterable[Any], n_votes: int = 400, random_state: Any = None
) -> np.ndarray:
    """ModelCentrality: how well each model's continuous codes match those of the others.

    Models with disentangled codes are similar to each other; other models are each different. So
    the most central model is likely to be disentangled. Each model in turn serves as the reference:
    it generates rows that share the value of one of its codes, another model encodes them, and
    the codes are scored as by :func:`factor_vae_score`. No labels and no rows of data are used.

    Parameters
    ----------
    estimators : iterable of InfoGANClusterer or GANFeatureExtractor
        At least two, fitted on rows of the same kind, each with at least two continuous codes.
    n_votes : int, default=400
        Number of votes for each pair of models, as in :func:`factor_vae_score`. Each vote uses 64
        rows.
    random_state : int, RandomState or None, default=None
        Seed of the generated rows.

    Returns
    -------
    centrality : ndarray of shape (n_models,)
        For each model, the mean score with all other models, where each of the two serves once as
        the reference: from 1 / n_continuous for chance to 1. Keep the model with the largest value.

    Raises
    ------
    NotFittedError
        If a model is not fitted.
    ValueError
        If there are fewer than two models, a model has fewer than two continuous codes,
        ``n_votes`` is below 2, or a model cannot read the rows of another.
    TypeError
        If a model is not an estimator of this library, or ``n_votes`` is not an integer.

    References
    ----------
    Lin, Thekumparampil, Fanti & Oh (2020). InfoGAN-CR and ModelCentrality: self-supervised model
    training and selection for disentangling GANs. arXiv:1906.06034, section 5.

    Examples
    --------
    >>> from gan_cluster import GANFeatureExtractor
    >>> from gan_cluster.datasets import make_sprites
    >>> from gan_cluster.metrics import model_centrality
    >>> X, _ = make_sprites(100, image_size=8, random_state=0)
    >>> models = [
    ...     GANFeatureExtractor(
    ...         n_clusters=None, n_continuous=2, max_epochs=1, random_state=seed
    ...     ).fit(X)
    ...     for seed in range(3)
    ... ]
    >>> model_centrality(models, n_votes=20, random_state=0).shape
    (3,)
    """
    models = list(estimators) if isinstance(estimators, Iterable) else []
    if len(models) < 2:
        raise ValueError(f"estimators: give at least two models to compare, got {estimators!r:.80}")
    check_scalar(n_votes, "n_votes", Integral, min_val=2)  # half choose, half are scored
    columns = [_continuous_columns(estimator, i) for i, estimator in enumerate(models)]
    rng = numpy_generator(random_state)
    scores = np.stack(
        [
            _scores_by(truth, mine, models, n_votes, rng)
            for truth, mine in zip(models, columns, strict=True)
        ]
    )
    mutual = (scores + scores.T) / 2
    np.fill_diagonal(mutual, 0)
    return mutual.sum(1) / (len(models) - 1)


def _continuous_columns(estimator: Any, number: int) -> np.ndarray:
    """Which columns of a model's codes are continuous."""
    check_is_fitted(estimator)
    if not hasattr(estimator, "code_names_"):
        raise TypeError(f"estimators[{number}] has no codes: {type(estimator).__name__}")
    names = estimator.code_names_
    columns = np.flatnonzero([name.startswith("continuous") for name in names])
    if len(columns) < 2:
        raise ValueError(
            f"estimators[{number}] should have at least two continuous codes, and has "
            f"{len(columns)}: fit it with n_continuous"
        )
    return columns


def _scores_by(
    truth: Any,
    columns: np.ndarray,
    estimators: Sequence[Any],
    n_votes: int,
    rng: np.random.RandomState,
) -> np.ndarray:
    """Scores of all models on rows that one of them generates, with its codes as known factors."""
    chosen = rng.randint(len(columns), size=n_votes)
    held = rng.uniform(-1, 1, size=n_votes)
    means: list[list[np.ndarray]] = [[] for _ in estimators]
    for start in range(0, n_votes, VOTES_AT_ONCE):
        votes = np.repeat(np.arange(start, min(start + VOTES_AT_ONCE, n_votes)), GROUP)
        codes = np.full((len(votes), len(truth.code_names_)), np.nan)
        codes[np.arange(len(votes)), columns[chosen[votes]]] = held[votes]
        rows = truth.sample(len(votes), codes=codes, random_state=rng)
        with warnings.catch_warnings():  # rows that a model makes name no features
            warnings.filterwarnings("ignore", "X does not have valid feature names")
            for readings, estimator in zip(means, estimators, strict=True):
                readings.append(estimator.encode(rows).mean)
    return np.array([_held_code_accuracy(np.concatenate(readings), chosen) for readings in means])


def _held_code_accuracy(codes: np.ndarray, chosen: np.ndarray) -> float:
    """How often the coordinate that varies least in a group identifies the code it shares."""
    spread = codes.std(0)
    alive = spread > DEAD * spread.max()
    if not alive.any():
        return float(np.bincount(chosen).max() / len(chosen))
    groups = (codes[:, alive] / spread[alive]).reshape(len(chosen), GROUP, -1)
    return majority_accuracy(groups.var(1).argmin(1), chosen)
