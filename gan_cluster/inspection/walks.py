"""WalkDisplay: images generated between points of the latent space."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from numbers import Integral
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_scalar

from gan_cluster._estimator import BaseGAN
from gan_cluster._seeds import seeds
from gan_cluster.inspection._checks import check_estimator
from gan_cluster.inspection._display import Display, documented
from gan_cluster.inspection._images import (
    as_images,
    draw,
    grid,
    image_layout,
    label_clusters,
    label_columns,
)
from gan_cluster.inspection._points import check_points, draw_points

PARALLEL = 1e-6  # sine of an angle below which there is no arc


@documented
class WalkDisplay(Display):
    """Picture of walks in the latent space: each row is a walk from one point to the next.

    Use :meth:`from_estimator` to make one. Noise moves along an arc, because noise from a normal
    prior is rarely near its mean [1]_. Continuous codes move along a line. Categorical codes are
    fixed. If images change gradually along a row, and all of them look real, the generator has
    not just memorised single rows [2]_.

    Parameters
    ----------
    images : ndarray of shape (n_rows, n_images, height, width, channels)
        With 1 (grey), 3 or 4 channels and values from 0 to 1.
    points : ndarray of shape (n_points,)
        Columns that show the points themselves.
    clusters : sequence of int, default=None
        The cluster of each row, if there are clusters.

    Attributes
    ----------
    [picture]

    See Also
    --------
    TraversalDisplay : Changes only one code.
    gan_cluster.InfoGANClusterer.generate : Generates the images.

    References
    ----------
    .. [1] White (2016). Sampling generative networks. arXiv:1609.04468, section 2.1.
    .. [2] Radford, Metz & Chintala (2015). Unsupervised representation learning with deep
       convolutional generative adversarial networks. arXiv:1511.06434, figure 4.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from sklearn.datasets import load_digits
    >>> from gan_cluster import InfoGANClusterer
    >>> from gan_cluster.inspection import WalkDisplay
    >>> X = load_digits().data[:200]
    >>> clusterer = InfoGANClusterer(10, image_shape=(1, 8, 8), max_epochs=1, random_state=0)
    >>> display = WalkDisplay.from_estimator(clusterer.fit(X), n_rows=4, ax=Figure().subplots())
    >>> display.images.shape, display.points
    ((4, 9, 8, 8, 1), array([0, 8]))
    """

    def __init__(
        self, images: np.ndarray, points: np.ndarray, clusters: Sequence[int] | None = None
    ):
        self.images = images
        self.points = points
        self.clusters = clusters

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseGAN,
        points: Sequence[tuple[Any, Any]] | None = None,
        *,
        n_rows: int = 10,
        n_steps: int = 8,
        random_state: int | np.random.RandomState | None = 0,
        ax: Any = None,
    ) -> Self:
        """Walk from point to point in the latent space of a fitted estimator.

        Parameters
        ----------
        estimator : InfoGANClusterer or GANFeatureExtractor
            Fitted to images.
        points : sequence of pairs (codes, noise), default=None
            At least two points, each with codes of shape (n_rows, n_codes) and noise of shape
            (n_rows, noise_dim) as in :meth:`~gan_cluster.InfoGANClusterer.generate`. Walk i goes
            through row i of every point; categorical codes must be the same in these rows. None
            draws two random points, with the clusters in turn.
        n_rows : int, default=10
            Number of walks if points are random.
        n_steps : int, default=8
            Number of steps from one point to the next.
        random_state : int, RandomState or None, default=0
            Seed of the random points.
        [ax]

        [raises]
        ValueError
            If there are fewer than two points; if codes or noise have a wrong shape or invalid
            values; if rows are not images with 1, 3 or 4 channels.
        """
        check_estimator(cls, estimator)
        check_scalar(n_rows, "n_rows", Integral, min_val=1)
        check_scalar(n_steps, "n_steps", Integral, min_val=1)
        layout = image_layout(estimator)
        n_categorical = len(estimator.model_.code_sizes)
        if points is None:
            rng = np.random.RandomState(seeds(random_state, 1)[0])
            points = [draw_points(estimator, n_rows, rng) for _ in range(2)]
            points[1][0][:, :n_categorical] = points[0][0][:, :n_categorical]
        if not isinstance(points, list | tuple) or len(points) < 2:
            raise ValueError(
                f"points: a walk needs at least two points (codes, noise), got {points!r:.80}"
            )
        checked = [check_points(estimator, f"points[{i}]", pair) for i, pair in enumerate(points)]
        counts = [len(point.noise) for point in checked]
        if len(set(counts)) > 1:
            raise ValueError(f"all points should have the same number of rows, got {counts}")
        codes, noise = (np.stack(parts) for parts in zip(*checked, strict=True))
        if (codes[:, :, :n_categorical] != codes[0, :, :n_categorical]).any():
            raise ValueError(
                f"{', '.join(estimator.code_names_[:n_categorical])} should be the same in all "
                "points of a row: there is nothing between two categories"
            )
        places = zip(_way(codes, n_steps, _line), _way(noise, n_steps, slerp), strict=True)
        drawn = [np.reshape(estimator.generate(*place), (counts[0], -1)) for place in places]
        (images,) = as_images(layout, np.stack(drawn, axis=1))
        clusters = codes[0, :, 0].astype(int).tolist() if n_categorical else None
        return cls(images, np.arange(len(points)) * n_steps, clusters).plot(ax=ax)

    def _draw(self, ax: Any) -> None:
        ax = draw(self, grid(self.images), ax)
        names = dict(zip(self.points, "abcdefghijklmnopqrstuvwxyz", strict=False))
        label_columns(ax, self.images, [names.get(i, "") for i in range(self.images.shape[1])])
        label_clusters(ax, self.images, self.clusters)


def slerp(start: np.ndarray, end: np.ndarray, share: float) -> np.ndarray:
    """The point at a given share of the arc between vectors (n, dim), as in White (2016).

    Vectors in the same or in opposite directions have no arc; a line is used for them.

    >>> import numpy as np
    >>> slerp(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]), 0.5).round(3)
    array([[0.707, 0.707]])
    """
    lengths = np.linalg.norm(start, axis=1) * np.linalg.norm(end, axis=1)
    cosine = (start * end).sum(1) / np.where(lengths, lengths, 1.0)
    angle = np.arccos(cosine.clip(-1, 1))[:, None]
    bent = np.sin(angle) > PARALLEL
    sine = np.where(bent, np.sin(angle), 1.0)
    arc = (np.sin((1 - share) * angle) * start + np.sin(share * angle) * end) / sine
    return np.where(bent, arc, _line(start, end, share))


def _line(start: np.ndarray, end: np.ndarray, share: float) -> np.ndarray:
    return start + share * (end - start)


def _way(
    points: np.ndarray,
    n_steps: int,
    between: Callable[[np.ndarray, np.ndarray, float], np.ndarray],
) -> list[np.ndarray]:
    """The points (n_points, n_rows, width) and the steps between them, in order."""
    steps = [
        between(start, end, step / n_steps)
        for start, end in pairwise(points)
        for step in range(n_steps)
    ]
    return [*steps, points[-1]]
