"""Checkpoints: the state of a fit in a folder, from which a later fit continues."""

import os
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import torch

from gan_cluster._folder import (
    UNFIT,
    CorruptModelError,
    holds_model,
    read_model,
    write_model,
)
from gan_cluster.training.batches import Batches
from gan_cluster.training.net import AdversarialNet
from gan_cluster.training.random import default_generator, go_on_from
from gan_cluster.training.state import net_state, restore_net

LOOKING = -1  # the number of the contrastive stage, which comes before the runs
MEASURES = ("labels_changed", "mutual_information", "code_entropy", "variety", "seconds")
WRITING_SHARE = 0.1  # of the time at most; a short epoch takes less time than writing


class Run(NamedTuple):
    """A net and the batches on which it is trained."""

    net: AdversarialNet
    batches: Batches


class Standing(NamedTuple):
    """The progress of a stage in a fit that was killed."""

    done: int = 0  # number of finished epochs
    ended: bool = False  # whether the stage had ended with these
    random: torch.Tensor | None = None  # state of torch's global generator; None: a new seed


class Checkpoint:
    """The state of a fit, on disk.

    Parameters
    ----------
    folder : path
        Made by the first write if it does not exist; its parent must exist.
    identity : str
        A digest that identifies the fit.
    n_runs : int
        Number of runs that are compared.
    looks : bool
        Whether there is contrastive learning before the runs.
    n_kinds : int
        Number of kinds of runs, in turn; the best run of each kind is kept until all have ended.

    Attributes
    ----------
    seeds : list of int or None
        Seeds of the fit that is continued; None if there is none.
    stage : int
        The run that was in training, or ``LOOKING``.
    scores : list of float
        Scores of the finished runs.

    Raises a ValueError if the folder holds the state of another fit, or a damaged one. Raises a
    FileNotFoundError if the parent of the folder does not exist, and a NotADirectoryError if it is
    a file.
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        identity: str,
        n_runs: int,
        looks: bool,
        n_kinds: int,
    ):
        self.folder, self.identity, self.n_kinds = Path(folder), identity, n_kinds
        self.seeds: list[int] | None = None
        self.stage, self.scores = 0, list[float]()
        self._standing = Standing()
        if not self.folder.absolute().parent.is_dir():
            raise FileNotFoundError(f"checkpoint_dir={str(folder)!r}: there is no folder for it")
        if self.folder.exists() and not self.folder.is_dir():
            raise NotADirectoryError(f"checkpoint_dir={str(folder)!r} is a file, not a folder")
        if not holds_model(self.folder):
            return
        self._document, self._tensors = self._read()
        try:
            self.seeds = [int(seed) for seed in self._document["seeds"]]
            self.stage, done = int(self._document["stage"]), int(self._document["done"])
            self.scores = [float(score) for score in self._document["scores"]]
            random = self._tensors["random.torch"] if done else None
            self._standing = Standing(done, bool(self._document["ended"]), random)
            n_scored = max(self.stage, 0) if self.stage >= (LOOKING if looks else 0) else -1
            if not (len(self.seeds) == n_runs + 1 and len(self.scores) == n_scored <= n_runs):
                raise ValueError(f"it is not of {n_runs} trainings")
            if not all(0 <= seed < 2**31 for seed in self.seeds):
                raise ValueError("its seeds are no seeds")
        except UNFIT as error:
            raise self._corrupt(error) from error

    def _read(self) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
        """The content of the folder, if this fit wrote it."""
        document, tensors = read_model(self.folder)
        if document.get("identity") != self.identity:
            raise ValueError(
                f"checkpoint_dir={str(self.folder)!r} holds the state of another fit: parameters "
                "or X are not the same; give another folder, or remove that one. A search fits "
                "many times, and needs checkpoint_dir=None"
            )
        return document, tensors

    def _corrupt(self, error: Exception) -> CorruptModelError:
        return CorruptModelError(f"{self.folder} holds no state of this fit: {error!r}")

    def restore(self, runs: list[Run]) -> None:
        """Load the state into the runs.

        Raises a CorruptModelError if it does not fit them.
        """
        if self.seeds is None:
            return
        try:
            for name, index in self._kept(self.stage, self.scores, len(runs)).items():
                prefix = f"{name}."
                tensors = {
                    key.removeprefix(prefix): value
                    for key, value in self._tensors.items()
                    if key.startswith(prefix)
                }
                _restore_run(runs[index], self._document["nets"][name], tensors)
            net = runs[under_way(self.stage, self.scores, len(runs))].net
            if not 0 <= self._standing.done <= len(net.history):
                raise ValueError("it has not as many epochs as are done")
            if self._standing.random is not None:
                go_on_from(torch.Generator(), self._standing.random)  # only to check the state
        except UNFIT as error:
            raise self._corrupt(error) from error

    def standing(self, number: int) -> Standing:
        """The progress of the stage with this number."""
        under_way = self.seeds is not None and number == self.stage
        return self._standing if under_way else Standing()

    def writer(
        self, number: int, seeds: list[int], runs: list[Run], scores: list[float]
    ) -> Callable[[int, bool], None]:
        """A function that writes a checkpoint after an epoch of a stage.

        Its arguments are the number of finished epochs, and whether the stage has ended. It saves
        the present run and the best run of each kind so far. It skips an epoch if writing would
        take too much time.
        """
        kept = self._kept(number, scores, len(runs))
        rests_until = 0.0

        def write(done: int, ended: bool) -> None:
            nonlocal rests_until
            started = perf_counter()
            if started < rests_until and not ended:
                return
            device = runs[0].net.rng.device
            nets, tensors = {}, {"random.torch": default_generator(device).get_state()}
            for name, index in kept.items():
                net, batches = runs[index]
                nets[name], state = net_state(net)
                state |= {"batches.rng": batches.rng.get_state(), "batches.labels": batches.labels}
                tensors |= {f"{name}.{key}": v.detach().cpu() for key, v in state.items()}
            document: dict[str, Any] = {
                "identity": self.identity,
                "seeds": seeds,
                "stage": number,
                "done": done,
                "ended": ended,
                "scores": scores,
                "nets": nets,
            }
            if holds_model(self.folder):
                self._read()  # raises an error if another fit has written there
            write_model(self.folder, document, tensors)
            now = perf_counter()
            rests_until = now + (now - started) * (1 / WRITING_SHARE - 1)

        return write

    def _kept(self, number: int, scores: list[float], n_runs: int) -> dict[str, int]:
        """Indices of the saved runs, by name: the one under way, and others that may be kept."""
        wanted = {under_way(number, scores, n_runs)}
        if number < n_runs:
            kinds = [range(kind, len(scores), self.n_kinds) for kind in range(self.n_kinds)]
            wanted |= {max(kind, key=lambda i: scores[i]) for kind in kinds if kind}
        return {f"run{i}": i for i in sorted(wanted)}


def under_way(number: int, scores: list[float], n_runs: int) -> int:
    """The run that a stage trains: the first run at the start, and the best one at the end."""
    return max(number, 0) if number < n_runs else int(np.argmax(scores))


def _restore_run(run: Run, document: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
    """Load the state of a run, or raise an error that says why it does not fit."""
    net, batches = run
    batches.rng.set_state(tensors.pop("batches.rng"))
    labels = tensors.pop("batches.labels")
    restore_net(net, document, tensors, batches.encoding.shape)
    if labels.shape != batches.labels.shape or labels.dtype != batches.labels.dtype:
        raise ValueError("labels are not of these rows")
    if not ((labels >= -1) & (labels < max(1, len(net.clusters)))).all():
        raise ValueError("labels are of no cluster")
    batches.labels.copy_(labels)
    for row in net.history:
        is_read = net.code.categorical and "contrast" not in row
        needed = {"labels_changed"} if is_read else set()
        needed |= {"code_entropy"} if "mutual_information" in row else set()
        values = [row[name] for name in MEASURES if name in row]
        if not needed <= row.keys() or not all(isinstance(value, int | float) for value in values):
            raise ValueError("history is not that of a training")
