"""A residual trunk for small images (He et al., 2016, arXiv:1512.03385, section 4.2).

The first convolution keeps the size of the image, which images of 32 pixels need. A stage is one
block of two 3x3 convolutions with a shortcut, and halves the maps. Blocks at full size would take
three quarters of the time. Channels double from stage to stage.
"""

from collections import OrderedDict

import torch
from torch import nn

from gan_cluster.networks.dcgan import halvings


class Block(nn.Module):
    """Two convolutions, the first with stride 2, and a shortcut with stride 2."""

    def __init__(self, n_in: int, n_out: int):
        super().__init__()
        self.added = nn.Sequential(
            nn.Conv2d(n_in, n_out, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(n_out),
            nn.ReLU(),
            nn.Conv2d(n_out, n_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(n_out),
        )
        self.kept = nn.Sequential(
            nn.Conv2d(n_in, n_out, 1, stride=2, bias=False), nn.BatchNorm2d(n_out)
        )
        self.rectifier = nn.ReLU()

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return self.rectifier(self.kept(maps) + self.added(maps))


class Average(nn.Module):
    """Averages maps (n, channels, height, width) over space."""

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return maps.mean((2, 3))


def n_averages(shape: tuple[int, int, int], width: int, depth: int | None) -> int:
    """Number of output features of the trunk: the channels of its last stage.

    >>> n_averages((3, 32, 32), 16, None)
    128
    """
    _, height, image_width = shape
    return width * 2 ** (len(halvings(height, image_width, depth)) - 2)


def residual_trunk(shape: tuple[int, int, int], width: int, depth: int | None) -> nn.Sequential:
    """A convolution, stem; blocks stage1 .. stageN; and the average of the last maps over space."""
    channels, height, image_width = shape
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    layers["stem"] = nn.Sequential(
        nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
    )
    before = width
    for i in range(len(halvings(height, image_width, depth)) - 1):
        out = width * 2**i
        layers[f"stage{i + 1}"] = Block(before, out)
        before = out
    layers["average"] = Average()
    return nn.Sequential(layers)
