"""A discriminator that knows which cluster a row is said to be of, by projection."""

import torch
from torch import nn


class ProjectionDiscriminator(nn.Module):
    """Logits of real against generated given a condition (Miyato & Koyama, 2018).

    The logit of a row x with condition y is ``w . f(x) + y V . f(x)``, where f is a trunk: what is
    asked of all rows, and what is asked of those of the condition (arXiv:1802.05637, eq. 5).

    Parameters
    ----------
    trunk : Module
        Maps a batch to features f(x).
    n_features : int
        Number of them a row, flattened.
    n_conditions : int
        Width of a condition: probabilities of that many values.
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
