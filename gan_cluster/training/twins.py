"""Directions of the features in which rows differ most in comparison with twins of one row."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from scipy.linalg import eigh

from gan_cluster.training.batches import fixed_batches
from gan_cluster.training.data import Encoding
from gan_cluster.training.inference import INFERENCE_BATCH
from gan_cluster.training.neighbors import nearest_rows
from gan_cluster.training.net import AdversarialNet
from gan_cluster.training.random import globally_seeded, torch_generator
from gan_cluster.training.storage import spread_rows

TWIN_ROWS = 20_000
RIDGE = 0.01  # of the mean variance: a feature may be the same in all twins
ROUNDING = np.finfo(np.float32).eps  # features are float32

Reduction = tuple[np.ndarray, np.ndarray]


def discriminant(total: np.ndarray, within: np.ndarray, n_components: int) -> np.ndarray:
    """Directions (n_features, n_components) in which rows vary most in comparison with twins.

    Fisher's linear discriminant (1936) with the twins of each row as a class: the leading
    generalised eigenvectors of the covariance of all twins and the covariance within the twins of a
    row. Twins have variance 1 along each direction. Directions beyond the rank are 0.

    >>> import numpy as np
    >>> total, within = np.diag([9.0, 4.0, 1.0]), np.diag([9.0, 1.0, 1.0])
    >>> discriminant(total, within, 1).round(2).ravel().tolist()
    [0.0, 0.5, 0.0]
    """
    size = len(within)
    ridge = RIDGE * np.trace(within) / size or 1.0
    leading = size - n_components, size - 1
    values, vectors = eigh(total, within + ridge * np.eye(size), subset_by_index=leading)
    seen = values > size * ROUNDING * values[-1]
    return np.where(seen, vectors / np.sqrt(np.where(seen, values, 1.0)), 0.0)[:, ::-1]


def twin_reduction(
    net: AdversarialNet,
    encoding: Encoding,
    X: np.ndarray,
    features: Callable[[torch.Tensor], torch.Tensor],
    n_components: int,
    n_neighbors: int,
) -> Reduction:
    """Center (n_features,) and directions (n_features, n_components) of a function of batches.

    For each of at most ``TWIN_ROWS`` rows of X there are two twins. If ``n_neighbors`` is not 0,
    they are two of the row itself and its nearest rows.
    """
    rows = spread_rows(X, TWIN_ROWS)
    rng = torch_generator(0, net.device)
    pairs = [rows, rows]
    if n_neighbors:
        near = nearest_rows(rows, encoding, n_neighbors, torch_generator(0), net.device)
        drawn = np.random.default_rng(0).permuted(near, axis=1)
        pairs = [rows[drawn[:, 0]], rows[drawn[:, 1]]]
    net._set_training(False)

    def seen(X: np.ndarray) -> Iterator[torch.Tensor]:
        for batch, n in fixed_batches(X, encoding, INFERENCE_BATCH, net.device):
            with torch.enable_grad():  # a function of the user's may need it
                twins = batch if n_neighbors else net.twins(batch, rng).detach()
            yield features(twins)[:n].cpu().double()

    sums = products = apart = torch.zeros((), dtype=torch.float64)
    with torch.no_grad(), globally_seeded(0, callable(net.objective.augment)):
        for both in zip(*map(seen, pairs), strict=True):
            for twin in both:
                sums, products = sums + twin.sum(0), products + twin.T @ twin
            difference = both[0] - both[1]
            apart = apart + difference.T @ difference
    center = sums / (2 * len(rows))
    total = products / (2 * len(rows)) - torch.outer(center, center)
    within = apart / (2 * len(rows))
    directions = discriminant(total.numpy(), within.numpy(), n_components)
    return center.float().numpy(), np.ascontiguousarray(directions, np.float32)
