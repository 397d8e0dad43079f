"""Rows from codes and noise, and codes from rows."""

import numpy as np
import pandas as pd
import pytest
import torch
from small import STEADY, clusterer, extractor

from gan_cluster import InfoGANClusterer

CODES = {"categorical_codes": (4,), "n_continuous": 2, "codes_per_cluster": 2}


@pytest.fixture(scope="module")
def model(blobs):
    return clusterer(max_epochs=10, **CODES).fit(blobs[0])


def test_codes_have_names_in_order(model, blobs):
    assert model.code_names_ == ["cluster", "category1", "continuous0", "continuous1"]
    assert extractor(objective="gan").fit(blobs[0]).code_names_ == []


def test_generated_rows_are_those_of_their_codes(model):
    rng = np.random.RandomState(0)
    codes = np.column_stack([rng.randint(3, size=9), rng.randint(4, size=9), rng.rand(9, 2)])
    noise = rng.normal(size=(9, 2))
    rows = model.generate(codes, noise)
    assert rows.shape == (9, 4)
    np.testing.assert_array_equal(model.generate(codes, noise), rows)
    np.testing.assert_allclose(model.generate(codes[4:5], noise[4:5]), rows[4:5], rtol=1e-5)
    for j in range(4):
        changed = codes.copy()
        changed[:, j] = (codes[:, j] + 1) % [3, 4, 2, 2][j]
        assert not np.allclose(model.generate(changed, noise), rows)
    assert not np.allclose(model.generate(codes, noise + 1), rows)


def test_one_row_of_codes_serves_all(model):
    noise = np.random.RandomState(0).normal(size=(5, 2))
    rows = model.generate([1, 2, 0.5, -0.5], noise)
    np.testing.assert_array_equal(rows, model.generate([[1, 2, 0.5, -0.5]] * 5, noise))


def test_what_is_not_given_is_drawn(model):
    noise = np.random.RandomState(0).normal(size=(50, 2))
    free = model.sample(50, codes=[1, np.nan, 0, 0], noise=noise, random_state=0)
    np.testing.assert_array_equal(
        free, model.sample(50, 1, codes=[np.nan, np.nan, 0, 0], noise=noise, random_state=0)
    )
    fixed = [model.generate([1, value, 0, 0], noise) for value in range(4)]
    near = np.stack([np.abs(free - rows).max(1) < 1e-4 for rows in fixed])
    assert (near.any(1)).sum() >= 2  # several categories, each a draw of the second code
    assert len(np.unique(model.sample(9, noise=[0.0, 0.0], random_state=0), axis=0)) > 1


def test_the_posterior_is_over_all_codes(model, blobs):
    X, _ = blobs
    posterior = model.encode(X)
    assert [part.shape for part in posterior.categorical] == [(120, 3), (120, 4)]
    assert posterior.mean.shape == posterior.variance.shape == (120, 2)
    for part in posterior.categorical:
        np.testing.assert_allclose(part.sum(1), 1, rtol=1e-5)
    np.testing.assert_array_equal(posterior.categorical[0], model.predict_proba(X))
    np.testing.assert_array_equal(posterior.variance, 1)
    second = posterior.categorical[1].argmax(1)
    np.testing.assert_array_equal(model.predict(X, code=1), second)


def test_a_learned_variance_is_that_of_each_row(blobs):
    X, _ = blobs
    learned = clusterer(n_continuous=1, continuous_variance="learned").fit(X).encode(X)
    assert (learned.variance > 0).all()
    assert np.ptp(learned.variance) > 0


def test_an_extractor_encodes_too(blobs):
    X, _ = blobs
    posterior = extractor(n_continuous=1).fit(X).encode(X)
    assert posterior.categorical[0].shape == (120, 3)
    nothing = extractor(objective="gan").fit(X)
    assert nothing.encode(X).categorical == []
    noise = np.zeros((2, 2))
    assert nothing.generate(np.empty((2, 0)), noise).shape == (2, 4)


def test_images_keep_their_shape(colours):
    model = clusterer(n_continuous=1).fit(colours)
    assert model.generate([[0, 0.5]] * 3, np.zeros((3, 2))).shape == (3, 3, 9, 11)


@pytest.mark.parametrize(
    ("settings", "sizes", "latent_dim"),
    [
        ({"categorical_codes": (10,) * 3, "n_continuous": 4, "noise_dim": 124}, (10,) * 4, 168),
        ({"categorical_codes": (10,) * 9, "noise_dim": 128}, (10,) * 10, 228),
    ],
)
def test_the_structures_of_the_paper(images, settings, sizes, latent_dim):
    small = {"objective": "infogan", "width": 2, "max_epochs": 1, "random_state": 0}
    model = InfoGANClusterer(10, **small, **settings)
    code = model.fit(images).model_.net.code
    assert (code.categorical, code.latent_dim) == (sizes, latent_dim)
    assert model.encode(images[:2]).categorical[-1].shape == (2, 10)


@pytest.mark.parametrize("settings", [STEADY, {}])
def test_every_code_is_learned(settings, blobs):
    model = clusterer(width=8, max_epochs=60, categorical_codes=(2, 3), **settings).fit(blobs[0])
    for j, size in enumerate((2, 3), 1):
        drawn = np.arange(300) % size
        codes = np.full((300, 3), np.nan)
        codes[:, j] = drawn
        read = model.predict(model.sample(300, codes=codes, random_state=0), code=j)
        assert (read == drawn).mean() > 0.9


