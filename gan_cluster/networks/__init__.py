"""Modules only: generators, discriminator trunks and the heads that sit on them."""

from gan_cluster.networks.build import Discriminator, DiscriminatorOutput, build_networks

__all__ = ["Discriminator", "DiscriminatorOutput", "build_networks"]
