"""Disentanglement scores: how well each coordinate of a representation shows one known factor."""

from functools import partial
from numbers import Integral
from typing import Any

import numpy as np
from scipy.stats import entropy
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import mutual_info_score
from sklearn.model_selection import StratifiedKFold, cross_val_score, train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, StandardScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import check_array, check_consistent_length, check_scalar

from gan_cluster._docs import filled
from gan_cluster._seeds import numpy_generator
from gan_cluster.metrics.clustering import check_labels

TINY = 1e-12
DEAD = 0.05  # of the largest standard deviation: coordinates that vary less are left out
FOLDS = 3
LEAVES = (1, 0.02, 0.05, 0.1)  # least number of rows in a leaf, or share of rows
MIN_VOTES = 20
GROUP = 64  # rows that share a factor, for a variance or a difference

TEXTS = {
    "data": """\
codes : array-like of shape (n_samples, n_codes)
    The representation of rows, such as the result of ``transform`` or the mean of ``encode``.
factors : array-like of shape (n_samples, n_factors)
    Known factors with discrete values.
""",
    "raises": """\
Raises
------
ValueError
    If lengths differ, values are not finite, or a factor has only one value or more values than
    half the number of rows, as a continuous factor has.
""",
}
documented = partial(filled, texts=TEXTS)


def _checked(codes: Any, factors: Any) -> tuple[np.ndarray, np.ndarray]:
    """Codes as floats and factors as integers 0, 1, ... in each column."""
    codes = check_array(codes, dtype=np.float64, ensure_min_samples=2, input_name="codes")
    factors = check_array(factors, dtype=None, ensure_min_samples=2, input_name="factors")
    check_consistent_length(codes, factors)
    numbered = np.stack([np.unique(column, return_inverse=True)[1] for column in factors.T], axis=1)
    for k, column in enumerate(numbered.T):
        n_values = column.max() + 1
        if n_values == 1:
            raise ValueError(f"factors[:, {k}] has one value only: leave it out")
        if 2 * n_values > len(column):
            raise ValueError(
                f"factors[:, {k}] has {n_values} values in {len(column)} rows, and scores compare "
                "rows of one value: cut it into bins first"
            )
    return codes, numbered


@documented
def mutual_information_gap(codes: Any, factors: Any, n_bins: int = 20) -> float:
    """MIG: the lead of the most informative coordinate over the next one (Chen et al., 2018).

    For each factor, the mutual information with each coordinate is computed. The gap is the
    difference of the two largest values, divided by the entropy of the factor. The score is the
    mean gap over factors.

    Parameters
    ----------
    [data]
    n_bins : int, default=20
        Number of bins of equal width for each coordinate, at least 2. A coordinate of integers that
        repeat, as factors have, is not binned.

    Returns
    -------
    score : float
        From 0 to 1. With few rows and many values, any two columns seem to share information. The
        factors themselves then have a score below 1.

    [raises]

    References
    ----------
    Chen, Li, Grosse & Duvenaud (2018). Isolating sources of disentanglement in VAEs.
    arXiv:1802.04942, eq. 6.

    Examples
    --------
    >>> import numpy as np
    >>> factors = np.indices((4, 4)).reshape(2, -1).T
    >>> round(mutual_information_gap(factors, factors), 3)
    1.0
    """
    codes, factors = _checked(codes, factors)
    check_scalar(n_bins, "n_bins", Integral, min_val=2)
    binned = np.stack([_binned(column, n_bins) for column in codes.T], axis=1)
    gaps = []
    for factor in factors.T:
        shared = sorted(mutual_info_score(factor, column) for column in binned.T)
        runner_up = shared[-2] if len(shared) > 1 else 0.0
        gaps.append((shared[-1] - runner_up) / entropy(np.bincount(factor)))
    return float(np.mean(gaps))


def _binned(column: np.ndarray, n_bins: int) -> np.ndarray:
    if np.ptp(column) < TINY:
        return np.zeros(len(column), dtype=int)
    values, numbered = np.unique(column, return_inverse=True)
    if np.array_equal(values, values.round()) and 2 * len(values) <= len(column):
        return numbered
    edges = KBinsDiscretizer(n_bins, encode="ordinal", strategy="uniform", subsample=None)
    return edges.fit_transform(column[:, None]).ravel().astype(int)


