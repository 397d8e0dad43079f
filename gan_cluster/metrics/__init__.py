"""Scores against what is known: classes of rows, factors behind a representation."""

from gan_cluster.metrics.centrality import model_centrality
from gan_cluster.metrics.clustering import clustering_accuracy, purity
from gan_cluster.metrics.disentanglement import (
    beta_vae_score,
    code_probe,
    dci,
    factor_vae_score,
    mutual_information_gap,
    separated_attribute_predictability,
)

__all__ = [
    "beta_vae_score",
    "clustering_accuracy",
    "code_probe",
    "dci",
    "factor_vae_score",
    "model_centrality",
    "mutual_information_gap",
    "purity",
    "separated_attribute_predictability",
]
