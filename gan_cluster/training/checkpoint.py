"""Where a fit stands, in a folder that is written as it goes and that a later fit reads."""

import os
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import torch

from gan_cluster._folder import CorruptModelError, holds_model, read_model, write_model
from gan_cluster.training.batches import Batches
from gan_cluster.training.net import AdversarialNet
from gan_cluster.training.random import default_generator
from gan_cluster.training.state import net_state, restore_net

WRITING_SHARE = 0.1  # of the time, at most; an epoch of few rows is done sooner than written


class Run(NamedTuple):
    """A net and the rows that it is trained on."""

    net: AdversarialNet
    batches: Batches


class Standing(NamedTuple):
    """How far a stage came in a fit that was killed."""

    done: int = 0  # epochs that are behind it
    ended: bool = False  # whether it had come to rest with these
    random: torch.Tensor | None = None  # of torch's global generator; None seeds it anew


class Checkpoint:
    """The state of a fit, on disk.

    Parameters
    ----------
    folder : path
        Made by the first write where it is not there; its parent must exist.
    identity : str
        Tells this fit from others.

    Attributes
    ----------
    seeds : list of int or None
        Of the fit that is gone on with; None where there is none.
    stage : int
        The training that was under way.
    scores : list of float
        Of the trainings that were done before.

    Raises a ValueError if the folder holds the state of another fit, or a damaged one. Raises a
    FileNotFoundError if the folder that it is to be in is not there.
    """

    def __init__(self, folder: str | os.PathLike, identity: str):
        self.folder, self.identity = Path(folder), identity
        self.seeds: list[int] | None = None
        self.stage, self.scores = 0, list[float]()
        self._standing = Standing()
        if not self.folder.absolute().parent.is_dir():
            raise FileNotFoundError(f"checkpoint_dir={str(folder)!r}: there is no folder for it")
        if not holds_model(self.folder):
            return
        self._document, self._tensors = read_model(self.folder)
        if self._document.get("identity") != identity:
            raise ValueError(
                f"checkpoint_dir={str(folder)!r} holds the state of another fit: parameters or X "
                "are not the same; give another folder, or remove that one"
            )
        try:
            self.seeds = [int(seed) for seed in self._document["seeds"]]
            self.stage, done = int(self._document["stage"]), int(self._document["done"])
            self.scores = list(self._document["scores"])
            random = self._tensors["random.torch"] if done else None
            self._standing = Standing(done, bool(self._document["ended"]), random)
        except (KeyError, TypeError, ValueError) as error:
            raise CorruptModelError(f"{folder} holds no state of a fit: {error!r}") from error

    def restore(self, runs: list[Run]) -> None:
        """Put the state that was read into the trainings that it is of."""
        if self.seeds is None:
            return
        for name, index in self._document["runs"].items():
            (net, batches), prefix = runs[index], f"{name}."
            tensors = {
                key.removeprefix(prefix): value
                for key, value in self._tensors.items()
                if key.startswith(prefix)
            }
            batches.rng.set_state(tensors.pop("batches.rng"))
            batches.labels.copy_(tensors.pop("batches.labels"))
            restore_net(net, self._document["nets"][name], tensors)

    def standing(self, number: int) -> Standing:
        """How far a stage had come."""
        under_way = self.seeds is not None and number == self.stage
        return self._standing if under_way else Standing()

    def writer(
        self, number: int, seeds: list[int], runs: list[Run], scores: list[float]
    ) -> Callable[[int, bool], None]:
        """What writes, after an epoch of a stage, where the fit stands.

        Told how many epochs are done and whether that was the last. It keeps the training that is
        under way and the best so far, and skips an epoch if writing would take too much of the
        time.
        """
        wanted = {number, int(np.argmax(scores))} if scores else {number}
        kept = {f"run{i}": i for i in wanted if i < len(runs)}
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
                "runs": kept,
                "nets": nets,
            }
            write_model(self.folder, document, tensors)
            now = perf_counter()
            rests_until = now + (now - started) * (1 / WRITING_SHARE - 1)

        return write
