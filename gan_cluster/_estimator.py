"""The base of both estimators: fit, partial_fit, and the methods of a fitted estimator."""

import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Bunch, Tags
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from gan_cluster._callbacks import ScikitLearnBridge
from gan_cluster._convergence import diverged, failures, of_number
from gan_cluster._docs import documented
from gan_cluster._recipe import identity, objective_of, resolve, resolve_device
from gan_cluster._seeds import seeds
from gan_cluster._validation.latent import (
    check_cluster,
    check_codes,
    check_noise,
    check_whole,
    rows_given,
)
from gan_cluster._validation.parameters import (
    check_callbacks,
    check_objective,
    restored_on_error,
)
from gan_cluster._validation.rows import (
    Rows,
    as_given,
    check_rows,
    far_from_fitted,
    hint_of_images,
)
from gan_cluster.model import Model
from gan_cluster.networks.build import Discriminator
from gan_cluster.objectives import OBJECTIVES, Objective
from gan_cluster.training.checkpoint import Checkpoint
from gan_cluster.training.labels import Labels
from gan_cluster.training.net import AdversarialNet
from gan_cluster.training.processes import launched
from gan_cluster.training.random import (
    global_state_kept,
    gradients_on,
    torch_generator,
)
from gan_cluster.training.recipe import Recipe, runs_users_code
from gan_cluster.training.schedule import Schedule

POSITIVE = Interval(Integral, 1, None, closed="left")
NUMBERS = "cluster_numbers_", "merge_tree_"


def _has_clusters(estimator: "BaseGAN") -> bool:
    """Whether there is a categorical code, according to the parameters."""
    objective = estimator.objective
    named = objective in OBJECTIVES if isinstance(objective, str) else True
    return estimator.n_clusters is not None and named and objective_of(objective).reads_clusters


def of_model(name: str, doc: str) -> Any:
    """A fitted attribute that is read from the model."""

    def get(self: "BaseGAN") -> Any:
        if "model_" not in vars(self):
            raise AttributeError(f"this {type(self).__name__} is not fitted yet: call fit first")
        return getattr(self.model_, name)

    return property(get, doc=doc)


