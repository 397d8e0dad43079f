"""Networks of the user's own: classes, functions or instances, and those that cannot work."""

import math
from collections import OrderedDict

import numpy as np
import pytest
import torch
from sklearn.base import clone
from small import clusterer, extractor
from torch import nn


class Trunk(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(shape[0], 6), nn.Dropout(0.5))

    def forward(self, rows):
        return self.layers(rows).tanh()


class Generator(nn.Sequential):
    def __init__(self, latent_dim, shape):
        super().__init__(nn.Linear(latent_dim, shape[0]))


class Detached(Generator):
    def forward(self, latent):
        return super().forward(latent).detach()


def make_generator(latent_dim, shape):
    return Generator(latent_dim, shape)


def make_trunk(shape):
    return Trunk(shape)


PAIRS = {
    "classes": (Generator, Trunk),
    "functions": (make_generator, make_trunk),
    "instances": (Generator(2 + 3, (4,)), Trunk((4,))),
}


@pytest.mark.parametrize("kind", PAIRS)
def test_networks_of_the_users_own(kind, blobs):
    X, _ = blobs
    model = clusterer(architecture=PAIRS[kind]).fit(X)
    assert isinstance(model.generator_, Generator)
    assert isinstance(model.discriminator_.trunk, Trunk)
    assert model.transform(X).shape == (len(X), 6)
    assert model.sample(5).shape == (5, 4)
    assert list(model.discriminator_.layers) == ["trunk", "recognition"]
    again = clusterer(architecture=PAIRS[kind]).fit(X)
    assert (again.predict_proba(X) == model.predict_proba(X)).all()


def test_instances_are_copied_not_trained(blobs):
    pair = PAIRS["instances"]
    before = [p.clone() for module in pair for p in module.parameters()]
    model = clusterer(architecture=pair).fit(blobs[0])
    after = [p for module in pair for p in module.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert not torch.equal(model.generator_[0].weight, pair[0][0].weight)


def test_layers_of_the_users_sequential_trunk_have_its_names(images):
    def trunk(shape):
        return nn.Sequential(nn.Conv2d(shape[0], 3, 3), nn.Flatten())

    def generator(latent_dim, shape):
        return nn.Sequential(nn.Linear(latent_dim, 64), nn.Unflatten(1, shape))

    model = extractor(
        architecture=(generator, trunk), image_shape=(1, 8, 8), layers=["0"], pooling="avg"
    ).fit(images)
    assert model.get_feature_names_out().tolist() == ["0_0", "0_1", "0_2"]
    assert model.transform(images).shape == (len(images), 3)


@pytest.mark.parametrize("name", ["recognition", "posterior", "last", "all"])
def test_names_that_mean_something_else_are_refused(name, blobs, no_training):
    trunk = nn.Sequential(OrderedDict([(name, nn.Linear(4, 3))]))
    with pytest.raises(ValueError, match=f"calls layers .*{name}"):
        extractor(architecture=(lambda latent, shape: nn.Linear(latent, 4), trunk)).fit(blobs[0])


@pytest.mark.parametrize(
    ("pair", "error", "message"),
    [
        (
            (lambda latent, shape: nn.Linear(latent, 3), Trunk),
            ValueError,
            r"generator gives .*\(2, 3\).* should give \(2, 4\)",
        ),
        (
            (nn.Linear(1, 4), Trunk),
            ValueError,
            r"generator fails on a batch of shape \(2, 5\)",
        ),
        ((Generator, nn.Linear(9, 4)), ValueError, r"trunk fails on a batch of shape \(2, 4\)"),
        (
            (Generator, nn.Sequential(nn.Linear(4, 4), nn.Threshold(9.0, math.nan))),
            ValueError,
            "trunk gives NaN or infinity",
        ),
        ((Generator, nn.Flatten(0)), ValueError, r"features of shape \(n, ...\)"),
        ((Generator, lambda shape: "trunk"), TypeError, "returned str, not a Module"),
        ((Generator,), TypeError, r"pair \(generator, discriminator\)"),
        ((Generator, "trunk"), TypeError, r"pair \(generator, discriminator\)"),
    ],
)
def test_networks_that_cannot_work_are_named_before_training(
    pair, error, message, blobs, no_training
):
    with pytest.raises(error, match=f"architecture.*{message}"):
        clusterer(architecture=pair).fit(blobs[0])


def test_a_clone_of_instances_has_copies_of_them(blobs):
    model = clusterer(architecture=PAIRS["instances"])
    copy = clone(model)
    assert copy.architecture[1] is not PAIRS["instances"][1]
    assert (copy.fit(blobs[0]).labels_ == model.fit(blobs[0]).labels_).all()


def test_what_the_user_froze_stays_frozen(blobs):
    trunk = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8))
    trunk[0].requires_grad_(False)
    model = clusterer(architecture=(Generator, trunk)).fit(blobs[0])
    kept, trained = (model.discriminator_.trunk[i].weight for i in (0, 2))
    np.testing.assert_array_equal(kept, trunk[0].weight)
    assert not kept.requires_grad
    assert trained.requires_grad
    assert not torch.equal(trained, trunk[2].weight)


def test_maps_of_the_users_convolutions_are_pooled_on_a_grid(images):
    def trunk(shape):
        first = nn.Sequential(nn.Conv2d(1, 6, 3, 2, 1), nn.ReLU())
        return nn.Sequential(first, nn.Conv2d(6, 8, 3, 2, 1), nn.Flatten())

    def generator(latent_dim, shape):
        return nn.Sequential(nn.Linear(latent_dim, 64), nn.Unflatten(1, shape))

    model = extractor(
        image_shape=(1, 8, 8), layers="all", pooling="max", architecture=(generator, trunk)
    ).fit(images)
    assert model.transform(images[:2]).shape == (2, 6 * 16 + 8 * 4)
    assert len(model.set_params(pooling="avg").get_feature_names_out()) == 6 * 16 + 8 * 4
