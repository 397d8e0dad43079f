"""The search for good features: what else a discriminator could be, or be asked for.

Each is the extractor's defaults with one change, and with one training where it does not say all:
as many as by default. Networks and steps are changed from outside, by subclasses; what does not
win stays here.
"""

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from data import DataSet
from torch import Tensor, nn
from torch.nn import functional as F

from gan_cluster import GANFeatureExtractor
from gan_cluster.networks.build import reset_parameters
from gan_cluster.networks.dcgan import conv_generator, conv_trunk
from gan_cluster.objectives import agreement, imbalance
from gan_cluster.training.augment import random_view
from gan_cluster.training.net import AdversarialNet
from gan_cluster.training.random import globally_seeded

WIDTH = 16
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


def sobel_trunk(shape: tuple[int, int, int]) -> nn.Sequential:
    """The library's trunk behind the slopes."""
    channels, *size = shape
    return _drawn(OrderedDict(sobel=Sobel()), conv_trunk((channels + 2, *size), WIDTH, None))


def dropout_trunk(shape: tuple[int, int, int]) -> nn.Sequential:
    """The library's trunk with a tenth of the maps or units of each layer left out."""
    layers = conv_trunk(shape, WIDTH, None)
    for name, layer in layers.named_children():
        layer.append(nn.Dropout2d(0.1) if name.startswith("conv") else nn.Dropout(0.1))
    return _drawn(OrderedDict(), layers)


def _drawn(first: OrderedDict[str, nn.Module], trunk: nn.Sequential) -> nn.Sequential:
    """Weights by DCGAN's rule, from torch's generator, which each training seeds."""
    reset_parameters(trunk, 0.02, torch.random.default_generator)
    return nn.Sequential(OrderedDict([*first.items(), *trunk.named_children()]))


def _pair(trunk: Callable) -> tuple[Callable, Callable]:
    return lambda latent_dim, shape: conv_generator(latent_dim, shape, WIDTH, 2), trunk


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
    given = {"categorical_codes": (data.n_clusters,), "n_init": 1, **settings}
    return estimator(image_shape=data.image_shape, random_state=seed, **given)


def _two_heads(data: DataSet, seed: int) -> GANFeatureExtractor:
    codes = (data.n_clusters, 5 * data.n_clusters)
    return _features(data, seed, with_net(GANFeatureExtractor, TwoHeads), categorical_codes=codes)


def _by_net(net_class: type[AdversarialNet]) -> Callable[[DataSet, int], GANFeatureExtractor]:
    return partial(_features, estimator=with_net(GANFeatureExtractor, net_class))


VARIANTS: dict[str, Callable[[DataSet, int], GANFeatureExtractor]] = {
    "as they are": _features,
    "width 8": partial(_features, width=8),
    "width 32": partial(_features, width=32),
    "depth 2": partial(_features, depth=2),
    "spectral norm": partial(_features, spectral_norm=True),
    "no near rows": partial(_features, n_neighbors=0),
    "5 codes a cluster": partial(_features, codes_per_cluster=5),
    "sobel": partial(_features, architecture=_pair(sobel_trunk)),
    "dropout": partial(_features, architecture=_pair(dropout_trunk)),
    "sobel, all trainings": partial(_features, n_init="auto", architecture=_pair(sobel_trunk)),
    "dropout, all trainings": partial(_features, n_init="auto", architecture=_pair(dropout_trunk)),
    "rotation": _by_net(Rotation),
    "contrastive": _by_net(Contrastive),
    "an over-clustered head": _two_heads,
    "2 D steps": _by_net(TwoSteps),
    "2 G steps": _by_net(TwoGeneratorSteps),
    "statistics as trained": _by_net(AsTrained),
}
