"""Other trunks and training steps that were tried for better features.

Each is the extractor with its defaults, one run and one change. Trunks are given as the
``architecture``, steps as a class of nets. Changes that were better are part of the library.
"""

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Self

import torch
from data import DataSet
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import spectral_norm
from trained import Trained, fit_with
from trunks import WIDTH, generator

from gan_cluster import GANFeatureExtractor, Objective
from gan_cluster.networks.build import reset_parameters
from gan_cluster.networks.dcgan import conv_trunk
from gan_cluster.objectives import agreement, imbalance
from gan_cluster.training.augment import random_view
from gan_cluster.training.net import AdversarialNet

Shape = tuple[int, int, int]
TEMPERATURE = 0.5
SOBEL = ((1.0, 0.0, -1.0), (2.0, 0.0, -2.0), (1.0, 0.0, -1.0))


class Sobel(nn.Module):
    """Horizontal and vertical slopes of images, beside them (IMAXGAN's channels)."""

    def __init__(self) -> None:
        super().__init__()
        slopes = torch.tensor(SOBEL)
        self.register_buffer("kernels", torch.stack([slopes, slopes.T])[:, None] / 4)

    def forward(self, images: Tensor) -> Tensor:
        grey = F.pad(images.mean(1, keepdim=True), (1, 1, 1, 1), mode="replicate")
        return torch.cat([images, F.conv2d(grey, self.kernels)], dim=1)


def by_rule(network: nn.Sequential) -> nn.Sequential:
    """The network with weights as the library draws those of its own.

    They come from torch's global generator, which is seeded for each training.
    """
    reset_parameters(network, 0.02, torch.random.default_generator)
    return network


def own_generator(latent_dim: int, shape: Shape) -> nn.Sequential:
    """The library's generator."""
    return by_rule(generator(latent_dim, shape))


def sobel_trunk(shape: Shape) -> nn.Sequential:
    """The library's trunk behind the slopes."""
    channels, *size = shape
    trunk = by_rule(conv_trunk((channels + 2, *size), WIDTH, None))
    return nn.Sequential(OrderedDict([("sobel", Sobel()), *trunk.named_children()]))


def dropout_trunk(shape: Shape) -> nn.Sequential:
    """The library's trunk with a tenth of the maps or units of each layer left out."""
    trunk = by_rule(conv_trunk(shape, WIDTH, None))
    for name, layer in trunk.named_children():
        layer.append(nn.Dropout2d(0.1) if name.startswith("conv") else nn.Dropout(0.1))
    return trunk


def spectral_trunk(shape: Shape) -> nn.Sequential:
    """The library's trunk, normalised by spectra in place of batches (SNGAN, arXiv:1802.05957)."""
    trunk = by_rule(conv_trunk(shape, WIDTH, None))
    for layer in trunk.children():
        for i, part in enumerate(layer):
            if isinstance(part, nn.Conv2d | nn.Linear):
                part.bias = nn.Parameter(torch.zeros(len(part.weight)))
                spectral_norm(part)
            elif isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
                layer[i] = nn.Identity()
    return trunk


class Changed(AdversarialNet):
    """A net whose step is changed; ``heads`` says which linear ones D has besides, and how wide."""

    heads: ClassVar[dict[str, int]] = {}

    def initialize_module(self) -> Self:
        super().initialize_module()
        n_features = self.discriminator_.adversarial.in_features
        for name, n_outputs in self.heads.items():
            self.discriminator_.add_module(name, nn.Linear(n_features, n_outputs))
        return self

    def discriminator_step(self, rows: Tensor, partners: Tensor, *game: Any) -> dict[str, Tensor]:
        self.rows = rows
        return super().discriminator_step(rows, partners, *game)

    def trunk(self, rows: Tensor) -> Tensor:
        return self.discriminator_.trunk(rows).flatten(1)


