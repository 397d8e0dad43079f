"""Shapes for any image, initial weights, InfoGAN's own networks, and networks of the user's."""

import re

import pytest
import torch
from torch import nn

from gan_cluster import InfoGANClusterer
from gan_cluster.networks.build import build_critic, build_networks
from gan_cluster.networks.dcgan import halvings

LATENT, POSTERIOR = 7, 5
SIZES = [(8, 8), (9, 11), (28, 28), (32, 32), (33, 47)]


def build(architecture, shape, *, width=4, depth=None, posterior=POSTERIOR, seed=0):
    return build_networks(
        architecture,
        shape=shape,
        latent_dim=LATENT,
        posterior_dim=posterior,
        width=width,
        depth=depth,
        rng=torch.Generator().manual_seed(seed),
    )


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("size", SIZES)
def test_convolutions_fit_images_of_any_size(channels, size):
    shape = (channels, *size)
    generator, discriminator = build("dcgan", shape)
    images = generator(torch.randn(3, LATENT))
    assert images.shape == (3, *shape)
    assert images.abs().max() <= 1
    out = discriminator(images)
    assert out.adversarial.shape == (3,)
    assert out.code.shape == (3, POSTERIOR)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_depth_counts_convolutions_and_hidden_layers(depth):
    _, convolutional = build("dcgan", (1, 28, 28), depth=depth)
    assert sum(isinstance(m, nn.Conv2d) for m in convolutional.modules()) == depth
    generator, table = build("mlp", (6,), depth=depth)
    assert [name for name in table.layers if name.startswith("dense")] == [
        f"dense{i + 1}" for i in range(depth)
    ]
    assert sum(isinstance(m, nn.ReLU) for m in generator.modules()) == depth
    assert generator(torch.randn(2, LATENT)).shape == (2, 6)


def test_maps_are_halved_while_both_sides_stay_at_least_two():
    assert halvings(8, 8, None)[-1] == (2, 2)
    assert halvings(33, 47, None)[-1] == (2, 2)
    assert halvings(28, 28, 2) == [(28, 28), (14, 14), (7, 7)]


def test_dcgan_rules_for_weights_and_normalisation():
    generator, discriminator = build("dcgan", (1, 28, 28), width=16)
    for module in (generator, discriminator):
        for layer in module.modules():
            if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
                if layer.weight.numel() > 1000:
                    assert float(layer.weight.detach().std()) == pytest.approx(0.02, rel=0.15)
                assert layer.bias is None or not layer.bias.any()
    assert not any(isinstance(m, nn.MaxPool2d | nn.AvgPool2d) for m in discriminator.modules())
    assert [type(m) for m in discriminator.trunk[0]] == [nn.Conv2d, nn.LeakyReLU]
    assert [type(m) for m in generator[-2:]] == [nn.ConvTranspose2d, nn.Tanh]


def test_without_a_code_there_is_no_recognition_network():
    _, discriminator = build("mlp", (4,), posterior=0)
    assert discriminator(torch.randn(3, 4)).code.shape == (3, 0)
    assert "recognition" not in discriminator.layers


