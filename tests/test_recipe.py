"""Every option of the objective and the training does what it says."""

import math
import pickle
from copy import deepcopy

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback
from small import clusterer, extractor
from torch import nn

from gan_cluster import GANFeatureExtractor, InfoGANClusterer
from gan_cluster.training import neighbors
from gan_cluster.training import net as training

MLP = {"architecture": "mlp"}
OPTIONS = {
    "hinge": {"adversarial_loss": "hinge"},
    "relativistic": {"adversarial_loss": "relativistic"},
    "gradient_penalty": {"gradient_penalty": 1.0},
    "gradient_penalty and adversarial": {"gradient_penalty": 1.0, "augment": "adversarial"},
    "instance_noise": {"instance_noise": 0.5},
    "spectral_norm": {"spectral_norm": True},
    "ema": {"ema_decay": 0.9},
    "learned variance": {"n_continuous": 2, "continuous_variance": "learned"},
    "codes": {"categorical_codes": (2, 4), "n_continuous": 1},
    "contrast": {"n_continuous": 2, "contrastive_weight": 1.0, "augment": "adversarial"},
    "no twins": {"augment": "none"},
    "a function": {"augment": lambda rows: rows + 0.1},
    "no neighbours": {"n_neighbors": 0},
    "no consistency": {"consistency_weight": 0},
    "one cluster": {"n_clusters": 1},
    "restarts": {"n_init": 2},
    "depth": {"depth": 1},
}


@pytest.mark.parametrize("on_images", [False, True])
@pytest.mark.parametrize("option", OPTIONS)
def test_option_trains_with_finite_history(option, on_images, images):
    shape = (1, 8, 8) if on_images else None
    model = clusterer(image_shape=shape, **OPTIONS[option]).fit(images)
    assert len(model.history_) == model.n_iter_ >= 2
    for row in model.history_:
        numbers = np.hstack(list(row.values()))
        assert np.isfinite(numbers.astype(float)).all()
        assert row["seconds"] > 0
    played = [row for row in model.history_ if "generator_loss" in row]
    assert len(played) == (2 if option == "no consistency" else 1)
    for row in played:
        assert row["mutual_information"] <= row["code_entropy"] + 1e-6
    assert np.isfinite(model.sample(3)).all()
    assert np.isfinite(model.predict_proba(images)).all()
    assert math.isfinite(model.score(images))


def test_history_says_what_the_codes_are(blobs):
    model = clusterer(categorical_codes=(2,), n_continuous=1).fit(blobs[0])
    row = model.history_[-1]
    assert row["code_entropy"] == pytest.approx(math.log(3) + math.log(2))
    assert row["continuous_information"] <= math.log(2)
    assert len(row["cluster_usage"]) == 3
    assert sum(row["cluster_usage"]) == pytest.approx(1, abs=1e-5)
    assert 0 <= row["labels_changed"] <= 1
    assert model.mutual_information_ == row["mutual_information"]


def test_only_the_game_has_no_code(blobs):
    model = extractor(objective="gan").fit(blobs[0])
    assert model.net_.code.latent_dim == 2
    assert model.discriminator_.recognition is None
    assert "mutual_information" not in model.history_[-1]
    assert not hasattr(model, "score")


def test_gradient_penalty_flattens_the_discriminator(blobs):
    def slope(weight):
        model = clusterer(gradient_penalty=weight, max_epochs=20, discriminator_lr=5e-3)
        model.fit(blobs[0])
        rows = model._encoding.encode(blobs[0]).requires_grad_()
        logits = model.discriminator_(rows).adversarial
        return float(torch.autograd.grad(logits.sum(), rows)[0].norm(dim=1).mean())

    assert slope(100.0) < 0.5 * slope(0.0)


def test_gradient_penalty_counts_in_every_eighth_step_of_all_that_were_made(monkeypatch, blobs):
    steps = []  # whether each asked for the penalty

    def step(net, *args):
        steps.append(False)
        return discriminator_step(net, *args)

    def penalty(logits, rows):
        steps[-1] = True
        return gradient_penalty(logits, rows)

    discriminator_step = training.AdversarialNet.discriminator_step
    gradient_penalty = training.gradient_penalty
    monkeypatch.setattr(training.AdversarialNet, "discriminator_step", step)
    monkeypatch.setattr(training, "gradient_penalty", penalty)
    model = clusterer(consistency_weight=0, batch_size=40, max_epochs=3).fit(blobs[0])
    assert steps == [True, *[False] * 7, True]
    deepcopy(model).partial_fit(blobs[0])
    assert steps[9:] == [False] * 3
    again = pickle.loads(pickle.dumps(model)).partial_fit(blobs[0]).partial_fit(blobs[0])
    again.partial_fit(blobs[0])
    assert steps[12:] == [*[False] * 7, True, False]


