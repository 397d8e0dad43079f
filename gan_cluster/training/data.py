"""From rows in the user's units to batches that a network sees, and back."""

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from sklearn.preprocessing import StandardScaler
from sklearn.utils import gen_batches

from gan_cluster.training.processes import ALONE, Processes
from gan_cluster.training.storage import Block, block_sizes, mapped_file, read, release

CHUNK_BYTES = 32 * 2**20
FAR = 1e6  # in standard deviations: what lies beyond would overflow inside the networks
SINGLE = 1e-30, 1e30  # units in which single precision does not run out of exponents


class Layout(NamedTuple):
    """What fit's X looked like."""

    row_shape: tuple[int, ...]  # (n_features,), or the shape of an image
    image_shape: tuple[int, int, int] | None  # (channels, height, width); None of a table
    channels_last: bool  # whether rows hold images as (height, width, channels)

    @property
    def of_image(self) -> tuple[tuple[int, int, int] | None, bool]:
        """What two arrays of images must share for their flattened rows to mean the same."""
        has_colours = self.image_shape is not None and self.image_shape[0] > 1
        return self.image_shape, self.channels_last and has_colours


@dataclass(frozen=True)
class Encoding:
    """How rows map to tensors: their shape, the order of their axes, and their scale.

    Images are scaled by one range over the whole of X to [-1, 1], the generator's tanh; each
    column of a table to mean 0 and variance 1. A column that is constant in X has that value
    in all rows that networks draw.

    Parameters
    ----------
    shape : tuple of int
        Shape of one row as the networks see it: (n_features,) or (channels, height, width).
    channels_last : bool
        Whether rows hold images as (height, width, channels).
    center, scale : ndarray of shape (1,) or (n_features,)
        A row in the networks' units is (row - center) / scale; the scale of a column that is
        constant is 0, and its rows are not divided.
    """

    shape: tuple[int, ...]
    channels_last: bool
    center: np.ndarray
    scale: np.ndarray

    @classmethod
    def from_data(cls, X: np.ndarray, shape: tuple[int, ...], channels_last: bool) -> "Encoding":
        """Learn the scale in one pass over chunks of X (n_samples, n_features)."""
        scale_of = _middle_and_half_range if len(shape) == 3 else _mean_and_deviation
        return cls(shape, channels_last, *scale_of(X))

    def encode(self, rows: np.ndarray) -> torch.Tensor:
        """Rows (n, n_features) as a float32 tensor (n, *shape)."""
        dtype, center, scale = self._single_units
        if not np.can_cast(rows.dtype, dtype):
            dtype, center, scale = self._units
        scaled = torch.from_numpy(rows.astype(dtype)).sub_(center).div_(scale)
        batch = scaled.float().clamp_(-FAR, FAR)
        if len(self.shape) < 3:
            return batch
        if self.channels_last:
            channels, height, width = self.shape
            return batch.view(-1, height, width, channels).permute(0, 3, 1, 2)
        return batch.view(-1, *self.shape).contiguous(memory_format=torch.channels_last)

    @cached_property
    def _units(self) -> tuple[type, torch.Tensor, torch.Tensor]:
        """The dtype to scale rows in, the center, and the scale without zeros."""
        scale = np.where(self.scale == 0, 1.0, self.scale)
        return np.float64, torch.from_numpy(self.center.copy()), torch.from_numpy(scale)

    @cached_property
    def _single_units(self) -> tuple[type, torch.Tensor, torch.Tensor]:
        """As ``_units``, in single precision where its exponents reach that far."""
        # far from zero, float32 would lose what the center removes
        dtype, center, scale = self._units
        low, high = SINGLE
        if not ((scale > low) & (scale < high)).all():
            return dtype, center, scale
        return np.float32, center.float(), scale.float()

    def decode(self, batch: torch.Tensor) -> np.ndarray:
        """A batch of the networks' as rows (n, n_features) in the units of X."""
        rows = batch.detach().cpu()
        if self.channels_last and rows.ndim == 4:
            rows = rows.permute(0, 2, 3, 1)
        flat = rows.reshape(len(rows), -1).numpy().astype(np.float64)
        return flat * self.scale + self.center


