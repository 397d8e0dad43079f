"""Time of the library's steps, predictions and import, compared with a training loop by hand.

    python benchmarks/speed.py --json benchmarks/results/speed.json

Both sides of a row are measured in turn in one process. Seconds are medians over all repeats, and
``ratio`` is the median of our time divided by that of the reference in each repeat, so that changes
in the speed of the machine matter little. For most rows, medians of three new processes are kept.

In these processes, memory that a step frees is kept for the next step (``KEPT``): by default the
system may take it back after each step, which can affect one side more than the other. Steps are
also measured with this default, as "memory given back". Parts of a file that are not named are
kept.

References: for a step, a loop written by hand with the same networks, losses and batches, torch's
Adam with its defaults, and rows that were encoded before; for predict and transform, only the
network, in inference mode, with its results in one array; for parts of a prediction of one row, the
whole prediction; for an epoch, an epoch of pre-training of ClustPy's DEC, which is left out if
ClustPy is not installed.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from keeping import Row, describe_machine, in_process, read_rows, write
from torch.nn import functional as F
from trained import checked

from gan_cluster import InfoGANClusterer, Objective
from gan_cluster.objectives import agreement, discriminator_loss, generator_loss, imbalance
from gan_cluster.training.augment import random_view
from gan_cluster.training.batches import Batches, fixed_batches
from gan_cluster.training.inference import INFERENCE_BATCH
from gan_cluster.training.schedule import Schedule

NUMBERS = ("ours", "reference", "ratio")
# read by the C library of Linux when a process starts
KEPT = {"MALLOC_TRIM_THRESHOLD_": "1000000000", "MALLOC_MMAP_THRESHOLD_": "1000000000"}

BATCH, N_CODES, NOISE = 128, 10, 62
N_STEPS = 200, 50  # of tables, of images
N_CALLS = 100  # of one row
N_READ = 80 * INFERENCE_BATCH  # what filling up the last batch costs shows in one row
CUTS = list(range(INFERENCE_BATCH, N_READ, INFERENCE_BATCH))
KINDS = {"MLP on a table": (64,), "DCGAN on 28x28": (1, 28, 28), "DCGAN on 32x32x3": (3, 32, 32)}
SETTINGS = {
    "n_clusters": N_CODES,
    "objective": Objective(codes_per_cluster=1, n_neighbors=0),
    "n_init": 1,
    "n_iter_no_change": None,
    "max_epochs": 4,
    "random_state": 0,
}


def rows_of(shape: tuple[int, ...], n_rows: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n_rows, *shape), dtype=np.uint8)


def fitted(X: np.ndarray, **settings: object) -> InfoGANClusterer:
    """A clusterer in the middle of its game, which goes on with each ``partial_fit``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return InfoGANClusterer(**SETTINGS, **settings).fit(X[:BATCH])


def batches_of(model: InfoGANClusterer, X: np.ndarray) -> Batches:
    """Batches of X as the fitted one would be trained on."""
    schedule = Schedule(model.model_.recipe, X.reshape(len(X), -1))
    return schedule.batches(model.model_.rng, looks_near=False)


