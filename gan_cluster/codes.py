"""The latent code: an input of the generator, which the recognition network Q predicts.

InfoGAN (Chen et al., 2016, arXiv:1606.03657) splits the generator's input into
incompressible noise ``z`` and a latent code ``c`` of categorical and continuous parts.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch.nn import functional as F

LOG_2PI = math.log(2 * math.pi)


def one_hot(values: torch.Tensor, size: int) -> torch.Tensor:
    """One-hot rows (n, size); unlike torch's function, it does not check the values first.

    >>> import torch
    >>> one_hot(torch.tensor([1, 0]), 3).tolist()
    [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
    """
    zeros = torch.zeros(len(values), size, dtype=torch.float32, device=values.device)
    return zeros.scatter_(1, values[:, None], 1.0)


def draw_categories(
    n_samples: int, shares: torch.Tensor, generator: torch.Generator
) -> torch.Tensor:
    """Random categories (n_samples,) with these shares, without making a GPU wait."""
    if generator.device.type == "cpu":
        return torch.multinomial(shares, n_samples, True, generator=generator)
    uniform = torch.rand(
        n_samples, generator=generator, dtype=torch.float32, device=generator.device
    )
    drawn = torch.searchsorted(shares.cumsum(0), uniform, right=True)
    return drawn.clamp_max(len(shares) - 1)


class Latent(NamedTuple):
    """One batch drawn from the prior over noise and codes."""

    noise: torch.Tensor
    categories: torch.Tensor
    continuous: torch.Tensor


class Posterior(NamedTuple):
    """The factors of Q(c | x): logits of categorical codes, and Gaussians of continuous codes."""

    logits: tuple[torch.Tensor, ...]
    mean: torch.Tensor
    log_variance: torch.Tensor


@dataclass(frozen=True)
class LatentCode:
    """Structure of the latent code, its prior and its factored posterior.

    Parameters
    ----------
    noise_dim : int
        Number of standard normal noise variables.
    categorical : tuple of int
        Number of categories of each categorical code. Their priors are uniform, unless shares of
        the first code are given.
    n_continuous : int, default=0
        Number of continuous codes, each uniform on [-1, 1].
    learned_variance : bool, default=False
        Whether Q predicts a variance for each continuous code; otherwise it is 1.

    Examples
    --------
    >>> from gan_cluster.codes import LatentCode
    >>> code = LatentCode(noise_dim=62, categorical=(10,), n_continuous=2)
    >>> code.latent_dim, code.posterior_dim
    (74, 12)
    """

    noise_dim: int
    categorical: tuple[int, ...]
    n_continuous: int = 0
    learned_variance: bool = False

    @property
    def latent_dim(self) -> int:
        """Width of the generator's input."""
        return self.noise_dim + sum(self.categorical) + self.n_continuous

    @property
    def continuous_dim(self) -> int:
        """Number of outputs of the recognition network for continuous codes; they come last."""
        return (2 if self.learned_variance else 1) * self.n_continuous

    @property
    def posterior_dim(self) -> int:
        """Width of the recognition network's output; 0 if there are no codes."""
        return sum(self.categorical) + self.continuous_dim

    def sample(
        self, n_samples: int, generator: torch.Generator, shares: torch.Tensor | None = None
    ) -> Latent:
        """Draw noise, categories (n_samples, n_codes) and continuous codes from the prior.

        ``shares`` are the probabilities of the first code's categories, equal by default.
        """
        device = generator.device
        noise = torch.empty(n_samples, self.noise_dim, dtype=torch.float32, device=device)
        noise.normal_(generator=generator)
        columns = [
            torch.randint(size, (n_samples,), generator=generator, device=device)
            for size in self.categorical
        ]
        if shares is not None:
            columns[0] = draw_categories(n_samples, shares, generator)
        empty = torch.empty(n_samples, 0, dtype=torch.long, device=device)
        categories = torch.stack(columns, dim=1) if columns else empty
        continuous = noise.new_empty(n_samples, self.n_continuous)
        return Latent(noise, categories, continuous.uniform_(-1, 1, generator=generator))

    def assemble(self, latent: Latent) -> torch.Tensor:
        """Concatenate a draw into the generator's input, categories one-hot."""
        hot = [
            one_hot(column, size)
            for column, size in zip(latent.categories.unbind(1), self.categorical, strict=True)
        ]
        return torch.cat([latent.noise, *hot, latent.continuous], dim=1)

    def first(self, latent: Latent) -> torch.Tensor:
        """The first categorical code of a draw, one-hot."""
        return one_hot(latent.categories[:, 0], self.categorical[0])

    def logits(self, output: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The recognition network's outputs for each categorical code."""
        return output[:, : sum(self.categorical)].split(list(self.categorical), dim=1)

    def posterior(self, output: torch.Tensor) -> Posterior:
        """Split the recognition network's output into the factors of Q(c | x)."""
        mean, log_variance = output[:, sum(self.categorical) :].tensor_split([self.n_continuous], 1)
        if not self.learned_variance:
            log_variance = torch.zeros_like(mean)
        return Posterior(self.logits(output), mean, log_variance)

    def log_likelihood(
        self, posterior: Posterior, latent: Latent
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean log Q(c | x) in nats: of each categorical code, and of all continuous codes."""
        zero = latent.noise.new_zeros(1)
        each = [
            -F.cross_entropy(logits, target).view(1)
            for logits, target in zip(posterior.logits, latent.categories.unbind(1), strict=True)
        ]
        categorical = torch.cat(each or [zero[:0]])
        if not self.n_continuous:
            return categorical, zero.sum()
        squared = (latent.continuous - posterior.mean).square()
        density = squared / posterior.log_variance.exp() + posterior.log_variance + LOG_2PI
        return categorical, -0.5 * density.sum(1).mean()

    def entropy(self, shares: torch.Tensor | None = None) -> tuple[float, float]:
        """H(c) in nats of categorical and of continuous codes, the upper limit of the bound."""
        categorical = sum(math.log(size) for size in self.categorical)
        if shares is not None:
            categorical += float(torch.special.entr(shares).sum()) - math.log(len(shares))
        return categorical, self.n_continuous * math.log(2)
