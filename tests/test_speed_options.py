"""Faster ways to the same result."""

import pickle

import numpy as np
import pytest
from small import clusterer, extractor


@pytest.mark.filterwarnings("ignore")  # torch warns itself while it compiles
@pytest.mark.parametrize(
    "settings", [{"image_shape": (1, 8, 8)}, {"consistency_weight": 0, "gradient_penalty": 0}]
)
def test_compiled_networks_learn_the_same(settings, images):
    settings = {**settings, "max_epochs": 1}
    plain = extractor(**settings).fit(images)
    compiled = extractor(compile=True, **settings).fit(images)
    expected = plain.transform(images)
    for model in (compiled, pickle.loads(pickle.dumps(compiled))):
        np.testing.assert_allclose(model.transform(images), expected, atol=1e-3)
    assert compiled.discriminator_._compiled_call_impl is not None


def test_compiled_networks_have_no_second_derivatives(images, no_training):
    model = clusterer(compile=True, gradient_penalty=1.0)
    with pytest.raises(ValueError, match="set compile=False or gradient_penalty=0"):
        model.fit(images)


def test_mixed_precision_is_near_single_precision(images):
    settings = {"image_shape": (1, 8, 8), "max_epochs": 1, "width": 4}
    plain = extractor(**settings).fit(images).transform(images)
    mixed = extractor(precision="bf16", **settings).fit(images)
    found = mixed.transform(images)
    assert found.dtype == np.float32
    assert not np.array_equal(found, plain)
    assert (found * plain).sum(1).mean() > 0.9  # cosines: rows are of length 1
    assert all(weights.dtype.itemsize == 4 for weights in mixed.discriminator_.parameters())
