"""Warnings about problems that the history of a training shows, each with a remedy."""

from typing import Any

import numpy as np

EMPTY, LITTLE = 0.01, 0.1  # limits, relative to an equal share of rows; to the variety of real rows
POOR = 0.3  # limit for variety and fidelity of the rows drawn from a cluster


def diverged(history: list[dict[str, Any]]) -> list[str]:
    """A message if epochs were undone."""
    epochs = [row["epoch"] for row in history if row.get("taken_back")]
    if not epochs:
        return []
    return [
        f"training diverged in epoch {epochs}: that epoch was undone, and training continued with "
        "lower learning rates or, the second time, stopped; lower learning_rate"
    ]


def failures(
    history: list[dict[str, Any]],
    tol: float,
    max_epochs: int | str,
    sizes: np.ndarray,
    order: np.ndarray | None = None,
) -> list[str]:
    """Messages about a training: divergence, no convergence, empty or poor clusters, collapse.

    ``sizes`` (n_clusters,) are the numbers of rows in the clusters. If ``order`` is given, clusters
    are numbered by their places in it.
    """
    last, messages = history[-1], diverged(history)
    more_epochs = _more_epochs(max_epochs, len(history))
    n_empty = int((sizes * len(sizes) <= EMPTY * sizes.sum()).sum())
    if not messages and last.get("labels_changed", 0.0) > tol:
        messages.append(
            f"training has not converged: {last['labels_changed']:.1%} of the labels still changed "
            f"in the last epoch, more than tol={tol}; {more_epochs}"
        )
    if n_empty:
        messages.append(
            f"{n_empty} of {len(sizes)} clusters are empty or nearly empty: raise n_init or the "
            "objective's balance_weight, or ask for fewer clusters"
        )
    if last.get("variety", 1.0) < LITTLE:
        messages.append(
            f"the generator has collapsed: its rows vary only {last['variety']:.0%} as much as "
            "real ones; lower learning_rate or set the objective's gradient_penalty"
        )
    elif len(sizes) > 1:
        messages += _drawn_poorly(
            last, np.arange(len(sizes)) if order is None else order, more_epochs
        )
    return messages


def of_number(n_clusters: int, tried: int, max_clusters: int) -> list[str]:
    """A message if the number of clusters found is the smallest or the largest that was tried.

    >>> of_number(3, 20, 20)
    []
    """
    if n_clusters == tried:
        more = "raise max_clusters" if tried >= max_clusters else "for more, X has too few rows"
        return [f"{n_clusters} clusters were found, as many as were tried: {more}"]
    if n_clusters == 1:
        return [
            "one cluster was found: there is no valley of low density between clusters; to have "
            "more, set n_clusters to a number"
        ]
    return []


def _more_epochs(max_epochs: int | str, n_trained: int) -> str:
    """Advice to train for twice as long."""
    if isinstance(max_epochs, str):
        return f'set max_epochs={2 * n_trained} ("{max_epochs}" was {n_trained} here)'
    return f"raise max_epochs from {max_epochs} to {2 * max_epochs}"


def _share(variety: float) -> str:
    """The variety in percent, which has no meaning where real rows are all the same."""
    return "over 1000%" if variety > 10 else f"{variety:.0%}"


def _drawn_poorly(last: dict[str, Any], order: np.ndarray, more_epochs: str) -> list[str]:
    """A message about clusters whose drawn rows vary too little, or are assigned to others."""
    variety = np.asarray(last.get("cluster_variety", np.ones(len(order))))[order]
    fidelity = np.asarray(last.get("cluster_fidelity", np.ones(len(order))))[order]
    poor = np.flatnonzero((variety < POOR) | (fidelity < POOR))
    if not len(poor):
        return []
    named = ", ".join(
        f"cluster {k} (variety {_share(variety[k])} of that of real rows, {fidelity[k]:.0%} "
        "assigned to it)"
        for k in poor
    )
    return [
        f"the generator draws {len(poor)} of {len(order)} clusters poorly: {named}; "
        f"{more_epochs}, raise noise_dim or lower learning_rate"
    ]