@documented()
class BaseGAN(CallbackSupportMixin, TransformerMixin, BaseEstimator):
    """Base of both estimators, which add methods that read the fitted model."""

    model_: Model
    generator_ = of_model("generator", "Maps a latent batch to rows in [-1, 1] or standardised.")
    discriminator_ = of_model("discriminator", "With the recognition network Q.")
    history_ = of_model("history", "One dict for each epoch.")
    n_iter_ = of_model("n_epochs", "Number of epochs trained.")
    device_ = of_model("device", "Device of the networks.")
    n_clusters_ = of_model("n_clusters", "Number of clusters.")
    code_names_ = of_model("code_names", "Names of the codes, in the order of ``generate``.")
    __metadata_request__transform: ClassVar = {"out": UNUSED}  # not for a pipeline to route
    _doc_link_module = "gan_cluster"
    _doc_link_template = (
        "https://gan-cluster.readthedocs.io/en/stable/generated/gan_cluster.{estimator_name}.html"
    )
    _parameter_constraints: ClassVar[dict] = {
        "n_clusters": [POSITIVE, StrOptions({"auto"})],
        "max_clusters": [Interval(Integral, 2, None, closed="left")],
        "image_shape": ["array-like", None],
        "prior": [StrOptions({"auto", "uniform", "learned"}), "array-like"],
        "random_state": ["random_state"],
        "n_init": [POSITIVE, StrOptions({"auto"})],
        "categorical_codes": ["array-like"],
        "n_continuous": [Interval(Integral, 0, None, closed="left")],
        "noise_dim": [POSITIVE],
        "architecture": [StrOptions({"auto", "mlp", "dcgan", "resnet"}), tuple],
        "width": [POSITIVE],
        "depth": [POSITIVE, None],
        "objective": [StrOptions(set(OBJECTIVES)), Objective],
        "max_epochs": [POSITIVE, StrOptions({"auto"})],
        "batch_size": [Interval(Integral, 2, None, closed="left")],
        "learning_rate": [
            Interval(Real, 0, None, closed="neither"),
            StrOptions({"auto"}),
            "array-like",
        ],
        "tol": [Interval(Real, 0, 1, closed="both")],
        "n_iter_no_change": [POSITIVE, None],
        "warm_start": ["boolean"],
        "checkpoint_dir": [str, os.PathLike, None],
        "callbacks": [list, None],
        "device": [str],
        "precision": [StrOptions({"float32", "bf16"})],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        n_clusters: int | str | None = 8,
        *,
        max_clusters: int = 20,
        image_shape: tuple[int, int, int] | None = None,
        prior: Any = "auto",
        random_state: int | np.random.RandomState | None = None,
        n_init: int | str = "auto",
        categorical_codes: Sequence[int] = (),
        n_continuous: int = 0,
        noise_dim: int = 62,
        architecture: str | tuple = "auto",
        width: int = 16,
        depth: int | None = None,
        objective: str | Objective = "consistency",
        max_epochs: int | str = "auto",
        batch_size: int = 128,
        learning_rate: float | tuple[float, float] | str = "auto",
        tol: float = 0.02,
        n_iter_no_change: int | None = 10,
        warm_start: bool = False,
        checkpoint_dir: str | os.PathLike | None = None,
        callbacks: list | None = None,
        device: str = "auto",
        precision: str = "float32",
        verbose: int | bool = 0,
    ):
        self.n_clusters = n_clusters
        self.max_clusters = max_clusters
        self.image_shape = image_shape
        self.prior = prior
        self.random_state = random_state
        self.n_init = n_init
        self.categorical_codes = categorical_codes
        self.n_continuous = n_continuous
        self.noise_dim = noise_dim
        self.architecture = architecture
        self.width = width
        self.depth = depth
        self.objective = objective
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.checkpoint_dir = checkpoint_dir
        self.callbacks = callbacks
        self.device = device
        self.precision = precision
        self.verbose = verbose

    @with_callbacks
    def fit(self, X: Any, y: Any = None) -> Self:
        """Train on X; keep the best of ``n_init`` runs or heads, by a score that uses no labels.

        With ``warm_start``, a fitted estimator continues its training instead.

        Parameters
        ----------
        X : array-like or tensor of shape (n_samples, n_features)
            Unlabelled rows; or images, of shape (n_samples, channels, height, width),
            (n_samples, height, width, channels) or (n_samples, height, width). X is not changed.
        y : array-like of shape (n_samples,), default=None
            Classes of some rows, as whole numbers or names, with -1 for rows of unknown class, as
            in :mod:`sklearn.semi_supervised`. A clusterer then learns from the labelled rows:
            cluster i is class ``classes_[i]``. Further clusters are found without labels, and come
            after these, by size. A y without any -1 is ignored, so that classes in a pipeline or a
            search do not change the clusters. A y of only -1 is ignored, too. An extractor always
            ignores y.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError
            If parameters or X cannot be used; the message names them. If y has a -1 and not one
            value for each row, more classes than ``n_clusters``, numbers that are not whole, or
            NaN. If there are labels with ``warm_start`` or without the consistency term, as they
            cannot be learned then. All this is checked before training. A fit that fails does not
            change the estimator.
        MemoryError
            If a GPU has too little memory for a step; the message says which batch size would fit.
        KeyboardInterrupt
            If training is interrupted. After the first epoch, the estimator is then fitted with the
            training so far, and a warning says so. With ``warm_start``, or in the search for the
            number of clusters, it is not changed.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.datasets import make_blobs
        >>> from gan_cluster import InfoGANClusterer
        >>> X, y = make_blobs(200, centers=3, random_state=0, cluster_std=0.3)
        >>> clusterer = InfoGANClusterer(3, max_epochs=40, random_state=0)
        >>> some = np.full(200, -1)
        >>> some[:10] = y[:10]  # all three classes are among them
        >>> clusterer.fit(X, some).classes_
        array([0, 1, 2])
        >>> bool((clusterer.predict(X) == y).all())
        True
        """
        self._check_parameters()
        goes_on = self.warm_start and self.__sklearn_is_fitted__()
        with self._training(goes_on):
            rows = self._check_rows(X, reset=not goes_on, min_rows=2)
            labels = self._labels(y, rows, goes_on)
            hint = hint_of_images(rows)
            schedule = self._schedule(rows, goes_on, labels)
            if schedule.verbose and hint:
                print(hint, file=sys.stderr)
            checkpoint = schedule.checkpoint = self._checkpoint(rows, goes_on, schedule)
            numbers, drawn = None, None
            if not goes_on and self.n_clusters == "auto":
                numbers, drawn = self._find_number(schedule), schedule.seeds
                n_clusters = max(numbers[1], 0 if labels is None else len(labels.names))
                schedule = self._schedule(rows, goes_on, labels, n_clusters)
                schedule.checkpoint = checkpoint
            if goes_on:
                net = self.model_.net
            else:
                net = schedule.prepare(self.random_state, drawn=drawn)[0].net
            self._before_training(schedule.recipe, net.discriminator_)
            n_epochs = schedule.length.more if goes_on else schedule.n_epochs
            context = self._init_callback_context(max_subtasks=n_epochs)
            bridge = ScikitLearnBridge(self, context, X, y, _fitted_by(schedule.recipe))
            schedule.callbacks.insert(0, bridge)
            if goes_on:
                schedule.go_on(self.model_.net, self.model_.rng)
                self.model_.merges = False
            else:
                net, batches = schedule.fit()
                recipe = schedule.recipe.with_codes(net.clusters.n_codes)
                self.model_ = Model(recipe, net, batches.rng, classes=labels and labels.names)
            self._after_training(rows.X)
            if not goes_on:
                self._keep_numbers(numbers)
            sizes = self._sizes(rows.X)
            bridge.finish()
        if schedule.interrupt is not None:
            message = f"fit was interrupted: the estimator is fitted as after epoch {self.n_iter_}"
            warnings.warn(message, ConvergenceWarning, stacklevel=3)
            raise schedule.interrupt
        if schedule.processes.rank == 0:
            order = self.model_.order
            messages = failures(self.history_, self.tol, self.max_epochs, sizes, order)
            if numbers is not None:
                messages += of_number(numbers[1], len(numbers[0].k), self.max_clusters)
            if messages and hint:
                messages[0] += f". {hint}"
            for message in messages:
                warnings.warn(message, ConvergenceWarning, stacklevel=3)  # past the decorator
        return self

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Continue training for one epoch over X.

        Without an earlier ``fit``, clusters form in the first 900 steps, and the generator is
        trained from then on. Without the consistency term it is trained from the first step.
        ``n_clusters="auto"`` needs an earlier ``fit``. There is no contrastive learning:
        ``contrast_temperature`` is only for ``fit``. ``checkpoint_dir`` is not used.

        Parameters
        ----------
        X : array-like or tensor, as in :meth:`fit`
            A chunk of rows. The first chunk determines how the data are scaled.
        y : Ignored
            Not used, present for API consistency: only :meth:`fit` learns classes.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError
            As for :meth:`fit`; if a parameter was changed that cannot change during training; or
            if the number of clusters has not been found yet.
        KeyboardInterrupt
            If training is interrupted; the estimator is not changed then.
        """
        self._check_parameters()
        goes_on = self.__sklearn_is_fitted__()
        with self._training(goes_on):
            rows = self._check_rows(X, reset=not goes_on, min_rows=2)
            if not goes_on and self.n_clusters == "auto":
                raise ValueError(
                    'n_clusters="auto" needs all rows, and partial_fit gets a chunk at a time: '
                    "call fit first, or give a number"
                )
            schedule = self._schedule(rows, goes_on)
            batches = None
            if not goes_on:
                ((net, batches),) = schedule.prepare(self.random_state, whole=False)
                recipe = schedule.recipe
                self.model_ = Model(recipe, net, batches.rng, merges=recipe.merges)
            model = self.model_
            self._before_training(schedule.recipe, model.discriminator)
            model.merges = schedule.chunk(model.net, model.rng, model.merges, batches)
            self._after_training(rows.X)
        if schedule.processes.rank == 0:
            for message in diverged(self.history_[-1:]):
                warnings.warn(message, ConvergenceWarning, stacklevel=2)
        return self

    @contextmanager
    def _training(self, goes_on: bool) -> Iterator[None]:
        """A context for training: global state is restored, and so is the estimator on errors."""
        undone = self.model_.undone_on_error() if goes_on else nullcontext()
        with self._kept(), restored_on_error(self), gradients_on(), undone:
            yield

    def _kept(self) -> AbstractContextManager[None]:
        """A context that protects global state from code that may change it."""
        return global_state_kept(runs_users_code(self.architecture, objective_of(self.objective)))

    def _check_parameters(self) -> None:
        """Check each parameter by itself."""
        self._validate_params()
        objective = objective_of(self.objective)
        check_objective(objective)
        check_callbacks(self.callbacks, objective.is_consistent)

    def _check_rows(self, X: Any, *, reset: bool, min_rows: int = 1) -> Rows:
        rows = check_rows(self, X, reset=reset, min_rows=min_rows)
        message = None if reset else far_from_fitted(rows.X, self.model_.encoding)
        if message is not None:
            warnings.warn(message, UserWarning, stacklevel=4)
        return rows

    def _labels(self, y: Any, rows: Rows, goes_on: bool) -> Labels | None:
        """Labels from y, if anything can be learned from them."""
        return None

    def _find_number(self, schedule: Schedule) -> tuple[Bunch, int, np.ndarray]:
        """Find the number of clusters by a training with more codes; criteria, number and tree."""
        schedule.callbacks = []
        net = schedule.prepare(self.random_state)[0].net
        self._before_training(schedule.recipe, net.discriminator_)
        return schedule.find_number(int(self.max_clusters))

    def _schedule(
        self,
        rows: Rows,
        goes_on: bool,
        labels: Labels | None = None,
        n_clusters: int | None = None,
    ) -> Schedule:
        """The schedule of the training, from the parameters and the rows."""
        processes, device = launched(resolve_device(self.device))
        begun = self.model_.recipe if goes_on else None
        parameters = self.get_params(deep=False)
        recipe = resolve(parameters, rows, device, processes.count, begun, n_clusters)
        return Schedule(
            recipe,
            rows.X,
            processes=processes,
            verbose=bool(self.verbose),
            callbacks=self.callbacks or [],
            labels=labels,
        )

    def _checkpoint(self, rows: Rows, goes_on: bool, schedule: Schedule) -> Checkpoint | None:
        if self.checkpoint_dir is None:
            return None
        if goes_on:
            raise ValueError(
                "warm_start continues from this fitted estimator and cannot use checkpoint_dir: "
                "set checkpoint_dir=None, or fit a new estimator"
            )
        named = identity(self.get_params(deep=False), rows, schedule.labels)
        length, n_kinds = schedule.length, len(schedule.recipe.codes_in_turn)
        return Checkpoint(self.checkpoint_dir, named, length.n_runs, bool(length.looking), n_kinds)

    def _before_training(self, recipe: Recipe, discriminator: Discriminator) -> None:
        """Called before training with the networks as they were built."""

    def _after_training(self, X: np.ndarray) -> None:
        """Set the fitted attributes that are computed from the training rows."""

    def _keep_numbers(self, numbers: tuple[Bunch, int, np.ndarray] | None) -> None:
        """Keep how the number of clusters was found; None if it was given."""
        for name in NUMBERS:
            if hasattr(self, name):
                delattr(self, name)
        if numbers is not None:
            self.cluster_numbers_, _, self.merge_tree_ = numbers

    def _sizes(self, X: np.ndarray) -> np.ndarray:
        """Number of training rows in each cluster, if there are clusters."""
        if not self.model_.n_clusters:
            return np.empty(0)
        return np.bincount(self.model_.clusters(X), minlength=self.model_.n_clusters)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return "model_" in vars(self)

    def set_params(self, **params: Any) -> Self:
        """Set parameters; ``objective__name`` sets one of an :class:`~gan_cluster.Objective`.

        Parameters
        ----------
        **params : dict
            Parameters by name.

        Returns
        -------
        self : object
            The estimator itself.

        Raises
        ------
        ValueError
            If there is no such parameter, or for a weight if ``objective`` is only a name.
        """
        nested = [name for name in params if name.startswith("objective__")]
        objective = params.get("objective", self.objective)
        if nested and not isinstance(objective, Objective):
            raise ValueError(
                f"{nested[0]} is part of an Objective, and objective={objective!r} is only a name: "
                "set objective=Objective() first, then its weights can be set and searched"
            )
        return super().set_params(**params)

    def _checked(self, X: Any) -> np.ndarray:
        """Rows like those of fit, as an array (n_samples, n_features)."""
        check_is_fitted(self)
        return self._check_rows(X, reset=False).X

    def transform(self, X: Any, *, out: np.ndarray | None = None) -> np.ndarray:
        """Features of each row: the output of the trunk, or the layers that ``layers`` names.

        Parameters
        ----------
        X : array-like or tensor, as in :meth:`fit`
            New rows.
        out : ndarray of shape (n_samples, n_features_out), default=None
            Array that receives the features, such as a :class:`numpy.memmap` if they do not fit
            into memory.

        Returns
        -------
        features : ndarray of shape (n_samples, n_features_out)
            In float32, or ``out``. Several layers are in the order of ``layers``.

        Raises
        ------
        NotFittedError
            Before fit.
        ValueError, TypeError
            If X cannot be read, or does not match the X of fit; if ``out`` is not an array, has
            another shape, or holds integers.
        """
        X = self._checked(X)
        return self.model_.map(self._features, X, out)

    def _features(self, batch: torch.Tensor) -> torch.Tensor:
        """The features of an encoded batch for :meth:`transform`."""
        return self.model_.discriminator.features(batch)

    @available_if(_has_clusters)
    def score(self, X: Any, y: Any = None) -> float:
        """Mutual information in nats between the cluster of a row and the clusters of near rows.

        Near rows are the five nearest rows among 10,000 rows of X. For photographs they are nearest
        in the features of the network that contrastive learning trained (see
        :class:`~gan_cluster.Objective`). The score is at most
        the logarithm of the number of clusters, for clusters of equal size that never separate near
        rows. It is 0 if all rows are in one cluster. No label is used. There is a score only with a
        categorical code. It rises with ``n_clusters``, so compare only settings with the same
        number of clusters. To compare numbers, use :func:`~gan_cluster.metrics.valley_depth`; to
        find the number, ``n_clusters="auto"``.

        Parameters
        ----------
        X : array-like or tensor, as in :meth:`fit`
            Rows, seen in training or not.
        y : Ignored
            Not used, present for API consistency.

        Returns
        -------
        score : float
            Higher is better.

        [raises]
        """
        X = self._checked(X)
        return self.model_.score(X)

    def sample(
        self,
        n_samples: int = 1,
        cluster: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        *,
        codes: Any = None,
        noise: Any = None,
    ) -> Any:
        """Draw new rows from the generator.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.
        cluster : int or None, default=None
            The cluster to draw from; None draws from all clusters.
        random_state : int, RandomState or None, default=None
            Seed of the random numbers.
        codes : array-like of shape (n_samples, n_codes) or (n_codes,), default=None
            Codes as in :meth:`generate`; NaN stands for a random value.
        noise : array-like of shape (n_samples, noise_dim) or (noise_dim,), default=None
            Noise as in :meth:`generate`; None stands for random noise.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features) or (n_samples, ...), or DataFrame
            In the units, shape and dtype of the X of fit, with its columns if it was a DataFrame.
            Values are rounded if that X held integers.

        Raises
        ------
        NotFittedError
            Before fit.
        TypeError, ValueError
            If ``cluster`` is not one of 0 .. n_clusters - 1, or ``codes`` also give a cluster; if
            ``n_samples`` is not positive; if codes or noise have a wrong shape or invalid values.

        Examples
        --------
        >>> from sklearn.datasets import make_blobs
        >>> from gan_cluster import InfoGANClusterer
        >>> X, _ = make_blobs(200, centers=3, random_state=0)
        >>> clusterer = InfoGANClusterer(3, max_epochs=4, random_state=0).fit(X)
        >>> clusterer.sample(5, cluster=1, random_state=0).shape
        (5, 2)
        """
        check_is_fitted(self)
        model = self.model_
        n_samples = check_whole(n_samples, "n_samples", 1)
        if cluster is not None:
            check_cluster(cluster, model.n_clusters)
        values = np.full((n_samples, len(model.code_names)), np.nan)
        if codes is not None:
            values = check_codes(
                codes, model.code_names, model.code_sizes, n_samples, may_lack=True
            )
        if cluster is not None:
            if not np.isnan(values[:, 0]).all():
                raise ValueError(
                    f"cluster={cluster} and codes[:, 0] both give the cluster: leave one out, or "
                    "set codes[:, 0] to NaN"
                )
            values[:, 0] = cluster
        if noise is not None:
            noise = check_noise(noise, model.net.code.noise_dim, n_samples)
        rng = torch_generator(seeds(random_state, 1)[0], model.device)
        return self._as_given(model.draw(values, noise, rng))

    def generate(self, codes: Any, noise: Any) -> Any:
        """Generate rows from given codes and noise; the same input gives the same rows.

        Parameters
        ----------
        codes : array-like of shape (n_samples, n_codes) or (n_codes,)
            Columns as in ``code_names_``: the cluster and further categories as integers, then
            continuous codes, which are uniform on [-1, 1] in training.
        noise : array-like of shape (n_samples, noise_dim) or (noise_dim,)
            Standard normal in training. If codes or noise have one row, it is used with all rows
            of the other.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features) or (n_samples, ...), or DataFrame
            As from :meth:`sample`. If a cluster consists of several values of the first code, the
            value that most of its rows have is used.

        Raises
        ------
        NotFittedError
            Before fit.
        TypeError, ValueError
            If codes or noise are missing, have a wrong shape, are not finite, or hold categories
            that do not exist.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.datasets import make_blobs
        >>> from gan_cluster import InfoGANClusterer
        >>> X, _ = make_blobs(200, centers=3, n_features=4, random_state=0)
        >>> settings = {"n_continuous": 1, "noise_dim": 5, "max_epochs": 4, "random_state": 0}
        >>> clusterer = InfoGANClusterer(3, **settings).fit(X)
        >>> clusterer.code_names_
        ['cluster', 'continuous0']
        >>> clusterer.generate([[0, -1.0], [0, 1.0]], np.zeros(5)).shape
        (2, 4)
        """
        check_is_fitted(self)
        model, n_samples = self.model_, max(map(rows_given, (codes, noise)))
        codes = check_codes(codes, model.code_names, model.code_sizes, n_samples)
        noise = check_noise(noise, model.net.code.noise_dim, n_samples)
        return self._as_given(model.draw(codes, noise, None))

    def _as_given(self, rows: np.ndarray) -> Any:
        return as_given(rows, self.model_.layout, getattr(self, "feature_names_in_", None))

    def encode(self, X: Any) -> Bunch:
        """The posterior Q(c | x) of all codes for each row.

        Parameters
        ----------
        X : array-like or tensor, as in :meth:`fit`
            Rows.

        Returns
        -------
        posterior : Bunch
            ``categorical``, a list of ndarrays (n_samples, size) with the probabilities of each
            categorical code, the cluster first; ``mean`` and ``variance`` of the continuous codes,
            ndarrays (n_samples, n_continuous).

        [raises]

        Examples
        --------
        >>> from sklearn.datasets import make_blobs
        >>> from gan_cluster import InfoGANClusterer
        >>> X, _ = make_blobs(200, centers=3, random_state=0)
        >>> clusterer = InfoGANClusterer(3, n_continuous=1, max_epochs=4, random_state=0).fit(X)
        >>> posterior = clusterer.encode(X[:5])
        >>> posterior.categorical[0].shape, posterior.mean.shape
        ((5, 3), (5, 1))
        """
        X = self._checked(X)
        categorical, mean, variance = self.model_.posterior(X)
        return Bunch(categorical=categorical, mean=mean, variance=variance)


def check_parameters(estimator: BaseGAN) -> None:
    """Check each parameter of an estimator by itself, as fit does first."""
    estimator._check_parameters()


def _fitted_by(recipe: Recipe) -> Callable[[AdversarialNet], dict[str, Any]]:
    """Make attributes for an estimator that reads a net in training; clusters keep its numbers."""
    return lambda net: {
        "model_": Model(recipe.with_codes(net.clusters.n_codes), net, torch_generator(0))
    }