def test_spectral_norm_holds_after_training(images):
    model = clusterer(spectral_norm=True, image_shape=(1, 8, 8), max_epochs=10).fit(images)
    checked = [m for m in model.discriminator_.trunk.modules() if hasattr(m, "weight_orig")]
    assert checked
    for layer in checked:
        largest = torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2)
        assert float(largest) == pytest.approx(1, abs=0.2)


def test_moving_average_is_the_mean_of_the_generators_weights(blobs):
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
    model = clusterer(architecture=pair, ema_decay=0.5, generator_lr=0.1).fit(blobs[0])
    raw = model.net_.generator_.layer.weight.detach()
    after_steps = [*weights[1:], raw]  # weights were noted before each step
    expected = after_steps[0]
    for new in after_steps[1:]:
        expected = 0.5 * expected + 0.5 * new
    found = model.generator_.module.layer.weight.detach()
    torch.testing.assert_close(found, expected)
    assert not torch.equal(found, raw)


def test_learned_variance_widens_the_recognition_network(blobs):
    fixed, learned = (
        clusterer(n_continuous=2, continuous_variance=kind).fit(blobs[0])
        for kind in ("fixed", "learned")
    )
    assert fixed.discriminator_.apart[1].out_features == 2
    assert learned.discriminator_.apart[1].out_features == 4


def test_continuous_codes_have_a_hidden_layer_of_their_own_where_twins_have_to_agree(blobs):
    agreeing = clusterer(n_continuous=2).fit(blobs[0])
    rows = torch.randn(5, 4)
    with torch.inference_mode():
        trunk = agreeing.discriminator_.trunk(rows)
        said = agreeing.discriminator_(rows).code
        own = agreeing.discriminator_.apart(trunk)
        clusters = agreeing.discriminator_.code(agreeing.discriminator_.recognition(trunk))
    torch.testing.assert_close(said, torch.cat([clusters, own], dim=1))
    for settings in ({"consistency_weight": 0}, {"n_continuous": 0}):
        model = clusterer(**{"n_continuous": 2, **settings}).fit(blobs[0])
        assert model.discriminator_.apart is None
        assert model.discriminator_.code.out_features == 3 + model.n_continuous


@pytest.mark.parametrize(("name", "given"), [("agreement", {}), (None, {"consistency_weight": 0})])
def test_twins_are_asked_only_where_they_count(name, given, blobs):
    calls = []

    def twin(rows):
        calls.append(rows.shape)
        return rows

    model = clusterer(augment=twin, **given).fit(blobs[0])
    assert bool(calls) == bool(name)
    assert ("agreement" in model.history_[-1]) == bool(name)
    assert all(shape == (40, 4) for shape in calls[1:])  # the first is a look before training


def test_info_weight_makes_q_read_the_code(blobs):
    def information(weight):
        settings = {"consistency_weight": 0, "max_epochs": 30, "width": 4, "generator_lr": 5e-3}
        model = clusterer(info_weight=weight, discriminator_lr=5e-3, **settings)
        return model.fit(blobs[0]).mutual_information_

    assert information(1.0) > 0.5
    assert information(0.0) < 0.3


def test_balance_weight_pulls_the_shares_together(blobs):
    X = np.concatenate([blobs[0][:20], np.random.RandomState(0).normal(50, 1, (200, 4))])

    def imbalance(weight):
        model = clusterer(balance_weight=weight, info_weight=0, max_epochs=30, n_neighbors=0)
        usage = np.array(model.fit(X).history_[-1]["cluster_usage"])
        return float((usage * np.log(usage * 3 + 1e-12)).sum())

    assert imbalance(10.0) < 0.1 < imbalance(0.0)


@pytest.mark.parametrize("n_init", [2, 3])
def test_restarts_keep_the_net_with_the_best_score(n_init, blobs, monkeypatch):
    nets = []

    def joint(net, *args):
        nets.append(net)
        return np.eye(3) / 3 if len(nets) == 2 else np.full((3, 3), 1 / 9)

    monkeypatch.setattr("gan_cluster._base.neighbor_joint", joint)
    model = clusterer(n_init=n_init, max_epochs=4).fit(blobs[0])
    assert len(nets) == n_init
    assert model.net_ is nets[1]
    assert model.n_iter_ == 4
    np.testing.assert_array_equal(model.labels_, model.predict(blobs[0]))


@pytest.mark.parametrize("given", [{"objective": "gan"}, {"categorical_codes": ()}])
def test_without_a_code_there_is_one_training(given, blobs):
    starts = []

    class Watch(Callback):
        def on_train_begin(self, net, **kwargs):
            starts.append(net)

    extractor(n_init=3, callbacks=[Watch()], **given).fit(blobs[0])
    assert len(starts) == 1


