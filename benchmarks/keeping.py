"""Result files: rows with the machine and the versions that they came from.

A file is rewritten after every run. Rows that it has already, without an error, are not run again.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from gan_cluster._folder import write_file

Row = dict[str, Any]
PACKAGES = ("gan-cluster", "torch", "scikit-learn", "skorch", "numpy", "umap-learn", "clustpy")


def describe_machine() -> dict[str, Any]:
    """Versions, processor and commit that a result came from."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            versions[package] = version(package)
    cpu = Path("/proc/cpuinfo")
    named = re.search(r"^model name\s*:(.*)", cpu.read_text(), re.M) if cpu.exists() else None
    git = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]
    commit = ""
    with suppress(FileNotFoundError):  # git is not installed
        commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    processor = f"{named[1].strip() if named else platform.processor()}, {os.cpu_count()} cores"
    if torch.cuda.is_available():
        processor += f", {torch.cuda.get_device_name()}"
    return {"versions": versions, "processor": processor, "commit": commit}


def with_machine(row: Row) -> Row:
    """A row with the processor and the commit it came from, of which a file may have several."""
    machine = describe_machine()
    return row | {part: machine[part] for part in ("processor", "commit")}


def parser_of(description: str | None, seeds: int) -> argparse.ArgumentParser:
    """The options that methods on data sets share: seeds, the folder with data, and the file."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    told = f"seeds 0 .. N - 1 (default: {seeds})"
    parser.add_argument("--seeds", type=int, default=seeds, help=told)
    parser.add_argument(
        "--data-home",
        type=Path,
        default=os.environ.get("GAN_CLUSTER_DATA") or None,
        help="folder with the data (default: $GAN_CLUSTER_DATA, or else OpenML)",
    )
    parser.add_argument("--json", type=Path, required=True, help="where the rows are kept")
    return parser


def read_rows(path: Path) -> list[Row]:
    """The rows of a file; none where there is no file yet."""
    return json.loads(path.read_text())["rows"] if path.exists() else []


def write(path: Path, result: dict[str, Any]) -> None:
    """Replace the file as a whole; each row has a line of its own."""
    lines = ",\n  ".join(json.dumps(row) for row in result["rows"])
    head = json.dumps({key: value for key, value in result.items() if key != "rows"}, indent=1)
    write_file(path, (head[:-2] + ',\n "rows": [\n  ' + lines + "\n ]\n}\n").encode())


def in_process(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function returns in a new process, whose memory and settings are its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def run_missing(
    path: Path,
    wanted: Iterable[tuple],
    key_of: Callable[[Row], tuple],
    run: Callable[..., Row | list[Row]],
) -> list[Row]:
    """Run what a file has no rows of, or only errors, and return all its rows.

    ``run`` takes the parts of a key and gives one row or several, which replace those of that key;
    where it gives none, the file stays as it is. A row that is alone is printed, too.
    """
    rows = read_rows(path)
    done = {key_of(row) for row in rows if "error" not in row}
    for key in tqdm([key for key in wanted if key not in done], unit="run", file=sys.stderr):
        found = run(*key)
        new = [found] if isinstance(found, dict) else found
        if not new:
            continue
        rows = [row for row in rows if key_of(row) != key] + new
        write(path, {**describe_machine(), "rows": rows})
        if len(new) == 1:
            tqdm.write(json.dumps(new[0]))
    return rows
