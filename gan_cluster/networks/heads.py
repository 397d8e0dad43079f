"""What is read off the end of a trunk by more than one linear layer."""

import torch
from torch import nn

RECOGNITION_UNITS = 128


def hidden_layer(n_features: int) -> nn.Sequential:
    """The hidden layer of a head, by which InfoGAN's Q reads the code."""
    return nn.Sequential(
        nn.Linear(n_features, RECOGNITION_UNITS, bias=False),
        nn.BatchNorm1d(RECOGNITION_UNITS),
        nn.LeakyReLU(0.1),
    )


class PairHead(nn.Module):
    """The classifier H of InfoGAN-CR (Lin et al., 2020, arXiv:1906.06034), on the shared trunk.

    It is shown two rows and says which continuous code they share: from how far apart they are in
    a hidden layer of its own, so that their order makes no difference.

    Parameters
    ----------
    n_features : int
        Number of values a row at the trunk's end, flattened.
    n_codes : int
        Number of continuous codes.

    Examples
    --------
    >>> import torch
    >>> from gan_cluster.networks.heads import PairHead
    >>> one, other = torch.randn(2, 8, 32)
    >>> PairHead(32, n_codes=5)(one, other).shape
    torch.Size([8, 5])
    """

    def __init__(self, n_features: int, n_codes: int):
        super().__init__()
        self.hidden = hidden_layer(n_features)
        self.shared = nn.Linear(RECOGNITION_UNITS, n_codes)

    def forward(self, one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        first, second = self.hidden(torch.cat([one, other])).chunk(2)
        return self.shared((first - second).abs())
