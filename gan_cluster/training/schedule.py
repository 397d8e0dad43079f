"""The stages of training as data, and the schedule that runs them; it knows no estimator.

A whole fit first looks at rows where that helps, lets clusters form in several runs or, after a
look, in several heads, judges them and chooses the best, and then lets the generator join it to
learn to draw. The game alone is one stage, of one run.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.utils import Bunch
from skorch.callbacks import Callback

from gan_cluster._seeds import seeds
from gan_cluster.training.batches import Batches, held_rows
from gan_cluster.training.callbacks import FallingRates, Forecast, Progress, Settled
from gan_cluster.training.checkpoint import LOOKING, Checkpoint, Run, Standing, under_way
from gan_cluster.training.heads import add_rivals, has_rivals, keep_head, scores_of_heads
from gan_cluster.training.inference import view_of
from gan_cluster.training.judging import EARNED, Jury
from gan_cluster.training.labels import Labels
from gan_cluster.training.neighbors import View, nearest_rows
from gan_cluster.training.net import AdversarialNet
from gan_cluster.training.processes import ALONE, Processes
from gan_cluster.training.random import (
    default_generator_kept,
    go_on_from,
    torch_generator,
)
from gan_cluster.training.recipe import STAGE_STEPS, Recipe
from gan_cluster.training.state import net_state, restore_net
from gan_cluster.training.storage import Block, deal, read


@dataclass(frozen=True)
class Stage:
    """Epochs of a training in a row."""

    label: str  # for the progress bar
    epochs: int
    plays: bool  # whether the generator takes part, or the consistency term is all there is
    looks_near: bool  # whether twins may be made of near rows
    falls: bool  # whether learning rates fall to zero over the epochs
    forms: bool = False  # whether clusters have yet to form
    looks: bool = False  # whether the observer learns to see, and nothing else


class Stages(NamedTuple):
    """What a recipe asks for: the stages of a whole fit, and the one of a fitted net trained on."""

    looking: Stage | None  # a trunk looks at rows
    forming: Stage  # clusters form, in each run; or the game alone, which is all there is
    trying: Stage  # what the best run becomes with clusters of equal sizes, and of others
    drawing: Stage | None  # the generator joins the best run, and learns to draw
    going_on: Stage


def stages_of(recipe: Recipe) -> Stages:
    """The stages as data.

    Once the generator has joined, twins are made of the row itself alone, unless nothing would
    change it: a near row may be of another cluster, which only does good while clusters form.
    """
    assert recipe.length is not None
    length, near = recipe.length, not recipe.changes_rows
    is_all = not length.drawing
    looking = Stage("looking at rows", length.looking, False, False, True, forms=True, looks=True)
    label = "training" if is_all else "forming clusters"
    return Stages(
        looking if length.looking else None,
        Stage(label, length.forming, is_all, looks_near=True, falls=is_all, forms=not is_all),
        Stage("trying sizes", length.trying, False, False, falls=True),
        None if is_all else Stage("learning to draw", length.drawing, True, near, falls=True),
        Stage("training on", length.more, True, near, falls=True),
    )


class Schedule:
    """Runs the stages of training on rows X (n_samples, n_features), as a recipe says.

    Callbacks of skorch are called in every stage; one with a true attribute ``stopped`` ends the
    whole fit. With a checkpoint the state of :meth:`fit` is kept. With labels clusters of classes
    have the numbers of those, and once the generator has joined, labelled rows teach Q.
    ``net_class`` says what a step is. After :meth:`fit`, ``interrupt`` is the KeyboardInterrupt
    that ended it early, or None.
    """

    def __init__(
        self,
        recipe: Recipe,
        X: np.ndarray,
        *,
        processes: Processes = ALONE,
        verbose: bool = False,
        callbacks: Sequence[Callback] = (),
        checkpoint: Checkpoint | None = None,
        labels: Labels | None = None,
        net_class: type[AdversarialNet] = AdversarialNet,
    ):
        assert recipe.length is not None
        self.recipe, self.length, self.stages = recipe, recipe.length, stages_of(recipe)
        self.X = X
        self.processes = processes
        self.verbose = verbose and processes.rank == 0
        self.forecast = Forecast()
        self.callbacks = list(callbacks)
        self.checkpoint = checkpoint
        self.labels = labels
        self.net_class = net_class
        self.interrupt: KeyboardInterrupt | None = None

    @property
    def n_epochs(self) -> int:
        """Epochs of a whole fit, those of all runs together."""
        forming = self.length.forming * self.length.n_runs
        return self.length.looking + forming + self.length.drawing

    def _later(self, number: int | None) -> int:
        """Epochs of the stages that come after one, by its number."""
        runs = self.length.n_runs
        if number is None or number == runs:
            return 0
        return self.length.forming * (runs - 1 - number) + self.length.drawing

    def prepare(
        self, random_state: Any, whole: bool = True, drawn: list[int] | None = None
    ) -> list[Run]:
        """Make the runs of a fit, untrained: each a net, and the rows in an order of its own.

        Where it is not a whole fit, there is one run, and no look at rows before. Seeds may have
        been drawn before.
        """
        resumed = drawn or (self.checkpoint.seeds if self.checkpoint else None)
        chosen = resumed or seeds(random_state, (self.length.n_runs if whole else 1) + 1)
        self.seeds = self.processes.agreed(chosen)
        first, *others = self.seeds
        looks_first = whole and self.stages.looking is not None
        batches = self.batches(torch_generator(first), looks_near=not looks_first)
        self.runs = [self._new_run(i, seed, batches) for i, seed in enumerate(others)]
        return self.runs

    def _new_run(self, number: int, seed: int, batches: Batches) -> Run:
        build_seed, batch_seed, step_seed = seeds(seed, 3)
        rng = torch_generator(step_seed + self.processes.rank, self.recipe.device)
        net = self.recipe.of_run(number).make_net(build_seed, rng, self.net_class)
        return Run(net, batches.reseeded(torch_generator(batch_seed)))

    def batches(self, rng: torch.Generator, looks_near: bool) -> Batches:
        """Batches of X, with near rows where twins are made of those."""
        recipe, batch_size = self.recipe, self.length.batch_size
        blocks = deal(self.X, batch_size, rng)
        near = self._near(blocks, rng) if looks_near else None
        return Batches(
            self.X,
            recipe.encoding,
            batch_size=batch_size,
            rng=rng,
            device=recipe.device,
            blocks=blocks,
            near=near,
            processes=self.processes,
            held=held_rows(self.X, recipe.encoding, recipe.device),
        )

    def _near(
        self, blocks: list[Block], rng: torch.Generator, view: View | None = None
    ) -> list[np.ndarray] | None:
        """For each block the rows of which twins may be made; None where twins are of the row."""
        recipe, n_neighbors = self.recipe, self.recipe.objective.n_neighbors
        if not (recipe.objective.is_consistent and n_neighbors):
            return None
        size: Any = n_neighbors
        return [
            nearest_rows(read(self.X, block), recipe.encoding, size, rng, recipe.device, view)
            for block in blocks
        ]

    def fit(self) -> Run:
        """Run all stages on the runs that were prepared; return the one that is kept.

        After an interrupt it is the best so far, as it stands.
        """
        looking, forming, _, drawing, _ = self.stages
        compared = len(self.runs) > 1
        judges = compared or self.length.n_heads > 1 or self._groups or self.recipe.mixtures
        scores: list[float] = []
        begun = 0 if looking is None else LOOKING
        if self.checkpoint and self.checkpoint.seeds is not None:
            begun, scores = self.checkpoint.stage, self.checkpoint.scores
        if begun < len(self.runs):
            self._add_rivals()
        if self.checkpoint:
            self.checkpoint.restore(self.runs)
        chosen = self.runs[under_way(begun, scores, len(self.runs))]
        jury = None
        try:
            if begun == LOOKING and looking is not None:
                self._train(chosen, looking, LOOKING)
            if looking is not None:
                self._show(begun)
            jury = self._jury(chosen.net) if judges else None
            for i, run in list(enumerate(self.runs))[max(begun, 0) :]:
                label = f"{forming.label} {i + 1}/{len(self.runs)}"
                self._train(run, replace(forming, label=label), i, scores)
                self._choose_head(run, jury, self.processes)
                self._merge(run, jury)
                scores.append(jury.score(run.net) if jury is not None and compared else 0.0)
                if self._stopped:
                    break
            chosen = self.runs[int(np.argmax(scores))]
            if drawing is not None and not self._stopped:
                if jury is not None and begun < len(self.runs) and not jury.teach(chosen.net):
                    self._size(chosen, jury)
                self._train(chosen, drawing, len(self.runs), scores)
        except KeyboardInterrupt as error:
            chosen = self.runs[int(np.argmax(scores)) if scores else 0]
            if not chosen.net.history:
                raise
            self.interrupt = error
            if chosen.net.looking:
                self._show(begun)
            if jury is None and judges:
                jury = self._jury(chosen.net)
            chosen.net.refresh_statistics(chosen.batches)
            if not scores:
                self._choose_head(chosen, jury, ALONE)  # others may have ended
                self._merge(chosen, jury)
        chosen.net.playing, chosen.net.forming, chosen.net.looking = True, False, False
        return chosen

    def find_number(self, max_clusters: int) -> tuple[Bunch, int, np.ndarray]:
        """Let the codes of the first run form; what these say of each number of clusters.

        That is a curve, the number that is best by it, and a tree, as
        :func:`~gan_cluster.training.numbers.cluster_numbers` gives them.
        """
        looking, forming = self.stages[:2]
        if looking is not None:
            self._train(self.runs[0], looking)
            self._show(LOOKING)
        self._train(self.runs[0], replace(forming, label="finding the number of clusters"))
        net = self.runs[0].net
        return self.processes.agreed(self._jury(net).numbers(net, max_clusters))

    def _show(self, begun: int) -> None:
        """Let Q, unless it has begun, start from what its observer saw; seek near rows by that."""
        ((net, batches),) = self.runs
        if begun == LOOKING:
            net.see()
        view, rng = view_of(net, self.recipe.encoding), torch_generator(self.seeds[0])
        self.runs = [Run(net, batches.beside(self._near(batches.blocks, rng, view)))]

    def go_on(self, net: AdversarialNet, rng: torch.Generator) -> None:
        """Train a fitted net on: the game once more, with rates that fall."""
        stage = self.stages.going_on
        self._train(Run(net, self.batches(rng, stage.looks_near)), stage)

    def chunk(
        self, net: AdversarialNet, rng: torch.Generator, merges: bool, batches: Batches | None
    ) -> bool:
        """One epoch over a chunk of rows: clusters form in the first steps, then comes the game.

        How long it goes on is not known, so rates do not fall, and where codes are finer than
        clusters they are merged anew to be read.

        Parameters
        ----------
        net : AdversarialNet
        rng : torch.Generator
            Of the order of rows.
        merges : bool
            Whether codes were still merged anew after the chunk before.
        batches : Batches or None
            Those that were prepared for the first chunk.

        Returns
        -------
        merges : bool
            Whether they still are.
        """
        recipe, forms = self.recipe, self._forms(net)
        merges = merges and (forms or not recipe.objective.is_consistent)
        near = forms or not recipe.changes_rows
        stage = Stage("partial_fit", 1, not forms, near, falls=False, forms=forms)
        if batches is None:
            batches = self.batches(rng, stage.looks_near)
        known = net.clusters.groups
        if merges:
            net.clusters.regroup(None)
        self._train(Run(net, batches), stage)
        if merges:
            self._jury(net).merge(net, known)
        return merges

    def _forms(self, net: AdversarialNet) -> bool:
        """Whether clusters still form chunk by chunk.

        They have as many steps for it as in a whole fit, unless the generator has joined before.
        """
        steps, joined = net.steps_
        return self.recipe.objective.is_consistent and not joined and steps < STAGE_STEPS

    @property
    def _stopped(self) -> bool:
        return any(getattr(callback, "stopped", False) for callback in self.callbacks)

    def _jury(self, net: AdversarialNet) -> Jury:
        return Jury.of(net, self.recipe, self.X, self.labels)

    @property
    def _groups(self) -> bool:
        """Whether clusters are made of codes: where those are finer, or labels number clusters."""
        return self.recipe.merges or self.labels is not None

    def _add_rivals(self) -> None:
        """Let clusters of each run form in several heads, if that is asked for."""
        if self.length.n_heads > 1:
            for run, seed in zip(self.runs, self.seeds[1:], strict=True):
                *_, head_seed = seeds(seed, 4)  # after those that the run was made with
                add_rivals(run, self.length.n_heads - 1, torch_generator(head_seed))

    def _choose_head(self, run: Run, jury: Jury | None, processes: Processes) -> None:
        """Of several heads keep the one with the best clusters, the same in all processes."""
        if jury is not None and has_rivals(run.net):
            scores = processes.agreed(scores_of_heads(run.net, jury, self._groups))
            run.net.history.record("head_scores", scores)
            keep_head(run, int(np.argmax(scores)))

    def _merge(self, run: Run, jury: Jury | None) -> None:
        """Make clusters of a run's codes, where that is to be done."""
        if self._groups and jury is not None:
            run.batches.regroup(jury.merge(run.net))

    def _size(self, run: Run, jury: Jury) -> None:
        """Make clusters of equal sizes, if twins are then nearly as often of one cluster.

        Both are tried on copies of the run. Sizes that follow the rows let clusters that are hard
        to tell apart become one, so that they have to be clearly better.
        """
        if not self.recipe.tries_sizes:
            return
        equal, free = (self._disagreement(run, jury, are_equal) for are_equal in (True, False))
        if self.processes.agreed(equal <= EARNED * free):
            run.net.clusters.equalise()

    def _disagreement(self, run: Run, jury: Jury, are_equal: bool) -> float:
        """How often twins are of different clusters, after some training of a copy."""
        rng = torch_generator(0, self.recipe.device)
        recipe = self.recipe.with_codes(run.net.clusters.n_codes)
        net = recipe.make_net(0, rng, self.net_class)
        restore_net(net, *net_state(run.net), recipe.encoding.shape)
        if are_equal:
            net.clusters.equalise()
        batches = run.batches.reseeded(torch_generator(self.seeds[0]))
        self._train(Run(net, batches), self.stages.trying)
        return jury.disagreement(net)

    def _train(
        self,
        run: Run,
        stage: Stage,
        number: int | None = None,
        scores: Sequence[float] = (),
    ) -> None:
        """Run the loop through a stage; the net keeps no callback, so that it holds no data.

        With its number the stage takes part in the checkpoint.
        """
        net, standing = run.net, Standing()
        batches = run.batches if stage.looks_near else run.batches.alone()
        if self.labels is not None and stage.plays:  # before, there is no cluster of a class
            batches = batches.beside_labels(self.labels)
        if self.checkpoint is not None and number is not None:
            standing = self.checkpoint.standing(number)
            if self.processes.rank == 0:
                before = len(net.history) - standing.done
                write = self.checkpoint.writer(number, self.seeds, self.runs, list(scores))
                net.keep = lambda ended: write(len(net.history) - before, ended)
        net.playing, net.forming, net.looking = stage.plays, stage.forms, stage.looks
        net.processes = self.processes
        net.callbacks = self._callbacks_of(run, stage, standing.done, self._later(number))
        if not standing.done:
            net.reset_rates()
        net.initialize_callbacks()
        ran_out = False
        try:
            with self._users_numbers(net, standing.random):
                net.run_epochs(batches, 0 if standing.ended else stage.epochs - standing.done)
                if stage.looks:
                    self.processes.average(net.observer_.buffers())
                else:
                    net.refresh_statistics(batches)
        except KeyboardInterrupt:
            if net.history and "seconds" not in net.history[-1]:
                del net.history[-1]  # the epoch did not end
            raise
        except torch.OutOfMemoryError:
            ran_out = True  # what the step held is freed once this is left
        finally:
            net.callbacks, net.callbacks_ = None, []
            net.processes, net.keep = ALONE, None
        if ran_out:
            raise MemoryError(_what_fits(net, batches))

    @contextmanager
    def _users_numbers(self, net: AdversarialNet, state: torch.Tensor | None) -> Iterator[None]:
        """While code of the user's may draw from torch's global generator, it goes by our seed."""
        if not self.recipe.runs_users_code:
            yield
            return
        with default_generator_kept(net.rng.device) as users:
            if state is None:
                users.manual_seed(net.rng.initial_seed())
            else:
                go_on_from(users, state)
            yield

    def _callbacks_of(self, run: Run, stage: Stage, done: int, later: int) -> list[Callback]:
        net, n_steps = run.net, len(run.batches)
        is_trial = stage is self.stages.trying
        callbacks = [] if is_trial else list(self.callbacks)
        if stage.falls:
            callbacks.insert(0, FallingRates(stage.epochs * n_steps, done * n_steps))
        if self.verbose:
            callbacks.append(Progress(stage.epochs, stage.label, self.forecast, done, later))
        rests = net.code.categorical and not stage.looks and not is_trial
        if self.recipe.n_iter_no_change is not None and rests:
            seen = net.history[len(net.history) - done :]
            least = self.length.settling if stage is self.stages.drawing else 0
            callbacks.append(Settled(self.recipe.tol, self.recipe.n_iter_no_change, seen, least))
        return callbacks


def _what_fits(net: AdversarialNet, batches: Batches) -> str:
    """A sentence on a step that the device had no memory for, and on one that it has."""
    said = f"batch_size={batches.batch_size} needs more memory than {net.device!r} has"
    size = batches.batch_size // 2
    while size > 1:
        torch.cuda.empty_cache()
        shape = size, *batches.encoding.shape
        rows = torch.zeros(shape, dtype=torch.float32, device=net.device)
        try:
            net.train_step((rows, rows))
        except torch.OutOfMemoryError:
            size //= 2
        else:
            return f"{said}: batch_size={size} would fit"
    return f"{said}, and no smaller one would fit: lower width"
