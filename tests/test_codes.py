"""The latent code against torch's own distributions and numbers that are known."""

import math

import pytest
import torch
from torch.distributions import Categorical, Normal

from gan_cluster.codes import LatentCode, Posterior


@pytest.fixture
def rng():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def code():
    return LatentCode(noise_dim=5, categorical=(3, 4), n_continuous=2, learned_variance=True)


def test_sample_follows_the_prior(code, rng):
    latent = code.sample(20_000, rng)
    assert latent.noise.shape == (20_000, 5)
    assert latent.noise.mean().abs() < 0.02
    assert abs(latent.noise.std() - 1) < 0.02
    for column, size in zip(latent.categories.T, code.categorical, strict=True):
        shares = torch.bincount(column, minlength=size) / len(column)
        torch.testing.assert_close(shares, torch.full((size,), 1 / size), atol=0.02, rtol=0)
    assert latent.continuous.min() >= -1
    assert latent.continuous.max() <= 1
    assert abs(latent.continuous.var() - 1 / 3) < 0.01


def test_assemble_is_noise_then_one_hot_then_continuous(code, rng):
    latent = code.sample(7, rng)
    z = code.assemble(latent)
    assert z.shape == (7, code.latent_dim) == (7, 5 + 3 + 4 + 2)
    noise, first, second, continuous = z.split([5, 3, 4, 2], dim=1)
    torch.testing.assert_close(noise, latent.noise)
    torch.testing.assert_close(continuous, latent.continuous)
    for hot, column in zip((first, second), latent.categories.T, strict=True):
        assert (hot.sum(1) == 1).all()
        assert (hot.argmax(1) == column).all()


def test_posterior_splits_the_output_and_fixes_the_variance_where_it_is_not_learned(code):
    output = torch.arange(2 * 11.0).view(2, 11)
    learned = code.posterior(output)
    assert [logits[0].tolist() for logits in learned.logits] == [[0, 1, 2], [3, 4, 5, 6]]
    assert learned.mean[0].tolist() == [7, 8]
    assert learned.log_variance[0].tolist() == [9, 10]
    fixed = LatentCode(5, (3, 4), 2).posterior(output[:, :9])
    assert fixed.log_variance.tolist() == [[0, 0], [0, 0]]


def test_log_likelihood_is_that_of_torch_distributions(code, rng):
    latent = code.sample(50, rng)
    posterior = code.posterior(torch.randn(50, code.posterior_dim, generator=rng))
    categorical, continuous = code.log_likelihood(posterior, latent)
    expected = [
        Categorical(logits=logits).log_prob(column).mean()
        for logits, column in zip(posterior.logits, latent.categories.T, strict=True)
    ]
    torch.testing.assert_close(categorical, torch.stack(expected))
    normal = Normal(posterior.mean, (posterior.log_variance / 2).exp())
    torch.testing.assert_close(continuous, normal.log_prob(latent.continuous).sum(1).mean())


def test_bound_reaches_the_entropy_when_q_is_right_and_never_passes_it(code, rng):
    latent = code.sample(500, rng)
    logits = tuple(
        100.0 * torch.nn.functional.one_hot(column, size)
        for column, size in zip(latent.categories.T, code.categorical, strict=True)
    )
    flat = torch.zeros(500, 2)
    ceiling = code.entropy()[0]
    assert ceiling == pytest.approx(math.log(3 * 4))
    right, _ = code.log_likelihood(Posterior(logits, flat, flat), latent)
    assert ceiling + float(right.sum()) == pytest.approx(ceiling)
    blurred, _ = code.log_likelihood(Posterior(tuple(0.01 * x for x in logits), flat, flat), latent)
    assert 0 < ceiling + float(blurred.sum()) < ceiling


def test_uninformed_q_gives_no_information(code, rng):
    latent = code.sample(500, rng)
    output = torch.zeros(500, code.posterior_dim)
    categorical, _ = code.log_likelihood(code.posterior(output), latent)
    assert code.entropy()[0] + float(categorical.sum()) == pytest.approx(0, abs=1e-5)


def test_entropy_of_continuous_codes_is_that_of_the_uniform():
    uniform = torch.distributions.Uniform(-1, 1)
    assert LatentCode(1, (), 3).entropy()[1] == pytest.approx(3 * float(uniform.entropy()))


def test_no_code_at_all(rng):
    code = LatentCode(noise_dim=6, categorical=())
    latent = code.sample(4, rng)
    assert code.latent_dim == 6
    assert code.posterior_dim == 0
    torch.testing.assert_close(code.assemble(latent), latent.noise)
    categorical, continuous = code.log_likelihood(code.posterior(torch.empty(4, 0)), latent)
    assert (len(categorical), continuous) == (0, 0)


def test_same_seed_same_draw(code):
    a, b = (code.assemble(code.sample(9, torch.Generator().manual_seed(3))) for _ in range(2))
    assert torch.equal(a, b)
