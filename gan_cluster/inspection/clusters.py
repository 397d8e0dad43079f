"""ClusterDisplay: a row a cluster, real members beside newly generated ones."""

from numbers import Integral
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted, check_scalar

from gan_cluster.clusterer import InfoGANClusterer
from gan_cluster.inspection._matplotlib import require_matplotlib

LINE = 1
GAP = 4
BLANK = 1.0


class ClusterDisplay:
    """Picture of clusters of images: real members left, generated members right.

    Use :meth:`from_estimator` to make one.

    Parameters
    ----------
    members, samples : ndarray of shape (n_clusters, n_images, height, width, channels)
        Real and generated images of each cluster, with 1 (grey), 3 or 4 channels and values from
        0 to 1; NaN leaves a place blank.

    Attributes
    ----------
    image_ : ndarray of shape (height, width, 3)
        The whole picture as it is drawn, in RGB from 0 to 1.
    figure_ : matplotlib Figure
        The figure with the picture.
    ax_ : matplotlib Axes
        The axes with the picture.

    See Also
    --------
    gan_cluster.InfoGANClusterer.sample : Draws the generated members.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from sklearn.datasets import load_digits
    >>> from gan_cluster import InfoGANClusterer
    >>> from gan_cluster.inspection import ClusterDisplay
    >>> X = load_digits().data[:200]
    >>> clusterer = InfoGANClusterer(10, image_shape=(1, 8, 8), max_epochs=1, random_state=0)
    >>> display = ClusterDisplay.from_estimator(clusterer.fit(X), X, ax=Figure().subplots())
    >>> display.image_.shape  # 10 rows; 8 + 8 columns
    (89, 146, 3)
    """

    def __init__(self, members: np.ndarray, samples: np.ndarray):
        self.members = members
        self.samples = samples

    @classmethod
    def from_estimator(
        cls,
        estimator: InfoGANClusterer,
        X: Any,
        *,
        n_members: int = 8,
        n_samples: int = 8,
        random_state: int | np.random.RandomState | None = 0,
        ax: Any = None,
    ) -> Self:
        """Show each cluster of a fitted clusterer.

        Parameters
        ----------
        estimator : InfoGANClusterer
            A clusterer fitted to images.
        X : array-like or tensor, as in :meth:`InfoGANClusterer.fit`
            Rows from which members are taken, the most certain of each cluster first.
        n_members : int, default=8
            Number of real members of a cluster; places stay blank where it has fewer.
        n_samples : int, default=8
            Number of generated members of a cluster.
        random_state : int, RandomState or None, default=0
            Seed of the draws. With an int the images of one column share their noise, so that
            they differ by their cluster alone.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure with pyplot.

        Returns
        -------
        display : ClusterDisplay
            With the picture drawn.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If the estimator has no clusters to show.
        ValueError
            If its rows are not images of 1, 3 or 4 channels.
        """
        require_matplotlib(f"{cls.__name__}.from_estimator")
        check_scalar(n_members, "n_members", Integral, min_val=1)
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
        if not isinstance(estimator, InfoGANClusterer):
            raise TypeError(
                f"estimator should be an InfoGANClusterer, got {type(estimator).__name__}"
            )
        check_is_fitted(estimator)
        rows = estimator._check_rows(X, reset=False)
        shape, channels_last = _image_layout(estimator, rows.image_shape)
        probabilities = estimator.predict_proba(X)
        chosen = [
            _most_certain(probabilities, cluster)[:n_members]
            for cluster in range(probabilities.shape[1])
        ]
        drawn = [
            estimator.sample(n_samples, cluster=cluster, random_state=random_state)
            for cluster in range(len(chosen))
        ]
        members = np.full((len(chosen), n_members, rows.X.shape[1]), np.nan)
        for cluster, indices in enumerate(chosen):
            members[cluster, : len(indices)] = rows.X[indices]
        samples = np.reshape(drawn, (len(chosen), n_samples, -1))
        low = min(np.nanmin(members), samples.min())
        scale = max(np.nanmax(members), samples.max()) - low or 1.0
        images = (
            _as_images((values - low) / scale, shape, channels_last)
            for values in (members, samples)
        )
        return cls(*images).plot(ax=ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the picture.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure with pyplot.

        Returns
        -------
        display : ClusterDisplay
            The display itself.
        """
        require_matplotlib(f"{type(self).__name__}.plot")
        left, right = _grid(self.members), _grid(self.samples)
        gap = np.full((left.shape[0], GAP, 3), BLANK)
        self.image_ = np.concatenate([left, gap, right], axis=1)
        if ax is None:
            from matplotlib import pyplot as plt

            height, width = self.image_.shape[:2]
            _, ax = plt.subplots(figsize=(8, 8 * height / width + 0.4), layout="constrained")
        ax.imshow(self.image_, interpolation="nearest")
        n_clusters, tile = len(self.members), self.members.shape[2] + LINE
        ax.set_yticks(np.arange(n_clusters) * tile + tile / 2, range(n_clusters))
        middles = left.shape[1] / 2, left.shape[1] + GAP + right.shape[1] / 2
        ax.set_xticks(middles, ["real members", "generated"])
        ax.tick_params(length=0, top=False, labeltop=True, bottom=False, labelbottom=False)
        ax.set_ylabel("cluster")
        ax.spines[:].set_visible(False)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _image_layout(
    estimator: InfoGANClusterer, image_shape: tuple[int, int, int] | None
) -> tuple[tuple[int, ...], bool]:
    """Shape (channels, height, width) of the images in rows, and whether channels come last."""
    shape = estimator._encoding.shape
    if len(shape) < 3:  # an MLP sees images as tables
        if image_shape is None:
            raise ValueError(
                "ClusterDisplay shows images, but the estimator was fitted to a table: set "
                "image_shape=(channels, height, width) if its rows are images"
            )
        shape = image_shape
    if shape[0] not in (1, 3, 4):
        raise ValueError(f"images should have 1, 3 or 4 channels to be shown, got {shape[0]}")
    return shape, estimator._encoding.channels_last


def _most_certain(probabilities: np.ndarray, cluster: int) -> np.ndarray:
    """Indices of the members of a cluster, the most certain first."""
    members = np.flatnonzero(probabilities.argmax(axis=1) == cluster)
    return members[np.argsort(-probabilities[members, cluster], kind="stable")]


def _as_images(rows: np.ndarray, shape: tuple[int, ...], channels_last: bool) -> np.ndarray:
    """Flat rows (..., n_features) as images (..., height, width, channels)."""
    channels, height, width = shape
    if channels_last:
        return rows.reshape(*rows.shape[:-1], height, width, channels)
    return np.moveaxis(rows.reshape(*rows.shape[:-1], *shape), -3, -1)


def _grid(images: np.ndarray) -> np.ndarray:
    """Lay (n_rows, n_columns, height, width, channels) out as one RGB image, lines between."""
    colour = images if images.shape[-1] == 1 else images[..., :3]
    lines = ((0, 0), (0, 0), (0, LINE), (0, LINE), (0, 0))
    tiles = np.pad(np.nan_to_num(colour, nan=BLANK), lines, constant_values=BLANK)
    n_rows, n_columns, height, width, channels = tiles.shape
    grid = tiles.swapaxes(1, 2).reshape(n_rows * height, n_columns * width, channels)
    return np.repeat(grid[:-LINE, :-LINE], 3 // channels, axis=2)
