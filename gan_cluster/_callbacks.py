"""The bridge from the training loop to callbacks of scikit-learn."""

from collections.abc import Callable
from typing import Any

from skorch.callbacks import Callback

from gan_cluster.training.callbacks import StopTraining


class ScikitLearnBridge(Callback):
    """Calls the callbacks that were set with ``estimator.set_callbacks`` (scikit-learn 1.9).

    X and y of fit are passed on to callbacks that need them. ``fitted`` makes the attributes of a
    fitted estimator from the net in training. ``stopped`` says whether a callback has ended the
    fit.
    """

    def __init__(
        self,
        estimator: Any,
        context: Any,
        X: Any,
        y: Any,
        fitted: Callable[[Any], dict[str, Any]],
    ):
        self.context = context
        self.fitted = fitted
        self.stopped = False
        self.task = {"estimator": estimator, "X": X, "y": y}
        context.call_on_fit_task_begin(**self.task)

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        self.epoch_ = self.context.subcontext(task_name="epoch")
        self.epoch_.call_on_fit_task_begin(**self.task)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        attributes = self.fitted(net)
        if self.epoch_.call_on_fit_task_end(**self.task, reconstruction_attributes=attributes):
            self.stopped = True
            raise StopTraining

    def finish(self) -> None:
        """Tell callbacks that the fit has ended."""
        self.context.call_on_fit_task_end(**self.task, reconstruction_attributes={})
