"""A moving average of a network's weights."""

from itertools import chain

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel


class MovingAverage(AveragedModel):
    """Torch's averaged network, with an exponential average that does not make a GPU wait.

    In the first steps the decay is smaller. Otherwise the first weights would remain too long.
    """

    def __init__(self, network: nn.Module, decay: float):
        super().__init__(network, use_buffers=True)
        self.decay = decay

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        """Update the averages after a step of the network."""
        n = self.n_averaged
        is_first = (n == 0).float()  # not a branch, which would make a GPU wait
        weight = torch.maximum((9 / (10 + n.float())).clamp_min(1 - self.decay), is_first)
        ours, theirs = (chain(net.parameters(), net.buffers()) for net in (self.module, model))
        for mean, value in zip(ours, theirs, strict=True):
            mean.copy_(torch.lerp(mean.float(), value.float(), weight))
        n.add_(1)
