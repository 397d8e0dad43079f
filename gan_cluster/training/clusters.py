"""Clusters as groups of the first code's values, with the shares that their prior gives them."""

import numpy as np
import torch

from gan_cluster.codes import one_hot
from gan_cluster.networks.mixture import Mixture
from gan_cluster.training.processes import Processes

OF_CLUSTERS = "shares", "usage", "seen"  # running means that training changes
TINY = torch.finfo(torch.float32).tiny
FOLLOWING = 0.01  # rate of running means over batches
RARE = 1e-6  # share of rows at least, for a value that no row has
ROWS_EACH = 5  # labels of a cluster that have to be seen, in the mean, for its share to be known


class Clusters:
    """What the values of the first categorical code stand for.

    Parameters
    ----------
    n_codes : int
        Number of values of the code; 0 where there is none.
    prior : {"uniform", "learned"} or tuple of float
        Shares of the clusters; learned ones follow the rows.
    device : torch.device
        Where training runs.

    Attributes
    ----------
    groups : Tensor of shape (n_codes,) or None
        Cluster of each value; None where each value is a cluster.
    shares : Tensor of shape (n_clusters,)
        Prior over clusters, or over the values of the code while they are not grouped: the
        generator draws from it and balance aims at it. Empty without a code.
    usage : Tensor of shape (n_codes,)
        Shares of the values among real rows, a running mean.
    seen : Tensor of shape (n_clusters,)
        Shares of the clusters in the batches before, a running mean over as many as it takes. Of
        several heads each has its own, (n_heads, n_clusters).
    follows : bool
        Whether shares follow those that the rows have.
    teacher : Mixture or None
        What says, in the place of twins, of which cluster a row is.
    """

    def __init__(self, n_codes: int, prior: str | tuple[float, ...], device: torch.device):
        self.n_codes = n_codes
        self.prior = prior
        self.follows = prior == "learned"
        self.device = device
        self.teacher: Mixture | None = None
        equal = np.full(n_codes, 1 / max(1, n_codes))
        self.usage = torch.as_tensor(equal, dtype=torch.float32, device=device)
        self.regroup(None)

    def __len__(self) -> int:
        return len(self.shares)

    def regroup(self, groups: torch.Tensor | None, usage: np.ndarray | None = None) -> None:
        """Make clusters of the code's values.

        Parameters
        ----------
        groups : Tensor of shape (n_codes,) or None
            Cluster of each value; None makes each a cluster.
        usage : ndarray of shape (n_codes,), default=None
            Shares of the values among real rows: a learned prior starts from the sizes that
            clusters have by them, and a given one goes by the order of those.
        """
        self.groups = groups
        sizes = None
        if usage is not None and groups is not None:
            self.usage = torch.as_tensor(usage, dtype=torch.float32, device=self.device)
            sizes = np.bincount(groups.numpy(force=True), usage)
        size = self.n_codes if sizes is None else len(sizes)
        shares = np.full(size, 1 / max(1, size))
        if self.follows and sizes is not None:
            shares = np.maximum(sizes, 1e-6)
        elif isinstance(self.prior, tuple) and len(self.prior) == size:
            shares = np.array(self.prior)
            if sizes is not None:
                shares[np.argsort(sizes)] = np.sort(self.prior)
        self.shares = torch.as_tensor(shares, dtype=torch.float32, device=self.device)
        self.seen = self.shares.clone()

    def seen_with(
        self, marginal: torch.Tensor, n_labels: int, processes: Processes
    ) -> torch.Tensor | None:
        """Shares like ``seen`` over the last batches, the mean of one of ``n_labels`` included.

        None where one batch is enough: balance is then measured on it alone.
        """
        rate = n_labels * processes.count / (ROWS_EACH * max(1, len(self)))
        if rate >= 1:
            return None
        seen = processes.mean(marginal.detach())
        self.seen.lerp_(torch.where(seen.isfinite().all(), seen, self.seen), rate)
        return self.seen

    def join(self, clusters: list[int]) -> np.ndarray:
        """Make one cluster of several, with their shares; what number each of all has then."""
        is_gone = np.isin(np.arange(len(self)), np.sort(clusters)[1:])
        numbers = np.cumsum(~is_gone) - 1
        numbers[is_gone] = numbers[min(clusters)]
        before = np.arange(self.n_codes) if self.groups is None else self.groups.numpy(force=True)
        shares = np.bincount(numbers, self.shares.numpy(force=True))
        self.groups = torch.as_tensor(numbers[before], device=self.device)
        self.shares = torch.as_tensor(shares, dtype=torch.float32, device=self.device)
        self.seen, self.teacher = self.shares.clone(), None
        return numbers

    def equalise(self) -> None:
        """Give all clusters equal shares from now on."""
        self.follows = False
        self.shares = torch.full_like(self.shares, 1 / max(1, len(self)))
        self.seen = self.shares.clone()

    def follow(self, marginal: torch.Tensor) -> None:
        """Let a learned prior follow the shares (n_clusters,) that a batch of rows has."""
        if self.follows:
            seen = torch.where(marginal.isfinite().all(), marginal, self.shares)
            self.shares.lerp_(seen, FOLLOWING)

    def note(self, usage: torch.Tensor) -> None:
        """Follow the shares (n_codes,) of the code's values among the real rows of a batch."""
        self.usage.lerp_(usage, FOLLOWING)

    def logits(self, codes: torch.Tensor) -> torch.Tensor:
        """Logits of the clusters from those of the code (n, n_codes)."""
        if self.groups is None:
            return codes
        top = codes.detach().amax(1, keepdim=True)
        return ((codes - top).exp() @ one_hot(self.groups, len(self))).clamp_min(TINY).log()

    @property
    def code_shares(self) -> torch.Tensor | None:
        """Prior over the values of the code: those of a cluster by the real rows that have them."""
        if self.groups is None:
            return self.shares if self.n_codes else None
        usage = self.usage.clamp_min(RARE)
        of_clusters = (usage[:, None] * one_hot(self.groups, len(self))).sum(0)
        return usage * (self.shares / of_clusters)[self.groups]

    def of(self, codes: torch.Tensor) -> torch.Tensor:
        """Clusters of values of the code (n,), on their device."""
        return codes if self.groups is None else self.groups.to(codes.device)[codes]

    def members(self, cluster: int) -> np.ndarray:
        """Values of the code that make a cluster."""
        if self.groups is None:
            return np.array([cluster])
        return np.flatnonzero(self.groups.cpu().numpy() == cluster)
