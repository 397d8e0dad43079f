"""What a fitted generator draws: members of clusters beside real ones, and what its codes mean.

    python benchmarks/generation.py --data-home DIR --json benchmarks/results/generation.json

``members``, with the library's defaults: fidelity, variety, density and coverage by
:mod:`gan_cluster.metrics` on what the networks see, the mean over clusters and the worst; the same
of test rows, sorted by ``predict``, stands beside it as ``real``. The Frechet distance (Heusel et
al., 2017, arXiv:1706.08500) is taken between features of test rows and of generated ones, in the
frozen trunk of another fit, and beside it that between two halves of the test rows; ``--judges``
keeps those fits, for rows of several versions to be compared in the same features. Rows marked
"before" are of commit 940e318, in which the generator learned from the discriminator that reads
clusters, by this file and the measures of today.

``codes``, with two continuous codes: their correlation with two moments of the images drawn, their
slant, the shear that their second moments show, and the width of their strokes; all else is drawn,
too. Codes go from -1 to 1 as in training, and, for ``traversed``, from -2 to 2 as in the paper's
figure and in ``TraversalDisplay``. Labels are only used for ``acc``. Rows that the file has
already are not run again.
"""

import argparse
from functools import cache, partial
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
from data import DataSet, load
from keeping import Row, describe_machine, run_missing

from gan_cluster import GANFeatureExtractor, InfoGANClusterer, save
from gan_cluster import load as read
from gan_cluster.metrics import (
    cluster_coverage,
    cluster_density,
    cluster_fidelity,
    cluster_variety,
    clustering_accuracy,
)

DATA = "digits", "pendigits", "mnist", "fashion_mnist"
N_DRAWN = 200  # of each cluster
JUDGE_SEED = 1000  # of the fit in whose features rows are compared
MEASURES = {
    "fidelity": cluster_fidelity,
    "variety": cluster_variety,
    "density": cluster_density,
    "coverage": cluster_coverage,
}


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


def compared(X: np.ndarray, labels: np.ndarray, drawn: np.ndarray, drawn_labels: np.ndarray) -> Row:
    """All measures of members, the mean over clusters and the worst."""
    row: Row = {}
    for name, measure in MEASURES.items():
        values = list(measure(X, labels, drawn, drawn_labels).values())
        row[name] = round(float(np.nanmean(values)), 4)
        row[f"{name}_worst"] = round(float(np.nanmin(values)), 4)
    return row


def seen(model: InfoGANClusterer, rows: np.ndarray) -> np.ndarray:
    """Rows as the networks see them, flat."""
    return model.model_.encode(rows.reshape(len(rows), -1)).flatten(1).numpy(force=True)


def drawn_beside(model: InfoGANClusterer, X: np.ndarray, labels: np.ndarray) -> Row:
    """All measures of what is drawn of each cluster beside real rows and their labels."""
    clusters = np.unique(labels)
    drawn = [model.sample(N_DRAWN, cluster=int(k), random_state=0) for k in clusters]
    rows, of = np.concatenate(drawn), np.repeat(clusters, N_DRAWN)
    return compared(seen(model, X), labels, seen(model, rows), of)


def members(data: DataSet, seed: int, judge: GANFeatureExtractor) -> Row:
    """What a clusterer with its defaults draws of its clusters, and how long its fit takes."""
    model = InfoGANClusterer(data.n_clusters, image_shape=data.image_shape, random_state=seed)
    started, used = perf_counter(), process_time()
    model.fit(data.X_train)
    seconds, cpu_seconds = perf_counter() - started, process_time() - used
    labels, test_labels = model.labels_, model.predict(data.X_test)
    places = [np.flatnonzero(test_labels == k)[:N_DRAWN] for k in np.unique(labels)]
    real = np.concatenate(places)
    found = drawn_beside(model, data.X_train, labels)
    of_test = seen(model, data.X_test[real]), test_labels[real]
    held_out = compared(seen(model, data.X_train), labels, *of_test)
    true, generated = (
        judge.transform(rows)
        for rows in (data.X_test, model.sample(len(data.X_test), random_state=seed))
    )
    return {
        "acc": round(clustering_accuracy(data.y_test, test_labels), 4),
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu_seconds, 1),
        **found,
        **{f"real_{name}": value for name, value in held_out.items()},
        "frechet": round(frechet_distance(true, generated), 4),
        "real_frechet": round(frechet_distance(true[::2], true[1::2]), 4),
    }


def codes(data: DataSet, seed: int) -> list[Row]:
    """How strongly each of two continuous codes changes what is drawn."""
    model = InfoGANClusterer(
        data.n_clusters, image_shape=data.image_shape, n_continuous=2, random_state=seed
    ).fit(data.X_train)
    rows = []
    for code in model.code_names_[1:]:
        for moment in (slant, stroke_width):
            row = {"moment": moment.__name__, "code": code}
            for key, limit in (("correlation", 1.0), ("traversed", 2.0)):
                values, images = draw(model, code, limit, seed)
                images = images.reshape(-1, *data.image_shape[1:])
                row[key] = round(float(np.corrcoef(values, moment(images))[0, 1]), 4)
            rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", nargs="+", default=DATA)
    parser.add_argument("--data-home", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--measure", choices=["members", "codes"], default="members")
    parser.add_argument("--judges", type=Path, help="a folder for the fits that compare rows")
    parser.add_argument("--recipe", default="now", help="what rows say of the library's version")
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()
    loaded = cache(partial(load, home=options.data_home))

    @cache
    def judge_of(name: str) -> GANFeatureExtractor:
        kept = options.judges / name if options.judges is not None else None
        if kept is not None and kept.exists():
            return read(kept)
        data = loaded(name)
        judge = GANFeatureExtractor(
            data.n_clusters, image_shape=data.image_shape, random_state=JUDGE_SEED
        ).fit(data.X_train)
        if kept is not None:
            save(judge, kept)
        return judge

    def run(recipe: str, name: str, measure: str, seed: int) -> list[Row]:
        data, judge = loaded(name), judge_of(name) if measure == "members" else None
        found = [members(data, seed, judge)] if judge is not None else codes(data, seed)
        key = {"data": name, "measure": measure, "seed": seed, "recipe": recipe}
        described = {"commit": describe_machine()["commit"]}
        return [key | row | described for row in found]

    wanted = [
        (options.recipe, name, options.measure, seed)
        for name in options.data
        for seed in range(options.seeds)
    ]
    run_missing(
        options.json,
        wanted,
        lambda row: (row["recipe"], row["data"], row["measure"], row["seed"]),
        run,
    )


if __name__ == "__main__":
    main()
