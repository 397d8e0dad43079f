"""Fits, searches, saves, loads and predictions in a loop: what grows, and what changes.

    python benchmarks/soak.py --minutes 30 --json benchmarks/results/soak.json

Each row is a round, with the seconds since the start, the memory held and the files open at its
end; ``mb_an_hour`` is the slope of memory over the second half. A result that is not that of the
first round ends the run with an error.
"""

import argparse
import gc
import hashlib
import json
import os
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
import torch
from keeping import describe_machine, write
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from gan_cluster import GANFeatureExtractor, InfoGANClusterer, load, save


def held_mb() -> float:
    """Resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def one_round(X: np.ndarray, folder: Path) -> str:
    """Everything a user does once, and a digest of what came out."""
    settings = {"image_shape": (1, 8, 8), "width": 4, "max_epochs": 4, "random_state": 0}
    clusterer = InfoGANClusterer(10, checkpoint_dir=folder / "state", **settings).fit(X)
    found = [clusterer.labels_]
    for path in (folder / "state").iterdir():
        path.unlink()
    save(clusterer, folder / "model")
    same = load(folder / "model").partial_fit(X)
    found += [same.predict(X), same.sample(10, random_state=0), same.transform(X)]
    search = GridSearchCV(InfoGANClusterer(10, n_init=1, **settings), {"width": [2, 3]}, cv=2)
    found.append(search.fit(X).cv_results_["mean_test_score"])
    features = GANFeatureExtractor(10, **settings)
    pipeline = make_pipeline(features, KMeans(10, init="k-means++", random_state=0))
    found.append(pipeline.fit_predict(X))
    return hashlib.sha256(b"".join(np.asarray(part).tobytes() for part in found)).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    X, rows, expected, begun = load_digits().data[:500], [], None, perf_counter()
    while perf_counter() - begun < 60 * options.minutes:
        with TemporaryDirectory() as folder:
            digest = one_round(X, Path(folder))
        expected = expected or digest
        if digest != expected:
            raise SystemExit(f"round {len(rows)} gave another result than the first")
        gc.collect()
        rows.append(
            {
                "round": len(rows),
                "seconds": round(perf_counter() - begun, 1),
                "held_mb": round(held_mb(), 1),
                "open_files": len(os.listdir("/proc/self/fd")),
            }
        )
        later = rows[len(rows) // 2 :]
        slope = 0.0
        if len(later) > 1:
            points = [(row["seconds"] / 3600, row["held_mb"]) for row in later]
            slope = float(np.polyfit(*zip(*points, strict=True), 1)[0])
        write(options.json, {**describe_machine(), "mb_an_hour": round(slope, 1), "rows": rows})
    print(json.dumps({"rounds": len(rows), "mb_an_hour": round(slope, 1), **rows[-1]}))


if __name__ == "__main__":
    main()
