"""The two players of the game: their networks, optimizer and precision, and their state."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from gan_cluster.networks import Discriminator
from gan_cluster.training.loop import Loop


def moving_average(
    averaged: list[Tensor], current: list[Tensor], n_averaged: Any, decay: float
) -> None:
    """Torch's exponential moving average, as a function that can be pickled."""
    get_ema_multi_avg_fn(decay)(averaged, current, n_averaged)


class Players(Loop):
    """A generator and a discriminator with Q; subclasses say what a step is.

    Parameters
    ----------
    build : callable
        Returns the generator and the :class:`Discriminator`, on the CPU.
    rng : torch.Generator
        Source of every random number of training, on the device of training.
    learning_rates : pair of float
        Adam's rates for the discriminator with Q and for the generator.
    ema_decay : float
        Decay of the moving average of the generator's weights; 0 keeps none.
    precision : {"float32", "bf16"}
        Whether training runs its forward passes in mixed precision.
    compiled : bool
        Whether torch compiles the networks.
    **kwargs
        Passed to :class:`skorch.NeuralNet`.
    """

    def __init__(
        self,
        *,
        build: Callable[..., tuple[nn.Module, Discriminator]],
        rng: torch.Generator,
        learning_rates: tuple[float, float],
        ema_decay: float,
        precision: str = "float32",
        compiled: bool = False,
        **kwargs: Any,
    ):
        super().__init__(module=None, criterion=None, train_split=None, **kwargs)
        self.build = build
        self.rng = rng
        self.learning_rates = learning_rates
        self.ema_decay = ema_decay
        self.precision = precision
        self.compiled = compiled

    def initialize_module(self) -> Self:
        self.generator_, self.discriminator_ = self.build()
        if self.compiled:
            self.generator_.compile()
            self.discriminator_.compile()
        if self.ema_decay:
            average = partial(moving_average, decay=self.ema_decay)
            self.average_ = AveragedModel(self.generator_, multi_avg_fn=average, use_buffers=True)
        return self

    def initialize_optimizer(self, triggered_directly: object = None) -> Self:
        players = zip((self.discriminator_, self.generator_), self.learning_rates, strict=True)
        groups = [{"params": list(net.parameters()), "lr": rate} for net, rate in players]
        self.optimizer_ = torch.optim.Adam(groups, betas=(0.5, 0.999), fused=True)
        return self

    def trained(self) -> dict[str, Any]:
        return {name: getattr(self, name).state_dict() for name in self._parts()}

    def restore(self, state: dict[str, Any]) -> None:
        for name in self._parts():
            getattr(self, name).load_state_dict(state[name])

    def _parts(self) -> list[str]:
        averaged = ["average_"] if self.ema_decay else []
        return ["generator_", "discriminator_", "optimizer_", *averaged]

    @property
    def steps_(self) -> tuple[int, int]:
        """How many steps the discriminator and the generator have made."""
        firsts = (group["params"][0] for group in self.optimizer_.param_groups)
        made = [self.optimizer_.state.get(weights, {}).get("step", 0) for weights in firsts]
        return int(made[0]), int(made[1])

    @property
    def sampler_(self) -> nn.Module:
        """The generator to sample from: the averaged one where there is one."""
        return self.average_ if self.ema_decay else self.generator_

    def autocast(self) -> AbstractContextManager:
        """Forward passes in training are of the precision asked for, losses of float32."""
        mixed = self.precision == "bf16"
        return torch.autocast(self.rng.device.type, torch.bfloat16, enabled=mixed)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """No gradients for the discriminator's weights, only through them."""
        own, _ = self.optimizer_.param_groups
        trained = [weights for weights in own["params"] if weights.requires_grad]
        for weights in trained:
            weights.requires_grad_(False)
        try:
            yield
        finally:
            for weights in trained:
                weights.requires_grad_(True)
