"""The stages of training as data, and the schedule that runs them, without the estimators.

A fit has these stages: contrastive learning, for photographs; the first stage, in which clusters
form, in several runs or heads, of which the best is chosen; and the second stage, in which the
generator is trained. Without the consistency term there is one stage, with one run.
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
from gan_cluster.training.judging import Jury, fair_scores
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
    """A number of epochs with the same settings."""

    label: str  # for the progress bar
    epochs: int
    plays: bool  # whether the generator is trained, or there is only the consistency term
    looks_near: bool  # whether twins may be made from near rows
    falls: bool  # whether learning rates fall to zero over the epochs
    forms: bool = False  # whether this is a stage in which clusters form
    looks: bool = False  # whether only the observer is trained
    share: float = 1.0  # of Q's learning rate


class Stages(NamedTuple):
    """The stages of a recipe: those of a fit, and one to train a fitted net further."""

    looking: Stage | None  # contrastive learning
    forming: Stage  # clusters form, in each run; or the only stage, without the consistency term
    trying: Stage  # copies of the best run, with equal and with other sizes of clusters
    drawing: Stage | None  # the generator of the best run is trained
    going_on: Stage  # further training of a fitted net


def stages_of(recipe: Recipe) -> Stages:
    """The stages of a recipe as data.

    When the generator is trained, twins are made from the row itself only, unless ``augment`` does
    not change rows: a near row may be in another cluster, which only helps while clusters form.
    """
    assert recipe.length is not None
    length, near, share = recipe.length, not recipe.changes_rows, recipe.length.refining
    is_all = not length.drawing
    looking = Stage("looking at rows", length.looking, False, False, True, forms=True, looks=True)
    drawing = Stage("learning to draw", length.drawing, True, near, falls=True, share=share)
    label = "training" if is_all else "forming clusters"
    return Stages(
        looking if length.looking else None,
        Stage(label, length.forming, is_all, looks_near=True, falls=is_all, forms=not is_all),
        Stage("trying sizes", length.trying, False, False, falls=True, share=share),
        None if is_all else drawing,
        Stage("training on", length.more, True, near, falls=True, share=share),
    )


class Schedule:
    """Runs the stages of a recipe on rows X (n_samples, n_features).

    Callbacks of skorch are called in every stage; if one has a true attribute ``stopped``, the
    whole fit ends. With a checkpoint, the state of :meth:`fit` is saved. With labels, clusters have
    the numbers of their classes, and labelled rows train Q in the second stage. ``net_class``
    defines a step. After :meth:`fit`, ``interrupt`` is the KeyboardInterrupt that ended it, or
    None.
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
        """Number of epochs of a fit, for all runs together."""
        forming = self.length.forming * self.length.n_runs
        return self.length.looking + forming + self.length.drawing

    def _later(self, number: int | None) -> int:
        """Number of epochs of the stages after the one with this number."""
        runs = self.length.n_runs
        if number is None or number == runs:
            return 0
        return self.length.forming * (runs - 1 - number) + self.length.drawing

    def prepare(
        self, random_state: Any, whole: bool = True, drawn: list[int] | None = None
    ) -> list[Run]:
        """Make the untrained runs of a fit: for each a net, and batches in another order.

        If it is not a ``whole`` fit, there is one run, and no contrastive learning. ``drawn`` are
        seeds that were drawn before.
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
        """Batches of X, with near rows if twins are made from them."""
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
        """For each block the near rows for twins; None if twins are made from the row itself."""
        recipe, size = self.recipe, self.length.n_neighbors
        if not (recipe.objective.is_consistent and size):
            return None
        return [
            nearest_rows(read(self.X, block), recipe.encoding, size, rng, recipe.device, view)
            for block in blocks
        ]

    def fit(self) -> Run:
        """Run all stages on the prepared runs; return the run that is kept.

        After an interrupt, this is the best run so far.
        """
        recipe, (looking, forming, _, drawing, _) = self.recipe, self.stages
        compared = len(self.runs) > 1
        judges = compared or self.length.n_heads > 1 or self._groups or recipe.mixtures
        scores, nets = list[float](), [run.net for run in self.runs]
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
                epochs = 0 if self._stopped else forming.epochs
                self._train(run, replace(forming, label=label, epochs=epochs), i, scores)
                self._choose_head(run, jury, self.processes)
                self._merge(run, jury)
                scores.append(jury.score(run.net) if jury is not None and compared else 0.0)
                if self._stopped:
                    break
            scores = fair_scores(scores, nets, recipe)
            chosen = self.runs[int(np.argmax(scores))]
            if drawing is not None and not self._stopped:
                if jury is not None and begun < len(self.runs) and not jury.teach(chosen.net):
                    self._size(chosen, jury)
                self._train(chosen, drawing, len(self.runs), scores)
        except KeyboardInterrupt as error:
            chosen = self.runs[int(np.argmax(fair_scores(scores, nets, recipe))) if scores else 0]
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
        """Train the codes of the first run, and find the number of clusters from them.

        Returns criteria, the number and a tree, as from
        :func:`~gan_cluster.training.numbers.cluster_numbers`.
        """
        looking, forming = self.stages[:2]
        if looking is not None:
            self._train(self.runs[0], looking)
            self._show(LOOKING)
        self._train(self.runs[0], replace(forming, label="finding the number of clusters"))
        net = self.runs[0].net
        return self.processes.agreed(self._jury(net).numbers(net, max_clusters))

    def _show(self, begun: int) -> None:
        """Start Q, unless it has begun, from the observer, and find near rows by its features."""
        ((net, batches),) = self.runs
        if begun == LOOKING:
            net.see()
        view, rng = view_of(net, self.recipe.encoding), torch_generator(self.seeds[0])
        self.runs = [Run(net, batches.beside(self._near(batches.blocks, rng, view)))]

    def go_on(self, net: AdversarialNet, rng: torch.Generator) -> None:
        """Train a fitted net further, like in the second stage, with falling learning rates."""
        stage = self.stages.going_on
        self._train(Run(net, self.batches(rng, stage.looks_near)), stage)

    def chunk(
        self, net: AdversarialNet, rng: torch.Generator, merges: bool, batches: Batches | None
    ) -> bool:
        """One epoch over a chunk: clusters form in the first steps, then the generator is trained.

        The number of chunks is not known, so learning rates do not fall. If there are several codes
        for each cluster, they are merged again after each chunk while clusters form.

        Parameters
        ----------
        net : AdversarialNet
        rng : torch.Generator
            Random numbers for the order of rows.
        merges : bool
            Whether codes were merged again after the previous chunk.
        batches : Batches or None
            Batches that were prepared for the first chunk.

        Returns
        -------
        merges : bool
            Whether codes were merged again after this chunk.
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
        """Whether clusters still form in this chunk.

        They have as many steps for this as in a fit, unless the generator was already trained.
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
        """Whether codes are grouped: there are more codes than clusters, or there are labels."""
        return self.recipe.merges or self.labels is not None

    def _add_rivals(self) -> None:
        """Add heads to each run, if the recipe has several."""
        if self.length.n_heads > 1:
            for run, seed in zip(self.runs, self.seeds[1:], strict=True):
                *_, head_seed = seeds(seed, 4)  # after those that the run was made with
                add_rivals(run, self.length.n_heads - 1, torch_generator(head_seed))

    def _choose_head(self, run: Run, jury: Jury | None, processes: Processes) -> None:
        """Keep the head with the best score, the same one in all processes."""
        if jury is not None and has_rivals(run.net):
            scores = processes.agreed(scores_of_heads(run.net, jury, self._groups))
            run.net.history.record("head_scores", scores)
            keep_head(run, int(np.argmax(scores)))

    def _merge(self, run: Run, jury: Jury | None) -> None:
        """Merge a run's codes into clusters, if they are grouped."""
        if self._groups and jury is not None:
            run.batches.regroup(jury.merge(run.net))

    def _size(self, run: Run, jury: Jury) -> None:
        """Use equal sizes of clusters, unless twins then clearly more often differ in cluster.

        Both settings are tried on copies of the run. With sizes that follow the rows, clusters that
        are hard to distinguish can merge. So these sizes have to be clearly better.
        """
        if not self.recipe.tries_sizes:
            return
        equal, free = (self._disagreement(run, jury, are_equal) for are_equal in (True, False))
        if self.processes.agreed(jury.may_be_equal(equal, free)):
            run.net.clusters.equalise()

    def _disagreement(self, run: Run, jury: Jury, are_equal: bool) -> float:
        """How often twins are in different clusters, after further training of a copy."""
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
        """Train a run for a stage; callbacks are removed afterwards, as they may refer to data.

        If ``number`` is given, checkpoints are written for the stage.
        """
        net, standing = run.net, Standing()
        batches = run.batches if stage.looks_near else run.batches.alone()
        if self.labels is not None and stage.plays:  # before this, clusters have no classes
            batches = batches.beside_labels(self.labels)
        if self.checkpoint is not None and number is not None:
            standing = self.checkpoint.standing(number)
            if self.processes.rank == 0:
                before = len(net.history) - standing.done
                write = self.checkpoint.writer(number, self.seeds, self.runs, list(scores))
                net.keep = lambda ended: write(len(net.history) - before, ended)
        net.playing, net.forming, net.looking = stage.plays, stage.forms, stage.looks
        net.processes = self.processes
        net.callbacks = self._callbacks_of(run, stage, standing.done, number)
        if not standing.done:
            net.reset_rates(stage.share)
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
            ran_out = True  # memory of the step is freed after this block
        finally:
            net.callbacks, net.callbacks_ = None, []
            net.processes, net.keep = ALONE, None
        if ran_out:
            raise MemoryError(_what_fits(net, batches))

    @contextmanager
    def _users_numbers(self, net: AdversarialNet, state: torch.Tensor | None) -> Iterator[None]:
        """A context in which torch's global generator, for code of the user, has our seed."""
        if not self.recipe.runs_users_code:
            yield
            return
        with default_generator_kept(net.rng.device) as users:
            if state is None:
                users.manual_seed(net.rng.initial_seed())
            else:
                go_on_from(users, state)
            yield

    def _callbacks_of(
        self, run: Run, stage: Stage, done: int, number: int | None
    ) -> list[Callback]:
        net, n_steps, later = run.net, len(run.batches), self._later(number)
        is_of_fit = number is not None or stage is self.stages.going_on
        is_trial = stage is self.stages.trying
        callbacks = [] if is_trial else list(self.callbacks)
        if stage.falls:
            callbacks.insert(0, FallingRates(stage.epochs * n_steps, done * n_steps))
        if self.verbose:
            forecast = self.forecast if is_of_fit else None
            callbacks.append(Progress(stage.epochs, stage.label, forecast, done, later))
        rests = net.code.categorical and not stage.looks and not is_trial
        if self.recipe.n_iter_no_change is not None and rests:
            seen = net.history[len(net.history) - done :]
            least = self.length.settling if stage is self.stages.drawing else 0
            callbacks.append(Settled(self.recipe.tol, self.recipe.n_iter_no_change, seen, least))
        return callbacks


def _what_fits(net: AdversarialNet, batches: Batches) -> str:
    """An error message about too little memory, with a batch size that would fit."""
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
