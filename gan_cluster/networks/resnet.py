"""A residual trunk for small images (He et al., 2016, arXiv:1512.03385, section 4.2).

Its first convolution keeps the size, as images of 32 pixels need it. A stage is one block of two
3x3 convolutions beside a shortcut; each but the first halves the maps and doubles the channels.
"""

from collections import OrderedDict

import torch
from torch import nn

SMALLEST_MAP = 4


class Block(nn.Module):
    """Two convolutions whose result is added to what they were given."""

    def __init__(self, n_in: int, n_out: int, stride: int):
        super().__init__()
        self.added = nn.Sequential(
            nn.Conv2d(n_in, n_out, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(n_out),
            nn.ReLU(),
            nn.Conv2d(n_out, n_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(n_out),
        )
        self.kept: nn.Module = nn.Identity()
        if stride > 1 or n_in != n_out:
            projected = nn.Conv2d(n_in, n_out, 1, stride, bias=False)
            self.kept = nn.Sequential(projected, nn.BatchNorm2d(n_out))
        self.rectifier = nn.ReLU()

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return self.rectifier(self.kept(maps) + self.added(maps))


class Average(nn.Module):
    """Averages maps (n, channels, height, width) over space."""

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return maps.mean((2, 3))


def n_stages(height: int, width: int, depth: int | None) -> int:
    """The depth, or how many stages leave maps of at least 4x4.

    >>> n_stages(32, 32, None), n_stages(40, 96, None), n_stages(32, 32, 2)
    (4, 4, 2)
    """
    if depth is not None:
        return depth
    stages, size = 1, min(height, width)
    while size >= 2 * SMALLEST_MAP:
        stages, size = stages + 1, size // 2
    return stages


def n_averages(shape: tuple[int, int, int], width: int, depth: int | None) -> int:
    """Number of features at the trunk's end: the channels of its last stage.

    >>> n_averages((3, 32, 32), 16, None)
    128
    """
    return width * 2 ** (n_stages(*shape[1:], depth) - 1)


def residual_trunk(shape: tuple[int, int, int], width: int, depth: int | None) -> nn.Sequential:
    """A convolution stem, blocks stage1 .. stageN, and the average of the last maps over space."""
    channels, height, image_width = shape
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    layers["stem"] = nn.Sequential(
        nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
    )
    before = width
    for i in range(n_stages(height, image_width, depth)):
        out = width * 2**i
        layers[f"stage{i + 1}"] = Block(before, out, stride=1 if i == 0 else 2)
        before = out
    layers["average"] = Average()
    return nn.Sequential(layers)
