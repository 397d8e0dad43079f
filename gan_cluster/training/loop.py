"""The training loop: skorch's loop over ready batches; losses are read once in an epoch."""

from collections.abc import Callable, Hashable, Iterable
from copy import copy, deepcopy
from time import perf_counter
from typing import Any, Self

import numpy as np
import torch
from skorch import NeuralNet
from torch import nn

from gan_cluster.training.batches import Batches
from gan_cluster.training.callbacks import StopTraining
from gan_cluster.training.processes import ALONE, Processes
from gan_cluster.training.steps import Steps

SLOWER = 0.1  # factor of learning rates after training diverged


class Loop(NeuralNet):
    """Epochs over :class:`Batches`; subclasses define a step and the summary of an epoch."""

    optimizer_: torch.optim.Optimizer
    processes: Processes = ALONE  # processes that take part in the present training
    step = 0  # number of steps so far, counted on the CPU
    keep: Callable[[bool], None] | None = None  # called after each epoch; True for the last one

    @property
    def _default_callbacks(self) -> list:
        return []

    def initialize_criterion(self) -> Self:
        return self

    def update(self, player: nn.Module, loss: torch.Tensor) -> None:
        """One step of the player's weights; the other networks have no gradient."""
        self.optimizer_.zero_grad()
        loss.backward()
        self.processes.average_gradients(player)
        if self.callbacks_:
            self.notify("on_grad_computed", named_parameters=list(player.named_parameters()))
        self.optimizer_.step()

    def run_epochs(self, batches: Any, epochs: int) -> None:
        """Like skorch's ``partial_fit``, but a KeyboardInterrupt is raised.

        Callbacks are also notified of the end after errors.
        """
        self.notify("on_train_begin", X=batches, y=None)
        try:
            self.fit_loop(batches, epochs=epochs)
        finally:
            self.optimizer_.zero_grad()
            self.notify("on_train_end", X=batches, y=None)

    def notify(self, method_name: str, **cb_kwargs: Any) -> None:
        """Notify callbacks; a KeyboardInterrupt by one at the end of an epoch only stops the stage.

        Raises a ValueError if a callback needs a measure that the epoch does not have.
        """
        try:
            super().notify(method_name, **cb_kwargs)
        except (KeyError, ValueError) as error:
            watched = {getattr(callback, "monitor", None) for _, callback in self.callbacks_}
            for name in watched - self.history[-1].keys() if self.history else ():
                if isinstance(name, str) and repr(name) in str(error):
                    row = self.history[-1]
                    raise ValueError(
                        f"callbacks: monitor={name!r} is no measure of epoch {row['epoch']}, which "
                        f"has {', '.join(sorted(row.keys() - {'batches', 'epoch'}))}"
                    ) from error
            raise
        except KeyboardInterrupt as stop:
            if method_name == "on_epoch_end":
                raise StopTraining from stop
            raise

    def fit_loop(self, X: Any, y: Any = None, epochs: int | None = None, **fit_params: Any) -> Any:
        """Epochs until a callback stops them; an epoch that diverges is undone."""
        datasets = {"dataset_train": X, "dataset_valid": None}
        left = epochs if epochs is not None else self.max_epochs
        steps = Steps(self, X)
        good: dict[str, Any] = {}
        for epoch in range(left):
            good = copied(self.trained(), good)
            self.notify("on_epoch_begin", **datasets)
            try:
                self.run_epoch(steps)
            except KeyboardInterrupt:
                if not self.is_finite():
                    self.restore(good)
                raise
            goes_on = self.is_finite()
            if not goes_on:
                goes_on = self.take_back(good)
                good = {}  # the optimizer now holds these tensors
                steps.forget()
            try:
                self.notify("on_epoch_end", **datasets)
            except StopTraining:
                goes_on = False
            goes_on = goes_on and epoch < left - 1
            if self.keep is not None:
                self.keep(not goes_on)
            if not goes_on:
                break
        return self

    def may_capture(self, batches: Batches) -> bool:
        """Whether steps over these batches may be captured as CUDA graphs."""
        return False

    @property
    def kind_of_step(self) -> Hashable:
        """The kind of the next step, if it is decided on the CPU."""
        return None

    def placed(self) -> Iterable[torch.Tensor]:
        """Tensors of the networks that a step changes in place."""
        raise NotImplementedError

    def trained(self) -> dict[str, Any]:
        """The state of everything that training changes."""
        raise NotImplementedError

    def restore(self, state: dict[str, Any]) -> None:
        """Load a state from :meth:`trained`."""
        raise NotImplementedError

    def is_finite(self) -> bool:
        """Whether the epoch ended with finite terms and weights."""
        terms = [value for value in self.history[-1].values() if isinstance(value, float)]
        weights = [w for group in self.optimizer_.param_groups for w in group["params"]]
        sums = torch.stack([w.detach().sum(dtype=torch.float64) for w in weights])
        return bool(np.isfinite(terms).all()) and bool(sums.isfinite().all())

    def take_back(self, good: dict[str, Any]) -> bool:
        """Undo the epoch and lower the learning rates; False if this was done before."""
        self.restore(good)
        first = not any(row.get("taken_back") for row in self.history)
        self.history.record("taken_back", True)
        for group in self.optimizer_.param_groups:
            group["lr"] *= SLOWER
            group["initial_lr"] *= SLOWER
        return first

    def run_epoch(self, steps: Steps) -> None:
        """One epoch; the terms of the loss are read at its end."""
        started = perf_counter()
        self._set_training(True)
        totals, n_steps = steps.epoch(), len(steps.batches)
        means = {
            name: self.processes.mean(total / n_steps).tolist() for name, total in totals.items()
        }
        for name, value in self.summary(means).items():
            self.history.record(name, value)
        self.history.record("seconds", perf_counter() - started)

    def summary(self, means: dict[str, Any]) -> dict[str, Any]:
        """Measures of an epoch for the history, from the means of its terms."""
        return means


def copied(state: Any, before: Any = None) -> Any:
    """A deep copy of a state, in the memory of the tensors of an earlier copy.

    An epoch can be a single step, and a new deep copy would take a third of its time.

    >>> weights = torch.ones(2)
    >>> first = copied({"weights": weights, "rate": 0.1})
    >>> weights += 1
    >>> second = copied({"weights": weights, "rate": 0.2}, first)
    >>> second, second["weights"] is first["weights"]
    ({'weights': tensor([2., 2.]), 'rate': 0.2}, True)
    """
    if isinstance(state, dict):
        new, old = copy(state), before or {}
        for name, part in state.items():
            new[name] = copied(part, old.get(name))
        return new
    if isinstance(state, torch.Tensor):
        of = (state.shape, state.dtype, state.device)
        same = before is not None and of == (before.shape, before.dtype, before.device)
        return before.copy_(state) if same else state.detach().clone()
    return deepcopy(state)
