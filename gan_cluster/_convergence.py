"""What history shows to have gone wrong in training, each with a remedy."""

from typing import Any

import numpy as np

EMPTY, LITTLE = 0.01, 0.1  # of an equal share of rows; of the variety of real rows


def diverged(history: list[dict[str, Any]]) -> list[str]:
    """A message if epochs were taken back."""
    epochs = [row["epoch"] for row in history if row.get("taken_back")]
    if not epochs:
        return []
    return [
        f"training diverged in epoch {epochs}: it was taken back, and went on more slowly or, the "
        "second time, ended; lower learning_rate"
    ]


def failures(
    history: list[dict[str, Any]], tol: float, max_epochs: int | str, sizes: np.ndarray
) -> list[str]:
    """Messages about a whole training: divergence, no rest, empty clusters, a collapse.

    ``sizes`` are the numbers of rows in the clusters, (n_clusters,).
    """
    last, messages = history[-1], diverged(history)
    n_empty = int((sizes * len(sizes) <= EMPTY * sizes.sum()).sum())
    if not messages and last.get("labels_changed", 0.0) > tol:
        messages.append(
            f"{last['labels_changed']:.1%} of the labels still changed in the last epoch, "
            f"more than tol={tol}: raise max_epochs, now {max_epochs!r}"
        )
    if n_empty:
        messages.append(
            f"{n_empty} of {len(sizes)} clusters are empty, or nearly: raise n_init or the "
            "objective's balance_weight, or ask for fewer clusters"
        )
    if last.get("variety", 1.0) < LITTLE:
        messages.append(
            f"the generator has collapsed, its rows vary {last['variety']:.0%} as much as real "
            "ones: lower learning_rate or set the objective's gradient_penalty"
        )
    return messages
