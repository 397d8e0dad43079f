"""Clusters as groups of values of the first code, with their prior shares."""

import numpy as np
import torch

from gan_cluster.codes import one_hot
from gan_cluster.networks.mixture import Mixture
from gan_cluster.training.processes import Processes

OF_CLUSTERS = "shares", "usage", "seen"  # running means that training changes
TINY = torch.finfo(torch.float32).tiny
FOLLOWING = 0.01  # rate of running means over batches
RARE = 1e-6  # least share of a value, even if no row has it
ROWS_EACH = 5  # mean number of labels for each cluster from which shares are measured


class Clusters:
    """The clusters of the values of the first categorical code.

    Parameters
    ----------
    n_codes : int
        Number of values of the code; 0 if there is no code.
    prior : {"uniform", "learned"} or tuple of float
        Shares of the clusters; learned shares follow the rows.
    device : torch.device
        Device of the training.

    Attributes
    ----------
    groups : Tensor of shape (n_codes,) or None
        Cluster of each value; None if each value is a cluster.
    shares : Tensor of shape (n_clusters,)
        Prior over clusters, or over the values of the code while they are not grouped. The
        generator draws from it, and the balance term uses it. Empty without a code.
    usage : Tensor of shape (n_codes,)
        Shares of the values among real rows, a running mean.
    seen : Tensor of shape (n_clusters,)
        Shares of the clusters in previous batches, a running mean over as many as are needed;
        (n_heads, n_clusters) for several heads.
    follows : bool
        Whether the shares follow those of the rows.
    teacher : Mixture or None
        A mixture that gives the clusters of rows, instead of twins.
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
        """Group the values of the code into clusters.

        Parameters
        ----------
        groups : Tensor of shape (n_codes,) or None
            Cluster of each value; None makes each value a cluster.
        usage : ndarray of shape (n_codes,), default=None
            Shares of the values among real rows, which give the sizes of clusters. A learned prior
            starts from these sizes; the shares of a given prior are put in the same order.
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
        """Shares, as ``seen``, over the last batches, including one with ``n_labels`` labels.

        None if one batch is enough: the balance is then measured on it only.
        """
        rate = n_labels * processes.count / (ROWS_EACH * max(1, len(self)))
        if rate >= 1:
            return None
        seen = processes.mean(marginal.detach())
        self.seen.lerp_(torch.where(seen.isfinite().all(), seen, self.seen), rate)
        return self.seen

    def join(self, clusters: list[int]) -> np.ndarray:
        """Merge several clusters, with their shares; return the new number of each cluster."""
        is_gone = np.isin(np.arange(len(self)), np.sort(clusters)[1:])
        numbers = np.cumsum(~is_gone) - 1
        numbers[is_gone] = numbers[min(clusters)]
        before = np.arange(self.n_codes)
        if self.groups is None:  # values were drawn by these shares until now
            self.usage = self.shares.clone()
        else:
            before = self.groups.numpy(force=True)
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
        """Let a learned prior follow the shares (n_clusters,) in a batch of rows."""
        if self.follows:
            seen = torch.where(marginal.isfinite().all(), marginal, self.shares)
            self.shares.lerp_(seen, FOLLOWING)

    def note(self, usage: torch.Tensor) -> None:
        """Update ``usage`` by the shares (n_codes,) among the real rows of a batch."""
        self.usage.lerp_(usage, FOLLOWING)

    def logits(self, codes: torch.Tensor) -> torch.Tensor:
        """Logits of the clusters from logits of the code (n, n_codes)."""
        if self.groups is None:
            return codes
        top = codes.detach().amax(1, keepdim=True)
        return ((codes - top).exp() @ one_hot(self.groups, len(self))).clamp_min(TINY).log()

    @property
    def code_shares(self) -> torch.Tensor | None:
        """Prior over the values of the code; within a cluster it follows the real rows."""
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
