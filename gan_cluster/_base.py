"""How both estimators are trained: fit and partial_fit, restarts, the stages of training."""

import warnings
from collections.abc import Callable
from functools import partial
from math import ceil
from typing import Any, Self

import numpy as np
import torch
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.exceptions import ConvergenceWarning

from gan_cluster._fitted import FittedGAN
from gan_cluster._parameters import FREE
from gan_cluster._validation import (
    Rows,
    check_callbacks,
    check_fit_rows,
    check_scale,
    check_share,
    check_unchanged,
    resolve_architecture,
    resolve_device,
    restored_on_error,
)
from gan_cluster.networks import Discriminator, build_networks
from gan_cluster.objectives import Objective
from gan_cluster.training.callbacks import (
    FallingRates,
    Progress,
    ScikitLearnBridge,
    Settled,
)
from gan_cluster.training.data import Batches, Encoding
from gan_cluster.training.inference import merge_clusters, near_rows, neighbor_joint
from gan_cluster.training.merging import information
from gan_cluster.training.neighbors import nearest_rows
from gan_cluster.training.net import AdversarialNet
from gan_cluster.training.processes import ALONE, Processes, launched
from gan_cluster.training.random import (
    global_state_kept,
    globally_seeded,
    gradients_on,
    seeds,
    torch_generator,
)
from gan_cluster.training.storage import deal, read

JUDGED_ROWS = 10_000

Run = tuple[AdversarialNet, Batches]


