"""What both estimators are: parameters, fit and partial_fit, restarts, inference, sampling."""

import warnings
from collections.abc import Callable
from functools import partial
from math import ceil
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted
from torch import nn

from gan_cluster._validation import (
    Rows,
    check_augment,
    check_callbacks,
    check_fit_rows,
    check_rows,
    check_scale,
    check_unchanged,
    resolve_architecture,
    resolve_device,
    restored_on_error,
)
from gan_cluster.codes import LatentCode
from gan_cluster.networks import Discriminator, build_networks
from gan_cluster.objectives import ADVERSARIAL_LOSSES
from gan_cluster.training.callbacks import (
    FallingRates,
    Progress,
    ScikitLearnBridge,
    Settled,
)
from gan_cluster.training.data import Batches, Encoding, local_radius, nearest_rows
from gan_cluster.training.inference import draw, merge_clusters, near_rows, neighbor_joint
from gan_cluster.training.merging import information
from gan_cluster.training.net import AdversarialNet, Objective
from gan_cluster.training.random import (
    global_state_kept,
    globally_seeded,
    seeds,
    torch_generator,
)

STAGE_STEPS = 900
REFINING_EPOCHS = 8
JUDGED_ROWS = 10_000
AUTO = {"codes_per_cluster": (2, 4), "n_neighbors": (5, 10)}  # on images, on tables
# what may change between two calls of partial_fit
FREE = {"batch_size", "callbacks", "max_epochs", "n_init", "n_neighbors", "random_state", "verbose"}

Run = tuple[AdversarialNet, Batches]


