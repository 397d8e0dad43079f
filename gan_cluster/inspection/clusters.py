"""ClusterDisplay: a row a cluster, real members beside newly generated ones."""

from numbers import Integral
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted, check_scalar

from gan_cluster.clusterer import InfoGANClusterer
from gan_cluster.inspection._images import (
    BLANK,
    LINE,
    as_images,
    draw,
    grid,
    image_layout,
)
from gan_cluster.inspection._matplotlib import require_matplotlib

GAP = 4


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
        shape, channels_last = image_layout(estimator, rows.image_shape)
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
            as_images((values - low) / scale, shape, channels_last) for values in (members, samples)
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
        left, right = grid(self.members), grid(self.samples)
        gap = np.full((left.shape[0], GAP, 3), BLANK)
        ax = draw(self, np.concatenate([left, gap, right], axis=1), ax)
        n_clusters, tile = len(self.members), self.members.shape[2] + LINE
        ax.set_yticks(np.arange(n_clusters) * tile + tile / 2, range(n_clusters))
        middles = left.shape[1] / 2, left.shape[1] + GAP + right.shape[1] / 2
        ax.set_xticks(middles, ["real members", "generated"])
        ax.set_ylabel("cluster")
        return self


def _most_certain(probabilities: np.ndarray, cluster: int) -> np.ndarray:
    """Indices of the members of a cluster, the most certain first."""
    members = np.flatnonzero(probabilities.argmax(axis=1) == cluster)
    return members[np.argsort(-probabilities[members, cluster], kind="stable")]
