"""Fits whose steps are captured, and networks that cannot be."""

import numpy as np
import torch
from skorch.callbacks import Callback
from small import STEADY
from torch import nn

IMAGE = {"image_shape": (1, 8, 8)}


class Looks(Callback):
    """Is told of each step, so that none is captured."""

    def on_batch_end(self, net, **kwargs):
        self.seen_ = True


class Reads(nn.Module):
    """A trunk for which the host has to know a value."""

    def __init__(self, shape):
        super().__init__()
        self.layer = nn.Linear(int(np.prod(shape)), 5)

    def forward(self, rows):
        return self.layer(rows.flatten(1) / max(1.0, float(rows.detach().abs().max())))


class Replaces(Reads):
    """A trunk that puts a new tensor in the place of its buffer."""

    def __init__(self, shape):
        super().__init__(shape)
        self.register_buffer("largest", torch.ones(()))

    def forward(self, rows):
        if self.training:
            self.largest = torch.maximum(self.largest, rows.detach().abs().max())
        return self.layer(rows.flatten(1) / self.largest)


def drawn(latent_dim, shape):
    return nn.Sequential(nn.Linear(latent_dim, int(np.prod(shape))), nn.Unflatten(1, shape))


# settings, and how many graphs a fit of them captures
CASES = {
    "images": (IMAGE, 2),
    "table": ({}, 2),
    "every code": (
        {
            "categorical_codes": (2,),
            "n_continuous": 2,
            "continuous_variance": "learned",
            "codes_per_cluster": 2,
            "prior": "learned",
        },
        2,
    ),
    "averaged weights": ({**IMAGE, "ema_decay": 0.9}, 2),
    "hinge and noise": ({**IMAGE, "adversarial_loss": "hinge", "instance_noise": 0.1}, 2),
    "bf16": ({**IMAGE, "precision": "bf16"}, 2),
    "restarts": ({"n_init": 2}, 3),
    "several heads": ({**IMAGE, "n_init": 2}, 2),
    "a look at rows first": ({**IMAGE, "contrast_temperature": 0.5}, 3),
    "a look, and several heads": ({**IMAGE, "contrast_temperature": 0.5, "n_init": 3}, 3),
    "game alone, with a penalty in every eighth step": ({**IMAGE, **STEADY}, 2),
    "networks of the user's": ({"architecture": (drawn, lambda shape: nn.Linear(*shape, 5))}, 2),
}
