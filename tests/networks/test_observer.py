"""What looks at rows before there are clusters."""

import torch
from torch import nn

from gan_cluster.networks.build import build_networks, build_observer
from gan_cluster.networks.observer import PROJECTED, Observer


def test_an_observer_starts_from_a_copy_of_the_trunk():
    _, discriminator = build_networks(
        "resnet",
        shape=(3, 8, 8),
        latent_dim=3,
        posterior_dim=2,
        width=2,
        depth=None,
        rng=torch.Generator().manual_seed(0),
    )
    observer = build_observer(discriminator, rng=torch.Generator().manual_seed(1))
    pairs = zip(observer.trunk.parameters(), discriminator.trunk.parameters(), strict=True)
    assert all(torch.equal(one, other) and one is not other for one, other in pairs)
    again = build_observer(discriminator, rng=torch.Generator().manual_seed(1))
    assert torch.equal(observer.projection[0].weight, again.projection[0].weight)


def test_it_projects_views_and_gives_features_of_unit_length():
    observer = Observer(nn.Linear(4, 6), 6).eval()
    rows = torch.randn(5, 4)
    assert observer(rows).shape == (5, PROJECTED)
    features = observer.features(rows)
    torch.testing.assert_close(features.norm(dim=1), torch.ones(5))
    torch.testing.assert_close(features, nn.functional.normalize(observer.trunk(rows)))
