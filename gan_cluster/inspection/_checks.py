"""What every display asks before any work: matplotlib, and a fitted estimator of its kind."""

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from gan_cluster._estimator import BaseGAN
from gan_cluster.clusterer import InfoGANClusterer
from gan_cluster.inspection._matplotlib import require_matplotlib


def check_estimator(display: type, estimator: Any, kind: type[BaseGAN] = BaseGAN) -> None:
    """Whether a display can be made from an estimator.

    Raises an ImportError if matplotlib is missing. Raises a TypeError if it is no estimator of this
    library, or not of the kind that the display needs. Raises a NotFittedError if it is not fitted.
    """
    require_matplotlib(f"{display.__name__}.from_estimator")
    check_fitted(estimator, kind)


def check_fitted(estimator: Any, kind: type[BaseGAN] = BaseGAN) -> None:
    """Whether it is a fitted estimator of a kind; a TypeError or NotFittedError otherwise."""
    if not isinstance(estimator, kind):
        either = "" if kind is InfoGANClusterer else " or a GANFeatureExtractor"
        raise TypeError(
            f"estimator should be an InfoGANClusterer{either}, got {type(estimator).__name__}"
        )
    check_is_fitted(estimator)


def check_numbers(name: str, given: Any, n: int) -> list[int]:
    """One or more numbers of clusters or channels, of which there are n.

    Raises a ValueError if there are none, or others.
    """
    numbers = np.atleast_1d(np.asarray(given))
    wrong = numbers.ndim > 1 or numbers.dtype == bool or not numbers.size
    if wrong or not np.isin(numbers, np.arange(n)).all():
        raise ValueError(f"{name}={given!r}: give at least one of 0 .. {n - 1}, by number")
    return [int(number) for number in numbers]
