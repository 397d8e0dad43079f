"""What InfoGANClusterer finds, says, draws and remembers."""

import copy
import math
import pickle
import random

import numpy as np
import pytest
import torch
from sklearn.metrics import adjusted_rand_score
from skorch.callbacks import Callback
from small import STEADY, clusterer, extractor
from torch import nn

from gan_cluster import load, save
from gan_cluster.training import schedule

LEARNS = {"max_epochs": 30, "width": 4, "learning_rate": 5e-3}


@pytest.fixture(scope="module")
def fitted(blobs):
    return clusterer(augment="none", **LEARNS).fit(blobs[0])


def test_blobs_are_found_and_predicted(fitted, blobs):
    X, y = blobs
    assert adjusted_rand_score(y, fitted.labels_) > 0.8
    np.testing.assert_array_equal(fitted.predict(X), fitted.labels_)
    nearby = X + np.random.RandomState(1).normal(scale=0.05, size=X.shape)
    assert adjusted_rand_score(y, fitted.predict(nearby)) > 0.8


def test_clusters_are_named_by_size(fitted):
    counts = np.bincount(fitted.labels_, minlength=3)
    assert (np.diff(counts) <= 0).all()


def test_probabilities_sum_to_one_and_agree_with_labels(fitted, blobs):
    probabilities = fitted.predict_proba(blobs[0])
    assert probabilities.shape == (120, 3)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)
    np.testing.assert_array_equal(probabilities.argmax(1), fitted.labels_)


def test_transform_gives_the_trunks_features(fitted, blobs):
    features = fitted.transform(blobs[0])
    assert features.dtype == np.float32
    assert features.shape == (120, len(fitted.get_feature_names_out()))
    assert fitted.get_feature_names_out()[0] == "infoganclusterer0"


def test_a_row_alone_has_the_same_result(fitted, blobs):
    X = blobs[0]
    alone = np.vstack([fitted.predict_proba(row[None]) for row in X[:5]])
    np.testing.assert_array_equal(alone, fitted.predict_proba(X)[:5])


def test_score_needs_no_labels_and_has_its_bounds(fitted, blobs):
    X, _ = blobs
    score = fitted.score(X)
    assert 0.5 < score <= math.log(3)
    assert fitted.score(X, y=np.arange(len(X))) == score
    assert math.isfinite(fitted.score(X[:1]))
    untrained = clusterer(augment="none", max_epochs=1, learning_rate=(1e-9, 1e-3)).fit(X)
    assert untrained.score(X) < score


def _collapse(model, bias=(0.0, 9.0, 0.0)):
    with torch.no_grad():
        model.discriminator_.code.weight.zero_()
        model.discriminator_.code.bias.copy_(torch.tensor(bias))
    return model


def test_score_is_zero_and_finite_after_a_collapse(blobs):
    model = _collapse(clusterer().fit(blobs[0]))
    assert model.score(blobs[0]) == pytest.approx(0, abs=1e-6)
    assert len(np.unique(model.predict(blobs[0]))) == 1


def test_empty_clusters_come_last(blobs):
    class Blind(nn.Module):
        """A trunk that tells apart the two sides of one column."""

        def __init__(self, shape):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1))

        def forward(self, rows):
            return self.scale * rows[:, :1].sign()

    pair = (lambda latent_dim, shape: nn.Linear(latent_dim, *shape), Blind)
    model = clusterer(n_clusters=6, architecture=pair).fit(blobs[0])
    used = np.unique(model.labels_)
    assert len(used) <= 2
    np.testing.assert_array_equal(used, np.arange(len(used)))
    assert model.predict_proba(blobs[0]).shape == (120, 6)
    assert model.sample(2, cluster=5).shape == (2, 4)


def test_samples_are_in_the_units_of_x(blobs):
    X = 1000 + 50 * blobs[0]
    drawn = clusterer(**LEARNS).fit(X).sample(300, random_state=0)
    assert drawn.shape == (300, 4)
    low, high = X.min(0) - 2 * X.std(0), X.max(0) + 2 * X.std(0)
    assert ((low < drawn.mean(0)) & (drawn.mean(0) < high)).all()
    assert (drawn.std(0) > 0.2 * X.std(0)).all()


