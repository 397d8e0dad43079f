"""Views of colour images: parts of them, mirrored, in other colours."""

import pytest
import torch

from gan_cluster.training import photos
from gan_cluster.training.photos import random_colors, random_crop, random_photo
from gan_cluster.training.random import torch_generator


@pytest.fixture
def whole(monkeypatch):
    """Crops are the whole image."""
    monkeypatch.setattr(photos, "AREA", 1.0)
    monkeypatch.setattr(photos, "LOG_RATIO", 0.0)


@pytest.fixture(scope="module")
def pictures():
    return torch.rand(400, 3, 9, 11, generator=torch_generator(5)) * 2 - 1


def test_whole_crops_are_the_image_or_its_mirror_image(whole, pictures):
    crops = random_crop(pictures, torch_generator(0))
    same = (crops - pictures).abs().amax((1, 2, 3)) < 1e-4
    mirrored = (crops - pictures.flip(3)).abs().amax((1, 2, 3)) < 1e-4
    assert (same ^ mirrored).all()
    assert 150 < same.sum() < 250


def test_crops_show_a_fifth_of_the_area_at_least_and_nothing_from_outside():
    across = torch.linspace(-0.9, 0.9, 10).expand(2000, 1, 10, 10)  # its slope is 0.2 a pixel
    down = across.transpose(2, 3)
    crops = random_crop(torch.cat([across, down], 1), torch_generator(0))
    assert crops.abs().max() <= 0.9 + 1e-6
    width = (crops[:, 0, 5, 5] - crops[:, 0, 5, 4]).abs() / 0.2
    height = (crops[:, 1, 5, 5] - crops[:, 1, 4, 5]).abs() / 0.2
    area, ratio = width * height, width / height
    assert 0.2 - 1e-3 <= area.min() < 0.22
    assert area.max() <= 1 + 1e-4
    assert (ratio.log().abs() <= photos.LOG_RATIO + 1e-3).all()
    middle = crops[:, 0, 5, 5]
    assert middle.min() < -0.5
    assert middle.max() > 0.5


def test_jitter_of_no_strength_keeps_colours(monkeypatch, pictures):
    for name in ("STRENGTH", "TURN", "GREY"):
        monkeypatch.setattr(photos, name, 0.0)
    torch.testing.assert_close(
        random_colors(pictures, torch_generator(0)), pictures, atol=1e-5, rtol=0
    )


def test_one_in_five_keeps_its_colours_and_one_in_five_has_none(pictures):
    views = random_colors(pictures, torch_generator(0))
    is_grey = (views - views.mean(1, keepdim=True)).abs().amax((1, 2, 3)) < 1e-5
    is_same = (views - pictures).abs().amax((1, 2, 3)) < 1e-5
    assert 50 < is_grey.sum() < 110
    assert 40 < is_same.sum() < 90  # of the fifth that is not jittered some are grey
    assert views.abs().max() <= 1


def test_a_turn_of_a_third_moves_channels_round(monkeypatch):
    monkeypatch.setattr(photos, "STRENGTH", 0.0)
    monkeypatch.setattr(photos, "GREY", 0.0)
    monkeypatch.setattr(photos, "JITTERED", 1.0)
    monkeypatch.setattr(photos, "TURN", 2 * torch.pi)
    red = torch.tensor([0.5, 0.0, 0.0]).reshape(1, 3, 1, 1).expand(500, 3, 1, 1)
    views = random_colors(red, torch_generator(0))
    torch.testing.assert_close(views.mean(1), red.mean(1), atol=1e-5, rtol=0)
    distance = [(views - red.roll(i, 1)).abs().amax((1, 2, 3)).min() for i in range(3)]
    assert max(distance) < 0.02  # each of the three comes near


def test_views_are_of_one_seed_and_of_each_row_its_own(pictures):
    same = pictures[:1].expand(50, -1, -1, -1)
    one, again, other = (random_photo(same, torch_generator(s)) for s in (0, 0, 1))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert len({round(float(view.mean()), 5) for view in one}) == 50
