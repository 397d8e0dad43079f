"""InfoGAN-CR: H tells which code two generated rows share, and is not there unless asked for."""

import math
import pickle
from copy import deepcopy

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback
from small import clusterer, extractor

from gan_cluster.codes import LatentCode
from gan_cluster.networks.heads import PairHead
from gan_cluster.objectives import contrastive_loss
from gan_cluster.training.random import torch_generator

CONTINUOUS = {"categorical_codes": (), "n_continuous": 3}
CONTRAST = {**CONTINUOUS, "contrastive_weight": 1.0}


def test_h_learns_which_code_rows_share_where_rows_are_codes():
    rng = torch_generator(0)
    torch.manual_seed(0)
    code, head = LatentCode(1, (), 4), PairHead(4, n_codes=4)
    optimizer = torch.optim.Adam(head.parameters(), lr=1e-2)
    losses = []
    for _ in range(150):
        latent = code.sample(256, rng)
        other, shared = code.sample_sharing(latent, rng)
        loss = contrastive_loss(head(latent.continuous, other.continuous), shared)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[0] == pytest.approx(math.log(4), abs=0.3)
    assert np.mean(losses[-10:]) < 0.5 * math.log(4)


def test_h_does_not_mind_the_order_of_a_pair():
    one, other = torch.randn(2, 16, 6, generator=torch_generator(0))
    head = PairHead(6, n_codes=3)
    torch.testing.assert_close(head(one, other), head(other, one))


def test_training_teaches_h_and_the_generator(blobs):
    X, _ = blobs
    model = extractor(**CONTRAST, max_epochs=120, width=4).fit(X)
    losses = [row["contrastive_loss"] for row in model.history_ if "contrastive_loss" in row]
    assert losses[0] > 0.9 * math.log(3)
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.parametrize("make", [clusterer, extractor])
def test_until_the_last_quarter_training_is_as_without(make, blobs):
    settings = {"n_continuous": 3, "consistency_weight": 0, "max_epochs": 8, "tol": 1.0}
    plain = make(**settings, n_iter_no_change=None).fit(blobs[0])
    told = make(**settings, n_iter_no_change=3, contrastive_weight=1.0).fit(blobs[0])
    assert ["contrastive_loss" in row for row in told.history_] == [False] * 6 + [True] * 2
    for mine, other in zip(plain.history_[:6], told.history_, strict=False):
        assert {**mine, "seconds": 0} == {**other, "seconds": 0}
    assert plain.history_[7]["generator_loss"] != told.history_[7]["generator_loss"]
    assert "contrastive_loss" in told.partial_fit(blobs[0]).history_[-1]


def test_both_players_follow_what_is_shared(blobs):
    net = extractor(**CONTRAST).fit(blobs[0]).net_
    rows = torch.randn(40, 4, generator=torch_generator(0))
    latent, other = (net.code.sample(40, torch_generator(seed)) for seed in (1, 3))
    fake = torch.randn(80, 4, generator=torch_generator(2))
    updated = []
    for shared in (torch.arange(40) % 3, (torch.arange(40) + 1) % 3):
        player = deepcopy(net)
        for group in player.optimizer_.param_groups:
            group["lr"] = 1e-3
        player.discriminator_step(rows, rows, fake, latent, shared)
        trained = player.discriminator_.contrast.shared.weight.clone()
        player.discriminator_.load_state_dict(net.discriminator_.state_dict())
        inputs = torch.cat([net.code.assemble(draw) for draw in (latent, other)])
        player.generator_step(rows, player.generator_(inputs), latent, shared)
        updated.append((trained, next(player.generator_.parameters())))
    for one, other in zip(*updated, strict=True):
        assert not torch.equal(one, other)


def test_the_generator_then_draws_twice_as_many_rows(blobs):
    seen = []

    class Watch(Callback):
        def on_train_begin(self, net, **kwargs):
            net.generator_.register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))

    extractor(**CONTRAST, callbacks=[Watch()]).fit(blobs[0])
    assert seen == [40] * 3 + [80] * 3
    seen.clear()
    extractor(**CONTINUOUS, callbacks=[Watch()]).fit(blobs[0])
    assert seen == [40] * 6


@pytest.mark.parametrize("make", [clusterer, extractor])
def test_without_a_weight_there_is_no_h(make, blobs):
    plain, told = (
        make(n_continuous=3, contrastive_weight=weight).fit(blobs[0]) for weight in (0.0, 1.0)
    )
    mine, others = plain.discriminator_.state_dict(), told.discriminator_.state_dict()
    assert {name.split(".")[0] for name in others.keys() - mine.keys()} == {"contrast"}
    assert mine.keys() < others.keys()
    assert len(plain.net_.optimizer_.param_groups) == len(told.net_.optimizer_.param_groups) == 2


def test_first_weights_are_the_same_with_h_and_without(blobs):
    weights = []

    class Watch(Callback):
        def on_train_begin(self, net, **kwargs):
            networks = net.generator_, net.discriminator_
            weights.append(
                {
                    name: value.clone()
                    for network in networks
                    for name, value in network.state_dict().items()
                }
            )

    for settings in (CONTINUOUS, CONTRAST):
        extractor(**settings, callbacks=[Watch()]).fit(blobs[0])
    for name, value in weights[0].items():
        assert torch.equal(value, weights[1][name])


def test_codes_alone_train_images(images):
    model = extractor(**CONTRAST, image_shape=(1, 8, 8)).fit(images)
    assert model.encode(images).mean.shape == (100, 3)
    assert model.code_names_ == ["continuous0", "continuous1", "continuous2"]
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(
        again.partial_fit(images).transform(images[:5]),
        model.partial_fit(images).transform(images[:5]),
    )
