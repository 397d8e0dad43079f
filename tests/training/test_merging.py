import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

from gan_cluster.training.merging import _gains, grouped, information, merge_codes


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def joint(rng):
    table = rng.random((8, 8)) ** 4
    return (table + table.T) / (2 * table.sum())


def test_information_is_the_mutual_information_of_the_table(rng):
    counts = rng.integers(1, 50, size=(6, 6))
    counts += counts.T
    expected = mutual_info_score(None, None, contingency=counts)
    assert information(counts / counts.sum()) == pytest.approx(expected)
    assert information(np.diag([1.0, 0.0, 0.0])) == 0


def test_grouped_sums_over_members(joint):
    groups = np.array([0, 0, 1, 1, 1, 2, 2, 0])
    small = grouped(joint, groups, 3)
    assert small.sum() == pytest.approx(1)
    assert small[0, 2] == pytest.approx(joint[np.ix_([0, 1, 7], [5, 6])].sum())
    assert information(small) <= information(joint)


def test_gains_are_differences_of_information(joint):
    groups = np.arange(8) % 3
    for code in range(8):
        values = []
        for target in range(3):
            moved = groups.copy()
            moved[code] = target
            values.append(information(grouped(joint, moved, 3)))
        gains = _gains(joint, groups, code, 3)
        np.testing.assert_allclose(np.diff(gains), np.diff(values), atol=1e-12)


def test_merging_finds_planted_clusters(rng):
    truth = rng.permutation(np.repeat(np.arange(5), 4))
    planted = 0.05 * rng.random((20, 20)) + (truth[:, None] == truth)
    planted = (planted + planted.T) / (2 * planted.sum())
    groups = merge_codes(planted, 5, np.random.RandomState(0))
    assert mutual_info_score(truth, groups) == pytest.approx(np.log(5))


def test_nothing_to_merge(joint):
    assert merge_codes(joint, 8, np.random.RandomState(0)).tolist() == list(range(8))
    assert merge_codes(np.eye(2) / 2, 1, np.random.RandomState(0)).tolist() == [0, 0]


def test_every_cluster_has_a_code_even_where_codes_are_unused():
    joint = np.zeros((6, 6))
    joint[0, 0] = 1
    assert set(merge_codes(joint, 3, np.random.RandomState(0))) == {0, 1, 2}
