"""From rows in the user's units to batches that a network sees, and back."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.utils import gen_batches

CHUNK_BYTES = 32 * 2**20
NEIGHBOR_BLOCK = 10_000
RADIUS_ROWS = 2_000
COMPONENTS = 50
FAR = 1e6  # in standard deviations: what lies beyond would overflow inside the networks


@dataclass(frozen=True)
class Encoding:
    """How rows map to tensors: their shape, the order of their axes, and their scale.

    Images are scaled by one range over the whole of X to [-1, 1], the generator's tanh; each
    column of a table to mean 0 and variance 1.

    Parameters
    ----------
    shape : tuple of int
        Shape of one row as the networks see it: (n_features,) or (channels, height, width).
    channels_last : bool
        Whether rows hold images as (height, width, channels).
    center, scale : ndarray of shape (1,) or (n_features,)
        A row in the networks' units is (row - center) / scale.
    """

    shape: tuple[int, ...]
    channels_last: bool
    center: np.ndarray
    scale: np.ndarray

    @classmethod
    def from_data(cls, X: np.ndarray, shape: tuple[int, ...], channels_last: bool) -> "Encoding":
        """Learn the scale in one pass over chunks of X (n_samples, n_features)."""
        is_image = len(shape) == 3
        scaler = MinMaxScaler() if is_image else StandardScaler()
        size = max(1, CHUNK_BYTES // (X.shape[1] * 8))
        for chunk in gen_batches(len(X), size):
            with np.errstate(over="ignore", invalid="ignore"):
                scaler.partial_fit(X[chunk].astype(np.float64))
        if not is_image:
            return cls(shape, channels_last, scaler.mean_, scaler.scale_)
        low, high = scaler.data_min_.min(), scaler.data_max_.max()
        center, scale = low / 2 + high / 2, high / 2 - low / 2
        return cls(shape, channels_last, np.array([center]), np.array([scale]))

    def encode(self, rows: np.ndarray) -> torch.Tensor:
        """Rows (n, n_features) as a float32 tensor (n, *shape)."""
        if np.can_cast(rows.dtype, np.float32):
            scaled = rows.astype(np.float32)
            scaled -= self.center.astype(np.float32)
            scaled /= self.scale.astype(np.float32)
        else:  # far from zero, float32 would lose what the center removes
            with np.errstate(over="ignore"):
                scaled = ((rows.astype(np.float64) - self.center) / self.scale).astype(np.float32)
        batch = torch.from_numpy(np.clip(scaled, -FAR, FAR, out=scaled))
        if len(self.shape) < 3:
            return batch
        if self.channels_last:
            channels, height, width = self.shape
            return batch.view(-1, height, width, channels).permute(0, 3, 1, 2)
        return batch.view(-1, *self.shape).contiguous(memory_format=torch.channels_last)

    def decode(self, batch: torch.Tensor) -> np.ndarray:
        """A batch of the networks' as rows (n, n_features) in the units of X."""
        rows = batch.detach().cpu()
        if self.channels_last and rows.ndim == 4:
            rows = rows.permute(0, 2, 3, 1)
        flat = rows.reshape(len(rows), -1).numpy().astype(np.float64)
        return flat * self.scale + self.center


def nearest_rows(
    X: np.ndarray, encoding: Encoding, n_neighbors: int, rng: torch.Generator
) -> np.ndarray:
    """Each row's own index and those of its nearest rows, (n_samples, n_neighbors + 1).

    Distances are Euclidean in the networks' units; rows of more than twice ``COMPONENTS`` features
    are reduced to their principal components first, which takes noise away, too. Rows are dealt at
    random into blocks of at most ``NEIGHBOR_BLOCK`` and searched within theirs: the nearest of very
    many rows say less of what a cluster has in common, and time would not grow linearly with X.
    """
    order = torch.randperm(len(X), generator=rng).numpy()
    read = _reader(X, encoding, order)
    found = np.empty((len(X), min(n_neighbors + 1, len(X))), dtype=np.int64)
    for block in np.array_split(order, ceil(len(X) / NEIGHBOR_BLOCK)):
        rows = read(block)
        search = NearestNeighbors(n_neighbors=found.shape[1]).fit(rows)
        found[block] = block[search.kneighbors(rows, return_distance=False)]
    return found


