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

    The discriminator and the recognition network Q minimise the sum of three terms: the adversarial
    loss; minus the bound on the information that generated rows carry about the code (InfoGAN,
    arXiv:1606.03657, eq. 5); and the consistency term, by which the labels of a real row and its
    twin agree and the sizes of clusters follow the prior (RIM; IMSAT, arXiv:1702.08720). The
    generator minimises its adversarial loss minus the bound. A code that no term uses is left out.

    With the consistency term, Q learns clusters from real rows only. The generator is then trained
    against a separate, conditional discriminator, which gets the first code as an input: for real
    rows, the code that Q predicts (a projection discriminator, Miyato & Koyama, 2018,
    arXiv:1802.05637). The bound then only concerns the other codes. After contrastive learning,
    this discriminator gets the maps of Q's trunk instead of rows (Projected GANs, Sauer et al.,
    2021, arXiv:2111.01007), and the generator also learns from the bound on the first code.

    Three objectives have names:

    - ``"consistency"`` is ``Objective()``: all terms.
    - ``"infogan"`` is ``Objective(consistency_weight=0)``: InfoGAN as in the paper.
    - ``"gan"`` is ``Objective(consistency_weight=0, info_weight=0, continuous_weight=0,
      gradient_penalty=1)``: a GAN without any code, stabilised by R1.

    ``objective__balance_weight`` and so on, as parameters of an estimator, set the fields of its
    objective, also in :class:`~sklearn.model_selection.GridSearchCV`.

    Parameters
    ----------
    consistency_weight : float, default=1.0
        Weight of the consistency term. With 0, codes are learned only from generated rows,
        training has one stage, and by default there is one run.
    balance_weight : float, default=5.0
        Weight, within the consistency term, of the divergence of cluster sizes from the prior.
    augment : {"auto", "image", "photo", "none"} or callable, default="auto"
        How the twin of a row is made. "image" is a small random affine map and change of exposure.
        "photo" is another crop with other colours, or in grey, as in SimCLR (Chen et al., 2020,
        arXiv:2002.05709). "none" does not change the row. A function takes and returns a float32
        batch. "auto" is "photo" for images of three channels, "image" for other images, and "none"
        for tables, where the twin is a near row.
    contrast_temperature : float or "auto", default="auto"
        Temperature of contrastive learning (NT-Xent, Chen et al., 2020, arXiv:2002.05709), which
        comes first if this is above 0. A copy of the trunk, the observer, learns to recognise two
        views of the same row among views of other rows. Views are made as ``augment`` says.
        Training of clusters starts from the weights of the observer, and near rows are nearest in
        its normalised features: pixels show which digits are similar, but not which photographs.
        "auto" is 0.5 for images of three channels, and 0 for all other rows and without the
        consistency term. ``partial_fit`` does not use it.
    n_neighbors : int or "auto", default="auto"
        Number of nearest rows: a twin is made from the row itself or from one of them. "auto" is 10
        for tables. For images it is 5, but at most a quarter of the mean number of rows in a
        cluster.
    codes_per_cluster : int or "auto", default="auto"
        Number of values of the first code for each cluster at the start. After the first stage (or
        after training, if there is one stage) the values are merged into clusters, such that the
        clusters of near rows have the most mutual information (Slonim, Friedman & Tishby, 2002).
        "auto" is 4 and 2 in turn over the runs, 2 for photographs, and 1 without the consistency
        term.
    info_weight : float, default=1.0
        Weight (lambda) of the bound on the information about the categorical codes; with the
        consistency term, about the codes after the first.
    continuous_weight : float, default=1.0
        Weight of the bound on the information about the continuous codes.
    continuous_variance : {"fixed", "learned"}, default="fixed"
        Whether Q's Gaussians over continuous codes have variance 1 or a learned variance.
    adversarial_loss : {"non-saturating", "hinge", "relativistic"}, default="non-saturating"
        The adversarial loss of generator and discriminator.
    gradient_penalty : float or "auto", default="auto"
        Weight of R1, half the squared gradient of the discriminator at real rows, which makes
        training more stable. It is computed in every eighth step, with eight times the weight
        (arXiv:1912.04958). "auto" is 0.1 with the consistency term, where it makes generated rows
        more varied, unless there is contrastive learning; otherwise it is 0.
    instance_noise : float, default=0.0
        Standard deviation of Gaussian noise that is added to the rows that the discriminator gets,
        real and generated (Sønderby et al., 2017, arXiv:1610.04490). The unit is that of images in
        [-1, 1] or of standardised columns. The discriminator and Q cannot use details that are
        finer than the noise.
    ema_decay : float, default=0.0
        Decay of an exponential moving average of the generator's weights. Rows are drawn with the
        averaged weights; 0 means no average.

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
        """All weights by name, as scikit-learn's searches need them."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def set_params(self, **params: Any) -> Self:
        """Change weights by name.

        Raises
        ------
        ValueError
            If there is no such name.
        """
        names = [field.name for field in fields(self)]
        for name, value in params.items():
            if name not in names:
                raise ValueError(f"Objective has no parameter {name!r}, only {', '.join(names)}")
            setattr(self, name, value)
        return self

    @property
    def is_consistent(self) -> bool:
        """Whether there is a consistency term."""
        return self.consistency_weight > 0

    @property
    def reads_clusters(self) -> bool:
        """Whether any term trains Q to predict clusters."""
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
    """Loss of the generator; only the relativistic loss uses the logits on real rows.

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

    It is the mean of H(p) + KL(p || q) and H(q) + KL(q || p). It is zero only if both labels are
    certain and equal. So it lowers both the conditional entropy of RIM and the disagreement of
    IMSAT. Logits are (n, k), or (n, n_heads, k) for several heads, over which it is averaged.

    >>> import torch
    >>> sure = torch.tensor([[50.0, 0.0]])
    >>> round(float(agreement(sure, sure)), 4), round(float(agreement(sure, -sure)), 1)
    (0.0, 50.0)
    """
    log_p, log_q = logits.log_softmax(-1), twin_logits.log_softmax(-1)
    return -0.5 * (log_p.exp() * log_q + log_q.exp() * log_p).sum(-1).mean()


def contrast(first: torch.Tensor, second: torch.Tensor, temperature: float) -> torch.Tensor:
    """NT-Xent in nats: how hard it is to find the other view of a row among views of all rows.

    ``first`` and ``second`` (n, d) are outputs for two views of each row. The loss is the
    cross-entropy of finding each view's partner among the 2n - 1 other views by their cosines.

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

    ``marginal`` are the shares in a batch. If a batch is too small to have all clusters, ``seen``
    are the shares over several batches. The batch then has the gradient that it would have as a
    part of them. For several heads, shares are (n_heads, k), and it is averaged over them.

    >>> import torch
    >>> uniform = torch.full((4,), 0.25)
    >>> float(imbalance(uniform, uniform))
    0.0
    """
    tiny = torch.finfo(marginal.dtype).tiny
    shares = marginal if seen is None else seen.detach()
    return (marginal * (shares.clamp_min(tiny).log() - prior.clamp_min(tiny).log())).sum(-1).mean()


def scatter(rows: torch.Tensor, members: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Sums of squared deviations from the cluster means, and degrees of freedom, both (k,).

    ``members`` (n, k) are the one-hot clusters of the rows (n, ...).

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
    """Root mean square of the differences between rows (n, ...) and their mean, over all values.

    >>> import torch
    >>> float(spread(torch.tensor([[0.0, 1.0], [2.0, 3.0]])))
    1.0
    """
    return (rows - rows.mean(0)).square().mean().sqrt()
