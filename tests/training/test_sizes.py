"""Whether clusters have equal sizes is tried, by default."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from small import IMAGE, clusterer

from gan_cluster import load, save
from gan_cluster.training import schedule
from gan_cluster.training.judging import Jury

SETTINGS = {
    "n_clusters": 2,
    "image_shape": IMAGE,
    "max_epochs": 80,
    "width": 8,
    "prior": "auto",
    "learning_rate": "auto",
    "codes_per_cluster": 4,
}


def zeros_and_ones(n_zeros, n_ones):
    X, y = load_digits(return_X_y=True)
    zeros, ones = X[y == 0][:n_zeros], X[y == 1][:n_ones]
    return np.concatenate([zeros, ones])[np.random.default_rng(0).permutation(n_zeros + n_ones)]


@pytest.mark.parametrize(("sizes", "follows"), [((150, 150), False), ((170, 30), True)])
def test_sizes_are_equal_unless_twins_say_otherwise(sizes, follows, tmp_path):
    model = clusterer(**SETTINGS).fit(zeros_and_ones(*sizes))
    clusters = model.model_.net.clusters
    assert clusters.follows == follows
    assert (clusters.shares.tolist() == [0.5, 0.5]) != follows
    np.testing.assert_allclose(np.sort(np.bincount(model.labels_)), np.sort(sizes), atol=12)
    save(model, tmp_path / "model")
    assert load(tmp_path / "model").model_.net.clusters.follows == follows


@pytest.mark.parametrize("prior", ["learned", "uniform", (0.5, 0.5)])
def test_sizes_that_are_given_are_not_tried(prior, monkeypatch):
    monkeypatch.setattr(Jury, "disagreement", lambda *_: pytest.fail("tried"))
    settings = {**SETTINGS, "max_epochs": 2, "prior": prior}
    model = clusterer(**settings).fit(zeros_and_ones(40, 40))
    assert model.model_.net.clusters.follows == (prior == "learned")


@pytest.mark.parametrize(
    ("n_rows", "equal", "free", "are_equal"),
    [
        (10_000, 0.025, 0.024, True),
        (10_000, 0.085, 0.028, False),
        (1_300, 0.0074, 0.0036, True),  # some rows more or less, of few that differ
        (900, 0.0084, 0.0034, False),
        (40, 0.0, 0.0, True),
        (40, 0.2, 0.0, False),
    ],
)
def test_a_difference_has_to_be_larger_than_chance_makes_it(n_rows, equal, free, are_equal):
    jury = Jury(None, np.empty((n_rows, 1)), None, None, None, np.empty((0, 1)))
    assert jury.may_be_equal(equal, free) == are_equal


@pytest.mark.parametrize(("equal", "free", "follows"), [(0.3, 0.1, True), (0.12, 0.1, False)])
def test_trials_leave_the_run_as_it_was(equal, free, follows, monkeypatch):
    """But for what they say of sizes."""
    X = zeros_and_ones(60, 60)
    settings = {**SETTINGS, "max_epochs": 4}
    told = iter([equal, free])
    monkeypatch.setattr(Jury, "disagreement", lambda *_: next(told))
    tried = clusterer(**settings).fit(X)
    monkeypatch.setattr(
        schedule.Schedule,
        "_size",
        lambda self, run, jury: None if follows else run.net.clusters.equalise(),
    )
    untried = clusterer(**settings).fit(X)
    np.testing.assert_array_equal(tried.predict_proba(X), untried.predict_proba(X))
    assert tried.n_iter_ == untried.n_iter_ == 4
