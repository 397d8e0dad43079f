import numpy as np
import pytest
from sklearn.datasets import make_blobs

from gan_cluster.metrics import valley_depth


def test_labels_may_have_any_names_and_a_cut_cluster_is_told_from_two():
    X, labels = make_blobs(400, centers=[[0, 0], [5, 0]], random_state=0)
    depth = valley_depth(X, labels)
    assert depth > 0.3
    assert valley_depth(X, np.array(["b", "a"])[labels]) == depth
    assert valley_depth(X, X[:, 1] > 0) < 0.3
    assert valley_depth(X, np.zeros(400)) == 5


def test_what_cannot_be_measured_is_refused():
    X = np.random.default_rng(0).random((20, 2))
    with pytest.raises(ValueError, match="inconsistent"):
        valley_depth(X, np.zeros(19))
    with pytest.raises(ValueError, match="minimum of 6"):
        valley_depth(X[:5], np.zeros(5))
    X[0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        valley_depth(X, np.zeros(20))
