"""Build a generator and a discriminator for a shape of rows and an architecture."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from gan_cluster.networks.dcgan import conv_generator, conv_trunk
from gan_cluster.networks.heads import RECOGNITION_UNITS, hidden_layer
from gan_cluster.networks.maps import MapDiscriminator
from gan_cluster.networks.mlp import mlp_generator, mlp_trunk
from gan_cluster.networks.observer import Observer
from gan_cluster.networks.projection import ProjectionDiscriminator
from gan_cluster.networks.resnet import Average, n_averages, residual_trunk

RECOGNITION_LAYER = "recognition"
POSTERIOR = "posterior"  # not a layer: the probabilities of the categorical codes
DCGAN_SCALES = {"dcgan": (0.02, 0.02), "resnet": (0.02, None)}  # of initial weights; None: fan-in
RESERVED = {RECOGNITION_LAYER, POSTERIOR, "last", "all"}  # have a meaning as names of layers


class DiscriminatorOutput(NamedTuple):
    """Logits of real against generated (n,), and Q's output (n, posterior_dim).

    With rivals, also their logits of the categorical codes (n, n_rivals, n_values).
    """

    adversarial: torch.Tensor
    code: torch.Tensor
    rivals: torch.Tensor | None = None


class Discriminator(nn.Module):
    """A trunk with two heads: the discriminator's logit, and the recognition network Q.

    Parameters
    ----------
    trunk : Module
        Maps a batch to features. The children of a ``Sequential`` are its named layers.
    n_features : int
        Number of output values of the trunk for each row, flattened.
    posterior_dim : int
        Width of Q's output; with 0 there is no Q.
    n_apart : int, default=0
        Number of outputs of Q, the last ones, that have a separate hidden layer.

    Attributes
    ----------
    rivals : ModuleList
        Other heads for the categorical codes, one of which may replace Q's own; usually none.
    """

    def __init__(
        self,
        trunk: nn.Module,
        n_features: int,
        posterior_dim: int,
        n_apart: int = 0,
    ):
        super().__init__()
        self.trunk = trunk
        self.n_features = n_features
        self.adversarial = nn.Linear(n_features, 1)
        self.recognition = self.code = self.apart = None
        if posterior_dim:
            self.recognition = hidden_layer(n_features)
            self.code = nn.Linear(RECOGNITION_UNITS, posterior_dim - n_apart)
        if n_apart:
            self.apart = nn.Sequential(
                hidden_layer(n_features), nn.Linear(RECOGNITION_UNITS, n_apart)
            )
        self.rivals = nn.ModuleList()

    def forward(self, rows: torch.Tensor) -> DiscriminatorOutput:
        return self._read(self.trunk(rows))

    def features(self, rows: torch.Tensor) -> torch.Tensor:
        """The trunk's features (n, n_features)."""
        return self.trunk(rows).flatten(1)

    def with_maps(self, rows: torch.Tensor) -> tuple[list[torch.Tensor], DiscriminatorOutput]:
        """Maps (n, channels, height, width) of the layers that reduce images, and the output."""
        maps, found = [], rows
        for layer in self.trunk if isinstance(self.trunk, nn.Sequential) else [self.trunk]:
            found = layer(found)
            if found.ndim == 4 and found.shape[2:] != rows.shape[2:]:
                maps.append(found)
        return maps, self._read(found)

    def _read(self, features: torch.Tensor) -> DiscriminatorOutput:
        features = features.flatten(1)
        logits = self.adversarial(features).squeeze(1)
        if self.recognition is None or self.code is None:
            return DiscriminatorOutput(logits, features.new_empty(len(features), 0))
        code = self.code(self.recognition(features))
        if self.apart is not None:
            code = torch.cat([code, self.apart(features)], dim=1)
        if not self.rivals:
            return DiscriminatorOutput(logits, code)
        rivals = torch.stack([rival(features) for rival in self.rivals], dim=1)
        return DiscriminatorOutput(logits, code, rivals)

    @property
    def heads(self) -> list[Any]:
        """Heads for the categorical codes, each a pair of layers, Q's own first."""
        own: list[Any] = [self.recognition, self.code]
        return [nn.Sequential(*own), *self.rivals]

    def read_by(self, head: Any) -> None:
        """Use one of the heads for Q."""
        self.recognition, self.code = head

    @property
    def layers(self) -> dict[str, nn.Module]:
        """The layers whose activations can be read, by name, from input to output."""
        parted = isinstance(self.trunk, nn.Sequential)
        layers = dict(self.trunk.named_children()) if parted else {"trunk": self.trunk}
        if self.recognition is not None:
            layers[RECOGNITION_LAYER] = self.recognition
        return layers

    @property
    def averages(self) -> list[str]:
        """Names of layers that average the last maps over space; empty if there are none."""
        return [name for name, layer in self.layers.items() if isinstance(layer, Average)]

    @property
    def convolutions(self) -> list[str]:
        """Names of the layers that contain a convolution."""
        return [
            name
            for name, layer in self.layers.items()
            if any(isinstance(part, nn.Conv2d) for part in layer.modules())
        ]

    def activations(self, rows: torch.Tensor, names: Sequence[str]) -> dict[str, torch.Tensor]:
        """Activations of the named layers; layers after the last of them are not computed."""
        activations: dict[str, torch.Tensor] = {}
        for name, layer in self.layers.items():
            rows = layer(rows.flatten(1) if name == RECOGNITION_LAYER else rows)
            activations[name] = rows
            if activations.keys() >= set(names):
                break
        return {name: activations[name] for name in names}


