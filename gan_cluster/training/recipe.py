"""Recipe: all settings of a training, without any "auto"."""

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

LOOKING_STEPS, LOOKING_EPOCHS = 15_000, 100  # of contrastive learning, at most
STAGE_STEPS, STAGE_CODES = 900, 50  # of the first stage, with at most this many codes
TRIAL_STEPS = 900  # of a trial of equal sizes of clusters, and of other sizes
DRAWING_STEPS = 650, 900  # of the second stage, for images and for tables
DRAWING_EPOCHS = 8  # of the second stage, at least
GAME_EPOCHS = 16  # of a training without the consistency term, at least


@dataclass(frozen=True)
class Length:
    """The length of training, and what else depends on the number of rows."""

    batch_size: int  # rows in a step, for all processes together
    n_runs: int  # runs of the first stage, of which the best is kept
    n_heads: int  # heads of Q on one trunk in the first stage, of which the best is kept
    looking: int  # epochs of contrastive learning; 0 without that stage
    forming: int  # epochs of each run of the first stage, which may be the only stage
    trying: int  # epochs of each trial of sizes of clusters
    drawing: int  # epochs of the second stage; 0 without that stage
    settling: int  # least epochs of it: generated rows still improve when labels are stable
    more: int  # epochs of further training of a fitted model
    refining: float = 1.0  # share of Q's learning rate that is left after clusters have formed
    n_neighbors: int = 0  # near rows from which twins are made; 0 if only from the row itself


@dataclass(frozen=True)
class Recipe:
    """All settings of a training, from the parameters of an estimator and the rows."""

    parameters: dict[str, Any]  # as the user set them, without those that may change in training
    layout: Layout
    encoding: Encoding
    n_clusters: int  # 0 if there is no categorical code
    code: LatentCode  # the first code may have more values than clusters, which are then merged
    codes_in_turn: tuple[int, ...]  # codes for each cluster, in turn over the runs; see `code`
    objective: Objective
    prior: str | tuple[float, ...]
    tries_sizes: bool  # whether equal and other sizes of clusters are compared
    mixtures: bool  # whether clusters of mixtures of Gaussians are compared, too
    architecture: str | tuple
    width: int
    depth: int | None
    learning_rates: tuple[float, float]  # of the discriminator with Q, and of the generator
    tol: float
    n_iter_no_change: int | None
    precision: str
    device: str
    length: Length | None = None  # None in a loaded model, until there are rows

    def of_run(self, number: int) -> "Recipe":
        """The recipe of one run; runs have different numbers of codes for each cluster in turn."""
        per_cluster = self.codes_in_turn[number % len(self.codes_in_turn)]
        return self.with_codes(self.n_clusters * per_cluster)

    def with_codes(self, n_codes: int) -> "Recipe":
        """The same with ``n_codes`` values of the first code; a ValueError if this is not valid."""
        if n_codes not in {self.n_clusters * per_cluster for per_cluster in self.codes_in_turn}:
            raise ValueError(f"{n_codes} codes are not those of {self.n_clusters} clusters")
        if not self.n_clusters:
            return self
        categorical = n_codes, *self.code.categorical[1:]
        return replace(self, code=replace(self.code, categorical=categorical))

    @property
    def fewest_codes(self) -> int:
        """The least number of values of the first code that a run has."""
        return self.n_clusters * min(self.codes_in_turn)

    @property
    def merges(self) -> bool:
        """Whether there are more codes than clusters."""
        return bool(self.n_clusters) and self.code.categorical[0] > self.n_clusters

    @property
    def changes_rows(self) -> bool:
        """Whether a twin differs from its row even if it is not made from a near row."""
        return self.objective.augment != "none"

    @property
    def looks(self) -> bool:
        """Whether there is contrastive learning before clusters form."""
        return self.objective.contrast_temperature != 0

    @property
    def runs_users_code(self) -> bool:
        """Whether networks or twins are made by code of the user."""
        return runs_users_code(self.architecture, self.objective)

    def on(self, device: str) -> "Recipe":
        """The same for another device."""
        return replace(self, device=device)

    @property
    def build(self) -> Callable:
        """A function that builds both networks with random weights from ``rng``."""
        return partial(
            build_networks,
            self.architecture,
            shape=self.encoding.shape,
            latent_dim=self.code.latent_dim,
            posterior_dim=self.code.posterior_dim,
            # the layer for clusters learns to ignore properties that continuous codes describe
            n_apart=self.code.continuous_dim if self.objective.is_consistent else 0,
            width=self.width,
            depth=self.depth,
        )

    @property
    def build_critic(self) -> Callable | None:
        """A function that builds the conditional discriminator with weights from ``rng``.

        None without the consistency term, where the discriminator shares its trunk with Q.
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
    """Whether one of these is code of the user, which may draw from torch's global generator."""
    return isinstance(architecture, tuple) or callable(objective.augment)
