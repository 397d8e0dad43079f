"""Which features of a discriminator are best: layers, pooling and scaling of the same networks.

    python benchmarks/readings.py --data mnist --objective gan infogan --seeds 3 --rows 20000 \
        --data-home DIR --json benchmarks/results/readings_mnist.json

All features are computed from each training. k-means++ is fitted on the features of training rows,
and test rows are assigned to the nearest centre. The file is rewritten after every training;
trainings that it has already are not run again.
"""

import argparse
from collections.abc import Callable
from itertools import product
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from data import KNOWN, DataSet, load
from keeping import run_missing
from methods import INFOGAN, extractor
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer, StandardScaler

from gan_cluster import GANFeatureExtractor
from gan_cluster.__main__ import score
from gan_cluster.networks.build import POSTERIOR
from gan_cluster.networks.reading import pool

OBJECTIVES = {
    "gan": extractor(objective="gan"),
    "infogan": extractor(**INFOGAN, n_init=1),
    "infogan+consistency": extractor(n_init=1),
}
POOLINGS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "average": lambda maps: pool(maps, "avg"),
    "maximum": lambda maps: maps.amax((2, 3)),
    "generalised mean": lambda maps: maps.clamp_min(1e-6).pow(3).mean((2, 3)).pow(1 / 3),
    "4x4 maxima": lambda maps: pool(maps, "max").flatten(1),
}
SCALINGS = {
    "as they are": lambda: FunctionTransformer(),
    "unit rows": lambda: Normalizer(),
    "unit channels": lambda: StandardScaler(),
    "whitened, unit rows": lambda: make_pipeline(
        PCA(0.99, whiten=True, random_state=0), Normalizer()
    ),
}


def readings(model: GANFeatureExtractor, X: np.ndarray) -> dict[str, np.ndarray]:
    """Features of rows by the name of their layer and pooling, before any scaling."""
    found = {"as by default": model.transform(X)}
    if POSTERIOR in model.layer_names_:
        found[POSTERIOR] = model.encode(X).categorical[0]
    for layer in model.discriminator_.layers:

        def activations(batch: torch.Tensor, layer: str = layer) -> torch.Tensor:
            return model.discriminator_.activations(batch, [layer])[layer]

        if activations(model.model_.encode(X[:2])).ndim < 4:
            found[layer] = model.model_.map(activations, X)
            continue
        for name, pooled in POOLINGS.items():
            found[f"{layer}, {name}"] = model.model_.map(
                lambda batch, pooled=pooled, read=activations: pooled(read(batch)), X
            )
    return found


def rows_of(data: DataSet, name: str, seed: int, objective: str, n_rows: int | None) -> list[dict]:
    """Train once; a row for each reading and scaling."""
    X = data.X_train[:n_rows]
    started = perf_counter()
    model = OBJECTIVES[objective](data, seed).fit(X)
    seconds = round(perf_counter() - started, 2)
    train, test = readings(model, X), readings(model, data.X_test)
    rows = []
    for reading, features in train.items():
        for scaling, make in SCALINGS.items():
            clusterer = make_pipeline(make(), KMeans(data.n_clusters, n_init=3, random_state=seed))
            labels = clusterer.fit(features).predict(test[reading])
            row = {"data": name, "method": f"{objective}: {reading}, {scaling}", "seed": seed}
            if n_rows is not None:
                row["rows"] = n_rows
            scores = {key: round(v, 4) for key, v in score(data.y_test, labels).items()}
            rows.append({**row, **scores, "seconds": seconds})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", nargs="+", required=True, choices=KNOWN, metavar="NAME")
    parser.add_argument("--objective", nargs="+", default=list(OBJECTIVES), choices=OBJECTIVES)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", type=int, help="fit on the first N training rows only")
    parser.add_argument("--data-home", type=Path)
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()
    run_missing(
        options.json,
        product(options.data, range(options.seeds), options.objective, [options.rows]),
        lambda row: (row["data"], row["seed"], row["method"].partition(":")[0], row.get("rows")),
        lambda name, *key: rows_of(load(name, options.data_home), name, *key),
    )


if __name__ == "__main__":
    main()
