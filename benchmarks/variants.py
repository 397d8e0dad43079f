"""The search for good features: what else a discriminator could be, or be asked for.

Each is the extractor's defaults with one training and one change. Networks and steps are changed
from outside, by subclasses; what does not win stays here.
"""

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any
from unittest.mock import patch

import torch
from data import DataSet
from torch import Tensor, nn
from torch.nn import functional as F

from gan_cluster import GANFeatureExtractor
from gan_cluster.networks import build
from gan_cluster.networks.dcgan import conv_trunk
from gan_cluster.objectives import agreement, imbalance
from gan_cluster.training.augment import random_view
from gan_cluster.training.net import AdversarialNet
from gan_cluster.training.random import globally_seeded

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


def sobel_trunk(shape: tuple[int, int, int], *settings: Any, **more: Any) -> nn.Sequential:
    """The library's trunk behind the slopes."""
    channels, *size = shape
    trunk = conv_trunk((channels + 2, *size), *settings, **more)
    return nn.Sequential(OrderedDict([("sobel", Sobel()), *trunk.named_children()]))


def dropout_trunk(*settings: Any, **more: Any) -> nn.Sequential:
    """The library's trunk with a tenth of the maps or units of each layer left out."""
    trunk = conv_trunk(*settings, **more)
    for name, layer in trunk.named_children():
        layer.append(nn.Dropout2d(0.1) if name.startswith("conv") else nn.Dropout(0.1))
    return trunk


def with_trunk(estimator: type, trunk: Callable[..., nn.Sequential]) -> type:
    """The estimator, its networks made with another trunk, all else drawn as before."""

    class WithTrunk(estimator):
        def fit(self, *given: Any, **more: Any) -> Any:
            with patch.object(build, "conv_trunk", trunk):
                return super().fit(*given, **more)

    return WithTrunk


class Changed(AdversarialNet):
    """A net whose step is changed; ``grow`` adds heads before the optimizer is made anew."""

    def grow(self) -> None:
        pass

    def add_head(self, name: str, n_outputs: int) -> None:
        n_features = self.discriminator_.adversarial.in_features
        setattr(self.discriminator_, name, nn.Linear(n_features, n_outputs))

    def discriminator_step(self, rows: Tensor, partners: Tensor, *game: Any) -> dict[str, Tensor]:
        self.rows = rows
        return super().discriminator_step(rows, partners, *game)

    def trunk(self, rows: Tensor) -> Tensor:
        return self.discriminator_.trunk(rows).flatten(1)


class Rotation(Changed):
    """D also tells by how much a real image was turned (SSGAN, arXiv:1811.11212)."""

    def grow(self) -> None:
        self.add_head("rotation", 4)

    def _consistency(self, *given: Any) -> Any:
        turned = torch.cat([torch.rot90(self.rows, k, (2, 3)) for k in range(4)])[::4]
        quarters = torch.arange(4).repeat_interleave(len(self.rows))[::4]
        loss = F.cross_entropy(self.discriminator_.rotation(self.trunk(turned)), quarters)
        return super()._consistency(*given) + loss


class Contrastive(Changed):
    """D also tells the twin of each image among all others (SimCLR's loss, as in ContraD)."""

    def grow(self) -> None:
        self.add_head("projection", 64)

    def _consistency(self, *given: Any) -> Any:
        views = torch.cat([random_view(self.rows, self.rng), random_view(self.rows, self.rng)])
        found = F.normalize(self.discriminator_.projection(self.trunk(views)))
        alike = (found @ found.T / TEMPERATURE).fill_diagonal_(-torch.inf)
        partner = torch.arange(len(found)).roll(len(self.rows))
        return super()._consistency(*given) + F.cross_entropy(alike, partner)


class TwoHeads(Changed):
    """Twins agree in a second, over-clustered code, too (auxiliary over-clustering of IIC)."""

    def cluster_logits(self, output: Tensor) -> Tensor:
        self.seen = [*getattr(self, "seen", [])[-1:], self.code.posterior(output).logits[1]]
        return super().cluster_logits(output)

    def _consistency(self, *given: Any) -> Any:
        twins, rows = self.seen
        shares = torch.full((rows.shape[1],), 1 / rows.shape[1])
        marginal = (rows.softmax(1).mean(0) + twins.softmax(1).mean(0)) / 2
        balance = self.objective.balance_weight * imbalance(marginal, shares)
        return super()._consistency(*given) + agreement(rows, twins) + balance


class TwoSteps(Changed):
    """The discriminator steps twice on each batch, the generator once."""

    def discriminator_step(self, *given: Any) -> dict[str, Tensor]:
        super().discriminator_step(*given)
        return super().discriminator_step(*given)


class TwoGeneratorSteps(Changed):
    """The generator steps twice on each batch, the discriminator once."""

    def generator_step(self, rows: Tensor, fake: Tensor, latent: Any, *shared: Any) -> Tensor:
        super().generator_step(rows, fake, latent, *shared)
        again = self.generator_(self.code.assemble(latent))
        return super().generator_step(rows, again, latent, *shared)


class AsTrained(Changed):
    """Statistics of batch normalisation stay those of training, generated rows included."""

    def refresh_statistics(self, batches: Any, n_batches: int = 32) -> None:
        self._set_training(False)


def with_net(estimator: type, net_class: type[AdversarialNet]) -> type:
    """The estimator, training nets of another class."""

    class WithNet(estimator):
        def _prepare(self, *arguments: Any) -> Any:
            start = super()._prepare(*arguments)

            def changed(seed: int) -> Any:
                net, batches = start(seed)
                net.__class__ = net_class
                if issubclass(net_class, Changed):
                    with globally_seeded(seed):
                        net.grow()
                    net.initialize_optimizer()
                return net, batches

            return changed

    return WithNet


def _features(data: DataSet, seed: int, estimator: type = GANFeatureExtractor, **settings: Any):
    given = {"categorical_codes": (data.n_clusters,), **settings}
    return estimator(image_shape=data.image_shape, n_init=1, random_state=seed, **given)


def _two_heads(data: DataSet, seed: int) -> GANFeatureExtractor:
    codes = (data.n_clusters, 5 * data.n_clusters)
    return _features(data, seed, with_net(GANFeatureExtractor, TwoHeads), categorical_codes=codes)


def _by_net(net_class: type[AdversarialNet]) -> Callable[[DataSet, int], GANFeatureExtractor]:
    return partial(_features, estimator=with_net(GANFeatureExtractor, net_class))


def _by_trunk(trunk: Callable) -> Callable[[DataSet, int], GANFeatureExtractor]:
    return partial(_features, estimator=with_trunk(GANFeatureExtractor, trunk))


VARIANTS: dict[str, Callable[[DataSet, int], GANFeatureExtractor]] = {
    "as they are": _features,
    "width 8": partial(_features, width=8),
    "width 32": partial(_features, width=32),
    "depth 2": partial(_features, depth=2),
    "spectral norm": partial(_features, spectral_norm=True),
    "no near rows": partial(_features, n_neighbors=0),
    "5 codes a cluster": partial(_features, codes_per_cluster=5),
    "sobel": _by_trunk(sobel_trunk),
    "dropout": _by_trunk(dropout_trunk),
    "rotation": _by_net(Rotation),
    "contrastive": _by_net(Contrastive),
    "an over-clustered head": _two_heads,
    "2 D steps": _by_net(TwoSteps),
    "2 G steps": _by_net(TwoGeneratorSteps),
    "statistics as trained": _by_net(AsTrained),
}
