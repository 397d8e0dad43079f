"""The page docs/benchmarks.md: plots of committed results, and tables of all of them.

python benchmarks/table.py
"""

import json
import statistics
from math import comb
from pathlib import Path

from scipy.stats import spearmanr

RESULTS = Path(__file__).parent / "results"
PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"
HEAD = """# Benchmarks

Made by `python benchmarks/table.py` from the files in `benchmarks/results/`. All numbers are from
these files. No method uses labels for training, stopping or the choice of a run, except those named
probe or labels and all of the table few_labels. The library's defaults are the same for all data.
They were chosen by results on data sets of this page.
"""
PLOTS = {
    "accuracy": (
        "Comparison with other methods",
        """Accuracy is that of the best matching of clusters and classes (Hungarian method). A dot
is the mean over seeds, and a line goes from the worst to the best seed. Each method is fitted on
the training set and scored on the test set; COIL-20 has no test rows and is scored on all rows. Not
all methods were run on all data sets. k-means takes less than a second on small data, and about a
minute on 60,000 images. On pendigits, UMAP followed by k-means has a higher accuracy, though not a
higher ARI, and varies less between seeds.""",
        "Accuracy and seconds of up to nine methods on six data sets.",
    ),
    "parts": (
        "The effect of each part",
        """Single runs (`n_init=1`), three seeds each. The accuracy mostly comes from the
consistency term and its balance term. The generator hardly changes the accuracy; it is needed to
draw members.""",
        "Accuracy without each part of the method on digits, MNIST and pendigits.",
    ),
    "choosing": (
        "Does the score choose well?",
        """`score` uses no labels, and chooses the best of several runs (`n_init`). Each dot is a
single run. The score chooses well if the dots on the right are high.""",
        "The score of single runs, without labels, and their accuracy.",
    ),
    "drawn": (
        "Are drawn members like real ones?",
        """Drawn rows are compared with held-out real rows, which are measured in the same way.
Fidelity is the share of drawn rows whose nearest real rows are in the cluster from which they were
drawn.""",
        "Fidelity and coverage of drawn rows and of held-out real rows.",
    ),
    "sizes": (
        "Clusters of unequal size",
        """Ten splits of MNIST whose classes have unequal shares, one seed each. By default, sizes
of clusters are found; `prior="uniform"` makes them equal (results of an older version). Eight heads
on one trunk instead of four runs are about as accurate here (file `heads`), but less accurate on
MNIST with equal classes (.980 and .985 instead of .986).""",
        "Accuracy of k-means, of equal sizes and of the default on ten unequal splits of MNIST.",
    ),
    "memory": (
        "Rows larger than memory",
        "Memory of a fit, without the memory that importing the library takes.",
        "Peak memory by the number of rows.",
    ),
}
PLOT = """## {title}

{note}

```{{eval-rst}}
.. plot::
    :alt: {alt}
    :filename-prefix: {name}

    import plots
    plots.{name}()
```
"""
NUMBERS = "cluster_number"
NUMBER = """\
The number of clusters found by `n_clusters="auto"`, by k-means with the highest silhouette, by
HDBSCAN, and by X-means and Dip-means (`benchmarks/cluster_number.py` describes the methods). On
pendigits, Dip-means is within one more often than `auto`. `found` is the number in each seed,
`within one` counts the seeds in which it differs by at most one from the number of classes, and ARI
and seconds are means. For `auto` they are those of the search alone, without the fit
that follows.

| data | classes | method | found | within one | ARI | seconds |
| --- | --- | --- | --- | --- | --- | --- |
"""
TABLES = """\
## All tables

ACC is the accuracy of the plots, and for probes plain accuracy. Mean, standard deviation, worst and
best are over seeds. digits, pendigits, MNIST, its unequal splits, Fashion-MNIST and CIFAR-10 are
scored on test rows, all other data on the rows that were fitted. At least two fits ran at a time,
each on one core, so the seconds are up to three times as many as for a single fit, and in a few
rows more. Fits of the file `alone` ran one at a time, on both cores. `benchmarks/methods.py`
describes the methods: `infogan+consistency` is `InfoGANClusterer` with its defaults,
`features+kmeans` is `GANFeatureExtractor` with its defaults and `KMeans`. Defaults are those of a
row's commit. The files coil20, sizes, tables, embeddings, pendigits_digits, cluster_number,
few_labels, outliers and photos have the present defaults. The rows "now" of drawn members are the
same, except that the small images of digits had four runs instead of eight heads. Other files have
older defaults, most of them with clusters of equal sizes.
"""
FOLDED = """<details>
<summary>{title}</summary>

{text}
</details>
"""
MAIN_JOB = "digits, all rows"
NOTES = {
    MAIN_JOB: "`python -m gan_cluster`: scikit-learn's 1,797 digits, fitted and scored on all of "
    "them (`benchmarks/main_job.py`).",
    "coil20": "There are no test rows: all rows are used for fitting and scoring.",
    "mnist_unbalanced": "Ten splits in which classes have unequal shares, one seed each.",
}
# results that are not accuracies: what each file measured
MEASURED = {
    "memory": "Rows larger than memory: `peak_mb` is without the memory that importing the library "
    "takes (`benchmarks/memory.py`).",
    "outliers": "Rows unlike the training rows: area under the ROC curve for the scores of test "
    "rows and those of letters, noise and others; `outside` is the share of test rows that score "
    "below 99 % of the training rows (`benchmarks/outliers.py`).",
    "speed": "Medians of alternating repeats, in seconds; `ratio` is our time divided by that of "
    "the reference (`benchmarks/speed.py`). The option of rows with `compile=True` was removed.",
    "soak": "Fits, searches, saves, loads and predictions in a loop: the first and the last round "
    "(`benchmarks/soak.py`).",
    "attack": "Hostile use, and how often it failed; `peak_mb` is without the memory that the "
    "process had before, and seconds of merging are on one processor (`benchmarks/attack.py`).",
    "gpu": "Fits with the library's defaults on a GPU: total seconds, seconds until 0.98 of test "
    "rows were correct, and the share of time in which the GPU was busy (`benchmarks/gpu.py`). "
    "Steps ran one by one, before they were captured as CUDA graphs.",
    "photos": "CIFAR-10 without pretrained networks: results on test rows. `kmeans` is k-means++ "
    "on the trunk's averaged last maps, `probe` a linear SVM on them, which uses labels; `near` is "
    "the share of near rows of the same class; fidelity and variety are those of drawn members, by "
    "pixels; frechet is measured in features of the trunk, from which the generator also learned "
    "(`benchmarks/photos.py`).",
    "photos_ablation": "The effect of each part on photographs: short fits on 10,000 rows, "
    "measured in the same way (`benchmarks/photos.py`). Contrastive learning and changes of colour "
    "are needed. With one seed each, differences of a few hundredths can be chance. "
    "Another job ran on the machine.",
    "processes": "One fit by one process and by two, with one thread each "
    "(`benchmarks/processes.py`).",
    "few_labels": "Fits on all training rows with the classes of a few, the same number for each "
    "class: plain accuracy on test rows, without matching (`benchmarks/few_labels.py`). `knn` and "
    "`logistic` only use labelled rows. Seconds are from a machine with several other jobs.",
    "sprites": "Disentanglement for images with known factors (`benchmarks/sprites.py`). Rows of "
    "infogan-cr also had a contrastive term, which was removed: FactorVAE was .670 with it and "
    ".675 without it, over the same five seeds.",
}
SCALINGS = ("whitened, unit rows", "unit rows", "unit channels", "as they are")
COLUMNS = "| data | method | seeds | ACC mean | std | worst | best | NMI | ARI | seconds | file |"
CHOICE = """\
`n_init` keeps the run with the best score, which uses no labels. For the single runs in
`single_runs`: the rank correlation (Spearman) of their scores with ACC, their mean ACC, and the
mean ACC of the run with the best score among three, over all triples.

| data | runs | rank correlation | ACC of one | ACC of the best-scored of three |
| --- | --- | --- | --- | --- |
"""
OPTIONS, GENERATED = "options", "generation"
DRAWN = ["data", "recipe", "seeds", "acc", "fidelity", "fidelity_worst", "real_fidelity"]
DRAWN += ["real_fidelity_worst", "variety", "coverage", "real_coverage", "frechet", "real_frechet"]
DRAWN += ["cpu_seconds"]
DRAWN_HEAD = """\
Rows that the clusterer draws with its defaults, and held-out real rows (`real_`): means over seeds,
and the worst cluster of all seeds (`benchmarks/generation.py`). In rows marked "before", the
generator was trained against the discriminator that shares its trunk with Q; rows of MNIST had two
continuous codes. In rows marked "equal codes", it had a separate discriminator, but the codes of a
cluster were drawn equally often, even codes that no real row has. In rows marked "equal sizes", the
defaults used clusters of equal sizes; rows marked "now" find the sizes. The second table shows the
effect of continuous codes in images, all with clusters of equal sizes.

"""
TRIED = """\
Options of the objective compared with the default, which is the first of each study
(`benchmarks/options.py`; mnist is the first 10,000 training rows). Values are means over seeds, for
ACC also the worst; "acc" of "features" is that of k-means on features. Fidelity is the share of
drawn rows whose nearest real rows are in the cluster from which they were drawn; "fidelity_worst"
is that of the worst cluster. Variety is the median distance of a drawn row to the nearest other one
of its cluster, divided by that of real members. `slant` and `stroke_width` are correlations with
the better continuous code. Options that were not better anywhere were removed, such as
`augment="adversarial"`; rows name the commit that had them. The averages of the first commit
(`decay`) started from random weights; those of later commits (`ema_decay`) adapt quickly at the
start.

| {columns} |
|{rule}
"""
READINGS = "readings_"
READ = """\
Features of the same trained networks with different layers, pooling and scaling. Each network is a
single training with the objective that is named first. The values are the mean ACC of k-means++ on
test rows over three seeds, fitted on the first 20,000 training rows (`benchmarks/readings.py`).
"""
SOURCES = """\
Trainings of `protocols`, of `readings_*` and of the probe in `game_cifar10` computed R1 in every
step; later trainings compute it in every eighth step.

| file | commit | processor | versions |
| --- | --- | --- | --- |
"""


