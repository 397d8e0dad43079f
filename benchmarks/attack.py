"""Hostile use, and how often it did harm: shared or forged files, interrupts, many codes.

    python benchmarks/attack.py --json benchmarks/results/attack.json

Each row says what was tried, how often, and how often it failed. A failure is an error that is not
documented, a folder that cannot be read, a model that is not one of the saved models, an estimator
that was changed, or a lost file of others. Small files that would fill the memory, and the merging
of many codes, fail if they take more memory or seconds than the limits below.
"""

import argparse
import json
import re
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any

import numpy as np
import torch
from keeping import describe_machine, in_process, write
from sklearn.datasets import make_blobs
from skorch.callbacks import Callback
from tqdm import tqdm

from gan_cluster import InfoGANClusterer, Objective, load, save
from gan_cluster._folder import CorruptModelError, read_model, write_model
from gan_cluster.training.merging import merge_codes

MOST_MB, MOST_SECONDS = 300, 10  # that a forged file may take
MERGING_SECONDS = 5
X = make_blobs(200, n_features=4, centers=3, random_state=0)[0]


def small(**settings: Any) -> InfoGANClusterer:
    """An estimator that is fitted in a moment."""
    short = {"n_init": 1, "width": 2, "max_epochs": 4, "batch_size": 40, "random_state": 0}
    return InfoGANClusterer(3, **{**short, **settings})


def fitted(n: int) -> list[InfoGANClusterer]:
    """Estimators that are told apart by what they were fitted with."""
    return [small(random_state=seed, max_epochs=1).fit(X) for seed in range(n)]


def is_one_of(folder: Path, models: list[InfoGANClusterer]) -> bool:
    """Whether a folder holds one of these models, as a whole."""
    found = load(folder)
    expected = models[found.random_state]
    return np.array_equal(found.predict_proba(X), expected.predict_proba(X))


def failed(action: Callable[[], bool | None]) -> bool:
    """Whether an action raises an error or says that it went wrong."""
    try:
        return action() is False
    except Exception as error:
        tqdm.write(f"{type(error).__name__}: {error}"[:200])
        return True


def saves_by_threads(n: int, folder: Path) -> int:
    """Two models are saved in one folder at once, again and again."""
    models, found = fitted(2), 0
    with ThreadPoolExecutor(2) as pool:
        for i in range(n):
            path = folder / str(i)
            tasks = [pool.submit(save, model, path) for model in models]
            errors = [task.exception() for task in tasks]
            found += any(errors) or failed(lambda path=path: is_one_of(path, models))
    return found


def _saves(n: int, folder: Path, seed: int) -> int:
    warnings.simplefilter("ignore")
    model = fitted(seed + 1)[seed]
    return sum(failed(lambda: save(model, folder)) for _ in range(n))


