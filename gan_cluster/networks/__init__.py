"""Modules only: generators, discriminator trunks and the heads that sit on them."""

from gan_cluster.networks.build import (
    RECOGNITION_LAYER,
    Discriminator,
    DiscriminatorOutput,
    build_networks,
)
from gan_cluster.networks.reading import choose_layers, column_names, pool

__all__ = [
    "RECOGNITION_LAYER",
    "Discriminator",
    "DiscriminatorOutput",
    "build_networks",
    "choose_layers",
    "column_names",
    "pool",
]
