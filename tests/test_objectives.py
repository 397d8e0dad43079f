"""The objective by name and by weights; losses against closed forms, NumPy and their gradients."""

import numpy as np
import pytest
import torch
from scipy.stats import entropy
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from small import SMALL, STEADY, clusterer, extractor

from gan_cluster import Objective
from gan_cluster.objectives import (
    ADVERSARIAL_LOSSES,
    OBJECTIVES,
    agreement,
    contrast,
    discriminator_loss,
    generator_loss,
    gradient_penalty,
    imbalance,
)


@pytest.fixture
def rng():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def real(rng):
    return torch.randn(64, generator=rng) + 1


@pytest.fixture
def fake(rng):
    return torch.randn(64, generator=rng) - 1


def _log_sigmoid(x):
    return -np.log1p(np.exp(-x))


DISCRIMINATOR = {
    "non-saturating": lambda r, f: -(_log_sigmoid(r) + np.log(1 - 1 / (1 + np.exp(-f)))).mean(),
    "hinge": lambda r, f: (np.maximum(0, 1 - r) + np.maximum(0, 1 + f)).mean(),
    "relativistic": lambda r, f: -_log_sigmoid(r - f).mean(),
}
GENERATOR = {
    "non-saturating": lambda r, f: -_log_sigmoid(f).mean(),
    "hinge": lambda r, f: -f.mean(),
    "relativistic": lambda r, f: -_log_sigmoid(f - r).mean(),
}


def test_contrast_is_its_formula_row_by_row(rng):
    first, second = torch.randn(2, 5, 3, generator=rng, dtype=torch.float64)
    views = [row / np.linalg.norm(row) for row in (*first.numpy(), *second.numpy())]
    expected = []
    for i, view in enumerate(views):
        likeness = np.array([np.exp(view @ other / 0.3) for other in views])
        expected.append(-np.log(likeness[(i + 5) % 10] / np.delete(likeness, i).sum()))
    assert float(contrast(first, second, 0.3)) == pytest.approx(np.mean(expected))


@pytest.mark.parametrize("kind", ADVERSARIAL_LOSSES)
def test_adversarial_losses_are_their_formulas(kind, real, fake):
    r, f = real.double().numpy(), fake.double().numpy()
    found = float(discriminator_loss(real, fake, kind))
    assert found == pytest.approx(DISCRIMINATOR[kind](r, f), rel=1e-5)
    found = float(generator_loss(fake, real, kind))
    assert found == pytest.approx(GENERATOR[kind](r, f), rel=1e-5)


@pytest.mark.parametrize("kind", ADVERSARIAL_LOSSES)
def test_the_two_players_pull_apart(kind, real, fake):
    real, fake = real.clamp(-0.9, 0.9).requires_grad_(), fake.clamp(-0.9, 0.9).requires_grad_()
    discriminator_loss(real, fake, kind).backward()
    assert (real.grad < 0).all()
    assert (fake.grad > 0).all()
    fake.grad = None
    generator_loss(fake, real.detach(), kind).backward()
    assert (fake.grad < 0).all()


@pytest.mark.parametrize("kind", ADVERSARIAL_LOSSES)
def test_adversarial_losses_stay_finite_for_a_sure_discriminator(kind):
    sure = torch.full((4,), 1e4, requires_grad=True)
    loss = discriminator_loss(sure, -sure, kind) + generator_loss(-sure, sure, kind)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(sure.grad).all()


def test_gradient_penalty_of_a_quadratic_is_known(rng):
    rows = torch.randn(10, 2, 3, generator=rng).requires_grad_()
    weights = torch.tensor(2.0, requires_grad=True)
    penalty = gradient_penalty(weights * rows.square().sum((1, 2)), rows)
    expected = 0.5 * (2 * 2 * rows).square().sum((1, 2)).mean()
    torch.testing.assert_close(penalty, expected)
    penalty.backward()
    torch.testing.assert_close(weights.grad, 2 * expected / 2)


