"""Torch's random numbers: ours repeat, and global ones are left alone."""

import threading

import torch

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