@documented
def separated_attribute_predictability(codes: Any, factors: Any) -> float:
    """SAP: the lead of the most predictive coordinate over the next one (Kumar et al., 2018).

    For each factor, each single coordinate predicts it by thresholds, in cross-validation.
    The gap is the difference of the two best accuracies. The score is the mean gap over factors.
    Accuracies are scaled so that guessing has 0, so the scores differ from those of other programs.

    Parameters
    ----------
    [data]

    Returns
    -------
    score : float
        From 0 to 1.

    Raises
    ------
    ValueError
        If lengths differ, values are not finite, a factor is continuous or has only one value, or
        a value of a factor has fewer than three rows.

    References
    ----------
    Kumar, Sattigeri & Balakrishnan (2018). Variational inference of disentangled latent concepts
    from unlabeled observations. arXiv:1711.00848, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> factors = np.indices((4, 4, 5)).reshape(3, -1).T[:, :2]
    >>> round(separated_attribute_predictability(factors, factors), 3)
    1.0
    """
    codes, factors = _checked(codes, factors)
    gaps = []
    for k, factor in enumerate(factors.T):
        fewest = np.bincount(factor).min()
        if fewest < FOLDS:
            raise ValueError(
                f"factors[:, {k}] has a value in {fewest} rows only: give at least {FOLDS} of each"
            )
        guess = np.bincount(factor).max() / len(factor)
        accuracies = sorted(_predictability(column, factor, guess) for column in codes.T)
        gaps.append(accuracies[-1] - (accuracies[-2] if len(accuracies) > 1 else 0.0))
    return float(np.mean(gaps))


def _predictability(column: np.ndarray, factor: np.ndarray, guess: float) -> float:
    """Cross-validated accuracy of thresholds on a coordinate, scaled so that guessing has 0."""
    thresholds = DecisionTreeClassifier(max_leaf_nodes=2 * (factor.max() + 1), random_state=0)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)  # rows may be sorted
    accuracy = cross_val_score(thresholds, column[:, None], factor, cv=folds).mean()
    return float(np.clip((accuracy - guess) / (1 - guess), 0, 1))


@documented
def dci(codes: Any, factors: Any, random_state: Any = None) -> dict[str, float]:
    """DCI: disentanglement, completeness and informativeness (Eastwood & Williams, 2018).

    A random forest predicts each factor from all coordinates. The importances of coordinates show
    whether each coordinate is used for only one factor (disentanglement), and whether each factor
    needs only one coordinate (completeness). The accuracy on held-out rows shows how well factors
    can be predicted (informativeness). As in the paper, the size of trees is chosen on rows that
    they were not trained on: fully grown trees would fit noise with coordinates that carry no
    information.

    Parameters
    ----------
    [data]
    random_state : int, RandomState or None, default=None
        Seed of the forests and of the choice of held-out rows, a third of all.

    Returns
    -------
    scores : dict of str to float
        ``disentanglement``, ``completeness`` and ``informativeness``, each from 0 to 1. If there
        is only one coordinate, completeness is 1; if there is only one factor, disentanglement is
        1.

    [raises]

    References
    ----------
    Eastwood & Williams (2018). A framework for the quantitative evaluation of disentangled
    representations. ICLR.

    Examples
    --------
    >>> import numpy as np
    >>> factors = np.indices((3, 3, 20)).reshape(3, -1).T[:, :2]
    >>> {name: round(score, 1) for name, score in dci(factors, factors, random_state=0).items()}
    {'disentanglement': 1.0, 'completeness': 1.0, 'informativeness': 1.0}
    """
    codes, factors = _checked(codes, factors)
    rng = numpy_generator(random_state)
    importance, accuracies = [], []
    for factor in factors.T:
        parts = train_test_split(codes, factor, test_size=1 / 3, random_state=rng.randint(2**31))
        forest = _forest(parts[0], parts[2], rng.randint(2**31))
        importance.append(forest.feature_importances_)
        accuracies.append(forest.score(parts[1], parts[3]))
    weights = np.array(importance).T  # of each code for each factor
    return {
        "disentanglement": _concentration(weights),
        "completeness": _concentration(weights.T),
        "informativeness": float(np.mean(accuracies)),
    }


