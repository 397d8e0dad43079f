"""Modes of the caller's, for a thread or a block, change nothing."""

from contextlib import contextmanager

import numpy as np
import pytest
import torch
from small import IMAGE, STEADY, clusterer, extractor

from gan_cluster import load, save
from gan_cluster.inspection import FiltersDisplay


@contextmanager
def default_device():
    torch.set_default_device("meta")
    try:
        yield
    finally:
        torch.set_default_device(None)


MODES = {
    "NumPy raises": lambda: np.errstate(all="raise"),
    "mixed precision": lambda: torch.autocast("cpu", torch.bfloat16),
    "another default device": default_device,
    "another device": lambda: torch.device("meta"),
}
MODELS = {
    "table": (clusterer, {"codes_per_cluster": 2, "n_init": 2, "prior": "learned"}),
    "images": (clusterer, {"image_shape": IMAGE, "n_continuous": 1, "ema_decay": 0.9}),
    "steady game": (clusterer, {**STEADY, "instance_noise": 0.1}),
    "features": (extractor, {"image_shape": IMAGE, "objective": "gan"}),
}


def _everything(make, settings, X):
    """All that an estimator makes of rows."""
    model = make(**settings).fit(X)
    found = [model.transform(X), model.sample(3, random_state=0)]
    if make is clusterer:
        found += [model.predict(X), model.predict_proba(X), np.array(model.score(X))]
        found += model.encode(X).categorical
        found.append(model.generate(np.zeros(len(model.code_names_)), np.zeros(2)))
    found.append(model.partial_fit(X).transform(X))
    if "image_shape" in settings:
        found.append(FiltersDisplay.from_estimator(model, X, layer="conv1").images)
    return found


@pytest.mark.parametrize("name", MODELS)
def test_results_are_the_same_in_every_mode(name, images):
    make, settings = MODELS[name]
    expected = _everything(make, settings, images)
    for mode in MODES.values():
        with mode():
            found = _everything(make, settings, images)
        for mine, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(mine, other)


def test_a_model_made_in_inference_mode_can_be_trained(images, tmp_path):
    model = clusterer().fit(images)
    save(model, tmp_path)
    with torch.inference_mode():
        same = load(tmp_path)
        merged = load(tmp_path).merge_clusters([0, 1])
    model.partial_fit(images)
    np.testing.assert_array_equal(
        same.partial_fit(images).predict_proba(images), model.predict_proba(images)
    )
    assert merged.partial_fit(images).predict_proba(images).shape[1] == 2
