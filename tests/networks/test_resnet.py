"""A residual trunk: its stages, what can be read of it, and who gets one."""

import numpy as np
import pytest
import torch
from small import clusterer, extractor

from gan_cluster._recipe import resolve
from gan_cluster._validation.rows import check_rows
from gan_cluster.networks.build import build_critic, build_networks
from gan_cluster.networks.resnet import Block, n_averages, residual_trunk

QUICK = {"architecture": "resnet", "max_epochs": 3}


def build(shape, depth=None, width=4):
    return build_networks(
        "resnet",
        shape=shape,
        latent_dim=7,
        posterior_dim=5,
        width=width,
        depth=depth,
        rng=torch.Generator().manual_seed(0),
    )


@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 9, 11), (4, 33, 47), (3, 32, 32)])
@pytest.mark.parametrize("depth", [None, 1, 2])
def test_networks_fit_images_of_any_size(shape, depth):
    generator, discriminator = build(shape, depth)
    images = generator(torch.randn(3, 7))
    assert images.shape == (3, *shape)
    out = discriminator(images)
    assert out.adversarial.shape == (3,)
    assert out.code.shape == (3, 5)
    features = discriminator.trunk(images)
    assert features.shape == (3, n_averages(shape, 4, depth))
    critic = build_critic(
        "resnet",
        shape=shape,
        n_conditions=2,
        width=4,
        depth=depth,
        rng=torch.Generator().manual_seed(0),
    )
    assert critic(images, torch.zeros(3, 2)).shape == (3,)


def test_stages_halve_maps_and_double_channels():
    trunk = residual_trunk((3, 32, 32), 4, None)
    maps, sizes = torch.zeros(2, 3, 32, 32), {}
    for name, layer in trunk.named_children():
        maps = layer(maps)
        sizes[name] = tuple(maps.shape[1:])
    assert sizes == {
        "stem": (4, 32, 32),
        "stage1": (4, 16, 16),
        "stage2": (8, 8, 8),
        "stage3": (16, 4, 4),
        "stage4": (32, 2, 2),
        "average": (32,),
    }


def test_a_block_adds_to_what_its_shortcut_keeps():
    block = Block(4, 6).eval()
    maps = torch.rand(2, 4, 5, 7)
    torch.testing.assert_close(block(maps), (block.kept(maps) + block.added(maps)).relu())
    assert block(maps).shape == (2, 6, 3, 4)


def test_activations_are_those_of_the_forward_pass():
    _, discriminator = build((3, 16, 16))
    discriminator.eval()
    rows = torch.randn(3, 3, 16, 16)
    found = discriminator.activations(rows, ["stage2", "average", "recognition"])
    torch.testing.assert_close(found["average"], discriminator.trunk(rows))
    torch.testing.assert_close(discriminator.code(found["recognition"]), discriminator(rows).code)
    assert discriminator.convolutions == ["stem", "stage1", "stage2", "stage3"]


@pytest.mark.parametrize(
    ("shape", "settings", "expected"),
    [
        ((3, 32, 32), {}, "resnet"),
        ((3, 33, 47), {}, "resnet"),
        ((3, 32, 31), {}, "dcgan"),
        ((1, 32, 32), {}, "dcgan"),
        ((3, 32, 32), {"objective": "infogan"}, "dcgan"),
        ((3, 32, 32), {"architecture": "dcgan"}, "dcgan"),
    ],
)
def test_photographs_get_a_residual_trunk(shape, settings, expected):
    model = clusterer(image_shape=shape, **settings)
    X = np.random.RandomState(0).rand(6, np.prod(shape))
    recipe = resolve(model.get_params(deep=False), check_rows(model, X, reset=True), "cpu")
    assert recipe.architecture == expected


def test_the_last_layer_is_the_average_of_the_last_maps(colours):
    model = extractor(**QUICK).fit(colours)
    assert model.reading_.layers == ["average"]
    assert model.layer_names_ == ["stem", "stage1", "stage2", "average", "recognition", "posterior"]
    model = extractor(**QUICK, normalize=None).fit(colours)
    trunk = model.discriminator_.trunk.eval()
    expected = trunk(model.model_.encode(colours.reshape(40, -1))).detach()
    np.testing.assert_allclose(model.transform(colours), expected, rtol=1e-5, atol=1e-6)
    assert model.get_feature_names_out()[-1] == "average_3"
    every = extractor(**QUICK, layers="all").fit(colours)
    assert every.reading_.layers == ["stem", "stage1", "stage2"]