def test_samples_of_images_stay_in_their_range(colours):
    drawn = clusterer().fit(colours).sample(20)
    assert drawn.shape == (20, 3, 9, 11)
    assert drawn.min() >= colours.min()
    assert drawn.max() <= colours.max()


def test_samples_of_a_cluster_are_predicted_to_be_of_it(fitted):
    right = [
        np.mean(fitted.predict(fitted.sample(100, cluster=cluster, random_state=0)) == cluster)
        for cluster in range(3)
    ]
    assert np.mean(right) > 0.6  # a draw from all clusters would be right in a third


def test_samples_follow_their_seed_and_not_the_batch(fitted):
    one, again, other = (fitted.sample(300, random_state=s) for s in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)
    assert not np.array_equal(fitted.sample(3), fitted.sample(3))


@pytest.mark.parametrize("settings", [{}, {"image_shape": (1, 8, 8)}, {"n_init": 2}])
def test_the_same_seed_gives_the_same_model(settings, images):
    one, again, other = (clusterer(**settings, random_state=s).fit(images) for s in (7, 7, 8))
    np.testing.assert_array_equal(one.labels_, again.labels_)
    np.testing.assert_array_equal(one.predict_proba(images), again.predict_proba(images))
    assert not np.array_equal(one.predict_proba(images), other.predict_proba(images))


def test_a_random_state_object_moves_on(blobs):
    rng = np.random.RandomState(0)
    first, second = (clusterer(random_state=rng).fit(blobs[0]) for _ in range(2))
    assert not np.array_equal(first.predict_proba(blobs[0]), second.predict_proba(blobs[0]))


def _global_states():
    return (
        random.getstate(),
        tuple(np.random.get_state()[1]),  # noqa: NPY002
        tuple(torch.random.get_rng_state().tolist()),
    )


def _dropout(shape):
    return nn.Sequential(nn.Linear(*shape, 8), nn.Dropout(0.5), nn.LeakyReLU())


def _generator(latent_dim, shape):
    return nn.Sequential(nn.Linear(latent_dim, *shape), nn.Dropout(0.1))


@pytest.mark.parametrize("random_state", [0, None])
@pytest.mark.parametrize("architecture", ["auto", (_generator, _dropout)])
def test_global_generators_are_left_alone(architecture, random_state, blobs):
    X = blobs[0]
    model = clusterer(architecture=architecture, random_state=random_state)
    before = _global_states()
    for call in (
        lambda: model.fit(X),
        lambda: model.predict(X),
        lambda: model.transform(X),
        lambda: model.score(X),
        lambda: model.sample(5),
        lambda: model.partial_fit(X),
    ):
        call()
        assert _global_states() == before


def test_dropout_of_the_users_repeats_with_the_seed(blobs):
    one, again = (
        clusterer(architecture=(_generator, _dropout)).fit(blobs[0]).predict_proba(blobs[0])
        for _ in range(2)
    )
    np.testing.assert_array_equal(one, again)


@pytest.mark.parametrize("make", [clusterer, extractor])
@pytest.mark.parametrize("settings", [{}, STEADY])
def test_a_warm_start_goes_on_from_the_estimator_itself(make, settings, blobs):
    X = blobs[0]
    model = make(warm_start=True, **settings).fit(X)
    net, center, made = (
        model.model_.net,
        model.model_.encoding.center.copy(),
        model.model_.net.steps_,
    )
    before = [weights.clone() for weights in net.discriminator_.parameters()]
    model.set_params(max_epochs=3).fit(X[:60] + 1.0)
    assert model.model_.net is net
    assert model.n_iter_ == len(model.history_) == 5
    assert net.steps_ == (made[0] + 3, made[1] + 3)  # one batch an epoch
    assert any(
        (old != new).any() for old, new in zip(before, net.discriminator_.parameters(), strict=True)
    )
    np.testing.assert_array_equal(model.model_.encoding.center, center)
    if hasattr(model, "labels_"):
        assert len(model.labels_) == 60
    assert model.set_params(warm_start=False).fit(X).n_iter_ == 3


