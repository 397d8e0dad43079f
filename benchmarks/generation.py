"""What a fitted clusterer draws: do its members convince, and do its codes mean something?

    python benchmarks/generation.py --data digits mnist fashion_mnist pendigits --data-home DIR \
        --judges DIR --json benchmarks/results/generation.json

Rows of ``members`` are of fits with all defaults. Fidelity, variety, density and coverage are those
of ``gan_cluster.metrics.generation_report``, in pixels or standardised columns: the mean over
clusters and the worst. Beside them stands what held-out real rows have, each for a row of the
cluster that ``predict`` says. The Frechet distance (Heusel et al., 2017, arXiv:1706.08500) is taken
between features of test rows and of generated ones, in the frozen features of another fit, and
beside it that between two halves of the test rows. ``--judges`` keeps those fits, so that rows of
several versions are compared in the same features.

Rows of ``codes`` are of fits to images with two continuous codes. For each code they give its
correlation with two moments of the images drawn: their slant, the shear that their second moments
show, and the width of their strokes; all else is drawn, too. Codes go from -1 to 1 as in training,
and, for ``traversed``, from -2 to 2 as in the paper's figure and in ``TraversalDisplay``.

Rows that the file has of the same version are not run again.
"""

import argparse
from pathlib import Path
from time import perf_counter

import numpy as np
from data import DataSet, load
from keeping import describe_machine, run_missing

from gan_cluster import GANFeatureExtractor, InfoGANClusterer, save
from gan_cluster import load as read
from gan_cluster.metrics import (
    cluster_coverage,
    cluster_density,
    cluster_fidelity,
    cluster_variety,
    clustering_accuracy,
    generation_report,
)

JUDGE_SEED = 1000  # of the fit in whose features rows are compared
SEEDS = range(3)
MEASURES = {
    "fidelity": cluster_fidelity,
    "variety": cluster_variety,
    "density": cluster_density,
    "coverage": cluster_coverage,
}
DRAWN = 200  # of each cluster


def slant(images: np.ndarray) -> np.ndarray:
    """Shear of each image (n, height, width): its covariance of x and y by the variance of y.

    >>> tilted = np.eye(9)[None]
    >>> round(float(slant(tilted)[0]), 2), round(float(slant(tilted[:, ::-1])[0]), 2)
    (1.0, -1.0)
    """
    mass = images / images.sum((1, 2), keepdims=True)
    y, x = np.arange(images.shape[1]), np.arange(images.shape[2])
    dy = y - (mass.sum(2) @ y)[:, None]
    dx = x - (mass.sum(1) @ x)[:, None]
    covariance = np.einsum("nyx,ny,nx->n", mass, dy, dx)
    return covariance / np.einsum("nyx,ny->n", mass, dy**2)


def stroke_width(images: np.ndarray) -> np.ndarray:
    """Mean width of the strokes of each image (n, height, width) in pixels, nothing outside.

    It is twice the ink by the length of its edge, which is its total variation: the ends of a
    stroke, counted as edge, too, make it a little less.

    >>> bars = np.zeros((4, 28, 28))
    >>> for width, bar in enumerate(bars, start=1):
    ...     bar[4:24, 8 : 8 + width] = 1
    >>> stroke_width(bars).round(1)
    array([1. , 1.8, 2.6, 3.4])
    """
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    down, right = padded[:, 1:, :-1], padded[:, :-1, 1:]
    edge = np.hypot(down - padded[:, :-1, :-1], right - padded[:, :-1, :-1]).sum((1, 2))
    return 2 * images.sum((1, 2)) / edge


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Between the Gaussians of two sets of features (n, d).

    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(500, 3))
    >>> abs(round(frechet_distance(X, X), 6)), round(frechet_distance(X, X + 2), 6)
    (0.0, 12.0)
    """
    means = first.mean(0) - second.mean(0)
    covariances = np.cov(first.T), np.cov(second.T)
    # the trace of the root of a product is the sum of the roots of its eigenvalues
    roots = np.sqrt(np.linalg.eigvals(covariances[0] @ covariances[1]).real.clip(0))
    return float(means @ means + np.trace(covariances[0] + covariances[1]) - 2 * roots.sum())


def draw(
    model: InfoGANClusterer, name: str, limit: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Values of a code, from -limit to limit, and rows that have them."""
    place = model.code_names_.index(name)
    codes = np.full((2000, len(model.code_names_)), np.nan)
    codes[:, place] = np.random.default_rng(seed).uniform(-limit, limit, len(codes))
    rows = model.sample(len(codes), random_state=seed, codes=codes)
    return codes[:, place], np.clip(rows.astype(np.float64), 0, None)