class BaseGAN(CallbackSupportMixin, TransformerMixin, BaseEstimator):
    """Base of the estimators; subclasses say what the code is and what they read off."""

    _parameter_constraints: ClassVar[dict] = {
        "image_shape": ["array-like", None],
        "categorical_codes": ["array-like"],
        "codes_per_cluster": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "n_continuous": [Interval(Integral, 0, None, closed="left")],
        "noise_dim": [Interval(Integral, 1, None, closed="left")],
        "architecture": [StrOptions({"auto", "mlp", "dcgan"}), tuple],
        "width": [Interval(Integral, 1, None, closed="left")],
        "depth": [Interval(Integral, 1, None, closed="left"), None],
        "spectral_norm": ["boolean"],
        "adversarial_loss": [StrOptions(set(ADVERSARIAL_LOSSES))],
        "info_weight": [Interval(Real, 0, None, closed="left")],
        "continuous_weight": [Interval(Real, 0, None, closed="left")],
        "continuous_variance": [StrOptions({"fixed", "learned"})],
        "consistency_weight": [Interval(Real, 0, None, closed="left")],
        "balance_weight": [Interval(Real, 0, None, closed="left")],
        "augment": [StrOptions({"auto", "affine", "adversarial", "none"}), callable],
        "n_neighbors": [Interval(Integral, 0, None, closed="left"), StrOptions({"auto"})],
        "gradient_penalty": [Interval(Real, 0, None, closed="left")],
        "ema_decay": [Interval(Real, 0, 1, closed="left")],
        "max_epochs": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "batch_size": [Interval(Integral, 2, None, closed="left")],
        "discriminator_lr": [Interval(Real, 0, None, closed="neither")],
        "generator_lr": [Interval(Real, 0, None, closed="neither")],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, 1, closed="both")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), None],
        "callbacks": [list, None],
        "device": [str],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }
    _merges_late: bool  # whether codes still wait to be merged into clusters
    _doc_link_module = "gan_cluster"
    _doc_link_template = (
        "https://gan-cluster.readthedocs.io/en/stable/api.html#{estimator_module}.{estimator_name}"
    )

    def _categorical(self) -> tuple[int, ...]:
        """Sizes of the categorical codes, the one that clusters first."""
        raise NotImplementedError

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
        with global_state_kept(), restored_on_error(self), torch.enable_grad():
            rows = self._check_rows(X, reset=True, min_rows=2)
            n_init = self.n_init if self._categorical() else 1  # nothing else could choose
            first, *others = seeds(self.random_state, n_init + 1)
            start = self._prepare(rows, torch_generator(first))
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
        with global_state_kept(), restored_on_error(self), torch.enable_grad():
            rows = self._check_rows(X, reset=is_first, min_rows=2)
            if is_first:
                first, seed = seeds(self.random_state, 2)
                self.net_, batches = self._prepare(rows, torch_generator(first))(seed)
                self._batch_rng = batches.rng
            else:
                check_unchanged(self, self._trained_params)
                batches = self._batches(rows.X, self._batch_rng)
            known = self.net_.groups
            if self._merges_late:  # codes stay fine in training, and are merged anew to be read
                self.net_.regroup(None)
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
        changed = self.history_[-1].get("labels_changed", 0.0)
        if changed > self.tol:
            warnings.warn(
                f"{changed:.1%} of the labels still changed in the last epoch, more than "
                f"tol={self.tol}: raise max_epochs, now {self.max_epochs!r}",
                ConvergenceWarning,
                stacklevel=4,  # past the decorator of fit, at the call
            )

    def _check_rows(self, X: Any, *, reset: bool, min_rows: int = 1) -> Rows:
        """What fit, partial_fit and inference make of the user's X."""
        rows = check_rows(self, X, self.image_shape, reset=reset, min_rows=min_rows)
        if not reset and len(rows.row_shape) > 1 and rows.layout != self._layout:
            raise ValueError(
                f"X holds images of shape {rows.row_shape}, but {type(self).__name__} was fitted "
                f"on rows of shape {self._row_shape} with image_shape={self._layout[0]}: "
                "give images with their axes in the same order"
            )
        return rows

    def _judged(self, X: np.ndarray) -> tuple[Encoding, np.ndarray, np.ndarray]:
        """The rows by which codes are merged and trainings compared, with those near them."""
        kept = X[:: ceil(len(X) / JUDGED_ROWS)]
        return self._encoding, kept, near_rows(self._encoding, kept)

    def _prior(self) -> str | tuple[float, ...]:
        return "uniform"

    def _resolved(self, name: str, shape: tuple[int, ...]) -> int:
        """A parameter, or what "auto" stands for on rows of that shape."""
        value = getattr(self, name)
        return AUTO[name][len(shape) < 3] if value == "auto" else value

    def _is_consistent(self) -> bool:
        """Whether labels of twins have to agree."""
        return bool(self.consistency_weight and self._categorical())

    def _n_continuous(self) -> int:
        return self.n_continuous

    def _n_epochs(self, n_steps: int) -> tuple[int, int]:
        """Passes over X that each training makes, and those that refine the best one."""
        explore = ceil(STAGE_STEPS / n_steps)
        refine = max(explore, REFINING_EPOCHS)
        if self.max_epochs != "auto":
            explore = min(explore, self.max_epochs // 2)
            refine = self.max_epochs - explore
        if not self._is_consistent():
            return explore + refine, 0  # the objectives of the papers keep their rates
        return explore, refine

    def _prepare(self, rows: Rows, rng: torch.Generator) -> Callable[[int], Run]:
        """Resolve every parameter against the data, once; return what makes a run from a seed."""
        categorical = self._categorical()
        check_fit_rows(rows.X, max(categorical, default=1))
        architecture, shape = resolve_architecture(self.architecture, rows, self.depth)
        self.device_ = resolve_device(self.device)
        learned = self.continuous_variance == "learned"
        n_continuous = self._n_continuous()
        split = self._resolved("codes_per_cluster", shape) if self.consistency_weight else 1
        finer = tuple(size * split for size in categorical[:1])
        code = LatentCode(self.noise_dim, finer + categorical[1:], n_continuous, learned)
        build = partial(
            build_networks,
            architecture,
            shape=shape,
            latent_dim=code.latent_dim,
            posterior_dim=code.posterior_dim,
            width=self.width,
            depth=self.depth,
            spectral=self.spectral_norm,
        )
        given = self.get_params(deep=False)
        self._trained_params = {name: given[name] for name in given.keys() - FREE}
        self._encoding = Encoding.from_data(rows.X, shape, rows.channels_last)
        check_scale(self._encoding.scale, self._encoding.center)
        objective = self._objective(rows.X)
        self._row_shape, self._layout = rows.row_shape, rows.layout
        self._order = np.empty(0, dtype=np.int64)
        self._merges_late = code.categorical != categorical
        shared = self._batches(rows.X, rng)

        def start(seed: int) -> Run:
            build_seed, batch_seed, step_seed = seeds(seed, 3)
            net = AdversarialNet(
                build=partial(build, rng=torch_generator(build_seed)),
                code=code,
                objective=objective,
                rng=torch_generator(step_seed, self.device_),
                learning_rates=(self.discriminator_lr, self.generator_lr),
                ema_decay=self.ema_decay,
                device=self.device_,
            )
            with globally_seeded(build_seed):
                net.initialize()
            self._check_built(net.discriminator_)
            return net, shared.reseeded(torch_generator(batch_seed))

        return start

    def _objective(self, X: np.ndarray) -> Objective:
        augment, images = self.augment, len(self._encoding.shape) == 3
        if augment == "auto":
            augment = "affine" if images else "none"
        if augment == "affine" and not images:
            raise ValueError('augment="affine" needs images: set image_shape or augment="auto"')
        if self._is_consistent():
            check_augment(augment, self._encoding.encode(X[:2]).to(self.device_))
        return Objective(
            adversarial_loss=self.adversarial_loss,
            info_weight=self.info_weight,
            continuous_weight=self.continuous_weight,
            consistency_weight=self.consistency_weight,
            balance_weight=self.balance_weight,
            gradient_penalty=self.gradient_penalty,
            augment=augment,
            radius=local_radius(X, self._encoding) if augment == "adversarial" else 0.0,
            prior=self._prior(),
        )

    def _batches(self, X: np.ndarray, rng: torch.Generator) -> Batches:
        n_neighbors = self._resolved("n_neighbors", self._encoding.shape)
        used = self._is_consistent() and n_neighbors
        neighbors = nearest_rows(X, self._encoding, n_neighbors, rng) if used else None
        return Batches(X, self._encoding, self.batch_size, rng, self.device_, neighbors)

    def _train(
        self, net: AdversarialNet, batches: Batches, epochs: int, label: str, extra: list
    ) -> None:
        """Run the loop; the net keeps no callback, so that it pickles and holds no data."""
        callbacks = [*extra, *(self.callbacks or [])]
        if self.verbose:
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
        finally:
            net.callbacks, net.callbacks_ = None, []
        net.refresh_statistics(batches)

    # What a fitted estimator can say

    @property
    def generator_(self) -> nn.Module:
        """The trained generator, from a latent batch to a batch of rows in [-1, 1] or scaled."""
        return self._fitted_net.sampler_

    @property
    def discriminator_(self) -> Discriminator:
        """The trained discriminator with the recognition network Q."""
        return self._fitted_net.discriminator_

    @property
    def _fitted_net(self) -> AdversarialNet:
        if "net_" not in vars(self):
            raise AttributeError(f"this {type(self).__name__} is not fitted yet: call fit first")
        return self.net_

    @property
    def history_(self) -> list[dict[str, Any]]:
        """One dict an epoch: losses, information in nats, its ceiling, cluster usage, seconds."""
        rows = self._fitted_net.history
        return [{name: row[name] for name in row if name != "batches"} for row in rows]

    @property
    def n_iter_(self) -> int:
        """Number of epochs trained."""
        return len(self._fitted_net.history)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return "net_" in vars(self)

    def _check_rows_like_fitted(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        return self._check_rows(X, reset=False).X

    def _score(self, X: np.ndarray) -> float:
        near = near_rows(self._encoding, X)
        return information(neighbor_joint(self.net_, self._encoding, X, near))

    def _sample(self, n_samples: int, cluster: int | None, random_state: Any) -> np.ndarray:
        check_is_fitted(self)
        rng = torch_generator(seeds(random_state, 1)[0], self.device_)
        categories = None if cluster is None else self.net_.members(int(self._order[cluster]))
        drawn = draw(self.net_, self._encoding, n_samples, categories, rng)
        return drawn.reshape(n_samples, *self._row_shape)
