"""HistoryDisplay: curves of the training over the epochs."""

from collections.abc import Sequence
from math import log, pi
from typing import Any, NamedTuple, Self

import numpy as np

from gan_cluster._estimator import BaseGAN
from gan_cluster.inspection._checks import check_estimator
from gan_cluster.inspection._display import documented
from gan_cluster.inspection._matplotlib import all_axes, require_matplotlib

LOSSES = {
    "discriminator_loss": "discriminator",
    "generator_loss": "generator",
    "agreement": "agreement of twins",
    "label_loss": "labelled rows",
}
INFORMATION = {
    "mutual_information": "bound on the information",
    "code_entropy": "ceiling H(c) of categorical codes",
    "continuous_information": "bound of continuous codes, at most "
    f"{log(2 / pi) / 2:.2f} each at variance 1",
}
DRAWN = {
    "cluster_variety": ("variety beside real rows", "variety in the worst cluster"),
    "cluster_fidelity": ("read as of their cluster", "read so in the worst cluster"),
}
STYLES: dict[str, dict[str, Any]] = {  # a mark each, so that an epoch between gaps is seen
    "mean": {"marker": "."},
    "worst": {"marker": ".", "lw": 0.6},
    "ceiling": {"ls": "--"},
    "equal": {"ls": "--", "color": "0.3"},
    "before": {"marker": ".", "color": "0.8"},
}
PART = 0.85  # of its place is filled by a panel


class Curve(NamedTuple):
    """One line of a panel: values (n_epochs,), NaN for epochs without a value.

    ``kind`` is a key of ``STYLES``. Curves with the same ``colour``, a number, show one measure.
    """

    label: str | None
    values: np.ndarray
    kind: str
    colour: int


def curves(history: Sequence[dict[str, Any]]) -> dict[str, list[Curve]]:
    """The curves of a history for each panel; a panel is named by the unit of its curves.

    >>> [*curves([{"epoch": 1, "generator_loss": 0.7, "cluster_usage": [0.5, 0.5]}])]
    ['loss', 'share of rows']
    """
    panels = {
        "loss": _measures(history, LOSSES),
        "nats": _measures(history, INFORMATION),
        "share of rows": _shares(history),
        "drawn rows": _of_drawn_rows(history),
    }
    return {unit: found for unit, found in panels.items() if found}


def when_joined(history: Sequence[dict[str, Any]]) -> float | None:
    """Where generator training began on the epoch axis; None if at the start, or never."""
    joined = [row["epoch"] for row in history if "generator_loss" in row]
    return joined[0] - 0.5 if joined and joined[0] > history[0]["epoch"] else None


def _measures(history: Sequence[dict[str, Any]], labels: dict[str, str]) -> list[Curve]:
    has_categories = any(row.get("code_entropy") for row in history)
    found: list[Curve] = []
    for name, label in labels.items():
        values = np.array([row.get(name, np.nan) for row in history], dtype=float)
        values[~np.isfinite(values)] = np.nan
        is_shown = has_categories or name not in ("mutual_information", "code_entropy")
        if is_shown and not np.isnan(values).all():
            kind = "ceiling" if name == "code_entropy" else "mean"
            found.append(Curve(label, values, kind, len(found)))
    return found


def _shares(history: Sequence[dict[str, Any]]) -> list[Curve]:
    usages = [row.get("cluster_usage", []) for row in history]
    sizes = np.array([len(usage) for usage in usages])
    found: list[Curve] = []
    for size in np.unique(sizes[sizes > 0]):
        shares = np.full((len(usages), size), np.nan)
        shares[sizes == size] = [usage for usage in usages if len(usage) == size]
        kind = "mean" if size == sizes[-1] else "before"
        found += [Curve(None, share, kind, i) for i, share in enumerate(shares.T)]
        found.append(Curve(None, np.where(sizes == size, 1 / size, np.nan), "equal", 0))
    return found


