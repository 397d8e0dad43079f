"""Accuracy with a few labels: fit on all rows of train and the classes of some, score on test.

    python benchmarks/few_labels.py --data digits --labels 10 100 --seeds 5 \\
        --json benchmarks/results/few_labels.json

Labels are random, by the seed, with the same number for each class. All methods have the same rows
and labels. Accuracy is plain, without matching of clusters and classes. `knn` and `logistic` only
use labelled rows, all others also use the rest. The other methods are scikit-learn's, with pixels
between 0 and 1. The file is rewritten after every fit; fits that it has already are not run again.
"""

from itertools import product
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from data import KNOWN, DataSet, load
from keeping import in_process, parser_of, run_missing, with_machine
from methods import find, unit_scaler
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier

OURS = "infogan+labels"
SUPERVISED = {
    "knn": lambda: KNeighborsClassifier(1),
    "logistic": lambda: LogisticRegression(max_iter=1000),
}
SEMI_SUPERVISED = {
    "self-training": lambda: SelfTrainingClassifier(LogisticRegression(max_iter=1000)),
    # of the settings that were tried on digits the best, with 10, 30 and 100 labels together
    "label-spreading": lambda: LabelSpreading("knn", n_neighbors=10, alpha=0.9, max_iter=1000),
}
METHODS = (*SUPERVISED, *SEMI_SUPERVISED, OURS)


def draw_labels(classes: np.ndarray, n_labels: int, seed: int) -> np.ndarray:
    """The classes of so many rows, as many of each, and -1 for all others."""
    rng, names = np.random.default_rng(seed), np.unique(classes)
    y = np.full(len(classes), -1)
    for name in names:
        rows = rng.choice(np.flatnonzero(classes == name), n_labels // len(names), replace=False)
        y[rows] = name
    return y


def fitted(method: str, data: DataSet, y: np.ndarray, seed: int) -> Any:
    """A method that has learned from all rows and from these labels."""
    if method == OURS:
        return find("infogan+consistency").make(data, seed).fit(data.X_train, y)
    model = (SUPERVISED | SEMI_SUPERVISED)[method]()
    known = y >= 0 if method in SUPERVISED else slice(None)
    scaler = unit_scaler(data)
    model.fit(scaler.fit_transform(data.X_train)[known], y[known])
    return make_pipeline(scaler, model)


def run_row(name: str, n_labels: int, seed: int, method: str, home: Path | None) -> dict:
    """One fit; errors become part of the row."""
    row: dict[str, Any] = {"data": name, "n_labels": n_labels, "method": method, "seed": seed}
    try:
        data = load(name, home)
        y = draw_labels(data.y_train, n_labels, seed)
        started = perf_counter()
        model = fitted(method, data, y, seed)
        row["seconds"] = round(perf_counter() - started, 2)
        # cluster i is class i, for classes are 0, 1 and so on, and all have a label
        row["acc"] = round(float(np.mean(model.predict(data.X_test) == data.y_test)), 4)
    except Exception as error:
        row["error"] = f"{type(error).__name__}: {error}"
    return with_machine(row)


def main() -> None:
    parser = parser_of(__doc__, seeds=1)
    parser.add_argument("--data", nargs="+", required=True, help=", ".join(KNOWN))
    parser.add_argument("--labels", nargs="+", type=int, required=True, help="how many, in all")
    parser.add_argument("--method", nargs="+", choices=METHODS, default=METHODS)
    options = parser.parse_args()
    for name in options.data:
        if name not in KNOWN:
            parser.error(f"unknown data {name!r}: there are {', '.join(KNOWN)}")
    if options.data_home is not None and not options.data_home.is_dir():
        parser.error(f"--data-home: there is no folder {options.data_home}")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    run_missing(
        options.json,
        product(options.data, options.labels, range(options.seeds), options.method),
        lambda row: (row["data"], row["n_labels"], row["seed"], row["method"]),
        lambda *key: in_process(run_row, *key, options.data_home),
    )


if __name__ == "__main__":
    main()
