"""beta-VAE (Higgins et al., 2017), with networks as large as ours, for sprites.py."""

from typing import Self

import numpy as np
import torch
from sklearn.base import BaseEstimator
from torch import Tensor, nn
from torch.nn import functional as F

from gan_cluster.networks.dcgan import conv_generator, conv_trunk
from gan_cluster.training.random import globally_seeded

READ_AT_ONCE = 1000


def beta_vae_loss(
    logits: Tensor, images: Tensor, mean: Tensor, log_variance: Tensor, beta: float
) -> Tensor:
    """Negative log-likelihood of pixels from 0 to 1, plus beta times the KL divergence, in nats."""
    likelihood = -F.binary_cross_entropy_with_logits(logits, images, reduction="sum")
    divergence = 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum()
    return (beta * divergence - likelihood) / len(images)


class BetaVAE(BaseEstimator):
    """Fits on images in uint8; ``transform`` gives the means of the posterior.

    Parameters
    ----------
    n_latent : int
        Number of latent variables, standard normal.
    beta : float
        Weight of the divergence. The likelihood is a sum over pixels: 1 on images of 32x32 weighs
        as much as the paper's 4 on 64x64.
    width, batch_size : int
        As of our estimators.
    max_epochs : int
        Passes over X.
    learning_rate : float
        Adam's.
    random_state : int
        Seed of everything random.
    """

    def __init__(
        self,
        n_latent: int = 10,
        beta: float = 1.0,
        width: int = 16,
        batch_size: int = 64,
        max_epochs: int = 10,
        learning_rate: float = 1e-3,
        random_state: int = 0,
    ):
        self.n_latent = n_latent
        self.beta = beta
        self.width = width
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.learning_rate = learning_rate
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: object = None) -> Self:
        with globally_seeded(self.random_state):
            shape = X.shape[1:]
            self.encoder_ = nn.Sequential(
                conv_trunk(shape, self.width, None), nn.Linear(16 * self.width, 2 * self.n_latent)
            )
            decoder = conv_generator(self.n_latent, shape, self.width, 2)[:-1]  # without its tanh
            weights = [*self.encoder_.parameters(), *decoder.parameters()]
            optimizer = torch.optim.Adam(weights, lr=self.learning_rate)
            for _ in range(self.max_epochs):
                for rows in torch.randperm(len(X)).split(self.batch_size):
                    images = torch.from_numpy(X[rows.numpy()]).float() / 255
                    mean, log_variance = self.encoder_(2 * images - 1).chunk(2, dim=1)
                    drawn = mean + (log_variance / 2).exp() * torch.randn_like(mean)
                    given = decoder(drawn), images, mean, log_variance
                    optimizer.zero_grad()
                    beta_vae_loss(*given, self.beta).backward()
                    optimizer.step()
        self.encoder_.eval()
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        parts = [X[start : start + READ_AT_ONCE] for start in range(0, len(X), READ_AT_ONCE)]
        with torch.inference_mode():
            found = [self.encoder_(torch.from_numpy(part) / 127.5 - 1) for part in parts]
        return torch.cat(found).chunk(2, dim=1)[0].numpy()
