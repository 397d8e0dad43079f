"""From parameters and rows to trainings: what they are made of, and the stages they go through."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from gan_cluster._checkpoint import Checkpoint, Run, Stage, identity
from gan_cluster._latent import LatentGAN
from gan_cluster._parameters import FREE, STAGE_STEPS
from gan_cluster._validation import (
    Rows,
    check_fit_rows,
    check_scale,
    check_share,
    resolve_architecture,
)
from gan_cluster.networks import Discriminator, build_networks
from gan_cluster.objectives import Objective
from gan_cluster.training.callbacks import FallingRates, LateContrast, Progress, Settled
from gan_cluster.training.data import Batches, Encoding, held_rows
from gan_cluster.training.inference import merge_clusters, near_rows
from gan_cluster.training.neighbors import nearest_rows
from gan_cluster.training.net import AdversarialNet
from gan_cluster.training.processes import ALONE, Processes
from gan_cluster.training.random import (
    default_generator_kept,
    globally_seeded,
    go_on_from,
    seeds,
    torch_generator,
)
from gan_cluster.training.storage import deal, read, spread_rows

JUDGED_ROWS = 10_000

Judged = tuple[Encoding, np.ndarray, np.ndarray]


class TrainableGAN(LatentGAN):
    """Makes and trains nets; subclasses say what the code is and what they read off."""

    _merges_late: bool  # whether codes still wait to be merged into clusters

    def _describe(self, batches: Batches) -> None:
        """Set the fitted attributes that come from looking at the training rows."""
        raise NotImplementedError

    def _check_built(self, discriminator: Discriminator) -> None:
        """Last look before training, at the networks as they were built."""

    def _prepare(
        self, rows: Rows, rng: torch.Generator, processes: Processes, device: str
    ) -> Callable[[int], Run]:
        """Resolve every parameter against the data, once; return what makes a run from a seed."""
        categorical = self._categorical()
        check_share(min(self.batch_size, len(rows.X)), processes.count)
        check_fit_rows(rows.X, categorical[0] if categorical else 1)
        architecture, shape = resolve_architecture(self.architecture, rows, self.depth)
        self.device_ = device
        self._remember_parameters()
        self._encoding = Encoding.from_data(rows.X, shape, rows.channels_last)
        check_scale(self._encoding.scale, self._encoding.center)
        objective = self._objective(rows.X, self._encoding)
        self._row_shape, self._layout = rows.row_shape, rows.layout
        self._order = np.empty(0, dtype=np.int64)
        self._merges_late = self._code(shape).categorical != categorical
        shared = self._batches(rows.X, rng, processes)

        def start(seed: int) -> Run:
            build_seed, batch_seed, step_seed = seeds(seed, 3)
            rng = torch_generator(step_seed + processes.rank, self.device_)
            net = self._new_net(architecture, objective, build_seed, rng)
            return net, shared.reseeded(torch_generator(batch_seed))

        return start

    def _remember_parameters(self) -> None:
        """Those that may not change between two calls of ``partial_fit``."""
        given = self.get_params(deep=False)
        self._trained_params = {name: given[name] for name in given.keys() - FREE}

    def _builder(self, architecture: str | tuple) -> Callable:
        """What makes both networks, given the source of their weights."""
        shape = self._encoding.shape
        code = self._code(shape)
        return partial(
            build_networks,
            architecture,
            shape=shape,
            latent_dim=code.latent_dim,
            posterior_dim=code.posterior_dim,
            # twins teach the layer that reads clusters to look past what continuous codes stand for
            n_apart=code.continuous_dim if self._is_consistent() else 0,
            n_contrasted=code.n_continuous if self.contrastive_weight else 0,
            width=self.width,
            depth=self.depth,
            spectral=self.spectral_norm,
        )

    def _new_net(
        self, architecture: str | tuple, objective: Objective, seed: int, rng: torch.Generator
    ) -> AdversarialNet:
        """An untrained net for rows as they were encoded."""
        net = AdversarialNet(
            build=partial(self._builder(architecture), rng=torch_generator(seed)),
            code=self._code(self._encoding.shape),
            objective=objective,
            rng=rng,
            learning_rates=(self.discriminator_lr, self.generator_lr),
            ema_decay=self.ema_decay,
            precision=self.precision,
            compiled=self.compile,
            device=self.device_,
        )
        with globally_seeded(seed):
            net.initialize()
        self._check_built(net.discriminator_)
        return net

    def _batches(
        self, X: np.ndarray, rng: torch.Generator, processes: Processes, forming: bool = True
    ) -> Batches:
        """Batches of X, with near rows where twins are made of those in that stage."""
        n_neighbors = self._resolved("n_neighbors", self._encoding.shape)
        blocks, near = deal(X, self.batch_size, rng), None
        if self._is_consistent() and n_neighbors and (forming or not self._changes_rows):
            near = [nearest_rows(read(X, b), self._encoding, n_neighbors, rng) for b in blocks]
        given = X, self._encoding, self.batch_size, rng, self.device_, blocks, near
        return Batches(*given, processes, held_rows(X, self._encoding, self.device_))

    def _train(self, net: AdversarialNet, batches: Batches, stage: Stage) -> None:
        """Run the loop; the net keeps no callback, so that it pickles and holds no data."""
        callbacks = [*stage.callbacks, *(self.callbacks or [])]
        if stage.falls:
            n_steps = len(batches)
            callbacks.insert(0, FallingRates(stage.planned * n_steps, stage.done * n_steps))
        net.processes = batches.processes
        before = len(net.history) - stage.done
        if stage.write is not None:
            write = stage.write
            net.keep = lambda ended: write(len(net.history) - before, ended)
        if self.verbose and net.processes.rank == 0:
            callbacks.append(Progress(stage.epochs, stage.label))
        if self.contrastive_weight:
            callbacks.append(LateContrast(stage.planned, stage.done))
        elif self.n_iter_no_change is not None and net.code.categorical:
            callbacks.append(Settled(self.tol, self.n_iter_no_change, net.history[before:]))
        if not stage.done:
            for group, rate in zip(net.optimizer_.param_groups, net.learning_rates, strict=True):
                group["lr"] = group["initial_lr"] = rate
        net.callbacks = callbacks
        net.initialize_callbacks()
        try:
            with default_generator_kept(net.rng.device) as users:
                if stage.random is None:
                    users.manual_seed(net.rng.initial_seed())
                else:
                    go_on_from(users, stage.random)
                net.partial_fit(batches, epochs=stage.epochs - stage.done)
                net.refresh_statistics(batches)
        except KeyboardInterrupt:
            if net.history and "seconds" not in net.history[-1]:
                del net.history[-1]  # the epoch did not end
            raise
        finally:
            net.callbacks, net.callbacks_ = None, []
            net.processes, net.keep = ALONE, None

    def _open_checkpoint(self, X: np.ndarray) -> Checkpoint | None:
        if self.checkpoint_dir is None:
            return None
        same = identity(self.get_params(deep=False), X)
        return Checkpoint(self.checkpoint_dir, self.checkpoint_every, same)

    def _judged(self, X: np.ndarray) -> Judged:
        """The rows by which codes are merged and trainings compared, with those near them."""
        kept = spread_rows(X, JUDGED_ROWS)
        return self._encoding, kept, near_rows(self._encoding, kept)

    def _merge(self, net: AdversarialNet, batches: Batches, judged: Judged | None) -> None:
        """Make clusters of a training's codes, where those are finer."""
        if self._merges_late and judged is not None:
            batches.regroup(merge_clusters(net, *judged, self._categorical()[0]))

    def _forming(self, net: AdversarialNet) -> bool:
        """Whether clusters still form in ``partial_fit``, which cannot know how long it will last.

        They have as many steps for it as in ``fit``, unless the generator has joined before.
        """
        steps, joined = net.steps_
        return self._is_consistent() and not joined and steps < STAGE_STEPS

    @property
    def _changes_rows(self) -> bool:
        """Whether twins need no near rows once clusters have formed.

        They are then made of the row itself alone, unless nothing would change it: a near row may
        be of another cluster, which only does good while clusters form.
        """
        return self.net_.objective.augment != "none"

    def _refine(self, batches: Batches, stage: Stage) -> None:
        """Finish training: the generator joins, rates fall to zero."""
        self.net_.playing = True
        if self._changes_rows:
            batches = batches.alone()
        self._train(self.net_, batches, stage)
