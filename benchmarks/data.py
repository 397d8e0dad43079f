"""The data sets: train and test rows, and labels, which are only used for scores."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.datasets import fetch_openml, load_digits
from sklearn.model_selection import train_test_split
from tables import MADE_IMAGES, TABLES


class DataSet(NamedTuple):
    """Rows (n_samples, n_features), their labels, and the shape of an image or None."""

    X_train: np.ndarray
    y_train: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    image_shape: tuple[int, int, int] | None

    @property
    def n_clusters(self) -> int:
        return len(np.unique(self.y_train))


# name -> image shape (channels, height, width), name at OpenML, number of training rows there
KNOWN: dict[str, tuple[tuple[int, int, int] | None, str | None, int]] = {
    "digits": ((1, 8, 8), None, 0),
    "mnist": ((1, 28, 28), "mnist_784", 60_000),
    "fashion_mnist": ((1, 28, 28), "Fashion-MNIST", 60_000),
    "pendigits": (None, "pendigits", 7_494),
    "coil20": ((1, 32, 32), None, 0),
    "umist": ((1, 32, 32), None, 0),
    "orl": ((1, 32, 32), None, 0),
    "cifar10": ((3, 32, 32), "CIFAR_10", 50_000),
    "cifar10_embedded": (None, None, 0),  # both written by embeddings.py
    "cifar10_embedded_128": (None, None, 0),
}
# ten draws of class shares, as in Elastic-InfoGAN (arXiv:1910.01112): uniform weights from 0.2 to 1
SHARES = json.loads((Path(__file__).parent / "unbalanced_mnist.json").read_text())
UNBALANCED_ROWS = {"train": 20_000, "test": 3_000}
KNOWN |= dict.fromkeys(TABLES, (None, None, 0))
KNOWN |= dict.fromkeys(MADE_IMAGES, ((1, 16, 16), None, 0))
KNOWN |= {f"mnist_unbalanced_{i}": KNOWN["mnist"] for i in range(len(SHARES))}


def load(name: str, home: Path | None) -> DataSet:
    """Read a data set from a folder or, without one, from OpenML.

    The folder holds NAME.npz with x_train, y_train, x_test and y_test; cifar10 may also be a
    folder cifar10/ with strips of 500 images, train_000.webp and so on, and y_train.npy. Where
    there are no test rows, all methods are scored on the rows that they were fitted on. Of
    mnist_unbalanced_0 to 9 each class has its share of 20,000 training and 3,000 test rows.

    Raises
    ------
    ValueError
        For an unknown name.
    FileNotFoundError
        If the folder or its file is missing, or the data set is not at OpenML.
    """
    if name not in KNOWN:
        raise ValueError(f"unknown data set {name!r}: there are {', '.join(KNOWN)}")
    base, _, split = name.partition("_unbalanced_")
    if split:
        return _unbalanced(load(base, home), SHARES[int(split)])
    shape, openml_name, n_train = KNOWN[name]
    if name == "digits":
        X, y = load_digits(return_X_y=True)
        return DataSet(*_interleave(train_test_split(X, y, test_size=0.25, random_state=0)), shape)
    if name in TABLES or name in MADE_IMAGES:  # fitted and scored on all rows
        X, y = (TABLES | MADE_IMAGES)[name]()
        return DataSet(X, y, X, y, shape)
    if home is None:
        if openml_name is None:
            raise FileNotFoundError(f"{name} is not at OpenML: give its folder by --data-home")
        return DataSet(*_from_openml(openml_name, n_train), shape)
    arrays = _from_folder(name, home)
    flat = [
        part.reshape(len(part), -1) if key.startswith("x") else part.astype(np.int64)
        for key, part in arrays.items()
    ]
    if shape is not None and shape[0] == 3:  # the folder has channels last, OpenML first
        flat[::2] = [
            part.reshape(-1, *shape[1:], 3).transpose(0, 3, 1, 2).reshape(len(part), -1)
            for part in flat[::2]
        ]
    return DataSet(*flat, shape)


def _unbalanced(data: DataSet, shares: list[float]) -> DataSet:
    """The first rows of each class, as many as its share says, in the order of the whole."""
    parts: list[np.ndarray] = []
    for X, y, total in (
        (data.X_train, data.y_train, UNBALANCED_ROWS["train"]),
        (data.X_test, data.y_test, UNBALANCED_ROWS["test"]),
    ):
        kept = [np.flatnonzero(y == k)[: round(total * share)] for k, share in enumerate(shares)]
        rows = np.sort(np.concatenate(kept))
        parts += [X[rows], y[rows]]
    return DataSet(*parts, data.image_shape)


def _interleave(split: list[np.ndarray]) -> tuple[np.ndarray, ...]:
    X_train, X_test, y_train, y_test = split
    return X_train, y_train, X_test, y_test


def _from_openml(name: str, n_train: int) -> tuple[np.ndarray, ...]:
    X, labels = fetch_openml(name, version=1, as_frame=False, return_X_y=True)
    y = np.unique(labels, return_inverse=True)[1]
    if X.min() >= 0 and X.max() <= 255 and X.shape[1] > 100:
        X = X.astype(np.uint8)
    return X[:n_train], y[:n_train], X[n_train:], y[n_train:]


def _from_folder(name: str, home: Path) -> dict[str, np.ndarray]:
    file, strips = home / f"{name}.npz", home / name
    if file.is_file():
        with np.load(file) as archive:
            arrays = {key: archive[key] for key in archive.files}
    elif strips.is_dir():
        arrays = {}
        for part in ("train", "test"):
            arrays[f"x_{part}"] = _read_strips(sorted(strips.glob(f"{part}_*.webp")))
            arrays[f"y_{part}"] = np.load(strips / f"y_{part}.npy")
    else:
        raise FileNotFoundError(f"--data-home: there is neither {file} nor a folder {strips}")
    for key in ("x", "y"):
        if not len(arrays.get(f"{key}_test", ())):
            arrays[f"{key}_test"] = arrays[f"{key}_train"]
    return {key: arrays[key] for key in ("x_train", "y_train", "x_test", "y_test")}


def _read_strips(files: list[Path]) -> np.ndarray:
    from PIL import Image

    return np.concatenate([np.asarray(Image.open(f)).reshape(-1, 32, 32, 3) for f in files])
