"""A mixture of Gaussians as a module that assigns rows to components; it is not trained."""

import torch
from torch import Tensor, nn

PARTS = "weights", "means", "factors", "center", "axes"


class Mixture(nn.Module):
    """Joint log density of rows and each component, (n, k), without a common constant.

    Parameters
    ----------
    weights : Tensor of shape (k,)
        Shares of the components.
    means : Tensor of shape (k, d)
    factors : Tensor of shape (k, d, d)
        Factors of the inverse covariances: P such that P @ P.T is the inverse covariance.
    center : Tensor of shape (n_features,)
        Subtracted from rows.
    axes : Tensor of shape (n_features, d)
        Directions onto which rows are then projected.

    Raises a ValueError if the shapes do not fit.
    """

    weights: Tensor
    means: Tensor
    factors: Tensor
    center: Tensor
    axes: Tensor

    def __init__(
        self, weights: Tensor, means: Tensor, factors: Tensor, center: Tensor, axes: Tensor
    ):
        super().__init__()
        k, d = means.shape
        shapes = (k,), (k, d, d), (len(center), d)
        if (weights.shape, factors.shape, axes.shape) != shapes:
            raise ValueError("parts of a mixture do not fit each other")
        for name, part in zip(PARTS, (weights, means, factors, center, axes), strict=True):
            self.register_buffer(name, part)

    def ordered(self, order: Tensor) -> "Mixture":
        """The same mixture with its components in another order."""
        parts = self.weights[order], self.means[order], self.factors[order]
        return Mixture(*parts, self.center, self.axes)

    def forward(self, rows: Tensor) -> Tensor:
        seen = (rows.flatten(1) - self.center) @ self.axes
        offsets = torch.einsum("kd,kde->ke", self.means, self.factors)
        apart = torch.einsum("nd,kde->nke", seen, self.factors) - offsets
        heights = self.weights.log() + self.factors.diagonal(dim1=1, dim2=2).log().sum(1)
        return heights - apart.square().sum(2) / 2
