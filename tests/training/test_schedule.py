"""Twins, callbacks, random numbers and the two stages of training."""

import threading
import warnings
from copy import deepcopy

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import Callback
from small import clusterer, extractor
from torch.nn.modules.batchnorm import _BatchNorm

from gan_cluster.training import augment
from gan_cluster.training.augment import random_affine, random_gamma, random_view
from gan_cluster.training.callbacks import Settled, StopTraining
from gan_cluster.training.random import global_state_kept, globally_seeded, seeds, torch_generator


def test_affine_maps_of_no_size_change_nothing(monkeypatch):
    for name in ("ROTATION", "SCALE", "SHEAR", "SHIFT"):
        monkeypatch.setattr(augment, name, 0.0)
    images = torch.randn(4, 3, 9, 11)
    torch.testing.assert_close(random_affine(images, torch_generator(0)), images, atol=1e-5, rtol=0)


def test_affine_shift_moves_by_a_share_of_the_half_side(monkeypatch):
    for name in ("ROTATION", "SCALE", "SHEAR"):
        monkeypatch.setattr(augment, name, 0.0)
    ramp = torch.linspace(-0.9, 0.9, 10).expand(200, 1, 10, 10)
    moved = random_affine(ramp, torch_generator(0))[:, 0, 5, 5] - ramp[:, 0, 5, 5]
    assert moved.abs().max() <= augment.SHIFT + 1e-6
    assert moved.abs().max() > 0.9 * augment.SHIFT


def test_affine_maps_are_small_random_and_of_one_seed():
    images = torch.zeros(50, 1, 16, 16)
    images[:, :, 4:12, 4:12] = 1
    one, again, other = (random_affine(images, torch_generator(s)) for s in (0, 0, 1))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert (one.amin(), one.amax()) == (0, 1)
    assert (one[:, :, 7:9, 7:9] > 0.9).all()


def test_exposure_keeps_ends_and_order():
    ramp = torch.linspace(-1, 1, 9).expand(200, 1, 1, 9)
    exposed = random_gamma(ramp, torch_generator(0))
    assert (exposed[..., 0] == -1).all()
    assert (exposed[..., -1] == 1).all()
    assert (exposed.diff() > 0).all()
    middle = (exposed[..., 4] + 1) / 2
    low, high = 0.5 ** np.exp(0.5), 0.5 ** np.exp(-0.5)
    assert low <= middle.min() < low + 0.02
    assert high - 0.02 < middle.max() <= high


def test_views_change_place_and_exposure():
    images = torch.full((50, 1, 8, 8), 0.5)
    images[..., 2:6, 2:6] = -0.5
    views = random_view(images, torch_generator(0))
    assert views.shape == images.shape
    assert len({round(float(view.amax()), 4) for view in views}) > 40  # not a shift alone
    assert len({int(view.argmin()) for view in views}) > 1


@pytest.mark.parametrize(
    ("changed", "information", "stops_at"),
    [
        ([0.5, 0.05, 0.2, 0.1, 0.0, 0.0], None, 5),
        ([0.0] * 6, [1.0, 1.3, 1.6, 1.65, 1.7, 1.5], 5),  # gains of less than 0.2 are rest
        ([0.0] * 6, [1.0, 1.3, 1.0, 1.3, 1.0, 1.3], 4),  # up and down, but never up
        ([0.0] * 6, [0.0, 0.3, 0.6, 0.9, 1.2, 1.5], None),
        ([0.2] * 6, [1.0] * 6, None),
    ],
)
def test_training_that_rests_is_stopped(changed, information, stops_at):
    class Net:
        history: list

    callback, net = Settled(tol=0.1, n_iter_no_change=2), Net()
    callback.on_train_begin(net)
    stopped = None
    for epoch, share in enumerate(changed):
        net.history = [{"labels_changed": share}]
        if information:
            net.history[-1] |= {"mutual_information": information[epoch], "code_entropy": 2.0}
        try:
            callback.on_epoch_end(net)
        except StopTraining:
            stopped = epoch + 1
            break
    assert stopped == stops_at


