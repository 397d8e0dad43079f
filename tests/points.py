"""Points of the latent space of a small model, and where their images stand in a picture."""

import numpy as np
from small import IMAGE

from gan_cluster.inspection._images import LINE

NOISE_DIM = 6
CODES = {
    "image_shape": IMAGE,
    "categorical_codes": (4,),
    "n_continuous": 1,
    "noise_dim": NOISE_DIM,
}


def noise_of(*shape):
    return np.random.RandomState(0).normal(size=(*shape, NOISE_DIM))


def tile(display, row, column):
    """The pixels of one place."""
    top, left = row * (8 + LINE), column * (8 + LINE)
    return display.image_[top : top + 8, left : left + 8]
