"""ModelCentrality on made models of which it is known which one disentangles."""

import warnings

import numpy as np
import pytest
from scipy.linalg import hadamard
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.exceptions import NotFittedError
from sklearn.utils import Bunch
from small import extractor

from gan_cluster.metrics import model_centrality


class Made(BaseEstimator):
    """Its rows are the four factors; its codes are an orthogonal map of them."""

    def __init__(self, turn):
        self.turn = turn

    def fit(self, X=None, y=None):
        self.code_names_ = ["cluster", *(f"continuous{i}" for i in range(4))]
        return self

    def sample(self, n_samples, *, codes, random_state):
        drawn = random_state.uniform(-1, 1, (n_samples, 4))
        given = codes[:, 1:]
        return np.where(np.isnan(given), drawn, given) @ self.turn.T

    def encode(self, X):
        return Bunch(mean=X @ self.turn)


AXES = np.eye(4)
TURNED = hadamard(4) / 2  # every code has a part of every factor
ORDER = AXES[[2, 0, 3, 1]] * [1, -1, 1, -1]


def test_models_that_agree_are_central_and_a_turned_one_is_not():
    models = [Made(turn).fit() for turn in (AXES, TURNED, ORDER)]
    scores = model_centrality(models, random_state=0)
    assert scores.shape == (3,)
    assert scores[1] < 0.5
    assert scores[0] > scores[1] + 0.2
    assert scores[2] > scores[1] + 0.2


def test_order_and_sign_of_codes_make_no_difference():
    scores = model_centrality([Made(AXES).fit(), Made(ORDER).fit()], random_state=0)
    np.testing.assert_array_equal(scores, [1, 1])


def test_two_models_are_equally_central():
    scores = model_centrality([Made(AXES).fit(), Made(TURNED).fit()], n_votes=200, random_state=0)
    assert scores[0] == scores[1] < 0.6


def test_codes_that_say_nothing_score_by_chance():
    still = Made(AXES).fit()
    still.encode = lambda X: Bunch(mean=np.zeros((len(X), 4)))
    assert model_centrality([still, Made(AXES).fit()], random_state=0)[0] < 0.7


def test_seeds_repeat_with_models_of_ours_and_global_state_is_kept(blobs):
    settings = {"n_continuous": 2, "max_epochs": 1}
    models = [extractor(random_state=seed, **settings).fit(blobs[0]) for seed in range(3)]
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    found = [model_centrality(models, n_votes=40, random_state=1) for _ in range(2)]
    np.testing.assert_array_equal(*found)
    assert ((found[0] >= 0) & (found[0] <= 1)).all()
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


def test_models_may_come_one_by_one(blobs):
    models = [extractor(n_continuous=2, random_state=seed).fit(blobs[0]) for seed in range(2)]
    expected = model_centrality(models, n_votes=4, random_state=0)
    found = model_centrality((model for model in models), n_votes=4, random_state=0)
    np.testing.assert_array_equal(found, expected)


def test_bad_input_is_named(blobs):
    X, _ = blobs
    fitted = extractor(n_continuous=2).fit(X)
    for few in ([], [fitted], fitted):
        with pytest.raises(ValueError, match=r"give at least two models to compare, got "):
            model_centrality(few)
    with pytest.raises(NotFittedError):
        model_centrality([fitted, extractor(n_continuous=2)])
    with pytest.raises(ValueError, match=r"estimators\[1\] should have at least two cont"):
        model_centrality([fitted, extractor().fit(X)])
    with pytest.raises(ValueError, match=r"at least two continuous codes, and has 1"):
        model_centrality([fitted, extractor(n_continuous=1).fit(X)])
    with pytest.raises(TypeError, match=r"estimators\[1\] has no codes: KMeans"):
        model_centrality([fitted, KMeans(2, n_init=1).fit(X)])
    with pytest.raises(ValueError, match="n_votes == 1, must be >= 2"):
        model_centrality([fitted, fitted], n_votes=1)
    with pytest.raises(ValueError, match="features"):
        model_centrality([fitted, extractor(n_continuous=2).fit(X[:, :3])], n_votes=2)


def test_models_of_named_columns_read_each_others_rows_in_silence(blobs):
    pd = pytest.importorskip("pandas")
    X = pd.DataFrame(blobs[0], columns=list("abcd"))
    models = [extractor(n_continuous=2, random_state=seed).fit(X) for seed in (0, 1)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert model_centrality(models, n_votes=4, random_state=0).shape == (2,)
