"""How well each coordinate of a representation stands for one known factor, from 0 to 1."""

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
DEAD = 0.05  # of the largest standard deviation: coordinates that vary less say nothing
FOLDS = 3
LEAVES = (1, 0.02, 0.05, 0.1)  # rows, or shares of them, that a leaf has at least
MIN_VOTES = 20
GROUP = 64  # rows that share a factor, of which a variance or a difference is taken

TEXTS = {
    "data": """\
codes : array-like of shape (n_samples, n_codes)
    The representation, such as what ``transform`` or a posterior gives.
factors : array-like of shape (n_samples, n_factors)
    Known factors with discrete values.
""",
    "raises": """\
Raises
------
ValueError
    If lengths differ, values are not finite, a factor has one value only, or more values than
    half the rows, as a continuous one does.
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
    """MIG: by how much the most informative coordinate is ahead of the next (Chen et al., 2018).

    For each factor the difference of the two largest mutual informations with a coordinate, as a
    share of the factor's entropy; the mean over factors.

    Parameters
    ----------
    [data]
    n_bins : int, default=20
        Equally wide bins of each coordinate, at least 2; one of integers that repeat, as those of
        factors do, is left as it is.

    Returns
    -------
    score : float
        From 0 to 1. With few rows for many values any two columns seem to share information, so
        that factors themselves fall short of 1.

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
    """SAP: by how much the most predictive coordinate is ahead of the next (Kumar et al., 2018).

    For each factor the difference of the two best accuracies with which one coordinate alone
    predicts it, by thresholds on it, in cross-validation; the mean over factors. Accuracies are
    counted from what guessing reaches, 0, to 1, so that scores are not those of other programs.

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
        If lengths differ, values are not finite, a factor has one value only, or fewer than three
        rows have one of its values; for a continuous factor.

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
    """Cross-validated accuracy of thresholds on a coordinate, 0 for guessing and 1 at best."""
    thresholds = DecisionTreeClassifier(max_leaf_nodes=2 * (factor.max() + 1), random_state=0)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)  # rows may be sorted
    accuracy = cross_val_score(thresholds, column[:, None], factor, cv=folds).mean()
    return float(np.clip((accuracy - guess) / (1 - guess), 0, 1))


@documented
def dci(codes: Any, factors: Any, random_state: Any = None) -> dict[str, float]:
    """DCI: disentanglement, completeness and informativeness (Eastwood & Williams, 2018).

    A random forest predicts each factor from all coordinates; importances of coordinates say
    whether each serves one factor (disentanglement), whether each factor is served by one
    (completeness), and its accuracy on held-out rows how much is there (informativeness). As in
    the paper the depth of trees is chosen by rows that they have not seen: grown to the end, trees
    would sort what noise is left by coordinates that say nothing.

    Parameters
    ----------
    [data]
    random_state : int, RandomState or None, default=None
        Of the forests and the held-out third.

    Returns
    -------
    scores : dict of str to float
        ``disentanglement``, ``completeness`` and ``informativeness``, each from 0 to 1. Of one
        coordinate alone completeness is 1, and so is disentanglement for one factor alone.

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
    """One whose leaves are as large as is best for rows out of the bag of each tree."""
    settings = {"max_features": None, "oob_score": True, "random_state": seed}
    forests = [
        RandomForestClassifier(50, min_samples_leaf=leaf, **settings).fit(codes, factor)
        for leaf in LEAVES
    ]
    return max(forests, key=lambda forest: forest.oob_score_)


def _concentration(weights: np.ndarray) -> float:
    """1 - entropy of each row as a share of its ceiling, rows weighed by their sums."""
    if weights.shape[1] == 1:
        return float(weights.any())
    rows = weights + TINY
    spread = entropy(rows, axis=1) / np.log(weights.shape[1])
    return float(np.average(1 - spread, weights=rows.sum(1)))


@documented
def factor_vae_score(
    codes: Any, factors: Any, n_votes: int = 800, random_state: Any = None
) -> float:
    """Whether the coordinate that varies least tells which factor was held (Kim & Mnih, 2018).

    A vote: rows that share the value of one factor, and the coordinate whose variance among
    them, as a share of that over all rows, is the smallest. The accuracy of the majority of votes.
    It is 1 wherever each factor moves one coordinate least, which some mixtures do, too: MIG asks
    for more.

    Parameters
    ----------
    codes : array-like of shape (n_samples, n_codes)
        In one unit: coordinates that vary less than a twentieth of what the one that varies most
        does are left out.
    factors : array-like of shape (n_samples, n_factors)
        Known factors with discrete values.
    n_votes : int, default=800
        At least 20; half of them choose the majority, half are scored.
    random_state : int, RandomState or None, default=None
        Of the draws.

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
    """Which is the least; a random one of several."""
    return int(rng.choice(np.flatnonzero(variances == variances.min())))


def majority_accuracy(least: np.ndarray, chosen: np.ndarray) -> float:
    """How often the majority of the first half of votes for a coordinate is right in the second."""
    half = len(chosen) // 2
    counts = np.zeros((least.max() + 1, chosen.max() + 1))
    np.add.at(counts, (least[:half], chosen[:half]), 1)
    return float((counts.argmax(1)[least[half:]] == chosen[half:]).mean())


@documented
def beta_vae_score(codes: Any, factors: Any, n_votes: int = 800, random_state: Any = None) -> float:
    """Whether mean differences between rows tell which factor they share (Higgins et al., 2017).

    Rows are paired with rows that share the value of one factor; a linear classifier predicts
    the factor from the mean absolute differences of coordinates. Mixtures of factors can be told
    by these, too: of all scores here it asks least.

    Parameters
    ----------
    [data]
    n_votes : int, default=800
        At least 20; half of them train the classifier, half are scored.
    random_state : int, RandomState or None, default=None
        Of the draws.

    Returns
    -------
    score : float
        From 1 / n_factors for chance to 1.

    Raises
    ------
    ValueError
        If lengths differ, values are not finite, a factor has one value only, or more values than
        half the rows, as a continuous one does, or repeats none in a random half of few rows.

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
    """Rows, drawn with replacement, and for each another one of the same value of a factor."""
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
    """Indices of two rows or more that share one value of a factor."""
    shared = np.flatnonzero(np.bincount(factor)[factor] > 1)
    rows = np.flatnonzero(factor == factor[rng.choice(shared)])
    return rng.choice(rows, size=min(GROUP, len(rows)), replace=False)


def code_probe(codes: Any, noise: Any, y: Any, random_state: Any = None) -> dict[str, float]:
    """How well a linear classifier reads classes from codes, and from the noise beside them.

    A generator that keeps what matters in its codes lets classes be read from those and not from
    its noise.

    Parameters
    ----------
    codes : array-like of shape (n_samples, n_codes)
        The codes of rows that were generated, categories one-hot, or read from rows.
    noise : array-like of shape (n_samples, noise_dim)
        The noise of the same rows.
    y : array-like of shape (n_samples,)
        Classes of the rows, by a classifier that is trusted.
    random_state : int, RandomState or None, default=None
        Of the held-out third.

    Returns
    -------
    scores : dict of str to float
        Held-out accuracy from ``codes`` and from ``noise``, and that of ``guess``.

    Raises
    ------
    ValueError
        If lengths differ, values are not finite, there is one class only, or one of a single row,
        or classes are continuous.

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
