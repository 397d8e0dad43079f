"""Accuracy without labels: fit on train without y, score on test.

    python benchmarks/accuracy.py --data digits --method kmeans infogan+consistency --seeds 10 \
        --json benchmarks/results/digits.json

Each row is fitted in a process of its own, so that its peak memory is its own. The file is
rewritten after every row; rows that it has already are not run again. With --states, features of
the same training, such as those of gan-features+kmeans and gan-probe, are trained once, and kept
in that folder.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from data import KNOWN, load
from methods import METHODS, find
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from tqdm import tqdm
from trained import Trained, kept_in, seconds_beside, train_once

from gan_cluster import GANFeatureExtractor
from gan_cluster.metrics import purity
from gan_cluster.model import Model

PACKAGES = ("gan-cluster", "torch", "scikit-learn", "skorch", "numpy", "umap-learn", "clustpy")


def keep_training(model: Any, X: np.ndarray, states: Path) -> tuple[Any, float]:
    """Train what is trained for features, once for all methods that read it.

    Returns the model with a reader of what was kept in place of each extractor, and the seconds
    that training took, now or before.
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
    name: str, method: str, seed: int, home: Path | None, n_rows: int | None, states: Path | None
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
    except Exception as error:
        row["error"] = f"{type(error).__name__}: {error}"
    row["peak_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return row


def describe_machine() -> dict[str, Any]:
    """Versions, processor and commit that a result came from."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    cpu = Path("/proc/cpuinfo")
    names = [
        line.split(":", 1)[1].strip()
        for line in (cpu.read_text().splitlines() if cpu.exists() else [])
        if line.startswith("model name")
    ]
    here = Path(__file__).parent
    git = ["git", "-C", str(here), "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    processor = f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores"
    if torch.cuda.is_available():
        processor += f", {torch.cuda.get_device_name()}"
    return {
        "versions": versions,
        "processor": processor,
        "commit": commit,
    }


def write(path: Path, result: dict) -> None:
    """Replace the file as a whole."""
    temporary = path.with_name(path.name + ".part")
    lines = ",\n  ".join(json.dumps(row) for row in result["rows"])
    head = json.dumps({key: value for key, value in result.items() if key != "rows"}, indent=1)
    temporary.write_text(head[:-2] + ',\n "rows": [\n  ' + lines + "\n ]\n}\n")
    os.replace(temporary, path)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", nargs="+", required=True, help=", ".join(KNOWN))
    parser.add_argument("--method", nargs="+", required=True, help=", ".join(METHODS))
    parser.add_argument("--seeds", type=int, default=10, help="seeds 0 .. N - 1 (default: 10)")
    parser.add_argument("--rows", type=int, help="fit on the first N training rows only")
    default_home = os.environ.get("GAN_CLUSTER_DATA")
    parser.add_argument(
        "--data-home",
        type=Path,
        default=Path(default_home) if default_home else None,
        help="folder with the data (default: $GAN_CLUSTER_DATA, or else OpenML)",
    )
    parser.add_argument("--states", type=Path, help="folder for trainings that features share")
    parser.add_argument("--json", type=Path, required=True, help="where the rows are kept")
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

    rows = json.loads(options.json.read_text())["rows"] if options.json.exists() else []
    done = {(r["data"], r["method"], r["seed"], r.get("rows")) for r in rows if "error" not in r}
    wanted = [
        (name, method, seed, options.rows)
        for name in options.data
        for seed in range(options.seeds)
        for method in options.method
    ]
    for key in tqdm([key for key in wanted if key not in done], unit="fit", file=sys.stderr):
        name, method, seed, n_rows = key
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            given = options.data_home, n_rows, options.states
            row = pool.submit(run_row, name, method, seed, *given).result()
        rows = [r for r in rows if (r["data"], r["method"], r["seed"], r.get("rows")) != key]
        machine = describe_machine()
        row |= {part: machine[part] for part in ("processor", "commit")}  # a file may have several
        rows.append(row)
        write(options.json, {**machine, "rows": rows})
        tqdm.write(json.dumps(row))


if __name__ == "__main__":
    main()