@pytest.mark.parametrize("augment", ["none", lambda rows: rows])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_what_goes_on_makes_twins_as_the_second_stage_does(augment, method, blobs):
    alone = []

    class Watch(Callback):
        def on_batch_begin(self, net, batch=None, **kwargs):
            alone.append(torch.equal(batch[0], batch[1]))

    model = clusterer(augment=augment, warm_start=True).fit(blobs[0])
    getattr(model.set_params(callbacks=[Watch()]), method)(blobs[0])
    assert set(alone) == {augment != "none"}


def test_a_warm_start_names_what_it_cannot_go_on_with(blobs, tmp_path):
    model = clusterer(warm_start=True).fit(blobs[0])
    with pytest.raises(ValueError, match=r"width changed from 2 to 3: .* warm_start=False"):
        model.set_params(width=3).fit(blobs[0])
    with pytest.raises(ValueError, match="set checkpoint_dir=None"):
        model.set_params(width=2, checkpoint_dir=tmp_path).fit(blobs[0])
    with pytest.raises(ValueError, match="4 features"):
        model.set_params(checkpoint_dir=None).fit(blobs[0][:, :3])


@pytest.mark.parametrize("make", [clusterer, extractor])
def test_partial_fit_goes_on_where_it_stopped(make, blobs):
    X = blobs[0]
    model = make().partial_fit(X[:60])
    first = model.model_.net
    scale = model.model_.encoding.center.copy()
    model.partial_fit(X[60:])
    assert model.model_.net is first
    assert model.n_iter_ == len(model.history_) == 2
    np.testing.assert_array_equal(model.model_.encoding.center, scale)
    assert model.transform(X).shape[0] == 120


def test_chunks_go_through_the_stages_of_fit(images, monkeypatch):
    monkeypatch.setattr(schedule, "STAGE_STEPS", 4)
    model = clusterer(n_clusters=10, image_shape=(1, 8, 8), codes_per_cluster=2, batch_size=25)
    for _ in range(2):
        model.partial_fit(images[:50])
        assert "generator_loss" not in model.history_[-1]
        assert model.model_.net.clusters.groups is not None  # merged to be read
    merged = model.model_.net.clusters.groups.clone()
    model.partial_fit(images[50:])
    assert "generator_loss" in model.history_[-1]
    assert torch.equal(model.model_.net.clusters.groups, merged)
    assert model.model_.net.steps_ == (6, 2)
    other = clusterer(image_shape=(1, 8, 8), batch_size=25).fit(images).partial_fit(images)
    assert "generator_loss" in other.history_[-1]  # it has joined already


def test_partial_fit_keeps_the_names_of_clusters(fitted, blobs):
    model = clusterer(augment="none", **LEARNS).fit(blobs[0])
    before = model.predict(blobs[0])
    model.partial_fit(blobs[0][:60])
    assert np.mean(model.predict(blobs[0]) == before) > 0.8
    assert model.labels_.shape == (60,)


def test_fit_starts_anew(blobs):
    model = clusterer().fit(blobs[0])
    labels = model.labels_
    model.partial_fit(blobs[0]).fit(blobs[0])
    assert model.n_iter_ == 2
    np.testing.assert_array_equal(model.labels_, labels)


@pytest.mark.parametrize(
    ("settings", "explored", "refined"),
    [
        ({"max_epochs": "auto"}, 3, 4),
        ({"max_epochs": 4}, 2, 2),
        ({"max_epochs": 9}, 3, 6),
        ({"max_epochs": 1}, 0, 1),
        ({"max_epochs": "auto", **STEADY}, 7, 0),
    ],
)
@pytest.mark.parametrize("augment", ["none", lambda rows: rows])
def test_the_best_training_is_refined(settings, explored, refined, augment, monkeypatch, blobs):
    monkeypatch.setattr("gan_cluster._recipe.STAGE_STEPS", 9)  # of 3 steps an epoch
    monkeypatch.setattr("gan_cluster._recipe.DRAWING_STEPS", (12, 12))
    monkeypatch.setattr("gan_cluster._recipe.DRAWING_EPOCHS", 4)
    monkeypatch.setattr("gan_cluster._recipe.GAME_EPOCHS", 5)
    seen = []

    class Watch(Callback):
        def on_batch_begin(self, net, batch=None, **kwargs):
            alone = torch.equal(batch[0], batch[1])
            seen.append((net, net.optimizer_.param_groups[1]["lr"], alone))

    settings = {**settings, "n_init": 2, "augment": augment, "callbacks": [Watch()]}
    model = clusterer(**settings).fit(blobs[0])
    assert model.n_iter_ == explored + refined
    nets, rates, alone = zip(*seen, strict=True)
    n_explored, n_refined = 2 * 3 * explored, 3 * refined
    assert len(set(nets[:n_explored])) == (2 if explored else 0)
    assert set(nets[n_explored:]) <= {model.model_.net}
    falling = [np.linspace(1e-3, 0, n, endpoint=False) for n in (3 * explored, n_refined)]
    expected = [*np.full(n_explored, 1e-3), *falling[1]] if refined else [*falling[0]] * 2
    np.testing.assert_allclose(rates, expected, rtol=1e-5)
    if settings.get("consistency_weight") != 0:
        assert not any(alone[:n_explored])
        assert set(alone[n_explored:]) <= {augment != "none"}


