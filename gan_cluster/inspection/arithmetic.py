"""ArithmeticDisplay: sums in the latent space, and the images generated from them."""

from collections.abc import Sequence
from numbers import Integral
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_scalar

from gan_cluster._estimator import BaseGAN
from gan_cluster._seeds import seeds
from gan_cluster.inspection._checks import check_estimator
from gan_cluster.inspection._display import Display, documented
from gan_cluster.inspection._images import (
    as_images,
    draw,
    grid,
    image_layout,
    label_columns,
    label_rows,
)
from gan_cluster.inspection._points import Points, check_points

VARIATION = 0.25  # of the noise around a sum, as in DCGAN


@documented
class ArithmeticDisplay(Display):
    """Picture of a sum in the latent space: a - b + c, for the means of three groups of exemplars.

    Use :meth:`from_estimator` to make one. Single exemplars give unstable sums; the DCGAN paper
    uses means of three exemplars [1]_. The rows of the picture are a, b, c and the result. The
    first column is generated from the mean of each group. Beside it are the exemplars and, in
    the last row, variants of the result.

    Parameters
    ----------
    images : ndarray of shape (4, n_images, height, width, channels)
        With 1 (grey), 3 or 4 channels and values from 0 to 1; images of NaN are left blank.

    Attributes
    ----------
    [picture]

    See Also
    --------
    gan_cluster.InfoGANClusterer.generate : Generates the images.

    References
    ----------
    .. [1] Radford, Metz & Chintala (2015). Unsupervised representation learning with deep
       convolutional generative adversarial networks. arXiv:1511.06434, figure 7.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from sklearn.datasets import load_digits
    >>> from gan_cluster import InfoGANClusterer
    >>> from gan_cluster.inspection import ArithmeticDisplay
    >>> X = load_digits().data[:200]
    >>> clusterer = InfoGANClusterer(10, image_shape=(1, 8, 8), max_epochs=1, random_state=0)
    >>> noise = np.random.RandomState(0).normal(size=(3, 3, 62))  # 3 groups of 3 exemplars
    >>> groups = zip([[0], [0], [7]], noise)  # from cluster 0 to cluster 7
    >>> ax = Figure().subplots()
    >>> display = ArithmeticDisplay.from_estimator(clusterer.fit(X), *groups, ax=ax)
    >>> display.images.shape
    (4, 9, 8, 8, 1)
    """

    def __init__(self, images: np.ndarray):
        self.images = images

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseGAN,
        a: tuple[Any, Any],
        b: tuple[Any, Any],
        c: tuple[Any, Any],
        *,
        n_variants: int = 8,
        random_state: int | np.random.RandomState | None = 0,
        ax: Any = None,
    ) -> Self:
        """Show a - b + c in the latent space of a fitted estimator.

        Parameters
        ----------
        estimator : InfoGANClusterer or GANFeatureExtractor
            Fitted to images.
        a, b, c : pair (codes, noise)
            The exemplars of each group, preferably at least three, as in
            :meth:`~gan_cluster.InfoGANClusterer.generate`: codes of shape (n_exemplars, n_codes)
            or (n_codes,) and noise of shape (n_exemplars, noise_dim). Categorical codes must be
            the same within a group, and those of b the same as those of a or of c.
        n_variants : int, default=8
            Number of variants of the result: uniform noise within 0.25 is added to its noise.
        random_state : int, RandomState or None, default=0
            Seed of the added noise.
        [ax]

        [raises]
        ValueError
            If a group has no exemplar; if codes or noise have a wrong shape or invalid values; if
            categorical codes do not add up to one category; if rows are not images with 1, 3 or 4
            channels.
        """
        check_estimator(cls, estimator)
        check_scalar(n_variants, "n_variants", Integral, min_val=0)
        layout = image_layout(estimator)
        groups = [
            check_points(estimator, name, group)
            for name, group in zip("abc", (a, b, c), strict=True)
        ]
        _check_categories(estimator, groups)
        means = [Points(*(part.mean(0, keepdims=True) for part in group)) for group in groups]
        codes, noise = (first - second + third for first, second, third in zip(*means, strict=True))
        rng = np.random.RandomState(seeds(random_state, 1)[0])
        around = noise + rng.uniform(-VARIATION, VARIATION, (n_variants, noise.shape[1]))
        means.append(Points(codes, noise))
        groups.append(Points(np.repeat(codes, n_variants, axis=0), around))
        drawn = [
            estimator.generate(*map(np.vstack, zip(mean, group, strict=True)))
            for mean, group in zip(means, groups, strict=True)
        ]
        rows = np.full((4, max(map(len, drawn)), int(np.prod(layout.row_shape))), np.nan)
        for places, made in zip(rows, drawn, strict=True):
            places[: len(made)] = np.reshape(made, (len(made), -1))
        (images,) = as_images(layout, rows)
        return cls(images).plot(ax=ax)

    def _draw(self, ax: Any) -> None:
        ax = draw(self, grid(self.images), ax)
        others = [""] * (self.images.shape[1] - 2)
        label_columns(ax, self.images, ["mean", "exemplars", *others])
        label_rows(ax, self.images, ["a", "- b", "+ c", "a - b + c"])


def _check_categories(estimator: BaseGAN, groups: Sequence[Points]) -> None:
    """Check that a - b + c of the categorical codes is a category."""
    for j, _ in enumerate(estimator.model_.code_sizes):
        code = estimator.code_names_[j]
        a, b, c = values = [np.unique(group.codes[:, j]).astype(int).tolist() for group in groups]
        if max(map(len, values)) > 1 or b not in (a, c):
            raise ValueError(
                f"{code} is {a} in a, {b} in b and {c} in c: it should be the same for all "
                "exemplars of a group, and in b the same as in a or as in c"
            )
