"""The bridge from the training loop to callbacks of scikit-learn."""

from collections.abc import Callable
from typing import Any

from skorch.callbacks import Callback

from gan_cluster.training.callbacks import StopTraining


class ScikitLearnBridge(Callback):
    """Hands each epoch to the callbacks set with ``estimator.set_callbacks`` (scikit-learn 1.9).

    X and y, as the user gave them to fit, are passed on to callbacks that ask for them;
    ``fitted`` makes of the net that is trained the attributes of an estimator that reads it.
    ``stopped`` says whether a callback has ended the fit.
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
        """Say that the whole fit is done."""
        self.context.call_on_fit_task_end(**self.task, reconstruction_attributes={})
