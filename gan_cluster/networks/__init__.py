"""Modules only: generators, discriminator trunks and the heads that sit on them."""

from gan_cluster.networks.build import (
    POSTERIOR,
    RECOGNITION_LAYER,
    Discriminator,
    DiscriminatorOutput,
    build_networks,
)
from gan_cluster.networks.reading import (
    activations_of_blank,
    choose_layers,
    column_names,
    n_features,
    pool,
    readable,
)

__all__ = [
    "POSTERIOR",
    "RECOGNITION_LAYER",
    "Discriminator",
    "DiscriminatorOutput",
    "activations_of_blank",
    "build_networks",
    "choose_layers",
    "column_names",
    "n_features",
    "pool",
    "readable",
]
