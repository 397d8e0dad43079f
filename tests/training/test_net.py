"""What a step teaches, and what the networks keep of the rows."""

from copy import deepcopy

import pytest
import torch
from small import STEADY, clusterer
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from gan_cluster.metrics import clustering_accuracy, generation_report
from gan_cluster.training.random import torch_generator


def test_statistics_are_those_of_real_rows(blobs):
    model = clusterer(**STEADY, max_epochs=3, batch_size=120).fit(blobs[0])
    seen = {}
    model.discriminator_.train()
    for name, layer in model.discriminator_.named_modules():
        if isinstance(layer, _BatchNorm):
            assert layer.momentum == 0.1
            mean = layer.running_mean.clone()
            layer.register_forward_pre_hook(
                lambda layer, args, name=name, mean=mean: seen.update(
                    {name: (mean, args[0].mean(0))}
                )
            )
    rows = model.model_.encode(blobs[0])
    with torch.no_grad():
        model.discriminator_(rows)
    assert seen
    for kept, real in seen.values():
        torch.testing.assert_close(kept, real, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("given", "head", "learns"),
    [
        ({}, "code", False),
        ({"n_continuous": 1}, "code", False),
        ({"n_continuous": 1}, "apart", True),
        (STEADY, "code", True),
    ],
)
def test_q_learns_clusters_from_real_rows_and_the_rest_from_generated_ones(
    given, head, learns, blobs
):
    net = clusterer(augment="none", **given).fit(blobs[0]).model_.net
    rows = torch.randn(40, 4, generator=torch_generator(0))
    fake = torch.randn(40, 4, generator=torch_generator(1))
    updated = []
    for seed in (2, 3):
        player = deepcopy(net)
        player.optimizer_.param_groups[0]["lr"] = 0.01  # zero after training
        latent = net.code.sample(40, torch_generator(seed))
        player.discriminator_step(rows, rows, fake, latent)
        updated.append([*getattr(player.discriminator_, head).parameters()][-2])
    assert torch.equal(*updated) != learns


def test_a_generator_does_not_move_what_q_learns_of_real_rows(blobs):
    learned = [
        [*clusterer(learning_rate=(1e-3, rate)).fit(blobs[0]).discriminator_.parameters()]
        for rate in (1e-3, 5e-3)
    ]
    for one, other in zip(*learned, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("loss", ["non-saturating", "hinge", "relativistic"])
def test_a_generator_has_to_draw_the_rows_of_its_code(loss, blobs):
    model = clusterer(adversarial_loss=loss, width=4, max_epochs=400, learning_rate=(1e-3, 2e-3))
    model.fit(blobs[0])
    assert clustering_accuracy(blobs[1], model.labels_) == 1
    report = generation_report(model, blobs[0])
    assert report["fidelity"].min() > 0.9
    assert report["variety"].min() > 0.2
    assert min(model.history_[-1]["cluster_variety"]) > 0.3


def test_a_critic_is_punished_where_the_objective_says_so(blobs):
    net = clusterer(gradient_penalty=10.0).fit(blobs[0]).model_.net
    rows, fake = torch.randn(2, 40, 4, generator=torch_generator(0))
    conditions = torch.eye(3)[torch.arange(80) % 3]
    moved = []
    for step in (0, 1):  # R1 comes in every eighth step
        player = deepcopy(net)
        player.step = step
        player.optimizer_.param_groups[2]["lr"] = 0.01
        player.critic_step(rows, fake, conditions)
        moved.append(player.critic_.adversarial.weight)
    assert not torch.equal(*moved)


def test_rows_are_drawn_from_averaged_weights(blobs):
    weights = []

    class Recorder(nn.Module):
        def __init__(self, latent_dim, shape):
            super().__init__()
            self.layer = nn.Linear(latent_dim, *shape)

        def forward(self, z):
            if self.training and z.requires_grad is False and len(z) == 40:
                weights.append(self.layer.weight.detach().clone())
            return self.layer(z)

    pair = (Recorder, lambda shape: nn.Linear(*shape, 4))
    settings = {"ema_decay": 0.5, "learning_rate": (1e-3, 0.1), "max_epochs": 12}
    model = clusterer(architecture=pair, **settings).fit(blobs[0])
    raw = model.model_.net.generator_.layer.weight.detach()
    after_steps = [*weights[1:], raw]  # weights were noted before each step
    assert len(after_steps) > 10  # until then an average of fewer steps moves faster
    expected = after_steps[0]
    for n, new in enumerate(after_steps[1:], start=1):
        share = max(0.5, 9 / (10 + n))
        expected = (1 - share) * expected + share * new
    averaged = model.generator_.module.layer.weight.detach()
    torch.testing.assert_close(averaged, expected)
    assert not torch.equal(averaged, raw)
