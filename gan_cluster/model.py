"""Model: the result of a fit, which assigns rows to clusters and draws rows."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from sklearn.exceptions import NotFittedError
from torch import nn

from gan_cluster._recipe import resolve_device
from gan_cluster.codes import Latent, draw_categories
from gan_cluster.networks.build import Discriminator
from gan_cluster.training.data import Encoding, Layout
from gan_cluster.training.heads import set_aside
from gan_cluster.training.inference import generate, map_rows, near_rows, neighbor_joint
from gan_cluster.training.merging import information
from gan_cluster.training.modes import usual_modes
from gan_cluster.training.net import AdversarialNet
from gan_cluster.training.random import (
    globally_seeded,
    gradients_on,
    torch_generator,
)
from gan_cluster.training.recipe import Recipe
from gan_cluster.training.state import State, net_state, restore_net
from gan_cluster.training.usual import Usual

LAYER_TENSORS = 12  # of a hidden layer and its batch normalisation, in both networks


class Model:
    """The trained model of an estimator: its ``model_`` after fit.

    Methods take rows as arrays of shape (n_samples, n_features) in the units of X. Estimators
    check and flatten the user's X before they call them. A clusterer numbers clusters by size, and
    0 is the largest. In an extractor, clusters keep the numbers that training gave them. Codes are
    in the order of ``code_names``.

    Parameters
    ----------
    recipe : Recipe
        The recipe of the training.
    net : AdversarialNet
        The networks, their optimizer, and the clusters of codes.
    rng : torch.Generator
        Random numbers for the order of rows in further training.
    order : ndarray of shape (n_clusters,) or None
        Clusters of the net by size; None keeps the numbers of the net.
    merges : bool, default=False
        Whether codes are merged again after each chunk of ``partial_fit``.
    classes : ndarray of shape (n_classes,), default=None
        Names of the first clusters, if there were labels.
    usual : Usual, default=None
        Statistics of training rows for ``usualness``; None if they were not measured.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from gan_cluster import InfoGANClusterer
    >>> X = load_wine().data
    >>> model = InfoGANClusterer(3, max_epochs=2, random_state=0).fit(X).model_
    >>> model.n_clusters, model.code_names, model.probabilities(X).shape
    (3, ['cluster'], (178, 3))
    """

    def __init__(
        self,
        recipe: Recipe,
        net: AdversarialNet,
        rng: torch.Generator,
        order: np.ndarray | None = None,
        merges: bool = False,
        classes: np.ndarray | None = None,
        usual: Usual | None = None,
    ):
        self.recipe = recipe
        self.net = net
        self.rng = rng
        self.order = order
        self.merges = merges
        self.classes = classes
        self.usual = usual

    @property
    def layout(self) -> Layout:
        """Shape, axes and dtype of the X of fit."""
        return self.recipe.layout

    @property
    def encoding(self) -> Encoding:
        """How rows are scaled and arranged for the networks."""
        return self.recipe.encoding

    @property
    def device(self) -> str:
        """Device of the networks."""
        return self.recipe.device

    @property
    def generator(self) -> nn.Module:
        """The trained generator; it maps a latent batch to rows in [-1, 1] or standardised."""
        return self.net.sampler_

    @property
    def discriminator(self) -> Discriminator:
        """The trained discriminator with the recognition network Q."""
        return self.net.discriminator_

    @property
    def history(self) -> list[dict[str, Any]]:
        """One dict of losses and other measures for each epoch."""
        return [{name: row[name] for name in row if name != "batches"} for row in self.net.history]

    @property
    def n_epochs(self) -> int:
        """Number of epochs trained."""
        return len(self.net.history)

    @property
    def n_clusters(self) -> int:
        """Number of clusters; 0 without a categorical code."""
        return len(self.net.clusters)

    @property
    def code_names(self) -> list[str]:
        """Names of the codes: the cluster, further categories, then continuous codes."""
        code = self.net.code
        categories = [f"category{i}" for i in range(1, len(code.categorical))]
        first = ["cluster"] if code.categorical else []
        return [*first, *categories, *(f"continuous{i}" for i in range(code.n_continuous))]

    @property
    def code_sizes(self) -> list[int]:
        """Number of values of each categorical code; the first is the number of clusters."""
        return [self.n_clusters, *self.net.code.categorical[1:]] if self.n_clusters else []

    @usual_modes()
    def map(
        self,
        function: Callable[[torch.Tensor], torch.Tensor],
        X: np.ndarray,
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """Apply a function of encoded batches to all rows, batch by batch."""
        return map_rows(self.net, self.encoding, X, function, out)

    @usual_modes()
    def encode(self, X: np.ndarray) -> torch.Tensor:
        """Rows as the input tensor of the networks, on their device."""
        return self.encoding.encode(X).to(self.device)

    def clusters(self, X: np.ndarray) -> np.ndarray:
        """The most probable cluster of each row."""
        numbers = self.map(lambda batch: self.net.label(batch).argmax(1), X)
        return numbers if self.order is None else np.argsort(self.order)[numbers]

    def number_by_size(self, X: np.ndarray) -> None:
        """Number the clusters by their sizes among these rows: the largest first, empty ones last.

        Clusters of classes keep their numbers and come before the others. Numbers do not change in
        further training.
        """
        if self.order is None:
            counts = np.bincount(self.clusters(X), minlength=self.n_clusters)
            counts[: len(() if self.classes is None else self.classes)] = 1 + len(X)
            self.order = np.argsort(-counts, kind="stable")

    @gradients_on()
    def joined(self, clusters: list[int], labels: np.ndarray) -> tuple["Model", np.ndarray]:
        """A copy in which several clusters are merged, and its labels (n,).

        Its clusters are numbered by size again, so it has no names of classes.
        """
        model = self.to(self.device)
        model.merges = False  # or ``partial_fit`` would make as many clusters as before
        model.classes = None
        order = np.arange(self.n_clusters) if self.order is None else self.order
        numbers = model.net.clusters.join([int(order[cluster]) for cluster in clusters])
        labels = numbers[order[labels]]
        sizes = np.bincount(labels, minlength=model.n_clusters)
        model.order = np.argsort(-sizes, kind="stable")
        return model, np.argsort(model.order)[labels]

    def probabilities(self, X: np.ndarray) -> np.ndarray:
        """Probability of each cluster for each row, of shape (n_samples, n_clusters)."""
        probabilities = self.map(lambda batch: self.net.label(batch).softmax(1), X)
        return probabilities if self.order is None else probabilities[:, self.order]

    @usual_modes()
    def note_usual(self, X: np.ndarray) -> None:
        """Measure the statistics of training rows that ``usualness`` needs."""
        self.usual = Usual.of(self.net, self.encoding, X)

    def usualness(self, X: np.ndarray) -> np.ndarray:
        """How usual each row is, as in :meth:`InfoGANClusterer.score_samples`.

        Raises a NotFittedError if the statistics were not measured.
        """
        usual = self._noted
        return self.map(lambda batch: usual.scores(self.net, batch), X).astype(np.float64)

    @property
    def offset(self) -> float:
        """Threshold of ``usualness``; a NotFittedError if the statistics were not measured."""
        return float(self._noted.offset)

    @property
    def _noted(self) -> Usual:
        if self.usual is None:
            raise NotFittedError(
                "this model has no statistics of its training rows, with which other rows are "
                "compared: older versions did not save them, and fit cannot compute them if the "
                "networks' features are not finite; call fit or partial_fit again"
            )
        return self.usual

    def posterior(self, X: np.ndarray) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
        """Q(c | x): a list with the probabilities of each categorical code; mean; variance."""
        net = self.net

        def read(batch: torch.Tensor) -> torch.Tensor:
            posterior = net.code.posterior(net.discriminator_(batch).code)
            parts = self.softmax(posterior.logits)
            return torch.cat([*parts, posterior.mean, posterior.log_variance.exp()], dim=1)

        ends = np.cumsum([*self.code_sizes, net.code.n_continuous])
        *categorical, mean, variance = np.split(self.map(read, X), ends, axis=1)
        return categorical, mean, variance

    def softmax(self, logits: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Probabilities (n, size) of each categorical code from logits; clusters come first."""
        parts = list(logits)
        if parts:
            parts[0] = self.net.clusters.logits(parts[0])
            if self.order is not None:
                parts[0] = parts[0][:, self.order]
        return [part.softmax(1) for part in parts]

    @usual_modes()
    def score(self, X: np.ndarray) -> float:
        """Mutual information in nats between the cluster of a row and the clusters of near rows."""
        near = near_rows(self.net, self.encoding, X)
        return information(neighbor_joint(self.net, self.encoding, X, near))

    @usual_modes()
    def draw(
        self, codes: np.ndarray, noise: np.ndarray | None, rng: torch.Generator | None
    ) -> np.ndarray:
        """Generate rows, in the units and the shape of the X of fit.

        Parameters
        ----------
        codes : ndarray of shape (n_samples, n_codes)
            NaN stands for a random value.
        noise : ndarray of shape (n_samples, noise_dim) or None
            None stands for random noise.
        rng : torch.Generator or None
            Source of random numbers. With None, codes and noise have to be complete. If a cluster
            consists of several values of the code, the value that most rows have is then used.
        """
        n_samples, code = len(codes), self.net.code
        latent = self._blank(n_samples)
        if rng is not None:
            latent = code.sample(n_samples, rng, self.net.clusters.code_shares)
        for j, column in enumerate(codes.T):
            self._put(latent, j, column, rng)
        if noise is not None:
            latent.noise.copy_(torch.from_numpy(noise).float())
        rows = generate(self.net, self.encoding, latent)
        return rows.reshape(n_samples, *self.layout.row_shape)

    def _blank(self, n_samples: int) -> Latent:
        code, device = self.net.code, self.device
        return Latent(
            torch.zeros(n_samples, code.noise_dim, dtype=torch.float32, device=device),
            torch.zeros(n_samples, len(code.categorical), dtype=torch.long, device=device),
            torch.zeros(n_samples, code.n_continuous, dtype=torch.float32, device=device),
        )

    def _put(self, latent: Latent, j: int, column: np.ndarray, rng: torch.Generator | None) -> None:
        """Set one code of a latent batch where the column is not NaN."""
        is_given = ~np.isnan(column)
        rows = torch.from_numpy(np.flatnonzero(is_given)).to(self.device)
        values, n_categorical = column[is_given], latent.categories.shape[1]
        if j >= n_categorical:
            put = torch.from_numpy(values).float().to(self.device)
            latent.continuous[rows, j - n_categorical] = put
        elif j == 0:
            latent.categories[rows, 0] = self.values_of(values.astype(np.int64), rng)
        else:
            latent.categories[rows, j] = torch.from_numpy(values).long().to(self.device)

    def values_of(self, clusters: np.ndarray, rng: torch.Generator | None) -> torch.Tensor:
        """A value of the first code for each cluster: random, or the most frequent one."""
        shares = self.net.clusters.code_shares
        assert shares is not None
        values = torch.empty(len(clusters), dtype=torch.long, device=self.device)
        for cluster in np.unique(clusters):
            number = int(cluster if self.order is None else self.order[cluster])
            members = torch.from_numpy(self.net.clusters.members(number)).to(self.device)
            chosen = torch.from_numpy(np.flatnonzero(clusters == cluster)).to(self.device)
            usual = shares[members] / shares[members].sum()
            drawn = usual.argmax()[None]
            if rng is not None:
                drawn = draw_categories(len(chosen), usual, rng)
            values[chosen] = members[drawn]
        return values

    def untrained(self, seed: int) -> Discriminator:
        """An untrained discriminator of the same architecture, with random weights from a seed."""
        architecture = self.recipe.architecture
        with gradients_on(), globally_seeded(seed, self.recipe.runs_users_code):
            _, discriminator = self.recipe.build(rng=torch_generator(seed))
            if isinstance(architecture, tuple) and isinstance(architecture[1], nn.Module):
                # a copy of the user's module still has its weights
                for module in discriminator.trunk.modules():
                    reset = getattr(module, "reset_parameters", None)
                    if callable(reset):
                        reset()
        return discriminator.to(self.device).eval()

    @contextmanager
    def undone_on_error(self) -> Iterator[None]:
        """A context that restores everything that training changes, if it ends by an error."""
        net = self.net
        state, groups, playing = deepcopy(net.trained()), net.clusters.groups, net.playing
        forming = net.forming
        numbers, order = net.rng.get_state(), self.rng.get_state()
        merges, usual, n_epochs = self.merges, self.usual, len(net.history)
        try:
            yield
        except BaseException:
            net.restore(state)
            net.clusters.groups, net.playing, net.forming = groups, playing, forming
            net.rng.set_state(numbers)
            self.rng.set_state(order)
            self.merges, self.usual = merges, usual
            del net.history[n_epochs:]
            raise

    def to(self, device: str) -> "Model":
        """A copy on another device; random numbers differ on another kind of device."""
        recipe = self.recipe.on(device)
        with usual_modes(), gradients_on(), set_aside(self.net):
            net = recipe.make_net(0, torch_generator(0, device))
            restore_net(net, *net_state(self.net), self.encoding.shape)
        net.playing, net.forming = self.net.playing, self.net.forming
        usual = None if self.usual is None else self.usual.to(device)
        return Model(recipe, net, self.rng, self.order, self.merges, self.classes, usual)

    def __getstate__(self) -> dict[str, Any]:
        """The pickled state; networks are moved to the CPU, so that any machine can read it."""
        moved = self if self.device == "cpu" else self.to("cpu")
        return {**vars(moved), "recipe": self.recipe}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        if self.device != "cpu":
            try:
                wanted = resolve_device(self.recipe.parameters["device"])
            except ValueError:  # it is not there
                wanted = "cpu"
            self.recipe = self.recipe.on("cpu")
            if wanted != "cpu":
                vars(self).update(vars(self.to(wanted)))

    def state(self) -> State:
        """The state of the model for saving: a document for JSON, and tensors."""
        with set_aside(self.net):
            learned, tensors = net_state(self.net)
        tensors |= {
            "encoding.center": torch.from_numpy(np.array(self.encoding.center, dtype=np.float64)),
            "encoding.scale": torch.from_numpy(np.array(self.encoding.scale, dtype=np.float64)),
            "random.batch": self.rng.get_state(),
        }
        if self.order is not None:
            tensors["order"] = torch.from_numpy(self.order)
        if self.usual is not None:
            tensors |= self.usual.state()
        document = {
            "layout": self.layout._asdict(),
            "encoding": {
                "shape": self.encoding.shape,
                "channels_last": self.encoding.channels_last,
            },
            "merges": self.merges,
            **learned,
        }
        if self.classes is not None:
            document["classes"] = self.classes.tolist()
        return document, tensors

    @classmethod
    def from_state(
        cls, recipe: Recipe, document: dict[str, Any], tensors: dict[str, torch.Tensor]
    ) -> "Model":
        """Make a model from a recipe and what :meth:`state` returned.

        Raises a ValueError, KeyError or other errors if document, tensors and recipe do not fit
        each other.
        """
        recipe = recipe.with_codes(len(tensors["clusters.usage"]))
        _check_shapes(recipe, tensors)
        net = recipe.make_net(0, torch_generator(0, recipe.device))
        restore_net(net, document, tensors, recipe.encoding.shape)
        rng = torch_generator(0)
        rng.set_state(tensors["random.batch"])
        order = tensors["order"].numpy() if "order" in tensors else None
        if order is not None and not np.array_equal(np.sort(order), np.arange(len(net.clusters))):
            raise ValueError("order is no order of the clusters")
        classes = _names(document["classes"], len(net.clusters)) if "classes" in document else None
        usual = Usual.from_state(net, tensors) if recipe.n_clusters else None
        return cls(recipe, net, rng, order, bool(document["merges"]), classes, usual)


