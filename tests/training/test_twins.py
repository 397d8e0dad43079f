"""Directions in which rows differ more than their twins do."""

import numpy as np
import pytest
import torch
from scipy.linalg import eigh

from gan_cluster import Objective
from gan_cluster.training.twins import discriminant, twin_reduction


def test_directions_are_those_of_fishers_discriminant():
    rng = np.random.RandomState(0)
    spread, noise = rng.normal(size=(2, 50, 6))
    total, within = np.cov(spread.T), np.cov(noise.T)
    found = discriminant(total, within, 3)
    ridge = 0.01 * np.trace(within) / 6 * np.eye(6)
    ratios = np.diag(found.T @ total @ found) / np.diag(found.T @ (within + ridge) @ found)
    np.testing.assert_allclose(ratios, eigh(total, within + ridge)[0][::-1][:3])
    np.testing.assert_allclose(found.T @ total @ found, np.eye(3), atol=1e-10)


def test_directions_in_which_nothing_varies_are_zero():
    assert not discriminant(np.zeros((3, 3)), np.zeros((3, 3)), 2).any()
    rng = np.random.RandomState(0)
    low = rng.normal(size=(100, 4)) @ rng.normal(size=(4, 30)).astype(np.float32)
    found = discriminant(np.cov(low.T), 0.1 * np.cov(low.T), 20)
    np.testing.assert_allclose((low @ found[:, :4]).std(0, ddof=1), 1, rtol=1e-3)
    assert not found[:, 4:].any()


def test_what_twins_share_is_found():
    """Of two columns, the one that the twin of a row keeps."""

    class Net:
        device = "cpu"
        objective = Objective()

        def _set_training(self, training):
            pass

        def twins(self, rows, rng):
            noise = torch.randn(len(rows), generator=rng)
            return torch.stack([rows[:, 0], noise], dim=1)

    class Encoding:
        def encode(self, rows):
            return torch.from_numpy(rows)

    X = np.random.RandomState(0).normal(3, 2, size=(2_000, 2)).astype(np.float32)
    center, directions = twin_reduction(Net(), Encoding(), X, lambda batch: batch, 1, 0)
    kept, lost = np.abs(directions.ravel())
    assert kept > 0.45 > 10 * lost  # one over the deviation of 2
    assert center == pytest.approx([X[:, 0].mean(), 0], abs=0.1)
