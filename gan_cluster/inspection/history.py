"""HistoryDisplay: how training went, epoch by epoch."""

from collections.abc import Callable, Sequence
from math import log, pi
from typing import Any, Self

import numpy as np

from gan_cluster._estimator import BaseGAN
from gan_cluster.inspection._checks import check_estimator
from gan_cluster.inspection._display import documented
from gan_cluster.inspection._matplotlib import check_axes, require_matplotlib

LOSSES = {
    "discriminator_loss": "discriminator",
    "generator_loss": "generator",
    "agreement": "agreement of twins",
}
INFORMATION = {
    "mutual_information": "bound on the information",
    "code_entropy": "ceiling H(c) of categorical codes",
    "continuous_information": "bound of continuous codes, at most "
    f"{log(2 / pi) / 2:.2f} each at variance 1",
}
USAGE = "cluster_usage"
DRAWN = {
    "cluster_variety": ("variety beside real rows", "variety in the worst cluster"),
    "cluster_fidelity": ("read as of their cluster", "read so in the worst cluster"),
}
MARKED = ".-"  # so that an epoch between two gaps is seen
PART = 0.85  # of its place is filled by a panel


@documented
class HistoryDisplay:
    """Picture of a training: losses, information, sizes of clusters, and what is drawn of them.

    Use :meth:`from_estimator` to make one. A panel stands for each of the four that history has;
    a dotted line marks the epoch in which the generator joined. Neither loss says when training is
    over: the bound on the information and the shares, at rest, do.

    Parameters
    ----------
    history : list of dict
        One an epoch, as an estimator's ``history_``; what an epoch lacks leaves a gap.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure with the picture.
    ax_ : ndarray of matplotlib Axes of shape (n_panels,)
        Those of losses, information, shares and drawn rows that there are.

    See Also
    --------
    gan_cluster.InfoGANClusterer : Says what is in ``history_``.

    Notes
    -----
    Shares are those of the codes until these are merged, drawn in grey, and then of the clusters,
    as training numbers them. A dashed line is where they would be equal.

    Of what is drawn the last panel has two measures, ``cluster_variety`` and ``cluster_fidelity``:
    thick lines are means over clusters, thin ones the worst cluster. Both should come near 1.

    References
    ----------
    Chen et al. (2016). InfoGAN: Interpretable representation learning by information maximizing
    generative adversarial nets. arXiv:1606.03657, equation 5 and figure 1.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from sklearn.datasets import load_wine
    >>> from gan_cluster import InfoGANClusterer
    >>> from gan_cluster.inspection import HistoryDisplay
    >>> clusterer = InfoGANClusterer(3, max_epochs=4, random_state=0).fit(load_wine().data)
    >>> display = HistoryDisplay.from_estimator(clusterer, ax=Figure().subplots(4))
    >>> [ax.get_ylabel() for ax in display.ax_]
    ['loss', 'nats', 'share of rows', 'drawn rows']
    """

    def __init__(self, history: Sequence[dict[str, Any]]):
        self.history = history

    @classmethod
    def from_estimator(cls, estimator: BaseGAN, *, ax: Any = None) -> Self:
        """Show the training of a fitted estimator.

        Parameters
        ----------
        estimator : InfoGANClusterer or GANFeatureExtractor
            Fitted.
        ax : matplotlib Axes or array-like of them, default=None
            Where to draw: one for each panel, or one that gives way to all. None makes a new
            figure with pyplot.

        Returns
        -------
        display : HistoryDisplay
            With the picture drawn.

        [raises]
        ValueError
            If axes are more or fewer than panels.
        """
        check_estimator(cls, estimator)
        return cls(estimator.history_).plot(ax=ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the picture.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of them, default=None
            Where to draw: one for each panel, or one that gives way to all. None makes a new
            figure with pyplot.

        Returns
        -------
        display : HistoryDisplay
            The display itself.

        Raises
        ------
        ValueError
            If history is empty, or axes are more or fewer than panels.
        """
        require_matplotlib(f"{type(self).__name__}.plot")
        if not self.history:
            raise ValueError("history is empty: there is no epoch to show")
        panels: dict[str, tuple[Callable, Any]] = {
            "loss": (self._draw_lines, LOSSES),
            "nats": (self._draw_lines, INFORMATION),
            "share of rows": (self._draw_usage, [USAGE]),
            "drawn rows": (self._draw_members, DRAWN),
        }
        names = {name for row in self.history for name in row}
        panels = {name: panel for name, panel in panels.items() if names.intersection(panel[1])}
        self.ax_ = _axes(ax, list(panels))
        self.figure_ = self.ax_[0].figure
        epochs = np.array([row["epoch"] for row in self.history])
        joined = [row["epoch"] for row in self.history if "generator_loss" in row]
        for each, (name, (drawn, terms)) in zip(self.ax_, panels.items(), strict=True):
            drawn(each, epochs, terms)
            if joined and joined[0] > epochs[0]:
                each.axvline(joined[0] - 0.5, color="0.5", linestyle="dotted")
            each.set(ylabel=name, xlim=(epochs[0] - 0.5, epochs[-1] + 0.5))
        self.ax_[-1].set_xlabel("epoch")
        return self

    def _draw_lines(self, ax: Any, epochs: np.ndarray, terms: dict[str, str]) -> None:
        bound = "mutual_information", "code_entropy"  # 0 where no code is categorical
        ceiling = [row.get("code_entropy") for row in self.history]
        for term, label in terms.items():
            values = np.array([row.get(term, np.nan) for row in self.history], dtype=float)
            values[~np.isfinite(values)] = np.nan
            if not np.isnan(values).all() and (term not in bound or any(ceiling)):
                style = "--" if term == "code_entropy" else MARKED
                ax.plot(epochs, values, style, markersize=3, label=label)
        ax.legend(loc="best", fontsize="small")

    def _draw_usage(self, ax: Any, epochs: np.ndarray, terms: list[str]) -> None:
        usages = [row.get(USAGE, []) for row in self.history]
        sizes = np.array([len(usage) for usage in usages])
        for size in np.unique(sizes[sizes > 0]):
            shares = np.full((len(usages), size), np.nan)
            shares[sizes == size] = [usage for usage in usages if len(usage) == size]
            grey = {} if size == sizes[-1] else {"color": "0.8"}
            ax.plot(epochs, shares, MARKED, markersize=3, **grey)
            equal = np.where(sizes == size, 1 / size, np.nan)
            ax.plot(epochs, equal, "--", color="0.3")
        ax.set_ylim(bottom=0)

    def _draw_members(self, ax: Any, epochs: np.ndarray, terms: dict[str, tuple[str, str]]) -> None:
        for i, (term, (mean, worst)) in enumerate(terms.items()):
            values = [row.get(term, [np.nan]) for row in self.history]
            if any(term in row for row in self.history):
                style = {"color": f"C{i}", "markersize": 3}
                ax.plot(epochs, [*map(np.mean, values)], MARKED, label=mean, **style)
                ax.plot(epochs, [*map(np.min, values)], MARKED, label=worst, lw=0.6, **style)
        ax.axhline(1, linestyle="--", color="0.3")
        ax.set_ylim(bottom=0)
        ax.legend(loc="best", fontsize="small")


def _axes(ax: Any, panels: list[str]) -> np.ndarray:
    """One of the axes for each panel, from those given or new ones."""
    n_panels = len(panels)
    if ax is None:
        from matplotlib import pyplot as plt

        size = (8, 2.2 * n_panels + 0.6)
        return plt.subplots(n_panels, figsize=size, layout="constrained", squeeze=False)[1][:, 0]
    axes = np.asarray(ax, dtype=object).ravel()
    for each in axes:
        check_axes(each)
    if len(axes) == 1 < n_panels:
        ax = axes[0]
        if not ax.axison:  # a picture of before
            for panel in list(ax.child_axes):
                panel.remove()
        ax.set_axis_off()
        places = [(0, 1 - (i + 1) / n_panels, 1, PART / n_panels) for i in range(n_panels)]
        axes = np.array([ax.inset_axes(place) for place in places], dtype=object)
    if len(axes) != n_panels:
        raise ValueError(
            f"there are {n_panels} panels ({', '.join(panels)}): give one of the axes for each, or "
            f"one for all, got {len(axes)}"
        )
    return axes
