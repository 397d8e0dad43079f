"""What a fitted generator draws: do its codes mean something, and how near are its images?

    python benchmarks/generation.py --data mnist --data-home DIR \
        --json benchmarks/results/generation.json

For each continuous code the rows give its correlation with two moments of the images drawn: their
slant, the shear that their second moments show, and the width of their strokes; all else is drawn,
too. Codes go from -1 to 1 as in training, and, for ``traversed``, from -2 to 2 as in the paper's
figure and in ``TraversalDisplay``. ``classes`` is the number of different digits that the clusters
show, as read by a classifier of real images. The Frechet distance (Heusel et al., 2017,
arXiv:1706.08500) is taken between features of real test images and of generated ones, in the
frozen features of another fit, and beside it that between two halves of the real images.
"""

import argparse
from pathlib import Path

import numpy as np
from data import load
from keeping import describe_machine, write
from sklearn.neighbors import KNeighborsClassifier
from tqdm import tqdm

from gan_cluster import GANFeatureExtractor, InfoGANClusterer

JUDGE_SEED = 1000  # of the fit in whose features images are compared


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
    return codes[:, place], np.clip(rows, 0, None)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--data-home", type=Path)
    parser.add_argument("--rows", type=int, help="fit on the first N training rows only")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--continuous", type=int, default=2)
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()
    data = load(options.data, options.data_home)
    assert data.image_shape is not None
    X, size = data.X_train[: options.rows], data.image_shape[1:]
    common = {"image_shape": data.image_shape}
    judge = GANFeatureExtractor(data.n_clusters, random_state=JUDGE_SEED, **common).fit(X)
    classifier = KNeighborsClassifier(5).fit(judge.transform(X[:10_000]), data.y_train[:10_000])
    real = judge.transform(data.X_test)
    rows: list[dict] = []
    for seed in tqdm(range(options.seeds)):
        model = InfoGANClusterer(
            data.n_clusters, n_continuous=options.continuous, random_state=seed, **common
        ).fit(X)
        row = {"data": options.data, "seed": seed}
        drawn = model.sample(len(real), random_state=seed)
        rows.append(
            {
                **row,
                "measure": "frechet",
                "generated": round(frechet_distance(real, judge.transform(drawn)), 4),
                "real": round(frechet_distance(real[::2], real[1::2]), 4),
                "rows of train": round(frechet_distance(real, judge.transform(X[-len(real) :])), 4),
            }
        )
        shown = [
            np.bincount(classifier.predict(judge.transform(model.sample(100, k, seed)))).argmax()
            for k in range(data.n_clusters)
        ]
        rows.append({**row, "measure": "classes", "generated": len(set(shown))})
        for name in model.code_names_[1:]:
            for measure, moment in (("slant", slant), ("stroke width", stroke_width)):
                entry = {**row, "measure": measure, "code": name}
                for key, limit in (("correlation", 1.0), ("traversed", 2.0)):
                    values, images = draw(model, name, limit, seed)
                    found = np.corrcoef(values, moment(images.reshape(-1, *size)))[0, 1]
                    entry[key] = round(float(found), 4)
                rows.append(entry)
        write(options.json, {**describe_machine(), "rows": rows})


if __name__ == "__main__":
    main()
