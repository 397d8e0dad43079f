"""The latent space of a fitted estimator: rows from codes and noise, and codes from rows."""

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
import torch
from sklearn.utils import Bunch
from sklearn.utils.validation import check_array, check_is_fitted, check_scalar

from gan_cluster._fitted import FittedGAN
from gan_cluster.codes import Latent
from gan_cluster.training.inference import generate
from gan_cluster.training.random import seeds, torch_generator


class LatentGAN(FittedGAN):
    """What a fitted estimator draws, and what it reads back.

    Codes are given and named in one order: the cluster, further categories, then continuous codes.
    """

    @property
    def code_names_(self) -> list[str]:
        """Names of the codes, in the order in which :meth:`generate` takes them."""
        code = self._fitted_net.code
        others = [f"category{i}" for i in range(1, len(code.categorical))]
        first = ["cluster"] if code.categorical else []
        return [*first, *others, *(f"continuous{i}" for i in range(code.n_continuous))]

    def sample(
        self,
        n_samples: int = 1,
        cluster: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        *,
        codes: Any = None,
        noise: Any = None,
    ) -> np.ndarray:
        """Draw new rows from the generator.

        Parameters
        ----------
        n_samples : int, default=1
            How many.
        cluster : int or None, default=None
            The cluster to draw from, a value of the first categorical code; None draws from all.
        random_state : int, RandomState or None, default=None
            Seed of the draw.
        codes : array-like of shape (n_samples, n_codes) or (n_codes,), default=None
            Codes as :meth:`generate` takes them; what is NaN is drawn.
        noise : array-like of shape (n_samples, noise_dim) or (noise_dim,), default=None
            None draws it.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features) or (n_samples, ...)
            In the units and the shape of the X of fit, as floats.

        Raises
        ------
        NotFittedError
            Before fit.
        TypeError, ValueError
            If ``cluster`` is not one of 0 .. n_clusters - 1 or codes say another, n_samples is not
            positive, or codes or noise have another shape or values that there are not.

        Examples
        --------
        >>> from sklearn.datasets import make_blobs
        >>> from gan_cluster import InfoGANClusterer
        >>> X, _ = make_blobs(200, centers=3, random_state=0)
        >>> clusterer = InfoGANClusterer(3, max_epochs=4, random_state=0).fit(X)
        >>> clusterer.sample(5, cluster=1, random_state=0).shape
        (5, 2)
        """
        check_is_fitted(self)
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
        net = self.net_
        if cluster is not None:
            n_clusters = len(net.clusters)
            if not n_clusters:
                raise ValueError(f"cluster={cluster}: there is no categorical code to draw from")
            check_scalar(cluster, "cluster", Integral, min_val=0, max_val=n_clusters - 1)
        given = None if codes is None else self._checked_codes(codes, n_samples, missing=True)
        if not (given is None or cluster is None or np.isnan(given[:, 0]).all()):
            raise ValueError(
                f"cluster={cluster} and codes[:, 0] both say the cluster: leave one out, or "
                "set codes[:, 0] to NaN"
            )
        chosen = None if noise is None else self._checked_noise(noise, n_samples)
        rng = torch_generator(seeds(random_state, 1)[0], self.device_)
        latent = net.code.sample(n_samples, rng, net.clusters.code_shares)
        if cluster is not None:
            latent.categories[:, 0] = self._values(np.full(n_samples, int(cluster)), rng)
        if given is not None:
            self._put_codes(latent, given, rng)
        if chosen is not None:
            latent.noise.copy_(chosen)
        drawn = generate(net, self._encoding, latent)
        return drawn.reshape(n_samples, *self._row_shape)

    def generate(self, codes: Any, noise: Any) -> np.ndarray:
        """The rows that the generator makes of codes and noise: the same for the same.

        Parameters
        ----------
        codes : array-like of shape (n_samples, n_codes) or (n_codes,)
            Columns as ``code_names_`` says: the cluster, further categories, each as an integer,
            then continuous codes, uniform on [-1, 1] in training.
        noise : array-like of shape (n_samples, noise_dim) or (noise_dim,)
            Standard normal in training. One row of either goes with all of the other.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features) or (n_samples, ...)
            In the units and the shape of the X of fit, as floats. A cluster that several values
            of the code make is drawn from the first of them.

        Raises
        ------
        NotFittedError
            Before fit.
        TypeError, ValueError
            If codes or noise are missing, have another shape or other columns, are not finite, or
            name categories that there are not.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.datasets import make_blobs
        >>> from gan_cluster import InfoGANClusterer
        >>> X, _ = make_blobs(200, centers=3, n_features=4, random_state=0)
        >>> settings = {"n_continuous": 1, "noise_dim": 5, "max_epochs": 4, "random_state": 0}
        >>> clusterer = InfoGANClusterer(3, **settings).fit(X)
        >>> clusterer.code_names_
        ['cluster', 'continuous0']
        >>> clusterer.generate([[0, -1.0], [0, 1.0]], np.zeros(5)).shape
        (2, 4)
        """
        check_is_fitted(self)
        n_samples = max(map(rows_given, (codes, noise)))
        given = self._checked_codes(codes, n_samples, missing=False)
        code, device = self.net_.code, self.device_
        categories = torch.zeros(n_samples, len(code.categorical), dtype=torch.long, device=device)
        size = n_samples, code.n_continuous
        continuous = torch.zeros(*size, dtype=torch.float32, device=device)
        latent = Latent(self._checked_noise(noise, n_samples), categories, continuous)
        self._put_codes(latent, given, None)
        made = generate(self.net_, self._encoding, latent)
        return made.reshape(n_samples, *self._row_shape)

    def encode(self, X: Any) -> Bunch:
        """The posterior Q(c | x) over all codes of each row.

        Parameters
        ----------
        X : array-like or tensor, as in :meth:`fit`
            Rows.

        Returns
        -------
        posterior : Bunch
            ``categorical``, a list of ndarrays (n_samples, size) of probabilities, that of the
            cluster first; ``mean`` and ``variance``, ndarrays (n_samples, n_continuous).

        Raises
        ------
        NotFittedError
            Before fit.
        ValueError, TypeError
            For rows that cannot be read, or not of the kind that was fitted.

        Examples
        --------
        >>> from sklearn.datasets import make_blobs
        >>> from gan_cluster import InfoGANClusterer
        >>> X, _ = make_blobs(200, centers=3, random_state=0)
        >>> clusterer = InfoGANClusterer(3, n_continuous=1, max_epochs=4, random_state=0).fit(X)
        >>> posterior = clusterer.encode(X[:5])
        >>> posterior.categorical[0].shape, posterior.mean.shape
        ((5, 3), (5, 1))
        """
        X = self._check_rows_like_fitted(X)
        net = self.net_

        def read(batch: torch.Tensor) -> torch.Tensor:
            posterior = net.code.posterior(net.discriminator_(batch).code)
            probabilities = self._probabilities(posterior.logits)
            return torch.cat([*probabilities, posterior.mean, posterior.log_variance.exp()], dim=1)

        n_continuous = net.code.n_continuous
        ends = np.cumsum([*self._code_sizes(), n_continuous])
        *categorical, mean, variance = np.split(self._map(read, X), ends, axis=1)
        return Bunch(categorical=categorical, mean=mean, variance=variance)

    def _probabilities(self, said: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Those (n, size) of each categorical code, that of the cluster first."""
        logits = list(said)
        if logits:
            logits[0] = self.net_.clusters.logits(logits[0])[:, self._cluster_order]
        return [part.softmax(1) for part in logits]

    def _code_sizes(self) -> list[int]:
        """Number of values of each categorical code, of clusters first."""
        first, *others = self.net_.code.categorical or (0,)
        return [len(self.net_.clusters), *others] if first else []

    @property
    def _cluster_order(self) -> np.ndarray:
        """Clusters of the net in the order of their numbers."""
        return self._order if len(self._order) else np.arange(len(self.net_.clusters))

    def _values(self, clusters: np.ndarray, rng: torch.Generator | None) -> torch.Tensor:
        """A value of the first code for each cluster: a random one of those, or the first."""
        net = self.net_
        order = self._cluster_order
        values = torch.empty(len(clusters), dtype=torch.long)
        for cluster in np.unique(clusters):
            members = torch.from_numpy(net.clusters.members(int(order[cluster])))
            chosen = np.flatnonzero(clusters == cluster)
            drawn = torch.zeros(len(chosen), dtype=torch.long)
            if rng is not None:
                size = (len(chosen),)
                drawn = torch.randint(len(members), size, generator=rng, device=rng.device).cpu()
            values[chosen] = members[drawn]
        return values.to(self.device_)

    def _put_codes(self, latent: Latent, codes: np.ndarray, rng: torch.Generator | None) -> None:
        """Put the codes that are not NaN into a draw."""
        n_categorical = latent.categories.shape[1]
        for j, column in enumerate(codes.T):
            rows = torch.from_numpy(np.flatnonzero(~np.isnan(column))).to(self.device_)
            given = column[~np.isnan(column)]
            if j >= n_categorical:
                values = torch.from_numpy(given).float().to(self.device_)
                latent.continuous[rows, j - n_categorical] = values
            elif j == 0:
                latent.categories[rows, 0] = self._values(given.astype(np.int64), rng)
            else:
                latent.categories[rows, j] = torch.from_numpy(given).long().to(self.device_)

    def _checked_codes(self, codes: Any, n_samples: int, *, missing: bool) -> np.ndarray:
        names = self.code_names_
        if hasattr(codes, "to_frame") and hasattr(codes, "index"):  # one row of a DataFrame
            codes = codes.to_frame().T
        columns = list(getattr(codes, "columns", []))
        if all(isinstance(column, str) for column in columns) and columns not in ([], names):
            raise ValueError(f"codes has columns {columns}: they should be {names}")
        checked = _rows_of(codes, "codes", n_samples, len(names), missing, f"each of {names}")
        for j, size in enumerate(self._code_sizes()):
            given = checked[~np.isnan(checked[:, j]), j]
            if len(given) and not np.isin(given, np.arange(size)).all():
                raise ValueError(
                    f"codes[:, {j}] is {names[j]}: it should be one of 0 .. {size - 1}"
                )
        return checked

    def _checked_noise(self, noise: Any, n_samples: int) -> torch.Tensor:
        checked = _rows_of(noise, "noise", n_samples, self.net_.code.noise_dim, False)
        return torch.from_numpy(checked).float().to(self.device_)


def rows_given(values: Any) -> int:
    """How many rows codes or noise have; what are no numbers, and refused later, count as one."""
    try:
        given = _numbers(values)
    except (TypeError, ValueError, RuntimeError):
        return 1
    return len(given) if given.ndim > 1 else int(given.size > 0)


def _numbers(values: Any) -> np.ndarray:
    """As floats, NaN where values are masked."""
    if np.ma.is_masked(values):
        values = values.astype(np.float64).filled(np.nan)
    return np.asarray(values, dtype=np.float64)


def _rows_of(
    values: Any,
    name: str,
    n_samples: int,
    width: int,
    missing: bool,
    columns: str = "each of the noise variables",
) -> np.ndarray:
    """A float array (n_samples, width), one row repeated where only one is given."""
    kept = "allow-nan" if missing else True
    wanted = n_samples, width
    if values is None:
        raise TypeError(f"{name} is None: it should be of shape {wanted}")
    try:
        given = _numbers(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{name} should be numbers of shape {wanted}: {error}") from error
    rows = np.atleast_2d(given)
    if not (rows.size or width):
        return np.empty(wanted)
    if len(rows) == 1:
        rows = np.repeat(rows, n_samples, axis=0)
    if rows.shape != wanted or not n_samples:
        raise ValueError(
            f"{name} has shape {given.shape}: it should be {wanted}, a row for each sample and a "
            f"column for {columns}"
        )
    rows = check_array(rows, dtype=np.float64, ensure_all_finite=kept, input_name=name)
    if np.nanmax(np.abs(rows), initial=0.0) > np.finfo(np.float32).max:
        raise ValueError(f"{name} has values that are too large for float32")
    return rows
