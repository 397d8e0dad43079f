"""Reading: how features are made from layers of a model: by pooling, reduction and scaling."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from gan_cluster.model import Model
from gan_cluster.networks.build import POSTERIOR, RECOGNITION_LAYER, Discriminator
from gan_cluster.networks.reading import choose_layers, column_names, n_features, pool
from gan_cluster.training.recipe import Recipe
from gan_cluster.training.twins import Reduction, twin_reduction

N_COMPONENTS = 20
MAX_REDUCED = 4096  # features: their covariance matrix has this many rows


@dataclass
class Reading:
    """How features are made from the layers of a discriminator."""

    layers: list[str]
    pooling: str  # "avg" or "max"
    normalize: str | None
    n_components: int | None  # number of directions to which features are reduced
    near: int  # number of near rows used as twins for that; 0 makes twins from the row itself
    reduction: Reduction | None = None  # center and directions, after they were fitted
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)  # of one row in each layer
    parameters: dict[str, Any] = field(default_factory=dict)  # of the extractor that uses this

    def fit(self, model: Model, X: np.ndarray) -> None:
        """Compute the directions, and the shapes of the features."""
        model.net._set_training(False)
        with torch.inference_mode():
            layers = self.layers_of(model, model.encode(X[:1]))
        self.shapes = {name: tuple(maps.shape[1:]) for name, maps in layers.items()}
        if self.n_components is not None:
            self.reduction = twin_reduction(
                model.net,
                model.encoding,
                X,
                lambda batch: self._joined(model, batch),
                self.n_components,
                self.near,
            )
            self.shapes = {"component": (self.n_components,)}

    def layers_of(self, model: Model, batch: torch.Tensor) -> dict[str, torch.Tensor]:
        """The chosen layers by name, with pooled maps."""
        discriminator = model.discriminator
        hidden = [RECOGNITION_LAYER if name == POSTERIOR else name for name in self.layers]
        maps = discriminator.activations(batch, hidden)
        if POSTERIOR in self.layers:
            assert discriminator.code is not None
            logits = model.net.code.logits(discriminator.code(maps[RECOGNITION_LAYER]))
            maps[POSTERIOR] = torch.cat(model.softmax(logits), dim=1)
        return {name: pool(maps[name], self.pooling) for name in self.layers}

    def _joined(self, model: Model, batch: torch.Tensor) -> torch.Tensor:
        """The chosen layers side by side, not scaled."""
        layers = self.layers_of(model, batch).values()
        return torch.cat([maps.flatten(1) for maps in layers], dim=1)

    def features(self, model: Model, batch: torch.Tensor) -> torch.Tensor:
        """Features of an encoded batch."""
        if self.reduction is not None:
            center, directions = (torch.tensor(a, device=batch.device) for a in self.reduction)
            reduced = (self._joined(model, batch) - center) @ directions
            return F.normalize(reduced) if self.normalize == "l2" else reduced
        layers = [maps.flatten(1) for maps in self.layers_of(model, batch).values()]
        if self.normalize == "l2":  # each by itself, or a wide layer would drown a narrow one
            layers = [F.normalize(layer) / len(layers) ** 0.5 for layer in layers]
        return torch.cat(layers, dim=1)

    def column_names(self) -> list[str]:
        """Names of features: layer, channel and, if there is a grid, row and column."""
        return column_names(self.shapes)


def choose_reading(
    recipe: Recipe,
    discriminator: Discriminator,
    *,
    layers: str | list[str],
    pooling: str,
    n_components: Any,
    normalize: str | None,
) -> Reading:
    """The reading for the parameters of an extractor, with networks as they were built.

    Raises a ValueError if there is no such layer, there are no maps to pool, or features cannot be
    reduced to ``n_components``.
    """
    shape, categorical = recipe.encoding.shape, recipe.code.categorical
    chosen = choose_layers(discriminator, categorical, layers, shape)
    if pooling != "auto" and not discriminator.convolutions:
        raise ValueError(
            f'pooling="{pooling}" needs convolutional maps; these networks have none: '
            'leave pooling="auto"'
        )
    pooled = "max" if pooling == "auto" else pooling
    near: Any = 0 if recipe.changes_rows else recipe.objective.n_neighbors
    is_auto = n_components == "auto"
    if is_auto:  # only features of a GAN without codes need it
        is_needed = layers == "last" and not recipe.code.posterior_dim
        n_components = N_COMPONENTS if is_needed else None
    if n_components is not None and not (recipe.changes_rows or near):
        if not is_auto:
            raise ValueError(
                f"n_components={n_components} needs twins of rows, and "
                f"augment={recipe.objective.augment!r} with n_neighbors={near} makes none: raise "
                "n_neighbors, or set augment to a function or n_components to None"
            )
        n_components = None
    if n_components is not None:
        size = n_features(discriminator, _final_sizes(recipe), chosen, pooled, shape)
        if is_auto:
            n_components = min(n_components, size) if size <= MAX_REDUCED else None
        elif not n_components <= size <= MAX_REDUCED:
            raise ValueError(
                f"n_components={n_components} cannot reduce the {size} features that "
                f"layers={layers!r} give: it should be at most their number, and that at most "
                f"{MAX_REDUCED}"
            )
    return Reading(chosen, pooled, normalize, n_components, near)


def _final_sizes(recipe: Recipe) -> tuple[int, ...]:
    """Sizes of the categorical codes after the first is merged into clusters."""
    return (recipe.n_clusters, *recipe.code.categorical[1:]) if recipe.n_clusters else ()
