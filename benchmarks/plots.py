"""Plots of committed results, which docs/benchmarks.md shows.

python benchmarks/plots.py FOLDER    writes each as FOLDER/NAME.png
"""

import json
import statistics
import sys
from collections.abc import Iterable
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

RESULTS = Path(__file__).parent / "results"
METHODS = {  # name in the files: name in the plots and its colour, a strong one for ours
    "kmeans": ("k-means", "#999999"),
    "pca+kmeans": ("PCA + k-means", "#c4a484"),
    "gmm": ("Gaussian mixture", "#8fbf8f"),
    "umap+kmeans": ("UMAP + k-means", "#2e8b57"),
    "dec": ("DEC", "#c9a0dc"),
    "vade": ("VaDE", "#8a5fb0"),
    "gan-features+kmeans": ("plain GAN's features + k-means", "#f0a868"),
    "infogan": ("InfoGAN", "#e8743b"),
    "features+kmeans": ("GANFeatureExtractor + k-means", "#5b9bd5"),
    "infogan+consistency": ("InfoGANClusterer", "#1f3d7a"),
}
DATA = {
    "mnist": "MNIST",
    "digits": "digits",
    "coil20": "COIL-20",
    "fashion_mnist": "Fashion-MNIST",
    "pendigits": "pendigits\n(a table)",
    "cifar10": "CIFAR-10\n(photographs)",
}
PARTS = {
    "single": "all parts, a single run",
    "single, no consistency": "no consistency term",
    "single, no balance": "no balance",
    "single, no near rows": "no near rows",
    "single, no augmentation": "no augmentation",
    "single, one code a cluster": "one code a cluster",
    "single, no information": "no information term",
    "single, no game": "no generator",
    "single, game from the start": "generator from the start",
}


def rows(*names: str) -> list[dict]:
    """All measured rows of some files."""
    found = [json.loads((RESULTS / f"{name}.json").read_text())["rows"] for name in names]
    return [row for each in found for row in each if "error" not in row]


def measured() -> dict[tuple[str, str], list[dict]]:
    """Rows of fits on all of train, by data and method; of two files the one of more seeds."""
    found: dict[tuple[str, str], list[dict]] = {}
    for path in sorted(RESULTS.glob("*.json")):
        if path.stem.startswith("readings_") or path.stem in {"options", "sprites", "generation"}:
            continue
        of_file: dict[tuple[str, str], list[dict]] = {}
        for row in rows(path.stem):
            if row.get("data") in DATA and row.get("method") in METHODS and "rows" not in row:
                of_file.setdefault((row["data"], row["method"]), []).append(row)
        found |= {key: new for key, new in of_file.items() if len(new) > len(found.get(key, []))}
    whole = [row for row in rows("photos") if row["variant"] == "all" and row["rows"] == 50_000]
    features = [{"acc": row["kmeans_acc"], "seconds": row["seconds"]} for row in whole]
    cifar10 = {"infogan+consistency": whole, "features+kmeans": features}
    return found | {("cifar10", method): of_method for method, of_method in cifar10.items()}


def spread(ax: plt.Axes, y: float, values: Iterable[float], colour: str, label: str | None) -> None:
    """A dot at the mean, and a line from the least value to the largest."""
    values = list(values)
    ax.plot([min(values), max(values)], [y, y], color=colour, lw=2.5, alpha=0.6)
    ax.plot(statistics.mean(values), y, "o", color=colour, ms=7, label=label)


def accuracy() -> plt.Figure:
    """Accuracy and seconds of each method on each data set."""
    found = measured()
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(10, 9), sharey=True, width_ratios=(3, 2), layout="constrained"
    )
    y, ticks, labelled = 0.0, {}, set()
    for data, title in DATA.items():
        methods = [method for method in METHODS if (data, method) in found]
        ticks[y + (len(methods) - 1) / 2] = title
        for method in reversed(methods):
            name, colour = METHODS[method]
            label = None if name in labelled else name
            labelled.add(name)
            spread(left, y, (row["acc"] for row in found[data, method]), colour, label)
            spread(
                right, y, (max(row["seconds"], 0.1) for row in found[data, method]), colour, None
            )
            y += 1
        y += 1
        for ax in (left, right):
            ax.axhline(y - 1, color="0.85", lw=0.8)
    left.set_yticks(list(ticks), list(ticks.values()))
    left.tick_params(axis="y", length=0)
    left.set(xlim=(0, 1), xlabel="accuracy on test rows", ylim=(y - 1, -1))
    right.set(xscale="log", xlabel="seconds of a fit, mostly on one core")
    right.set_xticks([0.1, 1, 10, 60, 600, 3600], ["0.1", "1", "10", "1 min", "10 min", "1 h"])
    for ax in (left, right):
        ax.grid(axis="x", alpha=0.3)
    handles = dict(zip(*reversed(left.get_legend_handles_labels()), strict=True))
    order = [name for name, _ in METHODS.values() if name in handles]
    figure.legend([handles[name] for name in order], order, loc="outside upper center", ncols=4)
    return figure


