"""Where a fit stands, in a folder that is written every few epochs and that a later fit reads."""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gan_cluster._folder import CorruptModelError, holds_model, read_model, write_model
from gan_cluster.training.data import Batches
from gan_cluster.training.net import AdversarialNet
from gan_cluster.training.random import default_generator
from gan_cluster.training.state import net_state, plain, restore_net
from gan_cluster.training.storage import read

Run = tuple[AdversarialNet, Batches]

SAMPLED_ROWS = 1_000
IRRELEVANT = {"callbacks", "checkpoint_dir", "checkpoint_every", "device", "verbose"}
READING = {"layers", "pooling", "normalize", "n_components"}  # of networks that are trained


def identity(parameters: dict[str, Any], X: np.ndarray) -> str:
    """What two fits must share for one to go on with the other: parameters, and rows of X."""
    free = IRRELEVANT | READING
    given = {k: repr(_said(v)) for k, v in parameters.items() if k not in free}
    rows = np.ascontiguousarray(read(X, slice(None, None, ceil(len(X) / SAMPLED_ROWS))))
    said = json.dumps([given, X.shape, str(X.dtype)], sort_keys=True)
    return hashlib.sha256(said.encode() + rows.tobytes()).hexdigest()


def _said(value: Any) -> Any:
    """A parameter as far as it can be written down; functions and classes by their names."""
    if isinstance(value, partial):
        return _said([value.func, value.args, sorted(value.keywords.items())])
    if isinstance(value, list | tuple):
        return [_said(part) for part in value]
    name = getattr(value, "__qualname__", type(value).__qualname__)
    return f"{value.__module__}.{name}" if callable(value) else plain(value)


@dataclass
class Stage:
    """Epochs of a training in a row, of which some may be done before.

    Attributes
    ----------
    label : str
        For the progress bar.
    planned, epochs : int
        How many there are to be, and how many there are if it ended early.
    callbacks : list of skorch callbacks
    falls : bool, default=False
        Whether learning rates fall to zero over the planned epochs.
    done : int
        How many a fit that was killed has left behind.
    random : Tensor, default=None
        State of torch's global generator, from which a user's own networks draw; seeded anew
        where there is none.
    write : callable, default=None
        Told after each epoch how many are done and whether that was the last.
    """

    label: str
    planned: int
    callbacks: list
    falls: bool = False
    done: int = 0
    random: torch.Tensor | None = None
    write: Callable[[int, bool], None] | None = None

    def __post_init__(self) -> None:
        self.epochs = self.planned


class Checkpoint:
    """The state of a fit, on disk.

    Parameters
    ----------
    folder : path
        Made by the first write where it is not there; its parent must exist.
    every : int
        Epochs after which the state is written; it also is at the end of a stage.
    identity : str
        Tells this fit from others.

    Attributes
    ----------
    seeds : list of int or None
        Of the fit that is gone on with; None where there is none.
    stage, done, ended : int, int, bool
        The training that was under way, its epochs, and whether it had come to rest.
    scores : list of float
        Of the trainings that were done before.

    Raises
    ------
    ValueError
        If the folder holds the state of another fit, or a damaged one.
    FileNotFoundError
        If the folder that it is to be in is not there.
    """

    def __init__(self, folder: str | os.PathLike, every: int, identity: str):
        self.folder, self.every, self.identity = Path(folder), every, identity
        self.seeds: list[int] | None = None
        self.stage, self.done, self.ended = 0, 0, False
        self.scores: list[float] = []
        if not self.folder.absolute().parent.is_dir():
            raise FileNotFoundError(f"checkpoint_dir={str(folder)!r}: there is no folder for it")
        if not holds_model(self.folder):
            return
        self._found, self._tensors = read_model(self.folder)
        if self._found.get("identity") != identity:
            raise ValueError(
                f"checkpoint_dir={str(folder)!r} holds the state of another fit: parameters or X "
                "are not the same; give another folder, or remove that one"
            )
        try:
            self.seeds = [int(seed) for seed in self._found["seeds"]]
            self.stage, self.done = int(self._found["stage"]), int(self._found["done"])
            self.ended, self.scores = bool(self._found["ended"]), list(self._found["scores"])
        except (KeyError, TypeError, ValueError) as error:
            raise CorruptModelError(f"{folder} holds no state of a fit: {error!r}") from error

    def restore(self, runs: list[Run]) -> None:
        """Put the state that was found into the trainings that it is of."""
        if self.seeds is None:
            return
        for name, index in self._found["runs"].items():
            (net, batches), prefix = runs[index], f"{name}."
            mine = {
                key.removeprefix(prefix): value
                for key, value in self._tensors.items()
                if key.startswith(prefix)
            }
            batches.rng.set_state(mine.pop("batches.rng"))
            batches.labels.copy_(mine.pop("batches.labels"))
            restore_net(net, self._found["nets"][name], mine)

    def enter(
        self, number: int, stage: Stage, seeds: list[int], runs: list[Run], scores: list[float]
    ) -> None:
        """Let a stage go on where it stood, and write where it stands."""
        if self.seeds is not None and number == self.stage:
            stage.done = self.done
            if self.done:
                stage.random = self._tensors["random.torch"]
            stage.epochs = self.done if self.ended else stage.planned
        wanted = {number, int(np.argmax(scores))} if scores else {number}
        kept = {f"run{i}": i for i in wanted if i < len(runs)}

        def write(done: int, ended: bool) -> None:
            if done % self.every and not ended:
                return
            device = runs[0][0].rng.device
            nets, tensors = {}, {"random.torch": default_generator(device).get_state()}
            for name, index in kept.items():
                net, batches = runs[index]
                nets[name], mine = net_state(net)
                mine |= {"batches.rng": batches.rng.get_state(), "batches.labels": batches.labels}
                tensors |= {f"{name}.{key}": v.detach().cpu() for key, v in mine.items()}
            document = {
                "identity": self.identity,
                "seeds": seeds,
                "stage": number,
                "done": done,
                "ended": ended,
                "scores": scores,
                "runs": kept,
                "nets": nets,
            }
            write_model(self.folder, document, tensors)

        if runs[0][1].processes.rank == 0:
            stage.write = write
