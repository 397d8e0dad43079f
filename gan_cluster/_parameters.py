"""The parameters that both estimators have: which values they take, and what those stand for."""

import os
from math import ceil
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, StrOptions

from gan_cluster._validation import check_augment
from gan_cluster.codes import LatentCode
from gan_cluster.objectives import ADVERSARIAL_LOSSES, Objective
from gan_cluster.training.data import Encoding
from gan_cluster.training.neighbors import local_radius

STAGE_STEPS = 900
REFINING_EPOCHS = 8
N_INIT = 3
# of the game alone, without the consistency term
GAME_EPOCHS = 16
GAME_CODES = 4
AUTO = {"codes_per_cluster": (2, 4), "n_neighbors": (5, 10)}  # on images, on tables
# what may change between two calls of partial_fit
FREE = {
    "batch_size",
    "callbacks",
    "checkpoint_dir",
    "checkpoint_every",
    "max_epochs",
    "n_init",
    "n_neighbors",
    "random_state",
    "verbose",
    "warm_start",
}


class GANParameters(BaseEstimator):
    """Parameters resolved against the data; subclasses say what the code is."""

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
        "contrastive_weight": [Interval(Real, 0, None, closed="left")],
        "consistency_weight": [Interval(Real, 0, None, closed="left")],
        "balance_weight": [Interval(Real, 0, None, closed="left")],
        "augment": [StrOptions({"auto", "image", "adversarial", "none"}), callable],
        "n_neighbors": [Interval(Integral, 0, None, closed="left"), StrOptions({"auto"})],
        "gradient_penalty": [Interval(Real, 0, None, closed="left"), StrOptions({"auto"})],
        "instance_noise": [Interval(Real, 0, None, closed="left")],
        "ema_decay": [Interval(Real, 0, 1, closed="left")],
        "max_epochs": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "batch_size": [Interval(Integral, 2, None, closed="left")],
        "discriminator_lr": [Interval(Real, 0, None, closed="neither")],
        "generator_lr": [Interval(Real, 0, None, closed="neither")],
        "n_init": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "tol": [Interval(Real, 0, 1, closed="both")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), None],
        "warm_start": ["boolean"],
        "checkpoint_dir": [str, os.PathLike, None],
        "checkpoint_every": [Interval(Integral, 1, None, closed="left")],
        "callbacks": [list, None],
        "device": [str],
        "precision": [StrOptions({"float32", "bf16"})],
        "compile": ["boolean"],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    def _categorical(self) -> tuple[int, ...]:
        """Sizes of the categorical codes, the one that clusters first."""
        raise NotImplementedError

    def _clusters_rows(self) -> bool:
        """Whether there is a categorical code at all."""
        return True

    def _n_continuous(self) -> int:
        return self.n_continuous

    def _prior(self) -> str | tuple[float, ...]:
        return "uniform"

    def _resolved(self, name: str, shape: tuple[int, ...]) -> int:
        """A parameter, or what "auto" stands for on rows of that shape."""
        value = getattr(self, name)
        return AUTO[name][len(shape) < 3] if value == "auto" else value

    def _is_consistent(self) -> bool:
        """Whether labels of twins have to agree."""
        return bool(self.consistency_weight and self._categorical())

    def _resolved_augment(self, shape: tuple[int, ...]) -> Any:
        """How twins of rows of a shape are made: what "auto" stands for."""
        if self.augment == "auto":
            return "image" if len(shape) == 3 else "none"
        return self.augment

    def _makes_twins(self) -> bool:
        """Whether anything is made of twins."""
        return self._is_consistent()

    def _n_epochs(self, n_steps: int) -> tuple[int, int]:
        """Passes over X that each training makes, and those that refine the best one."""
        explore = ceil(STAGE_STEPS / n_steps)
        refine = max(explore, REFINING_EPOCHS)
        if self.max_epochs != "auto":
            explore = min(explore, self.max_epochs // 2)
            refine = self.max_epochs - explore
        if self._is_consistent():
            return explore, refine
        passes = explore + refine  # the objectives of the papers are one game
        return max(passes, GAME_EPOCHS) if self.max_epochs == "auto" else passes, 0

    def _n_runs(self) -> int:
        """How many trainings the best is chosen of."""
        if not self._categorical():
            return 1  # nothing could choose
        if self.n_init == "auto":
            return N_INIT if self._is_consistent() else 1
        return self.n_init

    def _resolved_penalty(self) -> float:
        """The weight of R1: what "auto" stands for."""
        if self.gradient_penalty != "auto":
            return self.gradient_penalty
        return 0.0 if self._is_consistent() or self.spectral_norm else 1.0

    def _code(self, shape: tuple[int, ...]) -> LatentCode:
        """The latent code, of which the first categorical part may be finer than clusters."""
        first, *others = self._categorical() or (0,)
        split = self._resolved("codes_per_cluster", shape)
        if self.codes_per_cluster == "auto" and not self._is_consistent():
            split = GAME_CODES
        sizes = (first * split, *others) if first else ()
        learned = self.continuous_variance == "learned"
        return LatentCode(self.noise_dim, sizes, self._n_continuous(), learned)

    def _objective(self, X: np.ndarray, encoding: Encoding) -> Objective:
        """Weights of the terms, and how twins of rows are made."""
        augment = self._resolved_augment(encoding.shape)
        if augment == "image" and len(encoding.shape) < 3:
            raise ValueError(
                'augment="image" needs images, and networks for them: set image_shape, leave '
                'architecture="auto", or set augment="auto"'
            )
        penalty = self._resolved_penalty()
        if self.compile and penalty:
            raise ValueError(
                "compile=True and gradient_penalty do not go together: compiled networks have no "
                "second derivatives; set compile=False or gradient_penalty=0"
            )
        if self.contrastive_weight and self._n_continuous() < 2:
            raise ValueError(
                f"contrastive_weight={self.contrastive_weight} needs at least two continuous codes "
                f"to tell apart, and there are {self._n_continuous()}: raise n_continuous (the "
                'objective "gan" has none) or set contrastive_weight=0'
            )
        if self._makes_twins():
            check_augment(augment, encoding.encode(X[:2]).to(self.device_))
        return Objective(
            adversarial_loss=self.adversarial_loss,
            info_weight=self.info_weight,
            continuous_weight=self.continuous_weight,
            consistency_weight=self.consistency_weight,
            balance_weight=self.balance_weight,
            gradient_penalty=penalty,
            augment=augment,
            radius=local_radius(X, encoding) if augment == "adversarial" else 0.0,
            prior=self._prior(),
            contrastive_weight=self.contrastive_weight,
            instance_noise=self.instance_noise,
        )