@pytest.mark.parametrize(("architecture", "shape"), [("mlp", (4,)), ("dcgan", (1, 8, 8))])
def test_weights_come_from_the_generator_that_is_passed(architecture, shape):
    first, again, other = (
        torch.cat(
            [p.flatten() for net in build(architecture, shape, seed=seed) for p in net.parameters()]
        )
        for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(("architecture", "shape"), [("mlp", (4,)), ("dcgan", (2, 8, 8))])
def test_activations_are_those_of_the_forward_pass(architecture, shape):
    _, discriminator = build(architecture, shape)
    discriminator.eval()
    rows = torch.randn(3, *shape)
    found = discriminator.activations(rows, list(discriminator.layers)[::-1])
    assert list(found) == list(discriminator.layers)[::-1]
    torch.testing.assert_close(discriminator.code(found["recognition"]), discriminator(rows).code)


def test_activations_stop_at_the_deepest_layer_asked_for():
    _, discriminator = build("dcgan", (1, 16, 16))
    discriminator.trunk.dense.forward = None  # calling it would fail
    assert list(discriminator.activations(torch.zeros(2, 1, 16, 16), ["conv2"])) == ["conv2"]


def _layers(module):
    """Every layer that has weights or leaks, with the numbers that the paper gives."""
    described = []
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            (kernel, _), (stride, _) = layer.kernel_size, layer.stride
            name = "deconv" if isinstance(layer, nn.ConvTranspose2d) else "conv"
            described.append((f"{name}{kernel}x{kernel}/{stride}", layer.out_channels))
        elif isinstance(layer, nn.Linear):
            described.append(("FC", layer.out_features))
        elif isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            described.append("BN")
        elif isinstance(layer, nn.LeakyReLU):
            described.append(("leaky", layer.negative_slope))
        elif isinstance(layer, nn.ReLU | nn.Tanh):
            described.append(type(layer).__name__)
    return described


def test_documented_settings_are_infogan_of_the_paper():
    """Chen et al. (2016), appendix C.1, table 1."""
    X = torch.rand(12, 28, 28).numpy()
    snippet = re.search(r"is::\n\n(.+?)\n\n", InfoGANClusterer.__doc__, re.DOTALL)
    paper = eval(snippet[1].strip())  # the settings that the documentation gives
    paper.set_params(batch_size=2, max_epochs=1, random_state=0)
    recipe, net = paper.fit(X).model_.recipe, paper.model_.net

    assert _layers(net.discriminator_.trunk) == [
        ("conv4x4/2", 64),
        ("leaky", 0.1),
        ("conv4x4/2", 128),
        "BN",
        ("leaky", 0.1),
        ("FC", 1024),
        "BN",
        ("leaky", 0.1),
    ]
    assert _layers(net.discriminator_.adversarial) == [("FC", 1)]
    assert _layers(net.discriminator_.recognition) == [("FC", 128), "BN", ("leaky", 0.1)]
    assert _layers(net.discriminator_.code) == [("FC", 10 + 2)]
    assert _layers(net.generator_) == [
        ("FC", 1024),
        "BN",
        "ReLU",
        ("FC", 7 * 7 * 128),
        "BN",
        "ReLU",
        ("deconv4x4/2", 64),
        "BN",
        "ReLU",
        ("deconv4x4/2", 1),
        "Tanh",
    ]
    assert net.code.latent_dim == 74
    assert (net.code.noise_dim, net.code.categorical, net.code.n_continuous) == (62, (10,), 2)
    assert isinstance(net.optimizer_, torch.optim.Adam)
    players = (net.discriminator_, 2e-4), (net.generator_, 1e-3)  # D with Q and the trunk
    for group, (player, rate) in zip(net.optimizer_.param_groups, players, strict=True):
        assert {id(p) for p in group["params"]} == {id(p) for p in player.parameters()}
        assert group["initial_lr"] == rate
        assert group["betas"][0] == 0.5
    assert recipe.length.n_runs == 1
    assert net.objective.adversarial_loss == "non-saturating"
    assert net.objective.info_weight == net.objective.continuous_weight == 1
    assert not net.code.learned_variance
    assert net.objective.consistency_weight == 0
    assert net.objective.gradient_penalty == 0
    assert "agreement" not in paper.history_[-1]


@pytest.mark.parametrize(("architecture", "shape"), [("dcgan", (3, 9, 11)), ("mlp", (6,))])
def test_a_critic_asks_each_row_by_itself_and_by_its_condition(architecture, shape):
    settings = {"shape": shape, "n_conditions": 4, "width": 4, "depth": None}
    critic, again = (
        build_critic(architecture, rng=torch.Generator().manual_seed(0), **settings)
        for _ in range(2)
    )
    rows = torch.randn(5, *shape, generator=torch.Generator().manual_seed(1))
    whole, halves = torch.eye(4)[[0, 1, 2, 3, 0]], torch.full((5, 4), 0.25)
    logits = critic(rows, whole)
    assert logits.shape == (5,)
    assert torch.equal(logits, again(rows, whole))
    torch.testing.assert_close(critic(rows[:2], whole[:2]), logits[:2])  # no batch sets a scale
    each = torch.stack([critic(rows, torch.eye(4)[[k] * 5]) for k in range(4)])
    torch.testing.assert_close(critic(rows, halves), each.mean(0))
    assert (each.std(0) > 0).all()
