"""One fit by one process of one thread and by two: throughput, accuracy and the bound.

    python benchmarks/processes.py --data mnist --data-home DIR --rows 20000 --batch-size 512 \
        --json benchmarks/results/processes.json

The processes are launched by ``torchrun`` and share each batch, so that its size is the same. Their
communication after each step takes the same time for small batches as for large ones.
``rows_a_second`` is the median over epochs in which the generator is trained.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import torch
from data import load
from keeping import run_missing

from gan_cluster import InfoGANClusterer
from gan_cluster.metrics import clustering_accuracy

LAUNCH = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node")


def worker(options: argparse.Namespace) -> None:
    """Fit beside the other processes; the first of them writes the row."""
    torch.set_num_threads(1)
    data = load(options.data, options.data_home)
    X = data.X_train[: options.rows]
    model = InfoGANClusterer(
        data.n_clusters,
        image_shape=data.image_shape,
        n_init=1,
        batch_size=options.batch_size,
        device="cpu",
        random_state=options.seed,
    )
    started = perf_counter()
    model.fit(X)
    seconds = perf_counter() - started
    if os.environ["RANK"] != "0":
        return
    played = [epoch for epoch in model.history_ if "generator_loss" in epoch]
    row = {
        "data": options.data,
        "rows": len(X),
        "batch_size": options.batch_size,
        "processes": int(os.environ["WORLD_SIZE"]),
        "seed": options.seed,
        "seconds": round(seconds, 1),
        "rows_a_second": round(len(X) / statistics.median(epoch["seconds"] for epoch in played)),
        "acc": round(clustering_accuracy(data.y_test, model.predict(data.X_test)), 4),
        "mutual_information": round(played[-1]["mutual_information"], 4),
    }
    options.json.write_text(json.dumps(row))


def launch(count: int, seed: int) -> dict:
    """The row of a fit by so many workers, which are given the options of this process."""
    with TemporaryDirectory() as folder:
        found = Path(folder, "row.json")
        own = ["--seed", str(seed), "--json", str(found)]  # of options given twice the last counts
        command = [*LAUNCH, str(count), __file__, *sys.argv[1:], *own]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return json.loads(found.read_text())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--data-home", type=Path)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seed", type=int, help=argparse.SUPPRESS)  # of a worker
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()
    if options.seed is not None:
        worker(options)
        return
    run_missing(
        options.json,
        [(options.batch_size, count, seed) for seed in range(options.seeds) for count in (1, 2)],
        lambda row: (row["batch_size"], row["processes"], row["seed"]),
        lambda size, *key: launch(*key),
    )


if __name__ == "__main__":
    main()
