"""A critic that gets the maps of a trained trunk."""

import pytest
import torch
from small import clusterer

from gan_cluster import Objective
from gan_cluster.networks.build import build_critic, build_networks
from gan_cluster.networks.maps import MapDiscriminator
from gan_cluster.networks.projection import ProjectionDiscriminator


def networks(architecture, shape):
    settings = {"shape": shape, "width": 4, "depth": None}
    rng = torch.Generator().manual_seed(0)
    _, discriminator = build_networks(
        architecture, latent_dim=3, posterior_dim=2, rng=rng, **settings
    )
    critic = build_critic(
        architecture, n_conditions=3, rng=rng, discriminator=discriminator, **settings
    )
    return discriminator, critic


@pytest.mark.parametrize("architecture", ["resnet", "dcgan"])
@pytest.mark.parametrize("shape", [(3, 8, 8), (3, 9, 40), (3, 32, 32)])
def test_there_is_a_head_for_each_stage_that_reduces_images(architecture, shape):
    discriminator, critic = networks(architecture, shape)
    assert isinstance(critic, MapDiscriminator)
    discriminator.eval()
    rows = torch.randn(5, *shape, generator=torch.Generator().manual_seed(1))
    maps, output = discriminator.with_maps(rows)
    n_stages = sum(name.startswith(("stage", "conv")) for name in discriminator.layers)
    assert len(maps) == len(critic.heads) == n_stages
    torch.testing.assert_close(output.code, discriminator(rows).code)
    whole = torch.eye(3)[[0, 1, 2, 0, 1]]
    logits = critic(maps, whole)
    assert logits.shape == (5, n_stages)
    few = [map_[:2] for map_ in maps]
    torch.testing.assert_close(critic(few, whole[:2]), logits[:2])  # no batch sets a scale
    assert not torch.allclose(critic(maps, whole.flip(0)), logits)


def test_a_trunk_without_maps_is_not_used():
    discriminator, critic = networks("mlp", (6,))
    assert discriminator.with_maps(torch.zeros(2, 6))[0] == []
    assert isinstance(critic, ProjectionDiscriminator)


def test_photographs_are_drawn_against_the_maps_of_the_trunk_of_q(colours):
    net = clusterer(max_epochs=4).fit(colours).model_.net
    assert net.sees_maps
    assert net.objective.gradient_penalty == 0
    rows = torch.rand(6, *colours.shape[1:]) * 2 - 1
    conditions = torch.eye(net.clusters.n_codes)[[0] * 6]
    net._set_training(True)
    weights = {name: value.clone() for name, value in net.discriminator_.state_dict().items()}
    fake = rows.clone().requires_grad_()
    _, logits, code = net.criticised(rows[:0], fake, conditions)
    (logits.sum() + code.sum()).backward()
    assert (fake.grad.abs().sum((1, 2, 3)) > 0).all()
    assert all(w.grad is None for w in net.discriminator_.parameters())
    assert all(w.requires_grad for w in net.discriminator_.parameters())
    assert all(part.training for part in net.discriminator_.modules())
    after = net.discriminator_.state_dict()  # the statistics of batch normalisation, too
    assert all(torch.equal(after[name], value) for name, value in weights.items())


def test_without_contrastive_learning_they_are_not(colours):
    objective = Objective(contrast_temperature=0)
    net = clusterer(max_epochs=4, objective=objective).fit(colours).model_.net
    assert not net.sees_maps
    assert net.objective.gradient_penalty > 0
