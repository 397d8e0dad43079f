"""Disentanglement scores on representations of which the right answer is known."""

import numpy as np
import pytest
from scipy.linalg import hadamard
from scipy.stats import ortho_group

from gan_cluster.datasets import make_sprites
from gan_cluster.metrics import (
    beta_vae_score,
    code_probe,
    dci,
    factor_vae_score,
    mutual_information_gap,
    separated_attribute_predictability,
)

SCORES = {
    "MIG": mutual_information_gap,
    "SAP": separated_attribute_predictability,
    "DCI": lambda c, f: _both(dci(c, f, random_state=0)),
    "FactorVAE": lambda c, f: factor_vae_score(c, f, random_state=0),
    "beta-VAE": lambda c, f: beta_vae_score(c, f, random_state=0),
}


def _both(scores):
    return np.array([scores["disentanglement"], scores["completeness"]])


CHANCE = {"FactorVAE": 0.25, "beta-VAE": 0.25}


@pytest.fixture(scope="module")
def factors():
    return np.indices((4, 5, 5, 6)).reshape(4, -1).T


@pytest.mark.parametrize("name", SCORES)
def test_factors_themselves_score_one(name, factors):
    codes = (factors - factors.mean(0)) * [1, -2, 0.5, 3] + 7
    noisy = codes + np.random.RandomState(0).normal(0, 0.01, codes.shape)
    order = [2, 0, 3, 1]
    assert np.all(SCORES[name](noisy[:, order], factors) > 0.98)


@pytest.mark.parametrize("name", SCORES)
def test_coordinates_that_say_nothing_do_no_harm(name, factors):
    rest = np.random.RandomState(0).normal(0, 1e-3, (len(factors), 3))
    assert np.all(SCORES[name](np.hstack([factors, rest]), factors) > 0.95)


@pytest.mark.parametrize("name", SCORES)
def test_a_rotation_scores_low(name, factors):
    scaled = (factors - factors.mean(0)) / factors.std(0)
    rotated = scaled @ hadamard(4) / 2  # every coordinate has a part of every factor
    assert np.all(SCORES[name](rotated, factors) < CHANCE.get(name, 0) + 0.4)


@pytest.mark.parametrize("name", ["MIG", "SAP", "DCI"])
@pytest.mark.parametrize("seed", range(3))
def test_any_rotation_scores_low_where_amounts_count(name, seed, factors):
    scaled = (factors - factors.mean(0)) / factors.std(0)
    turn = ortho_group(4, seed=seed).rvs()
    assert np.all(SCORES[name](scaled @ turn, factors) < 0.6)


@pytest.mark.parametrize("name", ["DCI", "FactorVAE", "beta-VAE"])
def test_noise_on_each_coordinate_is_no_entanglement(name, factors):
    scaled = (factors - factors.mean(0)) / factors.std(0)
    noisy = scaled + np.random.RandomState(0).normal(0, 0.5, scaled.shape)
    assert np.all(SCORES[name](noisy, factors) > 0.65)


@pytest.mark.parametrize("name", SCORES)
def test_noise_scores_near_chance(name, factors):
    noise = np.random.RandomState(0).normal(size=(len(factors), 4))
    assert np.all(SCORES[name](noise, factors) < CHANCE.get(name, 0) + 0.12)


def test_noise_scores_near_chance_also_where_rows_are_few():
    _, factors = make_sprites(200, image_size=8, random_state=0)
    noise = np.random.RandomState(0).normal(size=(200, 10))
    assert beta_vae_score(noise, factors, random_state=0) < 0.35  # of five factors


def test_factors_of_many_values_are_perfect_codes_of_themselves():
    _, factors = make_sprites(5000, random_state=0)
    assert mutual_information_gap(factors, factors) > 0.96


def test_two_coordinates_for_one_factor_are_not_complete(factors):
    twice = np.hstack([factors, factors])
    assert mutual_information_gap(twice, factors) < 0.01
    assert separated_attribute_predictability(twice, factors) < 0.01
    scores = dci(twice, factors, random_state=0)
    assert scores["disentanglement"] > 0.95
    assert scores["completeness"] < 0.8


def test_one_coordinate_for_two_factors_is_not_disentangled(factors):
    joined = np.column_stack([factors[:, 0] + 4 * factors[:, 1], factors[:, 2:]])
    assert dci(joined, factors, random_state=0)["disentanglement"] < 0.85
    assert factor_vae_score(joined, factors, random_state=0) < 0.85


def test_informativeness_is_accuracy_on_held_out_rows(factors):
    noise = np.random.RandomState(0).normal(size=(len(factors), 2))
    assert dci(noise, factors, random_state=0)["informativeness"] < 0.35
    assert dci(factors, factors, random_state=0)["informativeness"] == 1


@pytest.mark.parametrize("name", SCORES)
def test_a_representation_that_never_varies_scores_nothing(name, factors):
    still = np.zeros((len(factors), 3))
    assert np.all(SCORES[name](still, factors) <= CHANCE.get(name, 0) + 0.1)


@pytest.mark.parametrize("name", SCORES)
def test_bad_input_is_named(name, factors):
    score = SCORES[name]
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        score(factors[:-1], factors)
    with pytest.raises(ValueError, match="codes contains NaN"):
        score(np.where(factors == 1, np.nan, factors), factors)
    with pytest.raises(ValueError, match=r"factors\[:, 1\] has one value only"):
        score(factors, factors * [1, 0, 1, 1])