class Rotation(Changed):
    """D also tells by how much a real image was turned (SSGAN, arXiv:1811.11212)."""

    heads: ClassVar = {"rotation": 4}

    def consistency(self, *given: Any) -> Any:
        turned = torch.cat([torch.rot90(self.rows, k, (2, 3)) for k in range(4)])[::4]
        quarters = torch.arange(4).repeat_interleave(len(self.rows))[::4]
        loss = F.cross_entropy(self.discriminator_.rotation(self.trunk(turned)), quarters)
        return super().consistency(*given) + loss


class Contrastive(Changed):
    """D also tells the twin of each image among all others (SimCLR's loss, as in ContraD)."""

    heads: ClassVar = {"projection": 64}

    def consistency(self, *given: Any) -> Any:
        views = torch.cat([random_view(self.rows, self.rng), random_view(self.rows, self.rng)])
        found = F.normalize(self.discriminator_.projection(self.trunk(views)))
        alike = (found @ found.T / TEMPERATURE).fill_diagonal_(-torch.inf)
        partner = torch.arange(len(found)).roll(len(self.rows))
        return super().consistency(*given) + F.cross_entropy(alike, partner)


class TwoHeads(Changed):
    """Twins agree in a second, over-clustered code, too (auxiliary over-clustering of IIC)."""

    def cluster_logits(self, output: Tensor) -> Tensor:
        self.seen = [*getattr(self, "seen", [])[-1:], self.code.posterior(output).logits[1]]
        return super().cluster_logits(output)

    def consistency(self, *given: Any) -> Any:
        twins, rows = self.seen
        shares = torch.full((rows.shape[1],), 1 / rows.shape[1])
        marginal = (rows.softmax(1).mean(0) + twins.softmax(1).mean(0)) / 2
        balance = self.objective.balance_weight * imbalance(marginal, shares)
        return super().consistency(*given) + agreement(rows, twins) + balance


class TwoSteps(Changed):
    """The discriminator steps twice on each batch, the generator once."""

    def discriminator_step(self, *given: Any) -> dict[str, Tensor]:
        super().discriminator_step(*given)
        return super().discriminator_step(*given)


class AsTrained(Changed):
    """Statistics of batch normalisation stay those of training, generated rows included."""

    def refresh_statistics(self, batches: Any, n_batches: int = 32) -> None:
        self.generator_.eval()
        self.discriminator_.eval()


def with_net(estimator: Any, net_class: type[AdversarialNet]) -> Trained:
    """The estimator, training a net of another class."""
    return Trained(estimator, partial(fit_with, net_class=net_class))


def _features(data: DataSet, seed: int, **settings: Any) -> GANFeatureExtractor:
    return GANFeatureExtractor(
        data.n_clusters, image_shape=data.image_shape, n_init=1, random_state=seed, **settings
    )


def _by_trunk(trunk: Callable[[Shape], nn.Sequential]) -> Callable[[DataSet, int], Any]:
    return partial(_features, architecture=(own_generator, trunk))


def _by_net(net_class: type[AdversarialNet]) -> Callable[[DataSet, int], Any]:
    return lambda data, seed: with_net(_features(data, seed), net_class)


def _two_heads(data: DataSet, seed: int) -> Trained:
    return with_net(_features(data, seed, categorical_codes=(5 * data.n_clusters,)), TwoHeads)


VARIANTS: dict[str, Callable[[DataSet, int], Any]] = {
    "as they are": _features,
    "width 8": partial(_features, width=8),
    "width 32": partial(_features, width=32),
    "depth 2": partial(_features, depth=2),
    "spectral norm": _by_trunk(spectral_trunk),
    "no near rows": partial(_features, objective=Objective(n_neighbors=0)),
    "5 codes a cluster": partial(_features, objective=Objective(codes_per_cluster=5)),
    "sobel": _by_trunk(sobel_trunk),
    "dropout": _by_trunk(dropout_trunk),
    "rotation": _by_net(Rotation),
    "contrastive": _by_net(Contrastive),
    "an over-clustered head": _two_heads,
    "2 D steps": _by_net(TwoSteps),
    "statistics as trained": _by_net(AsTrained),
}
