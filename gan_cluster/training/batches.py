"""Batches of rows: shuffled batches for training, and fixed ones for inference."""

from collections.abc import Iterator
from copy import copy
from math import ceil
from typing import Any

import numpy as np
import torch
from sklearn.utils import gen_batches

from gan_cluster.training.data import CHUNK_BYTES, Encoding
from gan_cluster.training.labels import Labels
from gan_cluster.training.processes import ALONE, Processes
from gan_cluster.training.random import torch_generator
from gan_cluster.training.storage import Block, block_sizes, mapped_file, read, release

LABELLED = 4  # other rows in a batch for each labelled row

Batch = tuple[torch.Tensor, ...]  # rows, partners, row numbers; labelled rows and their classes


class Batches:
    """Batches of encoded rows, shuffled again in each epoch.

    Each item is (rows, partners, indices). A partner is the row itself or, if ``near`` rows are
    given, a random one of them. If there are labels, some labelled rows, drawn with replacement,
    and their classes follow. The last, smaller batch of a block is left out, so that every step has
    the same size; by shuffling, its rows are used in other epochs.

    Rows in memory or in a file are read and encoded batch by batch, one block after the other: X is
    never copied completely. If all rows are ``held`` on the device, batches are gathered there, and
    the order of an epoch is drawn there, too.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    encoding : Encoding
    batch_size : int
        At most n_samples is used.
    rng : torch.Generator
        On the CPU.
    device : str or torch.device
    blocks : list of slice or ndarray, default=None
        Rows that are read and shuffled at a time, from :func:`deal`; None is all of X.
    near : list of ndarray of shape (n_rows, n_neighbors), default=None
        For each block, the rows that may be the partner of each row, as positions in the block.
    processes : Processes, default=ALONE
        Processes that train together; each has its own part of the rows and of a batch.
    held : Tensor of shape (n_samples, *shape), default=None
        All rows, encoded and on the device, if :func:`held_rows` found enough memory.
    """

    def __init__(
        self,
        X: np.ndarray,
        encoding: Encoding,
        *,
        batch_size: int,
        rng: torch.Generator,
        device: str | torch.device,
        blocks: list[Block] | None = None,
        near: list[np.ndarray] | None = None,
        processes: Processes = ALONE,
        held: torch.Tensor | None = None,
    ):
        self.X = X
        self.encoding = encoding
        self.batch_size = min(batch_size, len(X)) // processes.count
        self.rng = rng
        self.device = device
        self.blocks = blocks or [slice(0, len(X))]
        self.processes = processes
        self.held = held
        self.near: Any = self._placed(near)
        self.known: list[torch.Tensor] | None = None  # labelled rows by number, and classes
        self.labels = torch.full((len(X),), -1, device=device, dtype=torch.int32)

    def reseeded(self, rng: torch.Generator) -> "Batches":
        """Batches of the same rows in another order."""
        other = copy(self)
        other.rng, other.labels = rng, torch.full_like(self.labels, -1)
        return other

    def beside(self, near: list[np.ndarray] | None) -> "Batches":
        """The same batches, continued with near rows as partners."""
        other = copy(self)
        other.near = self._placed(near)
        return other

    def _placed(self, near: list[np.ndarray] | None) -> Any:
        """Near rows, on the device if the rows are there."""
        if self.held is None or near is None:
            return near
        return torch.from_numpy(near[0]).to(self.device)

    def beside_labels(self, labels: Labels) -> "Batches":
        """The same batches, continued with additional labelled rows."""
        other = copy(self)
        place = "cpu" if self.held is None else self.device
        other.known = [torch.from_numpy(part).to(place) for part in (labels.rows, labels.numbers)]
        return other

    def alone(self) -> "Batches":
        """The same batches, continued with each row as its own partner."""
        return self.beside(None)

    def __len__(self) -> int:
        sizes = [len(self.X) if isinstance(block, slice) else len(block) for block in self.blocks]
        return sum(size // self.processes.count // self.batch_size for size in sizes)

    def __iter__(self) -> Iterator[Batch]:
        if self.held is not None:
            yield from (self.gathered(*positions) for positions in self.positions())
            return
        order = [0]
        if len(self.blocks) > 1:
            order = torch.randperm(len(self.blocks), generator=self.rng).tolist()
        for i in order:
            block, near = self.blocks[i], self.near[i] if self.near is not None else None
            yield from self._shuffled(read(self.X, block), block, near)

    def positions(self) -> Iterator[tuple[torch.Tensor, ...]]:
        """Positions of the rows of each batch of an epoch and of their partners.

        If there are labels, the numbers of the labelled rows of the batch follow.
        """
        seed = int(torch.randint(2**62, (), generator=self.rng))
        rng = torch_generator(seed, self.device)
        order = self._share(torch.randperm(len(self.X), generator=rng, device=self.device))
        partners = order
        if self.near is not None:
            size, width = (len(order),), self.near.shape[1]
            drawn = torch.randint(width, size, generator=rng, device=self.device)
            partners = self.near[order, drawn].long()
        used = len(order) // self.batch_size * self.batch_size
        for batch in gen_batches(used, self.batch_size):
            yield order[batch], partners[batch], *self._drawn(rng)

    def gathered(
        self, positions: torch.Tensor, partners: torch.Tensor, *drawn: torch.Tensor
    ) -> Batch:
        """The batch of the held rows at these positions."""
        assert self.held is not None
        rows = self.held[positions]
        batch = rows, rows if self.near is None else self.held[partners], positions
        if self.known is None:
            return batch
        indices, classes = (part[drawn[0]] for part in self.known)
        return *batch, self.held[indices], classes

    def _drawn(self, rng: torch.Generator) -> list[torch.Tensor]:
        """Numbers of the labelled rows for a batch of this process, if there are labels."""
        if self.known is None:
            return []
        size = self.processes.count, ceil(self.batch_size / LABELLED)
        drawn = torch.randint(len(self.known[0]), size, generator=rng, device=rng.device)
        return [drawn[self.processes.rank]]

    def _share(self, order: torch.Tensor) -> torch.Tensor:
        """The part of an order for this process."""
        rank, count = self.processes.rank, self.processes.count
        return order[order % count == rank][: len(order) // count] if count > 1 else order

    def _shuffled(self, X: np.ndarray, block: Block, near: np.ndarray | None) -> Iterator[Batch]:
        """The batches of one block; its rows X are in memory."""
        order = self._share(torch.randperm(len(X), generator=self.rng))
        numbers = order if isinstance(block, slice) else torch.from_numpy(block)[order]
        used = len(order) // self.batch_size * self.batch_size
        for batch in gen_batches(used, self.batch_size):
            positions = order[batch].numpy()
            rows = partners = self._sent(self.encoding.encode(X[positions]))
            if near is not None:
                drawn = torch.randint(near.shape[1], (len(positions),), generator=self.rng)
                partners = self._sent(self.encoding.encode(X[near[positions, drawn.numpy()]]))
            yield rows, partners, self._sent(numbers[batch]), *self._labelled()

    def _labelled(self) -> Iterator[torch.Tensor]:
        """Labelled rows for a batch, and their classes, if there are labels."""
        for drawn in self._drawn(self.rng):
            indices, classes = (part[drawn] for part in self.known or ())
            yield self._sent(self.encoding.encode(read(self.X, indices.numpy())))
            yield self._sent(classes)

    def _sent(self, batch: torch.Tensor) -> torch.Tensor:
        """A batch on the device; a GPU copies it without making the CPU wait."""
        if torch.device(self.device).type != "cuda":
            return batch.to(self.device)
        return batch.pin_memory().to(self.device, non_blocking=True)

    def regroup(self, groups: torch.Tensor) -> None:
        """Translate stored labels from codes to clusters, to compare them with new labels."""
        known = self.labels >= 0
        self.labels[known] = groups[self.labels[known].long()].int()

    def relabel(self, indices: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Store the labels of a batch; return the share that changed since the last epoch."""
        changed = (self.labels[indices] != labels).float().mean()
        self.labels[indices] = labels.int()
        return changed


def steps_per_epoch(X: np.ndarray, batch_size: int, n_processes: int = 1) -> int:
    """Number of steps in an epoch over X: the number of batches of all blocks."""
    share = min(batch_size, len(X)) // n_processes
    return sum(size // n_processes // share for size in block_sizes(X, batch_size))


def held_rows(X: np.ndarray, encoding: Encoding, device: str | torch.device) -> torch.Tensor | None:
    """All rows, encoded and on the device, if they take at most half of its free memory.

    None on the CPU, and for a file that is read block by block.
    """
    device = torch.device(device)
    if device.type != "cuda" or mapped_file(X) is not None:
        return None
    free, _ = torch.cuda.mem_get_info(device)
    if 4 * X.size > free / 2:
        return None
    size = max(1, CHUNK_BYTES // (X.shape[1] * 4))
    return torch.cat([encoding.encode(X[chunk]).to(device) for chunk in gen_batches(len(X), size)])


def fixed_batches(
    X: np.ndarray, encoding: Encoding, batch_size: int, device: str | torch.device
) -> Iterator[tuple[torch.Tensor, int]]:
    """Encoded batches in order, with the number of real rows; the last batch is filled up.

    So the result for a row does not depend on the number of other rows: matrix products round
    differently for other batch sizes.
    """
    for batch in gen_batches(len(X), batch_size):
        rows = encoding.encode(np.ascontiguousarray(X[batch]))
        release(X)
        n = len(rows)
        if n < batch_size:
            rows = torch.cat([rows, rows.new_zeros(batch_size - n, *rows.shape[1:])])
        yield rows.to(device), n
        del rows  # so that the next rows use the same place in the processor's cache
