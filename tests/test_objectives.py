"""Losses against closed forms, an independent computation in NumPy, and their gradients."""

import numpy as np
import pytest
import torch
from scipy.stats import entropy

from gan_cluster.objectives import (
    ADVERSARIAL_LOSSES,
    agreement,
    contrastive_loss,
    discriminator_loss,
    generator_loss,
    gradient_penalty,
    imbalance,
    virtual_adversarial_twin,
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


def test_contrastive_loss_is_the_mean_surprise_in_nats(rng):
    logits = torch.tensor([[np.log(3.0), 0.0], [0.0, 0.0]])  # 3/4 and 1/2 for the first
    found = contrastive_loss(logits, torch.tensor([0, 1]))
    assert float(found) == pytest.approx((np.log(4 / 3) + np.log(2)) / 2)
    found = contrastive_loss(logits, torch.tensor([1, 1]))
    assert float(found) == pytest.approx((np.log(4) + np.log(2)) / 2)


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


@pytest.mark.parametrize("shape", [(6, 5), (6, 1, 8, 8)])
def test_virtual_adversarial_twin_moves_each_row_by_the_radius(shape, rng):
    head = torch.nn.Linear(int(np.prod(shape[1:])), 3)
    rows = torch.randn(shape, generator=rng)

    def predict(rows):
        return head(rows.flatten(1))

    twin = virtual_adversarial_twin(predict, rows, predict(rows), 0.7, rng)
    assert twin.shape == rows.shape
    assert not twin.requires_grad
    moved = (twin - rows).flatten(1).norm(dim=1)
    torch.testing.assert_close(moved, torch.full((6,), 0.7))
    assert head.weight.grad is None


def test_virtual_adversarial_twin_finds_the_direction_that_matters(rng):
    def predict(rows):
        return torch.stack([5 * rows[:, 0], torch.zeros(len(rows))], dim=1)

    rows = torch.randn(20, 10, generator=rng)
    moved = virtual_adversarial_twin(predict, rows, predict(rows), 1.0, rng) - rows
    torch.testing.assert_close(moved[:, 0].abs(), torch.ones(20))
