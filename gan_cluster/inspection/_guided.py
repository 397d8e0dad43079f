"""The strongest responses of a channel, and the pixels that cause them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from gan_cluster.networks.build import Discriminator
from gan_cluster.training.modes import usual_modes
from gan_cluster.training.random import gradients_on

RECTIFIERS = (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.SELU, nn.GELU, nn.SiLU)


def responses(discriminator: Discriminator, layer: str, rows: torch.Tensor) -> torch.Tensor:
    """The strongest response of each channel of a layer anywhere in an image, (n, n_channels)."""
    return discriminator.activations(rows, [layer])[layer].amax((2, 3))


def guided_gradients(
    discriminator: Discriminator, layer: str, rows: torch.Tensor, channels: torch.Tensor
) -> torch.Tensor:
    """Gradient of one channel's strongest response in each image, by guided backpropagation.

    A rectifier passes a gradient on only where the gradient and the unit's output are positive
    (Springenberg et al., 2014, arXiv:1412.6806, section 3.4). So the result shows the pixels that
    increase the response of the channel, and not the pixels that reduce it. A leaky rectifier
    passes no gradient where its output is negative. The network is not changed.

    Parameters
    ----------
    discriminator : Discriminator
        In evaluation mode.
    layer : str
        A layer with maps.
    rows : Tensor of shape (n, channels, height, width)
        Images as the network sees them.
    channels : Tensor of shape (n,)
        A channel of the layer for each image.

    Returns
    -------
    gradients : Tensor of shape (n, channels, height, width)

    Raises a ValueError if no module of the trunk is a rectifier.
    """
    with usual_modes(), gradients_on(), _guided(discriminator.trunk):
        rows, channels = rows.clone().requires_grad_(), channels.clone()
        maps = discriminator.activations(rows, [layer])[layer]
        chosen = maps[torch.arange(len(rows)), channels].flatten(1)
        return torch.autograd.grad(chosen.amax(1).sum(), rows)[0]


@contextmanager
def _guided(trunk: nn.Module) -> Iterator[None]:
    """Let rectifiers pass on only positive gradients of units with a positive output."""

    def guide(module: nn.Module, inputs: Any, output: torch.Tensor) -> None:
        fires = output.detach() > 0
        output.register_hook(lambda gradient: gradient.clamp_min(0) * fires)

    rectifiers = [module for module in trunk.modules() if isinstance(module, RECTIFIERS)]
    if not rectifiers:
        raise ValueError(
            "guided backpropagation needs rectifiers, and this discriminator has none: make its "
            f"activations modules, one of {', '.join(kind.__name__ for kind in RECTIFIERS)}"
        )
    handles = [module.register_forward_hook(guide) for module in rectifiers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