def _names(classes: Any, n_clusters: int) -> np.ndarray:
    """Names of classes from a document; a ValueError if they are not valid."""
    kinds = {type(name) for name in classes} if isinstance(classes, list) else set()
    if kinds not in ({int}, {str}) or not len(set(classes)) == len(classes) <= n_clusters:
        raise ValueError("classes are no names of clusters")
    return np.array(classes, dtype=np.int64 if kinds == {int} else str)


def _check_shapes(recipe: Recipe, tensors: dict[str, torch.Tensor]) -> None:
    """Check that tensors have the shapes of a recipe, before memory is allocated for networks.

    Raises a ValueError if they do not.
    """
    if isinstance(recipe.architecture, tuple):
        return  # networks of the caller, which do not come from a file
    if LAYER_TENSORS * ((recipe.depth or 1) - 1) > len(tensors):
        raise ValueError("there are too few tensors for the layers")
    with torch.device("meta"):
        made, discriminator = recipe.build(rng=None)
    for name, network in (("generator_", made), ("discriminator_", discriminator)):
        for key, value in network.state_dict().items():
            shape = tensors[f"{name}.{key}"].shape
            if shape != value.shape:
                raise ValueError(f"{name}.{key} has shape {tuple(shape)}, not {tuple(value.shape)}")