def test_agreement_is_entropy_plus_divergence_both_ways(rng):
    logits, twins = torch.randn(2, 32, 5, generator=rng, dtype=torch.float64)
    p, q = logits.softmax(1).numpy(), twins.softmax(1).numpy()
    expected = 0.5 * (entropy(p, axis=1) + entropy(p, q, axis=1))
    expected += 0.5 * (entropy(q, axis=1) + entropy(q, p, axis=1))
    assert float(agreement(logits, twins)) == pytest.approx(expected.mean())
    assert float(agreement(twins, logits)) == pytest.approx(expected.mean())


def test_agreement_sends_gradients_to_both_sides(rng):
    logits, twins = (torch.randn(8, 3, generator=rng).requires_grad_() for _ in range(2))
    agreement(logits, twins).backward()
    assert logits.grad.abs().sum() > 0
    assert twins.grad.abs().sum() > 0


def test_imbalance_is_the_kl_divergence(rng):
    marginal, prior = torch.rand(2, 6, generator=rng, dtype=torch.float64)
    marginal, prior = marginal / marginal.sum(), prior / prior.sum()
    expected = entropy(marginal.numpy(), prior.numpy())
    assert float(imbalance(marginal, prior)) == pytest.approx(expected)


def test_imbalance_of_an_empty_cluster_has_a_finite_value_and_gradient():
    marginal = torch.tensor([1.0, 0.0], requires_grad=True)
    value = imbalance(marginal, torch.tensor([0.5, 0.5]))
    value.backward()
    assert float(value.detach()) == pytest.approx(np.log(2))
    assert torch.isfinite(marginal.grad).all()


both = pytest.mark.parametrize("make", [clusterer, extractor])


def test_the_names_stand_for_what_the_documentation_says():
    game = {"consistency_weight": 0}
    assert {
        "consistency": Objective(),
        "infogan": Objective(**game),
        "gan": Objective(**game, info_weight=0, continuous_weight=0, gradient_penalty=1),
    } == OBJECTIVES
    terms = {
        name: (objective.is_consistent, objective.reads_clusters)
        for name, objective in OBJECTIVES.items()
    }
    assert terms == {
        "consistency": (True, True),
        "infogan": (False, True),
        "gan": (False, False),
    }


@both
@pytest.mark.parametrize("name", ["consistency", "infogan"])
def test_a_name_trains_as_the_objective_that_it_stands_for(make, name, blobs):
    named, spelled = (make(objective=given).fit(blobs[0]) for given in (name, OBJECTIVES[name]))
    assert named.get_params()["objective"] == name
    np.testing.assert_array_equal(named.transform(blobs[0]), spelled.transform(blobs[0]))


def test_weights_are_read_and_set_by_name():
    objective = Objective(balance_weight=2.0)
    assert objective.get_params()["balance_weight"] == 2
    assert objective.set_params(n_neighbors=3, info_weight=0.5) is objective
    assert objective == Objective(balance_weight=2.0, n_neighbors=3, info_weight=0.5)
    with pytest.raises(ValueError, match="Objective has no parameter 'weight', only consistency_"):
        objective.set_params(weight=1.0)


@both
def test_weights_are_parameters_of_the_estimator(make):
    model = make(objective=Objective(balance_weight=2.0))
    assert model.get_params()["objective__balance_weight"] == 2
    assert "objective__balance_weight" not in model.get_params(deep=False)
    model.set_params(objective__balance_weight=3.0, width=3)
    assert (model.objective.balance_weight, model.width) == (3, 3)
    model.set_params(objective=Objective(info_weight=0.5), objective__n_neighbors=2)
    assert model.objective == Objective(info_weight=0.5, n_neighbors=2)
    with pytest.raises(ValueError, match="Objective has no parameter 'balance'"):
        model.set_params(objective__balance=1.0)


@both
def test_a_name_has_no_weights_to_set(make):
    model = make(objective="infogan")
    assert not [name for name in model.get_params() if name.startswith("objective__")]
    for given in ({}, {"objective": "consistency"}):
        name = given.get("objective", "infogan")
        message = (
            f"objective__info_weight is part of an Objective, and objective='{name}' is only a name"
        )
        with pytest.raises(ValueError, match=message):
            model.set_params(objective__info_weight=2.0, **given)
    assert model.objective == "infogan"
    assert model.set_params(objective=Objective(), objective__info_weight=2.0).objective == (
        Objective(info_weight=2.0)
    )