def test_generated_images_belong_to_their_cluster_and_vary(images):
    own, spread = [], []
    for seed in range(3):  # a single training of so few images may draw few or wrong ones
        settings = {"width": 8, "noise_dim": 16, "max_epochs": 250, "random_state": seed}
        model = clusterer(image_shape=(1, 8, 8), **settings).fit(images)
        drawn = [model.sample(50, cluster=k, random_state=0) for k in range(3)]
        own += [(model.predict(rows) == k).mean() for k, rows in enumerate(drawn)]
        spread.append(np.concatenate(drawn).std(0).mean() / images.std(0).mean())
    assert np.mean(own) > 0.7
    assert np.mean(spread) > 0.4


def test_sample_of_an_mlp_keeps_the_shape_of_channels_last_images(colours):
    X = colours.transpose(0, 2, 3, 1)
    model = clusterer(architecture="mlp").fit(X)
    assert model.sample(4, random_state=0).shape == (4, 9, 11, 3)


@pytest.mark.parametrize(
    "changed", [{"n_clusters": 4}, {"width": 3}, {"objective__augment": "none"}]
)
def test_partial_fit_refuses_other_parameters(changed, blobs):
    model = clusterer().partial_fit(blobs[0])
    (name,) = changed
    said = name.removesuffix("__augment")
    with pytest.raises(ValueError, match=f"{said} changed from .* call fit .*to start anew"):
        model.set_params(**changed).partial_fit(blobs[0])
    model.fit(blobs[0])
    model.set_params(batch_size=20, verbose=0).partial_fit(blobs[0])


@pytest.mark.parametrize("make", [clusterer, extractor])
def test_a_fit_that_fails_changes_nothing(make, blobs):
    class Interrupt(Callback):
        def on_batch_begin(self, net, **kwargs):
            raise KeyboardInterrupt

    model = make().fit(blobs[0])
    before = model.transform(blobs[0])
    model.set_params(callbacks=[Interrupt()])
    for method in (model.fit, model.partial_fit):
        with pytest.raises(KeyboardInterrupt):
            method(blobs[0] * 3 + 7)
        np.testing.assert_array_equal(model.transform(blobs[0]), before)
        assert model.sample(2).shape == (2, 4)


def test_partial_fit_keeps_the_numbers_of_its_clusters(blobs):
    model = clusterer(width=8, n_clusters=3, codes_per_cluster=2, augment="none")
    for _ in range(30):
        model.partial_fit(blobs[0])
    before = model.labels_
    assert (model.partial_fit(blobs[0]).labels_ == before).mean() > 0.8


def test_exemplars_are_the_surest_rows_of_each_cluster(blobs):
    X, _ = blobs
    model = clusterer(max_epochs=6).fit(X)
    probabilities, labels = model.predict_proba(X), model.predict(X)
    for cluster, indices in enumerate(model.exemplars(X, 4)):
        members = np.flatnonzero(labels == cluster)
        assert len(indices) == min(4, len(members))
        assert set(indices) <= set(members)
        best = np.sort(probabilities[members, cluster])[::-1][:4]
        np.testing.assert_array_equal(probabilities[indices, cluster], best)
    with pytest.raises(ValueError, match="n_exemplars == 0"):
        model.exemplars(X, 0)


