"""Colour images of all kinds, and trunks of the user's for them: each works, or is told why not."""

import numpy as np
import pytest
import torch
from small import clusterer, extractor, is_finite
from torch import nn

WORKS = {
    "8x8": ((3, 8, 8), 0, 255),
    "channels last": ((8, 9, 3), 0, 255),
    "with an alpha channel": ((4, 8, 8), 0, 255),
    "floats far from those of a camera": ((3, 8, 8), -3e4, 7e8),
    "floats in a narrow range": ((3, 8, 8), 0.5, 0.5 + 1e-9),
}
SHAPE = 3, 8, 8


def pictures(shape=SHAPE, low=0.0, high=1.0):
    return np.random.RandomState(0).uniform(low, high, (40, *shape))


def drawn(latent_dim, shape):
    return nn.Sequential(nn.Linear(latent_dim, 192), nn.Tanh(), nn.Unflatten(1, shape))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", WORKS)
def test_images_that_work(name):
    X = pictures(*WORKS[name])
    model = clusterer(max_epochs=4).fit(X)
    looked = "contrast" in model.history_[0]
    assert looked == (3 in WORKS[name][0])
    assert is_finite(model, X)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_two_channels_are_images_once_a_shape_says_so():
    X = pictures((2, 8, 8))
    with pytest.raises(ValueError, match=r"shape \(2, 8, 8\): set image_shape=\(channels, height"):
        clusterer().fit(X)
    model = clusterer(max_epochs=4, image_shape=(2, 8, 8)).fit(X)
    assert model.model_.recipe.objective.augment == "image"
    assert is_finite(model, X)
    with pytest.raises(ValueError, match="networks see images of 2 channels"):
        clusterer(image_shape=(2, 8, 8), augment="photo").fit(X)


def test_images_that_are_too_small():
    with pytest.raises(ValueError, match="images of 7x9 are too small for convolutions"):
        clusterer(architecture="resnet").fit(pictures((3, 7, 9)))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("is_frozen", [False, True])
def test_a_trunk_of_the_users_looks_at_rows_too(is_frozen):
    trunk = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.ReLU())  # maps: they are flattened
    trunk.requires_grad_(not is_frozen)
    before = trunk[0].weight.detach().clone()
    X = pictures()
    model = clusterer(architecture=(drawn, trunk), max_epochs=4).fit(X)
    assert "contrast" in model.history_[0]
    assert is_finite(model, X)
    observer = model.model_.net.observer_
    assert torch.equal(observer.trunk[0].weight, before) == is_frozen
    assert torch.equal(model.discriminator_.trunk[0].weight, before) == is_frozen


class Mean(nn.Module):
    """Loses the axis of rows."""

    def __init__(self, shape):
        super().__init__()

    def forward(self, rows):
        return rows.mean(0)


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize("channels", [2, 3])
@pytest.mark.parametrize("make", [clusterer, extractor])
def test_a_trunk_of_the_users_whose_maps_have_no_rows(make, channels):
    shape = channels, 8, 8

    def generator(latent_dim, shape):
        return nn.Sequential(nn.Linear(latent_dim, 64 * channels), nn.Unflatten(1, shape))

    with pytest.raises(ValueError, match=r"features of shape \(n, ...\), .* \(\d, 8, 8\) for n = "):
        make(architecture=(generator, Mean), image_shape=shape).fit(pictures(shape))


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize(
    ("trunk", "message"),
    [
        (nn.Flatten(0), "should give features of shape"),
        (nn.Conv3d(3, 2, 3), "trunk fails on a batch of shape"),
        (nn.Sequential(nn.AdaptiveAvgPool2d(0)), "should give features of shape"),
    ],
)
@pytest.mark.parametrize("make", [clusterer, extractor])
def test_a_trunk_of_the_users_that_gives_no_features(make, trunk, message):
    with pytest.raises(ValueError, match=message):
        make(architecture=(drawn, trunk)).fit(pictures())
