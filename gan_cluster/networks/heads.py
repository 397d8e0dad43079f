"""The hidden layer between a trunk and the linear output of Q."""

from torch import nn

RECOGNITION_UNITS = 128


def hidden_layer(n_features: int) -> nn.Sequential:
    """The hidden layer of InfoGAN's Q."""
    return nn.Sequential(
        nn.Linear(n_features, RECOGNITION_UNITS, bias=False),
        nn.BatchNorm1d(RECOGNITION_UNITS),
        nn.LeakyReLU(0.1),
    )
