"""The one training loop: skorch's, over batches that are already sliced, read once an epoch."""

from collections.abc import Callable
from time import perf_counter
from typing import Any, Self

import torch
from skorch import NeuralNet
from torch import nn

from gan_cluster.training.callbacks import StopTraining
from gan_cluster.training.processes import ALONE, Processes


class Loop(NeuralNet):
    """Epochs over :class:`Batches`; subclasses say what a step is and what an epoch showed."""

    optimizer_: torch.optim.Optimizer
    processes: Processes = ALONE  # those that take part in the training that runs

    @property
    def _default_callbacks(self) -> list:
        return []

    def initialize_criterion(self) -> Self:
        return self

    def get_dataset(self, X: Any, y: Any = None) -> Any:
        return X

    def get_iterator(self, dataset: Any, training: bool = False) -> Any:
        return dataset

    def update(self, player: nn.Module, loss: torch.Tensor) -> None:
        """One step of the player's weights; those of the other have no gradient and stay."""
        self.optimizer_.zero_grad()
        loss.backward()
        self.processes.average_gradients(player)
        self.notify("on_grad_computed", named_parameters=list(player.named_parameters()))
        self.optimizer_.step()

    def partial_fit(self, X: Any, y: Any = None, classes: Any = None, **fit_params: Any) -> Self:
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
        means = {
            name: self.processes.mean(total / len(iterator)).tolist()
            for name, total in totals.items()
        }
        for name, value in self.summary(means).items():
            self.history.record(name, value)
        self.history.record("seconds", perf_counter() - started)

    def summary(self, means: dict[str, Any]) -> dict[str, Any]:
        """What history says of an epoch, from the means of its terms."""
        return means
