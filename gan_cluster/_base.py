"""How both estimators are fitted: all at once or chunk by chunk, and what is said of it."""

import warnings
from typing import Any, Self

import numpy as np
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.exceptions import ConvergenceWarning

from gan_cluster._checkpoint import Stage
from gan_cluster._runs import TrainableGAN
from gan_cluster._validation import (
    check_callbacks,
    check_unchanged,
    resolve_device,
    restored_on_error,
)
from gan_cluster.training.callbacks import ScikitLearnBridge
from gan_cluster.training.inference import merge_clusters, neighbor_joint
from gan_cluster.training.merging import information
from gan_cluster.training.processes import launched
from gan_cluster.training.random import (
    global_state_kept,
    gradients_on,
    seeds,
    torch_generator,
)

DIVERGED = (
    "training diverged in epoch {}: it was taken back, and went on more slowly or, the second "
    "time, ended; lower discriminator_lr and generator_lr"
)
EMPTY, LITTLE = 0.01, 0.1  # of an equal share of rows; of the variety of real rows


class BaseGAN(CallbackSupportMixin, TrainableGAN):
    """Base of the estimators."""

    @with_callbacks
    def fit(self, X: Any, y: Any = None) -> Self:
        """Train on X; of ``n_init`` trainings keep the best by a score that sees no label.

        With ``warm_start`` a fitted estimator goes on from where it is instead.

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
            that fails leaves the estimator as it was.
        KeyboardInterrupt
            If training is interrupted: from its first epoch on the estimator is then fitted as
            far as training came, and a warning says so.
        """
        self._validate_params()
        check_callbacks(self.callbacks)
        if self.warm_start and self.__sklearn_is_fitted__():
            return self._go_on(X, y)
        with global_state_kept(), restored_on_error(self), gradients_on():
            rows = self._check_rows(X, reset=True, min_rows=2)
            processes, device = launched(resolve_device(self.device))
            checkpoint = self._open_checkpoint(rows.X)
            drawn = checkpoint.seeds if checkpoint and checkpoint.seeds else None
            drawn = processes.agreed(drawn or seeds(self.random_state, self._n_runs() + 1))
            first, *others = drawn
            start = self._prepare(rows, torch_generator(first), processes, device)
            runs = [start(seed) for seed in others]
            explore, refine = self._n_epochs(len(runs[0][1]))
            context = self._init_callback_context(max_subtasks=explore * len(runs) + refine)
            bridge = ScikitLearnBridge(self, context, X, y)
            compared = len(runs) > 1
            judged = self._judged(rows.X) if compared or self._merges_late else None
            scores: list[float] = []
            begun = 0
            if checkpoint:
                checkpoint.restore(runs)
                begun, scores = checkpoint.stage, checkpoint.scores

            def enter(number: int, stage: Stage) -> Stage:
                if checkpoint:
                    checkpoint.enter(number, stage, drawn, runs, scores)
                return stage

            interrupt = None
            try:
                for i, (net, batches) in list(enumerate(runs))[begun:]:
                    net.playing = not refine
                    label = f"training {i + 1}/{len(runs)}"
                    stage = Stage(label, explore, [bridge], falls=not refine)
                    self._train(net, batches, enter(i, stage))
                    self._merge(net, batches, judged)
                    seen = judged if compared else None
                    scores.append(information(neighbor_joint(net, *seen)) if seen else 0.0)
                    if bridge.stopped:
                        break
                self.net_, kept = runs[int(np.argmax(scores))]
                if refine and not bridge.stopped:
                    stage = enter(len(runs), Stage("refining", refine, [bridge], falls=True))
                    self._refine(kept, stage)
            except KeyboardInterrupt as error:
                interrupt = error
                self.net_, kept = runs[int(np.argmax(scores)) if scores else 0]
                if not self.net_.history:
                    raise
                self.net_.refresh_statistics(kept)
                if not scores:
                    self._merge(self.net_, kept, judged)
            self.net_.playing = True
            self._batch_rng, self._merges_late = kept.rng, False
            self._describe(kept)
            bridge.finish()
        if interrupt is not None:
            message = f"fit was interrupted: this is its state after epoch {self.n_iter_}"
            warnings.warn(message, ConvergenceWarning, stacklevel=3)
            raise interrupt
        if processes.rank == 0:
            self._warn_of_failures()
        return self

    def _go_on(self, X: Any, y: Any) -> Self:
        """Train on from where the estimator is: the game once more, with rates that fall."""
        if self.checkpoint_dir is not None:
            raise ValueError(
                "warm_start goes on from the estimator itself, which checkpoint_dir cannot: set "
                "checkpoint_dir=None, or fit a new estimator"
            )
        with global_state_kept(), restored_on_error(self), gradients_on():
            rows = self._check_rows(X, reset=False, min_rows=2)
            check_unchanged(self, self._trained_params)
            processes, _ = launched(self.device_)
            batches = self._batches(rows.X, self._batch_rng, processes, forming=False)
            explore, refine = self._n_epochs(len(batches))
            n_epochs = refine if self.max_epochs == "auto" and refine else explore + refine
            context = self._init_callback_context(max_subtasks=n_epochs)
            bridge = ScikitLearnBridge(self, context, X, y)
            self.net_.playing, self._merges_late = True, False
            self._train(self.net_, batches, Stage("going on", n_epochs, [bridge], falls=True))
            self._describe(batches)
            bridge.finish()
        if processes.rank == 0:
            self._warn_of_failures()
        return self

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Go on training for one epoch over X, from where the last call stopped.

        Without a ``fit`` before, clusters form in the first 900 steps; then the generator joins.

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
            forming, known = self._forming(self.net_), self.net_.clusters.groups
            if not is_first:
                batches = self._batches(rows.X, self._batch_rng, processes, forming)
            self.net_.playing = not forming
            self._merges_late = self._merges_late and (forming or not self._is_consistent())
            if self._merges_late:  # codes stay fine in training, and are merged anew to be read
                self.net_.clusters.regroup(None)
            self._train(self.net_, batches, Stage("partial_fit", 1, []))
            if self._merges_late:
                judged, n_clusters = self._judged(rows.X), self._categorical()[0]
                merge_clusters(self.net_, *judged, n_clusters, known)
            self._describe(batches)
        if self.history_[-1].get("taken_back") and processes.rank == 0:
            message = DIVERGED.format([self.n_iter_])
            warnings.warn(message, ConvergenceWarning, stacklevel=2)
        return self

    def _warn_of_failures(self) -> None:
        """Say what history shows to have gone wrong, each with a remedy."""
        last = self.history_[-1]
        usage = np.asarray(last.get("cluster_usage", [1.0]))
        empty = int((usage < EMPTY / len(usage)).sum())
        found = []
        taken_back = [row["epoch"] for row in self.history_ if row.get("taken_back")]
        if taken_back:
            found.append(DIVERGED.format(taken_back))
        elif last.get("labels_changed", 0.0) > self.tol:
            found.append(
                f"{last['labels_changed']:.1%} of the labels still changed in the last epoch, "
                f"more than tol={self.tol}: raise max_epochs, now {self.max_epochs!r}"
            )
        if empty:
            found.append(
                f"{empty} of {len(usage)} clusters are empty: raise n_init or balance_weight, or "
                "ask for fewer clusters"
            )
        if last.get("variety", 1.0) < LITTLE:
            found.append(
                f"the generator has collapsed, its rows vary {last['variety']:.0%} as much as real "
                "ones: lower discriminator_lr or set gradient_penalty"
            )
        for message in found:  # the level is past the decorator of fit, at the call
            warnings.warn(message, ConvergenceWarning, stacklevel=4)
