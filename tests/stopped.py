"""What stops a fit on its way, and networks that draw from torch's global generator."""

import _thread

import numpy as np
from skorch.callbacks import Callback
from torch import nn


class Crash(Exception):
    pass


class Crashes(Callback):
    """Fails at the beginning of an epoch, counted from 1."""

    def __init__(self, epoch):
        self.epoch, self.seen_ = epoch, 0

    def on_epoch_begin(self, net, **kwargs):
        self.seen_ += 1
        if self.seen_ == self.epoch:
            raise Crash


class Interrupt(Callback):
    """What Ctrl-C does, at a batch counted from 0."""

    def __init__(self, batch):
        self.batch, self.seen_ = batch, 0

    def on_batch_end(self, net, **kwargs):
        if self.seen_ == self.batch:
            _thread.interrupt_main()
        self.seen_ += 1


class Trunk(nn.Sequential):
    """Draws from torch's global generator in training."""

    def __init__(self, shape):
        super().__init__(nn.Flatten(), nn.Linear(int(np.prod(shape)), 8), nn.ReLU(), nn.Dropout())


class Drawn(nn.Module):
    def __init__(self, latent_dim, shape):
        super().__init__()
        self.shape = shape
        self.layer = nn.Linear(latent_dim, int(np.prod(shape)))

    def forward(self, latent):
        return self.layer(latent).view(-1, *self.shape)
