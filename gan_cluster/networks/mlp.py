"""Fully connected networks for tables."""

from collections import OrderedDict

from torch import nn

LEAK = 0.1


def mlp_trunk(n_features: int, width: int, depth: int, by_row: bool = False) -> nn.Sequential:
    """Hidden layers dense1 .. denseN of 16 * width units; the first one is not normalised.

    Activations are normalised over the batch or, with ``by_row``, over the layer.
    """
    units, size = 16 * width, n_features
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for i in range(depth):
        normed = i > 0
        block: list[nn.Module] = [nn.Linear(size, units, bias=not normed)]
        if normed:
            block.append(nn.LayerNorm(units) if by_row else nn.BatchNorm1d(units))
        layers[f"dense{i + 1}"] = nn.Sequential(*block, nn.LeakyReLU(LEAK))
        size = units
    return nn.Sequential(layers)


def mlp_generator(latent_dim: int, n_features: int, width: int, depth: int) -> nn.Sequential:
    """Hidden layers of 16 * width units and a linear output, as tables have no known range."""
    units, size = 16 * width, latent_dim
    layers: list[nn.Module] = []
    for _ in range(depth):
        layers += [nn.Linear(size, units, bias=False), nn.BatchNorm1d(units), nn.ReLU()]
        size = units
    return nn.Sequential(*layers, nn.Linear(size, n_features))
