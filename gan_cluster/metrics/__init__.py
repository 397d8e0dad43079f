"""Scores of clusterings, of representations with known factors, and of generated rows."""

from gan_cluster.metrics.centrality import model_centrality
from gan_cluster.metrics.clustering import (
    clustering_accuracy,
    expected_calibration_error,
    purity,
)
from gan_cluster.metrics.disentanglement import (
    beta_vae_score,
    code_probe,
    dci,
    factor_vae_score,
    mutual_information_gap,
    separated_attribute_predictability,
)
from gan_cluster.metrics.generation import (
    cluster_coverage,
    cluster_density,
    cluster_fidelity,
    cluster_variety,
    generation_report,
)
from gan_cluster.metrics.valleys import valley_depth

__all__ = [
    "beta_vae_score",
    "cluster_coverage",
    "cluster_density",
    "cluster_fidelity",
    "cluster_variety",
    "clustering_accuracy",
    "code_probe",
    "dci",
    "expected_calibration_error",
    "factor_vae_score",
    "generation_report",
    "model_centrality",
    "mutual_information_gap",
    "purity",
    "separated_attribute_predictability",
    "valley_depth",
]
