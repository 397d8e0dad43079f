"""The players of the game: their networks, optimizer and precision, and their state."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Self

import torch
from torch import nn

from gan_cluster.networks.build import Discriminator, hold_frozen
from gan_cluster.networks.maps import MapDiscriminator
from gan_cluster.networks.observer import Observer
from gan_cluster.networks.projection import ProjectionDiscriminator
from gan_cluster.training.batches import Batches
from gan_cluster.training.callbacks import looks_at_steps
from gan_cluster.training.loop import Loop

BETAS = 0.5, 0.999  # DCGAN's
CRITIC_BETAS = 0.0, 0.999  # of the generator and its critic: without momentum (arXiv:1805.08318)
OWN = "discriminator_", "observer_"  # networks with the first of the two learning rates
CAPTURES = "cuda"  # the kind of device on which steps are captured


class Players(Loop):
    """A generator, a discriminator with Q, and optionally a critic; subclasses define a step.

    There may also be an observer, for contrastive learning before the others are trained.

    Parameters
    ----------
    build : callable
        Returns the generator and the :class:`Discriminator`, on the CPU.
    build_critic : callable or None
        Returns the critic, the discriminator against which the generator is trained, on the CPU. If
        there is an observer, it is given the discriminator with Q, whose trunk starts from the
        observer's. With None, the discriminator with Q has this role.
    build_observer : callable or None
        Returns the observer, given the discriminator, on the CPU; with None there is no observer.
    rng : torch.Generator
        Source of all random numbers of training, on the device of training.
    learning_rates : pair of float
        Adam's rates for the discriminator with Q and for the generator with its critic. An
        observer has the first rate.
    precision : {"float32", "bf16"}
        Whether forward passes in training use mixed precision.
    **kwargs
        Passed to :class:`skorch.NeuralNet`.
    """

    def __init__(
        self,
        *,
        build: Callable[..., tuple[nn.Module, Discriminator]],
        build_critic: Callable[..., ProjectionDiscriminator | MapDiscriminator] | None,
        build_observer: Callable[..., Observer] | None,
        rng: torch.Generator,
        learning_rates: tuple[float, float],
        precision: str = "float32",
        **kwargs: Any,
    ):
        super().__init__(module=None, criterion=None, train_split=None, **kwargs)
        self.build = build
        self.build_critic = build_critic
        self.build_observer = build_observer
        self.rng = rng
        self.learning_rates = learning_rates
        self.precision = precision

    def initialize_module(self) -> Self:
        self.generator_, self.discriminator_ = self.build()
        if self.build_critic is not None:
            known = self.build_observer is not None  # maps of a trunk that has learned to see
            self.critic_ = self.build_critic(discriminator=self.discriminator_ if known else None)
        if self.build_observer is not None:
            self.observer_ = self.build_observer(self.discriminator_)
        return self

    @property
    def players_(self) -> dict[str, nn.Module]:
        """The networks by name, in the order of the optimizer's groups."""
        names = ["discriminator_", "generator_", *["critic_"] * (self.build_critic is not None)]
        names += ["observer_"] * (self.build_observer is not None)
        return {name: getattr(self, name) for name in names}

    def initialize_optimizer(self, triggered_directly: object = None) -> Self:
        device, betas = self.rng.device, BETAS if self.build_critic is None else CRITIC_BETAS
        groups = [
            {"params": list(net.parameters()), "betas": BETAS if name in OWN else betas}
            for name, net in self.players_.items()
        ]
        captures = device.type == CAPTURES
        self.optimizer_ = torch.optim.Adam(groups, fused=True, capturable=captures)
        self.rates_ = [torch.zeros((), dtype=torch.float32, device=device) for _ in groups]
        self.reset_rates()
        return self

    def reset_rates(self, share: float = 1.0) -> None:
        """Set the learning rates to their first values, that of Q to a share of it."""
        own, game = self.learning_rates
        own *= share
        for name, group in zip(self.players_, self.optimizer_.param_groups, strict=True):
            group["lr"] = group["initial_lr"] = own if name in OWN else game

    def hold_rates(self) -> None:
        """Put learning rates into tensors that keep their memory, for captured steps."""
        for group, held in zip(self.optimizer_.param_groups, self.rates_, strict=True):
            if group["capturable"] and group["lr"] is not held:
                held.fill_(float(group["lr"]))
                group["lr"] = held

    def may_capture(self, batches: Batches) -> bool:
        looked_at = any(looks_at_steps(callback) for _, callback in self.callbacks_)
        on_gpu = batches.held is not None and self.rng.device.type == CAPTURES
        return on_gpu and self.processes.count == 1 and not looked_at

    def trained(self) -> dict[str, Any]:
        return {name: getattr(self, name).state_dict() for name in (*self.players_, "optimizer_")}

    def restore(self, state: dict[str, Any]) -> None:
        for name in (*self.players_, "optimizer_"):
            getattr(self, name).load_state_dict(state[name])

    @property
    def steps_(self) -> tuple[int, int]:
        """Numbers of steps of the discriminator with Q and of the generator."""
        states, groups = self.optimizer_.state, self.optimizer_.param_groups[:2]
        made = [next((states[w]["step"] for w in g["params"] if states.get(w)), 0) for g in groups]
        return int(made[0]), int(made[1])

    def _set_training(self, training: bool = True) -> None:
        """Like skorch's method, but frozen modules stay in evaluation mode."""
        super()._set_training(training)
        for network in self.players_.values():
            hold_frozen(network)

    def autocast(self) -> AbstractContextManager:
        """A context for forward passes in the chosen precision; losses are in float32."""
        mixed = self.precision == "bf16"
        return torch.autocast(self.rng.device.type, torch.bfloat16, enabled=mixed)

    @contextmanager
    def frozen(self, network: nn.Module) -> Iterator[None]:
        """A context without gradients for a network's weights, but for its inputs."""
        trained = [weights for weights in network.parameters() if weights.requires_grad]
        for weights in trained:
            weights.requires_grad_(False)
        try:
            yield
        finally:
            for weights in trained:
                weights.requires_grad_(True)

    @contextmanager
    def held(self, network: nn.Module) -> Iterator[None]:
        """A context in which a network is in evaluation mode, without gradients for its weights."""
        trains = [part for part in network.modules() if part.training]
        network.eval()
        try:
            with self.frozen(network):
                yield
        finally:
            for part in trains:
                part.training = True
