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

Made by `python benchmarks/table.py` from the files in `benchmarks/results/`; there is no number
here that is not in one of them. No method sees a label in training, stopping or restarts, but for
those named probe or labels. The library's defaults are one set for all data. They were chosen by
what they reach on data sets of this page.
"""
PLOTS = {
    "accuracy": (
        "Beside other methods",
        """Accuracy is that of the best matching of clusters and classes (Hungarian method): a dot
is the mean over seeds, a line goes from the worst to the best. Each method is fitted on train and
scored on test; COIL-20 has no test rows and is scored on all. Each data set has the methods that
were run on it. k-means takes less than a second where others take minutes; UMAP followed by k-means
is as good on pendigits, and steadier.""",
        "Accuracy and seconds of up to ten methods on six data sets.",
    ),
    "parts": (
        "What each part is worth",
        """Single runs, without restarts, three seeds each. The consistency term and its balance
carry the accuracy. The generator adds little to it: what it adds are drawn members.""",
        "Accuracy without each part of the method on digits, MNIST and pendigits.",
    ),
    "choosing": (
        "Does the score choose well?",
        """`score` sees no labels, and restarts (`n_init`) are chosen by it. Each dot is a single
run: the further up at the right end, the better the choice.""",
        "The score of single runs without labels beside their accuracy.",
    ),
    "drawn": (
        "Are drawn members like real ones?",
        """Beside drawn rows stand real ones that training did not see, measured alike. By fidelity,
a drawn row is right if the real rows nearest to it are of the cluster that it was drawn for.""",
        "Fidelity and coverage of drawn rows beside held-out real rows.",
    ),
    "sizes": (
        "Clusters of unequal size",
        "Ten splits of MNIST whose classes have unequal shares, one seed each.",
        "Accuracy with a uniform and with a learned prior on ten unbalanced splits of MNIST.",
    ),
    "memory": (
        "Rows larger than memory",
        "Memory of a fit, beyond what the import of the library holds.",
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
What `n_clusters="auto"` finds, beside k-means with the number of the highest silhouette and HDBSCAN
(`benchmarks/cluster_number.py`, which says what each method is): how many clusters in each seed, in
how many seeds that is within one of the classes, and means of ARI and seconds.

| data | classes | method | found | within one | ARI | seconds |
| --- | --- | --- | --- | --- | --- | --- |
"""
TABLES = """\
## All tables

ACC is the accuracy of the plots, for probes plain accuracy; mean, standard deviation, worst and
best are over seeds. Two fits or more ran at a time, each on one core: so their seconds are up to
three times as long as alone. Those of the file alone are of both cores and nothing beside. Methods
are those of `benchmarks/methods.py`: `infogan+consistency` is `InfoGANClusterer` with its defaults,
`features+kmeans` is `GANFeatureExtractor` with its defaults and `KMeans`. Defaults are those of a
row's commit: the files sizes, tables and embeddings and the rows "now" of drawn members have those
of today; others are older and asked for clusters of equal sizes.
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
    "coil20": "There are no test rows: fitted and scored on all.",
    "mnist_unbalanced": "Ten splits in which classes have unequal shares, one seed each; the five "
    "first of the file sizes.",
}
# results that are no accuracies: what each file measured
MEASURED = {
    "memory": "Rows larger than memory: `peak_mb` is beyond what the import of the library holds "
    "(`benchmarks/memory.py`).",
    "outliers": "Rows unlike those fitted: area under the ROC curve of the score of test rows "
    "against that of letters, noise and others; `outside` is the share of test rows that score "
    "below 99 % of the training rows (`benchmarks/outliers.py`).",
    "speed": "Medians of alternating repeats, in seconds; `ratio` is ours by the reference's "
    "(`benchmarks/speed.py`). Those with `compile=True` had an option that is gone.",
    "soak": "Fits, searches, saves, loads and predictions in a loop: the first and the last round "
    "(`benchmarks/soak.py`).",
    "attack": "Hostile use, and how often it failed; `peak_mb` is beyond what the process held, "
    "and seconds of merging are those of one processor (`benchmarks/attack.py`).",
    "gpu": "Fits with the library's defaults on a GPU: seconds of the whole and until 0.98 of test "
    "rows were right, and the share of the time in which the GPU was busy (`benchmarks/gpu.py`). "
    "Steps ran one by one, before they were captured as CUDA graphs.",
    "photos": "CIFAR-10 from scratch, scored on test rows. `kmeans` is k-means++ on the trunk's "
    "averaged last maps, `probe` a linear SVM on them, which sees labels; `near` are shares of "
    "near rows of one class; fidelity and variety are of drawn members, by pixels "
    "(`benchmarks/photos.py`).",
    "photos_ablation": "What each part may be worth on photographs: short fits on few rows, "
    "measured in the same way (`benchmarks/photos.py`). With one seed each, differences of some "
    "hundredths are luck: heads of one training differ by as much. Seconds are those of a machine "
    "with several other jobs, on which fits were paused.",
    "processes": "One fit by one and by two processes of one thread (`benchmarks/processes.py`).",
    "few_labels": "Fits on all rows of train with the classes of a few, as many of each: plain "
    "accuracy on test, without any matching (`benchmarks/few_labels.py`). `knn` and `logistic` see "
    "labelled rows alone. Seconds are those of a machine with several other jobs.",
    "sprites": "Disentanglement of made images of known factors (`benchmarks/sprites.py`). Rows of "
    "infogan-cr had a contrastive term besides, which is gone: FactorVAE was .670 with it and .675 "
    "without, over the same five seeds.",
}
SCALINGS = ("whitened, unit rows", "unit rows", "unit channels", "as they are")
COLUMNS = "| data | method | seeds | ACC mean | std | worst | best | NMI | ARI | seconds | file |"
CHOICE = """\
`n_init` keeps the training with the best label-free score. Of the runs in `single_runs`, each a
single training: the rank correlation (Spearman) of their scores with ACC, their mean ACC, and the
mean ACC of the best-scored of three, over all triples.

