"""The observer: a trunk and a projection head for contrastive learning before clusters form."""

import torch
from torch import nn
from torch.nn import functional as F

PROJECTED = 128


class Observer(nn.Module):
    """Gives similar features to rows that show the same thing, after contrastive learning.

    Parameters
    ----------
    trunk : Module
        Maps a batch to features.
    n_features : int
        Number of output values of the trunk for each row, flattened.
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
        """The projection (n, 128) of features, which is only used to train the trunk."""
        return self.projection(self.trunk(rows).flatten(1))

    def features(self, rows: torch.Tensor) -> torch.Tensor:
        """The trunk's features (n, n_features), scaled to unit length; near rows are near in it."""
        return F.normalize(self.trunk(rows).flatten(1))
