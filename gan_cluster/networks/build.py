"""From a data shape and a choice of architecture to a generator and a discriminator."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import NamedTuple

import torch
from torch import nn
from torch.nn.utils import spectral_norm  # the one in parametrizations cannot be pickled

from gan_cluster.networks.dcgan import conv_generator, conv_trunk
from gan_cluster.networks.mlp import mlp_generator, mlp_trunk

RECOGNITION_UNITS = 128
RECOGNITION_LAYER = "recognition"


class DiscriminatorOutput(NamedTuple):
    """Logits of real against generated (n,), and Q's output (n, posterior_dim)."""

    adversarial: torch.Tensor
    code: torch.Tensor


class Discriminator(nn.Module):
    """A trunk with two heads: real or generated, and the recognition network Q.

    Parameters
    ----------
    trunk : Module
        Maps a batch to features; a ``Sequential``'s children are its named layers.
    n_features : int
        Number of values a row at the trunk's end, flattened.
    posterior_dim : int
        Width of Q's output; 0 leaves Q out.
    """

    def __init__(self, trunk: nn.Module, n_features: int, posterior_dim: int):
        super().__init__()
        self.trunk = trunk
        self.adversarial = nn.Linear(n_features, 1)
        self.recognition = self.code = None
        if posterior_dim:
            self.recognition = nn.Sequential(
                nn.Linear(n_features, RECOGNITION_UNITS, bias=False),
                nn.BatchNorm1d(RECOGNITION_UNITS),
                nn.LeakyReLU(0.1),
            )
            self.code = nn.Linear(RECOGNITION_UNITS, posterior_dim)

    def forward(self, rows: torch.Tensor) -> DiscriminatorOutput:
        features = self.trunk(rows).flatten(1)
        logits = self.adversarial(features).squeeze(1)
        if self.recognition is None or self.code is None:
            return DiscriminatorOutput(logits, features.new_empty(len(features), 0))
        return DiscriminatorOutput(logits, self.code(self.recognition(features)))

    @property
    def layer_names(self) -> list[str]:
        """Names of the layers whose activations can be read, from the input on."""
        children = [name for name, _ in self.trunk.named_children()]
        names = children if isinstance(self.trunk, nn.Sequential) else ["trunk"]
        return names + ([RECOGNITION_LAYER] if self.recognition is not None else [])

    def activations(self, rows: torch.Tensor, names: Sequence[str]) -> dict[str, torch.Tensor]:
        """Activations of the named layers, none computed beyond the deepest of them."""
        found: dict[str, torch.Tensor] = {}
        if isinstance(self.trunk, nn.Sequential):
            for name, layer in self.trunk.named_children():
                rows = layer(rows)
                found[name] = rows
                if found.keys() >= set(names):
                    return {name: found[name] for name in names}
        else:
            found["trunk"] = rows = self.trunk(rows)
        if self.recognition is not None and RECOGNITION_LAYER in names:
            found[RECOGNITION_LAYER] = self.recognition(rows.flatten(1))
        return {name: found[name] for name in names}


def build_networks(
    architecture: str | tuple,
    *,
    shape: tuple[int, ...],
    latent_dim: int,
    posterior_dim: int,
    width: int,
    depth: int | None,
    spectral: bool,
    rng: torch.Generator,
) -> tuple[nn.Module, Discriminator]:
    """Build and initialise both networks on the CPU; every weight of ours comes from ``rng``.

    Raises
    ------
    ValueError
        If the user's generator does not give batches of ``shape``, or the user's trunk does
        not take them.
    """
    if isinstance(architecture, tuple):
        maker, trunk_maker = architecture
        made = _instance(maker, latent_dim, shape)
        trunk = _instance(trunk_maker, shape)
        _check_user_generator(made, latent_dim, shape)
        n_features = _user_trunk_width(trunk, shape)
        scale = None
    elif architecture == "dcgan":
        image = (shape[0], shape[1], shape[2])
        made, trunk = conv_generator(latent_dim, image, width, 2), conv_trunk(image, width, depth)
        n_features, scale = 16 * width, 0.02
    else:
        layers = 2 if depth is None else depth
        made = mlp_generator(latent_dim, shape[0], width, layers)
        trunk = mlp_trunk(shape[0], width, layers)
        n_features, scale = 16 * width, None
    discriminator = Discriminator(trunk, n_features, posterior_dim)
    user_made = isinstance(architecture, tuple)
    for part in discriminator.children() if user_made else (made, discriminator):
        if not (user_made and part is trunk):
            reset_parameters(part, scale, rng)
    if spectral:
        for layer in trunk.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                spectral_norm(layer)
    return made, discriminator


def reset_parameters(module: nn.Module, scale: float | None, rng: torch.Generator) -> None:
    """Draw weights from N(0, scale^2), DCGAN's rule, or, without a scale, by fan-in."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            if scale is None:
                nn.init.kaiming_uniform_(layer.weight, a=5**0.5, generator=rng)
            else:
                nn.init.normal_(layer.weight, 0.0, scale, generator=rng)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def _instance(maker: nn.Module | Callable[..., nn.Module], *arguments: object) -> nn.Module:
    """The user's module: a copy of an instance, or what the class or function returns."""
    made = deepcopy(maker) if isinstance(maker, nn.Module) else maker(*arguments)
    if not isinstance(made, nn.Module):
        raise TypeError(f"architecture: {maker!r} returned {type(made).__name__}, not a Module")
    return made.train()


def _check_user_generator(made: nn.Module, latent_dim: int, shape: tuple[int, ...]) -> None:
    wanted = (2, *shape)
    try:
        with torch.no_grad():
            got = tuple(deepcopy(made)(torch.zeros(2, latent_dim)).shape)
    except (RuntimeError, ValueError, TypeError) as error:
        raise ValueError(
            f"architecture: the generator fails on a latent batch of shape (2, {latent_dim}), "
            f"noise and codes together: {error}"
        ) from error
    if got != wanted:
        raise ValueError(
            f"architecture: the generator gives shape {got} for a latent batch of shape "
            f"(2, {latent_dim}); it should give {wanted}"
        )


def _user_trunk_width(trunk: nn.Module, shape: tuple[int, ...]) -> int:
    try:
        with torch.no_grad():
            features = deepcopy(trunk)(torch.zeros(2, *shape))
    except (RuntimeError, ValueError, TypeError) as error:
        raise ValueError(
            f"architecture: the discriminator's trunk fails on a batch of shape {(2, *shape)}: "
            f"{error}"
        ) from error
    if not isinstance(features, torch.Tensor) or features.ndim < 2 or len(features) != 2:
        raise ValueError(
            "architecture: the discriminator's trunk should give features of shape (n, ...), "
            f"it gave {getattr(features, 'shape', type(features).__name__)} for n = 2"
        )
    return features.flatten(1).shape[1]
