"""Models trained with another training step, or trained once and used by several methods."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils import Bunch

from gan_cluster import GANFeatureExtractor, load, save
from gan_cluster._recipe import resolve, resolve_device
from gan_cluster._validation.rows import Rows, check_rows
from gan_cluster.model import Model
from gan_cluster.training.net import AdversarialNet
from gan_cluster.training.random import global_state_kept, gradients_on
from gan_cluster.training.recipe import Recipe
from gan_cluster.training.schedule import Schedule

# parameters that do not affect training, at their simplest values
READ_PLAINLY: dict[str, Any] = {
    "layers": "last",
    "pooling": "auto",
    "n_components": None,
    "normalize": None,
}
TOLD_BY = 100  # rows that are hashed, to distinguish data sets of the same shape


def checked(estimator: Any, X: np.ndarray) -> np.ndarray:
    """Rows in the form in which a fitted estimator needs them."""
    return check_rows(estimator, X, reset=False).X


def recipe_of(estimator: Any, X: np.ndarray) -> Recipe:
    """The recipe of a fit on X; the estimator is not changed."""
    return _resolved(estimator, X)[0]


def _resolved(estimator: Any, X: np.ndarray) -> tuple[Recipe, Rows]:
    rows = check_rows(clone(estimator), X, reset=True, min_rows=2)
    device = resolve_device(estimator.device)
    return resolve(estimator.get_params(deep=False), rows, device), rows


def fit_with(
    estimator: Any,
    X: np.ndarray,
    net_class: type[AdversarialNet] = AdversarialNet,
    **lengths: int,
) -> Model:
    """The model of a fit in which another net defines the training step, or lengths differ."""
    recipe, rows = _resolved(estimator, X)
    assert recipe.length is not None
    recipe = replace(recipe, length=replace(recipe.length, **lengths))
    with global_state_kept(), gradients_on():
        schedule = Schedule(recipe, rows.X, net_class=net_class)
        schedule.prepare(estimator.random_state)
        net, batches = schedule.fit()
    if schedule.interrupt is not None:
        raise schedule.interrupt
    return Model(recipe, net, batches.rng)


def train_once(extractor: GANFeatureExtractor, X: np.ndarray, states: Path) -> Model:
    """The model of a fit, trained once for all methods that use it, and kept in a folder.

    Beside the folder lies a file with the seconds that this took.
    """
    plain = clone(extractor).set_params(**READ_PLAINLY)
    folder = kept_in(extractor, X, states)
    if not seconds_beside(folder).exists():
        started = perf_counter()
        plain.fit(X)
        seconds = perf_counter() - started
        save(plain, folder)
        seconds_beside(folder).write_text(str(seconds))
    return load(folder, architecture=extractor.architecture).model_


def kept_in(extractor: GANFeatureExtractor, X: np.ndarray, states: Path) -> Path:
    """The folder of a training, named by a hash of parameters, names of functions, and data."""
    parameters = extractor.get_params(deep=False).items()
    training = [item for item in parameters if item[0] not in READ_PLAINLY]
    said = re.sub(r" at 0x\w+", "", repr([training, X.shape, X.dtype]))
    digest = hashlib.sha256(said.encode() + X[:TOLD_BY].tobytes())
    return states / digest.hexdigest()[:12]


def seconds_beside(folder: Path) -> Path:
    """The file with the seconds of a training."""
    return folder.with_suffix(".seconds")


class Trained(TransformerMixin, BaseEstimator):
    """Gives the features of an estimator from a model that is trained elsewhere.

    Parameters
    ----------
    estimator : InfoGANClusterer or GANFeatureExtractor
        Defines what is trained and which features are read.
    train : callable
        Returns a model, given an estimator and X.
    """

    def __init__(self, estimator: Any, train: Callable[[Any, np.ndarray], Model]):
        self.estimator = estimator
        self.train = train

    def fit(self, X: np.ndarray, y: Any = None) -> Self:
        self.model_ = self.train(self.estimator, X)
        parameters = self.estimator.get_params(deep=False)
        reading = {name: parameters[name] for name in READ_PLAINLY if name in parameters}
        self.extractor_ = GANFeatureExtractor.from_model(self.model_, X, **reading)
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        return self.extractor_.transform(X)

    def encode(self, X: np.ndarray) -> Bunch:
        return self.extractor_.encode(X)

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self.encode(X).categorical[0].argmax(1)
