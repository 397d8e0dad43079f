"""Features from a discriminator: the choice of layers, pooling of maps, and names of features."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch.nn import functional as F

from gan_cluster.networks.build import POSTERIOR, RECOGNITION_LAYER, Discriminator

GRID = 4


def readable(discriminator: Discriminator, categorical: Sequence[int]) -> list[str]:
    """Names of all layers that can be read, from input to output, and the posterior."""
    return [*discriminator.layers, *([POSTERIOR] if categorical else [])]


def choose_layers(
    discriminator: Discriminator,
    categorical: Sequence[int],
    layers: str | list[str],
    shape: Sequence[int],
) -> list[str]:
    """Names of the layers that "last", "all" or a list of names means, for rows of this shape.

    "last" is the average of the last maps in a residual trunk. In other networks it is the hidden
    layer of Q and the posterior. Without Q it is the last convolution with maps larger than 2x2,
    which still show where something is, or the last hidden layer of an MLP.

    Raises a ValueError if the discriminator has no layer of such a name, or no name is given.
    """
    names = readable(discriminator, categorical)
    if layers == "last" and discriminator.averages:
        chosen = discriminator.averages
    elif layers == "last" and RECOGNITION_LAYER in names:
        chosen = names[-2:] if categorical else names[-1:]
    elif layers == "last":
        maps = activations_of_blank(discriminator, discriminator.convolutions, shape)
        large = [name for name, map_ in maps.items() if min(map_.shape[2:], default=0) > 2]
        chosen = (large or [*maps] or names)[-1:]
    elif layers == "all":
        hidden = [name for name in names if name not in (RECOGNITION_LAYER, POSTERIOR)]
        chosen = discriminator.convolutions or hidden
    else:
        chosen = [layers] if isinstance(layers, str) else list(layers)
    unknown = [name for name in chosen if name not in names]
    if unknown or not chosen:
        raise ValueError(
            f"layers={layers!r} names no layer {unknown}: there are {names}, or, alone, "
            '"last" or "all"'
        )
    return chosen


def pool(maps: torch.Tensor, pooling: str) -> torch.Tensor:
    """Maps (n, channels, height, width) averaged over space, or their maxima in a 4x4 grid.

    Activations with another number of axes are flattened.

    >>> import torch
    >>> maps = torch.arange(16.0).reshape(1, 1, 4, 4)
    >>> pool(maps, "avg")
    tensor([[7.5000]])
    """
    if maps.ndim != 4:
        return maps.flatten(1)
    if pooling == "avg":
        return maps.mean((2, 3))
    return F.adaptive_max_pool2d(maps, (min(GRID, maps.shape[2]), min(GRID, maps.shape[3])))


def n_features(
    discriminator: Discriminator,
    categorical: Sequence[int],
    chosen: Sequence[str],
    pooling: str,
    shape: Sequence[int],
) -> int:
    """Number of features that the chosen layers give for a row of this shape."""
    layers = activations_of_blank(
        discriminator, [name for name in chosen if name != POSTERIOR], shape
    )
    size = sum(pool(maps, pooling)[0].numel() for maps in layers.values())
    return size + (sum(categorical) if POSTERIOR in chosen else 0)


def activations_of_blank(
    discriminator: Discriminator, names: Sequence[str], shape: Sequence[int]
) -> dict[str, torch.Tensor]:
    """Activations of the named layers for two rows of zeros."""
    device = next(discriminator.parameters()).device
    blank = torch.zeros(2, *shape, dtype=torch.float32, device=device)
    discriminator.eval()
    with torch.inference_mode():
        return discriminator.activations(blank, names)


def column_names(shapes: Mapping[str, tuple[int, ...]]) -> list[str]:
    """Names of the columns from layers and shapes: layer, channel, row and column of the grid.

    >>> column_names({"conv1": (2, 1, 1), "dense": (2,)})
    ['conv1_0_0_0', 'conv1_1_0_0', 'dense_0', 'dense_1']
    """
    return [
        "_".join([layer, *map(str, index)])
        for layer, shape in shapes.items()
        for index in np.ndindex(*shape)
    ]
