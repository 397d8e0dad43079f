"""The number of clusters found without labels, compared with the number of classes.

    python benchmarks/cluster_number.py --data digits wine iris --seeds 5 \
        --json benchmarks/results/cluster_number.json

``auto`` is only the search of ``InfoGANClusterer("auto")``, without the fit that follows it; its
labels are those of the merged codes. ``auto, fit`` is the whole fit, and ``given, fit`` is a fit
with the number of classes. ``blobs-D-K`` are 1,000 random rows around K centres in D dimensions,
different for each seed; ``noise-D`` is uniform. All training rows are fitted and scored. Labels are
only used for scores. ``xmeans`` and ``dipmeans`` are those of ClustPy.
"""

from collections.abc import Callable
from itertools import product
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from data import KNOWN, DataSet, load
from keeping import parser_of, run_missing, with_machine
from scipy.cluster.hierarchy import fcluster
from sklearn.cluster import HDBSCAN, KMeans
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score, silhouette_score
from sklearn.preprocessing import StandardScaler

from gan_cluster import InfoGANClusterer
from gan_cluster._recipe import resolve
from gan_cluster._validation.rows import check_rows
from gan_cluster.metrics import clustering_accuracy
from gan_cluster.training.inference import map_rows
from gan_cluster.training.schedule import Schedule

MOST = 20
ROWS, STD = 1_000, {2: 0.6}  # of blobs; in other dimensions 1
SILHOUETTE_ROWS = 5_000
Found = tuple[np.ndarray, np.ndarray]  # labels, and the classes of the same rows


def data_of(name: str, seed: int, home: Path | None) -> DataSet:
    """Rows and classes; what is made is made anew for each seed."""
    kind, *sizes = name.split("-")
    if kind == "blobs":
        d, k = map(int, sizes)
        X, y = make_blobs(
            ROWS, n_features=d, centers=k, cluster_std=STD.get(d, 1), random_state=seed
        )
        return DataSet(X, y, X, y, None)
    if kind == "noise":
        X, y = np.random.RandomState(seed).rand(ROWS, int(sizes[0])), np.zeros(ROWS, dtype=int)
        return DataSet(X, y, X, y, None)
    return load(name, home)


def searched(data: DataSet, seed: int) -> Found:
    """The search for the number alone, and the clusters of its codes."""
    estimator = InfoGANClusterer("auto", image_shape=data.image_shape, random_state=seed)
    rows = check_rows(estimator, data.X_train, reset=True, min_rows=2)
    recipe = resolve(estimator.get_params(deep=False), rows, "cpu")
    schedule = Schedule(recipe, rows.X)
    schedule.prepare(seed)
    _, n_clusters, tree = schedule.find_number(MOST)
    net = schedule.runs[0].net
    codes = map_rows(net, recipe.encoding, rows.X, lambda batch: net.read_first(batch).argmax(1))
    return fcluster(tree, n_clusters, "maxclust")[codes], data.y_train


def fitted(n_clusters: Any) -> Callable[[DataSet, int], Found]:
    """A whole fit."""

    def run(data: DataSet, seed: int) -> Found:
        k = data.n_clusters if n_clusters is None else n_clusters
        model = InfoGANClusterer(k, image_shape=data.image_shape, random_state=seed)
        return model.fit_predict(data.X_train), data.y_train

    return run


def scaled(data: DataSet) -> np.ndarray:
    """Tables standardised, as our own estimator does; images as they are."""
    X = data.X_train
    return X if data.image_shape else StandardScaler().fit_transform(X)


def by_silhouette(data: DataSet, seed: int) -> Found:
    """k-means with the number of the highest silhouette."""
    X, best = scaled(data), (-1.0, np.empty(0))
    for k in range(2, MOST + 1):
        labels = KMeans(k, n_init=10, random_state=seed).fit_predict(X)
        size = min(len(X), SILHOUETTE_ROWS)
        score = silhouette_score(X, labels, sample_size=size, random_state=seed)
        best = max(best, (score, labels), key=lambda each: each[0])
    return best[1], data.y_train


def by_density(data: DataSet, seed: int) -> Found:
    """HDBSCAN with its defaults; rows that it calls noise are of no cluster."""
    return HDBSCAN(copy=True).fit_predict(scaled(data)), data.y_train


def splitting(name: str) -> Callable[[DataSet, int], Found]:
    """A method of ClustPy that splits clusters of k-means until a test says to stop."""

    def run(data: DataSet, seed: int) -> Found:
        from clustpy import centroid

        model = getattr(centroid, name)(max_n_clusters=MOST, random_state=seed)
        return model.fit(scaled(data)).labels_, data.y_train

    return run


METHODS: dict[str, Callable[[DataSet, int], Found]] = {
    "auto": searched,
    "silhouette": by_silhouette,
    "hdbscan": by_density,
    "xmeans": splitting("XMeans"),
    "dipmeans": splitting("DipMeans"),
    "auto, fit": fitted("auto"),
    "given, fit": fitted(None),
}


def run_row(name: str, seed: int, method: str, n_rows: int | None, home: Path | None) -> dict:
    """One method on one data set with one seed; errors become part of the row."""
    row: dict[str, Any] = {"data": name, "method": method, "seed": seed}
    try:
        data = data_of(name, seed, home)
        if n_rows is not None:
            data = data._replace(X_train=data.X_train[:n_rows], y_train=data.y_train[:n_rows])
            row["rows"] = n_rows
        started = perf_counter()
        labels, classes = METHODS[method](data, seed)
        row["seconds"] = round(perf_counter() - started, 2)
        row["classes"], row["found"] = len(np.unique(classes)), len(np.unique(labels[labels >= 0]))
        row["acc"] = round(float(clustering_accuracy(classes, labels - labels.min())), 4)
        row["ari"] = round(float(adjusted_rand_score(classes, labels)), 4)
    except Exception as error:
        row["error"] = f"{type(error).__name__}: {error}"
    return with_machine(row)


def main() -> None:
    parser = parser_of(__doc__, seeds=5)
    parser.add_argument("--data", nargs="+", required=True, help="blobs-D-K, noise-D or a name")
    parser.add_argument("--method", nargs="+", default=["auto", "silhouette", "hdbscan"])
    parser.add_argument("--rows", type=int, help="the first N training rows only")
    options = parser.parse_args()
    for name in options.method:
        if name not in METHODS:
            parser.error(f"unknown method {name!r}: there are {', '.join(METHODS)}")
    for name in options.data:
        if name not in KNOWN and name.split("-")[0] not in ("blobs", "noise"):
            parser.error(f"unknown data {name!r}: there are {', '.join(KNOWN)}, blobs and noise")
    wanted = product(range(options.seeds), options.data, options.method)

    def run(seed: int, name: str, method: str) -> dict:
        return run_row(name, seed, method, options.rows, options.data_home)

    run_missing(options.json, wanted, lambda row: (row["seed"], row["data"], row["method"]), run)


if __name__ == "__main__":
    main()