def build_networks(
    architecture: str | tuple,
    *,
    shape: tuple[int, ...],
    latent_dim: int,
    posterior_dim: int,
    width: int,
    depth: int | None,
    rng: torch.Generator | None,
    n_apart: int = 0,
) -> tuple[nn.Module, Discriminator]:
    """Build and initialise both networks on the CPU, with random weights from ``rng``.

    If ``rng`` is None, the weights are on the device "meta" and have shapes but no values. Only
    networks of the user draw from torch's global generator.

    Raises a ValueError if the user's generator does not return batches of ``shape``, or the user's
    trunk does not accept them.
    """
    if isinstance(architecture, tuple):
        maker, trunk_maker = architecture
        made = _instance(maker, latent_dim, shape)
        trunk = _instance(trunk_maker, shape)
        _check_user_generator(made, latent_dim, shape)
        discriminator = Discriminator(
            trunk, _user_trunk_width(trunk, shape), posterior_dim, n_apart
        )
        for part in discriminator.children():
            if part is not trunk:
                reset_parameters(part, None, rng)
    else:
        with torch.device("meta"):  # or torch would draw weights of its own first
            made, trunk, n_features = _own_networks(architecture, shape, latent_dim, width, depth)
            discriminator = Discriminator(trunk, n_features, posterior_dim, n_apart)
        scales = DCGAN_SCALES.get(architecture, (None, None))
        for network, scale in zip((made.float(), discriminator.float()), scales, strict=True):
            if rng is not None:
                reset_parameters(network.to_empty(device="cpu"), scale, rng)
    if any(isinstance(layer, nn.Conv2d) for layer in discriminator.modules()):
        put_channels_last(made, discriminator)
    return made, discriminator


def _own_networks(
    architecture: str, shape: tuple[int, ...], latent_dim: int, width: int, depth: int | None
) -> tuple[nn.Module, nn.Module, int]:
    """A generator and a trunk of a built-in architecture, and the trunk's number of features."""
    if architecture == "mlp":
        layers = 2 if depth is None else depth
        made = mlp_generator(latent_dim, shape[0], width, layers)
        return made, mlp_trunk(shape[0], width, layers), 16 * width
    image = (shape[0], shape[1], shape[2])
    made = conv_generator(latent_dim, image, width, 2)
    if architecture == "resnet":
        return made, residual_trunk(image, width, depth), n_averages(image, width, depth)
    return made, conv_trunk(image, width, depth), 16 * width


def build_critic(
    architecture: str | tuple,
    *,
    shape: tuple[int, ...],
    n_conditions: int,
    width: int,
    depth: int | None,
    rng: torch.Generator,
    discriminator: Discriminator | None = None,
) -> ProjectionDiscriminator | MapDiscriminator:
    """Build and initialise the conditional discriminator, with a trunk like that of Q.

    If Q's own ``discriminator`` is given and its trunk has maps, it gets these instead of rows.

    It normalises each row by itself (Ba et al., 2016, arXiv:1607.06450). With batch normalisation,
    extreme generated rows would set the scale for all rows, and no gradient would correct them.
    """
    critic: Any
    maps = [] if discriminator is None else _map_shapes(discriminator, shape)
    if maps:
        critic = MapDiscriminator(maps, n_conditions)
        reset_parameters(critic, None, rng)
    elif isinstance(architecture, tuple):
        trunk = _instance(architecture[1], shape)
        critic = ProjectionDiscriminator(trunk, _user_trunk_width(trunk, shape), n_conditions)
        for part in critic.children():
            if part is not trunk:
                reset_parameters(part, None, rng)
    else:
        with torch.device("meta"):
            if architecture == "mlp":
                trunk = mlp_trunk(shape[0], width, 2 if depth is None else depth, by_row=True)
            else:  # plain convolutions are enough even if Q has a residual trunk
                layers = depth if architecture == "dcgan" else None
                trunk = conv_trunk((shape[0], shape[1], shape[2]), width, layers, by_row=True)
            critic = ProjectionDiscriminator(trunk, 16 * width, n_conditions)
        reset_parameters(critic.float().to_empty(device="cpu"), None, rng)
    if any(isinstance(layer, nn.Conv2d) for layer in critic.modules()):
        put_channels_last(critic)
    return critic


