"""Callbacks of the loop: learning rates, progress, and when to stop."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from skorch.callbacks import Callback
from tqdm.auto import tqdm

FIRST_LOOK = 60.0  # seconds of training before the time of the fit is estimated


class StopTraining(Exception):
    """Raised by a callback at the end of an epoch to stop training."""


class FallingRates(Callback):
    """Lets the learning rates fall linearly to zero over a number of steps.

    ``done`` of these steps were taken before. Changes of the rates by other schedules are kept.
    """

    def __init__(self, n_steps: int, done: int = 0):
        self.n_steps = n_steps
        self.done = done

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        self.left_ = self.n_steps - self.done

    def on_batch_end(
        self, net: Any, batch: Any = None, training: Any = None, **kwargs: Any
    ) -> None:
        self.left_ -= 1
        for group in net.optimizer_.param_groups:
            group["lr"] *= self.left_ / (self.left_ + 1)


def looks_at_steps(callback: Any) -> bool:
    """Whether a callback needs batches or gradients, which a captured step does not show."""
    names = ("on_batch_begin", "on_batch_end", "on_grad_computed")
    is_told = any(getattr(type(callback), name) is not getattr(Callback, name) for name in names)
    return is_told and not isinstance(callback, FallingRates)


def shows_bars() -> bool:
    """Whether there is a terminal or a notebook, and not a file, for a progress bar."""
    if any(base.__name__ == "tqdm_notebook" for base in tqdm.__mro__):
        return True
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):  # it may be None, or closed
        return False


class Forecast:
    """An estimate of the time of a fit, given once: after the first minute of epochs."""

    def __init__(self) -> None:
        self.seconds, self.epochs, self.is_told = 0.0, 0, False

    def after(self, seconds: float, left: int) -> str | None:
        """The estimate after an epoch that took ``seconds``, with at most ``left`` epochs left."""
        self.seconds += seconds
        self.epochs += 1
        if self.is_told or self.seconds < FIRST_LOOK:
            return None
        self.is_told = True
        mean = self.seconds / self.epochs
        return (
            f"At most {left} epochs are left, of all stages together: about "
            f"{_spoken(mean * left)} at {mean:.3g} s an epoch. This is rough: epochs of other "
            "stages may be faster or slower, and a stage stops early once it has converged."
        )


def _spoken(seconds: float) -> str:
    """A length of time as a text, with about two digits.

    >>> _spoken(50), _spoken(3000), _spoken(9000)
    ('50 seconds', '50 minutes', '2.5 hours')
    """
    if seconds < 100:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 6000 else f"{seconds / 3600:.1f} hours"


class Progress(Callback):
    """A progress bar over the epochs of a stage, with the bound on the mutual information.

    ``done`` of the ``total`` epochs were trained before, and ``later`` epochs come in other stages.
    Without a forecast, the time of the fit is not estimated.
    At the end it says whether training has converged. In a file there is one line instead of a bar.
    If the output is closed, training continues without the bar.
    """

    def __init__(
        self, total: int, label: str, forecast: Forecast | None, done: int = 0, later: int = 0
    ):
        self.total = total
        self.label = label
        self.forecast = forecast
        self.done = done
        self.later = later

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        told: dict[str, Any] = {"total": self.total, "desc": self.label, "unit": "epoch"}
        told["initial"] = self.done_ = self.done
        try:
            self.bar_ = tqdm(**told, disable=not shows_bars())
        except OSError:
            self.bar_ = tqdm(**told, disable=True)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        row = net.history[-1]
        shown = {name: f"{row[name]:.2f}" for name in ("mutual_information",) if name in row}
        self.done_ += 1
        with self._seen():
            self.bar_.set_postfix(shown, refresh=False)
            self.bar_.update()
            left = self.total - self.done_ + self.later
            said = self.forecast.after(row["seconds"], left) if self.forecast else None
            if said and sys.stderr is not None:
                self.bar_.write(said, file=sys.stderr)

    def on_train_end(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        callbacks = [callback for _, callback in net.callbacks_]
        rests = any(isinstance(each, Settled) and each.rests for each in callbacks)
        ended = f"{self.label}, converged" if rests else self.label
        with self._seen():
            if not self.bar_.disable:
                self.bar_.set_description(ended)
            elif sys.stderr is not None:
                print(f"{ended}: {self.done_} of {self.total} epochs", file=sys.stderr)
            self.bar_.close()
        del self.bar_

    @contextmanager
    def _seen(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError):
            self.bar_.disable = True


class Settled(Callback):
    """Stops training when it has converged, without labels and without the losses of the GAN.

    Training has converged when the labels of real rows are stable and, if the generator is
    trained, the bound on the information about the code is stable, too.

    Parameters
    ----------
    tol : float
        Share of labels that may change in a stable epoch, and share of the code's entropy by
        which the bound may pass its best value so far.
    n_iter_no_change : int
        Number of stable epochs, in a row, after which training stops.
    seen : sequence of dict, default=()
        Rows of history of epochs that a continued stage had before.
    least : int, default=0
        Least number of epochs: generated rows still improve long after labels are stable.
    """

    def __init__(
        self, tol: float, n_iter_no_change: int, seen: Sequence[dict] = (), least: int = 0
    ):
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.seen = seen
        self.least = least

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        self.at_rest_, self.epochs_, self.best_ = 0, 0, -np.inf
        for row in self.seen:
            self._look(row)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        self._look(net.history[-1])
        if self.rests:
            raise StopTraining

    @property
    def rests(self) -> bool:
        """Whether training has converged."""
        return self.at_rest_ >= self.n_iter_no_change and self.epochs_ >= self.least

    def _look(self, row: dict) -> None:
        self.epochs_ += 1
        gained = False
        if "mutual_information" in row:
            gained = row["mutual_information"] > self.best_ + self.tol * row["code_entropy"]
            self.best_ = max(self.best_, row["mutual_information"])
        rests = row["labels_changed"] <= self.tol and not gained
        self.at_rest_ = self.at_rest_ + 1 if rests else 0
