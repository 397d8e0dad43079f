"""Conversion of rows in the user's units to inputs of networks, and back."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from sklearn.preprocessing import StandardScaler
from sklearn.utils import gen_batches

from gan_cluster.training.storage import release, spread_rows

CHUNK_BYTES = 32 * 2**20
FAR = 100.0  # largest value that networks get, in units of the scale
SAMPLED_ROWS = 1_000  # rows from which the range of nearly all values is estimated
TAIL = 0.005  # share of values at either end that may be outliers
OUTLYING = 100.0  # times the range of other values: such outliers do not set the range of images
NORMAL_REACH = 2.576  # standard deviations that contain a normal column without its tails
HEAVY = 10.0  # times the expected deviation: such columns have outliers
ONE_KIND = 1.0  # deviation of the logarithms of the scales, below which columns share one
SINGLE = 1e-30, 1e30  # units for which single precision has enough exponents


class Layout(NamedTuple):
    """Shape, axes and dtype of the X of fit."""

    row_shape: tuple[int, ...]  # (n_features,), or the shape of an image
    image_shape: tuple[int, int, int] | None  # (channels, height, width); None for a table
    channels_last: bool  # whether rows hold images as (height, width, channels)
    dtype: str | tuple[str, ...] = "float64"  # one for each column of a data frame

    @property
    def of_image(self) -> tuple[tuple[int, int, int] | None, bool]:
        """Properties that two arrays need to share for their flattened rows to be comparable."""
        has_colours = self.image_shape is not None and self.image_shape[0] > 1
        return self.image_shape, self.channels_last and has_colours


@dataclass(frozen=True)
class Encoding:
    """How rows map to tensors: their shape, the order of their axes, and their scale.

    Images are scaled to [-1, 1], the range of the generator's tanh, by one range for all of X. Each
    column of a table is scaled to mean 0 and variance 1. If the scales of columns hardly differ, as
    in embeddings, all columns are scaled by the same number. A few values far from all others do
    not affect the scale. A column that is constant in X is constant in generated rows, too.

    Parameters
    ----------
    shape : tuple of int
        Shape of one row in the networks: (n_features,) or (channels, height, width).
    channels_last : bool
        Whether rows hold images as (height, width, channels).
    center, scale : ndarray of shape (1,) or (n_features,)
        The networks get (row - center) / scale. The scale of a constant column is 0; it is not
        divided.
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

    @property
    def ends(self) -> tuple[float, float]:
        """The range of values: of all values of images, of most values of tables."""
        reach = 1 if len(self.shape) == 3 else NORMAL_REACH
        low, high = self.center - reach * self.scale, self.center + reach * self.scale
        return float(low.min()), float(high.max())

    @cached_property
    def _units(self) -> tuple[type, torch.Tensor, torch.Tensor]:
        """The dtype to scale rows in, the center, and the scale without zeros."""
        scale = np.where(self.scale == 0, 1.0, self.scale)
        return np.float64, torch.from_numpy(self.center.copy()), torch.from_numpy(scale)

    @cached_property
    def _single_units(self) -> tuple[type, torch.Tensor, torch.Tensor]:
        """Like ``_units``, but in single precision if it has enough exponents."""
        # for values far from zero, float32 loses the differences from the center
        dtype, center, scale = self._units
        low, high = SINGLE
        if not ((scale > low) & (scale < high)).all():
            return dtype, center, scale
        return np.float32, center.float(), scale.float()

    def decode(self, batch: torch.Tensor) -> np.ndarray:
        """A batch from the networks as rows (n, n_features) in the units of X.

        Images are limited to the range of X, for any generator of the user.
        """
        rows = batch.detach().cpu()
        if len(self.shape) == 3:
            rows = rows.clamp(-1, 1)
        if self.channels_last and rows.ndim == 4:
            rows = rows.permute(0, 2, 3, 1)
        flat = rows.reshape(len(rows), -1).numpy().astype(np.float64)
        return flat * self.scale + self.center


def _chunks(X: np.ndarray) -> Iterator[np.ndarray]:
    """Chunks of all rows, copied in double precision."""
    for chunk in gen_batches(len(X), max(1, CHUNK_BYTES // (X.shape[1] * 8))):
        with np.errstate(over="ignore"):
            rows = X[chunk].astype(np.float64)
        release(X)
        yield rows


def _middle_and_half_range(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Middle and half the range of all values together, each of shape (1,)."""
    ends = [(rows.min(), rows.max()) for rows in _chunks(X)]
    low, high = min(low for low, _ in ends), max(high for _, high in ends)
    inner_low, middle, inner_high = _reach(spread_rows(X, SAMPLED_ROWS))
    reach = inner_high / 2 - inner_low / 2
    farthest = max(high / OUTLYING - middle / OUTLYING, middle / OUTLYING - low / OUTLYING)
    if 0 < reach < farthest:
        low, high = inner_low, inner_high
    half = max(high / 2 - low / 2, np.finfo(np.float64).smallest_subnormal)
    return np.array([low / 2 + high / 2]), np.array([half])


def _mean_and_deviation(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each column; it is 0 only for constant columns.

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
    # scikit-learn treats columns as constant if they vary less than its rounding errors
    deviation = np.sqrt(np.maximum(scaler.var_, 0))
    deviation = np.maximum(deviation, np.finfo(np.float64).eps * np.abs(scaler.mean_))
    low, middle, high = _reach(spread_rows(X, SAMPLED_ROWS) / unit, axis=0)
    usual = (high - low) / 2 / NORMAL_REACH
    is_heavy = (usual > 0) & (deviation > HEAVY * usual)
    center = np.where(is_heavy, middle, scaler.mean_)
    scale = np.where(varies, np.where(is_heavy, usual, deviation) * unit, 0)
    return center * unit, _one_scale(scale)


def _reach(values: np.ndarray, axis: int | None = None) -> np.ndarray:
    """Low, median and high: the median of values, and the range of nearly all of them."""
    return np.quantile(values.astype(np.float64), [TAIL, 0.5, 1 - TAIL], axis=axis)


def _one_scale(scale: np.ndarray) -> np.ndarray:
    """A common scale for columns of similar scale; 0 stays 0."""
    logarithms = np.log(scale[scale > 0])
    if len(logarithms) < 2 or not np.std(logarithms) < ONE_KIND:
        return scale
    common = np.sqrt(np.mean(np.square(scale[scale > 0] / scale.max()))) * scale.max()
    return np.where(scale > 0, common, 0.0)
