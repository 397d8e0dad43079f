"""Search for nearest rows, in the units of the networks."""

from collections.abc import Callable, Iterator
from functools import partial
from math import ceil

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize
from sklearn.utils import gen_batches

from gan_cluster.training.data import CHUNK_BYTES, Encoding

NEIGHBOR_BLOCK = 10_000
COMPONENTS = 50
WIDEST = 2_048  # columns of an embedding at most; wider rows are reduced to principal components
View = Callable[[np.ndarray], np.ndarray]  # from rows to features
SEARCHED = 2_000  # at a time, on a GPU


def nearest_rows(
    X: np.ndarray,
    encoding: Encoding,
    n_neighbors: int,
    rng: torch.Generator,
    device: str | torch.device = "cpu",
    view: View | None = None,
) -> np.ndarray:
    """The index of each row and the indices of its nearest rows, (n_samples, n_neighbors + 1).

    Distances are Euclidean, between the features of ``view``, or in the units of the networks.
    Images of more than twice ``COMPONENTS`` values, and tables of as many columns of different
    scales, are first reduced to their principal components, which also removes noise. If so many
    columns have similar scales, they are treated as an embedding, and compared by their cosine.
    Rows are divided at random into blocks of at most ``NEIGHBOR_BLOCK``, and neighbours are
    searched within a block: the nearest of very many rows say less about what a cluster has in
    common, and time would not grow linearly with X. If the device is a GPU, it does the search.
    """
    order = torch.randperm(len(X), generator=rng).numpy()
    encoded = _reader(X, encoding, order) if view is None else lambda block: view(X[block])
    on_gpu = torch.device(device).type == "cuda"
    search = partial(search_on_gpu, device) if on_gpu else search_on_cpu
    nearest = np.empty((len(X), min(n_neighbors + 1, len(X))), dtype=np.int32)
    for block in np.array_split(order, ceil(len(X) / NEIGHBOR_BLOCK)):
        nearest[block] = block[search(encoded(block), nearest.shape[1])]
    return nearest


def search_on_cpu(rows: np.ndarray, n_neighbors: int) -> np.ndarray:
    """Positions of the nearest rows of each row, including the row itself."""
    found = NearestNeighbors(n_neighbors=n_neighbors).fit(rows)
    return found.kneighbors(rows, return_distance=False)


def search_on_gpu(device: str | torch.device, rows: np.ndarray, n_neighbors: int) -> np.ndarray:
    """The same from all distances, for a GPU, where matrix products are fast."""
    there = torch.from_numpy(rows).to(device)
    parts = there.split(SEARCHED)
    nearest = [torch.cdist(part, there).topk(n_neighbors, largest=False)[1] for part in parts]
    return torch.cat(nearest).cpu().numpy()


def _reader(
    X: np.ndarray, encoding: Encoding, order: np.ndarray
) -> Callable[[np.ndarray], np.ndarray]:
    """A function that reads rows by their indices; long rows as components or directions."""
    is_direction = _are_embedded(X, encoding)
    seen = None if is_direction else principal_axes(X, encoding, order)

    def parts(indices: np.ndarray) -> Iterator[np.ndarray]:
        for part in gen_batches(len(indices), _n_read(X)):
            rows = _encoded(X, encoding, indices[part])
            if is_direction:
                yield normalize(rows, copy=False)
            else:
                yield rows if seen is None else seen.transform(rows)

    return lambda indices: np.concatenate(list(parts(indices)))


def _are_embedded(X: np.ndarray, encoding: Encoding) -> bool:
    """Whether rows are long, not images, and their columns have similar scales."""
    is_long = min(X.shape) > 2 * COMPONENTS and X.shape[1] <= WIDEST
    scales = np.unique(encoding.scale[encoding.scale > 0])
    return len(encoding.shape) < 3 and is_long and len(scales) == 1


def principal_axes(X: np.ndarray, encoding: Encoding, order: np.ndarray) -> PCA | None:
    """Principal components of the first rows of an order; None if rows are not long."""
    if min(X.shape) <= 2 * COMPONENTS:
        return None
    return PCA(COMPONENTS, random_state=0).fit(_encoded(X, encoding, order[: _n_read(X)]))


def _n_read(X: np.ndarray) -> int:
    return max(2 * COMPONENTS, CHUNK_BYTES // (X.shape[1] * 4))


def _encoded(X: np.ndarray, encoding: Encoding, indices: np.ndarray) -> np.ndarray:
    return encoding.encode(X[indices]).flatten(1).numpy()