def _forest(codes: np.ndarray, factor: np.ndarray, seed: int) -> RandomForestClassifier:
    """A random forest with the leaf size that predicts out-of-bag rows best."""
    settings = {"max_features": None, "oob_score": True, "random_state": seed}
    forests = [
        RandomForestClassifier(50, min_samples_leaf=leaf, **settings).fit(codes, factor)
        for leaf in LEAVES
    ]
    return max(forests, key=lambda forest: forest.oob_score_)


def _concentration(weights: np.ndarray) -> float:
    """Mean of 1 - entropy / maximal entropy over rows, weighted by the sums of rows."""
    if weights.shape[1] == 1:
        return float(weights.any())
    rows = weights + TINY
    spread = entropy(rows, axis=1) / np.log(weights.shape[1])
    return float(np.average(1 - spread, weights=rows.sum(1)))


@documented
def factor_vae_score(
    codes: Any, factors: Any, n_votes: int = 800, random_state: Any = None
) -> float:
    """FactorVAE score: whether the coordinate that varies least identifies a fixed factor.

    For each vote, rows are chosen that share the value of one factor. The vote is for the
    coordinate with the smallest variance among them, relative to its variance over all rows. Half
    of the votes give a majority factor for each coordinate; the score is its accuracy on the
    other half (Kim & Mnih, 2018). Some mixtures of factors also reach 1;
    :func:`mutual_information_gap` is stricter.

    Parameters
    ----------
    codes : array-like of shape (n_samples, n_codes)
        The representation, with coordinates in the same unit. Coordinates whose standard
        deviation is less than a twentieth of the largest one are left out.
    factors : array-like of shape (n_samples, n_factors)
        Known factors with discrete values.
    n_votes : int, default=800
        Number of votes, at least 20; half of them determine the majority, half are scored.
    random_state : int, RandomState or None, default=None
        Seed of the votes.

    Returns
    -------
    score : float
        From 1 / n_factors for chance to 1.

    [raises]

    References
    ----------
    Kim & Mnih (2018). Disentangling by factorising. arXiv:1802.05983, section 4.

    Examples
    --------
    >>> import numpy as np
    >>> factors = np.indices((4, 4, 4)).reshape(3, -1).T
    >>> factor_vae_score(factors, factors, random_state=0)
    1.0
    """
    codes, factors = _checked(codes, factors)
    check_scalar(n_votes, "n_votes", Integral, min_val=MIN_VOTES)
    rng = numpy_generator(random_state)
    spread = codes.std(0)
    alive = spread > DEAD * spread.max()
    if not alive.any():
        return 1 / factors.shape[1]
    scaled = codes[:, alive] / spread[alive]
    chosen = rng.randint(factors.shape[1], size=n_votes)
    least = [_least(scaled[_sharing(factors[:, k], rng)].var(0), rng) for k in chosen]
    return majority_accuracy(np.array(least), chosen)


def _least(variances: np.ndarray, rng: np.random.RandomState) -> int:
    """Index of the smallest variance; a random one if several are equal."""
    return int(rng.choice(np.flatnonzero(variances == variances.min())))


def majority_accuracy(least: np.ndarray, chosen: np.ndarray) -> float:
    """Accuracy, on the second half of votes, of the majority of the first half."""
    half = len(chosen) // 2
    counts = np.zeros((least.max() + 1, chosen.max() + 1))
    np.add.at(counts, (least[:half], chosen[:half]), 1)
    return float((counts.argmax(1)[least[half:]] == chosen[half:]).mean())


