"""The main job over seeds: ``python -m gan_cluster`` fits and scores all 1,797 digits.

    python benchmarks/main_job.py --seeds 0 1 2 3 4 5 6 7 8 9 \
        --json benchmarks/results/main_job.json
"""

import argparse
import statistics
from pathlib import Path

from keeping import run_missing
from sklearn.datasets import load_digits

from gan_cluster.__main__ import make_methods, run_methods, score


def run(seed: int) -> list[dict]:
    """A row for each method."""
    digits, rows = load_digits(), []
    for method, labels, seconds in run_methods(digits.data, *make_methods(seed, "cpu")):
        scores = {name: round(v, 4) for name, v in score(digits.target, labels).items()}
        rows.append({"method": method, "seed": seed, **scores, "seconds": round(seconds, 2)})
    return rows


def summarise(rows: list[dict]) -> str:
    """Mean, standard deviation, worst and best of ACC, and mean seconds, a line a method."""
    lines = []
    for method in dict.fromkeys(row["method"] for row in rows):
        mine = [row for row in rows if row["method"] == method]
        acc = [row["acc"] for row in mine]
        spread = statistics.stdev(acc) if len(acc) > 1 else 0.0
        seconds = statistics.mean(row["seconds"] for row in mine)
        lines.append(
            f"{method:22} mean {statistics.mean(acc):.3f}  std {spread:.3f}  worst {min(acc):.3f}  "
            f"best {max(acc):.3f}  {seconds:.1f} s  ({len(acc)} seeds)"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(10)))
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()
    seeds = [(seed,) for seed in options.seeds]
    rows = run_missing(options.json, seeds, lambda row: (row["seed"],), run)
    print(summarise(rows))


if __name__ == "__main__":
    main()