@both
def test_a_clone_has_an_objective_of_its_own(make):
    model = make(objective=Objective(augment=torch.flip, balance_weight=2.0))
    copy = clone(model)
    assert copy.objective == model.objective
    copy.set_params(objective__balance_weight=7.0)
    assert model.objective.balance_weight == 2


@both
def test_a_fit_leaves_the_objective_as_it_was_given(make, blobs):
    objective = Objective()
    model = make(objective=objective).fit(blobs[0])
    assert model.objective is objective
    assert objective == Objective()
    assert model.model_.net.objective.n_neighbors == 10


@both
def test_weights_are_searched(make, blobs):
    grid = {"objective__balance_weight": [0.5, 5.0], "objective__n_neighbors": [1, 10]}
    search = GridSearchCV(make(), grid, cv=2, error_score="raise").fit(blobs[0])
    scores = search.cv_results_["mean_test_score"]
    assert len(set(scores)) == 4
    best = search.best_estimator_.objective
    assert search.best_params_["objective__balance_weight"] == best.balance_weight
    assert search.best_params_["objective__n_neighbors"] == best.n_neighbors


@both
def test_objectives_are_searched(make, blobs):
    grid = {
        "objective": ["consistency", "infogan", Objective(consistency_weight=0, gradient_penalty=1)]
    }
    search = GridSearchCV(make(max_epochs=8), grid, cv=2, error_score="raise").fit(blobs[0])
    assert len(set(search.cv_results_["mean_test_score"])) == 3
    assert search.best_params_["objective"] in grid["objective"]


@both
@pytest.mark.parametrize("changed", [{"n_neighbors": 3}, {"augment": torch.clone}])
def test_an_objective_that_was_changed_in_place_is_noticed(make, changed, blobs):
    model = make(objective=Objective()).fit(blobs[0])
    ((name, value),) = changed.items()
    model.set_params(**{f"objective__{name}": value})
    for go_on in (model.partial_fit, model.set_params(warm_start=True).fit):
        with pytest.raises(ValueError, match=r"objective changed from Objective\(.*to start anew"):
            go_on(blobs[0])
    model.set_params(**{f"objective__{name}": "auto"})
    assert model.partial_fit(blobs[0]).n_iter_ == SMALL["max_epochs"] + 1


def test_a_name_and_the_objective_that_it_stands_for_are_not_the_same_parameter(blobs):
    model = clusterer(objective="consistency").fit(blobs[0])
    with pytest.raises(ValueError, match="objective changed from 'consistency' to Objective"):
        model.set_params(objective=Objective()).partial_fit(blobs[0])


def test_gradient_penalty_flattens_the_discriminator(blobs):
    def slope(weight):
        given = {"consistency_weight": 0, "gradient_penalty": weight}
        model = clusterer(**given, max_epochs=20, learning_rate=(5e-3, 1e-3))
        model.fit(blobs[0])
        rows = model.model_.encoding.encode(blobs[0]).requires_grad_()
        logits = model.discriminator_(rows).adversarial
        return float(torch.autograd.grad(logits.sum(), rows)[0].norm(dim=1).mean())

    assert slope(100.0) < 0.5 * slope(0.0)


def test_info_weight_makes_q_read_the_code(blobs):
    def last_row(weight):
        settings = {"max_epochs": 30, "width": 4, "learning_rate": 5e-3}
        return extractor(info_weight=weight, **STEADY, **settings).fit(blobs[0]).history_[-1]

    assert last_row(1.0)["mutual_information"] > 0.5
    assert "mutual_information" not in last_row(0.0)


def test_balance_weight_pulls_the_shares_together(blobs):
    X = np.concatenate([blobs[0][:20], np.random.RandomState(0).normal(50, 1, (200, 4))])

    def imbalance(weight):
        model = clusterer(balance_weight=weight, info_weight=0, max_epochs=30, n_neighbors=0)
        usage = np.array(model.fit(X).history_[-1]["cluster_usage"])
        return float((usage * np.log(usage * 3 + 1e-12)).sum())

    assert imbalance(10.0) < 0.1 < imbalance(0.0)