def bare_epoch(model: InfoGANClusterer, X: np.ndarray) -> Callable[[], None]:
    """The same training without library, loop or loader: batches of encoded rows, by hand."""
    net, images = model.model_.net, len(X.shape) > 2
    generator, discriminator, rng = net.generator_, net.discriminator_, net.rng
    d_optimizer = torch.optim.Adam(discriminator.parameters(), 1e-3, betas=(0.5, 0.999))
    g_optimizer = torch.optim.Adam(generator.parameters(), 1e-3, betas=(0.5, 0.999))
    encoded = model.model_.encode(X.reshape(len(X), -1))
    prior = torch.full((N_CODES,), 1 / N_CODES)

    def epoch() -> None:
        generator.train()
        discriminator.train()
        order = torch.randperm(len(encoded))
        for start in range(0, len(encoded) - BATCH + 1, BATCH):
            rows = encoded[order[start : start + BATCH]]
            codes = torch.randint(N_CODES, (BATCH,), generator=rng)
            noise = torch.randn(BATCH, NOISE, generator=rng)
            fake = generator(torch.cat([noise, F.one_hot(codes, N_CODES).float()], dim=1))
            twins = random_view(rows, rng) if images else rows
            real_or_not, code, _ = discriminator(torch.cat([rows, twins, fake.detach()]))
            real, _, drawn = real_or_not.split(BATCH)
            logits, twin_logits, _ = code.split(BATCH)
            marginal = (logits.softmax(1).mean(0) + twin_logits.softmax(1).mean(0)) / 2
            consistency = agreement(logits, twin_logits) + 5 * imbalance(marginal, prior)
            loss = discriminator_loss(real, drawn, "non-saturating") + consistency
            d_optimizer.zero_grad()
            loss.backward()
            d_optimizer.step()
            for weights in discriminator.parameters():
                weights.requires_grad_(False)
            real_or_not, code, _ = discriminator(torch.cat([rows, fake]))
            adversarial = generator_loss(real_or_not[BATCH:], real_or_not[:BATCH], "non-saturating")
            g_loss = adversarial + F.cross_entropy(code[BATCH:], codes)
            g_optimizer.zero_grad()
            g_loss.backward()
            g_optimizer.step()
            for weights in discriminator.parameters():
                weights.requires_grad_(True)

    return epoch


def compare(case: str, ours: Callable, reference: Callable, per: int, repeats: int) -> Row:
    """Median seconds of both, in turn, and of their ratio, after one of each to warm up."""
    times: tuple[list[float], list[float]] = ([], [])
    for repeat in range(repeats + 1):
        for call, found in zip((ours, reference), times, strict=True):
            started = perf_counter()
            call()
            if repeat:
                found.append((perf_counter() - started) / per)
    mine, its = (statistics.median(found) for found in times)
    ratio = statistics.median(a / b for a, b in zip(*times, strict=True))
    return {"case": case, "ours": mine, "reference": its, "ratio": round(ratio, 3)}