def _reader(
    X: np.ndarray, encoding: Encoding, order: np.ndarray
) -> Callable[[np.ndarray], np.ndarray]:
    """What reads rows, given their indices, as their principal components where they are long."""
    n_read = max(2 * COMPONENTS, CHUNK_BYTES // (X.shape[1] * 4))

    def read(indices: np.ndarray) -> np.ndarray:
        return encoding.encode(X[indices]).flatten(1).numpy()

    is_long = min(X.shape) > 2 * COMPONENTS
    seen = PCA(COMPONENTS, random_state=0).fit(read(order[:n_read])) if is_long else None

    def parts(indices: np.ndarray) -> Iterator[np.ndarray]:
        for part in gen_batches(len(indices), n_read):
            rows = read(indices[part])
            yield rows if seen is None else seen.transform(rows)

    return lambda indices: np.concatenate(list(parts(indices)))


def local_radius(X: np.ndarray, encoding: Encoding) -> float:
    """How far a row may move and stay itself, in the networks' units.

    IMSAT's 0.4 times the distance of the tenth nearest row (Hu et al., 2017, arXiv:1702.08720,
    appendix D), here the median over at most ``RADIUS_ROWS`` rows.
    """
    rows = encoding.encode(X[:: -(-len(X) // RADIUS_ROWS)]).flatten(1).numpy()
    search = NearestNeighbors(n_neighbors=min(10, len(rows) - 1)).fit(rows)
    return 0.4 * float(np.median(search.kneighbors()[0][:, -1]))


class Batches:
    """Shuffled batches of encoded rows, new in order at every pass; an iterable for skorch.

    Each item is (rows, partners, indices): a partner is the row itself or, where ``neighbors``
    are given, one of its neighbours drawn anew each time. Rows are read batch by batch: X is
    never copied whole. The last, smaller batch is left out, so that every step has the same
    size; shuffling gives its rows their turn.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    encoding : Encoding
    batch_size : int
        Clipped to n_samples.
    rng : torch.Generator
        On the CPU.
    device : str or torch.device
    neighbors : ndarray of shape (n_samples, n_neighbors), default=None
        Indices of the rows that may stand in for a row.
    """

    def __init__(
        self,
        X: np.ndarray,
        encoding: Encoding,
        batch_size: int,
        rng: torch.Generator,
        device: str | torch.device,
        neighbors: np.ndarray | None = None,
    ):
        self.X = X
        self.encoding = encoding
        self.batch_size = min(batch_size, len(X))
        self.rng = rng
        self.device = device
        self.neighbors = neighbors
        self.labels = torch.full((len(X),), -1, device=device)

    def reseeded(self, rng: torch.Generator) -> "Batches":
        """Batches of the same rows in an order of their own."""
        return Batches(self.X, self.encoding, self.batch_size, rng, self.device, self.neighbors)

    def alone(self) -> "Batches":
        """Batches that go on from here with each row as its own partner."""
        other = Batches(self.X, self.encoding, self.batch_size, self.rng, self.device)
        other.labels = self.labels
        return other

    def __len__(self) -> int:
        return len(self.X) // self.batch_size

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
        order = torch.randperm(len(self.X), generator=self.rng)
        for batch in gen_batches(len(self) * self.batch_size, self.batch_size):
            indices = order[batch]
            rows = partners = self._read(indices.numpy())
            if self.neighbors is not None:
                drawn = torch.randint(
                    self.neighbors.shape[1], (len(indices),), generator=self.rng
                ).numpy()
                partners = self._read(self.neighbors[indices.numpy(), drawn])
            yield rows, partners, indices.to(self.device)

    def _read(self, indices: np.ndarray) -> torch.Tensor:
        return self.encoding.encode(self.X[indices]).to(self.device)

    def regroup(self, groups: torch.Tensor) -> None:
        """Codes became clusters: translate the labels noted, so that they compare with new ones."""
        known = self.labels >= 0
        self.labels[known] = groups[self.labels[known]]

    def relabel(self, indices: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Note the labels of a batch; return the share of them that changed since last time."""
        changed = (self.labels[indices] != labels).float().mean()
        self.labels[indices] = labels
        return changed


def fixed_batches(
    X: np.ndarray, encoding: Encoding, batch_size: int, device: str | torch.device
) -> Iterator[tuple[torch.Tensor, int]]:
    """Encoded batches in order, the last one filled up, with the number of rows that count.

    A row's result then does not depend on how many others were asked for with it: matrix
    products round differently for batches of other sizes.
    """
    for batch in gen_batches(len(X), batch_size):
        rows = encoding.encode(np.ascontiguousarray(X[batch]))
        n = len(rows)
        if n < batch_size:
            rows = torch.cat([rows, rows.new_zeros(batch_size - n, *rows.shape[1:])])
        yield rows.to(device), n