def section(row: dict) -> str:
    """The heading of the section of a row."""
    if "data" not in row:
        return MAIN_JOB
    data = row["data"].partition("_unbalanced_")
    name = data[0] + data[1].rstrip("_")
    return f"{name}, at most {row['rows']:,} rows of train" if "rows" in row else name


def summary(rows: list[dict], data: str) -> list[str]:
    """A line of the table for each method of a section and file, best methods last."""
    lines = []
    for method, file in dict.fromkeys((row["method"], row["file"]) for row in rows):
        mine = [row for row in rows if (row["method"], row["file"]) == (method, file)]
        acc = [row["acc"] for row in mine]
        spread = f"{statistics.stdev(acc):.3f}" if len(acc) > 1 else ""
        nmi, ari, seconds = (
            statistics.mean(row[key] for row in mine if key in row)  # a paused fit has no seconds
            for key in ("nmi", "ari", "seconds")
        )
        mean = statistics.mean(acc)
        line = (
            f"| {data} | {method} | {len(acc)} | {mean:.3f} | {spread} | {min(acc):.3f} | "
            f"{max(acc):.3f} | {nmi:.3f} | {ari:.3f} | {seconds:.0f} | {file} |"
        )
        lines.append((mean, line))
    return [line for _, line in sorted(lines)]