class BaseGAN(CallbackSupportMixin, FittedGAN):
    """Base of the estimators; subclasses say what the code is and what they read off."""

    _merges_late: bool  # whether codes still wait to be merged into clusters

    def _describe(self, batches: Batches) -> None:
        """Set the fitted attributes that come from looking at the training rows."""
        raise NotImplementedError

    def _check_built(self, discriminator: Discriminator) -> None:
        """Last look before training, at the networks as they were built."""

    @with_callbacks
    def fit(self, X: Any, y: Any = None) -> Self:
        """Train on X; of ``n_init`` trainings keep the best by a score that sees no label.

        Parameters
        ----------
        X : array-like or tensor of shape (n_samples, n_features)
            Unlabelled rows; or images, of shape (n_samples, channels, height, width),
            (n_samples, height, width, channels) or (n_samples, height, width). Never changed.
        y : Ignored
            Not used, present for API consistency.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError
            Before any training, for parameters or data that cannot work, naming them. A fit
            that fails or is interrupted leaves the estimator as it was.
        """
        self._validate_params()
        check_callbacks(self.callbacks)
        with global_state_kept(), restored_on_error(self), gradients_on():
            rows = self._check_rows(X, reset=True, min_rows=2)
            n_init = self.n_init if self._categorical() else 1  # nothing else could choose
            processes, device = launched(resolve_device(self.device))
            first, *others = processes.agreed(seeds(self.random_state, n_init + 1))
            start = self._prepare(rows, torch_generator(first), processes, device)
            runs = [start(seed) for seed in others]
            explore, refine = self._n_epochs(len(runs[0][1]))
            context = self._init_callback_context(max_subtasks=explore * len(runs) + refine)
            bridge = ScikitLearnBridge(self, context, X, y)
            compared, best = len(runs) > 1, -np.inf
            if compared or self._merges_late:
                judged = self._judged(rows.X)
            for i, (net, batches) in enumerate(runs):
                net.playing = not refine
                self._train(net, batches, explore, f"training {i + 1}/{len(runs)}", [bridge])
                if self._merges_late:
                    batches.regroup(merge_clusters(net, *judged, self._categorical()[0]))
                score = information(neighbor_joint(net, *judged)) if compared else 0.0
                if score > best:
                    best, self.net_, kept = score, net, batches
                if bridge.stopped:
                    break
            if refine and not bridge.stopped:
                self._refine(kept, refine, bridge)
            self.net_.playing = True
            self._batch_rng, self._merges_late = kept.rng, False
            self._describe(kept)
            bridge.finish()
        if processes.rank == 0:
            self._warn_unless_settled()
        return self

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Go on training for one epoch over X, from where the last call stopped.

        Parameters
        ----------
        X : array-like or tensor, as in :meth:`fit`
            A chunk of rows; the first one sets the scale of the data.
        y : Ignored
            Not used, present for API consistency.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError
            As :meth:`fit`, and if a parameter that shapes training has changed since the first
            call.
        """
        self._validate_params()
        check_callbacks(self.callbacks)
        is_first = not self.__sklearn_is_fitted__()
        with global_state_kept(), restored_on_error(self), gradients_on():
            rows = self._check_rows(X, reset=is_first, min_rows=2)
            processes, device = launched(resolve_device(self.device))
            if is_first:
                first, seed = processes.agreed(seeds(self.random_state, 2))
                start = self._prepare(rows, torch_generator(first), processes, device)
                self.net_, batches = start(seed)
                self._batch_rng = batches.rng
            else:
                check_unchanged(self, self._trained_params)
                batches = self._batches(rows.X, self._batch_rng, processes)
            known = self.net_.clusters.groups
            if self._merges_late:  # codes stay fine in training, and are merged anew to be read
                self.net_.clusters.regroup(None)
            self._train(self.net_, batches, 1, "partial_fit", [])
            if self._merges_late:
                judged, n_clusters = self._judged(rows.X), self._categorical()[0]
                merge_clusters(self.net_, *judged, n_clusters, known)
            self._describe(batches)
        return self

    def _refine(self, batches: Batches, epochs: int, bridge: ScikitLearnBridge) -> None:
        """Finish training: the generator joins, rates fall to zero.

        Twins are made of the row itself alone: a near row may be of another cluster, which only
        does good while clusters form.
        """
        self.net_.playing = True
        if self.net_.objective.augment != "none":
            batches = batches.alone()
        fall = FallingRates(epochs * len(batches))
        self._train(self.net_, batches, epochs, "refining", [fall, bridge])

    def _warn_unless_settled(self) -> None:
        last = self.history_[-1]
        changed = last.get("labels_changed", 0.0)
        terms = [value for value in last.values() if isinstance(value, float)]
        if not np.isfinite(terms).all():
            message = (
                "training diverged: the last epoch's terms in history_ are not finite; lower "
                "discriminator_lr and generator_lr"
            )
        elif changed > self.tol:
            message = (
                f"{changed:.1%} of the labels still changed in the last epoch, more than "
                f"tol={self.tol}: raise max_epochs, now {self.max_epochs!r}"
            )
        else:
            return
        # the level is past the decorator of fit, at the call
        warnings.warn(message, ConvergenceWarning, stacklevel=4)

    def _judged(self, X: np.ndarray) -> tuple[Encoding, np.ndarray, np.ndarray]:
        """The rows by which codes are merged and trainings compared, with those near them."""
        kept = read(X, slice(None, None, ceil(len(X) / JUDGED_ROWS)))
        return self._encoding, kept, near_rows(self._encoding, kept)

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

    def _batches(self, X: np.ndarray, rng: torch.Generator, processes: Processes) -> Batches:
        n_neighbors = self._resolved("n_neighbors", self._encoding.shape)
        blocks, near = deal(X, self.batch_size, rng), None
        if self._is_consistent() and n_neighbors:
            near = [nearest_rows(read(X, b), self._encoding, n_neighbors, rng) for b in blocks]
        given = X, self._encoding, self.batch_size, rng, self.device_, blocks, near
        return Batches(*given, processes)

    def _train(
        self, net: AdversarialNet, batches: Batches, epochs: int, label: str, extra: list
    ) -> None:
        """Run the loop; the net keeps no callback, so that it pickles and holds no data."""
        callbacks = [*extra, *(self.callbacks or [])]
        net.processes = batches.processes
        if self.verbose and net.processes.rank == 0:
            callbacks.append(Progress(epochs, label))
        if self.n_iter_no_change is not None and net.code.categorical:
            callbacks.append(Settled(self.tol, self.n_iter_no_change))
        for group, rate in zip(net.optimizer_.param_groups, net.learning_rates, strict=True):
            group["lr"] = group["initial_lr"] = rate
        net.callbacks = callbacks
        net.initialize_callbacks()
        torch.random.default_generator.manual_seed(net.rng.initial_seed())  # a user's own code
        try:
            net.partial_fit(batches, epochs=epochs)
            net.refresh_statistics(batches)
        finally:
            net.callbacks, net.callbacks_ = None, []
            net.processes = ALONE
