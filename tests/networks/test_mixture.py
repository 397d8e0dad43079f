"""A mixture as a module says what scikit-learn's says."""

import numpy as np
import pytest
import torch
from sklearn.mixture import GaussianMixture

from gan_cluster.networks.mixture import PARTS, Mixture


def _tensors(*arrays):
    return [torch.tensor(array, dtype=torch.float32) for array in arrays]


def _parts(k=3, d=2, n_features=4):
    return [
        torch.full((k,), 1 / k),
        torch.zeros(k, d),
        torch.eye(d).expand(k, d, d),
        torch.zeros(n_features),
        torch.eye(n_features)[:, :d],
    ]


def test_probabilities_are_those_of_scikit_learn(blobs):
    X = blobs[0].astype(np.float32)
    fitted = GaussianMixture(3, random_state=0).fit(X)
    learned = fitted.weights_, fitted.means_, fitted.precisions_cholesky_
    mixture = Mixture(*_tensors(*learned, np.zeros(4), np.eye(4)))
    found = mixture(torch.from_numpy(X)).softmax(1)
    np.testing.assert_allclose(found, fitted.predict_proba(X), atol=1e-4)


def test_rows_are_seen_from_the_center_along_the_axes(blobs):
    X = blobs[0].astype(np.float32)
    center, axes = np.arange(4.0), np.random.RandomState(0).normal(size=(4, 2))
    seen = (X - center) @ axes
    fitted = GaussianMixture(3, random_state=0).fit(seen)
    learned = fitted.weights_, fitted.means_, fitted.precisions_cholesky_
    mixture = Mixture(*_tensors(*learned, center, axes))
    found = mixture(torch.from_numpy(X.reshape(-1, 1, 2, 2))).softmax(1)
    np.testing.assert_allclose(found, fitted.predict_proba(seen), atol=1e-3)


def test_its_parts_are_buffers_and_nothing_is_trained():
    mixture = Mixture(*_parts())
    assert tuple(mixture.state_dict()) == PARTS
    assert not list(mixture.parameters())


@pytest.mark.parametrize(
    ("place", "shape"), [(0, (2,)), (1, (3, 3)), (2, (3, 2, 3)), (3, (5,)), (4, (4, 3))]
)
def test_parts_that_do_not_fit_each_other_are_refused(place, shape):
    parts = _parts()
    parts[place] = torch.ones(shape)
    with pytest.raises(ValueError, match="do not fit each other"):
        Mixture(*parts)
