"""The steps of a stage; the terms of the loss are added up on the device."""

from collections.abc import Iterable
from typing import Any

from torch import Tensor

from gan_cluster.training.batches import Batch, Batches
from gan_cluster.training.graphs import Graphs


class Steps:
    """The steps of a net over batches; on a GPU they are captured if the net allows it.

    Parameters
    ----------
    net : AdversarialNet
    batches : Batches
    """

    def __init__(self, net: Any, batches: Batches):
        self.net = net
        self.batches = batches
        self.totals: dict[str, Tensor] = {}
        self.graphs: Graphs | None = None
        if net.may_capture(batches):
            self.graphs = Graphs(self._at, net.rng, net.placed)

    def epoch(self) -> dict[str, Tensor]:
        """Do the steps of an epoch, without waiting for a GPU; return the sums of their terms."""
        net = self.net
        for total in self.totals.values():
            total.zero_()
        batches: Iterable[Any] = self.batches
        if self.graphs is not None:
            batches = self.batches.positions()
        for batch in batches:
            net.notify("on_batch_begin", batch=batch, training=True)
            terms = self._step(batch) if self.graphs is None else self._captured(batch)
            net.step += 1
            net.notify("on_batch_end", batch=batch, training=True, **terms)
        return self.totals

    def forget(self) -> None:
        """Capture again, as the net's tensors have new memory."""
        if self.graphs is not None:
            self.graphs.forget()

    def _captured(self, positions: tuple[Tensor, ...]) -> dict[str, Tensor]:
        """A captured step; it returns the sums of terms so far."""
        assert self.graphs is not None
        self.graphs(self.net.kind_of_step, *positions)
        return {}

    def _at(self, *positions: Tensor) -> None:
        """A step with the rows on the device at these positions."""
        self._step(self.batches.gathered(*positions))

    def _step(self, batch: Batch) -> dict[str, Tensor]:
        terms = self.net.train_step(batch)
        if "labels" in terms:
            labels = terms.pop("labels")
            usage = labels.mean(0)
            terms["cluster_usage"] = usage if usage.ndim == 1 else usage[0]  # Q's own of the heads
            changed = self.batches.relabel(batch[2], labels.argmax(-1))
            terms["labels_changed"] = changed
        for name, value in terms.items():
            if name in self.totals:
                self.totals[name].add_(value)
            else:
                self.totals[name] = value.clone()
        return terms
