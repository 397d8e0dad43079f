"""Which rows are near each other, in the units of the networks."""

from collections.abc import Callable, Iterator
from math import ceil

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import gen_batches

from gan_cluster.training.data import CHUNK_BYTES, Encoding

NEIGHBOR_BLOCK = 10_000
COMPONENTS = 50


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
    encoded = _reader(X, encoding, order)
    nearest = np.empty((len(X), min(n_neighbors + 1, len(X))), dtype=np.int32)
    for block in np.array_split(order, ceil(len(X) / NEIGHBOR_BLOCK)):
        rows = encoded(block)
        search = NearestNeighbors(n_neighbors=nearest.shape[1]).fit(rows)
        nearest[block] = block[search.kneighbors(rows, return_distance=False)]
    return nearest


def _reader(
    X: np.ndarray, encoding: Encoding, order: np.ndarray
) -> Callable[[np.ndarray], np.ndarray]:
    """What reads rows, given their indices, as their principal components where they are long."""
    n_read = max(2 * COMPONENTS, CHUNK_BYTES // (X.shape[1] * 4))

    def encoded(indices: np.ndarray) -> np.ndarray:
        return encoding.encode(X[indices]).flatten(1).numpy()

    is_long = min(X.shape) > 2 * COMPONENTS
    seen = PCA(COMPONENTS, random_state=0).fit(encoded(order[:n_read])) if is_long else None

    def parts(indices: np.ndarray) -> Iterator[np.ndarray]:
        for part in gen_batches(len(indices), n_read):
            rows = encoded(indices[part])
            yield rows if seen is None else seen.transform(rows)

    return lambda indices: np.concatenate(list(parts(indices)))