def readings(data: str, rows: list[dict]) -> str:
    """Results of features of one data set: a line for each layer, a column for each scaling."""
    found: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        objective, _, reading = row["method"].partition(": ")
        scaling = next(name for name in SCALINGS if reading.endswith(f", {name}"))
        line = f"{objective}: {reading.removesuffix(f', {scaling}')}"
        found.setdefault(line, {}).setdefault(scaling, []).append(row["acc"])
    lines = [f"reading | {' | '.join(SCALINGS)}", "--- | " * len(SCALINGS) + "---"]
    for line, acc in found.items():
        means = [f"{statistics.mean(acc[name]):.3f}" if name in acc else "" for name in SCALINGS]
        lines.append(" | ".join([line, *means]))
    return f"**{data}**\n\n" + "".join(f"| {line} |\n" for line in lines)


def choice(rows: list[dict]) -> list[str]:
    """How well the score without labels chooses among runs, a line for each data set."""
    lines = []
    for data in dict.fromkeys(row["data"] for row in rows):
        runs = sorted((row["score"], row["acc"]) for row in rows if row["data"] == data)
        acc = [found for _, found in runs]
        rank = float(spearmanr(*zip(*runs, strict=True)).statistic)
        chosen = sum(comb(i, 2) * found for i, found in enumerate(acc)) / comb(len(acc), 3)
        lines.append(
            f"| {data} | {len(acc)} | {rank:.2f} | {statistics.mean(acc):.3f} | {chosen:.3f} |"
        )
    return lines


def measured(name: str, rows: list[dict]) -> str:
    """The section of a file with other results than accuracies, a column for each key."""
    shown = [rows[0], rows[-1]] if name == "soak" else rows
    return f"{MEASURED[name]}\n\n{_table(shown)}"


