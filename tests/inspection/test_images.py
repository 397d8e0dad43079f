"""Rows as images from 0 to 1."""

import numpy as np

from gan_cluster.inspection._images import as_images
from gan_cluster.training.data import Layout


def test_images_of_small_integers_do_not_overflow():
    rows = np.array([[-20_000, 0, 0, 20_000]], dtype=np.int16)
    (shown,) = as_images(Layout((4,), (1, 2, 2), channels_last=False), rows)
    np.testing.assert_allclose(shown.ravel(), [0, 0.5, 0.5, 1])
