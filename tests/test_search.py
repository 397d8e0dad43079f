"""Searches over many processes find what one process finds."""

import joblib
import pytest
from dask.distributed import Client, LocalCluster
from sklearn.model_selection import GridSearchCV
from small import clusterer


def _search(X, **settings):
    grid = {"batch_size": [10, 40], "max_epochs": [2, 8]}
    return GridSearchCV(clusterer(), grid, cv=2, **settings).fit(X)


@pytest.fixture(scope="module")
def expected(blobs):
    return _search(blobs[0])


def _assert_same(search, expected):
    assert search.best_params_ == expected.best_params_
    scores = search.cv_results_["mean_test_score"]
    assert scores.tolist() == pytest.approx(expected.cv_results_["mean_test_score"].tolist())


def test_loky(blobs, expected):
    with joblib.parallel_backend("loky", n_jobs=2):
        _assert_same(_search(blobs[0], n_jobs=2), expected)


@pytest.mark.filterwarnings("ignore")  # dask warns itself
def test_dask(blobs, expected):
    workers = LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    )
    with workers as cluster, Client(cluster) as client:
        assert len(client.scheduler_info()["workers"]) == 2
        with joblib.parallel_backend("dask"):
            _assert_same(_search(blobs[0]), expected)
