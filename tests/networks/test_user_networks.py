"""Networks of the user's own: classes, functions or instances, and those that cannot work."""

import math
import pickle
from collections import OrderedDict

import numpy as np
import pytest
import torch
from sklearn.base import clone
from small import clusterer, extractor
from stopped import Crash, Crashes
from torch import nn

from gan_cluster import load, save
from gan_cluster.training import checkpoint, schedule


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
    with pytest.raises(ValueError, match=f"has layers named .*{name}"):
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
        (
            (Generator(5, (4,)).requires_grad_(False), Trunk),
            ValueError,
            "generator has no weights that could be trained",
        ),
        ((Generator, nn.Flatten(0)), ValueError, r"features of shape \(n, ...\)"),
        ((Generator, lambda shape: "trunk"), TypeError, "returned str, not a Module"),
        ((Generator,), TypeError, r"pair \(generator, trunk\)"),
        ((Generator, "trunk"), TypeError, r"pair \(generator, trunk\)"),
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


def coloured():
    return np.random.RandomState(0).randint(0, 256, (40, 3, 8, 8)).astype(np.uint8)


def drawn(latent_dim, shape):
    return nn.Sequential(nn.Linear(latent_dim, 192), nn.Tanh(), nn.Unflatten(1, shape))


def pretrained(n_frozen):
    """A trunk with statistics of its own, its first layers frozen."""
    torch.manual_seed(0)
    trunk = nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5)),
        nn.Sequential(nn.Conv2d(4, 6, 3, 2, 1), nn.BatchNorm2d(6), nn.ReLU()),
    )
    for block in trunk:
        block[1].running_mean.fill_(0.3)
        block[1].running_var.fill_(2.0)
    trunk[:n_frozen].requires_grad_(False)
    return trunk


def same_state(part, other):
    states = part.state_dict(), other.state_dict()
    return all(torch.equal(*pair) for pair in zip(*(s.values() for s in states), strict=True))


STAGES = {
    "a look, clusters, the generator": {"max_epochs": 8, "ema_decay": 0.9, "n_init": 2},
    "the game alone": {"consistency_weight": 0, "gradient_penalty": 1},
}


@pytest.mark.parametrize("n_frozen", [1, 2])
@pytest.mark.parametrize("name", STAGES)
@pytest.mark.parametrize("make", [clusterer, extractor])
def test_what_the_user_froze_stays_as_it_is(make, name, n_frozen, tmp_path):
    X, trunk = coloured(), pretrained(n_frozen)
    model = make(architecture=(drawn, trunk), **STAGES[name]).fit(X)
    assert ("contrast" in model.history_[0]) == ("look" in name)
    assert all(model.model_.net.steps_)
    save(model, tmp_path)
    copies = pickle.loads(pickle.dumps(model)), load(tmp_path, architecture=(drawn, trunk))
    for copy in copies:
        np.testing.assert_array_equal(copy.transform(X), model.transform(X))
    for each in (model, *copies):
        each.partial_fit(X)
        players = [p for p in each.model_.net.players_.values() if hasattr(p, "trunk")]
        assert len(players) == (2 if "look" in name else 1)  # its critic has heads alone
        for player in players:
            for i, (kept, given) in enumerate(zip(player.trunk, trunk, strict=True)):
                assert same_state(kept, given) == (i < n_frozen)
                assert all(w.requires_grad == (i >= n_frozen) for w in kept.parameters())


def test_frozen_features_are_what_the_users_trunk_gives():
    X, trunk = coloured(), pretrained(2)
    model = extractor(architecture=(drawn, trunk), layers=["1"], pooling="avg", normalize=None)
    features = model.fit(X).transform(X)
    with torch.inference_mode():
        expected = trunk.eval()(model.model_.encoding.encode(X.reshape(40, -1))).mean((2, 3))
    np.testing.assert_allclose(features, expected, rtol=1e-5)


def test_the_generator_joins_behind_a_frozen_trunk(monkeypatch):
    monkeypatch.setattr(schedule, "STAGE_STEPS", 2)
    model = clusterer(architecture=(drawn, pretrained(1)))
    for joined in (False, False, True):
        model.partial_fit(coloured())
        assert ("generator_loss" in model.history_[-1]) == joined


def test_a_fit_on_a_frozen_trunk_goes_on_where_it_stood(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "WRITING_SHARE", 1.0)
    X = coloured()

    def fitted(n_frozen, callbacks, folder=tmp_path):
        pair = drawn, pretrained(n_frozen)
        settings = {"max_epochs": 8, "checkpoint_dir": folder, "callbacks": callbacks}
        return clusterer(architecture=pair, **settings).fit(X)

    for epoch in (3, 3, 2):  # of what is left, each in another stage
        with pytest.raises(Crash):
            fitted(2, [Crashes(epoch)])
        with pytest.raises(ValueError, match="holds the state of another fit"):
            fitted(1, None)
    resumed, whole = fitted(2, None), fitted(2, None, None)
    np.testing.assert_array_equal(resumed.predict_proba(X), whole.predict_proba(X))
    np.testing.assert_array_equal(
        resumed.sample(3, random_state=0), whole.sample(3, random_state=0)
    )


@pytest.mark.parametrize("layers", [["volumes"], "all", "last"])
@pytest.mark.parametrize("objective", ["consistency", "gan"])
def test_layers_whose_maps_are_volumes_are_flattened(layers, objective):
    volumes = nn.Sequential(nn.Unflatten(1, (1, 3)), nn.Conv3d(1, 2, 3, 2, 1))
    named = OrderedDict(volumes=volumes, flat=nn.Flatten(1, 2), conv=nn.Conv2d(4, 2, 3))
    model = extractor(
        architecture=(drawn, nn.Sequential(named)),
        objective=objective,
        layers=layers,
        pooling="max",
        n_components=None,
    ).fit(coloured())
    assert len(model.get_feature_names_out()) == model.transform(coloured()).shape[1]


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
