"""How usual rows are: their distance from training rows in the features of a net."""

from typing import NamedTuple

import numpy as np
import torch
from scipy.linalg import solve_triangular
from scipy.spatial.distance import cdist
from sklearn.covariance import OAS
from sklearn.model_selection import KFold

from gan_cluster.networks.heads import RECOGNITION_UNITS
from gan_cluster.training.data import Encoding
from gan_cluster.training.inference import map_rows
from gan_cluster.training.net import AdversarialNet
from gan_cluster.training.storage import spread_rows

SEEN_ROWS = 10_000
MOST_FEATURES = 1024  # of a trunk: their covariance matrix has this many rows
PARTS = 5  # folds of the cross-validation that measures distances of training rows
RIDGE = 1e-3  # of the mean variance: a feature may be the same in all rows
OUTSIDE = 0.01  # share of training rows that score below the offset
PART = "usual."  # prefix of the names of saved tensors


class Usual(NamedTuple):
    """Means and covariance of training rows in the features of a net, and their distances.

    Rows with one value of the first code are assumed to be normally distributed, with a covariance
    that all values share (Lee et al., 2018, arXiv:1807.03888).
    """

    centers: torch.Tensor  # (n_values, n_features), times the factor
    factor: torch.Tensor  # (n_features, n_features): P such that P @ P.T is the inverse covariance
    distance: torch.Tensor  # mean distance of training rows from the nearest center
    offset: torch.Tensor  # threshold: a share OUTSIDE of training rows has a lower score

    @classmethod
    def of(cls, net: AdversarialNet, encoding: Encoding, X: np.ndarray) -> "Usual | None":
        """Statistics of rows X (n_samples, n_features); None if features are not finite."""
        rows = spread_rows(X, SEEN_ROWS)
        seen = map_rows(net, encoding, rows, lambda batch: features(net, batch)).astype(np.float64)
        values = map_rows(net, encoding, rows, lambda batch: net.read_first(batch).argmax(1))
        if not np.isfinite(seen).all():
            return None
        distances = np.empty(len(rows))
        folds = KFold(min(PARTS, len(rows)), shuffle=True, random_state=0)
        for fitted, held in folds.split(rows):
            distances[held] = distances_from(seen[held], *normals(seen[fitted], values[fitted]))
        mean = max(distances.mean(), np.finfo(np.float32).tiny)
        offset = np.quantile(-distances / mean, OUTSIDE)
        parts = *normals(seen, values), mean, offset
        return cls(*(torch.tensor(p, dtype=torch.float32, device=net.device) for p in parts))

    @classmethod
    def from_state(cls, net: AdversarialNet, tensors: dict[str, torch.Tensor]) -> "Usual | None":
        """The statistics from :meth:`state`; None if there are none.

        Raises a ValueError or LookupError if they do not fit the net.
        """
        found = {name: part for name, part in tensors.items() if name.startswith(PART)}
        if not found:
            return None
        usual = cls(*(found[PART + name].to(net.device) for name in cls._fields))
        if not all(part.dtype == torch.float32 and part.isfinite().all() for part in usual):
            raise ValueError("what is usual are no finite numbers")
        size, n_values = n_features(net), len(usual.centers)
        shapes = (n_values, size), (size, size), (), ()
        if not n_values or tuple(tuple(part.shape) for part in usual) != shapes:
            raise ValueError("what is usual has not the shapes of the net's features")
        if not (usual.distance > 0 and usual.offset <= 0):
            raise ValueError("what is usual has distances that cannot be")
        return usual

    def state(self) -> dict[str, torch.Tensor]:
        """The statistics as tensors, by the names under which they are saved."""
        return {f"{PART}{name}": part for name, part in self._asdict().items()}

    def to(self, device: str) -> "Usual":
        """The same on another device."""
        return Usual(*(part.to(device) for part in self))

    def scores(self, net: AdversarialNet, batch: torch.Tensor) -> torch.Tensor:
        """Minus the distance of each row (n,), divided by the mean distance of training rows."""
        apart = torch.cdist(
            features(net, batch) @ self.factor,
            self.centers,
            compute_mode="donot_use_mm_for_euclid_dist",
        )
        return -apart.amin(1) / self.distance


def features(net: AdversarialNet, batch: torch.Tensor) -> torch.Tensor:
    """Features of a batch: the trunk's output, unless it is too wide, and Q's hidden layer."""
    discriminator = net.discriminator_
    last, recognition = [*discriminator.layers][-2:]
    read = discriminator.activations(batch, [last, recognition])
    ends, hidden = read[last].flatten(1), read[recognition]
    return torch.cat([ends, hidden], dim=1) if ends.shape[1] <= MOST_FEATURES else hidden


def n_features(net: AdversarialNet) -> int:
    """Number of these features."""
    size = net.discriminator_.n_features
    return RECOGNITION_UNITS + (size if size <= MOST_FEATURES else 0)


def normals(seen: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centers and factor from features (n, d) of rows with these values of the code (n,).

    >>> import numpy as np
    >>> seen = np.random.RandomState(0).normal([[0, 0]] * 500 + [[9, 0]] * 500, [1, 3])
    >>> centers, factor = normals(seen, np.repeat([0, 1], 500))
    >>> (factor @ factor.T).round(1).tolist(), round(np.ptp(centers, axis=0).max())
    ([[1.0, 0.0], [0.0, 0.1]], 9)
    """
    present, numbers = np.unique(values, return_inverse=True)
    centers = np.stack([seen[numbers == i].mean(0) for i in range(len(present))])
    covariance = np.zeros((seen.shape[1], seen.shape[1]))
    if len(seen) > 1:
        shrunk = OAS(store_precision=False, assume_centered=True)  # its inverse is not needed
        covariance = shrunk.fit(seen - centers[numbers]).covariance_
    ridge = RIDGE * np.trace(covariance) / len(covariance) or 1.0
    whole = np.eye(len(covariance))
    root = np.linalg.cholesky(covariance + ridge * whole)
    factor = solve_triangular(root, whole, lower=True).T
    return centers @ factor, factor


def distances_from(seen: np.ndarray, centers: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Distance (n,) of features (n, d) from the nearest center."""
    return cdist(seen @ factor, centers).min(1)
