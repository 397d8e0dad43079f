"""Checks that every display makes first: matplotlib, and a fitted estimator of the right class."""

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from gan_cluster._estimator import BaseGAN
from gan_cluster.clusterer import InfoGANClusterer
from gan_cluster.inspection._matplotlib import require_matplotlib


def check_estimator(display: type, estimator: Any, kind: type[BaseGAN] = BaseGAN) -> None:
    """Check that a display can be made from an estimator.

    Raises an ImportError if matplotlib is missing, a TypeError if the estimator is not of the class
    that the display needs, and a NotFittedError if it is not fitted.
    """
    require_matplotlib(f"{display.__name__}.from_estimator")
    check_fitted(estimator, kind)


def check_fitted(estimator: Any, kind: type[BaseGAN] = BaseGAN) -> None:
    """Check for a fitted estimator of a class; raise a TypeError or NotFittedError otherwise."""
    if not isinstance(estimator, kind):
        either = "" if kind is InfoGANClusterer else " or a GANFeatureExtractor"
        raise TypeError(
            f"estimator should be an InfoGANClusterer{either}, got {type(estimator).__name__}"
        )
    check_is_fitted(estimator)


def check_numbers(name: str, given: Any, n: int) -> list[int]:
    """Check that at least one number of a cluster or channel is given, and all are in 0 .. n - 1.

    Raises a ValueError otherwise.
    """
    numbers = np.atleast_1d(np.asarray(given))
    wrong = numbers.ndim > 1 or numbers.dtype == bool or not numbers.size
    if wrong or not np.isin(numbers, np.arange(n)).all():
        raise ValueError(f"{name}={given!r}: give at least one of 0 .. {n - 1}, by number")
    return [int(number) for number in numbers]
