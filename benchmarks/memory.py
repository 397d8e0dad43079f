"""Rows larger than memory: peak memory and seconds of fit and transform as the rows grow.

    python benchmarks/memory.py --rows 10000 100000 400000 1000000 4000000 \
        --json benchmarks/results/memory.json

Images of 28x28 uint8 are made in a temporary folder: digits, enlarged and shifted. Each row of the
result is measured in a separate process, which fits small networks for one epoch and writes the
features to a file. ``peak_mb`` is its memory without that of importing the library. Rows of
``kind`` memory have all images in an array.
"""

import argparse
import resource
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
from keeping import in_process, run_missing
from sklearn.datasets import load_digits

from gan_cluster import InfoGANClusterer

PIXELS = 28 * 28
CHUNK = 20_000


def make_images(path: Path, n_rows: int) -> None:
    """Digits enlarged threefold, at a random place in 28x28, with noise."""
    rng = np.random.default_rng(0)
    digits = load_digits().images.repeat(3, axis=1).repeat(3, axis=2) * 12
    with path.open("wb") as file:
        for start in range(0, n_rows, CHUNK):
            size = min(CHUNK, n_rows - start)
            images = rng.integers(0, 40, (size, 28, 28), dtype=np.uint8)
            chosen, places = rng.integers(len(digits), size=size), rng.integers(5, size=(size, 2))
            for image, digit, (down, right) in zip(images, chosen, places, strict=True):
                image[down : down + 24, right : right + 24] += digits[digit].astype(np.uint8)
            file.write(images.data)


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run_row(kind: str, path: Path, n_rows: int) -> dict:
    """Fit and transform in this process, and what both took."""
    before = peak_mb()
    X = np.memmap(path, dtype=np.uint8, mode="r", shape=(n_rows, PIXELS))
    if kind == "memory":
        X = np.array(X)
    model = InfoGANClusterer(
        10, image_shape=(1, 28, 28), width=4, n_init=1, max_epochs=1, random_state=0
    )
    started = perf_counter()
    model.fit(X)
    fitted = perf_counter()
    out = np.memmap(path.with_suffix(".out"), np.float32, "w+", shape=(n_rows, 16 * model.width))
    model.transform(X, out=out)
    ended = perf_counter()
    return {
        "kind": kind,
        "rows": n_rows,
        "fit_seconds": round(fitted - started, 1),
        "epoch_seconds": round(model.history_[-1]["seconds"], 1),
        "transform_seconds": round(ended - fitted, 1),
        "peak_mb": round(peak_mb() - before),
    }


def run(kind: str, n_rows: int) -> dict:
    """Make the rows, and measure in a new process what they take."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "images")
        make_images(path, n_rows)
        return in_process(run_row, kind, path, n_rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 400_000])
    parser.add_argument("--kind", nargs="+", default=["file"], choices=["file", "memory"])
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()
    run_missing(
        options.json,
        [(kind, n_rows) for n_rows in options.rows for kind in options.kind],
        lambda row: (row["kind"], row["rows"]),
        run,
    )


if __name__ == "__main__":
    main()
