"""Shares of clusters: equal, given or learned."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from small import clusterer

from gan_cluster.codes import LatentCode
from gan_cluster.objectives import imbalance
from gan_cluster.training.clusters import ROWS_EACH, Clusters
from gan_cluster.training.processes import ALONE


@pytest.fixture(scope="module")
def unequal():
    """Two clusters apart, of 240 and 60 rows."""
    rng = np.random.RandomState(0)
    return np.concatenate([rng.normal(0, 0.3, (240, 4)), rng.normal(5, 0.3, (60, 4))])


def sizes(model):
    return np.bincount(model.labels_, minlength=model.n_clusters) / len(model.labels_)


def test_the_first_code_is_drawn_with_its_shares():
    code, shares = LatentCode(1, (3, 2)), torch.tensor([0.7, 0.2, 0.1])
    drawn = code.sample(20_000, torch.Generator().manual_seed(0), shares).categories
    np.testing.assert_allclose(drawn[:, 0].bincount() / 20_000, shares, atol=0.01)
    np.testing.assert_allclose(drawn[:, 1].bincount() / 20_000, [0.5, 0.5], atol=0.01)


def test_entropy_is_that_of_the_shares():
    code = LatentCode(1, (2, 3))
    assert code.entropy(torch.tensor([0.5, 0.5]))[0] == pytest.approx(math.log(6))
    expected = -0.9 * math.log(0.9) - 0.1 * math.log(0.1) + math.log(3)
    assert code.entropy(torch.tensor([0.9, 0.1]))[0] == pytest.approx(expected)


@pytest.mark.parametrize("codes_per_cluster", [1, 2])
def test_given_shares_go_to_clusters_by_size(codes_per_cluster, unequal):
    settings = {"n_clusters": 2, "codes_per_cluster": codes_per_cluster, "max_epochs": 60}
    model = clusterer(**settings, width=8, prior=[0.2, 0.8]).fit(unequal)
    assert sizes(model) == pytest.approx([0.8, 0.2], abs=0.02)
    assert sorted(model.model_.net.clusters.shares.tolist()) == pytest.approx([0.2, 0.8])
    ceiling = float(torch.special.entr(model.model_.net.clusters.code_shares).sum())
    assert model.history_[-1]["code_entropy"] == pytest.approx(ceiling)
    drawn = model.predict(model.sample(2000, random_state=0))
    assert (drawn == 0).mean() == pytest.approx(0.8, abs=0.1)


def test_a_learned_prior_follows_the_shares_that_clusters_have(unequal):
    model = clusterer(n_clusters=2, codes_per_cluster=3, max_epochs=60, width=8, prior="learned")
    model.fit(unequal)
    assert float(model.model_.net.clusters.shares.sum()) == pytest.approx(1)
    np.testing.assert_allclose(
        model.model_.net.clusters.shares[model.model_.order], sizes(model), atol=0.05
    )


def test_codes_of_a_cluster_share_it_as_real_rows_do(blobs):
    clusters = (
        clusterer(codes_per_cluster=2, prior=(0.5, 0.3, 0.2)).fit(blobs[0]).model_.net.clusters
    )
    usage = np.array([0.1, 0.45, 0.15, 0.05, 0.2, 0.05])
    clusters.regroup(torch.tensor([0, 1, 1, 2, 2, 2]), usage)
    torch.testing.assert_close(clusters.shares, torch.tensor([0.2, 0.5, 0.3]))
    expected = torch.tensor([0.2, 0.375, 0.125, 0.05, 0.2, 0.05])
    torch.testing.assert_close(clusters.code_shares, expected)
    clusters.usage = torch.tensor([0.5, 0.0, 0.0, 0.25, 0.25, 0.0])
    drawn = clusters.code_shares  # a cluster without any row is drawn still
    torch.testing.assert_close(
        drawn, torch.tensor([0.2, 0.25, 0.25, 0.15, 0.15, 0.0]), atol=1e-5, rtol=0
    )
    clusters.regroup(None)
    torch.testing.assert_close(clusters.code_shares, torch.full((6,), 1 / 6))


def test_a_code_that_no_row_has_is_hardly_drawn(blobs):
    model = clusterer(codes_per_cluster=3, max_epochs=100).fit(blobs[0]).model_
    clusters = model.net.clusters
    codes = model.map(lambda batch: model.net.discriminator_(batch).code[:, :9], blobs[0])
    usage = np.bincount(codes.argmax(1), minlength=9) / len(codes)
    assert clusters.usage.sum() == pytest.approx(1)
    np.testing.assert_allclose(clusters.usage, usage, atol=0.1)
    assert not clusters.code_shares[usage == 0].gt(0.05).any()


def test_a_cluster_is_generated_from_its_most_usual_code(blobs):
    model = clusterer(codes_per_cluster=2, noise_dim=3).fit(blobs[0])
    clusters = model.model_.net.clusters
    usage = np.array([0.3, 0.1, 0.3, 0.2, 0.1, 0.0])
    clusters.regroup(torch.tensor([0, 1, 1, 2, 2, 2]), usage)
    model.model_.order = np.arange(3)
    usual = model.model_.values_of(np.array([2, 0, 1, 1]), None)
    assert usual.tolist() == [3, 0, 2, 2]
    drawn = model.model_.values_of(np.full(3000, 2), torch.Generator().manual_seed(0))
    np.testing.assert_allclose(drawn.bincount(minlength=6)[3:] / 3000, [2 / 3, 1 / 3, 0], atol=0.03)


@pytest.mark.parametrize(
    ("prior", "message"),
    [
        ([0.5, 0.5], "3 positive shares"),
        ([0.5, 0.6, 0.2], "sum to 1"),
        ([1.0, 0.0, 0.0], "positive"),
        ([0.5, 0.5, np.nan], "positive"),
        (["a", "b", "c"], "prior should be 3 positive shares"),
        ([[0.5, 0.5], [1.0]], "prior should be 3 positive shares"),
        ("flat", "prior"),
    ],
)
def test_priors_that_cannot_be(prior, message, blobs, no_training):
    with pytest.raises(ValueError, match=message):
        clusterer(prior=prior).fit(blobs[0])


def test_a_prior_is_learned_from_real_rows_alone(blobs, no_training):
    with pytest.raises(ValueError, match="consistency_weight above 0"):
        clusterer(prior="learned", consistency_weight=0).fit(blobs[0])


def test_partial_fit_sees_that_the_prior_changed(blobs):
    model = clusterer(prior=np.array([0.5, 0.3, 0.2])).partial_fit(blobs[0])
    model.set_params(prior=pd.Series([0.5, 0.3, 0.2])).partial_fit(blobs[0])
    with pytest.raises(ValueError, match="prior changed"):
        model.set_params(prior=np.array([0.4, 0.4, 0.2])).partial_fit(blobs[0])


@pytest.mark.parametrize("groups", [None, [0, 0, 1, 2, 3, 3]])
def test_clusters_that_are_joined_have_their_codes_and_shares(groups):
    clusters = Clusters(6 if groups else 4, "uniform", torch.device("cpu"))
    if groups:
        clusters.regroup(torch.tensor(groups), np.full(6, 1 / 6))
    before = {k: set(clusters.members(k)) for k in range(4)}
    numbers = clusters.join([3, 1])
    np.testing.assert_array_equal(numbers, [0, 1, 2, 1])
    assert set(clusters.members(0)) == before[0]
    assert set(clusters.members(1)) == before[1] | before[3]
    assert set(clusters.members(2)) == before[2]
    np.testing.assert_allclose(clusters.shares, [0.25, 0.5, 0.25])
    assert len(clusters) == 3


def test_a_batch_that_shows_all_clusters_is_enough():
    clusters = Clusters(4, "uniform", torch.device("cpu"))
    marginal = torch.tensor([0.7, 0.1, 0.1, 0.1])
    assert clusters.seen_with(marginal, 4 * ROWS_EACH, ALONE) is None
    torch.testing.assert_close(clusters.seen, torch.full((4,), 0.25))


def test_shares_are_seen_over_as_many_batches_as_it_takes():
    clusters = Clusters(4, "uniform", torch.device("cpu"))
    marginal = torch.tensor([0.7, 0.1, 0.1, 0.1])
    for k in range(1, 4):  # a quarter of the labels that are asked for
        seen = clusters.seen_with(marginal, ROWS_EACH, ALONE)
        expected = marginal + 0.75**k * (0.25 - marginal)
        torch.testing.assert_close(seen, expected)
    before = seen.clone()
    torch.testing.assert_close(clusters.seen_with(marginal * torch.nan, 1, ALONE), before)
    clusters.regroup(None)
    torch.testing.assert_close(clusters.seen, torch.full((4,), 0.25))


def test_a_batch_has_the_gradient_of_its_part_of_what_is_seen():
    rng = torch.Generator().manual_seed(0)
    logits = torch.randn(10, 5, generator=rng).requires_grad_()
    prior, before = torch.randn(2, 5, generator=rng).softmax(1)
    rate = 0.3
    whole = (1 - rate) * before + rate * logits.softmax(1).mean(0)
    (expected,) = torch.autograd.grad((whole * (whole / prior).log()).sum(), logits)
    part = imbalance(logits.softmax(1).mean(0), prior, whole.detach())
    (found,) = torch.autograd.grad(part, logits)
    torch.testing.assert_close(rate * found, expected)


def test_a_merged_cluster_keeps_the_given_shares_of_its_parts():
    clusters = Clusters(3, (0.6, 0.3, 0.1), torch.device("cpu"))
    clusters.join([1, 2])
    assert clusters.code_shares.tolist() == pytest.approx([0.6, 0.3, 0.1])