@pytest.mark.parametrize("name", SCORES)
def test_a_continuous_factor_is_to_be_cut_into_bins(name, factors):
    drawn = np.random.RandomState(0).rand(len(factors), 1)
    with pytest.raises(ValueError, match=r"factors\[:, 4\] has 600 values in 600 rows, "):
        SCORES[name](factors, np.hstack([factors, drawn]))


def test_one_coordinate_that_never_varies_is_not_complete(factors):
    assert dci(np.ones((len(factors), 1)), factors, random_state=0)["completeness"] == 0


def test_fresh_entropy_is_not_numpys_global_state(factors):
    state = np.random.get_state()[1].tobytes()  # noqa: NPY002
    for score in (dci, factor_vae_score, beta_vae_score):
        score(factors, factors)
    code_probe(factors, factors, factors[:, 0])
    make_sprites(2, image_size=8)
    assert np.random.get_state()[1].tobytes() == state  # noqa: NPY002


def test_seeds_repeat(factors):
    noise = np.random.RandomState(1).normal(size=(len(factors), 4))
    for score in (dci, factor_vae_score, beta_vae_score):
        assert score(noise, factors, random_state=3) == score(noise, factors, random_state=3)


def test_the_probe_tells_codes_from_noise():
    rng = np.random.RandomState(0)
    y = rng.choice(["a", "b", "c"], 600)
    codes = np.eye(3)[np.searchsorted(["a", "b", "c"], y)]
    scores = code_probe(codes, rng.normal(size=(600, 5)), y, random_state=0)
    assert scores["codes"] == 1
    assert abs(scores["noise"] - scores["guess"]) < 0.15
    assert code_probe(rng.normal(size=(600, 5)), codes, y, random_state=0)["noise"] == 1


def test_the_order_of_rows_does_not_matter():
    factors = np.indices((3, 4, 30)).reshape(3, -1).T[:, :2]
    mixed = factors[:, [0]] * 10 + factors[:, [1]]
    order = np.random.RandomState(0).permutation(len(factors))
    sap = separated_attribute_predictability
    assert sap(mixed, factors[:, 1:]) == pytest.approx(
        sap(mixed[order], factors[order, 1:]), abs=0.1
    )
    assert sap(mixed, factors[:, 1:]) > 0.5


def test_many_rows_are_all_counted_and_draw_nothing():
    factors = np.indices((4, 50_001)).reshape(2, -1).T
    codes = factors + np.random.RandomState(0).normal(size=factors.shape)
    state = np.random.get_state()[1].tobytes()  # noqa: NPY002
    first, again = (mutual_information_gap(codes[:, :1], factors[:, :1]) for _ in "ab")
    assert first == again
    assert np.random.get_state()[1].tobytes() == state  # noqa: NPY002


@pytest.mark.parametrize("score", [factor_vae_score, beta_vae_score])
def test_votes_and_a_single_factor(score, factors):
    with pytest.raises(ValueError, match="n_votes == 19, must be >= 20"):
        score(factors, factors, n_votes=19)
    assert score(factors, factors[:, :1], random_state=0) == 1


def test_values_in_too_few_rows_are_named(factors):
    rare = factors.copy()
    rare[:2, 1] = 99
    with pytest.raises(ValueError, match=r"factors\[:, 1\] has a value in 2 rows only"):
        separated_attribute_predictability(factors, rare)


def test_the_probe_splits_alike_and_names_what_is_wrong():
    rng = np.random.RandomState(0)
    y, values = rng.randint(3, size=90), rng.normal(size=(90, 4))
    scores = code_probe(values, values, y, random_state=np.random.RandomState(0))
    assert scores["codes"] == scores["noise"]
    with pytest.raises(ValueError, match="noise contains NaN"):
        code_probe(values, values * np.nan, y)
    with pytest.raises(ValueError, match="y has one class only"):
        code_probe(values, values, y * 0)
    with pytest.raises(ValueError, match="y should be a 1d array"):
        code_probe(values, values, np.stack([y, y], axis=1))


def test_rows_that_repeat_change_no_gap():
    rng = np.random.RandomState(0)
    factors = rng.randint([3, 4], size=(600, 2))
    codes = factors + rng.normal(scale=0.05, size=factors.shape)
    once = mutual_information_gap(codes, factors)
    assert once > 0.95
    for times in (2, 5):
        rows = np.repeat(np.arange(600), times)
        assert mutual_information_gap(codes[rows], factors[rows]) == pytest.approx(once)


@pytest.mark.parametrize("n_bins", [0, 1, -5, 2.5, "all"])
def test_bins_are_two_or_more(n_bins, factors):
    with pytest.raises((TypeError, ValueError), match="n_bins"):
        mutual_information_gap(factors, factors, n_bins=n_bins)


def test_rows_too_few_to_be_paired_are_named():
    factors = np.column_stack([np.arange(4) // 2, np.arange(4) % 2])
    with pytest.raises(ValueError, match=r"has no value twice in one half of 4 rows"):
        beta_vae_score(factors, factors, random_state=0)


@pytest.mark.parametrize(("classes", "message"), [([0, np.nan], "NaN"), ([0.5, 1.5], "continuous")])
def test_the_probe_wants_classes(classes, message):
    with pytest.raises(ValueError, match=message):
        code_probe(np.zeros((20, 1)), np.zeros((20, 1)), classes * 10, random_state=0)
