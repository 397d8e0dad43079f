"""The objective: the weights of its terms, and the mathematics as pure functions of tensors.

Sources: GAN (Goodfellow et al., 2014, arXiv:1406.2661), hinge loss (Lim & Ye, 2017,
arXiv:1705.02894), relativistic pairing (Jolicoeur-Martineau, 2018, arXiv:1807.00734; Huang et
al., 2024, arXiv:2501.05441), R1 (Mescheder et al., 2018, arXiv:1801.04406), InfoGAN (Chen et
al., 2016, arXiv:1606.03657), RIM (Krause et al., 2010), IMSAT (Hu et al., 2017, arXiv:1702.08720),
NT-Xent (Chen et al., 2020, arXiv:2002.05709).
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Self

import torch
from torch.nn import functional as F

ADVERSARIAL_LOSSES = ("non-saturating", "hinge", "relativistic")


@dataclass
class Objective:
    """The terms that training minimises, and their weights.

    The discriminator with the recognition network Q minimises its adversarial loss, minus the
    bound on the information that generated rows carry about the code (InfoGAN, arXiv:1606.03657,
    eq. 5), plus the consistency term: labels of a real row and of its twin have to agree while
    the sizes of clusters follow the prior (RIM; IMSAT, arXiv:1702.08720). The generator minimises
    its adversarial loss minus the bound. A code that no term teaches is left out.

    With the consistency term Q learns clusters from real rows alone, and a discriminator of its own
    plays against the generator: one that is told the first code, as Q reads it off real rows (a
    projection discriminator, Miyato & Koyama, 2018, arXiv:1802.05637). The bound is then asked
    of the other codes only.

    Three objectives have names:

    - ``"consistency"`` is ``Objective()``: all of it.
    - ``"infogan"`` is ``Objective(consistency_weight=0)``: InfoGAN as in the paper.
    - ``"gan"`` is ``Objective(consistency_weight=0, info_weight=0, continuous_weight=0,
      gradient_penalty=1)``: a GAN without any code, steadied by R1.

    An estimator's ``objective__balance_weight`` and so on reach the fields of its objective, also
    in :class:`~sklearn.model_selection.GridSearchCV`.

    Parameters
    ----------
    consistency_weight : float, default=1.0
        Weight of the consistency term. Without it the game is all there is: codes are learned from
        generated rows, training is one stage, and by default no restart is made.
    balance_weight : float, default=5.0
        Weight, within that term, of the divergence of the cluster sizes from the prior.
    augment : {"auto", "image", "photo", "none"} or callable, default="auto"
        How the twin of a row is made: by a small random affine map and change of exposure
        ("image"), by another crop in other colours, or in grey ("photo", as SimCLR does it, Chen
        et al., 2020, arXiv:2002.05709), not at all ("none"), or by a function of a float32 batch.
        "auto" is "photo" for images of three channels, "image" for others, and "none" for tables,
        where a near row is the twin.
    contrast_temperature : float or "auto", default="auto"
        Above 0 an observer, a trunk beside the networks, first learns to tell two views of one
        row, made as ``augment`` says, from those of other rows (NT-Xent at this temperature, Chen
        et al., 2020, arXiv:2002.05709). Clusters start from its weights, and near rows are sought
        in its features of unit length: pixels say which digits are alike, but not which
        photographs. "auto" is 0.5 for images of three channels, and 0 for all else and without
        the consistency term. ``partial_fit`` goes without.
    n_neighbors : int or "auto", default="auto"
        Twins are made from the row or one of its nearest: "auto" is 5 for images, 10 for tables.
    codes_per_cluster : int or "auto", default="auto"
        The first code starts with this many values for each cluster. Once clusters have formed,
        or after the game, they are merged so that near rows say most of each other's cluster
        (Slonim, Friedman & Tishby, 2002). "auto" is 4 and 2 in turn over the runs, 2 for
        photographs, and 1 without the consistency term.
    info_weight : float, default=1.0
        Weight (lambda) of the bound on the information about the categorical codes; with the
        consistency term about those after the first.
    continuous_weight : float, default=1.0
        The same for the continuous codes.
    continuous_variance : {"fixed", "learned"}, default="fixed"
        Whether Q's Gaussians over continuous codes have variance 1 or a learned one.
    adversarial_loss : {"non-saturating", "hinge", "relativistic"}, default="non-saturating"
        The game between generator and discriminator.
    gradient_penalty : float or "auto", default="auto"
        Weight of R1, half the squared gradient of the discriminator at real rows, which steadies
        the game; it is taken in every eighth step, eight times (arXiv:1912.04958). "auto" is 0.1
        with the consistency term, where the generator then draws more varied rows, and 0 without.
    instance_noise : float, default=0.0
        Standard deviation of Gaussian noise on what the discriminator sees in the game (Sønderby
        et al., 2017, arXiv:1610.04490), of images within [-1, 1] or standardised columns. Detail
        finer than it neither gives generated rows away nor tells their codes.
    ema_decay : float, default=0.0
        Decay of an exponential moving average of the generator's weights, from which rows are
        then drawn; 0 keeps none.

    Examples
    --------
    >>> from gan_cluster import InfoGANClusterer, Objective
    >>> clusterer = InfoGANClusterer(10, objective=Objective(balance_weight=2.0))
    >>> clusterer.set_params(objective__n_neighbors=3).objective.n_neighbors
    3
    """

    consistency_weight: float = 1.0
    balance_weight: float = 5.0
    augment: str | Callable[[torch.Tensor], torch.Tensor] = "auto"
    contrast_temperature: float | str = "auto"
    n_neighbors: int | str = "auto"
    codes_per_cluster: int | str = "auto"
    info_weight: float = 1.0
    continuous_weight: float = 1.0
    continuous_variance: str = "fixed"
    adversarial_loss: str = "non-saturating"
    gradient_penalty: float | str = "auto"
    instance_noise: float = 0.0
    ema_decay: float = 0.0

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """All weights by name, as scikit-learn's searches ask for them."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def set_params(self, **params: Any) -> Self:
        """Change weights by name.

        Raises
        ------
        ValueError
            For a name that there is not.
        """
        names = [field.name for field in fields(self)]
        for name, value in params.items():
            if name not in names:
                raise ValueError(f"Objective has no parameter {name!r}, only {', '.join(names)}")
            setattr(self, name, value)
        return self

    @property
    def is_consistent(self) -> bool:
        """Whether labels of twins have to agree."""
        return self.consistency_weight > 0

    @property
    def reads_clusters(self) -> bool:
        """Whether any term teaches Q the clusters."""
        return self.consistency_weight > 0 or self.info_weight > 0