def _map_shapes(discriminator: Discriminator, shape: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """Shapes of the maps of a trunk for rows of a shape."""
    discriminator.eval()
    with torch.inference_mode():
        maps, _ = discriminator.with_maps(torch.zeros(2, *shape))
    discriminator.train()
    return [(map_.shape[1], map_.shape[2], map_.shape[3]) for map_ in maps]


def build_observer(discriminator: Discriminator, *, rng: torch.Generator) -> Observer:
    """Build an observer whose trunk is a copy of a discriminator's, on the CPU."""
    observer = Observer(deepcopy(discriminator.trunk), discriminator.n_features)
    reset_parameters(observer.projection, None, rng)
    return observer


def build_rivals(
    discriminator: Discriminator, n_rivals: int, *, rng: torch.Generator
) -> nn.ModuleList:
    """Build heads like that of Q, with other initial weights, on the CPU."""
    own = discriminator.heads[0]
    rivals = nn.ModuleList(deepcopy(own).cpu() for _ in range(n_rivals))
    reset_parameters(rivals, None, rng)
    return rivals


def put_channels_last(*networks: nn.Module) -> None:
    """Store the weights of convolutions with channels last, which is faster on CPUs."""
    for network in networks:
        for weights in network.parameters():
            if weights.ndim == 4:  # a copy, since strides of grey images say nothing
                last = weights.data.permute(0, 2, 3, 1)
                last = last.clone(memory_format=torch.contiguous_format)
                weights.data = last.permute(0, 3, 1, 2)


def hold_frozen(network: nn.Module) -> None:
    """Put modules that have weights, but none that is trained, into evaluation mode.

    Their batch normalisation then keeps its statistics, which pretrained features need.
    """
    for part in network.modules():
        weights = [*part.parameters()]
        if weights and not any(w.requires_grad for w in weights):
            part.eval()


def reset_parameters(module: nn.Module, scale: float | None, rng: torch.Generator | None) -> None:
    """Draw weights from N(0, scale^2), as in DCGAN, or scaled by fan-in if ``scale`` is None."""
    for layer in module.modules():
        if isinstance(layer, _BatchNorm | nn.GroupNorm | nn.LayerNorm):
            layer.reset_parameters()
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            if scale is None:
                nn.init.kaiming_uniform_(layer.weight, a=5**0.5, generator=rng)
            else:
                nn.init.normal_(layer.weight, 0.0, scale, generator=rng)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def _instance(maker: nn.Module | Callable[..., nn.Module], *arguments: object) -> nn.Module:
    """The user's module: a copy of an instance, or what the class or function returns."""
    if isinstance(maker, nn.Module):
        return deepcopy(maker).train()
    try:
        made = maker(*arguments)
    except Exception as error:
        raise ValueError(
            f"architecture: {maker!r} fails when called with {arguments}: {error!r}"
        ) from error
    if not isinstance(made, nn.Module):
        raise TypeError(f"architecture: {maker!r} returned {type(made).__name__}, not a Module")
    return made.train()


def _tried(module: nn.Module, batch: torch.Tensor, name: str, wanted: str) -> torch.Tensor:
    """Output of a copy of the user's module for a batch; it must be float32 with gradients."""
    try:
        got = deepcopy(module)(batch.requires_grad_())
    except Exception as error:
        raise ValueError(
            f"architecture: the {name} fails on a batch of shape {tuple(batch.shape)}: {error!r}"
        ) from error
    if not isinstance(got, torch.Tensor):
        raise ValueError(
            f"architecture: the {name} gives {type(got).__name__}; it should give {wanted}"
        )
    if got.dtype != torch.float32 or not got.requires_grad:
        raise ValueError(
            f"architecture: the {name} gives {got.dtype} "
            f"{'with' if got.requires_grad else 'without'} gradients; it should give a tensor of "
            "torch.float32 that was not detached"
        )
    if not got.isfinite().all():
        raise ValueError(f"architecture: the {name} gives NaN or infinity for zeros")
    return got


def _check_user_generator(made: nn.Module, latent_dim: int, shape: tuple[int, ...]) -> None:
    wanted = (2, *shape)
    got = _tried(made, torch.zeros(2, latent_dim), "generator", f"shape {wanted}")
    if got.shape != wanted:
        raise ValueError(
            f"architecture: the generator gives shape {tuple(got.shape)} for a latent batch of "
            f"shape (2, {latent_dim}), noise and codes together; it should give {wanted}"
        )
    if not any(weights.requires_grad for weights in made.parameters()):
        raise ValueError(
            "architecture: the generator has no weights that could be trained: set requires_grad "
            "of some to True"
        )


def _user_trunk_width(trunk: nn.Module, shape: tuple[int, ...]) -> int:
    taken = RESERVED & {name for name, _ in trunk.named_children()}
    if taken and isinstance(trunk, nn.Sequential):
        raise ValueError(
            f"architecture: the discriminator's trunk has layers named {sorted(taken)}, and these "
            "names are reserved: give them other names"
        )
    wanted = "features of shape (n, ...)"
    for n in (2, 3):  # rows may be confused with as many channels
        features = _tried(trunk, torch.zeros(n, *shape), "discriminator's trunk", wanted)
        if features.ndim < 2 or len(features) != n or not features.numel():
            raise ValueError(
                f"architecture: the discriminator's trunk should give {wanted}, at least one a "
                f"row; it gave {tuple(features.shape)} for n = {n}"
            )
    return features.flatten(1).shape[1]
