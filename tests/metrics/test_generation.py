"""Measures of what is drawn of each cluster, beside values known by hand, brute force or theory."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import make_blobs
from small import clusterer, extractor

from gan_cluster.metrics import (
    cluster_coverage,
    cluster_density,
    cluster_fidelity,
    cluster_variety,
    generation_report,
)

PAIRED = [cluster_variety, cluster_density, cluster_coverage]
CENTERS = [[0, 0], [9, 9]]


def clusters_of(seed, n=600, spread=1.0):
    return make_blobs(n, centers=CENTERS, cluster_std=spread, random_state=seed)


def test_rows_of_the_same_kind_score_as_real_ones():
    real, new = clusters_of(0), clusters_of(1)
    assert cluster_fidelity(*real, *new) == {0: 1.0, 1: 1.0}
    wanted = {cluster_variety: 1, cluster_density: 1, cluster_coverage: 1 - 2**-5}
    for measure, value in wanted.items():
        assert measure(*real, *new) == pytest.approx({0: value, 1: value}, abs=0.15)


def test_rows_of_another_cluster_are_not_faithful():
    X, labels = clusters_of(0)
    new, of = clusters_of(1)
    swapped = 1 - of
    assert cluster_fidelity(X, labels, new, swapped) == {0: 0.0, 1: 0.0}
    assert cluster_density(X, labels, new, swapped) == {0: 0.0, 1: 0.0}
    assert cluster_coverage(X, labels, new, swapped) == {0: 0.0, 1: 0.0}


def test_one_row_over_and_over_has_no_variety_in_its_cluster_alone():
    X, labels = clusters_of(0)
    new, of = clusters_of(1)
    new[of == 1] = X[labels == 1].mean(0)
    variety, coverage = cluster_variety(X, labels, new, of), cluster_coverage(X, labels, new, of)
    assert variety[1] == 0
    assert variety[0] > 0.8
    assert coverage[1] < 0.1
    assert coverage[0] > 0.8


def test_rows_drawn_where_real_ones_are_densest_are_dense_and_cover_little():
    real, new = clusters_of(0), clusters_of(1, spread=0.2)
    assert all(value > 0.8 for value in cluster_density(*real, *new).values())
    assert all(value < 0.6 for value in cluster_coverage(*real, *new).values())
    assert all(value < 0.4 for value in cluster_variety(*real, *new).values())


def test_density_and_coverage_are_what_the_equations_say():
    rng = np.random.default_rng(0)
    X, drawn, k = rng.normal(size=(40, 3)), rng.normal(size=(40, 3)) + 0.5, 3
    one = np.zeros(40, dtype=int)
    apart = np.linalg.norm(X[:, None] - X[None], axis=2)
    balls = np.sort(apart, axis=1)[:, k]  # the first is the row itself
    inside = np.linalg.norm(drawn[:, None] - X[None], axis=2) <= balls
    density = cluster_density(X, one, drawn, one, n_neighbors=k)
    coverage = cluster_coverage(X, one, drawn, one, n_neighbors=k)
    assert density[0] == pytest.approx(inside.sum() / (k * len(drawn)))
    assert coverage[0] == pytest.approx(inside.any(0).mean())


def test_numbers_of_rows_are_made_equal():
    X, labels = clusters_of(0, n=60)
    new, of = clusters_of(1, n=3000)
    assert all(0.5 < value < 1.6 for value in cluster_variety(X, labels, new, of).values())


@pytest.mark.parametrize("measure", PAIRED)
def test_seeds_choose_the_rows_that_are_compared(measure):
    given = *clusters_of(0), *clusters_of(1, n=100)
    assert measure(*given, random_state=1) == measure(*given, random_state=1)
    assert measure(*given, random_state=1) != measure(*given, random_state=2)


@pytest.mark.parametrize("measure", PAIRED)
def test_a_single_row_says_nothing(measure):
    X, labels = clusters_of(0, n=20)
    assert np.isnan(measure(X, labels, X[:1], labels[:1])[labels[0]])


def test_clusters_may_have_names_and_copies_have_no_distance():
    X, labels = np.zeros((4, 2)), ["a", "a", "b", "b"]
    found = cluster_variety(X, labels, np.arange(8.0).reshape(4, 2), labels)
    assert list(found) == ["a", "b"]
    assert np.isnan(list(found.values())).all()


@pytest.mark.parametrize("measure", [cluster_fidelity, *PAIRED])
def test_rows_that_do_not_go_together_are_named(measure):
    X, labels = clusters_of(0, n=20)
    with pytest.raises(ValueError, match="X has 2 features, but drawn has 1"):
        measure(X, labels, X[:, :1], labels)
    with pytest.raises(ValueError, match="no real row is in cluster 2"):
        measure(X, labels, X, labels + 1)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        measure(X, labels[1:], X, labels)
    with pytest.raises(ValueError, match="drawn contains NaN"):
        measure(X, labels, X * np.nan, labels)


def test_the_report_is_a_table_of_what_a_clusterer_draws(blobs):
    X, _ = blobs
    model = clusterer(max_epochs=60, width=8).fit(X)
    table = pd.DataFrame(generation_report(model, X, n_samples=50))
    assert table.cluster.tolist() == np.unique(model.labels_).tolist()
    assert table.n_members.sum() == len(X)
    assert table.fidelity.between(0, 1).all()
    assert table.coverage.between(0, 1).all()
    assert (table.variety > 0).all()
    assert (table.density >= 0).all()
    again = pd.DataFrame(generation_report(model, X, n_samples=50))
    pd.testing.assert_frame_equal(table, again)


def test_the_report_compares_in_units_of_the_networks_or_in_any_transform(blobs):
    X = blobs[0] * [1, 1, 1, 1e6]
    model = clusterer(max_epochs=20).fit(X)
    seen = []

    def scaled(rows):
        seen.append(len(rows))
        return (rows - X.mean(0)) / X.std(0)

    plain, given = generation_report(model, X), generation_report(model, X, transform=scaled)
    assert seen == [len(X), 200, 200, 200]
    for name in plain:
        np.testing.assert_allclose(plain[name], given[name], atol=0.02)


def test_the_report_needs_a_clusterer(blobs):
    with pytest.raises(TypeError, match="should be a clusterer"):
        generation_report(extractor().fit(blobs[0]), blobs[0])


def test_tensors_with_gradients_are_rows_too(blobs):
    model, X = clusterer(max_epochs=10).fit(blobs[0]), blobs[0]
    known = generation_report(model, X)
    given = generation_report(model, torch.from_numpy(X).requires_grad_())
    np.testing.assert_array_equal(known["fidelity"], given["fidelity"])