def test_each_stage_stops_when_it_rests(blobs):
    settings = {"max_epochs": 600, "width": 8, "n_clusters": 3, "tol": 0.05}
    model = clusterer(n_iter_no_change=10, **settings).fit(blobs[0])
    forming = [row for row in model.history_ if "generator_loss" not in row]
    assert 10 < len(forming) < 300
    assert len(forming) + 10 < model.n_iter_ < 600
    changed = [row["labels_changed"] for row in model.history_]
    assert max(changed[-10:] + changed[len(forming) - 10 : len(forming)]) <= 0.05


def test_training_that_ends_too_early_warns(blobs):
    with pytest.warns(ConvergenceWarning, match=r"100.0% of the labels .* raise max_epochs"):
        clusterer(max_epochs=1).fit(blobs[0])
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        clusterer(max_epochs=1, tol=1.0).fit(blobs[0])
        clusterer(max_epochs=60, width=8).fit(blobs[0])
        extractor(max_epochs=1, objective="gan").fit(blobs[0])


def test_seeds_come_from_the_random_state_and_none_is_fresh():
    assert seeds(3, 4) == seeds(np.random.RandomState(3), 4) == seeds(np.int64(3), 4)
    assert seeds(3, 2) != seeds(4, 2)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    assert seeds(None, 2) != seeds(None, 2)
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


def test_the_last_guard_to_close_gives_the_global_state_back():
    before = torch.random.get_rng_state()
    inner, outer = threading.Event(), threading.Event()

    def worker():
        with global_state_kept():
            torch.rand(1)
            inner.set()
            outer.wait(10)
            torch.rand(1)

    with global_state_kept():
        thread = threading.Thread(target=worker)
        thread.start()
        inner.wait(10)
        torch.rand(1)
    outer.set()
    thread.join(10)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_globally_seeded_construction_repeats():
    weights = []
    for _ in range(2):
        with globally_seeded(5):
            weights.append(torch.nn.Linear(3, 3).weight)
    assert torch.equal(*weights)


def test_statistics_are_those_of_real_rows(blobs):
    model = clusterer(consistency_weight=0, max_epochs=3, batch_size=120).fit(blobs[0])
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
    rows = model._encoding.encode(blobs[0])
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
        ({"consistency_weight": 0}, "code", True),
    ],
)
def test_q_learns_clusters_from_real_rows_and_the_rest_from_generated_ones(
    given, head, learns, blobs
):
    net = clusterer(augment="none", **given).fit(blobs[0]).net_
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


@pytest.mark.parametrize(("epochs", "forming"), [(1, 0), (2, 1), (5, 2)])
def test_clusters_form_before_the_generator_joins(epochs, forming, blobs):
    sizes = [[]]  # of the batches that the discriminator sees, before and in each epoch
    learned = []  # whether the generator has taken a step

    class Watch(Callback):
        def on_train_begin(self, net, **kwargs):
            if not net.discriminator_._forward_pre_hooks:
                net.discriminator_.register_forward_pre_hook(
                    lambda _, given: sizes[-1].append(len(given[0]))
                )

        def on_epoch_begin(self, net, **kwargs):
            sizes.append([])

        def on_epoch_end(self, net, **kwargs):
            state = net.optimizer_.state
            learned.append(any(w in state for w in net.generator_.parameters()))

    clusterer(max_epochs=epochs, callbacks=[Watch()], ema_decay=0.5).fit(blobs[0])
    assert learned == [False] * forming + [True] * (epochs - forming)
    # real rows with twins; then generated ones with both, and with rows
    assert all(seen[:3] == [80, 80, 80] for seen in sizes[1 : forming + 1])
    assert all(seen[:6] == [120, 80] * 3 for seen in sizes[forming + 1 :])


def test_the_papers_game_is_one_from_beginning_to_end(blobs):
    model = clusterer(consistency_weight=0, max_epochs=4).fit(blobs[0])
    assert all("generator_loss" in row for row in model.history_)