def _table(rows: list[dict]) -> str:
    """A table of rows, with a column for each key."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = [" | ".join(columns), " | ".join(["---"] * len(columns))]
    lines += [" | ".join(_shown(row.get(key, "")) for key in columns) for row in rows]
    return "".join(f"| {line} |\n" for line in lines)


def tried(result: dict) -> str:
    """The section of options: a line for each option, with means of the results."""
    rows = result["rows"]
    named = ("study", "data", "option")
    apart = {*named, "seed", "processor", "commit"}
    scores = list(dict.fromkeys(key for row in rows for key in row if key not in apart))
    columns = [*named, "seeds", "commit"]
    for name in scores:
        columns += ["acc", "worst"] if name == "acc" else [name]
    lines = []
    for key in dict.fromkeys(tuple(row[part] for part in named) for row in rows):
        mine = [row for row in rows if tuple(row[part] for part in named) == key]
        cells = [*key, len(mine), mine[0]["commit"]]
        for name in scores:
            found = [row[name] for row in mine if name in row]
            cells.append(statistics.mean(found) if found else "")
            if name == "acc":
                cells.append(min(found, default=""))
        lines.append("| " + " | ".join(map(_shown, cells)) + " |\n")
    rule = " --- |" * len(columns)
    return TRIED.format(columns=" | ".join(columns), rule=rule) + "".join(lines)


def drawn(rows: list[dict]) -> str:
    """The section of generated rows: means over seeds, and the effect of codes in images."""
    members = [row for row in rows if row["measure"] == "members"]
    lines = [f"| {' | '.join(DRAWN)} |\n|{' --- |' * len(DRAWN)}\n"]
    for key in dict.fromkeys((row["data"], row["recipe"]) for row in members):
        mine = [row for row in members if (row["data"], row["recipe"]) == key]
        cells: list[object] = [*key, len(mine)]
        for name in DRAWN[3:]:
            found = [row[name] for row in mine if name in row]
            combine = min if name.endswith("_worst") else statistics.mean
            cells.append(float(combine(found)) if found else "")
        lines.append("| " + " | ".join(map(_shown, cells)) + " |\n")
    codes = [row for row in rows if row["measure"] == "codes"]
    return DRAWN_HEAD + "".join(lines) + "\n" + _table(codes)


def numbers(rows: list[dict]) -> str:
    """How many clusters were found, a line for each data set and method."""
    lines = []
    rows = [row for row in rows if "error" not in row]
    for data, method in sorted({(section(row), row["method"]) for row in rows}):
        mine = [row for row in rows if (section(row), row["method"]) == (data, method)]
        classes = mine[0]["classes"]
        found = [row["found"] for row in mine]
        near = sum(abs(k - classes) <= 1 for k in found)
        ari, seconds = (statistics.mean(row[name] for row in mine) for name in ("ari", "seconds"))
        cells = data, classes, method, ", ".join(map(str, found)), f"{near} of {len(mine)}"
        lines.append(f"| {' | '.join(map(str, cells))} | {ari:.3f} | {seconds:.0f} |\n")
    return NUMBER + "".join(lines)


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def page() -> str:
    """The whole page."""
    sections: dict[str, list[dict]] = {MAIN_JOB: []}
    sources = []
    results = {file.stem: json.loads(file.read_text()) for file in sorted(RESULTS.glob("*.json"))}
    for name, result in results.items():
        for row in result["rows"]:
            is_other = name in {*MEASURED, OPTIONS, GENERATED, NUMBERS} or name.startswith(READINGS)
            if "error" not in row and not is_other:
                sections.setdefault(section(row), []).append({**row, "file": name})
        versions = ", ".join(f"{name} {number}" for name, number in result["versions"].items())
        made = {
            tuple(row.get(part, result[part]) for part in ("commit", "processor"))
            for row in result["rows"]
        }
        sources += [f"| {name} | {' | '.join(each)} | {versions} |" for each in sorted(made)]
    head = f"{COLUMNS}\n|{' --- |' * (COLUMNS.count('|') - 1)}\n"
    tables = {}
    for data, rows in sections.items():
        note = f"{NOTES[data]}\n\n" if data in NOTES else ""
        tables[data] = f"{note}{head}" + "\n".join(summary(rows, data)) + "\n"
    read = [name for name in results if name.startswith(READINGS)]
    of_layers = [readings(name.removeprefix(READINGS), results[name]["rows"]) for name in read]
    tables["Which layers to use as features"] = "\n".join([READ, *of_layers])
    tables |= {name: measured(name, results[name]["rows"]) for name in MEASURED if name in results}
    tables["generation"] = drawn(results[GENERATED]["rows"])
    tables["options"] = tried(results[OPTIONS])
    if NUMBERS in results:
        tables["how many clusters"] = numbers(results[NUMBERS]["rows"])
    tables["choosing"] = CHOICE + "\n".join(choice(results["single_runs"]["rows"])) + "\n"
    tables["Where the numbers come from"] = SOURCES + "\n".join(sources) + "\n"

    plots = [
        PLOT.format(name=name, title=title, note=note, alt=alt)
        for name, (title, note, alt) in PLOTS.items()
    ]
    folded = [FOLDED.format(title=title, text=text) for title, text in tables.items()]
    return "\n".join([HEAD, *plots, TABLES, *folded])


if __name__ == "__main__":
    PAGE.write_text(page())
