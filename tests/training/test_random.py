"""Torch's random numbers: ours repeat, and global ones are left alone."""

import threading
from concurrent.futures import ThreadPoolExecutor
from time import sleep

import numpy as np
import pytest
import torch
from sklearn.base import clone
from small import IMAGE, clusterer, extractor

from gan_cluster import load, save
from gan_cluster.networks.build import build_networks
from gan_cluster.training.random import global_state_kept, globally_seeded


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


@pytest.mark.parametrize("settings", [{}, {"image_shape": IMAGE, "ema_decay": 0.9}])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_other_threads_notice_nothing_of_a_fit(settings, dtype, images, tmp_path):
    model = clusterer(**settings, instance_noise=0.1, n_continuous=1, codes_per_cluster=2)
    expected = clone(model).fit(images).partial_fit(images).transform(images)
    torch.set_default_dtype(dtype)
    try:
        torch.manual_seed(3)
        alone = torch.rand(100_000)
        torch.manual_seed(3)
        found = []

        def fitted():
            save(model.fit(images).partial_fit(images), tmp_path)
            extractor(**settings, objective="gan").fit(images)
            return load(tmp_path).transform(images)

        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(fitted)
            while not running.done() and len(found) < len(alone):
                found.append(torch.rand(1))
                sleep(1e-4)
            assert running.exception() is None
        together = torch.cat(found)
        assert len(together) > 100
        assert together.dtype == dtype
        assert torch.equal(together, alone[: len(together)])
        np.testing.assert_array_equal(running.result(), expected)
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("architecture", ["mlp", "dcgan"])
def test_building_our_networks_draws_from_their_own_generator_alone(architecture):
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    networks = build_networks(
        architecture,
        shape=(1, 8, 8) if architecture == "dcgan" else (64,),
        latent_dim=5,
        posterior_dim=4,
        width=2,
        depth=2,
        rng=torch.Generator().manual_seed(0),
    )
    assert torch.equal(torch.random.get_rng_state(), before)
    for network in networks:
        for value in network.state_dict().values():
            assert value.device.type == "cpu"
            assert value.isfinite().all()
