"""Tables of all committed results, as docs/benchmarks.md.

python benchmarks/table.py
"""

import json
import statistics
from pathlib import Path

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


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for file in sorted(RESULTS.glob("*.json")):
        result = json.loads(file.read_text())
        versions = ", ".join(f"{name} {number}" for name, number in result["versions"].items())
        title = TITLES.get(file.stem, f"`{file.stem}`: {PLAIN}")
        parts.append(
            f"## {title}\n\n{COLUMNS}\n|{' --- |' * (COLUMNS.count('|') - 1)}\n"
            + "\n".join(summary(result["rows"]))
            + f"\n\n{result['processor']}; {versions}; commit {result['commit']}.\n"
        )
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())
