"""Speed on a GPU: seconds to an accuracy on MNIST, steps in a second, and how busy the GPU is.

Steps are captured as CUDA graphs, or run one by one where a case says so.

    python benchmarks/gpu.py --data-home DIR --json benchmarks/results/gpu.json

Labels are only used to measure when a fit reached the accuracy, not to stop it; the time for this
measurement is not counted. The GPU's driver gives the share of time in which a kernel ran. The file
is rewritten after every row; rows that it has already are not run again.
"""

import argparse
import statistics
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import product
from pathlib import Path
from threading import Event, Thread
from time import perf_counter
from typing import Any

import numpy as np
import torch
from data import DataSet, load
from keeping import Row, run_missing
from skorch.callbacks import Callback
from trained import recipe_of

from gan_cluster import InfoGANClusterer
from gan_cluster.metrics import clustering_accuracy
from gan_cluster.training.data import Encoding
from gan_cluster.training.inference import map_rows
from gan_cluster.training.schedule import Schedule

GOOD = 0.98
FITS: dict[str, dict[str, Any]] = {
    "": {},
    ", batches of 512": {"batch_size": 512},
    ", bf16": {"precision": "bf16"},
}
STEPS: dict[str, dict[str, Any]] = {
    f", batches of {batch_size}, width {width}": {"batch_size": batch_size, "width": width}
    for batch_size in (128, 512)
    for width in (16, 64)
}
COLUMNS = 64  # of the table


class Looks(Callback):
    """Is told of each step, so that steps run one by one."""

    def on_batch_end(self, net: Any, **kwargs: Any) -> None:
        """Nothing is done."""


@contextmanager
def watched_gpu(device: str) -> Iterator[Row]:
    """A row that is given the share of the time in which a kernel ran, looked at every 0.1 s."""
    row: Row = {}
    if device == "cpu":
        yield row
        return
    ended, found = Event(), []

    def look() -> None:
        while not ended.wait(0.1):
            found.append(torch.cuda.utilization())

    thread = Thread(target=look)
    thread.start()
    try:
        yield row
    finally:
        ended.set()
        thread.join()
    row["busy"] = round(statistics.mean(found) / 100, 3)


class Watch(Callback):
    """Notes when test rows are first told apart as well as ``GOOD``."""

    def __init__(self, encoding: Encoding, data: DataSet):
        self.encoding = encoding
        self.data = data
        self.started = perf_counter()
        self.looked = 0.0
        self.reached: float | None = None

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        if not net.playing or self.reached is not None:
            return
        began = perf_counter()
        X = self.data.X_test
        labels = map_rows(net, self.encoding, X, lambda batch: net.label(batch).argmax(1))
        if clustering_accuracy(self.data.y_test, labels) >= GOOD:
            self.reached = began - self.started - self.looked
        self.looked += perf_counter() - began


def fit(data: DataSet, device: str, seed: int, **settings: Any) -> Row:
    """One fit, with the library's defaults but for settings: how long, and how long until good."""
    model = InfoGANClusterer(
        data.n_clusters, image_shape=data.image_shape, device=device, random_state=seed, **settings
    )
    watch = Watch(recipe_of(model, data.X_train).encoding, data)
    with watched_gpu(device) as busy:
        model.set_params(callbacks=[watch]).fit(data.X_train)
        seconds = perf_counter() - watch.started - watch.looked
    return {
        "seconds": round(seconds, 2),
        "acc": round(clustering_accuracy(data.y_test, model.predict(data.X_test)), 4),
        "seconds_to_0.98": watch.reached and round(watch.reached, 2),
        **busy,
    }


def steps(X: np.ndarray, device: str, n_epochs: int, captured: bool, **settings: Any) -> Row:
    """Steps of the whole game a second, in epochs after one to warm up."""
    model = InfoGANClusterer(10, device=device, random_state=0, max_epochs=2, n_init=1, **settings)
    model.fit(X[: 4 * model.batch_size])
    net, schedule = model.model_.net, Schedule(model.model_.recipe, X)
    batches = schedule.batches(model.model_.rng, looks_near=False)
    net.callbacks = [] if captured else [Looks()]
    net.initialize_callbacks()
    net.run_epochs(batches, 1)
    with watched_gpu(device) as busy:
        started = perf_counter()
        net.run_epochs(batches, n_epochs)
        if device == "cuda":
            torch.cuda.synchronize()
        seconds = perf_counter() - started
    return {"steps_a_second": round(n_epochs * len(batches) / seconds, 1), **busy}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-home", type=Path, help="folder with the data (default: OpenML)")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", type=int, help="the first N training rows only")
    parser.add_argument("--epochs", type=int, default=3, help="epochs in which steps are counted")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()
    data = load("mnist", options.data_home)
    data = data._replace(X_train=data.X_train[: options.rows])
    cases = {
        f"fit, mnist{name}, seed {seed}": partial(fit, data, options.device, seed, **given)
        for name, given in FITS.items()
        for seed in range(options.seeds)
    }
    table = np.random.default_rng(0).normal(size=(len(data.X_train), COLUMNS)).astype(np.float32)
    kinds: dict[str, tuple[np.ndarray, dict[str, Any]]] = {
        "mnist": (data.X_train, {"image_shape": data.image_shape}),
        f"table of {COLUMNS} columns": (table, {}),
    }
    for (kind, (X, shape)), (name, given) in product(kinds.items(), STEPS.items()):
        for how, captured in (("captured", True), ("one by one", False)):
            run_steps = partial(steps, X, options.device, options.epochs, captured)
            cases[f"step, {kind}{name}, {how}"] = partial(run_steps, **shape, **given)

    card = torch.cuda.get_device_name() if options.device == "cuda" else options.device

    def run(case: str) -> Row | list[Row]:
        try:
            return {"case": case, "card": card, **cases[case]()}
        except RuntimeError as error:
            print(case, error, file=sys.stderr)
            return []

    run_missing(options.json, [(case,) for case in cases], lambda row: (row["case"],), run)


if __name__ == "__main__":
    main()