def saves_by_processes(n: int, folder: Path) -> int:
    """Two processes save in one folder, which is read meanwhile."""
    path, models = folder / "model", fitted(2)
    save(models[0], path)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        tasks = [pool.submit(_saves, n // 2, path, seed) for seed in range(2)]
        found = 0
        while not all(task.done() for task in tasks):
            found += failed(lambda: is_one_of(path, models))
        return found + sum(task.result() for task in tasks)


def readers_during_saves(n: int, folder: Path) -> int:
    """A folder is read while other models are saved in it all the time."""
    path, models, done = folder / "model", fitted(2), []
    save(models[0], path)

    def saving() -> None:
        while not done:
            for model in models:
                save(model, path)

    with ThreadPoolExecutor(1) as pool:
        task = pool.submit(saving)
        found = sum(failed(lambda: is_one_of(path, models)) for _ in range(n))
        done.append(True)
        return found + failed(task.result)


def fits_in_one_folder(n: int, folder: Path) -> int:
    """Two fits that are the same keep their state in one folder at once."""
    expected, found = small().fit(X).predict_proba(X), 0

    def is_right(path: Path) -> bool:
        model = small(checkpoint_dir=path).fit(X)
        return np.array_equal(model.predict_proba(X), expected)

    with ThreadPoolExecutor(2) as pool:
        for i in range(n):
            found += any([*pool.map(failed, [lambda i=i: is_right(folder / str(i))] * 2)])
    return found


class Interrupts(Callback):
    """An interrupt by the keyboard at the end of a batch, counted from 0."""

    def __init__(self, batch: int):
        self.batch, self.seen_ = batch, 0

    def on_batch_end(self, net: Any, **kwargs: Any) -> None:
        if self.seen_ == self.batch:
            raise KeyboardInterrupt
        self.seen_ += 1


def _is_undone(batch: int, folder: Path, go_on: Callable[[Any], Any], **settings: Any) -> bool:
    """Whether an estimator whose training on is interrupted is what it was, saved ones too."""
    model = small(objective=Objective(codes_per_cluster=2), **settings).partial_fit(X)
    before, labels = model.predict_proba(X), model.labels_
    try:
        go_on(model.set_params(callbacks=[Interrupts(batch)]))
        return False
    except KeyboardInterrupt:
        save(model, folder)
    return all(
        np.array_equal(same.predict_proba(X), before) and np.array_equal(same.labels_, labels)
        for same in (model, load(folder))
    )


def interrupted_partial_fits(n: int, folder: Path) -> int:
    """``partial_fit`` is interrupted at each of its batches, and others of other seeds."""
    return sum(
        failed(
            lambda i=i: _is_undone(i % 5, folder, lambda m: m.partial_fit(X), random_state=i // 5)
        )
        for i in range(n)
    )


def interrupted_warm_starts(n: int, folder: Path) -> int:
    """``fit`` with ``warm_start`` is interrupted in its epochs."""
    return sum(
        failed(lambda i=i: _is_undone(i % 13, folder, lambda m: m.fit(X), warm_start=True))
        for i in range(n)
    )


FOREIGN = (
    "model.json",
    f"tensors-{'0' * 64}.safetensors",
    ".model.json.1.part",
    ".gan-cluster.part",
    "model.safetensors",
)


def planted_files(n: int, folder: Path) -> int:
    """Saves and fits in folders that hold files of others, or links to them."""
    model, found = small().fit(X), 0
    for i in range(n):
        path, outside = folder / str(i), folder / f"outside{i}"
        path.mkdir()
        outside.write_text("of others")
        names = FOREIGN[: 1 + i % len(FOREIGN)]
        for name in names:
            if i % 2:
                (path / name).symlink_to(outside)
            else:
                (path / name).write_text("of others")
        for write_there in (
            lambda path=path: save(model, path),
            lambda path=path: small(checkpoint_dir=path).fit(X),
        ):
            with suppress(FileExistsError, ValueError):  # as what is there is of another kind
                write_there()
        found += any(
            (path / name).read_bytes() != b"of others" or (path / name).is_symlink() != bool(i % 2)
            for name in names
        )
    return found


def _layers_without_weights(document: dict, tensors: dict) -> None:
    document["parameters"] |= {"architecture": "mlp", "depth": 5_000}
    tensors |= {f"{i:x}": torch.zeros(0) for i in range(25_000)}


def _many_objects(document: dict, tensors: dict) -> None:
    document["n_features"] = [{"": 0}] * 350_000


def _many_epochs(document: dict, tensors: dict) -> None:
    for name in [name for name in tensors if name.startswith("history.")]:
        del tensors[name]
    tensors["history.values.epoch"] = torch.arange(5_000_000)


def _rows_of_no_size(document: dict, tensors: dict) -> None:
    _many_epochs(document, tensors)
    tensors["history.values.epoch"] = torch.zeros(10**9, 0)


def _lists_of_no_size(document: dict, tensors: dict) -> None:
    tensors["history.values.usage"] = torch.zeros(0, dtype=torch.float64)
    tensors["history.sizes.usage"] = torch.zeros(4_000_000, dtype=torch.int64)


BOMBS = {
    "layers without weights": _layers_without_weights,
    "many objects": _many_objects,
    "many epochs": _many_epochs,
    "rows of no size": _rows_of_no_size,
    "lists of no size": _lists_of_no_size,
}


def _peak_mb() -> float:
    """Most memory that this process has held since that was last forgotten."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"^VmHWM:\s*(\d+)", status, re.M)[1]) / 1024


def _opened(folder: Path) -> dict[str, Any]:
    """What opening a folder takes, beside what the process had, and whether it was refused."""
    torch.set_num_threads(1)
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak
    before, begun, refused = _peak_mb(), perf_counter(), False
    try:
        load(folder)
    except CorruptModelError:
        refused = True
    seconds = round(perf_counter() - begun, 2)
    # the system counts pages a few at a time, so that a peak may seem lower than what it rose from
    peak = max(0.0, round(_peak_mb() - before, 1))
    harm = not refused or peak > MOST_MB or seconds > MOST_SECONDS
    return {"tried": 1, "failed": int(harm), "peak_mb": peak, "seconds": seconds}


def bomb(name: str, folder: Path) -> dict[str, Any]:
    """A file that is small, and asks for much."""
    save(fitted(1)[0], folder / name)
    document, tensors = read_model(folder / name)
    BOMBS[name](document, tensors)
    write_model(folder / name, document, tensors)
    size = sum(path.stat().st_size for path in (folder / name).iterdir())
    return {"file_mb": round(size / 2**20, 1), **in_process(_opened, folder / name)}


def merging(n_codes: int, n_clusters: int) -> dict[str, Any]:
    """Codes that rows have at random are merged by five near rows of each of 10,000."""
    first, second = np.random.default_rng(0).integers(n_codes, size=(2, 50_000))
    joint = np.zeros((n_codes, n_codes))
    np.add.at(joint, (first, second), 1)
    begun = process_time()  # whatever else the machine does
    groups = merge_codes((joint + joint.T) / 100_000, n_clusters, np.random.RandomState(0))
    seconds = round(process_time() - begun, 2)
    harm = seconds > MERGING_SECONDS or len(np.unique(groups)) < n_clusters
    return {"tried": 1, "failed": int(harm), "seconds": seconds}


CASES = {
    saves_by_threads: 150,
    saves_by_processes: 400,
    readers_during_saves: 500,
    fits_in_one_folder: 48,
    interrupted_partial_fits: 20,
    interrupted_warm_starts: 26,
    planted_files: 20,
}


def attack(share: float) -> list[dict[str, Any]]:
    """A row for each case, tried this share of the usual number of times."""
    rows: list[dict[str, Any]] = []

    def told(case: str, **row: Any) -> None:
        rows.append({"case": case, **row})
        tqdm.write(json.dumps(rows[-1]))

    for case, times in CASES.items():
        n, begun = max(2, round(share * times)), perf_counter()
        with TemporaryDirectory() as folder:
            count = int(case(n, Path(folder)))
        seconds = round(perf_counter() - begun, 1)
        told(case.__name__.replace("_", " "), tried=n, failed=count, seconds=seconds)
    with TemporaryDirectory() as folder:
        for name in BOMBS:
            told(f"a forged file, {name}", **bomb(name, Path(folder)))
    for n_codes, n_clusters in ((1000, 500), (2000, 1000), (4000, 1000)):
        n = max(2, round(share * n_clusters))
        codes = n_codes // n_clusters * n
        told(f"merging {codes} codes into {n} clusters", **merging(codes, n))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--share", type=float, default=1.0, help="of the usual numbers of tries")
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    rows = attack(options.share)
    write(options.json, {**describe_machine(), "rows": rows})
    n_failed = sum(row["failed"] for row in rows)
    print(f"{n_failed} of {sum(row['tried'] for row in rows)} failed")


if __name__ == "__main__":
    main()