def test_codes_are_merged_into_clusters_midway(blobs):
    model = clusterer(codes_per_cluster=3, max_epochs=6).fit(blobs[0])
    assert model.net_.code.categorical == (9,)
    assert sorted(set(model.net_.clusters.groups.tolist())) == [0, 1, 2]
    assert model.predict_proba(blobs[0]).shape == (len(blobs[0]), 3)
    assert [len(row["cluster_usage"]) for row in model.history_] == [9, 9, 9, 3, 3, 3]


@pytest.mark.parametrize(
    ("given", "codes", "near"),
    [({}, 12, 10), ({"image_shape": (1, 8, 8)}, 6, 5), ({"image_shape": (1, 8, 8), **MLP}, 12, 10)],
)
def test_what_auto_stands_for(given, codes, near, images, monkeypatch):
    asked = []
    found = neighbors.nearest_rows

    def nearest_rows(X, encoding, n_neighbors, rng):
        asked.append(n_neighbors)
        return found(X, encoding, n_neighbors, rng)

    monkeypatch.setattr("gan_cluster._runs.nearest_rows", nearest_rows)
    model = clusterer(codes_per_cluster="auto", **given).fit(images)
    assert model.net_.code.categorical == (codes,)
    assert asked == [near]


def test_merged_probabilities_are_sums_over_codes(blobs):
    model = clusterer(codes_per_cluster=2).fit(blobs[0])
    merged, groups = model.predict_proba(blobs[0]), model.net_.clusters.groups
    model.net_.clusters.groups = None
    order, model._order = model._order, np.arange(6)
    fine = model.predict_proba(blobs[0])
    summed = np.stack([fine[:, groups.numpy() == k].sum(1) for k in range(3)], axis=1)
    np.testing.assert_allclose(merged, summed[:, order], atol=1e-6)


def test_partial_fit_keeps_the_numbers_of_its_clusters(blobs):
    model = clusterer(width=8, n_clusters=3, codes_per_cluster=2, augment="none")
    for _ in range(30):
        model.partial_fit(blobs[0])
    before = model.labels_
    assert (model.partial_fit(blobs[0]).labels_ == before).mean() > 0.8


@pytest.mark.parametrize(
    ("given", "weight"),
    [
        ({}, 0.0),
        ({"consistency_weight": 0}, 1.0),
        ({"consistency_weight": 0, "spectral_norm": True}, 0.0),
        ({"consistency_weight": 0, "gradient_penalty": 0.5}, 0.5),
    ],
)
def test_the_game_alone_is_steadied(given, weight, blobs):
    assert clusterer(**given).fit(blobs[0]).net_.objective.gradient_penalty == weight


@pytest.mark.parametrize(
    ("model", "n_runs", "steps", "epochs"),
    [
        (InfoGANClusterer(10), 3, 469, (2, 8)),
        (InfoGANClusterer(10, consistency_weight=0), 1, 469, (16, 0)),
        (InfoGANClusterer(10, consistency_weight=0), 1, 10, (180, 0)),
        (InfoGANClusterer(10, consistency_weight=0, n_init=2, max_epochs=5), 2, 469, (5, 0)),
        (GANFeatureExtractor(objective="gan"), 1, 469, (16, 0)),
        (GANFeatureExtractor(objective="gan", n_init=4), 1, 469, (16, 0)),
    ],
)
def test_how_long_is_trained_by_default(model, n_runs, steps, epochs):
    assert model._n_runs() == n_runs
    assert model._n_epochs(steps) == epochs


def test_the_game_alone_has_four_codes_a_cluster(blobs):
    model = clusterer(consistency_weight=0, codes_per_cluster="auto").fit(blobs[0])
    assert model.net_.code.categorical == (12,)


def test_finer_codes_of_the_game_alone_are_merged_at_its_end(blobs):
    model = clusterer(consistency_weight=0, codes_per_cluster=2).fit(blobs[0])
    assert model.net_.code.categorical == (6,)
    assert set(model.net_.clusters.groups.tolist()) == {0, 1, 2}
    assert model.predict_proba(blobs[0]).shape == (120, 3)
    for row in model.history_:
        assert row["code_entropy"] == pytest.approx(np.log(6))


def test_instance_noise_is_on_rows_of_the_game_alone(monkeypatch, images):
    seen = []
    original = training.AdversarialNet.discriminator_step

    def step(net, rows, partners, fake=None, *rest):
        seen.append((rows - partners, fake))
        return original(net, rows, partners, fake, *rest)

    monkeypatch.setattr(training.AdversarialNet, "discriminator_step", step)
    clusterer(image_shape=(1, 8, 8), n_neighbors=0, instance_noise=0.5).fit(images)
    in_game = [(noise.std().item(), fake.abs().max()) for noise, fake in seen if fake is not None]
    assert in_game
    assert len(in_game) < len(seen)
    for deviation, largest in in_game:
        assert deviation == pytest.approx(0.5, rel=0.1)
        assert largest > 1  # a generator's own are within [-1, 1]
    assert all(noise.abs().max() == 0 for noise, fake in seen if fake is None)
