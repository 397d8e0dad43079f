"""The training step: the adversarial game, and the consistency term for labels of real rows."""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from itertools import chain, islice
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from gan_cluster.codes import Latent, LatentCode, one_hot
from gan_cluster.networks.build import DiscriminatorOutput
from gan_cluster.networks.maps import MapDiscriminator
from gan_cluster.networks.mixture import Mixture
from gan_cluster.objectives import (
    Objective,
    agreement,
    contrast,
    discriminator_loss,
    generator_loss,
    gradient_penalty,
    imbalance,
    scatter,
    spread,
)
from gan_cluster.training.augment import random_affine, random_view
from gan_cluster.training.average import MovingAverage
from gan_cluster.training.clusters import OF_CLUSTERS, Clusters
from gan_cluster.training.photos import random_photo
from gan_cluster.training.players import Players
from gan_cluster.training.steps import Steps

PENALTY_EVERY = 8  # steps: R1's second derivatives take as long as the rest (arXiv:1912.04958)
VARIETY_ROWS = 32  # of each batch: enough for a stable mean over an epoch, and fast
READ_ROWS = 128  # rows drawn at the end of an epoch, to measure how well Q predicts their codes


class AdversarialNet(Players):
    """Trains a generator against a discriminator with a recognition network Q.

    Without the consistency term, a step first updates the discriminator and Q, with their common
    trunk, on

        adversarial loss - info_weight * L_I,

    then the generator on its adversarial loss - info_weight * L_I, where
    L_I = E[log Q(c | G(z, c))] + H(c) is InfoGAN's bound (arXiv:1606.03657, eq. 5).

    With the consistency term, Q learns the first code from real rows only, on

        consistency_weight * (agreement + balance) - info_weight * L_I of the other codes.

    If a batch has labelled rows, their cross-entropy is added to agreement and balance. The
    generator is trained against a critic: a conditional discriminator that gets the first code, for
    real rows the code that Q predicts (arXiv:1802.05637). So rows drawn from a code have to look
    like real rows with that code, and codes are drawn as often as they occur among real rows. If
    the critic gets the maps of Q's trunk (arXiv:2111.01007), the generator also learns from L_I of
    the first code.

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
        The clusters of the values of the first code, and their prior.
    playing : bool
        Whether the generator is trained; otherwise there is only the consistency term.
    forming : bool
        Whether this is the first stage, in which clusters form. Then their sizes do not follow the
        rows, and the exposure of images is not changed, as clusters may differ in it.
    looking : bool
        Whether this is contrastive learning, in which only the observer is trained.
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
        self.playing, self.forming, self.looking = True, False, False

    def run_epoch(self, steps: Steps) -> None:
        self.step, _ = self.steps_  # once in an epoch, as this waits for the GPU
        self.hold_rates()
        super().run_epoch(steps)

    @property
    def kind_of_step(self) -> bool:
        return self.playing and self._penalises

    def initialize_module(self) -> Self:
        self.clusters.regroup(None)
        super().initialize_module()
        if self.objective.ema_decay:
            self.average_ = MovingAverage(self.generator_, self.objective.ema_decay)
        return self

    @property
    def sampler_(self) -> nn.Module:
        """The generator for drawing rows: the averaged one, if there is one."""
        return self.average_ if self.objective.ema_decay else self.generator_

    def placed(self) -> Iterator[Tensor]:
        for network in (*self.players_.values(), self.sampler_):
            yield from chain(network.parameters(), network.buffers())

    def trained(self) -> dict[str, Any]:
        average = {"average_": self.average_.state_dict()} if self.objective.ema_decay else {}
        clusters = {name: getattr(self.clusters, name) for name in OF_CLUSTERS}
        teacher = self.clusters.teacher
        taught = {} if teacher is None else {"teacher": teacher.state_dict()}
        return {**super().trained(), **average, **clusters, **taught}

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        if self.objective.ema_decay:
            self.average_.load_state_dict(state["average_"])
        for name in OF_CLUSTERS:
            setattr(self.clusters, name, state[name])
        if "teacher" in state:
            self.clusters.teacher = Mixture(**state["teacher"]).to(self.device)

    def train_step(self, batch: tuple[Tensor, ...], **fit_params: Any) -> dict[str, Any]:
        (rows, partners), known = batch[:2], batch[3:]
        if self.looking:
            return self.observer_step(rows)
        if not self.playing:
            terms = self.discriminator_step(rows, partners)
            terms.pop("codes", None)
            return terms
        latent = self.code.sample(len(rows), self.rng, self.clusters.code_shares)
        with self.autocast():
            fake = self.generator_(self.code.assemble(latent))
        fake = fake.float()
        shown, drawn = self.noisy(rows), self.noisy(fake)
        conditions = None
        if self.build_critic is None:
            terms = self.discriminator_step(shown, partners, drawn.detach(), latent)
        else:
            read = drawn.detach() if self._reads_drawn else None
            terms = self.discriminator_step(rows, partners, read, latent, known)
            self.clusters.note(self.processes.mean(terms["codes"].mean(0)))
            conditions = torch.cat([terms["codes"], self.code.first(latent)])
            terms |= self.critic_step(shown, drawn.detach(), conditions)
        terms |= self.generator_step(shown, drawn, latent, conditions)
        with torch.no_grad():
            self._note_variety(rows, fake, latent, terms)
        return terms

    def _note_variety(
        self, rows: Tensor, fake: Tensor, latent: Latent, terms: dict[str, Tensor]
    ) -> None:
        """Measure the variety of generated and of real rows, also for each first code."""
        few = slice(VARIETY_ROWS)
        terms["variety"], terms["real_variety"] = spread(fake[few]), spread(rows[few])
        if "codes" not in terms:
            return
        terms["real_scatter"], terms["real_freedom"] = scatter(rows, terms.pop("codes"))
        terms["scatter"], terms["freedom"] = scatter(fake, self.code.first(latent))

    @property
    def _reads_drawn(self) -> bool:
        """Whether Q learns codes from generated rows, in addition to clusters from real rows."""
        return bool(self.code.n_continuous) or len(self.code.categorical) > 1

    def noisy(self, rows: Tensor) -> Tensor:
        """Rows with instance noise, as the discriminator gets them in the game."""
        if not self.objective.instance_noise:
            return rows
        noise = torch.randn(rows.shape, generator=self.rng, dtype=rows.dtype, device=rows.device)
        return rows + self.objective.instance_noise * noise

    def together(self, *parts: Tensor) -> list[DiscriminatorOutput]:
        """Outputs for batches that go through the discriminator as one batch.

        So they share the statistics of batch normalisation. In a separate batch, small differences
        of generated rows would be amplified until Q can predict their codes, and the generator
        would have no gradient to make rows more different.
        """
        with self.autocast():
            out = self.discriminator_(torch.cat(parts))
        sizes = [len(part) for part in parts]
        found = [values.float().split(sizes) for values in out if values is not None]
        return [DiscriminatorOutput(*piece) for piece in zip(*found, strict=True)]

    def discriminator_step(
        self,
        rows: Tensor,
        partners: Tensor,
        fake: Tensor | None = None,
        latent: Latent | None = None,
        known: Sequence[Tensor] = (),
    ) -> dict[str, Tensor]:
        """Update the discriminator and Q; return the terms, detached.

        Without ``fake`` there is no game. ``known`` are labelled rows and their clusters (n,), or
        empty.
        """
        terms: dict[str, Tensor] = {}
        plays = self.build_critic is None and fake is not None
        if self._penalises and plays:
            rows = rows.detach().requires_grad_()
        others = [] if fake is None else [fake]
        others += [self.twins(each, self.rng) for each in known[:1]]
        real, *generated, twin_logits = self.outputs(rows, partners, *others)
        loss = torch.zeros((), dtype=rows.dtype, device=self.device)
        if plays:
            loss = self.game(rows, real.adversarial, generated[0].adversarial, terms)
        if fake is not None and latent is not None:
            loss = loss - self._information(generated[0].code, latent)
        if self.code.categorical:
            loss = loss + self.consistency(self.logits_of_heads(real), twin_logits, terms)
            read = self.code.logits(real.code)[0].argmax(1)
            terms["codes"] = one_hot(read, self.code.categorical[0])
        if known:
            wrong = F.cross_entropy(self.cluster_logits(generated[-1].code), known[1])
            terms["label_loss"] = wrong.detach()
            loss = loss + self.objective.consistency_weight * wrong
        self.update(self.discriminator_, loss)
        return terms

    def observer_step(self, rows: Tensor) -> dict[str, Tensor]:
        """Update the observer on two views of each row; return its loss, detached."""
        views = self.twins(torch.cat([rows, rows]), self.rng)
        with self.autocast():
            seen = self.observer_(views)
        first, second = seen.float().chunk(2)
        temperature: Any = self.objective.contrast_temperature
        loss = contrast(first, second, temperature)
        self.update(self.observer_, loss)
        return {"contrast": loss.detach()}

    def see(self) -> None:
        """Start Q's trunk from the trunk of the observer."""
        self.discriminator_.trunk.load_state_dict(self.observer_.trunk.state_dict())
        for weights in self.observer_.parameters():
            self.optimizer_.state.pop(weights, None)  # it is not trained again

    @property
    def has_looked(self) -> bool:
        """Whether the observer was trained, so that near rows are found in its features."""
        return any("contrast" in row for row in self.history)

    def critic_step(self, rows: Tensor, fake: Tensor, conditions: Tensor) -> dict[str, Tensor]:
        """Update the critic on real and generated rows; return its loss, detached."""
        terms: dict[str, Tensor] = {}
        if self._penalises:
            rows = rows.detach().requires_grad_()
        real, generated, _ = self.criticised(rows, fake, conditions)
        self.update(self.critic_, self.game(rows, real, generated, terms))
        return terms

    def criticised(
        self, rows: Tensor, fake: Tensor, conditions: Tensor
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """The critic's logits on real and on generated rows, which are one batch.

        If the critic gets maps of Q's trunk, also Q's output on generated rows.
        """
        seen: Any = torch.cat([rows, fake])
        code = None
        with self.autocast():
            if self.sees_maps:
                with self.held(self.discriminator_):
                    seen, output = self.discriminator_.with_maps(seen)
                code = output.code[len(rows) :].float()
            logits = self.critic_(seen, conditions)
        real, generated = logits.float().tensor_split([len(rows)])
        return real, generated, code

    @property
    def sees_maps(self) -> bool:
        """Whether the critic gets maps of Q's trunk; the generator then also learns from Q."""
        return self.build_critic is not None and isinstance(self.critic_, MapDiscriminator)

    @property
    def _penalises(self) -> bool:
        return bool(self.objective.gradient_penalty) and self.step % PENALTY_EVERY == 0

    def game(
        self, rows: Tensor, real: Tensor, generated: Tensor, terms: dict[str, Tensor]
    ) -> Tensor:
        """The discriminator's loss from logits on real and on generated rows."""
        aim = self.objective
        loss = discriminator_loss(real, generated, aim.adversarial_loss)
        terms["discriminator_loss"] = loss.detach()
        if self._penalises:
            weight: Any = aim.gradient_penalty
            loss = loss + PENALTY_EVERY * weight * gradient_penalty(real, rows)
        return loss

    def consistency(
        self,
        logits: Tensor,
        twin_logits: Tensor | None,
        terms: dict[str, Tensor],
    ) -> Tensor | float:
        """The consistency term: twins should agree, and shares of clusters follow the prior.

        Logits are (n, n_clusters), or (n, n_heads, n_clusters) for several heads.
        """
        labels, aim = logits.softmax(-1), self.objective
        terms["labels"] = labels.detach()
        if twin_logits is None:
            return 0.0
        taught = twin_logits.softmax(-1)
        marginal = (labels.mean(0) + taught.mean(0)) / 2
        if not self.forming:
            self.clusters.follow(self.processes.mean(marginal.detach()))
        is_taught = self.clusters.teacher is not None
        agreed = F.cross_entropy(logits, taught) if is_taught else agreement(logits, twin_logits)
        terms["agreement"] = agreed.detach()
        seen = self.clusters.seen_with(marginal, 2 * len(logits), self.processes)
        balance = aim.balance_weight * imbalance(marginal, self.clusters.shares, seen)
        return aim.consistency_weight * (agreed + balance)

    def generator_step(
        self, rows: Tensor, fake: Tensor, latent: Latent, conditions: Tensor | None
    ) -> dict[str, Tensor]:
        """Update the generator against its updated opponent; return its terms, detached."""
        kind = self.objective.adversarial_loss
        terms: dict[str, Tensor] = {}
        information: Tensor | float = 0.0
        if conditions is None or (self._reads_drawn and not self.sees_maps):
            with self.frozen(self.discriminator_):
                shown, generated = self.together(rows, fake)
                real, logits = shown.adversarial, generated.adversarial
                noted = terms if conditions is None else None
                information = self._information(generated.code, latent, noted)
        if conditions is not None:
            if kind != "relativistic":  # the other losses do not use real rows
                rows, conditions = rows[:0], conditions[len(rows) :]
            with self.frozen(self.critic_):
                real, logits, code = self.criticised(rows, fake, conditions)
            if code is not None:
                information = self._information(code, latent, of_all=True)
        adversarial = generator_loss(logits, real, kind)
        self.update(self.generator_, adversarial - information)
        if self.objective.ema_decay:
            self.average_.update_parameters(self.generator_)
        return {"generator_loss": adversarial.detach(), **terms}

    def outputs(self, rows: Tensor, partners: Tensor, *fake: Tensor) -> tuple[Any, ...]:
        """Outputs on real rows and on others, and cluster logits of twins or None."""
        if not self.objective.is_consistent:
            return *self.together(rows, *fake), None
        if self.clusters.teacher is not None:
            return *self.together(rows, *fake), self.clusters.teacher(rows)
        real, twins, *rest = self.together(rows, self.twins(partners, self.rng), *fake)
        return real, *rest, self.logits_of_heads(twins)

    def cluster_logits(self, output: Tensor) -> Tensor:
        """Logits of the clusters (n, n_clusters) from Q's output."""
        return self.clusters.logits(self.code.logits(output)[0])

    def logits_of_heads(self, output: DiscriminatorOutput) -> Tensor:
        """The same for all heads: (n, n_heads, n_clusters), if there are several."""
        own = self.cluster_logits(output.code)
        if output.rivals is None:
            return own
        return torch.cat([own[:, None], output.rivals[..., : own.shape[1]]], dim=1)

    def read_first(self, rows: Tensor) -> Tensor:
        """Logits of the values of the first code (n, n_codes), not merged into clusters."""
        return self.code.logits(self.discriminator_(rows).code)[0]

    def label(self, rows: Tensor) -> Tensor:
        """Logits of the clusters (n, n_clusters) of a batch of rows."""
        return self.clusters.logits(self.read_first(rows))

    def twins(self, rows: Tensor, rng: torch.Generator) -> Tensor:
        """Rows changed in a way that should not change their label."""
        augment = self.objective.augment
        if callable(augment):
            return augment(rows.clone())
        if augment == "none":
            return rows
        if augment == "photo":
            return random_photo(rows, rng)
        return (random_affine if self.forming else random_view)(rows, rng)

    def _information(
        self,
        output: Tensor,
        latent: Latent,
        terms: dict[str, Tensor] | None = None,
        of_all: bool = False,
    ) -> Tensor | float:
        """The weighted bound L_I without H(c).

        It is that of all codes, or only of those that Q does not learn from real rows.
        """
        aim = self.objective
        first = int(aim.is_consistent and not of_all)
        if not self.code.n_continuous and len(self.code.categorical) <= first:
            return 0.0
        categorical, continuous = self.code.log_likelihood(self.code.posterior(output), latent)
        if terms is not None:
            terms["log_q"] = categorical.detach().sum()
            terms["log_q_continuous"] = continuous.detach()
        return aim.info_weight * categorical[first:].sum() + aim.continuous_weight * continuous

    def read_drawn(self) -> dict[str, Any]:
        """Measures of Q on drawn rows, in evaluation mode: log Q(c | x), and cluster fidelity."""
        self._set_training(False)
        latent = self.code.sample(READ_ROWS, self.rng, self.clusters.code_shares)
        with torch.no_grad():
            output = self.discriminator_(self.sampler_(self.code.assemble(latent))).code
            posterior = self.code.posterior(output)
            categorical, continuous = self.code.log_likelihood(posterior, latent)
        of = self.clusters.of(latent.categories[:, 0])
        is_read = self.clusters.logits(posterior.logits[0]).argmax(1) == of
        members = one_hot(of, len(self.clusters))
        read, drawn = self.processes.mean(torch.stack([is_read.float() @ members, members.sum(0)]))
        seen = self.processes.mean(torch.stack([categorical.sum(), continuous])).tolist()
        fidelity = torch.where(drawn > 0, read / drawn, 1.0).tolist()
        return {"log_q": seen[0], "log_q_continuous": seen[1], "cluster_fidelity": fidelity}

    def refresh_statistics(self, batches: Any, n_batches: int = 32) -> None:
        """Estimate the statistics of batch normalisation again, on real rows and twins only.

        In training they also depend on generated rows. If the new statistics are not finite, the
        old ones are kept.
        """
        self._set_training(True)
        parts = self.discriminator_.modules()
        layers = [m for m in parts if isinstance(m, _BatchNorm) and m.training]
        momenta = [layer.momentum for layer in layers]
        before = [deepcopy(layer.state_dict()) for layer in layers]
        for layer in layers:
            layer.reset_running_stats()
            layer.momentum = None  # a plain average over batches
        for rows, partners, *_ in islice(batches, n_batches):
            self.outputs(rows, partners)
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
        if not all(part.isfinite().all() for layer in layers for part in layer.buffers()):
            for layer, state in zip(layers, before, strict=True):
                layer.load_state_dict(state)
        networks = *self.players_.values(), self.sampler_
        self.processes.average(buffer for network in networks for buffer in network.buffers())
        self._set_training(False)

    def summary(self, means: dict[str, Any]) -> dict[str, Any]:
        if "variety" in means:  # a ratio of means, as the rows of one batch may all be the same
            real = means.pop("real_variety")
            means["variety"] = means["variety"] / real if real else 1.0
        if "scatter" in means:
            means["cluster_variety"] = self._cluster_variety(means)
        if self.playing and self.build_critic is not None:
            means |= self.read_drawn()
        if "log_q" in means:
            categorical, continuous = self.code.entropy(self.clusters.code_shares)
            means["mutual_information"] = categorical + means.pop("log_q")
            means["code_entropy"] = categorical
            information = continuous + means.pop("log_q_continuous")
            if self.code.n_continuous:
                means["continuous_information"] = information
        return means

    def _cluster_variety(self, means: dict[str, Any]) -> list[float]:
        """Deviation of the rows drawn from each cluster, divided by that of its real rows."""
        of = self.clusters.of(torch.arange(self.clusters.n_codes)).numpy(force=True)
        names = "scatter", "freedom", "real_scatter", "real_freedom"
        sums = [np.bincount(of, means.pop(name), len(self.clusters)) for name in names]
        drawn, n_drawn, real, n_real = np.maximum(sums, np.finfo(np.float32).tiny)
        return np.sqrt(drawn / n_drawn * n_real / real).tolist()