def judge_of(data: DataSet, name: str, folder: Path | None) -> GANFeatureExtractor:
    """The fit in whose features rows are compared; read from a folder, or kept there."""
    kept = folder / name if folder is not None else None
    if kept is not None and kept.exists():
        return read(kept)
    judge = GANFeatureExtractor(
        data.n_clusters, image_shape=data.image_shape, random_state=JUDGE_SEED
    ).fit(data.X_train)
    if kept is not None:
        save(judge, kept)
    return judge


def told(values: dict[str, np.ndarray], suffix: str = "") -> dict[str, float]:
    """Mean and worst over clusters."""
    means = {f"{name}{suffix}": float(np.nanmean(values[name])) for name in MEASURES}
    worst = {f"{name}_worst{suffix}": float(np.nanmin(values[name])) for name in MEASURES}
    return means | worst


def held_out(model: InfoGANClusterer, data: DataSet) -> dict[str, np.ndarray]:
    """The same measures of test rows, as many of each cluster as are drawn."""
    scale = 1.0 if model.image_shape else data.X_train.std(0)
    X, new = (rows / np.where(scale, scale, 1.0) for rows in (data.X_train, data.X_test))
    labels = model.predict(data.X_test)
    known = np.unique(model.labels_)
    kept = np.concatenate([np.flatnonzero(labels == cluster)[:DRAWN] for cluster in known])
    given = X, model.labels_, new[kept], labels[kept]
    return {name: np.array([*measure(*given).values()]) for name, measure in MEASURES.items()}


def members(data: DataSet, judge: GANFeatureExtractor, seed: int) -> dict[str, float]:
    """What a fit with all defaults draws, how right its clusters are, and what it took."""
    model = InfoGANClusterer(data.n_clusters, image_shape=data.image_shape, random_state=seed)
    started = perf_counter()
    model.fit(data.X_train)
    seconds = perf_counter() - started
    real = judge.transform(data.X_test)
    drawn = judge.transform(model.sample(len(real), random_state=seed))
    return {
        "acc": clustering_accuracy(data.y_test, model.predict(data.X_test)),
        **told(generation_report(model, data.X_train, n_samples=DRAWN)),
        **told(held_out(model, data), ", held out"),
        "frechet": frechet_distance(real, drawn),
        "frechet, held out": frechet_distance(real[::2], real[1::2]),
        "seconds": seconds,
    }


def codes(data: DataSet, seed: int) -> list[dict]:
    """How strongly each of two continuous codes changes slant and stroke width."""
    assert data.image_shape is not None
    model = InfoGANClusterer(
        data.n_clusters, image_shape=data.image_shape, n_continuous=2, random_state=seed
    ).fit(data.X_train)
    rows = []
    for name in model.code_names_[1:]:
        for measure, moment in (("slant", slant), ("stroke width", stroke_width)):
            row = {"measure": measure, "code": name}
            for key, limit in (("correlation", 1.0), ("traversed", 2.0)):
                values, images = draw(model, name, limit, seed)
                found = moment(images.reshape(-1, *data.image_shape[1:]))
                row[key] = np.corrcoef(values, found)[0, 1]
            rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", nargs="+", default=["mnist"])
    parser.add_argument("--data-home", type=Path)
    parser.add_argument("--rows", type=int, help="fit on the first N training rows only")
    parser.add_argument("--study", nargs="+", default=["members", "codes"])
    parser.add_argument("--judges", type=Path, help="where fits that compare rows are kept")
    parser.add_argument("--version", default="now", help="what rows say that was measured")
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()
    if options.judges is not None:
        options.judges.mkdir(parents=True, exist_ok=True)
    wanted = [
        (options.version, study, name, seed)
        for study in options.study
        for name in options.data
        for seed in SEEDS
        if study == "members" or name in ("digits", "mnist")  # strokes
    ]

    def run(version: str, study: str, name: str, seed: int) -> list[dict]:
        data = load(name, options.data_home)
        data = data._replace(
            X_train=data.X_train[: options.rows], y_train=data.y_train[: options.rows]
        )
        if study == "members":
            found: list[dict] = [members(data, judge_of(data, name, options.judges), seed)]
        else:
            found = codes(data, seed)
        machine = describe_machine()
        row = {"version": version, "study": study, "data": name, "seed": seed}
        row |= {part: machine[part] for part in ("processor", "commit")}
        return [
            {**row, **{k: round(v, 4) if isinstance(v, float) else v for k, v in each.items()}}
            for each in found
        ]

    def key_of(row: dict) -> tuple:
        return row["version"], row["study"], row["data"], row["seed"]

    run_missing(options.json, wanted, key_of, run)


if __name__ == "__main__":
    main()