def _chunks(X: np.ndarray) -> Iterator[np.ndarray]:
    """All rows, copied in double precision, some at a time."""
    for chunk in gen_batches(len(X), max(1, CHUNK_BYTES // (X.shape[1] * 8))):
        with np.errstate(over="ignore"):
            rows = X[chunk].astype(np.float64)
        release(X)
        yield rows


def _middle_and_half_range(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of all values together, each of shape (1,)."""
    ends = [(rows.min(), rows.max()) for rows in _chunks(X)]
    low, high = min(low for low, _ in ends), max(high for _, high in ends)
    half = max(high / 2 - low / 2, np.nextafter(0, 1))
    return np.array([low / 2 + high / 2]), np.array([half])


def _mean_and_deviation(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each column, the latter 0 only for those that are constant.

    Columns are divided by a power of two near their largest value, which is exact, so that squares
    neither overflow nor vanish.
    """
    unit = np.exp2(np.frexp(np.abs(next(_chunks(X))).max(0))[1] - 1.0)
    varies = np.zeros(len(unit), dtype=bool)
    scaler = StandardScaler()
    for rows in _chunks(X):
        varies |= (rows != X[0]).any(0)
        rows /= unit
        with np.errstate(over="ignore", invalid="ignore"):
            scaler.partial_fit(rows)
    # scikit-learn takes for constant what varies by no more than it might have misjudged
    deviation = np.sqrt(np.maximum(scaler.var_, 0))
    deviation = np.maximum(deviation, np.finfo(np.float64).eps * np.abs(scaler.mean_))
    return scaler.mean_ * unit, np.where(varies, deviation * unit, 0)


class Batches:
    """Shuffled batches of encoded rows, new in order at every pass; an iterable for skorch.

    Each item is (rows, partners, indices): a partner is the row itself or, where ``near`` rows
    are given, one of them drawn anew each time. Rows are read batch by batch from one block after
    the other: X is never copied whole. The last, smaller batch of a block is left out, so that
    every step has the same size; shuffling gives its rows their turn.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    encoding : Encoding
    batch_size : int
        Clipped to n_samples.
    rng : torch.Generator
        On the CPU.
    device : str or torch.device
    blocks : list of slice or ndarray, default=None
        Rows that are read and shuffled at a time, as :func:`deal` deals them; None is all of X.
    near : list of ndarray of shape (n_rows, n_neighbors), default=None
        For each block the rows of it that may stand in for a row, as positions in the block.
    processes : Processes, default=ALONE
        Those that train together: each gives rows of its own, and its part of a batch.
    held : Tensor of shape (n_samples, *shape), default=None
        All rows, encoded and on the device, where :func:`held_rows` found room for them.
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
        self.near = near
        self.processes = processes
        self.held = held
        self.labels = torch.full((len(X),), -1, device=device, dtype=torch.int32)

    def reseeded(self, rng: torch.Generator) -> "Batches":
        """Batches of the same rows in an order of their own."""
        other = copy(self)
        other.rng, other.labels = rng, torch.full_like(self.labels, -1)
        return other

    def alone(self) -> "Batches":
        """Batches that go on from here with each row as its own partner."""
        other = copy(self)
        other.near = None
        return other

    def __len__(self) -> int:
        sizes = [len(self.X) if isinstance(block, slice) else len(block) for block in self.blocks]
        return sum(size // self.processes.count // self.batch_size for size in sizes)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
        order = [0]
        if len(self.blocks) > 1:
            order = torch.randperm(len(self.blocks), generator=self.rng).tolist()
        for i in order:
            block, near = self.blocks[i], self.near[i] if self.near is not None else None
            yield from self._shuffled(read(self.X, block), block, near)

    def _shuffled(
        self, X: np.ndarray, block: Block, near: np.ndarray | None
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
        """The batches of one block, whose rows X are in memory."""
        order = torch.randperm(len(X), generator=self.rng)
        rank, count = self.processes.rank, self.processes.count
        order = order[order % count == rank][: len(X) // count] if count > 1 else order
        numbers = order if isinstance(block, slice) else torch.from_numpy(block)[order]
        used = len(order) // self.batch_size * self.batch_size
        for batch in gen_batches(used, self.batch_size):
            positions = order[batch].numpy()
            rows = partners = self._encoded(X, positions)
            if near is not None:
                drawn = torch.randint(near.shape[1], (len(positions),), generator=self.rng)
                partners = self._encoded(X, near[positions, drawn.numpy()])
            yield rows, partners, self._sent(numbers[batch])

    def _encoded(self, X: np.ndarray, positions: np.ndarray) -> torch.Tensor:
        if self.held is not None:
            return self.held[self._sent(torch.from_numpy(positions))]
        return self._sent(self.encoding.encode(X[positions]))

    def _sent(self, batch: torch.Tensor) -> torch.Tensor:
        """A batch on the device; a GPU fetches it in its turn, and is not waited for."""
        if torch.device(self.device).type != "cuda":
            return batch.to(self.device)
        return batch.pin_memory().to(self.device, non_blocking=True)

    def regroup(self, groups: torch.Tensor) -> None:
        """Codes became clusters: translate the labels noted, so that they compare with new ones."""
        known = self.labels >= 0
        self.labels[known] = groups[self.labels[known].long()].int()

    def relabel(self, indices: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Note the labels of a batch; return the share of them that changed since last time."""
        changed = (self.labels[indices] != labels).float().mean()
        self.labels[indices] = labels.int()
        return changed


def steps_per_epoch(X: np.ndarray, batch_size: int, n_processes: int = 1) -> int:
    """Number of steps of a pass over X: that of the batches of all blocks."""
    share = min(batch_size, len(X)) // n_processes
    return sum(size // n_processes // share for size in block_sizes(X, batch_size))


def held_rows(X: np.ndarray, encoding: Encoding, device: str | torch.device) -> torch.Tensor | None:
    """All rows encoded on the device, if it has memory of its own and they fill half of it at most.

    On the CPU, and for a file that is read block by block, None.
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
    """Encoded batches in order, the last one filled up, with the number of rows that count.

    A row's result then does not depend on how many others were asked for with it: matrix
    products round differently for batches of other sizes.
    """
    for batch in gen_batches(len(X), batch_size):
        rows = encoding.encode(np.ascontiguousarray(X[batch]))
        release(X)
        n = len(rows)
        if n < batch_size:
            rows = torch.cat([rows, rows.new_zeros(batch_size - n, *rows.shape[1:])])
        yield rows.to(device), n
        del rows  # the next ones take its place in the processor's cache
