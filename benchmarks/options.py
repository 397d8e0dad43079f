"""The effect of options of the objective: three seeds each, on two data sets.

    python benchmarks/options.py --data-home DIR --json benchmarks/results/options.json

`fidelity` is the share of drawn rows whose three nearest real rows are mostly of the cluster that
they were drawn for, `fidelity_worst` that of the worst cluster; `variety` is the median distance of
a drawn row to the nearest other of its cluster, divided by that among real members (the mean over
clusters). Labels are not used for them. Rows that the file has already are not run again. Rows of
earlier commits may have options that were removed.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from data import DataSet, load
from generation import draw, slant, stroke_width
from keeping import describe_machine, run_missing
from sklearn.cluster import KMeans
from sklearn.datasets import load_wine
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.pipeline import make_pipeline
from sprites import EPOCHS, SETTINGS

from gan_cluster import GANFeatureExtractor, InfoGANClusterer, Objective
from gan_cluster.datasets import make_sprites
from gan_cluster.metrics import (
    clustering_accuracy,
    factor_vae_score,
    generation_report,
    mutual_information_gap,
)
from gan_cluster.objectives import OBJECTIVES

MNIST_ROWS = 10_000
DRAWN = 100
SEEDS = range(3)


def scores(y: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """How well clusters match known classes."""
    return {
        "acc": clustering_accuracy(y, labels),
        "nmi": normalized_mutual_info_score(y, labels),
        "ari": adjusted_rand_score(y, labels),
    }


def drawn_members(model: InfoGANClusterer, X: np.ndarray) -> dict[str, float]:
    """Fidelity and variety of what a fitted clusterer draws of its clusters."""
    report = generation_report(model, X, n_samples=DRAWN)
    return {
        "fidelity": float(report["fidelity"].mean()),
        "fidelity_worst": float(report["fidelity"].min()),
        "variety": float(np.nanmean(report["variety"])),
    }


def fit_clusterer(
    data: DataSet, seed: int, n_continuous: int = 0, **weights: Any
) -> InfoGANClusterer:
    """A clusterer with its defaults but for one option of its objective."""
    model = InfoGANClusterer(
        data.n_clusters,
        image_shape=data.image_shape,
        n_continuous=n_continuous,
        objective=Objective(**weights),
        random_state=seed,
    )
    return model.fit(data.X_train)


def clusterer(data: DataSet, seed: int, **weights: Any) -> dict[str, float]:
    """Accuracy, and what is drawn."""
    model = fit_clusterer(data, seed, **weights)
    found = scores(data.y_test, model.predict(data.X_test))
    return {**found, **drawn_members(model, data.X_train)}


def features(data: DataSet, seed: int, **weights: Any) -> dict[str, float]:
    """Accuracy of k-means on features of the game alone."""
    gan = replace(OBJECTIVES["gan"], **weights)
    model = make_pipeline(
        GANFeatureExtractor(objective=gan, image_shape=data.image_shape, random_state=seed),
        KMeans(data.n_clusters, n_init=10, random_state=seed),
    ).fit(data.X_train)
    return scores(data.y_test, model.predict(data.X_test))


def continuous(data: DataSet, seed: int, **weights: Any) -> dict[str, float]:
    """How strongly the better of two continuous codes changes slant and stroke width."""
    model = fit_clusterer(data, seed, n_continuous=2, **weights)
    found = scores(data.y_test, model.predict(data.X_test))
    assert data.image_shape is not None
    for name, moment in (("slant", slant), ("stroke_width", stroke_width)):
        strengths = []
        for code in model.code_names_[1:]:
            values, images = draw(model, code, 2.0, seed)
            images = images.reshape(-1, *data.image_shape[1:])
            strengths.append(abs(np.corrcoef(values, moment(images))[0, 1]))
        found[name] = max(strengths)
    return found


def sprites(data: None, seed: int, **weights: Any) -> dict[str, float]:
    """Disentanglement of codes on sprites, with the settings of their benchmark."""
    X, _ = make_sprites(20_000, random_state=0)
    new, factors = make_sprites(5_000, random_state=1)
    objective = replace(SETTINGS["objective"], **weights)
    settings = {**SETTINGS, "objective": objective, "max_epochs": EPOCHS["infogan"]}
    model = GANFeatureExtractor(random_state=seed, **settings).fit(X)
    codes = model.encode(new).mean
    return {
        "factor_vae": factor_vae_score(codes, factors, 4_000, random_state=0),
        "mig": mutual_information_gap(codes, factors),
    }


LOSSES = ("non-saturating", "hinge", "relativistic")
# name -> data sets, what is measured, and the options, the default first
STUDIES: dict[str, tuple[tuple[str, ...], Callable, list[dict[str, Any]]]] = {
    "augment on images": (
        ("digits",),
        clusterer,
        [{"augment": "image"}, {"augment": "none"}],
    ),
    "adversarial_loss, features of the game": (
        ("digits", "mnist"),
        features,
        [{"adversarial_loss": loss} for loss in LOSSES],
    ),
    "adversarial_loss, clusterer": (
        ("digits", "mnist"),
        clusterer,
        [{"adversarial_loss": loss} for loss in LOSSES],
    ),
    "ema_decay": (
        ("digits", "mnist"),
        clusterer,
        [{"ema_decay": decay} for decay in (0.0, 0.99)],
    ),
    "continuous_variance": (
        ("digits", "mnist"),
        continuous,
        [{"continuous_variance": v} for v in ("fixed", "learned")],
    ),
    "continuous_variance, sprites": (
        ("sprites",),
        sprites,
        [{"continuous_variance": v} for v in ("fixed", "learned")],
    ),
}


def data_of(name: str, home: Path | None) -> DataSet | None:
    """A data set, small enough for many fits; sprites are made."""
    if name == "sprites":
        return None
    if name == "wine":
        X, y = load_wine(return_X_y=True)
        return DataSet(X, y, X, y, None)
    data = load(name, home)
    return data._replace(X_train=data.X_train[:MNIST_ROWS], y_train=data.y_train[:MNIST_ROWS])


def told(option: dict[str, Any]) -> str:
    """An option as rows name it."""
    return ", ".join(f"{key}={value!r}" for key, value in option.items())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--study", nargs="+", default=list(STUDIES), choices=STUDIES)
    parser.add_argument("--data-home", type=Path)
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()
    offered = {(study, told(option)): option for study in STUDIES for option in STUDIES[study][2]}
    wanted = [
        (study, name, told(option), seed)
        for study in options.study
        for name in STUDIES[study][0]
        for seed in SEEDS
        for option in STUDIES[study][2]
    ]

    def run(study: str, name: str, option: str, seed: int) -> dict[str, Any]:
        data, started = data_of(name, options.data_home), perf_counter()
        found = STUDIES[study][1](data, seed, **offered[study, option])
        row = {"study": study, "data": name, "option": option, "seed": seed}
        row |= {key: round(float(value), 4) for key, value in found.items()}
        machine = describe_machine()
        row |= {part: machine[part] for part in ("processor", "commit")}
        return {**row, "seconds": round(perf_counter() - started, 2)}

    run_missing(
        options.json,
        wanted,
        lambda row: (row["study"], row["data"], row["option"], row["seed"]),
        run,
    )


if __name__ == "__main__":
    main()
