"""Seeds are drawn from what scikit-learn takes as a random state."""

import numpy as np

from gan_cluster._seeds import seeds


def test_seeds_come_from_the_random_state_and_none_is_fresh():
    assert seeds(3, 4) == seeds(np.random.RandomState(3), 4) == seeds(np.int64(3), 4)
    assert seeds(3, 2) != seeds(4, 2)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    assert seeds(None, 2) != seeds(None, 2)
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002
