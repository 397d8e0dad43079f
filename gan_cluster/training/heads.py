"""Several heads of Q on one trunk are trained together, and the best one is kept.

Training a trunk takes long, training a head hardly any time. How good the clusters of a head are
depends on its initial weights.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from gan_cluster.networks.build import build_rivals
from gan_cluster.training.checkpoint import Run
from gan_cluster.training.judging import Jury
from gan_cluster.training.net import AdversarialNet


def add_rivals(run: Run, n_rivals: int, rng: torch.Generator) -> None:
    """Add ``n_rivals`` heads to the net of an untrained run, beside Q's own head."""
    net, n_heads = run.net, 1 + n_rivals
    rivals = build_rivals(net.discriminator_, n_rivals, rng=rng).to(net.device)
    _hold(net, rivals, net.clusters.seen.repeat(n_heads, 1))
    run.batches.labels = run.batches.labels[:, None].repeat(1, n_heads)


def has_rivals(net: AdversarialNet) -> bool:
    """Whether there are several heads, of which none has been chosen yet."""
    return len(net.discriminator_.rivals) > 0


def scores_of_heads(net: AdversarialNet, jury: Jury, merges: bool) -> list[float]:
    """Score of the clusters of each head; with ``merges`` its codes are merged first."""
    network, clusters = net.discriminator_, net.clusters
    own, *rivals = network.heads
    seen, usage, scores = clusters.seen, clusters.usage, []
    try:
        for head in (own, *rivals):
            network.read_by(head)
            if merges:
                jury.merge(net)
            scores.append(jury.score(net))
            clusters.regroup(None)
    finally:
        network.read_by(own)
        clusters.regroup(None)
        clusters.seen, clusters.usage = seen, usage
    return scores


def keep_head(run: Run, number: int) -> None:
    """Make one head that of Q, with its running means and labels, and drop the others."""
    net, batches = run
    network, seen = net.discriminator_, net.clusters.seen
    network.read_by(network.heads[number])
    _hold(net, nn.ModuleList(), seen[number].clone())
    for weights in net.optimizer_.state.keys() - set(_trained(net)):
        del net.optimizer_.state[weights]
    batches.labels = batches.labels[:, number].clone()


@contextmanager
def set_aside(net: AdversarialNet) -> Iterator[None]:
    """Leave only Q's own head, to save or copy a net during training."""
    if not has_rivals(net):
        yield
        return
    rivals, seen = net.discriminator_.rivals, net.clusters.seen
    moments: dict[Any, Any] = net.optimizer_.state
    kept = {weights: moments.pop(weights) for weights in rivals.parameters() if weights in moments}
    _hold(net, nn.ModuleList(), seen[0])
    try:
        yield
    finally:
        _hold(net, rivals, seen)
        moments.update(kept)


def _hold(net: AdversarialNet, rivals: nn.ModuleList, seen: torch.Tensor) -> None:
    """Set the rivals of a net, and let the optimizer train all weights of the discriminator."""
    net.discriminator_.rivals, net.clusters.seen = rivals, seen
    net.optimizer_.param_groups[0]["params"] = [*net.discriminator_.parameters()]


def _trained(net: AdversarialNet) -> Iterator[Any]:
    """All weights that the optimizer trains."""
    for group in net.optimizer_.param_groups:
        yield from group["params"]
