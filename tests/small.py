"""Estimators small enough for a test."""

from dataclasses import fields

import numpy as np

from gan_cluster import GANFeatureExtractor, InfoGANClusterer, Objective

SMALL = {
    "n_clusters": 3,
    "prior": "uniform",
    "noise_dim": 2,
    "width": 2,
    "max_epochs": 2,
    "batch_size": 40,
    "n_init": 1,
    "learning_rate": 1e-3,
    "random_state": 0,
}
IMAGE = (1, 8, 8)
WEIGHTS = {field.name for field in fields(Objective)}
STEADY = {"consistency_weight": 0, "gradient_penalty": 1}  # InfoGAN with R1


def settings_of(**settings):
    """Parameters of an estimator; those of the objective may stand beside the others."""
    weights = {name: settings.pop(name) for name in WEIGHTS & settings.keys()}
    objective = Objective(**{"codes_per_cluster": 1, **weights})
    return {**SMALL, "objective": objective, **settings}


def clusterer(**settings):
    return InfoGANClusterer(**settings_of(**settings))


def extractor(**settings):
    return GANFeatureExtractor(**settings_of(**settings))


def is_finite(model, X):
    """Assert that weights, features, score and drawn rows of a clusterer are finite."""
    weights = [*model.generator_.parameters(), *model.discriminator_.parameters()]
    assert all(w.isfinite().all() for w in weights)
    assert np.isfinite(model.transform(X)).all()
    assert np.isfinite(model.score(X))
    assert np.isfinite(model.sample(3, random_state=0)).all()
    return True
