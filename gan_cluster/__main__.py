"""``python -m gan_cluster``: cluster real handwriting without labels, then score it with them."""

import argparse
import io
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, BinaryIO

import numpy as np
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from gan_cluster import GANFeatureExtractor, InfoGANClusterer
from gan_cluster._folder import part_of, write_file
from gan_cluster._recipe import resolve_device
from gan_cluster.inspection import ClusterDisplay, ClusterReport
from gan_cluster.inspection._matplotlib import require_matplotlib
from gan_cluster.inspection.report import require_bokeh
from gan_cluster.metrics import clustering_accuracy

N_CLUSTERS = 10
CLUSTERER = "infogan+consistency"
SCORES = {
    "acc": clustering_accuracy,
    "nmi": normalized_mutual_info_score,
    "ari": adjusted_rand_score,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the comparison; return the exit code."""
    parser = make_parser()
    options = parser.parse_args(argv)
    asked = {"--output": options.output, "--json": options.json, "--report": options.report}
    paths = {name: path for name, path in asked.items() if path is not None}
    try:
        check_options(options.seed, options.device, paths)
    except (ImportError, ValueError) as error:
        parser.error(str(error))

    digits = load_digits()
    kmeans, clusterer = make_methods(options.seed, options.device)
    print(
        f"{len(digits.data)} handwritten digits of 8x8 pixels, clustered without their labels",
        flush=True,
    )
    rows = [
        {"method": name, **score(digits.target, labels), "seconds": seconds}
        for name, labels, seconds in run_methods(digits.data, kmeans, clusterer)
    ]
    print(format_table(rows))
    if options.json is not None:
        write_file(options.json.resolve(), (json.dumps(rows, indent=2) + "\n").encode())
        print(f"scores written to {options.json}")
    picture = io.BytesIO()
    save_picture(clusterer, digits.data, picture)
    write_file(options.output.resolve(), picture.getvalue())
    print(f"clusters drawn in {options.output}")
    if options.report is not None:
        ClusterReport.from_estimator(clusterer, digits.data).save(options.report)
        print(f"clusters shown on the page {options.report}")
    return 0


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m gan_cluster",
        description="Cluster scikit-learn's handwritten digits without labels, in three ways: "
        "KMeans on pixels, KMeans on features of a GAN, and the clusters of the same GAN, which "
        "InfoGANClusterer trains once. Then score them with the labels, and draw each cluster with "
        "newly generated members beside real ones.",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of all methods (default: 0)")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the scores there as well")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="PNG",
        default=Path("clusters.png"),
        help="where to draw the clusters (default: clusters.png)",
    )
    parser.add_argument(
        "--report",
        type=Path,
        metavar="HTML",
        help="write a page there as well, with a map of all digits (needs the extra report)",
    )
    parser.add_argument(
        "--device", default="auto", help='"auto" (default), "cpu", "cuda", "cuda:0" or "mps"'
    )
    return parser


def check_options(seed: int, device: str, paths: Mapping[str, Path]) -> None:
    """Raise errors before training that would otherwise be raised after it."""
    require_matplotlib("python -m gan_cluster")
    if "--report" in paths:
        require_bokeh("--report")
    if not 0 <= seed < 2**32:
        raise ValueError(f"--seed should be from 0 to 2**32 - 1, got {seed}")
    resolve_device(device)
    for path in paths.values():
        check_writable(path)
    if len({path.resolve() for path in paths.values()}) < len(paths):
        raise ValueError(f"{' and '.join(paths)} should be different files")


def check_writable(path: Path) -> None:
    """Raise a ValueError unless a file can be written there."""
    try:
        if not path.absolute().parent.is_dir():
            raise FileNotFoundError(0, f"there is no folder {path.absolute().parent}")
        if path.exists():
            if not path.is_file():
                raise FileExistsError(0, "it exists and is not a file")
            path.open("ab").close()
        else:  # its name may be too long
            path.resolve().open("xb").close()
            path.resolve().unlink()
        temporary = part_of(path.resolve())
        temporary.touch(exist_ok=False)
        temporary.unlink()
    except OSError as error:
        raise ValueError(f"{path} can't be written: {error.strerror}") from error


def make_methods(seed: int, device: str) -> tuple[KMeans, InfoGANClusterer]:
    """The methods to compare, with their defaults."""
    return (
        KMeans(N_CLUSTERS, init="k-means++", n_init=10, random_state=seed),
        InfoGANClusterer(
            N_CLUSTERS, image_shape=(1, 8, 8), random_state=seed, device=device, verbose=1
        ),
    )


def run_methods(
    X: np.ndarray, kmeans: KMeans, clusterer: InfoGANClusterer
) -> Iterator[tuple[str, np.ndarray, float]]:
    """Name, labels and seconds of each method. The GAN is trained once and read in two ways."""
    print("kmeans ...", file=sys.stderr, flush=True)
    started = perf_counter()
    labels = clone(kmeans).fit_predict(X)
    yield "kmeans", labels, perf_counter() - started
    print("GAN ...", file=sys.stderr, flush=True)
    started = perf_counter()
    clusterer.fit(X)
    training = perf_counter() - started
    started = perf_counter()
    features = GANFeatureExtractor.from_model(clusterer.model_, X).transform(X)
    labels = clone(kmeans).fit_predict(features)
    yield "features+kmeans", labels, training + perf_counter() - started
    yield CLUSTERER, clusterer.labels_, training


def score(labels_true: np.ndarray, labels_pred: np.ndarray) -> dict[str, float]:
    """All scores of a clustering; the only place that sees true labels."""
    return {name: float(metric(labels_true, labels_pred)) for name, metric in SCORES.items()}


def format_table(rows: list[dict[str, Any]]) -> str:
    """A line a method.

    >>> print(format_table([{"method": "kmeans", "acc": 1, "nmi": 0.9, "ari": 0, "seconds": 3}]))
    method                  ACC    NMI    ARI  seconds
    kmeans                1.000  0.900  0.000      3.0
    """
    lines = [f"{'method':20}  {'ACC':>5}  {'NMI':>5}  {'ARI':>5}  {'seconds':>7}"]
    for row in rows:
        shown = "  ".join(f"{row[name]:5.3f}" for name in SCORES)
        lines.append(f"{row['method']:20}  {shown}  {row['seconds']:7.1f}")
    return "\n".join(lines)


def save_picture(clusterer: InfoGANClusterer, X: np.ndarray, file: BinaryIO) -> None:
    """Draw the clusters without pyplot, so that no window or screen is ever needed."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 6.4), layout="constrained")
    ClusterDisplay.from_estimator(clusterer, X, ax=figure.subplots())
    figure.savefig(file, format="png", dpi=100)


if __name__ == "__main__":
    sys.exit(main())
