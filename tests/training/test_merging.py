import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

from gan_cluster.training import merging
from gan_cluster.training.merging import (
    _NearSearch,
    _Search,
    criterion,
    grouped,
    information,
    merge_codes,
)


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


@pytest.mark.parametrize("kind", [_Search, _NearSearch])
def test_gains_are_differences_of_the_criterion(kind, joint):
    search = kind(joint, np.arange(8) % 3, 3)
    search.move(5, 0)
    for code in range(8):
        values = []
        for target in range(3):
            moved = search.groups.copy()
            moved[code] = target
            values.append(criterion(grouped(joint, moved, 3)))
        targets, gains = search.gains(code)
        assert targets.tolist() == [0, 1, 2]
        np.testing.assert_allclose(np.diff(gains), np.diff(values), atol=1e-12)


def _planted(rng, n_codes, n_clusters, n_pairs):
    """Pairs of near rows, most of codes of one cluster, as shares; and the cluster of each code."""
    truth = rng.permutation(np.arange(n_codes) % n_clusters)
    members = np.argsort(truth, kind="stable").reshape(n_clusters, -1)
    first = rng.integers(n_codes, size=n_pairs)
    second = members[truth[first], rng.integers(members.shape[1], size=n_pairs)]
    second = np.where(rng.random(n_pairs) < 0.1, rng.integers(n_codes, size=n_pairs), second)
    counts = np.zeros((n_codes, n_codes))
    np.add.at(counts, (first, second), 1)
    return (counts + counts.T) / (2 * n_pairs), truth


def test_what_is_kept_of_many_codes_is_what_a_new_start_finds(rng):
    joint, groups = _planted(rng, 120, 12, 600)
    search = _NearSearch(joint, groups, 12)
    for code in range(0, 120, 7):
        search.move(code, (groups[code] + 5) % 12)
    anew = _NearSearch(joint, search.groups, 12)
    for name in ("towards", "shared", "marginal"):
        kept, expected = getattr(search, name), getattr(anew, name)
        np.testing.assert_allclose(kept, expected, rtol=1e-12)
        np.testing.assert_array_equal(kept == 0, expected == 0)
    np.testing.assert_allclose(search.shared, grouped(joint, search.groups, 12), atol=1e-15)
    assert (search.shared == 0).any()


def test_many_codes_are_merged_as_well_as_few(rng, monkeypatch):
    joint, truth = _planted(rng, 400, 100, 20_000)
    groups = merge_codes(joint, 100, np.random.RandomState(0))
    assert mutual_info_score(truth, groups) > 0.97 * np.log(100)
    joint, _ = _planted(rng, 60, 20, 300)
    near_only = []
    for few in (100, 10):
        monkeypatch.setattr(merging, "FEW", few)
        merged = merge_codes(joint, 20, np.random.RandomState(0))
        near_only.append(criterion(grouped(joint, merged, 20)))
    assert near_only[1] > 0.99 * near_only[0]


def test_a_code_is_tried_only_where_it_shares_something(rng):
    joint, truth = _planted(rng, 2000, 500, 10_000)
    tried = [len(_NearSearch(joint, truth, 500).gains(code)[0]) for code in (0, 1000)]
    assert max(tried) < 20


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


def test_a_cluster_that_two_codes_share_is_not_split_for_equal_sizes():
    joint = np.array([[0.4, 0.05, 0], [0.05, 0.4, 0], [0, 0, 0.1]])
    equal, right = np.array([0, 1, 1]), np.array([0, 0, 1])
    assert information(grouped(joint, equal, 2)) > information(grouped(joint, right, 2))
    assert criterion(grouped(joint, equal, 2)) < criterion(grouped(joint, right, 2))
    groups = merge_codes(joint, 2, np.random.RandomState(0))
    assert groups[0] == groups[1] != groups[2]


def test_unsure_rows_count_in_part():
    found = np.array([[0.6, 0.4, 0], [0.1, 0.895, 0.005], [0, 0, 1]], dtype=np.float32)
    joint = merging.code_joint(found, np.array([[1, 2], [0, 2], [0, 1]]))
    kept = np.where(found < 0.01, 0, found)
    expected = sum(np.outer(kept[i], kept[j]) for i in range(3) for j in range(3) if i != j)
    np.testing.assert_allclose(joint, expected / expected.sum(), rtol=1e-6)


def test_rows_that_could_have_any_of_many_codes_count_too():
    found = np.full((4, 200), 1 / 200, dtype=np.float32)
    joint = merging.code_joint(found, np.array([[1], [2], [3], [0]]))
    np.testing.assert_allclose(joint, 1 / 200**2, rtol=1e-5)
