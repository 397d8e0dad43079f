"""Convolutional networks by the rules of DCGAN (Radford et al., 2015, arXiv:1511.06434).

Strided and fractionally strided 4x4 convolutions, no pooling, batch normalisation except at
the generator's output and the discriminator's input, ReLU and tanh in the generator, leaky
ReLU in the discriminator. The generator begins with fully connected layers and the trunk ends with
one, as in InfoGAN's appendix C.1 (Chen et al., 2016, arXiv:1606.03657).
"""

from collections import OrderedDict

import torch
from torch import nn

MIN_IMAGE_SIZE = 8
LEAK = 0.1


class Flatten(nn.Module):
    """Flattens maps (n, channels, height, width) in the order in which they are in memory."""

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return maps.permute(0, 2, 3, 1).flatten(1)


def halvings(height: int, width: int, depth: int | None) -> list[tuple[int, int]]:
    """Sizes of the feature maps, the image first, after each convolution of stride 2.

    If ``depth`` is None, the maps are halved as long as both sides stay at least 2.

    >>> halvings(28, 28, None)
    [(28, 28), (14, 14), (7, 7), (3, 3)]
    """
    sizes = [(height, width)]
    while min(sizes[-1]) >= 4 if depth is None else len(sizes) <= depth:
        sizes.append((sizes[-1][0] // 2, sizes[-1][1] // 2))
    return sizes


def conv_trunk(
    shape: tuple[int, int, int], width: int, depth: int | None, by_row: bool = False
) -> nn.Sequential:
    """Convolutions conv1 .. convN of stride 2 and a fully connected layer, dense.

    Activations are normalised over the batch or, with ``by_row``, over the layer.
    """
    channels, height, image_width = shape
    sizes = halvings(height, image_width, depth)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for i in range(len(sizes) - 1):
        out = width * 2**i
        normed = i > 0
        block: list[nn.Module] = [nn.Conv2d(channels, out, 4, stride=2, padding=1, bias=not normed)]
        if normed:
            block.append(nn.GroupNorm(1, out) if by_row else nn.BatchNorm2d(out))
        layers[f"conv{i + 1}"] = nn.Sequential(*block, nn.LeakyReLU(LEAK))
        channels = out
    flat, dense = channels * sizes[-1][0] * sizes[-1][1], 16 * width
    norm = nn.LayerNorm(dense) if by_row else nn.BatchNorm1d(dense)
    layers["dense"] = nn.Sequential(
        Flatten(), nn.Linear(flat, dense, bias=False), norm, nn.LeakyReLU(LEAK)
    )
    return nn.Sequential(layers)


def conv_generator(
    latent_dim: int, shape: tuple[int, int, int], width: int, depth: int
) -> nn.Sequential:
    """Two fully connected layers, then fractionally strided convolutions up to the image."""
    channels, height, image_width = shape
    sizes = halvings(height, image_width, depth)
    top, dense = width * 2 ** (len(sizes) - 2), 16 * width
    rows, columns = sizes[-1]
    layers: list[nn.Module] = [
        nn.Linear(latent_dim, dense, bias=False),
        nn.BatchNorm1d(dense),
        nn.ReLU(),
        nn.Linear(dense, top * rows * columns, bias=False),
        nn.BatchNorm1d(top * rows * columns),
        nn.ReLU(),
        nn.Unflatten(1, (top, rows, columns)),
    ]
    for i in range(len(sizes) - 2, -1, -1):
        out = channels if i == 0 else top // 2
        odd = (sizes[i][0] % 2, sizes[i][1] % 2)
        up = nn.ConvTranspose2d(top, out, 4, stride=2, padding=1, output_padding=odd, bias=i == 0)
        layers += [up, nn.Tanh()] if i == 0 else [up, nn.BatchNorm2d(out), nn.ReLU()]
        top = out
    return nn.Sequential(*layers)
