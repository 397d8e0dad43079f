import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, is_valid_linkage
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.neighbors import NearestNeighbors

from gan_cluster.training.merging import grouped, information, label_joint
from gan_cluster.training.numbers import (
    DEEPEST,
    DEPTH,
    cluster_numbers,
    merge_tree,
    number_of,
    thinness,
    valley,
)


def near_of(rows):
    return NearestNeighbors(n_neighbors=5).fit(rows).kneighbors(return_distance=False)


def numbers_of(rows, n_codes, max_clusters, **settings):
    """Criteria for the codes of k-means."""
    near = near_of(rows)
    codes = KMeans(n_codes, n_init=1, random_state=0).fit_predict(rows)
    joint = label_joint(codes, near, n_codes)
    return cluster_numbers(codes, joint, near, rows, max_clusters, **settings)


@pytest.fixture
def joint():
    table = np.random.default_rng(0).random((8, 8)) ** 4
    return (table + table.T) / (2 * table.sum())


@pytest.mark.parametrize("d", [1, 3])
def test_thinness_differs_as_the_log_of_the_density(d):
    rng = np.random.default_rng(0)
    dense, thin = rng.random((2_000, d)), 2 * rng.random((2_000, d)) + 10
    rows = np.concatenate([dense, thin])
    found = thinness(rows, near_of(rows))
    assert found[2_000:].mean() - found[:2_000].mean() == pytest.approx(d * np.log(2), rel=0.25)


def test_thinness_of_rows_that_are_all_the_same_is_finite():
    rows = np.ones((20, 3))
    assert (thinness(rows, near_of(rows)) == 0).all()
    rows[:5] = 0
    assert np.isfinite(thinness(rows, near_of(rows))).all()


def test_a_valley_is_between_clusters_and_not_within():
    rows, labels = make_blobs(600, centers=[[0, 0], [4, 0]], cluster_std=1, random_state=0)
    near = near_of(rows)
    thin = thinness(rows, near)
    between = valley(labels, near, thin, 2)
    assert DEPTH < between < DEEPEST
    halves = (rows[:, 1] > 0).astype(int)
    assert valley(halves, near, thin, 2) < DEPTH
    assert valley(2 * labels + halves, near, thin, 4) < DEPTH


def test_clusters_without_rows_between_are_as_distinct_as_can_be():
    rows = np.concatenate([np.random.default_rng(i).random((50, 2)) + 10 * i for i in range(3)])
    labels, near = np.repeat(np.arange(3), 50), near_of(rows)
    assert valley(labels, near, thinness(rows, near), 3) == DEEPEST
    assert valley(labels, near, thinness(rows, near), 4) == -DEEPEST
    labels[:2] = 3
    assert valley(labels, near, thinness(rows, near), 4) == -DEEPEST


@pytest.mark.parametrize(("n_clusters", "d"), [(2, 10), (3, 10), (12, 10)])
def test_as_many_blobs_are_found_as_there_are(n_clusters, d):
    rows, _ = make_blobs(800, d, centers=n_clusters, cluster_std=0.6, random_state=1)
    numbers, found, tree = numbers_of(rows, 48, 15)
    assert found == n_clusters
    assert numbers.k.tolist() == [*range(1, 16)]
    assert (numbers.criterion[n_clusters:] < DEPTH).all()
    assert numbers.information[0] == numbers.entropy[0] == numbers.criterion[0] == 0
    assert (numbers.information <= numbers.entropy + 1e-9).all()
    assert numbers.entropy[1:].min() > 0
    assert is_valid_linkage(tree)


def test_small_clusters_count_only_where_it_is_asked():
    rows, _ = make_blobs([300, 300, 300, 60], 10, cluster_std=0.6, random_state=1)
    every, large = (numbers_of(rows, 40, 8, smallest=smallest) for smallest in (0, 0.5))
    assert (every[1], large[1]) == (4, 3)
    assert large[0].k.tolist() == every[0].counted.tolist()
    np.testing.assert_array_equal(every[0].criterion, large[0].criterion)
    assert number_of(large[0], least=6) == 1
    assert len(np.unique(fcluster(large[2], 3, "maxclust"))) == 3


def test_noise_is_one_cluster():
    rows = np.random.default_rng(0).random((800, 10))
    assert numbers_of(rows, 40, 10)[1] == 1


def test_fewer_codes_than_clusters_limit_the_number():
    rows, _ = make_blobs(60, centers=3, cluster_std=0.3, random_state=0)
    numbers, found, tree = numbers_of(rows, 4, 10)
    assert (numbers.k.max(), found, tree.shape) == (4, 3, (3, 4))


def test_the_tree_is_cut_at_the_groups_and_counts_what_is_lost(joint):
    groups = np.array([0, 0, 1, 1, 1, 2, 2, 0])
    tree = merge_tree(joint, groups)
    assert is_valid_linkage(tree, throw=True)
    assert tree[-1, 3] == len(joint)
    assert (np.diff(tree[:, 2]) >= 0).all()
    cut = fcluster(tree, 3, "maxclust")
    assert len({*zip(cut, groups, strict=True)}) == 3
    lost = information(joint) - information(grouped(joint, groups, 3))
    assert tree[4, 2] == pytest.approx(lost)
    assert tree[-1, 2] == pytest.approx(information(joint))