| data | runs | rank correlation | ACC of one | ACC of the best-scored of three |
| --- | --- | --- | --- | --- |
"""
OPTIONS, GENERATED = "options", "generation"
DRAWN = ["data", "recipe", "seeds", "acc", "fidelity", "fidelity_worst", "real_fidelity"]
DRAWN += ["real_fidelity_worst", "variety", "coverage", "real_coverage", "frechet", "real_frechet"]
DRAWN += ["cpu_seconds"]
DRAWN_HEAD = """\
What the clusterer draws of its clusters with its defaults, beside held-out real rows (`real_`):
means over seeds, and the worst cluster of any (`benchmarks/generation.py`). In rows marked "before"
the generator played against the discriminator that reads clusters; those of MNIST had two
continuous codes. In those marked "equal codes" it had a discriminator of its own, but the codes of
a cluster were drawn equally often, also those that no real row has. In those marked "equal sizes"
the defaults asked for clusters of equal sizes; those marked "now" find the sizes out. Below, what
continuous codes change in images.

"""
TRIED = """\
Options of the objective beside its default, the first of each study (`benchmarks/options.py`; mnist
is the first 10,000 rows of train). Means over seeds, of ACC also the worst; "acc" of "features" is
that of k-means on them. Fidelity is the share of drawn rows whose nearest real rows are of the
cluster they were drawn for, "fidelity_worst" that of the worst cluster; variety is the median
distance of a drawn row to the nearest other of its cluster, divided by that among real members.
`slant` and `stroke_width` are the correlation of the better continuous code with them. An option
that won nowhere was removed, such as `augment="adversarial"`; rows say which commit had it. The
averages of the first commit (`decay`) started from random weights, those of later ones
(`ema_decay`) start quickly.

| {columns} |
|{rule}
"""
READINGS = "readings_"
READ = """\
The same trained networks, each a single training of the objective named first, read at other
layers, in other poolings and scalings: mean ACC over three seeds of k-means++ on test, fitted on
the first 20,000 rows of train (`benchmarks/readings.py`).
"""
SOURCES = """\
Games of `protocols`, of `readings_*` and of the probe in `game_cifar10` took R1 in every step;
later ones take it in every eighth.

| file | commit | processor | versions |
| --- | --- | --- | --- |
"""


def section(row: dict) -> str:
    """The heading under which a row stands."""
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
            statistics.mean(row[key] for row in mine) for key in ("nmi", "ari", "seconds")
        )
        mean = statistics.mean(acc)
        line = (
            f"| {data} | {method} | {len(acc)} | {mean:.3f} | {spread} | {min(acc):.3f} | "
            f"{max(acc):.3f} | {nmi:.3f} | {ari:.3f} | {seconds:.0f} | {file} |"
        )
        lines.append((mean, line))
    return [line for _, line in sorted(lines)]


def readings(data: str, rows: list[dict]) -> str:
    """What was read off networks of one data set, a line a layer and a column a scaling."""
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
    """How well the label-free score chooses among runs of one method, a line a data set."""
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
    """The section of a file whose rows are no accuracies, a column for each of their keys."""
    shown = [rows[0], rows[-1]] if name == "soak" else rows
    return f"{MEASURED[name]}\n\n{_table(shown)}"


def _table(rows: list[dict]) -> str:
    """Rows as they are, a column for each of their keys."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = [" | ".join(columns), " | ".join(["---"] * len(columns))]
    lines += [" | ".join(_shown(row.get(key, "")) for key in columns) for row in rows]
    return "".join(f"| {line} |\n" for line in lines)


def tried(result: dict) -> str:
    """The section of options: a line for each, the means of what was measured in its columns."""
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
    """The section of generated rows: means over seeds, and what codes change in images."""
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
    for data, method in sorted({(row["data"], row["method"]) for row in rows}):
        mine = [row for row in rows if (row["data"], row["method"]) == (data, method)]
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
    tables["What to read off a discriminator"] = "\n".join([READ, *of_layers])
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
