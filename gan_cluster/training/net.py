"""What a training step is: the adversarial game, and what is asked of labels of real rows."""

from collections.abc import Iterator
from copy import deepcopy
from itertools import chain, islice
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from gan_cluster.codes import Latent, LatentCode
from gan_cluster.networks.build import DiscriminatorOutput
from gan_cluster.objectives import (
    Objective,
    agreement,
    discriminator_loss,
    generator_loss,
    gradient_penalty,
    imbalance,
    spread,
)
from gan_cluster.training.augment import random_affine, random_view
from gan_cluster.training.average import MovingAverage
from gan_cluster.training.clusters import Clusters
from gan_cluster.training.players import Players
from gan_cluster.training.steps import Steps

PENALTY_EVERY = 8  # steps: R1's second derivatives take as long as the rest (arXiv:1912.04958)
VARIETY_ROWS = 32  # of each batch: an epoch's mean over them is steady, and costs little


class AdversarialNet(Players):
    """Trains a generator against a discriminator with a recognition network Q.

    A step first updates the discriminator and Q, shared trunk included, on

        adversarial loss - info_weight * L_I + consistency_weight * (agreement + balance),

    then the generator on its adversarial loss - info_weight * L_I, where
    L_I = E[log Q(c | G(z, c))] + H(c) is InfoGAN's bound (arXiv:1606.03657, eq. 5). With the
    consistency term the first step leaves out what L_I says of the first code: Q learns that
    from real rows alone, and the generator has to draw what Q reads.

    Parameters
    ----------
    code : LatentCode
        Structure of the latent code.
    objective : Objective
        Terms and weights, without any "auto" left.
    prior : {"uniform", "learned"} or tuple of float
        Sizes of the clusters.
    **kwargs
        Passed to :class:`Players`.

    Attributes
    ----------
    clusters : Clusters
        What the values of the first code stand for, and their prior.
    playing : bool
        Whether there is a game at all, or the consistency term alone.
    """

    def __init__(
        self,
        *,
        code: LatentCode,
        objective: Objective,
        prior: str | tuple[float, ...],
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.code = code
        self.objective = objective
        self.prior = prior
        n_codes = code.categorical[0] if code.categorical else 0
        self.clusters = Clusters(n_codes, prior, self.rng.device)
        self.playing = True

    def run_epoch(self, steps: Steps) -> None:
        self.step, _ = self.steps_  # once an epoch: a GPU is waited for
        self.hold_rates()
        super().run_epoch(steps)

    @property
    def kind_of_step(self) -> bool:
        return self._penalises

    def initialize_module(self) -> Self:
        self.clusters.regroup(None)
        super().initialize_module()
        if self.objective.ema_decay:
            self.average_ = MovingAverage(self.generator_, self.objective.ema_decay)
        return self

    @property
    def sampler_(self) -> nn.Module:
        """The generator to draw from: the averaged one where there is one."""
        return self.average_ if self.objective.ema_decay else self.generator_

    def placed(self) -> Iterator[Tensor]:
        for network in (self.discriminator_, self.generator_, self.sampler_):
            yield from chain(network.parameters(), network.buffers())

    def trained(self) -> dict[str, Any]:
        average = {"average_": self.average_.state_dict()} if self.objective.ema_decay else {}
        return {**super().trained(), **average, "shares": self.clusters.shares}

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        if self.objective.ema_decay:
            self.average_.load_state_dict(state["average_"])
        self.clusters.shares = state["shares"]

    def train_step(self, batch: tuple[Tensor, ...], **fit_params: Any) -> dict[str, Any]:
        rows, partners = batch[:2]
        if not self.playing:
            return self.discriminator_step(rows, partners)
        latent = self.code.sample(len(rows), self.rng, self.clusters.code_shares)
        with self.autocast():
            fake = self.generator_(self.code.assemble(latent))
        fake = fake.float()
        shown, drawn = self.noisy(rows), self.noisy(fake)
        terms = self.discriminator_step(shown, partners, drawn.detach(), latent)
        terms |= self.generator_step(shown, drawn, latent)
        with torch.no_grad():
            few = slice(VARIETY_ROWS)
            terms["variety"], terms["real_variety"] = spread(fake[few]), spread(rows[few])
        return terms

    def noisy(self, rows: Tensor) -> Tensor:
        """Rows as the discriminator is shown them in the game."""
        if not self.objective.instance_noise:
            return rows
        noise = torch.randn(rows.shape, generator=self.rng, dtype=rows.dtype, device=rows.device)
        return rows + self.objective.instance_noise * noise

    def together(self, *parts: Tensor) -> list[DiscriminatorOutput]:
        """Outputs on batches that go through the discriminator as one.

        They share the statistics of batch normalisation: each by itself, generated rows that
        hardly differ would be spread out until Q can tell their codes, and no gradient would
        ask the generator for more.
        """
        with self.autocast():
            out = self.discriminator_(torch.cat(parts))
        sizes = [len(part) for part in parts]
        pieces = zip(*(values.float().split(sizes) for values in out), strict=True)
        return [DiscriminatorOutput(*piece) for piece in pieces]

    def discriminator_step(
        self,
        rows: Tensor,
        partners: Tensor,
        fake: Tensor | None = None,
        latent: Latent | None = None,
    ) -> dict[str, Tensor]:
        """Update the discriminator and Q; return the terms, detached. Without fake, no game."""
        terms: dict[str, Tensor] = {}
        if self._penalises and fake is not None:
            rows = rows.detach().requires_grad_()
        drawn = [] if fake is None else [fake]
        real, *generated, twin_logits = self.outputs(rows, partners, *drawn)
        loss = torch.zeros((), dtype=rows.dtype, device=self.device)
        if latent is not None:
            loss = self.game(rows, real, generated[0], latent, terms)
        if self.code.categorical:
            loss = loss + self.consistency(self.cluster_logits(real.code), twin_logits, terms)
        self.update(self.discriminator_, loss)
        return terms

    @property
    def _penalises(self) -> bool:
        return bool(self.objective.gradient_penalty) and self.step % PENALTY_EVERY == 0

    def game(
        self,
        rows: Tensor,
        real: DiscriminatorOutput,
        generated: DiscriminatorOutput,
        latent: Latent,
        terms: dict[str, Tensor],
    ) -> Tensor:
        """What the game asks of the discriminator and Q."""
        aim = self.objective
        loss = discriminator_loss(real.adversarial, generated.adversarial, aim.adversarial_loss)
        terms["discriminator_loss"] = loss.detach()
        loss = loss - self._information(generated.code, latent, n_left_out=int(aim.is_consistent))
        if self._penalises:
            weight = PENALTY_EVERY * aim.gradient_penalty
            loss = loss + weight * gradient_penalty(real.adversarial, rows)
        return loss

    def consistency(
        self,
        logits: Tensor,
        twin_logits: Tensor | None,
        terms: dict[str, Tensor],
    ) -> Tensor | float:
        """What is asked of labels of real rows: that twins agree and shares follow the prior."""
        labels, aim = logits.softmax(1), self.objective
        terms["labels"] = labels.detach()
        if twin_logits is None:
            return 0.0
        marginal = (labels.mean(0) + twin_logits.softmax(1).mean(0)) / 2
        if self.playing:
            self.clusters.follow(self.processes.mean(marginal.detach()))
        agreed = agreement(logits, twin_logits)
        terms["agreement"] = agreed.detach()
        balance = aim.balance_weight * imbalance(marginal, self.clusters.shares)
        return aim.consistency_weight * (agreed + balance)

    def generator_step(self, rows: Tensor, fake: Tensor, latent: Latent) -> dict[str, Tensor]:
        """Update the generator against the updated discriminator; return its terms, detached."""
        kind = self.objective.adversarial_loss
        terms: dict[str, Tensor] = {}
        with self.frozen():
            real, generated = self.together(rows, fake)
            adversarial = generator_loss(generated.adversarial, real.adversarial, kind)
            loss = adversarial - self._information(generated.code, latent, terms)
        self.update(self.generator_, loss)
        if self.objective.ema_decay:
            self.average_.update_parameters(self.generator_)
        return {"generator_loss": adversarial.detach(), **terms}

    def outputs(self, rows: Tensor, partners: Tensor, *fake: Tensor) -> tuple[Any, ...]:
        """Outputs on real rows, on others, and cluster logits of twins if those have to agree."""
        if not self.objective.is_consistent:
            return *self.together(rows, *fake), None
        real, twins, *rest = self.together(rows, self.twins(partners, self.rng), *fake)
        return real, *rest, self.cluster_logits(twins.code)

    def cluster_logits(self, output: Tensor) -> Tensor:
        """Logits of the clusters (n, n_clusters) from Q's output."""
        return self.clusters.logits(self.code.logits(output)[0])

    def label(self, rows: Tensor) -> Tensor:
        """Logits of the clusters (n, n_clusters) of a batch of rows."""
        return self.cluster_logits(self.discriminator_(rows).code)

    def twins(self, rows: Tensor, rng: torch.Generator) -> Tensor:
        """Rows changed in a way that should not change their label."""
        augment = self.objective.augment
        if callable(augment):
            return augment(rows.clone())
        if augment == "none":
            return rows
        # while clusters form, exposure may be what tells them apart
        return (random_view if self.playing else random_affine)(rows, rng)

    def _information(
        self,
        output: Tensor,
        latent: Latent,
        terms: dict[str, Tensor] | None = None,
        n_left_out: int = 0,
    ) -> Tensor | float:
        """The weighted bound L_I without H(c) and the first codes; 0 where no code counts."""
        if not self.code.n_continuous and len(self.code.categorical) <= n_left_out:
            return 0.0
        categorical, continuous = self.code.log_likelihood(self.code.posterior(output), latent)
        if terms is not None:
            terms["log_q"] = categorical.detach().sum()
            terms["log_q_continuous"] = continuous.detach()
        aim = self.objective
        said = categorical[n_left_out:].sum()
        return aim.info_weight * said + aim.continuous_weight * continuous

    def refresh_statistics(self, batches: Any, n_batches: int = 32) -> None:
        """Re-estimate batch-norm statistics on real rows and their twins alone.

        During training the running ones also follow generated rows. They stay where this pass
        gives no finite ones.
        """
        layers = [m for m in self.discriminator_.modules() if isinstance(m, _BatchNorm)]
        momenta = [layer.momentum for layer in layers]
        before = [deepcopy(layer.state_dict()) for layer in layers]
        for layer in layers:
            layer.reset_running_stats()
            layer.momentum = None  # a plain average over batches
        self._set_training(True)
        for rows, partners, _ in islice(batches, n_batches):
            self.outputs(rows, partners)
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
        if not all(part.isfinite().all() for layer in layers for part in layer.buffers()):
            for layer, state in zip(layers, before, strict=True):
                layer.load_state_dict(state)
        networks = self.discriminator_, self.generator_, self.sampler_
        self.processes.average(buffer for network in networks for buffer in network.buffers())
        self._set_training(False)

    def summary(self, means: dict[str, Any]) -> dict[str, Any]:
        if "variety" in means:  # a share of means, for the rows of one batch may all be the same
            real = means.pop("real_variety")
            means["variety"] = means["variety"] / real if real else 1.0
        if "log_q" in means:
            categorical, continuous = self.code.entropy(self.clusters.code_shares)
            means["mutual_information"] = categorical + means.pop("log_q")
            means["code_entropy"] = categorical
            information = continuous + means.pop("log_q_continuous")
            if self.code.n_continuous:
                means["continuous_information"] = information
        return means
