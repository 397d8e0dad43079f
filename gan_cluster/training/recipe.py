"""Recipe: all that a training needs to know, with no "auto" left."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch

from gan_cluster.codes import LatentCode
from gan_cluster.networks.build import build_critic, build_networks, build_observer
from gan_cluster.objectives import Objective
from gan_cluster.training.data import Encoding, Layout
from gan_cluster.training.net import AdversarialNet
from gan_cluster.training.random import globally_seeded, torch_generator

LOOKING_STEPS, LOOKING_EPOCHS = 15_000, 100  # at most, in which an observer learns to see
STAGE_STEPS, STAGE_CODES = 900, 50  # in which clusters form: of so many codes at most
TRIAL_STEPS = 900  # of clusters of equal sizes, and of others
DRAWING_STEPS = 650, 900  # that the generator has then, of images and of tables; or some epochs
DRAWING_EPOCHS = 8
GAME_EPOCHS = 16  # of the game alone


@dataclass(frozen=True)
class Length:
    """How long is trained."""

    batch_size: int  # rows a step, of all processes together
    n_runs: int  # trainings of which the best is kept
    n_heads: int  # of Q while clusters form, of which the best is kept; one trunk is below them
    looking: int  # epochs before clusters form; 0 without that stage
    forming: int  # epochs of each; all there are where there is no second stage
    trying: int  # epochs in which equal sizes of clusters, and others, are tried
    drawing: int  # epochs in which the generator joins the best; 0 without that stage
    settling: int  # epochs of that before it may end at rest: drawing gains long after labels rest
    more: int  # epochs that a fitted model goes on for


@dataclass(frozen=True)
class Recipe:
    """What is trained on which rows: parameters of an estimator, resolved once."""

    parameters: dict[str, Any]  # as the user set them, without those that may change in training
    layout: Layout
    encoding: Encoding
    n_clusters: int  # 0 where there is no categorical code
    code: LatentCode  # its first part may be finer than clusters; then its values are merged
    codes_in_turn: tuple[int, ...]  # for each cluster, of the runs; the first are those of `code`
    objective: Objective
    prior: str | tuple[float, ...]
    tries_sizes: bool  # whether equal sizes of clusters are tried, and others
    mixtures: bool  # whether clusters of a mixture of Gaussians may be better than those that form
    architecture: str | tuple
    width: int
    depth: int | None
    learning_rates: tuple[float, float]  # of the discriminator with Q, and of the generator
    tol: float
    n_iter_no_change: int | None
    precision: str
    device: str
    length: Length | None = None  # None in a model that was loaded, until there are rows

    def of_run(self, number: int) -> "Recipe":
        """The recipe of one of several runs: how many codes a cluster has is tried in turn."""
        per_cluster = self.codes_in_turn[number % len(self.codes_in_turn)]
        return self.with_codes(self.n_clusters * per_cluster)

    def with_codes(self, n_codes: int) -> "Recipe":
        """The same with so many values of the first code; a ValueError if that is no such code."""
        if n_codes not in {self.n_clusters * per_cluster for per_cluster in self.codes_in_turn}:
            raise ValueError(f"{n_codes} codes are not those of {self.n_clusters} clusters")
        if not self.n_clusters:
            return self
        categorical = n_codes, *self.code.categorical[1:]
        return replace(self, code=replace(self.code, categorical=categorical))

    @property
    def merges(self) -> bool:
        """Whether codes are finer than clusters."""
        return bool(self.n_clusters) and self.code.categorical[0] > self.n_clusters

    @property
    def changes_rows(self) -> bool:
        """Whether a twin differs from its row without the help of near rows."""
        return self.objective.augment != "none"

    @property
    def looks(self) -> bool:
        """Whether a trunk looks at rows before clusters form."""
        return self.objective.contrast_temperature != 0

    @property
    def runs_users_code(self) -> bool:
        """Whether networks or twins are made by what the user gave."""
        return runs_users_code(self.architecture, self.objective)

    def on(self, device: str) -> "Recipe":
        """The same for another device."""
        return replace(self, device=device)

    @property
    def build(self) -> Callable:
        """What makes both networks, given the source of their weights, ``rng``."""
        return partial(
            build_networks,
            self.architecture,
            shape=self.encoding.shape,
            latent_dim=self.code.latent_dim,
            posterior_dim=self.code.posterior_dim,
            # twins teach the layer that reads clusters to look past what continuous codes stand for
            n_apart=self.code.continuous_dim if self.objective.is_consistent else 0,
            width=self.width,
            depth=self.depth,
        )

    @property
    def build_critic(self) -> Callable | None:
        """What makes the discriminator that the generator plays against beside Q, given ``rng``.

        None where Q's trunk is that of the discriminator, in the game alone.
        """
        if not self.objective.is_consistent:
            return None
        return partial(
            build_critic,
            self.architecture,
            shape=self.encoding.shape,
            n_conditions=self.code.categorical[0],
            width=self.width,
            depth=self.depth,
        )

    def make_net(
        self,
        seed: int,
        rng: torch.Generator,
        net_class: type[AdversarialNet] = AdversarialNet,
    ) -> AdversarialNet:
        """An untrained net."""
        weights = torch_generator(seed)
        net = net_class(
            build=partial(self.build, rng=weights),
            build_critic=self.build_critic and partial(self.build_critic, rng=weights),
            build_observer=partial(build_observer, rng=weights) if self.looks else None,
            code=self.code,
            objective=self.objective,
            prior=self.prior,
            rng=rng,
            learning_rates=self.learning_rates,
            precision=self.precision,
            device=self.device,
        )
        with globally_seeded(seed, self.runs_users_code):
            return net.initialize()


def runs_users_code(architecture: str | tuple, objective: Objective) -> bool:
    """Whether one of these is the user's own, which may draw from torch's global generator."""
    return isinstance(architecture, tuple) or callable(objective.augment)