def parts() -> plt.Figure:
    """What is lost without each part, on three data sets."""
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.8), sharey=True, layout="constrained")
    for ax, data in zip(axes, ("digits", "mnist", "pendigits"), strict=True):
        found = rows(f"ablation_{data}")
        for y, method in enumerate(PARTS):
            acc = [row["acc"] for row in found if row["method"] == method]
            whole = method == "single"
            spread(ax, y, acc, "#1f3d7a" if whole else "#5b9bd5", None)
            if whole:
                ax.axvline(statistics.mean(acc), color="#1f3d7a", lw=1, ls=":")
        ax.set(title=DATA[data].replace("\n", " "), xlabel="accuracy", xlim=(0.15, 1))
        ax.grid(axis="x", alpha=0.3)
    axes[0].set_yticks(range(len(PARTS)), list(PARTS.values()))
    axes[0].invert_yaxis()
    return figure


def choosing() -> plt.Figure:
    """The label-free score of single runs beside their accuracy."""
    found = rows("single_runs")
    names = list(dict.fromkeys(row["data"] for row in found))
    figure, axes = plt.subplots(1, len(names), figsize=(9, 3.8), layout="constrained")
    for ax, data in zip(axes, names, strict=True):
        runs = [row for row in found if row["data"] == data]
        ax.scatter([row["score"] for row in runs], [row["acc"] for row in runs], color="#1f3d7a")
        ax.set(title=DATA[data].replace("\n", " "), xlabel="score without labels, in nats")
        ax.set_ylabel("accuracy")
        ax.grid(alpha=0.3)
    return figure


def drawn() -> plt.Figure:
    """How faithful and how covering drawn rows are, beside held-out real ones."""
    found = [row for row in rows("generation") if row.get("recipe") == "now" and "fidelity" in row]
    names = list(dict.fromkeys(row["data"] for row in found))
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.4), sharey=True, layout="constrained")
    kinds = ("real_", "#999999", -0.15, "held-out real rows"), ("", "#1f3d7a", 0.15, "drawn")
    for ax, measure in zip(axes, ("fidelity", "coverage"), strict=True):
        for y, data in enumerate(names):
            mine = [row for row in found if row["data"] == data]
            kinds = (
                ("real_", "#999999", -0.15, "held-out real rows"),
                ("", "#1f3d7a", 0.15, "drawn"),
            )
            for prefix, colour, shift, name in kinds:
                values = [row[prefix + measure] for row in mine]
                spread(ax, y + shift, values, colour, name if y == 0 else None)
                if measure == "fidelity":
                    worst = min(row[f"{prefix}fidelity_worst"] for row in mine)
                    ax.plot(worst, y + shift, "x", color=colour)
        ax.set(title=measure, xlim=(0, 1.02))
        ax.grid(axis="x", alpha=0.3)
    axes[0].set_yticks(range(len(names)), [DATA[name].replace("\n", " ") for name in names])
    axes[0].set_xlabel("share of drawn rows nearest to their cluster; x: its worst cluster")
    axes[1].set_xlabel("share of real rows that have a drawn one nearby")
    axes[0].invert_yaxis()
    axes[1].legend(loc="lower left")
    return figure


def sizes() -> plt.Figure:
    """k-means, equal sizes and the default on ten splits of MNIST with unequal classes."""
    found = [*rows("unbalanced"), *rows("sizes")]
    acc = {(row["data"], row["method"]): row["acc"] for row in found}
    splits = sorted({name for name, _ in acc if "unbalanced" in name})
    methods = {
        "kmeans": ("k-means", "#c46210"),
        "uniform-prior": ('prior="uniform"', "#999999"),
        "infogan+consistency": ("default", "#1f3d7a"),
    }
    points = np.array([[acc[split, method] for method in methods] for split in splits])
    points = points[points[:, -1].argsort()]
    y = np.arange(len(points))
    figure, ax = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
    ax.hlines(y, points.min(1), points.max(1), color="0.8", zorder=0)
    for x, (name, colour) in zip(points.T, methods.values(), strict=True):
        ax.plot(x, y, "o", color=colour, label=name)
    ax.set(xlabel="accuracy on test rows", ylabel="split", yticks=[], xlim=(0.4, 1))
    ax.grid(axis="x", alpha=0.3)
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def memory() -> plt.Figure:
    """Memory of a fit by the number of rows, from a file and from an array."""
    found = rows("memory")
    figure, ax = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
    names = {"file": ("rows in a file", "#1f3d7a"), "memory": ("rows in an array", "#999999")}
    for kind, (name, colour) in names.items():
        mine = sorted((row["rows"], row["peak_mb"]) for row in found if row["kind"] == kind)
        ax.plot(*zip(*mine, strict=True), "o-", color=colour, label=name)
    ax.set(xscale="log", xlabel="rows", ylabel="peak memory in MB", ylim=(0, None))
    ax.grid(alpha=0.3)
    ax.legend()
    return figure


PLOTS = {plot.__name__: plot for plot in (accuracy, parts, choosing, drawn, sizes, memory)}

if __name__ == "__main__":
    for name, plot in PLOTS.items():
        plot().savefig(Path(sys.argv[1]) / f"{name}.png", dpi=110)
