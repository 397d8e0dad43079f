"""The mathematics of training, as pure functions of tensors.

Sources: GAN (Goodfellow et al., 2014, arXiv:1406.2661), hinge loss (Lim & Ye, 2017,
arXiv:1705.02894), relativistic pairing (Jolicoeur-Martineau, 2018, arXiv:1807.00734; Huang et
al., 2024, arXiv:2501.05441), R1 (Mescheder et al., 2018, arXiv:1801.04406), InfoGAN (Chen et
al., 2016, arXiv:1606.03657), RIM (Krause et al., 2010), IMSAT (Hu et al., 2017,
arXiv:1702.08720), virtual adversarial training (Miyato et al., 2018, arXiv:1704.03976), InfoGAN-CR
(Lin et al., 2020, arXiv:1906.06034).
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import functional as F

ADVERSARIAL_LOSSES = ("non-saturating", "hinge", "relativistic")


@dataclass(frozen=True)
class Objective:
    """Weights of the terms, how twins are made, how far adversarial ones move, the prior."""

    adversarial_loss: str
    info_weight: float
    continuous_weight: float
    consistency_weight: float
    balance_weight: float
    gradient_penalty: float
    augment: str | Callable[[torch.Tensor], torch.Tensor]
    radius: float = 0.0
    prior: str | tuple[float, ...] = "uniform"
    contrastive_weight: float = 0.0
    instance_noise: float = 0.0


def discriminator_loss(real: torch.Tensor, fake: torch.Tensor, kind: str) -> torch.Tensor:
    """Loss of the discriminator from its logits (n,) on real and on generated rows.

    >>> import torch
    >>> zero = torch.zeros(4)
    >>> round(float(discriminator_loss(zero, zero, "non-saturating")), 4)  # 2 log 2
    1.3863
    """
    if kind == "non-saturating":
        return F.softplus(-real).mean() + F.softplus(fake).mean()
    if kind == "hinge":
        return F.relu(1 - real).mean() + F.relu(1 + fake).mean()
    return F.softplus(fake - real).mean()


def generator_loss(fake: torch.Tensor, real: torch.Tensor, kind: str) -> torch.Tensor:
    """Loss of the generator; only the relativistic one compares with logits on real rows.

    >>> import torch
    >>> float(generator_loss(torch.full((4,), -3.0), torch.zeros(4), "hinge"))
    3.0
    """
    if kind == "non-saturating":
        return F.softplus(-fake).mean()
    if kind == "hinge":
        return -fake.mean()
    return F.softplus(real - fake).mean()


def gradient_penalty(logits: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
    """R1: half the mean squared norm of the logits' gradient at real rows.

    >>> import torch
    >>> x = torch.ones(2, 3, requires_grad=True)
    >>> float(gradient_penalty(2 * x.sum(1), x))  # (2**2 * 3) / 2
    6.0
    """
    (gradient,) = torch.autograd.grad(logits.sum(), inputs, create_graph=True)
    return 0.5 * gradient.square().flatten(1).sum(1).mean()


def contrastive_loss(logits: torch.Tensor, shared: torch.Tensor) -> torch.Tensor:
    """InfoGAN-CR's regulariser: the cross-entropy in nats of H's guess which code two rows share.

    >>> import torch
    >>> round(float(contrastive_loss(torch.zeros(2, 5), torch.tensor([0, 3]))), 4)  # log 5
    1.6094
    """
    return F.cross_entropy(logits, shared)


def agreement(logits: torch.Tensor, twin_logits: torch.Tensor) -> torch.Tensor:
    """Symmetric cross-entropy between the labels of rows and those of their twins, in nats.

    It equals H(p) + KL(p || q), both ways: zero only where both labels are certain and alike,
    so that it lowers the conditional entropy of RIM and the disagreement of IMSAT at once.

    >>> import torch
    >>> sure = torch.tensor([[50.0, 0.0]])
    >>> round(float(agreement(sure, sure)), 4), round(float(agreement(sure, -sure)), 1)
    (0.0, 50.0)
    """
    log_p, log_q = logits.log_softmax(1), twin_logits.log_softmax(1)
    return -0.5 * (log_p.exp() * log_q + log_q.exp() * log_p).sum(1).mean()


def imbalance(marginal: torch.Tensor, prior: torch.Tensor) -> torch.Tensor:
    """KL divergence in nats from a prior over clusters to their shares in a batch.

    >>> import torch
    >>> uniform = torch.full((4,), 0.25)
    >>> float(imbalance(uniform, uniform))
    0.0
    """
    tiny = torch.finfo(marginal.dtype).tiny
    return (marginal * (marginal.clamp_min(tiny).log() - prior.clamp_min(tiny).log())).sum()


def spread(rows: torch.Tensor) -> torch.Tensor:
    """Root mean square of how far rows (n, ...) lie from their mean, over all their values.

    >>> import torch
    >>> float(spread(torch.tensor([[0.0, 1.0], [2.0, 3.0]])))
    1.0
    """
    return (rows - rows.mean(0)).square().mean().sqrt()


def virtual_adversarial_twin(
    predict: Callable[[torch.Tensor], torch.Tensor],
    rows: torch.Tensor,
    logits: torch.Tensor,
    radius: float,
    generator: torch.Generator,
    step: float = 10.0,
) -> torch.Tensor:
    """Move each row by ``radius`` in the direction that changes its label most.

    One power iteration of Miyato et al., 2018, algorithm 1; ``predict`` gives logits.
    """
    direction = torch.randn(rows.shape, generator=generator, device=rows.device)
    probe = (step * _unit(direction)).requires_grad_()
    target = logits.detach().softmax(1)
    divergence = F.kl_div(predict(rows + probe).log_softmax(1), target, reduction="batchmean")
    (gradient,) = torch.autograd.grad(divergence, probe)
    return rows + radius * _unit(gradient)


def _unit(rows: torch.Tensor) -> torch.Tensor:
    return F.normalize(rows.flatten(1)).view_as(rows)
