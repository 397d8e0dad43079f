"""What is read off the end of a trunk by more than one linear layer."""

from torch import nn

RECOGNITION_UNITS = 128


def hidden_layer(n_features: int) -> nn.Sequential:
    """The hidden layer of a head, by which InfoGAN's Q reads the code."""
    return nn.Sequential(
        nn.Linear(n_features, RECOGNITION_UNITS, bias=False),
        nn.BatchNorm1d(RECOGNITION_UNITS),
        nn.LeakyReLU(0.1),
    )
