"""A conditional discriminator of the maps of a trunk, with a small head for each stage."""

from collections.abc import Sequence
from math import ceil, prod

import torch
from torch import nn

from gan_cluster.networks.dcgan import LEAK
from gan_cluster.networks.projection import ProjectionDiscriminator

SMALLEST = 4  # pixels of a side, down to which a head halves maps
MOST_CHANNELS = 256


class MapDiscriminator(nn.Module):
    """Logits of real against generated rows from the maps of a trunk that it does not train.

    Maps of a trained trunk show what is in an image, so a generator learns to draw it in fewer
    steps than from a discriminator that starts from pixels (Projected GANs, Sauer et al., 2021,
    arXiv:2111.01007). Each stage of the trunk has a head, which gets the condition by projection.

    Parameters
    ----------
    shapes : sequence of (channels, height, width)
        Shapes of the maps.
    n_conditions : int
        Width of a condition, which holds the probabilities of this many values.
    """

    def __init__(self, shapes: Sequence[tuple[int, int, int]], n_conditions: int):
        super().__init__()
        self.heads = nn.ModuleList(_head(shape, n_conditions) for shape in shapes)

    def forward(self, maps: Sequence[torch.Tensor], conditions: torch.Tensor) -> torch.Tensor:
        """The logits of all heads, (n, n_heads)."""
        read = [head(map_, conditions) for head, map_ in zip(self.heads, maps, strict=True)]
        return torch.stack(read, dim=1)


def _head(shape: tuple[int, int, int], n_conditions: int) -> ProjectionDiscriminator:
    """Convolutions of stride 2 down to small maps, and one of stride 1.

    Activations are normalised over the layer, for each row by itself.
    """
    channels, *sides = shape
    layers: list[nn.Module] = []
    while max(sides) > SMALLEST:
        wider = max(channels, min(2 * channels, MOST_CHANNELS))
        layers.append(_convolution(channels, wider, stride=2))
        channels, sides = wider, [ceil(side / 2) for side in sides]
    layers.append(_convolution(channels, channels, stride=1))
    return ProjectionDiscriminator(nn.Sequential(*layers), channels * prod(sides), n_conditions)


def _convolution(n_in: int, n_out: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1, bias=False),
        nn.GroupNorm(1, n_out),
        nn.LeakyReLU(LEAK),
    )
