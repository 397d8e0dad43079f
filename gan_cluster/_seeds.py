"""Seeds and NumPy's generators from ``random_state``; global generators are never used."""

import numpy as np
from sklearn.utils import check_random_state


def seeds(random_state: int | np.random.RandomState | None, n: int) -> list[int]:
    """Draw n seeds. ``None`` gives new random seeds, without NumPy's global generator.

    >>> seeds(0, 2) == seeds(0, 2)
    True
    """
    return [int(seed) for seed in numpy_generator(random_state).randint(2**31 - 1, size=n)]


def numpy_generator(random_state: int | np.random.RandomState | None) -> np.random.RandomState:
    """Like scikit-learn's ``check_random_state``, but ``None`` gives a new generator."""
    return np.random.RandomState() if random_state is None else check_random_state(random_state)
