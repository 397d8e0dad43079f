"""Estimators small enough for a test."""

from gan_cluster import GANFeatureExtractor, InfoGANClusterer

SMALL = {
    "noise_dim": 2,
    "width": 2,
    "max_epochs": 2,
    "batch_size": 40,
    "n_init": 1,
    "codes_per_cluster": 1,
    "random_state": 0,
}
IMAGE = (1, 8, 8)


def clusterer(**settings):
    return InfoGANClusterer(**{"n_clusters": 3, **SMALL, **settings})


def extractor(**settings):
    return GANFeatureExtractor(**{"categorical_codes": (3,), **SMALL, **settings})
