"""Colour photographs: CIFAR-10 without pretrained networks or labels, and the effect of each part.

    python benchmarks/photos.py --data-home DIR --json benchmarks/results/photos.json
    python benchmarks/photos.py --data-home DIR --rows 10000 --max-epochs 24 --variant all ... \
        --json benchmarks/results/photos_ablation.json

Methods are fitted on training rows and scored on test rows; labels are only used for scores.
``acc`` is the accuracy of ``InfoGANClusterer``, ``kmeans_acc`` that of k-means++ on the trunk's
averaged last maps, with rows of unit length, of the same training, and ``probe`` that of a linear
SVM on these maps, which uses labels. ``near_pixels`` and ``near_features`` are the shares of the
five nearest rows that have the same class, among 10,000 training rows, by principal components of
pixels and by features of the observer. Fidelity and variety of drawn members are measured in
pixels. ``frechet`` is measured in features of the trunk, from which the generator also learned, so
it is only comparable between rows of this file. Rows that the file has already are not run again.
"""

import argparse
import resource
from functools import partial
from itertools import product
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from data import DataSet, load
from generation import drawn_beside, frechet_distance
from keeping import Row, describe_machine, in_process, run_missing
from options import scores
from probe import LinearProbe
from sklearn.cluster import KMeans

from gan_cluster import GANFeatureExtractor, InfoGANClusterer, Objective
from gan_cluster.inspection import ClusterDisplay
from gan_cluster.training.inference import view_of
from gan_cluster.training.neighbors import nearest_rows
from gan_cluster.training.photos import random_crop
from gan_cluster.training.random import torch_generator

TRAIN_ROWS = 50_000
NEAR_ROWS = 10_000


def same_colors(images: torch.Tensor) -> torch.Tensor:
    """Twins that keep their colours; each training seeds torch's generator anew."""
    return random_crop(images, torch.random.default_generator)


VARIANTS: dict[str, dict[str, Any]] = {
    "all": {},
    "one head": {"n_init": 1},
    "no contrast": {"objective": Objective(contrast_temperature=0)},
    "no near rows": {"objective": Objective(n_neighbors=0)},
    "same colours": {"objective": Objective(augment=same_colors)},
    "dcgan": {"architecture": "dcgan"},
}


def stages(model: InfoGANClusterer) -> Row:
    """Seconds of each stage of a fit."""
    seconds = {"looking": 0.0, "forming": 0.0, "drawing": 0.0}
    for row in model.history_:
        plays = "generator_loss" in row
        stage = "looking" if "contrast" in row else "drawing" if plays else "forming"
        seconds[stage] += row["seconds"]
    return {f"seconds_{stage}": round(value, 1) for stage, value in seconds.items()}


def near_share(model: InfoGANClusterer, data: DataSet) -> Row:
    """Share of near rows that are of one class, by pixels and by what the observer sees."""
    X, y, learned = data.X_train[:NEAR_ROWS], data.y_train[:NEAR_ROWS], model.model_
    views: dict[str, Any] = {
        "near_pixels": None,
        "near_features": view_of(learned.net, learned.encoding),
    }
    found = {
        name: nearest_rows(X, learned.encoding, 5, torch_generator(0), learned.device, view)[:, 1:]
        for name, view in views.items()
    }
    return {name: round(float((y[near] == y[:, None]).mean()), 4) for name, near in found.items()}


class Features:
    """Features of a training that is there already, under the interface of a transformer."""

    def __init__(self, model: InfoGANClusterer, X: np.ndarray):
        layers = "average" if "average" in model.discriminator_.layers else "dense"
        self.extractor = GANFeatureExtractor.from_model(model.model_, X[:1000], layers=layers)

    def fit(self, X: np.ndarray) -> "Features":
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        return self.extractor.transform(X)


def of_features(features: Features, data: DataSet, seed: int) -> Row:
    """k-means++ and a linear classifier on the trunk's last maps, averaged over space."""
    X, X_test = features.transform(data.X_train), features.transform(data.X_test)
    centres = KMeans(data.n_clusters, init="k-means++", n_init=10, random_state=seed).fit(X)
    probe = LinearProbe(features, data.y_train, None, seed).fit(data.X_train)
    predicted = probe.predict(data.X_test)
    scored = of_labels(data.y_test, centres.predict(X_test))
    return {
        **{f"kmeans_{name}": value for name, value in scored.items()},
        "probe": round(float((predicted == data.y_test).mean()), 4),
    }


def of_labels(y: np.ndarray, labels: np.ndarray) -> Row:
    """How well clusters match known classes."""
    return {name: round(float(value), 4) for name, value in scores(y, labels).items()}


def of_drawn(model: InfoGANClusterer, data: DataSet, features: Features) -> Row:
    """What is drawn of the clusters: by pixels, and its distance in the trunk's features."""
    labels = model.labels_
    few = np.concatenate([np.flatnonzero(labels == k)[:1000] for k in np.unique(labels)])
    generated = model.sample(len(data.X_test), random_state=0)
    true, other = (features.transform(rows) for rows in (data.X_test, generated))
    row = drawn_beside(model, data.X_train[few], labels[few])
    return {**row, "frechet": round(frechet_distance(true, other), 4)}


def run_row(
    variant: str,
    seed: int,
    width: int,
    n_rows: int,
    max_epochs: int | None,
    home: Path | None,
    picture: Path | None,
) -> Row:
    """Fit one variant with one seed."""
    shorter: Row = {} if max_epochs is None else {"max_epochs": max_epochs}
    data = load("cifar10", home)
    data = data._replace(X_train=data.X_train[:n_rows], y_train=data.y_train[:n_rows])
    model = InfoGANClusterer(
        data.n_clusters,
        image_shape=data.image_shape,
        width=width,
        random_state=seed,
        verbose=1,
        **shorter,
        **VARIANTS[variant],
    )
    started = perf_counter()
    model.fit(data.X_train)
    row: Row = {"variant": variant, "seed": seed, "width": width, "rows": n_rows, **shorter}
    row |= {"seconds": round(perf_counter() - started, 1), **stages(model)}
    row["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    row |= of_labels(data.y_test, model.predict(data.X_test))
    features = Features(model, data.X_train)
    row |= of_features(features, data, seed)
    row |= near_share(model, data) if model.model_.recipe.looks else {}
    row |= of_drawn(model, data, features)
    if picture is not None:
        display = ClusterDisplay.from_estimator(model, data.X_train[:NEAR_ROWS])
        display.figure_.savefig(picture, dpi=150)
    return row | {"commit": describe_machine()["commit"]}


def key_of(row: Row) -> tuple:
    """What tells rows apart."""
    parts = tuple(row[name] for name in ("variant", "seed", "width", "rows"))
    return *parts, row.get("max_epochs")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--variant", nargs="+", choices=VARIANTS, default=["all"])
    parser.add_argument("--data-home", type=Path)
    parser.add_argument("--rows", type=int, default=TRAIN_ROWS, help="of train")
    parser.add_argument("--max-epochs", type=int, help="(default: the library's)")
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--picture", type=Path, help="of the clusters of the last row")
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()
    run = partial(in_process, run_row)
    run_missing(
        options.json,
        product(
            options.variant,
            range(options.seeds),
            [options.width],
            [options.rows],
            [options.max_epochs],
        ),
        key_of,
        lambda *key: run(*key, options.data_home, options.picture),
    )


if __name__ == "__main__":
    main()