def steps(repeats: int, **settings: object) -> list[Row]:
    """A training step of ours, inside ``partial_fit``, beside that of the bare loop."""
    rows = []
    for name, shape in KINDS.items():
        X = rows_of(shape, BATCH * N_STEPS[len(shape) > 1])
        model = fitted(X, **settings)
        twin = fitted(X) if settings else model  # the same weights at the same place in memory
        ours = partial(model.model_.net.run_epochs, batches_of(model, X), 1)
        case = f"step, {name}" + "".join(f", {key}={value}" for key, value in settings.items())
        rows.append(compare(case, ours, bare_epoch(twin, X), len(X) // BATCH, repeats))
    return rows


def readings(repeats: int) -> list[Row]:
    """``predict`` and ``transform`` of many rows, and of one, beside the network alone."""
    rows = []
    for name, shape in KINDS.items():
        X = rows_of(shape, N_READ)
        model = fitted(X)
        discriminator, encoding = model.discriminator_, model.model_.encoding
        flat = X.reshape(len(X), -1)

        def bare(network: Callable, flat=flat, encoding=encoding) -> np.ndarray:
            with torch.inference_mode():
                parts = [network(encoding.encode(part)) for part in np.split(flat, CUTS)]
                return torch.cat(parts).numpy()

        def labels(batch: torch.Tensor, of=discriminator) -> torch.Tensor:
            return of(batch).code.argmax(1)

        def features(batch: torch.Tensor, of=discriminator) -> torch.Tensor:
            return of.trunk(batch)

        for method, network in {"predict": labels, "transform": features}.items():
            call = getattr(model, method)
            case = f"{method}, {name}"
            rows.append(
                compare(
                    case,
                    lambda call=call, X=X: call(X),
                    lambda network=network, bare=bare: bare(network),
                    len(X),
                    repeats,
                )
            )
        rows += single_row(name, model, X, labels, repeats)
    return rows


def single_row(
    name: str, model: InfoGANClusterer, X: np.ndarray, labels: Callable, repeats: int
) -> list[Row]:
    """``predict`` of one row beside the network, and its parts beside the whole."""
    flat, encoding = X[:1].reshape(1, -1), model.model_.encoding
    encoded = encoding.encode(flat)
    (batch, _), *_ = fixed_batches(flat, encoding, INFERENCE_BATCH, "cpu")
    calls: dict[str, Callable] = {
        "": lambda: model.predict(X[:1]),
        ": checking it": lambda: checked(model, X[:1]),
        ": encoding it": lambda: list(fixed_batches(flat, encoding, INFERENCE_BATCH, "cpu")),
        ": the network, on a batch of which it is part": lambda: labels(batch),
    }

    def repeated(call: Callable) -> Callable[[], None]:
        def repeat() -> None:
            with torch.inference_mode():
                for _ in range(N_CALLS):
                    call()

        return repeat

    whole, alone = repeated(calls[""]), repeated(lambda: labels(encoded))
    return [
        compare(
            f"predict one row, {name}{part}",
            repeated(call),
            whole if part else alone,
            N_CALLS,
            repeats,
        )
        for part, call in calls.items()
    ]


def imports(repeats: int) -> list[Row]:
    """Seconds to import the library, and to use it, beside those of its parts, in new processes."""

    def importing(statement: str) -> Callable[[], None]:
        return lambda: subprocess.run([sys.executable, "-c", statement], check=True)

    module, both = importing("import gan_cluster"), importing("import torch, sklearn.cluster")
    used = importing("from gan_cluster import InfoGANClusterer")
    return [
        compare("import, beside torch", module, importing("import torch"), 1, repeats),
        compare("import of an estimator, beside torch and scikit-learn", used, both, 1, repeats),
    ]


def epochs(repeats: int) -> list[Row]:
    """An epoch over 6,000 images of 28x28 beside one of pre-training of ClustPy's DEC."""
    try:
        from clustpy.deep import DEC
    except ImportError:
        return []
    X = rows_of((1, 28, 28), 6_000)
    model = fitted(X)
    batches = batches_of(model, X)
    flat = (X.reshape(len(X), -1) / 255).astype(np.float32)

    def pretraining(n_epochs: int) -> float:
        dec = DEC(10, pretrain_epochs=n_epochs, clustering_epochs=0, random_state=0)
        started = perf_counter()
        dec.fit(flat)
        return perf_counter() - started

    def reference() -> None:
        pretraining(1)

    return [
        compare(
            "epoch, 6,000 images of 28x28, ClustPy's DEC",
            partial(model.model_.net.run_epochs, batches, 1),
            reference,
            1,
            repeats,
        )
    ]


# what is measured, and in how many processes
PARTS: dict[str, tuple[int, Callable[[int], list[Row]]]] = {
    "memory given back": (3, steps),
    "steps": (3, steps),
    "readings": (3, readings),
    "imports": (1, imports),
    "bf16": (1, partial(steps, precision="bf16")),
    "epochs": (1, epochs),
}


def run_part(part: str, repeats: int) -> list[Row]:
    """The rows of a part, as medians of what new processes measured one after the other."""
    os.environ.update({} if part == "memory given back" else KEPT)
    count, measure = PARTS[part]
    found = [in_process(measure, repeats) for _ in range(count)]
    rows = []
    for same in zip(*found, strict=True):
        median = {key: statistics.median(row[key] for row in same) for key in NUMBERS}
        rows.append({"case": same[0]["case"], "part": part, **median})
        print(json.dumps(rows[-1]), flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()
    rows = read_rows(options.json)
    order = {part: i for i, part in enumerate(PARTS)}  # a file may have parts that are gone
    for part in sorted(options.part, key=order.get):
        rows = [row for row in rows if row["part"] != part] + run_part(part, options.repeats)
        rows.sort(key=lambda row: order.get(row["part"], len(order)))
        threads = torch.get_num_threads()
        write(options.json, {**describe_machine(), "threads": threads, "rows": rows})


if __name__ == "__main__":
    main()
