"""A conditional discriminator: it gets the code of each row as a second input, by projection."""

import torch
from torch import nn


class ProjectionDiscriminator(nn.Module):
    """Logits of real against generated rows, given a condition (Miyato & Koyama, 2018).

    The logit of a row x with condition y is ``w . f(x) + y V . f(x)``, where f is a trunk. The
    first term does not depend on the condition, the second does (arXiv:1802.05637, eq. 5).

    Parameters
    ----------
    trunk : Module
        Maps a batch to features f(x).
    n_features : int
        Number of features of a row, flattened.
    n_conditions : int
        Width of a condition, which holds the probabilities of this many values.
    """

    def __init__(self, trunk: nn.Module, n_features: int, n_conditions: int):
        super().__init__()
        self.trunk = trunk
        self.adversarial = nn.Linear(n_features, 1)
        self.conditions = nn.Linear(n_conditions, n_features, bias=False)

    def forward(self, rows: torch.Tensor, conditions: torch.Tensor) -> torch.Tensor:
        features = self.trunk(rows).flatten(1)
        asked = self.conditions(conditions)
        return self.adversarial(features).squeeze(1) + (asked * features).sum(1)