OBJECTIVES = {
    "consistency": Objective(),
    "infogan": Objective(consistency_weight=0.0),
    "gan": Objective(
        consistency_weight=0.0, info_weight=0.0, continuous_weight=0.0, gradient_penalty=1.0
    ),
}


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


def agreement(logits: torch.Tensor, twin_logits: torch.Tensor) -> torch.Tensor:
    """Symmetric cross-entropy between the labels of rows and those of their twins, in nats.

    It equals H(p) + KL(p || q), both ways: zero only where both labels are certain and alike,
    so that it lowers the conditional entropy of RIM and the disagreement of IMSAT at once. Logits
    are (n, k), or of several heads (n, n_heads, k), of which it is the mean.

    >>> import torch
    >>> sure = torch.tensor([[50.0, 0.0]])
    >>> round(float(agreement(sure, sure)), 4), round(float(agreement(sure, -sure)), 1)
    (0.0, 50.0)
    """
    log_p, log_q = logits.log_softmax(-1), twin_logits.log_softmax(-1)
    return -0.5 * (log_p.exp() * log_q + log_q.exp() * log_p).sum(-1).mean()


def contrast(first: torch.Tensor, second: torch.Tensor, temperature: float) -> torch.Tensor:
    """NT-Xent in nats: how hard it is to find the other view of a row among those of all others.

    ``first`` and ``second`` (n, d) are what was made of two views of each row. They are compared
    by their cosines: the cross-entropy of each view's partner among the 2n - 1 others.

    >>> import torch
    >>> views = torch.eye(2)
    >>> round(float(contrast(views, views, 0.1)), 4), round(float(contrast(views, -views, 0.1)), 1)
    (0.0001, 10.7)
    """
    views = F.normalize(torch.cat([first, second]))
    likeness = views @ views.T / temperature
    itself = torch.eye(len(views), dtype=torch.bool, device=views.device)
    likeness = likeness.masked_fill(itself, -torch.inf)
    partners = torch.arange(len(views), device=views.device).roll(len(first))
    return F.cross_entropy(likeness, partners)


def imbalance(
    marginal: torch.Tensor, prior: torch.Tensor, seen: torch.Tensor | None = None
) -> torch.Tensor:
    """KL divergence in nats from a prior over clusters to their shares.

    Those are the shares in a batch; or those ``seen`` over more batches, where one is too small to
    have all clusters: the batch then has the gradient that it would have as a part of those. Of
    several heads shares are (n_heads, k), and it is the mean.

    >>> import torch
    >>> uniform = torch.full((4,), 0.25)
    >>> float(imbalance(uniform, uniform))
    0.0
    """
    tiny = torch.finfo(marginal.dtype).tiny
    shares = marginal if seen is None else seen.detach()
    return (marginal * (shares.clamp_min(tiny).log() - prior.clamp_min(tiny).log())).sum(-1).mean()


def scatter(rows: torch.Tensor, members: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Squared deviations from the means of clusters, summed, and the degrees of freedom, each (k,).

    ``members`` (n, k) are the clusters of the rows (n, ...), one-hot.

    >>> import torch
    >>> rows, members = torch.tensor([[0.0], [2.0], [5.0]]), torch.eye(2)[[0, 0, 1]]
    >>> [part.tolist() for part in scatter(rows, members)]
    [[2.0, 0.0], [1.0, 0.0]]
    """
    flat, counts = rows.flatten(1), members.sum(0)
    means = members.T @ flat / counts.clamp_min(1)[:, None]
    squared = members.T @ (flat - members @ means).square().sum(1)
    return squared, (counts - 1).clamp_min(0)


def spread(rows: torch.Tensor) -> torch.Tensor:
    """Root mean square of how far rows (n, ...) lie from their mean, over all their values.

    >>> import torch
    >>> float(spread(torch.tensor([[0.0, 1.0], [2.0, 3.0]])))
    1.0
    """
    return (rows - rows.mean(0)).square().mean().sqrt()