@pytest.fixture(params=[1, 2], ids=["one code", "two codes"])
def fine(request, blobs):
    """Six clusters of one or of two values of the code each."""
    settings = {"codes_per_cluster": request.param, "prior": "learned"}
    return clusterer(n_clusters=6, max_epochs=10, **settings).fit(blobs[0])


def test_merged_clusters_are_read_and_drawn_as_one(fine, blobs):
    X, _ = blobs
    labels, probabilities = fine.labels_, fine.predict_proba(X)
    drawn = fine.generate(np.arange(6)[:, None], np.zeros(2))
    old = fine.model_
    assert fine.merge_clusters([4, 0, 2]) is fine
    kinds = np.array([0, 1, 0, 2, 0, 3])  # of the clusters before
    sizes = np.bincount(kinds[labels], minlength=4)
    number = np.argsort(np.argsort(-sizes, kind="stable"))[kinds]
    np.testing.assert_array_equal(fine.labels_, number[labels])
    assert (np.diff(np.bincount(fine.labels_, minlength=4)) <= 0).all()
    summed = np.zeros((len(X), 4))
    np.add.at(summed.T, number, probabilities.T)
    np.testing.assert_allclose(fine.predict_proba(X), summed, atol=1e-6)
    np.testing.assert_array_equal(fine.predict(X), summed.argmax(1))
    again = fine.generate(np.arange(4)[:, None], np.zeros(2))
    for before in (1, 3, 5):
        np.testing.assert_allclose(again[number[before]], drawn[before], rtol=1e-6)
    rows = fine.sample(40, cluster=int(number[0]), random_state=0)
    parts = [old.draw(np.full((1, 1), k), np.zeros((1, 2)), None) for k in (0, 2, 4)]
    assert any(np.allclose(again[number[0]], part) for part in parts)
    assert rows.shape == (40, 4)
    assert fine.score(X) >= 0
    with pytest.raises(ValueError, match=r"0 \.\. 3|<= 3"):
        fine.sample(cluster=4)
    assert old.n_clusters == 6


def test_merged_clusters_are_kept_and_trained_on(fine, blobs, tmp_path):
    X, _ = blobs
    fine.merge_clusters([1, 2]).merge_clusters([0, 4])
    expected = fine.predict_proba(X)
    assert expected.shape == (120, 4)
    save(fine, tmp_path)
    for same in (load(tmp_path), pickle.loads(pickle.dumps(fine)), copy.deepcopy(fine)):
        np.testing.assert_array_equal(same.predict_proba(X), expected)
        np.testing.assert_array_equal(same.labels_, fine.labels_)
        np.testing.assert_array_equal(
            same.sample(5, random_state=0), fine.sample(5, random_state=0)
        )
    fine.partial_fit(X)
    assert fine.predict_proba(X).shape == (120, 4)
    np.testing.assert_array_equal(fine.labels_, fine.predict(X))
    fine.set_params(warm_start=True).fit(X)
    assert fine.predict_proba(X).shape == (120, 4)
    assert fine.set_params(warm_start=False).fit(X).predict_proba(X).shape == (120, 6)


def test_merging_while_codes_are_still_merged_anew_ends_that(blobs):
    model = clusterer(n_clusters=4, codes_per_cluster=2).partial_fit(blobs[0])
    model.merge_clusters([0, 1]).partial_fit(blobs[0])
    assert model.predict_proba(blobs[0]).shape == (120, 3)


def test_all_clusters_can_be_one(fine, blobs):
    fine.merge_clusters(range(6))
    assert not fine.labels_.any()
    np.testing.assert_allclose(fine.predict_proba(blobs[0]), 1)


@pytest.mark.parametrize("clusters", [[], [1], [2, 2], [0, 6], [-1, 0], [0, 1.5], [True, 0]])
def test_clusters_that_cannot_be_merged_leave_all_as_it_was(fine, clusters):
    before = dict(vars(fine))
    with pytest.raises((TypeError, ValueError), match="clusters"):
        fine.merge_clusters(clusters)
    assert vars(fine) == before