@pytest.mark.parametrize(
    ("codes", "noise", "message"),
    [
        ([[0, 0, 0]], [[0, 0]], r"codes has shape \(1, 3\): it should be \(1, 4\)"),
        ([[0, 0, 0, 0]], [[0, 0, 0]], r"noise has shape \(1, 3\): it should be \(1, 2\)"),
        ([[3, 0, 0, 0]], [[0, 0]], r"codes\[:, 0\] is cluster: it should be one of 0 .. 2"),
        ([[0, -1, 0, 0]], [[0, 0]], r"codes\[:, 1\] is category1: it should be one of 0 .. 3"),
        ([[0, 0.5, 0, 0]], [[0, 0]], r"codes\[:, 1\] is category1"),
        ([[0, 0, np.nan, 0]], [[0, 0]], "codes contains NaN"),
        ([[0, 0, 0, 0]], [[np.inf, 0]], "noise contains infinity"),
        ([[0, 0, 0, 0]] * 2, [[0, 0]] * 3, r"codes has shape \(2, 4\): it should be \(3, 4\)"),
        ([], [[0, 0]], r"codes has shape \(0,\): it should be \(1, 4\), .* 'category1',"),
        ([[0, 0, 0, 0]], [], r"noise has shape \(0,\): it should be \(1, 2\)"),
        (np.empty((0, 4)), np.empty((0, 2)), r"codes has shape \(0, 4\): it should be \(0, 4\)"),
        ([[0, 0], [1]], [[0, 0]], r"codes should be numbers of shape \(1, 4\)"),
        (torch.zeros(4, requires_grad=True), [[0, 0]], r"codes should be numbers .* grad"),
        (np.ma.masked_array([0, 1, 0, 0], mask=[0, 1, 0, 0]), [[0, 0]], "codes contains NaN"),
        (
            pd.Series({"category1": 0, "cluster": 2}),
            [[0, 0]],
            r"has columns .*they should",
        ),
        ([["a"] * 4], [[0, 0]], r"codes should be numbers of shape \(1, 4\)"),
    ],
)
def test_codes_that_cannot_be_are_named(codes, noise, message, model):
    with pytest.raises(ValueError, match=message):
        model.generate(codes, noise)


def test_a_code_that_is_not_there_is_named(model, blobs):
    with pytest.raises(ValueError, match="code=2: the last one is 1; categorical_codes adds more"):
        model.predict(blobs[0], code=2)


def test_one_row_of_noise_serves_all(model):
    codes = [[k % 3, 1, 0.5, -0.5] for k in range(5)]
    rows = model.generate(codes, [0.1, -0.2])
    np.testing.assert_array_equal(rows, model.generate(codes, [[0.1, -0.2]] * 5))


def test_codes_may_be_a_table_with_their_names(model):
    frame = pd.DataFrame([[1, 2, 0.5, -0.5]], columns=model.code_names_)
    noise = [0.1, -0.2]
    np.testing.assert_array_equal(model.generate(frame, noise), model.generate(frame.values, noise))
    with pytest.raises(ValueError, match=r"codes has columns \['continuous1', .* be \['cluster'"):
        model.generate(frame[frame.columns[::-1]], noise)
    with pytest.raises(TypeError, match=r"codes is None: it should be of shape \(1, 4\)"):
        model.generate(None, noise)


def test_codes_may_be_one_row_of_a_table(model):
    frame = pd.DataFrame([[1, 2, 0.5, -0.5]], columns=model.code_names_)
    noise = [0.1, -0.2]
    expected = model.generate(frame, noise)
    np.testing.assert_array_equal(model.generate(frame.iloc[0], noise), expected)
    np.testing.assert_array_equal(model.generate(pd.Series([1, 2, 0.5, -0.5]), noise), expected)


def test_masked_codes_are_drawn(model):
    masked = np.ma.masked_array([1, 2, 0.5, 0.5], mask=[0, 1, 0, 0])
    missing = [1, np.nan, 0.5, 0.5]
    drawn = [model.sample(9, codes=codes, random_state=0) for codes in (masked, missing)]
    np.testing.assert_array_equal(*drawn)


def test_a_cluster_is_said_once(model):
    with pytest.raises(ValueError, match="both give the cluster"):
        model.sample(5, cluster=1, codes=[0, 0, 0, 0])
    given = model.sample(5, cluster=1, codes=[np.nan, 0, 0, 0], random_state=0)
    assert given.shape == (5, 4)


def test_what_float32_cannot_hold_is_named(model):
    with pytest.raises(ValueError, match="noise has values that are too large"):
        model.generate([0, 0, 0, 0], [1e300, 0])
    with pytest.raises(ValueError, match="codes has values that are too large"):
        model.sample(codes=[np.nan, 0, 1e300, 0])


def test_torchs_default_dtype_does_not_matter(model):
    expected = model.generate([1, 2, 0.5, -0.5], [0.1, -0.2])
    torch.set_default_dtype(torch.float64)
    try:
        found = model.generate([1, 2, 0.5, -0.5], [0.1, -0.2])
    finally:
        torch.set_default_dtype(torch.float32)
    np.testing.assert_array_equal(found, expected)


def test_merged_probabilities_are_sums_over_codes(blobs):
    model = clusterer(codes_per_cluster=2).fit(blobs[0])
    merged, groups = model.predict_proba(blobs[0]), model.model_.net.clusters.groups
    model.model_.net.clusters.groups = None
    order, model.model_.order = model.model_.order, None
    fine = model.predict_proba(blobs[0])
    summed = np.stack([fine[:, groups.numpy() == k].sum(1) for k in range(3)], axis=1)
    np.testing.assert_allclose(merged, summed[:, order], atol=1e-6)
