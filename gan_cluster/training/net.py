"""The one training loop: a skorch net whose step plays the adversarial game."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import islice
from time import perf_counter
from typing import Any

import numpy as np
import torch
from skorch import NeuralNet
from torch import nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from gan_cluster.codes import Latent, LatentCode
from gan_cluster.networks import Discriminator, DiscriminatorOutput
from gan_cluster.objectives import (
    agreement,
    discriminator_loss,
    generator_loss,
    gradient_penalty,
    imbalance,
    virtual_adversarial_twin,
)
from gan_cluster.training.augment import random_affine
from gan_cluster.training.callbacks import StopTraining

TINY = torch.finfo(torch.float32).tiny
LEARNING_SHARES = 0.01  # rate of the running mean that a learned prior is


@dataclass(frozen=True)
class Objective:
    """Weights of the terms, how twins are made, how far adversarial ones move, the prior."""

    adversarial_loss: str
    info_weight: float
    continuous_weight: float
    consistency_weight: float
    balance_weight: float
    gradient_penalty: float
    augment: str | Callable[[torch.Tensor], torch.Tensor]
    radius: float = 0.0
    prior: str | tuple[float, ...] = "uniform"


def moving_average(
    averaged: list[torch.Tensor], current: list[torch.Tensor], n_averaged: Any, decay: float
) -> None:
    """Torch's exponential moving average, as a function that can be pickled."""
    get_ema_multi_avg_fn(decay)(averaged, current, n_averaged)