def _of_drawn_rows(history: Sequence[dict[str, Any]]) -> list[Curve]:
    found: list[Curve] = []
    for i, (name, (mean, worst)) in enumerate(DRAWN.items()):
        if any(name in row for row in history):
            values = [row.get(name, [np.nan]) for row in history]
            found.append(Curve(mean, np.array([*map(np.mean, values)]), "mean", i))
            found.append(Curve(worst, np.array([*map(np.min, values)]), "worst", i))
    return [*found, Curve(None, np.ones(len(history)), "equal", 0)] if found else []


@documented
class HistoryDisplay:
    """Picture of a training: losses, information, sizes of clusters, and quality of drawn rows.

    Use :meth:`from_estimator` to make one. There is a panel for each of these four that is in the
    history. A dotted line marks the epoch from which the generator was trained. The losses do not
    show whether training has converged. It has converged when the bound on the information and the
    sizes of clusters no longer change.

    Parameters
    ----------
    history : list of dict
        One dict for each epoch, as in ``history_`` of an estimator. Missing values leave gaps.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure with the picture.
    ax_ : ndarray of matplotlib Axes of shape (n_panels,)
        The panels of losses, information, shares and drawn rows, without missing ones.

    See Also
    --------
    gan_cluster.InfoGANClusterer : Describes ``history_``.

    Notes
    -----
    The shares of rows are those of the codes, in grey, until codes are merged. Then they are those
    of the clusters, with the numbers that training gave them. A dashed line marks equal shares.

    The panel of drawn rows shows ``cluster_variety`` and ``cluster_fidelity``. Thick lines are
    means over clusters, thin lines the worst cluster. Both should come near 1.

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
            Where to draw: axes for each panel, or one axes that is divided into panels. None makes
            a new figure with pyplot.

        Returns
        -------
        display : HistoryDisplay
            With the picture drawn.

        [raises]
        ValueError
            If the number of axes is not the number of panels.
        """
        check_estimator(cls, estimator)
        return cls(estimator.history_).plot(ax=ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the picture.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of them, default=None
            Where to draw: axes for each panel, or one axes that is divided into panels. None makes
            a new figure with pyplot.

        Returns
        -------
        display : HistoryDisplay
            The display itself.

        Raises
        ------
        ValueError
            If history is empty, or the number of axes is not the number of panels.
        """
        require_matplotlib(f"{type(self).__name__}.plot")
        if not self.history:
            raise ValueError("history is empty: there is no epoch to show")
        panels = curves(self.history)
        self.ax_ = _axes(ax, list(panels))
        self.figure_ = self.ax_[0].figure
        epochs = [row["epoch"] for row in self.history]
        joined = when_joined(self.history)
        for each, (unit, drawn) in zip(self.ax_, panels.items(), strict=True):
            for curve in drawn:
                style = {"color": f"C{curve.colour}", **STYLES[curve.kind]}
                each.plot(epochs, curve.values, markersize=3, label=curve.label, **style)
            if unit in ("share of rows", "drawn rows"):
                each.set_ylim(bottom=0)
            if any(curve.label for curve in drawn):
                each.legend(loc="best", fontsize="small")
            if joined is not None:
                each.axvline(joined, color="0.5", linestyle="dotted")
            each.set(ylabel=unit, xlim=(epochs[0] - 0.5, epochs[-1] + 0.5))
        self.ax_[-1].set_xlabel("epoch")
        return self


def _axes(ax: Any, panels: list[str]) -> np.ndarray:
    """Axes for each panel: those given, parts of the one given, or new ones."""
    n_panels = len(panels)
    if ax is None:
        from matplotlib import pyplot as plt

        size = (8, 2.2 * n_panels + 0.6)
        return plt.subplots(n_panels, figsize=size, layout="constrained", squeeze=False)[1][:, 0]
    axes = all_axes(ax)
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
