"""Several heads of Q on one trunk: clusters form in all of them, and the best one is kept.

A trunk that has looked at rows takes long to train, and a head hardly any time; how good its
clusters are depends on the weights that it starts from.
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
    """Give the net of an untrained run so many heads beside Q's own."""
    net, n_heads = run.net, 1 + n_rivals
    rivals = build_rivals(net.discriminator_, n_rivals, rng=rng).to(net.device)
    _hold(net, rivals, net.clusters.seen.repeat(n_heads, 1))
    run.batches.labels = run.batches.labels[:, None].repeat(1, n_heads)


def has_rivals(net: AdversarialNet) -> bool:
    """Whether it is still open which head is the best."""
    return len(net.discriminator_.rivals) > 0


def scores_of_heads(net: AdversarialNet, jury: Jury, merges: bool) -> list[float]:
    """What a jury says of each head's clusters, which may first be made of its codes."""
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
    """Make one of the heads that of Q, with all that was noted of it, and drop the others."""
    net, batches = run
    network, seen = net.discriminator_, net.clusters.seen
    network.read_by(network.heads[number])
    _hold(net, nn.ModuleList(), seen[number].clone())
    for weights in net.optimizer_.state.keys() - set(_trained(net)):
        del net.optimizer_.state[weights]
    batches.labels = batches.labels[:, number].clone()


@contextmanager
def set_aside(net: AdversarialNet) -> Iterator[None]:
    """While a model is read off a net in training, it has Q's own head alone."""
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
    """Let a net have these rivals; the optimizer trains all that the discriminator then has."""
    net.discriminator_.rivals, net.clusters.seen = rivals, seen
    net.optimizer_.param_groups[0]["params"] = [*net.discriminator_.parameters()]


def _trained(net: AdversarialNet) -> Iterator[Any]:
    """All weights that the optimizer has."""
    for group in net.optimizer_.param_groups:
        yield from group["params"]
