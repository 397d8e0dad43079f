"""Rows on disk: they are read in runs, a block at a time, and then dropped from memory."""

import mmap
import tempfile
from math import ceil
from typing import Any

import numpy as np
import torch
from sklearn.utils import gen_batches
from torch.utils.data import Dataset, IterableDataset

HELD_BYTES = 256 * 2**20  # a file of at most this size is read like an array in memory
BLOCK_BYTES = 32 * 2**20
BLOCK_ROWS = 10_000
RUN = 64  # neighbouring rows that are read together
READ_ROWS = 512  # rows that are read before memory is released

Block = slice | np.ndarray


def mapped_file(X: np.ndarray) -> Any:
    """The memmap of which X is a view, if it is too large to be held in memory; else None."""
    if X.nbytes <= HELD_BYTES:
        return None
    base: Any = X
    while base is not None and not isinstance(getattr(base, "base", None), mmap.mmap):
        base = getattr(base, "base", None)
    return base if isinstance(base, np.memmap) else None


def release(X: np.ndarray) -> None:
    """Drop the parts of a file that were read from memory; they can be read again."""
    mapped = mapped_file(X)
    # a private mapping ("c") would lose what the user wrote to it
    if mapped is not None and mapped.mode != "c" and hasattr(mmap, "MADV_DONTNEED"):
        mapped.base.madvise(mmap.MADV_DONTNEED)


def read(X: np.ndarray, rows: Block) -> np.ndarray:
    """Some rows: a view if X is in memory and ``rows`` is a slice, otherwise a copy."""
    if mapped_file(X) is None:
        return X[rows]
    indices = np.arange(*rows.indices(len(X))) if isinstance(rows, slice) else rows
    copied = np.empty((len(indices), *X.shape[1:]), X.dtype)
    for part in gen_batches(len(indices), READ_ROWS):
        copied[part] = X[indices[part]]
        release(X)
    return copied


def spread_rows(X: np.ndarray, n_rows: int) -> np.ndarray:
    """At most ``n_rows`` rows: one of each run of rows, at random, in case their order repeats."""
    step = ceil(len(X) / n_rows)
    if step == 1:
        return read(X, slice(None))
    starts = np.arange(0, len(X), step)
    chosen = starts + np.random.RandomState(0).randint(step, size=len(starts))
    return read(X, np.minimum(chosen, len(X) - 1))


def block_sizes(X: np.ndarray, batch_size: int) -> list[int]:
    """Numbers of rows of the blocks that are in memory at a time; one block if X is in memory."""
    if mapped_file(X) is None:
        return [len(X)]
    size = min(BLOCK_ROWS, max(8 * batch_size, BLOCK_BYTES // (X.nbytes // len(X))))
    small, n_larger = divmod(len(X), n_blocks := ceil(len(X) / size))
    return [small + (i < n_larger) for i in range(n_blocks)]


def deal(X: np.ndarray, batch_size: int, rng: torch.Generator) -> list[Block]:
    """Blocks of rows of these sizes; one block of all rows if they are in memory.

    A block of rows on disk consists of runs from all parts of the file. So rows are well mixed even
    if similar rows are next to each other in the file.
    """
    if mapped_file(X) is None:
        return [slice(0, len(X))]
    starts = RUN * torch.randperm(ceil(len(X) / RUN), generator=rng, dtype=torch.int32)
    rows = (starts[:, None] + torch.arange(RUN, dtype=torch.int32)).ravel().numpy()
    ends = np.cumsum(block_sizes(X, batch_size))[:-1]
    return [np.sort(block) for block in np.split(rows[rows < len(X)], ends)]


def as_array(tensor: torch.Tensor) -> np.ndarray:
    """The values of a tensor on any device, with or without gradients."""
    tensor = tensor.float() if tensor.dtype == torch.bfloat16 else tensor
    return tensor.numpy(force=True)


def spool(dataset: Dataset) -> np.ndarray:
    """The rows of a data set, written to a temporary file in one pass, as an array on disk.

    An item is a row, or a tuple that starts with a row. The file has no name, and is deleted with
    the array.

    Raises a ValueError if there is no row, or a row has another shape or dtype than the first.
    """
    items: Any = dataset
    if not isinstance(dataset, IterableDataset):
        items = (dataset[i] for i in range(len(dataset)))  # type: ignore[arg-type]
    first: np.ndarray | None = None
    n_rows = 0
    with tempfile.TemporaryFile() as file:
        for item in items:
            values = item[0] if isinstance(item, tuple | list) else item
            row = as_array(values) if isinstance(values, torch.Tensor) else np.asarray(values)
            if first is None:
                first = row
            if (row.shape, row.dtype) != (first.shape, first.dtype) or row.dtype.hasobject:
                raise ValueError(
                    f"item {n_rows} of {type(dataset).__name__} has shape {row.shape} and dtype "
                    f"{row.dtype}, but item 0 has {first.shape} and {first.dtype}: items should "
                    "be rows of numbers of one kind, or tuples that start with one"
                )
            file.write(np.ascontiguousarray(row).data)
            n_rows += 1
        if first is None or not first.size:
            raise ValueError(f"{type(dataset).__name__} has no rows: give at least one")
        file.flush()
        return np.memmap(file, dtype=first.dtype, mode="r", shape=(n_rows, *first.shape))
