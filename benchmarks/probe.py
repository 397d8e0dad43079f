"""DCGAN's protocol: a linear classifier on features that were learned without labels."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.model_selection import GridSearchCV, StratifiedShuffleSplit
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

CONSTANTS = np.logspace(-4, -2, 5)


class LinearProbe(BaseEstimator):
    """Features fitted on all rows without labels, a linear SVM on them with some labels.

    Parameters
    ----------
    features : transformer
        Fitted on every row.
    y : ndarray of shape (n_samples,)
        Labels of the rows, of which the SVM sees ``per_class`` of each class.
    per_class : int or None
        None gives the SVM all of them.
    seed : int
        Chooses those rows, and the fifth of them on which the SVM's constant, and whether columns
        are standardised, is chosen.
    """

    def __init__(self, features: Any, y: np.ndarray, per_class: int | None, seed: int):
        self.features = features
        self.y = y
        self.per_class = per_class
        self.seed = seed

    def fit(self, X: np.ndarray) -> "LinearProbe":
        y = self.y[: len(X)]
        order = np.random.RandomState(self.seed).permutation(len(X))
        kept = [order[y[order] == label][: self.per_class] for label in np.unique(y)]
        labelled = np.concatenate(kept)
        validation = StratifiedShuffleSplit(1, test_size=0.2, random_state=self.seed)
        # the dual, as 4,608 features of all rows of CIFAR-10 make the primal last for hours
        svm = LinearSVC(dual=True, random_state=self.seed)
        classifier = Pipeline([("scale", "passthrough"), ("svm", svm)])
        choices = {"scale": ["passthrough", StandardScaler()], "svm__C": CONSTANTS}
        self.search_ = GridSearchCV(classifier, choices, cv=validation)
        self.features.fit(X)
        self.search_.fit(self.features.transform(X[labelled]), y[labelled])
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self.search_.predict(self.features.transform(X))
