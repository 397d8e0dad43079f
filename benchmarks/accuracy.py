"""Accuracy without labels: fit on train without y, score on test.

    python benchmarks/accuracy.py --data digits --method kmeans infogan+consistency --seeds 10 \
        --json benchmarks/results/digits.json

Each row is fitted in a separate process, to measure its peak memory. The file is rewritten after
every row; rows that it has already are not run again. With --states, a training that several
methods use, such as gan-features+kmeans and gan-probe, is done once and kept in that folder.
``calibration_error`` is that of ``predict_proba`` on test rows.
"""

import resource
from functools import partial
from itertools import product
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from data import KNOWN, load
from keeping import in_process, parser_of, run_missing, with_machine
from methods import METHODS, find
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from trained import Trained, kept_in, seconds_beside, train_once

from gan_cluster import GANFeatureExtractor
from gan_cluster.metrics import expected_calibration_error, purity
from gan_cluster.model import Model


def keep_training(model: Any, X: np.ndarray, states: Path) -> tuple[Any, float]:
    """Train each extractor once for all methods that use it.

    Returns the model, in which extractors are replaced by readers of the kept training, and the
    seconds that training took, now or before.
    """
    if type(model) is GANFeatureExtractor:
        train_once(model, X, states)
        seconds = float(seconds_beside(kept_in(model, X, states)).read_text())
        return Trained(model, partial(train_once, states=states)), seconds
    total = 0.0
    for name, part in model.get_params().items():
        if type(part) is GANFeatureExtractor and "__" not in name:  # a step, not a part of one
            reader, seconds = keep_training(part, X, states)
            model.set_params(**{name: reader})
            total += seconds
    return model, total


def run_row(
    name: str, seed: int, method: str, n_rows: int | None, home: Path | None, states: Path | None
) -> dict:
    """Fit one method on one data set with one seed; errors become part of the row."""
    row: dict[str, Any] = {"data": name, "method": method, "seed": seed}
    if n_rows is not None:
        row["rows"] = n_rows
    try:
        data = load(name, home)
        chosen = find(method)
        X = data.X_train[:n_rows]
        model = chosen.make(data, seed)
        model, before = keep_training(model, X, states) if states else (model, 0.0)
        started = perf_counter()
        model.fit(X)
        row["seconds"] = round(before + perf_counter() - started, 2)
        labels = chosen.predict(model, data.X_test)
        row["acc"] = round(float(chosen.accuracy(data.y_test, labels)), 4)
        row["purity"] = round(purity(data.y_test, labels), 4)
        row["nmi"] = round(float(normalized_mutual_info_score(data.y_test, labels)), 4)
        row["ari"] = round(float(adjusted_rand_score(data.y_test, labels)), 4)
        trained = getattr(model, "model_", None)
        has_score = isinstance(trained, Model) and trained.n_clusters > 0
        row["score"] = round(trained.score(data.X_test), 4) if has_score else None
        if has_score:
            probabilities = trained.probabilities(data.X_test)
            error = expected_calibration_error(data.y_test, probabilities)
            row["calibration_error"] = round(float(error), 4)
    except Exception as error:
        row["error"] = f"{type(error).__name__}: {error}"
    row["peak_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return with_machine(row)


def main() -> None:
    parser = parser_of(__doc__, seeds=10)
    parser.add_argument("--data", nargs="+", required=True, help=", ".join(KNOWN))
    parser.add_argument("--method", nargs="+", required=True, help=", ".join(METHODS))
    parser.add_argument("--rows", type=int, help="fit on the first N training rows only")
    parser.add_argument("--states", type=Path, help="folder for trainings that features share")
    options = parser.parse_args()
    for kind, names, known in (("data", options.data, KNOWN), ("method", options.method, METHODS)):
        for name in names:
            if name not in known:
                parser.error(f"unknown {kind} {name!r}: there are {', '.join(known)}")
    if options.data_home is not None and not options.data_home.is_dir():
        parser.error(f"--data-home: there is no folder {options.data_home}")
    if options.seeds < 1:
        parser.error(f"--seeds: {options.seeds} is not a positive number")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    if options.states:
        options.states.mkdir(parents=True, exist_ok=True)

    run_missing(
        options.json,
        product(options.data, range(options.seeds), options.method, [options.rows]),
        lambda row: (row["data"], row["seed"], row["method"], row.get("rows")),
        lambda *key: in_process(run_row, *key, options.data_home, options.states),
    )


if __name__ == "__main__":
    main()
