"""Tables of all committed results, as docs/benchmarks.md.

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
here that is not in one of them. No method sees a label in training, stopping or restarts. ACC is
the accuracy of the best matching of clusters and classes (Hungarian method), over seeds.
"""
TITLES = {
    "main_job": "`python -m gan_cluster`: scikit-learn's 1,797 digits, fitted and scored on all of "
    "them, two fits at a time (`benchmarks/main_job.py`)",
    "coil20": "`coil20`: there are no test rows, fitted and scored on all; two fits at a time, "
    "each on one core",
}
PLAIN = "fitted on train, scored on test; two fits at a time, each on one core"
CHOICE = "single_runs"
CHOICE_HEAD = """### Does the score choose well?

`n_init` keeps the training with the best label-free score. Of the runs above, each a single
training: the rank correlation (Spearman) of their scores with ACC, their mean ACC, and the mean ACC
of the best-scored of three, over all triples.

| data | runs | rank correlation | ACC of one | ACC of the best-scored of three |
| --- | --- | --- | --- | --- |
"""
COLUMNS = "| data | method | seeds | ACC mean | std | worst | best | NMI | ARI | seconds |"


def summary(rows: list[dict]) -> list[str]:
    """A line of the table for each pair of data set and method, best methods last."""
    groups: dict[tuple[str, str], list[dict]] = {}
    for row in rows:
        if "error" not in row:
            groups.setdefault((row.get("data", "digits"), row["method"]), []).append(row)
    lines = []
    for (data, method), mine in groups.items():
        acc = [row["acc"] for row in mine]
        spread = f"{statistics.stdev(acc):.3f}" if len(acc) > 1 else ""
        nmi, ari, seconds = (
            statistics.mean(row[key] for row in mine) for key in ("nmi", "ari", "seconds")
        )
        lines.append(
            f"| {data} | {method} | {len(acc)} | {statistics.mean(acc):.3f} | {spread} | "
            f"{min(acc):.3f} | {max(acc):.3f} | {nmi:.3f} | {ari:.3f} | {seconds:.0f} |"
        )
    return lines


def choice(rows: list[dict]) -> list[str]:
    """How well the label-free score chooses among runs of one method, a line a data set.

    The mean ACC of the run with the best score of three is over all triples of the runs.
    """
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


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for file in sorted(RESULTS.glob("*.json")):
        result = json.loads(file.read_text())
        versions = ", ".join(f"{name} {number}" for name, number in result["versions"].items())
        n_rows = result["rows"][0].get("rows")
        fitted = PLAIN if n_rows is None else f"{PLAIN} (the first {n_rows:,} rows of train)"
        title = TITLES.get(file.stem, f"`{file.stem}`: {fitted}")
        parts.append(
            f"## {title}\n\n{COLUMNS}\n|{' --- |' * (COLUMNS.count('|') - 1)}\n"
            + "\n".join(summary(result["rows"]))
            + f"\n\n{result['processor']}; {versions}; commit {result['commit']}.\n"
        )
        if file.stem == CHOICE:
            parts.append(CHOICE_HEAD + "\n".join(choice(result["rows"])) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())