class AdversarialNet(NeuralNet):
    """Trains a generator against a discriminator with a recognition network Q.

    A step first updates the discriminator and Q, shared trunk included, on

        adversarial loss - info_weight * L_I + consistency_weight * (agreement + balance),

    then the generator on its adversarial loss - info_weight * L_I, where
    L_I = E[log Q(c | G(z, c))] + H(c) is InfoGAN's bound (arXiv:1606.03657, eq. 5). With the
    consistency term the first step leaves out what L_I says of categorical codes: Q learns
    those from real rows alone, and the generator has to draw what Q reads.

    Parameters
    ----------
    build : callable
        Returns the generator and the :class:`Discriminator`, on the CPU.
    code : LatentCode
        Structure of the latent code.
    objective : Objective
        Terms and weights.
    rng : torch.Generator
        Source of every random number of training, on the device of training.
    learning_rates : pair of float
        Adam's rates for the discriminator with Q and for the generator.
    ema_decay : float
        Decay of the moving average of the generator's weights; 0 keeps none.
    **kwargs
        Passed to :class:`skorch.NeuralNet`.

    Attributes
    ----------
    groups : Tensor of shape (n_codes,) or None
        Cluster of each value of the first code; None where each value is a cluster.
    shares : Tensor of shape (n_labels,)
        Prior over clusters, or over the values of the first code while they are not grouped: the
        generator draws from it and balance aims at it. Empty without a categorical code.
    consistent : bool
        Whether labels of twins have to agree.
    playing : bool
        Whether there is a game at all, or the consistency term alone.
    """

    def __init__(
        self,
        *,
        build: Callable[[], tuple[nn.Module, Discriminator]],
        code: LatentCode,
        objective: Objective,
        rng: torch.Generator,
        learning_rates: tuple[float, float],
        ema_decay: float,
        **kwargs: Any,
    ):
        super().__init__(module=None, criterion=None, train_split=None, **kwargs)
        self.build = build
        self.code = code
        self.objective = objective
        self.rng = rng
        self.learning_rates = learning_rates
        self.ema_decay = ema_decay
        self.groups: torch.Tensor | None = None
        self.shares = torch.empty(0)
        self.consistent = bool(objective.consistency_weight and code.categorical)
        self.playing = True

    @property
    def _default_callbacks(self) -> list:
        return []

    def initialize_module(self) -> "AdversarialNet":
        self.regroup(None)
        generator, discriminator = self.build()
        if any(isinstance(layer, nn.Conv2d) for layer in discriminator.modules()):
            for weights in [*generator.parameters(), *discriminator.parameters()]:
                if weights.ndim == 4:  # a copy, since strides of grey images say nothing
                    last = weights.data.permute(0, 2, 3, 1)
                    last = last.clone(memory_format=torch.contiguous_format)
                    weights.data = last.permute(0, 3, 1, 2)
        self.generator_ = generator
        self.discriminator_ = discriminator
        if self.ema_decay:
            average = partial(moving_average, decay=self.ema_decay)
            self.average_ = AveragedModel(generator, multi_avg_fn=average, use_buffers=True)
        return self

    def initialize_criterion(self) -> "AdversarialNet":
        return self

    def initialize_optimizer(self, triggered_directly: object = None) -> "AdversarialNet":
        players = zip((self.discriminator_, self.generator_), self.learning_rates, strict=True)
        groups = [{"params": list(net.parameters()), "lr": rate} for net, rate in players]
        self.optimizer_ = torch.optim.Adam(groups, betas=(0.5, 0.999), fused=True)
        return self

    def update(self, player: nn.Module, loss: torch.Tensor) -> None:
        """One step of the player's weights; those of the other have no gradient and stay."""
        self.optimizer_.zero_grad()
        self.backward(loss)
        self.notify("on_grad_computed", named_parameters=list(player.named_parameters()))
        self.optimizer_.step()

    @property
    def sampler_(self) -> nn.Module:
        """The generator to sample from: the averaged one where there is one."""
        return self.average_ if self.ema_decay else self.generator_

    def get_dataset(self, X: Any, y: Any = None) -> Any:
        return X

    def get_iterator(self, dataset: Any, training: bool = False) -> Any:
        return dataset

    def backward(self, loss: torch.Tensor) -> None:
        """Hook: a distributed subclass maps this to its accelerator."""
        loss.backward()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """No gradients for the discriminator's weights, only through them."""
        trained = [weights for weights in self.discriminator_.parameters() if weights.requires_grad]
        for weights in trained:
            weights.requires_grad_(False)
        try:
            yield
        finally:
            for weights in trained:
                weights.requires_grad_(True)

    def autocast(self) -> AbstractContextManager:
        """Hook: a subclass may run the forward passes in a lower precision."""
        return nullcontext()

    def train_step(self, batch: tuple[torch.Tensor, ...], **fit_params: Any) -> dict[str, Any]:
        rows, partners = batch[:2]
        if not self.playing:
            return self.discriminator_step(rows, partners)
        latent = self.code.sample(len(rows), self.rng, self.code_shares)
        with self.autocast():
            fake = self.generator_(self.code.assemble(latent))
        terms = self.discriminator_step(rows, partners, fake.detach(), latent)
        terms["generator_loss"] = self.generator_step(rows, fake, latent)
        return terms

    def together(self, *parts: torch.Tensor) -> list[DiscriminatorOutput]:
        """Outputs on batches that go through the discriminator as one.

        They share the statistics of batch normalisation: each by itself, generated rows that
        hardly differ would be spread out until Q can tell their codes, and no gradient would
        ask the generator for more.
        """
        out = self.discriminator_(torch.cat(parts))
        sizes = [len(part) for part in parts]
        pieces = zip(*(values.split(sizes) for values in out), strict=True)
        return [DiscriminatorOutput(*piece) for piece in pieces]

    def discriminator_step(
        self,
        rows: torch.Tensor,
        partners: torch.Tensor,
        fake: torch.Tensor | None = None,
        latent: Latent | None = None,
    ) -> dict[str, torch.Tensor]:
        """Update the discriminator and Q; return the terms, detached. Without fake, no game."""
        terms: dict[str, torch.Tensor] = {}
        with self.autocast():
            if self.objective.gradient_penalty and fake is not None:
                rows = rows.detach().requires_grad_()
            drawn = [] if fake is None else [fake]
            real, *generated, twin_logits = self._outputs(rows, partners, *drawn)
            loss = torch.zeros((), device=self.device)
            if latent is not None:
                loss = self._game(rows, real, generated[0], latent, terms)
            if self.code.categorical:
                loss = loss + self._consistency(self.cluster_logits(real.code), twin_logits, terms)
        self.update(self.discriminator_, loss)
        return terms

    def _game(
        self,
        rows: torch.Tensor,
        real: DiscriminatorOutput,
        generated: DiscriminatorOutput,
        latent: Latent,
        terms: dict[str, torch.Tensor],
    ) -> torch.Tensor:
        """What the game asks of the discriminator and Q."""
        aim = self.objective
        loss = discriminator_loss(real.adversarial, generated.adversarial, aim.adversarial_loss)
        terms["discriminator_loss"] = loss.detach()
        loss = loss - self._information(generated.code, latent, terms, self.consistent)
        if aim.gradient_penalty:
            loss = loss + aim.gradient_penalty * gradient_penalty(real.adversarial, rows)
        return loss

    def _consistency(
        self,
        logits: torch.Tensor,
        twin_logits: torch.Tensor | None,
        terms: dict[str, torch.Tensor],
    ) -> torch.Tensor | float:
        """What is asked of labels of real rows: that twins agree and shares follow the prior."""
        labels, aim = logits.softmax(1), self.objective
        terms["labels"] = labels.detach()
        if twin_logits is None:
            return 0.0
        marginal = (labels.mean(0) + twin_logits.softmax(1).mean(0)) / 2
        if self.playing and aim.prior == "learned":
            self.shares.lerp_(marginal.detach(), LEARNING_SHARES)
        agreed = agreement(logits, twin_logits)
        terms["agreement"] = agreed.detach()
        balance = aim.balance_weight * imbalance(marginal, self.shares)
        return aim.consistency_weight * (agreed + balance)

    def generator_step(
        self, rows: torch.Tensor, fake: torch.Tensor, latent: Latent
    ) -> torch.Tensor:
        """Update the generator against the updated discriminator; return its adversarial loss."""
        kind = self.objective.adversarial_loss
        with self.frozen(), self.autocast():
            real, generated = self.together(rows, fake)
            adversarial = generator_loss(generated.adversarial, real.adversarial, kind)
            loss = adversarial - self._information(generated.code, latent)
        self.update(self.generator_, loss)
        if self.ema_decay:
            self.average_.update_parameters(self.generator_)
        return adversarial.detach()

    def _outputs(
        self, rows: torch.Tensor, partners: torch.Tensor, *fake: torch.Tensor
    ) -> tuple[Any, ...]:
        """Outputs on real rows, on others, and cluster logits of twins if those have to agree."""
        if not self.consistent:
            return *self.together(rows, *fake), None
        if self.objective.augment != "adversarial":
            real, twins, *rest = self.together(rows, self.twins(partners), *fake)
            return real, *rest, self.cluster_logits(twins.code)

        def predict(batch: torch.Tensor) -> torch.Tensor:
            return self.cluster_logits(self.together(batch, *fake)[0].code)

        real, *rest = self.together(rows, *fake)
        logits = self.cluster_logits(real.code)
        moved = virtual_adversarial_twin(predict, partners, logits, self.objective.radius, self.rng)
        return real, *rest, predict(moved)

    def cluster_logits(self, code: torch.Tensor) -> torch.Tensor:
        """Logits of the clusters from Q's output: of the first code, or of groups of its values."""
        logits = self.code.posterior(code).logits[0]
        if self.groups is None:
            return logits
        top = logits.detach().amax(1, keepdim=True)
        members = F.one_hot(self.groups, self.n_labels).to(logits.dtype)
        return ((logits - top).exp() @ members).clamp_min(TINY).log()

    @property
    def n_labels(self) -> int:
        """Number of labels that rows can have now: of clusters, or of codes not merged yet."""
        return len(self.shares)

    @property
    def code_shares(self) -> torch.Tensor | None:
        """Prior over the values of the first code: equal for those of the same cluster."""
        if self.groups is None:
            return self.shares if self.n_labels else None
        n_members = F.one_hot(self.groups, self.n_labels).sum(0)
        return (self.shares / n_members)[self.groups]

    def regroup(self, groups: torch.Tensor | None, found: np.ndarray | None = None) -> None:
        """Make clusters of the first code's values, with the shares that the prior gives them.

        Parameters
        ----------
        groups : Tensor of shape (n_codes,) or None
            Cluster of each value; None makes each a cluster.
        found : ndarray of shape (n_clusters,), default=None
            Shares of the clusters among real rows: a learned prior starts from them, and a given
            one goes by their order.
        """
        if not self.code.categorical:
            return
        self.groups, prior = groups, self.objective.prior
        size = self.code.categorical[0] if found is None else len(found)
        shares = np.full(size, 1 / size)
        if prior == "learned" and found is not None:
            shares = np.maximum(found, 1e-6)
        elif isinstance(prior, tuple) and len(prior) == size:
            shares = np.array(prior)
            if found is not None:
                shares[np.argsort(found)] = np.sort(prior)
        self.shares = torch.as_tensor(shares, dtype=torch.float32, device=self.device)

    def members(self, cluster: int) -> np.ndarray:
        """Values of the first code that make a cluster."""
        if self.groups is None:
            return np.array([cluster])
        return np.flatnonzero(self.groups.cpu().numpy() == cluster)

    def label(self, rows: torch.Tensor) -> torch.Tensor:
        """Logits of the clusters (n, n_clusters) of a batch of rows."""
        return self.cluster_logits(self.discriminator_(rows).code)

    def twins(self, rows: torch.Tensor) -> torch.Tensor:
        """Rows changed in a way that should not change their label."""
        augment = self.objective.augment
        if callable(augment):
            return augment(rows.clone())
        return random_affine(rows, self.rng) if augment == "affine" else rows

    def _information(
        self,
        output: torch.Tensor,
        latent: Latent,
        terms: dict[str, torch.Tensor] | None = None,
        continuous_only: bool = False,
    ) -> torch.Tensor | float:
        """The weighted bound L_I without its constant H(c); 0 where there is no code."""
        if not self.code.posterior_dim:
            return 0.0
        categorical, continuous = self.code.log_likelihood(self.code.posterior(output), latent)
        if terms is not None:
            terms["log_q"] = categorical.detach()
            terms["log_q_continuous"] = continuous.detach()
        aim = self.objective
        bound = aim.continuous_weight * continuous
        return bound if continuous_only else bound + aim.info_weight * categorical

    def refresh_statistics(self, batches: Any, n_batches: int = 32) -> None:
        """Re-estimate batch-norm statistics on real rows and their twins alone.

        During training the running ones also follow generated rows.
        """
        layers = [m for m in self.discriminator_.modules() if isinstance(m, _BatchNorm)]
        momenta = [layer.momentum for layer in layers]
        for layer in layers:
            layer.reset_running_stats()
            layer.momentum = None  # a plain average over batches
        self._set_training(True)
        for rows, partners, _ in islice(batches, n_batches):
            self._outputs(rows, partners)
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
        self._set_training(False)

    def partial_fit(
        self, X: Any, y: Any = None, classes: Any = None, **fit_params: Any
    ) -> "AdversarialNet":
        """As skorch's, but an interrupt is not swallowed, and callbacks end after errors too."""
        self.notify("on_train_begin", X=X, y=y)
        try:
            self.fit_loop(X, y, **fit_params)
        finally:
            self.notify("on_train_end", X=X, y=y)
        return self

    def notify(self, method_name: str, **cb_kwargs: Any) -> None:
        """Tell callbacks; one of skorch's that interrupts at the end of an epoch just stops."""
        try:
            super().notify(method_name, **cb_kwargs)
        except KeyboardInterrupt as stop:
            if method_name == "on_epoch_end":
                raise StopTraining from stop
            raise

    def fit_loop(self, X: Any, y: Any = None, epochs: int | None = None, **fit_params: Any) -> Any:
        try:
            return super().fit_loop(X, y, epochs, **fit_params)
        except StopTraining:
            return self

    def run_single_epoch(
        self, iterator: Any, training: bool, prefix: str, step_fn: Callable, **fit_params: Any
    ) -> None:
        """One pass over the data; terms stay on the device and are read once, at its end."""
        if iterator is None:
            return
        started = perf_counter()
        self._set_training(True)
        totals: dict[str, torch.Tensor] = {}
        for batch in iterator:
            self.notify("on_batch_begin", batch=batch, training=training)
            step = step_fn(batch, **fit_params)
            if "labels" in step:
                step["cluster_usage"] = step["labels"].mean(0)
                step["labels_changed"] = iterator.relabel(batch[2], step.pop("labels").argmax(1))
            for name, value in step.items():
                totals[name] = totals[name] + value if name in totals else value
            self.notify("on_batch_end", batch=batch, training=training, **step)
        means: dict[str, Any] = {
            name: (total / len(iterator)).tolist() for name, total in totals.items()
        }
        if "log_q" in means:
            categorical, continuous = self.code.entropy(self.code_shares)
            means["mutual_information"] = categorical + means.pop("log_q")
            means["code_entropy"] = categorical
            information = continuous + means.pop("log_q_continuous")
            if self.code.n_continuous:
                means["continuous_information"] = information
        for name, value in means.items():
            self.history.record(name, value)
        self.history.record("seconds", perf_counter() - started)
