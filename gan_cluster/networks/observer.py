"""A trunk that looks at rows before there are clusters, and the head by which it learns."""

import torch
from torch import nn
from torch.nn import functional as F

PROJECTED = 128


class Observer(nn.Module):
    """Sees which rows show the same thing, once it was trained to know views of one row.

    Parameters
    ----------
    trunk : Module
        Maps a batch to features.
    n_features : int
        Number of values a row at the trunk's end, flattened.
    """

    def __init__(self, trunk: nn.Module, n_features: int):
        super().__init__()
        self.trunk = trunk
        self.projection = nn.Sequential(
            nn.Linear(n_features, PROJECTED, bias=False),
            nn.BatchNorm1d(PROJECTED),
            nn.ReLU(),
            nn.Linear(PROJECTED, PROJECTED),
        )

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """What views of a row have in common, (n, 128); it is of no use but to train the trunk."""
        return self.projection(self.trunk(rows).flatten(1))

    def features(self, rows: torch.Tensor) -> torch.Tensor:
        """The trunk's features (n, n_features) of unit length, in which near rows are sought."""
        return F.normalize(self.trunk(rows).flatten(1))
