"""Twins of images: a little turned and shifted, brighter or darker."""

import numpy as np
import torch

from gan_cluster.training import augment
from gan_cluster.training.augment import random_affine, random_gamma, random_view
from gan_cluster.training.random import torch_generator


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
