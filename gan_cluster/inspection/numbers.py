"""ClusterNumberDisplay: the criterion for each number of clusters, and how codes are merged."""

from typing import Any, Self

import numpy as np
from sklearn.utils import Bunch

from gan_cluster._estimator import BaseGAN
from gan_cluster.inspection._checks import check_estimator
from gan_cluster.inspection._display import documented
from gan_cluster.inspection._matplotlib import all_axes, require_matplotlib
from gan_cluster.training.numbers import DEPTH, number_of


@documented
class ClusterNumberDisplay:
    """Picture of how ``n_clusters="auto"`` found the number of clusters.

    Use :meth:`from_estimator` to make one. The upper panel shows, for each number of clusters, the
    depth of the shallowest valley between two clusters. The chosen number is the largest one with
    a valley between all clusters; for images, without clusters that are much smaller than others.
    The lower panel is a dendrogram of the codes, cut at that number.

    Parameters
    ----------
    numbers : Bunch
        ``cluster_numbers_`` of an estimator.
    tree : ndarray of shape (n_codes - 1, 4)
        ``merge_tree_`` of the same estimator.
    least : float
        Smallest depth that counts as a valley.

    Attributes
    ----------
    n_clusters_ : int
        The number that is marked.
    figure_ : matplotlib Figure
        The figure with the picture.
    ax_ : ndarray of matplotlib Axes of shape (2,)
        The axes of the curve and of the dendrogram.

    See Also
    --------
    gan_cluster.InfoGANClusterer : Describes the curve and the tree.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from sklearn.datasets import load_wine
    >>> from gan_cluster import InfoGANClusterer
    >>> from gan_cluster.inspection import ClusterNumberDisplay
    >>> settings = {"max_clusters": 5, "max_epochs": 4, "n_init": 1, "random_state": 0}
    >>> clusterer = InfoGANClusterer("auto", **settings).fit(load_wine().data)
    >>> display = ClusterNumberDisplay.from_estimator(clusterer, ax=Figure().subplots(2))
    >>> [ax.get_xlabel() for ax in display.ax_]
    ['number of clusters', 'codes']
    """

    def __init__(self, numbers: Bunch, tree: np.ndarray, least: float = DEPTH):
        self.numbers = numbers
        self.tree = tree
        self.least = least

    @classmethod
    def from_estimator(cls, estimator: BaseGAN, *, ax: Any = None) -> Self:
        """Show how a fitted estimator found its number of clusters.

        Parameters
        ----------
        estimator : InfoGANClusterer or GANFeatureExtractor
            Fitted, with ``n_clusters="auto"``.
        ax : array-like of two matplotlib Axes, default=None
            Where to draw. None makes a new figure with pyplot.

        Returns
        -------
        display : ClusterNumberDisplay
            With the picture drawn.

        [raises]
        ValueError
            If ``n_clusters`` was a number, or there are not two axes.
        """
        check_estimator(cls, estimator)
        if not hasattr(estimator, "merge_tree_"):
            raise ValueError(
                f"n_clusters={estimator.n_clusters!r} was given, not found: there is a picture "
                'only after a fit with n_clusters="auto"'
            )
        return cls(estimator.cluster_numbers_, estimator.merge_tree_).plot(ax=ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the picture.

        Parameters
        ----------
        ax : array-like of two matplotlib Axes, default=None
            Where to draw. None makes a new figure with pyplot.

        Returns
        -------
        display : ClusterNumberDisplay
            The display itself.

        Raises
        ------
        ValueError
            If there are not two axes.
        """
        require_matplotlib(f"{type(self).__name__}.plot")
        from scipy.cluster.hierarchy import dendrogram

        self.ax_ = _axes(ax)
        self.figure_ = self.ax_[0].figure
        curve, below = self.ax_
        k, depth = self.numbers.k[1:], self.numbers.criterion[1:]
        self.n_clusters_ = number_of(self.numbers, self.least)
        curve.plot(k, depth, marker=".")
        curve.axhline(self.least, color="0.5", linestyle="--", label="least depth of a valley")
        curve.axvline(
            self.n_clusters_, color="C1", linestyle="dotted", label=f"found: {self.n_clusters_}"
        )
        curve.set(xlabel="number of clusters", ylabel="shallowest valley,\nnats of density")
        curve.xaxis.get_major_locator().set_params(integer=True)
        curve.legend(fontsize="small")
        heights = np.append(0.0, self.tree[:, 2])
        last = len(heights) - self.n_clusters_
        cut = heights[last : last + 2].mean() if self.n_clusters_ > 1 else np.inf
        dendrogram(
            self.tree, ax=below, no_labels=True, color_threshold=cut, above_threshold_color="0.6"
        )
        below.set(xlabel="codes", ylabel="information lost,\nnats")
        return self


def _axes(ax: Any) -> np.ndarray:
    """Two axes: those given, or new ones."""
    if ax is None:
        from matplotlib import pyplot as plt

        return plt.subplots(2, figsize=(7, 6), layout="constrained")[1]
    axes = all_axes(ax)
    if len(axes) != 2:
        raise ValueError(f"there are two panels: give one of the axes for each, got {len(axes)}")
    return axes