@documented
def beta_vae_score(codes: Any, factors: Any, n_votes: int = 800, random_state: Any = None) -> float:
    """BetaVAE score: whether differences between rows identify the factor that they share.

    Rows are paired with rows that share the value of one factor. A linear classifier predicts this
    factor from the mean absolute differences of coordinates (Higgins et al., 2017). Mixtures of
    factors can have a high score, too: of all scores here, this one is the least strict.

    Parameters
    ----------
    [data]
    n_votes : int, default=800
        Number of votes, at least 20; half of them train the classifier, half are scored.
    random_state : int, RandomState or None, default=None
        Seed of the pairs.

    Returns
    -------
    score : float
        From 1 / n_factors for chance to 1.

    Raises
    ------
    ValueError
        If lengths differ, values are not finite, or a factor has only one value or more values
        than half the number of rows, as a continuous factor has; if there are so few rows that a
        random half has no value of a factor twice.

    References
    ----------
    Higgins et al. (2017). beta-VAE: Learning basic visual concepts with a constrained variational
    framework. ICLR.

    Examples
    --------
    >>> import numpy as np
    >>> factors = np.indices((4, 4, 4)).reshape(3, -1).T
    >>> beta_vae_score(factors, factors, random_state=0)
    1.0
    """
    codes, factors = _checked(codes, factors)
    check_scalar(n_votes, "n_votes", Integral, min_val=MIN_VOTES)
    if factors.shape[1] == 1:
        return 1.0  # nothing else could be held
    rng = numpy_generator(random_state)
    halves = np.array_split(rng.permutation(len(codes)), 2)  # rows seen in training tell too much
    for k in range(factors.shape[1]):
        if any(np.bincount(factors[rows, k]).max() < 2 for rows in halves):
            raise ValueError(
                f"factors[:, {k}] has no value twice in one half of {len(codes)} rows, and rows "
                "of one value are compared: give more rows"
            )
    parts = []
    for rows, n in zip(halves, (n_votes // 2, n_votes - n_votes // 2), strict=True):
        chosen = rng.randint(factors.shape[1], size=n)
        pairs = (_pairs(factors[rows, k], rng) for k in chosen)
        differences = [np.abs(codes[rows[i]] - codes[rows[j]]).mean(0) for i, j in pairs]
        parts.append((differences, chosen))
    return float(_linear_classifier().fit(*parts[0]).score(*parts[1]))


def _pairs(factor: np.ndarray, rng: np.random.RandomState) -> tuple[np.ndarray, np.ndarray]:
    """Random rows, with replacement, and for each row another one with the same factor value."""
    order = np.argsort(factor, kind="stable")
    sizes = np.bincount(factor)
    first = (np.cumsum(sizes) - sizes)[factor[order]]  # of each row's value, among those in order
    size = sizes[factor[order]]
    ones = rng.choice(np.flatnonzero(size > 1), size=GROUP)
    steps = 1 + rng.randint(size[ones] - 1)
    others = first[ones] + (ones - first[ones] + steps) % size[ones]
    return order[ones], order[others]


def _linear_classifier() -> Pipeline:
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))


def _sharing(factor: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
    """Indices of at least two rows that share one value of a factor."""
    shared = np.flatnonzero(np.bincount(factor)[factor] > 1)
    rows = np.flatnonzero(factor == factor[rng.choice(shared)])
    return rng.choice(rows, size=min(GROUP, len(rows)), replace=False)


def code_probe(codes: Any, noise: Any, y: Any, random_state: Any = None) -> dict[str, float]:
    """How well a linear classifier predicts classes from codes, and from noise.

    If the codes hold what matters, classes can be predicted from the codes, and not from the noise.

    Parameters
    ----------
    codes : array-like of shape (n_samples, n_codes)
        The codes of generated rows, with categories one-hot, or codes that were read from rows.
    noise : array-like of shape (n_samples, noise_dim)
        The noise of the same rows.
    y : array-like of shape (n_samples,)
        Classes of the rows, by a classifier that you trust.
    random_state : int, RandomState or None, default=None
        Seed of the choice of held-out rows, a third of all.

    Returns
    -------
    scores : dict of str to float
        Accuracy on held-out rows from ``codes`` and from ``noise``, and ``guess``, the accuracy of
        always predicting the most frequent class.

    Raises
    ------
    ValueError
        If lengths differ, values are not finite, there is only one class, a class has a single
        row, or classes are continuous.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.arange(300) % 3
    >>> noise = np.random.RandomState(0).normal(size=(300, 2))
    >>> scores = code_probe(np.eye(3)[y], noise, y, random_state=0)
    >>> scores["codes"], scores["noise"] < 0.5
    (1.0, True)
    """
    classes, target = np.unique(check_labels(y, "y"), return_inverse=True)
    if len(classes) < 2:
        raise ValueError("y has one class only: there is nothing to predict")
    accuracies = {"guess": float(np.bincount(target).max() / len(target))}
    seed = numpy_generator(random_state).randint(2**31)
    for name, values in {"codes": codes, "noise": noise}.items():
        checked = check_array(values, dtype=np.float64, input_name=name)
        check_consistent_length(checked, target)
        held = {"test_size": 1 / 3, "random_state": seed, "stratify": target}
        parts = train_test_split(checked, target, **held)
        linear = _linear_classifier()
        accuracies[name] = float(linear.fit(parts[0], parts[2]).score(parts[1], parts[3]))
    return accuracies
