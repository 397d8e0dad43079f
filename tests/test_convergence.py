"""What went wrong in training is named, with a remedy."""

import warnings

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning
from small import SMALL, clusterer, extractor

from gan_cluster._convergence import failures


def test_training_that_ends_too_early_warns(blobs):
    with pytest.warns(ConvergenceWarning, match=r"100.0% of the labels .* raise max_epochs"):
        clusterer(max_epochs=1).fit(blobs[0])
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "training has not converged", ConvergenceWarning)
        warnings.filterwarnings("ignore", "the generator draws", ConvergenceWarning)
        clusterer(max_epochs=1, tol=1.0).fit(blobs[0])
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        clusterer(max_epochs=60, width=8).fit(blobs[0])
        extractor(max_epochs=1, objective="gan").fit(blobs[0])


def test_rates_that_never_work_are_named(blobs):
    wild = clusterer(learning_rate=1e30, max_epochs=4)
    with pytest.warns(ConvergenceWarning, match="training diverged.*lower learning_rate"):
        wild.fit(blobs[0])
    assert np.isfinite(wild.transform(blobs[0])).all()
    assert np.isfinite(wild.score(blobs[0]))
    assert np.isfinite(wild.sample(3, random_state=0)).all()
    weights = [*wild.generator_.parameters(), *wild.discriminator_.parameters()]
    assert all(w.isfinite().all() for w in weights)


def test_empty_clusters_are_warned_of(blobs):
    X, _ = blobs
    model = clusterer(n_clusters=6, balance_weight=0, max_epochs=60, batch_size=30)
    with pytest.warns(ConvergenceWarning, match=r"\d of 6 clusters are empty or nearly empty"):
        model.fit(X)
    assert np.isfinite(model.score(X))


@pytest.mark.parametrize("make", [clusterer, extractor])
def test_clusters_are_empty_that_no_row_has_however_usage_looks(make, blobs):
    model = make(n_clusters=10, learning_rate=1e-6, tol=1.0)
    with pytest.warns(ConvergenceWarning, match=r"of 10 clusters are empty or nearly") as told:
        model.fit(blobs[0])
    assert min(model.history_[-1]["cluster_usage"]) > 0.01
    n_empty = (np.bincount(model.model_.clusters(blobs[0]), minlength=10) == 0).sum()
    assert str(told[0].message).startswith(f"{n_empty} of 10")


@pytest.mark.parametrize(
    ("sizes", "n_empty"),
    [
        ([599, 1] + [0] * 8, 8),
        ([1000, 0], 1),
        ([999, 1], 1),
        ([990, 10], 0),
        ([60] * 10, 0),
        ([], 0),
    ],
)
def test_sizes_say_which_clusters_are_empty(sizes, n_empty):
    said = failures([{"epoch": 1}], 0.02, "auto", np.array(sizes))
    assert [message.split(" of ")[0] for message in said] == [str(n_empty)] * (n_empty > 0)


def test_a_generator_that_draws_one_row_is_warned_of(blobs):
    class Still(torch.nn.Module):
        def __init__(self, latent_dim, shape):
            super().__init__()
            self.row = torch.nn.Parameter(torch.zeros(shape))

        def forward(self, latent):
            return self.row + 0 * latent[:, :1]

    def trunk(shape):
        return torch.nn.Linear(shape[0], 4)

    model = clusterer(architecture=(Still, trunk))
    with pytest.warns(ConvergenceWarning, match="generator has collapsed: its rows vary only 0%"):
        model.fit(blobs[0])
    assert model.history_[-1]["variety"] < 0.01


class Noiseless(torch.nn.Module):
    """A generator that is told the code alone."""

    def __init__(self, latent_dim, shape):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(latent_dim, 32), torch.nn.ReLU(), torch.nn.Linear(32, shape[0])
        )

    def forward(self, latent):
        is_noise = torch.arange(latent.shape[1]) < SMALL["noise_dim"]
        return self.layers(latent.masked_fill(is_noise, 0.0))


@pytest.mark.parametrize("make", [clusterer, extractor])
def test_clusters_that_are_drawn_poorly_are_named_with_their_numbers(make, blobs):
    trunk = torch.nn.Sequential(torch.nn.Linear(4, 32), torch.nn.LeakyReLU(0.1))
    model = make(architecture=(Noiseless, trunk), codes_per_cluster=2, max_epochs=240)
    with pytest.warns(ConvergenceWarning, match="3 of 3 clusters poorly: .*raise max_epochs"):
        model.fit(blobs[0])
    last = model.history_[-1]
    assert len(last["cluster_variety"]) == len(last["cluster_fidelity"]) == 3
    assert max(last["cluster_variety"]) < 0.1 < last["variety"]


def test_poor_clusters_have_the_numbers_of_labels():
    last = {"cluster_usage": [0.3, 0.5, 0.2], "cluster_variety": [0.02, 1.0, 0.9]}
    last["cluster_fidelity"] = [1.0, 0.9, 0.25]
    sizes, order = np.array([30, 50, 20]), np.array([1, 0, 2])
    (said,) = failures([{"epoch": 1, **last}], 0.1, 4, sizes, order)
    first = "cluster 1 (variety 2% of that of real rows, 100% assigned to it)"
    second = "cluster 2 (variety 90% of that of real rows, 25% assigned to it)"
    assert f"2 of 3 clusters poorly: {first}, {second}; raise" in said
    last["cluster_variety"][2] = 8e7  # real rows of that cluster are all the same
    (said,) = failures([{"epoch": 1, **last}], 0.1, 4, sizes, order)
    assert "cluster 2 (variety over 1000% of" in said
    last["cluster_variety"] = [1.0] * 3
    assert failures([{"epoch": 1, **last}], 0.1, 4, sizes)[0].count("%") == 2


def test_a_healthy_training_says_nothing_and_shows_variety(blobs):
    model = clusterer(max_epochs=60, batch_size=20, width=4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(blobs[0])
    shown = [row["variety"] for row in model.history_ if "variety" in row]
    assert 0.3 < shown[-1] < 3
    assert len(shown) < len(model.history_)
