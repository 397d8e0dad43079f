"""TraversalDisplay: the effect of one code while all other inputs are fixed."""

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, NamedTuple, Self

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
from gan_cluster.inspection._points import draw_points

BEYOND = "0.6"  # grey of values that training did not see


class Traversal(NamedTuple):
    """Drawn rows (n_rows, n_values, n_features), values of the code, and the rows' clusters."""

    rows: np.ndarray
    values: np.ndarray
    clusters: list[int] | None


def traversal(
    estimator: BaseGAN, code: str, n_rows: int, n_values: int, limit: float, seed: int
) -> Traversal:
    """Rows drawn for several values of one code, with fixed noise and other codes in each row."""
    place, sizes = estimator.code_names_.index(code), estimator.model_.code_sizes
    values = np.linspace(-limit, limit, n_values)
    if place < len(sizes):
        values = np.arange(sizes[place], dtype=float)
    codes, noise = draw_points(estimator, n_rows, np.random.RandomState(seed))
    drawn = []
    for value in values:
        moved = codes.copy()
        moved[:, place] = value
        drawn.append(estimator.generate(moved, noise))
    rows = np.reshape(drawn, (len(values), n_rows, -1)).swapaxes(0, 1)
    return Traversal(rows, values, codes[:, 0].astype(int).tolist() if sizes and place else None)


@documented
class TraversalDisplay(Display):
    """Picture of the effect of one code.

    Use :meth:`from_estimator` to make one. Each column is a value of the code, and each row has
    its own noise and other codes. Training uses continuous codes from -1 to 1. Values outside
    that range are written in grey above their columns.

    Parameters
    ----------
    images : ndarray of shape (n_rows, n_values, height, width, channels)
        With 1 (grey), 3 or 4 channels and values from 0 to 1.
    values : ndarray of shape (n_values,)
        Values of the code.
    code : str
        Name of the code.
    clusters : sequence of int, default=None
        The cluster of each row; None if the code is the cluster.

    Attributes
    ----------
    [picture]

    See Also
    --------
    gan_cluster.InfoGANClusterer.generate : Generates the images.

    References
    ----------
    Chen et al. (2016). InfoGAN: Interpretable representation learning by information maximizing
    generative adversarial nets. arXiv:1606.03657, figure 2.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from sklearn.datasets import load_digits
    >>> from gan_cluster import InfoGANClusterer
    >>> from gan_cluster.inspection import TraversalDisplay
    >>> X = load_digits().data[:200]
    >>> settings = {"image_shape": (1, 8, 8), "n_continuous": 1, "max_epochs": 1}
    >>> clusterer = InfoGANClusterer(10, random_state=0, **settings).fit(X)
    >>> display = TraversalDisplay.from_estimator(clusterer, "continuous0", ax=Figure().subplots())
    >>> display.images.shape
    (10, 9, 8, 8, 1)
    """

    def __init__(
        self,
        images: np.ndarray,
        values: np.ndarray,
        code: str,
        clusters: Sequence[int] | None = None,
    ):
        self.images = images
        self.values = values
        self.code = code
        self.clusters = clusters

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseGAN,
        code: str | None = None,
        *,
        n_rows: int = 10,
        n_values: int = 9,
        limit: float = 2.0,
        random_state: int | np.random.RandomState | None = 0,
        ax: Any = None,
    ) -> Self:
        """Show a code of a fitted estimator.

        Parameters
        ----------
        estimator : InfoGANClusterer or GANFeatureExtractor
            Fitted to images.
        code : str, default=None
            One of the estimator's ``code_names_``; None is the first, which is the cluster if there
            are clusters.
        n_rows : int, default=10
            Number of rows, each with other noise and other codes. For a continuous code, the rows
            take the clusters in turn.
        n_values : int, default=9
            Number of values of a continuous code, from ``-limit`` to ``limit``. All values of a
            categorical code are shown.
        limit : float, default=2.0
            Largest value of a continuous code. The default is twice the range of training, as in
            the paper.
        random_state : int, RandomState or None, default=0
            Seed of noise and other codes.
        [ax]

        [raises]
        ValueError
            If there is no such code, or rows are not images with 1, 3 or 4 channels.
        """
        check_estimator(cls, estimator)
        check_scalar(n_rows, "n_rows", Integral, min_val=1)
        check_scalar(n_values, "n_values", Integral, min_val=2)
        check_scalar(limit, "limit", Real, min_val=0, include_boundaries="neither")
        if not np.isfinite(limit):
            raise ValueError(f"limit == {limit}, must be finite.")
        names = estimator.code_names_
        if not names:
            raise ValueError("there is no code to change: this estimator was fitted without one")
        code = names[0] if code is None else code
        if code not in names:
            raise ValueError(f"code={code!r} does not exist: there are {names}")
        layout = image_layout(estimator)
        found = traversal(estimator, code, n_rows, n_values, limit, seeds(random_state, 1)[0])
        (images,) = as_images(layout, found.rows)
        return cls(images, found.values, code, found.clusters).plot(ax=ax)

    def _draw(self, ax: Any) -> None:
        ax = draw(self, grid(self.images), ax)
        label_columns(ax, self.images, [f"{value:.3g}" for value in self.values])
        for text, value in zip(ax.get_xticklabels(), self.values, strict=True):
            if self.code.startswith("continuous") and abs(value) > 1:
                text.set_color(BEYOND)
        label_clusters(ax, self.images, self.clusters)
        ax.set_title(self.code)
