"""What parameters come to: "auto", how long is trained, and that each does what it says."""

import math
import pickle
from copy import deepcopy
from dataclasses import replace
from unittest import mock

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback
from small import STEADY, clusterer, extractor

from gan_cluster import GANFeatureExtractor, InfoGANClusterer, Objective
from gan_cluster._recipe import FEW_IMAGES, resolve
from gan_cluster._validation.rows import check_rows
from gan_cluster.training import neighbors
from gan_cluster.training import net as training
from gan_cluster.training.recipe import LOOKING_EPOCHS, TRIAL_STEPS, Length
from gan_cluster.training.schedule import stages_of

MLP = {"architecture": "mlp"}
OPTIONS = {
    "hinge": {"adversarial_loss": "hinge"},
    "relativistic": {"adversarial_loss": "relativistic"},
    "gradient_penalty": {"gradient_penalty": 1.0},
    "instance_noise": {"instance_noise": 0.5},
    "ema": {"ema_decay": 0.9},
    "learned variance": {"n_continuous": 2, "continuous_variance": "learned"},
    "codes": {"categorical_codes": (2, 4), "n_continuous": 1},
    "no twins": {"augment": "none"},
    "a function": {"augment": lambda rows: rows + 0.1},
    "no neighbours": {"n_neighbors": 0},
    "no consistency": STEADY,
    "infogan": {"objective": "infogan"},
    "learning rates": {"learning_rate": (2e-4, 1e-3)},
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
    assert len(played) == (2 if option in ("no consistency", "infogan") else 1)
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
    assert model.model_.net.code.latent_dim == 2
    assert model.discriminator_.recognition is None
    assert "mutual_information" not in model.history_[-1]
    assert not hasattr(model, "score")


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
    model = clusterer(**STEADY, batch_size=40, max_epochs=3).fit(blobs[0])
    assert steps == [True, *[False] * 7, True]
    deepcopy(model).partial_fit(blobs[0])
    assert steps[9:] == [False] * 3
    again = pickle.loads(pickle.dumps(model)).partial_fit(blobs[0]).partial_fit(blobs[0])
    again.partial_fit(blobs[0])
    assert steps[12:] == [*[False] * 7, True, False]


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
    for settings in (STEADY, {"n_continuous": 0}):
        model = clusterer(**{"n_continuous": 2, **settings}).fit(blobs[0])
        assert model.discriminator_.apart is None
        assert model.discriminator_.code.out_features == 3 + model.n_continuous


@pytest.mark.parametrize(("name", "given"), [("agreement", {}), (None, STEADY)])
def test_twins_are_asked_only_where_they_count(name, given, blobs):
    calls = []

    def twin(rows):
        calls.append(rows.shape)
        return rows

    model = clusterer(augment=twin, **given).fit(blobs[0])
    look, *asked = calls  # the first is a look before training
    assert look == (2, 4)
    assert bool(asked) == bool(name)
    assert ("agreement" in model.history_[-1]) == bool(name)
    assert set(asked) <= {(40, 4)}


@pytest.mark.parametrize("n_init", [2, 3])
def test_restarts_keep_the_net_with_the_best_score(n_init, blobs, monkeypatch):
    nets = []

    def joint(net, *args):
        nets.append(net)
        return np.eye(3) / 3 if len(nets) == 2 else np.full((3, 3), 1 / 9)

    monkeypatch.setattr("gan_cluster.training.judging.neighbor_joint", joint)
    model = clusterer(n_init=n_init, max_epochs=4).fit(blobs[0])
    assert len(nets) == n_init
    assert model.model_.net is nets[1]
    assert model.n_iter_ == 4
    np.testing.assert_array_equal(model.labels_, model.predict(blobs[0]))


@pytest.mark.parametrize("given", [{"objective": "gan"}, {"n_clusters": None}])
def test_without_a_code_there_is_one_training(given, blobs):
    starts = []

    class Watch(Callback):
        def on_train_begin(self, net, **kwargs):
            starts.append(net)

    extractor(n_init=3, callbacks=[Watch()], **given).fit(blobs[0])
    assert len(starts) == 1


def test_codes_are_merged_into_clusters_midway(blobs):
    model = clusterer(codes_per_cluster=3, max_epochs=6).fit(blobs[0])
    assert model.model_.net.code.categorical == (9,)
    assert sorted(set(model.model_.net.clusters.groups.tolist())) == [0, 1, 2]
    assert model.predict_proba(blobs[0]).shape == (len(blobs[0]), 3)
    assert [len(row["cluster_usage"]) for row in model.history_] == [9, 9, 9, 3, 3, 3]


@pytest.mark.parametrize(
    ("given", "codes", "near"),
    [
        ({}, 12, 10),
        ({"image_shape": (1, 8, 8)}, 12, 5),
        ({"image_shape": (1, 8, 8), **MLP}, 12, 10),
    ],
)
def test_what_auto_stands_for(given, codes, near, images, monkeypatch):
    asked = []
    found = neighbors.nearest_rows

    def nearest_rows(X, encoding, n_neighbors, *others):
        asked.append(n_neighbors)
        return found(X, encoding, n_neighbors, *others)

    monkeypatch.setattr("gan_cluster.training.schedule.nearest_rows", nearest_rows)
    model = clusterer(codes_per_cluster="auto", **given).fit(images)
    assert model.model_.net.code.categorical == (codes,)
    assert asked == [near]


@pytest.fixture(scope="module")
def resolved(images):
    """What parameters come to: of an estimator, on rows of images or of a table."""

    def get(model, X=images):
        rows = check_rows(model, X, reset=True)
        return resolve(model.get_params(deep=False), rows, "cpu")

    return get


@pytest.mark.parametrize(
    ("objective", "codes", "penalty", "rates", "n_runs"),
    [
        ("consistency", (40,), 0.1, (1e-3, 2e-3), 4),
        (Objective(), (40,), 0.1, (1e-3, 2e-3), 4),
        ("infogan", (10,), 0, (2e-4, 1e-3), 1),
        (Objective(consistency_weight=0), (10,), 0, (2e-4, 1e-3), 1),
        (Objective(**STEADY), (10,), 1, (1e-3, 1e-3), 1),
        (Objective(**STEADY, codes_per_cluster=4), (40,), 1, (1e-3, 1e-3), 1),
        ("gan", (), 1, (1e-3, 1e-3), 1),
    ],
)
def test_what_an_objective_comes_to(objective, codes, penalty, rates, n_runs, resolved):
    recipe = resolved(GANFeatureExtractor(10, objective=objective))
    assert recipe.code.categorical == codes
    assert recipe.objective.gradient_penalty == penalty
    assert recipe.learning_rates == rates
    assert recipe.length.n_runs == n_runs
    if codes:
        assert resolved(InfoGANClusterer(10, objective=objective)) == replace(
            recipe, parameters=mock.ANY, encoding=mock.ANY
        )


@pytest.mark.parametrize(
    ("given", "rates"),
    [("auto", (1e-3, 2e-3)), (5e-3, (5e-3, 5e-3)), ((1e-4, 2e-3), (1e-4, 2e-3)), ([1, 2], (1, 2))],
)
def test_learning_rates_are_one_or_two(given, rates, resolved, images):
    model = clusterer(learning_rate=given)
    assert resolved(model).learning_rates == rates
    seen = []

    class Watch(Callback):
        def on_train_begin(self, net, **kwargs):
            seen.append([group["lr"] for group in net.optimizer_.param_groups])

    model.set_params(callbacks=[Watch()], max_epochs=1).fit(images)
    own, game = rates
    assert seen == [pytest.approx([own, game, game])] * 2  # of both stages


def test_no_code_is_left_without_clusters_but_continuous_ones(resolved):
    recipe = resolved(GANFeatureExtractor(None, n_continuous=2))
    assert (recipe.n_clusters, recipe.code.categorical, recipe.code.n_continuous) == (0, (), 2)
    assert not recipe.objective.is_consistent
    bare = resolved(GANFeatureExtractor(10, n_continuous=2, objective="gan"))
    assert (bare.n_clusters, bare.code.latent_dim) == (0, bare.code.noise_dim)


def test_the_first_code_is_that_of_clusters_and_others_follow(resolved):
    recipe = resolved(GANFeatureExtractor(4, categorical_codes=(3, 2), objective="infogan"))
    assert (recipe.n_clusters, recipe.code.categorical) == (4, (4, 3, 2))


def test_a_recipe_has_no_auto_left_but_in_what_the_user_set(resolved):
    recipe = resolved(InfoGANClusterer(image_shape=(1, 8, 8)))
    assert "auto" not in recipe.objective.get_params().values()
    assert "auto" not in vars(recipe).values()
    assert recipe.parameters["learning_rate"] == "auto"


@pytest.mark.parametrize(
    ("model", "n_runs", "steps", "epochs", "more"),
    [
        (InfoGANClusterer(10), 4, 469, (2, 8, 8), 8),
        (InfoGANClusterer(10), 4, 10, (90, 90, 90), 90),
        (InfoGANClusterer(10, image_shape=(1, 8, 8)), 4, 100, (9, 8, 8), 8),
        (InfoGANClusterer(10, n_init=5, max_epochs=5), 5, 469, (2, 3, 8), 5),
        (InfoGANClusterer(10, objective="infogan"), 1, 469, (16, 0, 8), 16),
        (InfoGANClusterer(10, objective="infogan"), 1, 10, (180, 0, 90), 180),
        (InfoGANClusterer(10, objective="infogan", n_init=2, max_epochs=5), 2, 469, (5, 0, 8), 5),
        (GANFeatureExtractor(10), 4, 469, (2, 8, 8), 8),
        (GANFeatureExtractor(objective="gan"), 1, 469, (16, 0, 8), 16),
        (GANFeatureExtractor(objective="gan", n_init=4), 1, 469, (16, 0, 8), 16),
        (GANFeatureExtractor(None, n_continuous=1, n_init=4), 1, 469, (16, 0, 8), 16),
    ],
)
def test_how_long_is_trained_by_default(model, n_runs, steps, epochs, more, resolved):
    X = np.random.RandomState(0).normal(size=(steps * 128, 64))
    length = resolved(model, X).length
    trying = min(math.ceil(TRIAL_STEPS / steps), epochs[0])
    expected = Length(128, n_runs, 1, 0, epochs[0], trying, *epochs[1:], more)
    assert replace(length, n_neighbors=0) == expected


@pytest.mark.parametrize(
    ("settings", "n_runs", "n_heads"),
    [
        ({}, 1, 8),
        ({"n_init": 2}, 1, 2),
        ({"architecture": "mlp"}, 4, 1),
        ({"objective": "infogan"}, 1, 1),
        ({"max_epochs": 1}, 1, 1),
        ({"n_clusters": None}, 1, 1),
    ],
)
def test_a_few_images_train_heads_instead_of_runs(settings, n_runs, n_heads, resolved):
    X = np.random.RandomState(0).normal(size=(FEW_IMAGES, 64))
    model = InfoGANClusterer(**{"n_clusters": 3, "image_shape": (1, 8, 8), **settings})
    length = resolved(model, X).length
    assert (length.n_runs, length.n_heads) == (n_runs, n_heads)
    more = resolved(model, np.concatenate([X, X[:1]])).length
    assert more.n_heads == 1


def test_heads_form_clusters_for_as_long_as_a_run(resolved):
    X = np.random.RandomState(0).normal(size=(10 * 128, 64))
    length = resolved(InfoGANClusterer(10, image_shape=(1, 8, 8)), X).length
    assert length == Length(128, 1, 8, 0, 90, 90, 65, 65, 65, n_neighbors=5)


@pytest.mark.parametrize(
    ("settings", "n_rows", "share"),
    [
        ({}, 300, 300 / 384),
        ({}, 500, 1),
        ({"learning_rate": 1e-3}, 300, 1),
        ({"architecture": "mlp"}, 300, 1),
        ({"objective": "infogan"}, 300, 1),
        ({"n_clusters": None}, 300, 1),
    ],
)
def test_q_is_trained_more_slowly_on_a_few_images_when_clusters_have_formed(
    settings, n_rows, share, resolved
):
    X = np.random.RandomState(0).normal(size=(n_rows, 64))
    model = InfoGANClusterer(**{"n_clusters": 3, "image_shape": (1, 8, 8), **settings})
    recipe = resolved(model, X)
    assert recipe.length.refining == share
    _, forming, trying, drawing, going_on = stages_of(recipe)
    assert forming.share == 1
    assert {stage.share for stage in (trying, drawing, going_on) if stage} == {share}


@pytest.mark.parametrize(
    ("settings", "n_rows", "near"),
    [
        ({}, 60, 5),
        ({}, 59, 4),
        ({}, 12, 1),
        ({}, 11, 1),
        ({"objective": Objective(n_neighbors=7)}, 12, 7),
        ({"image_shape": None}, 12, 10),
        ({"n_clusters": "auto"}, 12, 5),
    ],
)
def test_near_rows_are_at_most_a_quarter_of_a_cluster_of_images(settings, n_rows, near, resolved):
    X = np.random.RandomState(0).normal(size=(n_rows, 64))
    model = InfoGANClusterer(**{"n_clusters": 3, "image_shape": (1, 8, 8), **settings})
    assert resolved(model, X).length.n_neighbors == near


def test_a_share_is_of_the_rate_of_q_alone(images):
    net = clusterer(image_shape=(1, 8, 8)).fit(images).model_.net
    net.reset_rates(0.5)
    rates = dict(zip(net.players_, (g["lr"] for g in net.optimizer_.param_groups), strict=True))
    assert rates["discriminator_"] == net.learning_rates[0] / 2
    assert rates["generator_"] == net.learning_rates[1]


@pytest.mark.parametrize(
    ("settings", "temperature", "augment"),
    [
        ({"image_shape": (3, 8, 8)}, 0.5, "photo"),
        ({"image_shape": (1, 16, 12)}, 0.0, "image"),
        ({"image_shape": (3, 8, 8), "architecture": "mlp"}, 0.0, "none"),
        ({"image_shape": (3, 8, 8), "objective": "infogan"}, 0.0, "photo"),
        ({"image_shape": (3, 8, 8), "objective": Objective(augment="image")}, 0.5, "image"),
        ({"objective": Objective(contrast_temperature=2, augment=torch.clone)}, 2, torch.clone),
        ({}, 0.0, "none"),
    ],
)
def test_photographs_are_looked_at_first(settings, temperature, augment, resolved):
    recipe = resolved(InfoGANClusterer(4, **settings), np.random.RandomState(0).rand(30, 192))
    assert recipe.objective.contrast_temperature == temperature
    assert recipe.looks == bool(temperature)
    assert bool(recipe.length.looking) == bool(temperature)
    assert recipe.objective.augment == augment


def test_a_look_at_rows_is_part_of_max_epochs_and_leaves_one_run_of_heads(resolved):
    X = np.random.RandomState(0).rand(1280, 192)
    settings = {"image_shape": (3, 8, 8)}
    lengths = [
        resolved(InfoGANClusterer(4, max_epochs=n, **settings), X).length
        for n in (1, 2, 9, 400, "auto")
    ]
    spans = [(length.looking, length.forming, length.drawing) for length in lengths]
    assert spans[:3] == [(0, 0, 1), (1, 0, 1), (4, 2, 3)]
    assert spans[3][0] == 200
    assert spans[4][0] == LOOKING_EPOCHS
    assert [length.n_heads for length in lengths] == [1, 1, 8, 8, 8]
    lengths += [resolved(InfoGANClusterer(4, n_init=n, **settings), X).length for n in (1, 3)]
    assert [length.n_heads for length in lengths[5:]] == [1, 3]
    assert all(length.n_runs == 1 for length in lengths)


def test_batches_are_no_larger_than_x(resolved, images):
    assert resolved(InfoGANClusterer(batch_size=500)).length.batch_size == len(images)


def test_finer_codes_of_the_game_alone_are_merged_at_its_end(blobs):
    model = clusterer(**STEADY, codes_per_cluster=2).fit(blobs[0])
    assert model.model_.net.code.categorical == (6,)
    assert set(model.model_.net.clusters.groups.tolist()) == {0, 1, 2}
    assert model.predict_proba(blobs[0]).shape == (120, 3)
    for row in model.history_:
        assert row["code_entropy"] == pytest.approx(np.log(6))


@pytest.mark.parametrize("objective", [{}, STEADY])
def test_instance_noise_is_on_rows_of_the_game_alone(objective, monkeypatch, images):
    rows, seen = [], []
    step = training.AdversarialNet.train_step
    game = training.AdversarialNet.generator_step

    def train_step(net, batch, **kwargs):
        rows.append(batch[0])
        return step(net, batch, **kwargs)

    def generator_step(net, shown, drawn, *rest):
        seen.append(((shown - rows[-1]).std().item(), drawn.abs().max()))
        return game(net, shown, drawn, *rest)

    monkeypatch.setattr(training.AdversarialNet, "train_step", train_step)
    monkeypatch.setattr(training.AdversarialNet, "generator_step", generator_step)
    clusterer(image_shape=(1, 8, 8), n_neighbors=0, instance_noise=0.5, **objective).fit(images)
    assert seen
    assert len(seen) <= len(rows)
    for deviation, largest in seen:
        assert deviation == pytest.approx(0.5, rel=0.1)
        assert largest > 1  # a generator's own are within [-1, 1]


def test_mixed_precision_is_near_single_precision(images):
    settings = {"image_shape": (1, 8, 8), "max_epochs": 1, "width": 4}
    plain = extractor(**settings).fit(images).transform(images)
    mixed = extractor(precision="bf16", **settings).fit(images)
    found = mixed.transform(images)
    assert found.dtype == np.float32
    assert not np.array_equal(found, plain)
    assert (found * plain).sum(1).mean() > 0.9  # cosines: rows are of length 1
    assert all(weights.dtype.itemsize == 4 for weights in mixed.discriminator_.parameters())


def test_codes_that_no_term_teaches_are_left_out(blobs):
    codes = {"n_continuous": 2, "categorical_codes": (4,)}
    untaught = extractor(consistency_weight=0, info_weight=0, **codes).fit(blobs[0])
    assert untaught.code_names_ == ["continuous0", "continuous1"]
    assert not hasattr(untaught, "score")
    assert clusterer(info_weight=0, continuous_weight=0, **codes).fit(blobs[0]).code_names_ == [
        "cluster"
    ]


def test_a_prior_without_clusters_is_refused(blobs, no_training):
    with pytest.raises(ValueError, match="prior gives the sizes of clusters, and there are none"):
        extractor(objective="gan", prior=[0.2, 0.3, 0.5]).fit(blobs[0])


@pytest.mark.parametrize(
    "settings",
    [
        {"n_clusters": 100, "codes_per_cluster": 4},
        {"noise_dim": 200},
        {"width": 20},
        {"batch_size": 100},
        {"n_continuous": 100, "depth": 2, "n_init": 2, "max_epochs": 4, "n_iter_no_change": 1},
        {"n_neighbors": 255},
        {"categorical_codes": (200, 200)},
    ],
)
def test_small_integers_of_numpys_do_not_overflow(settings):
    X = np.random.RandomState(0).normal(size=(500, 4))
    small = {name: np.asarray(value, np.uint8)[()] for name, value in settings.items()}
    models = [clusterer(**given).fit(X) for given in (settings, small)]
    np.testing.assert_array_equal(*(model.transform(X) for model in models))
    assert models[0].model_.net.code == models[1].model_.net.code


def test_codes_for_each_cluster_are_tried_in_turn(resolved):
    recipe = resolved(InfoGANClusterer(10))
    assert recipe.codes_in_turn == (4, 2)
    sizes = [recipe.of_run(number).code.categorical for number in range(4)]
    assert sizes == [(40,), (20,), (40,), (20,)]
    assert recipe.with_codes(40) == recipe
    for n_codes in (10, 30, 0):
        with pytest.raises(ValueError, match=f"{n_codes} codes are not those of 10 clusters"):
            recipe.with_codes(n_codes)
    given = resolved(InfoGANClusterer(10, objective=Objective(codes_per_cluster=3)))
    assert {given.of_run(number).code.categorical for number in range(3)} == {(30,)}
    bare = resolved(GANFeatureExtractor(objective="gan"))
    assert bare.of_run(0) == bare.with_codes(0) == bare


def test_a_model_is_of_the_codes_of_its_run(blobs):
    model = clusterer(codes_per_cluster="auto", n_init=2).fit(blobs[0]).model_
    assert model.net.code == model.recipe.code
    assert model.recipe.code.categorical[0] in (12, 6)


@pytest.mark.parametrize(("n_clusters", "epochs"), [(12, 90), (25, 180), (50, 360)])
def test_many_codes_have_more_time_to_form(n_clusters, epochs, resolved):
    X = np.random.RandomState(0).normal(size=(1280, 3))
    assert resolved(InfoGANClusterer(n_clusters), X).length.forming == epochs


@pytest.mark.parametrize(
    ("model", "prior", "tried"),
    [
        (InfoGANClusterer(3), "learned", True),
        (InfoGANClusterer(3, prior="learned"), "learned", False),
        (InfoGANClusterer(3, prior="uniform"), "uniform", False),
        (InfoGANClusterer(1), "learned", False),
        (InfoGANClusterer(3, objective="infogan"), "uniform", False),
        (InfoGANClusterer(3, image_shape=(1, 8, 8)), "learned", False),
        (InfoGANClusterer(3, image_shape=(1, 8, 8), architecture="mlp"), "learned", True),
    ],
)
def test_mixtures_are_tried_on_tables_whose_sizes_are_not_known(model, prior, tried, resolved):
    recipe = resolved(model)
    assert (recipe.prior, recipe.mixtures) == (prior, tried)


def test_photographs_are_trained_further_for_max_epochs(resolved):
    X = np.random.RandomState(0).randint(0, 256, (60, 3, 8, 8)).astype(np.uint8)
    length = resolved(InfoGANClusterer(3, max_epochs=8), X).length
    assert (length.looking, length.forming, length.drawing, length.more) == (4, 2, 2, 8)
