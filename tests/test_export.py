"""Graphs of ONNX give what the estimator gives, of any number of rows, in the units of X."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.exceptions import NotFittedError
from small import IMAGE, clusterer, extractor
from torch import nn

from gan_cluster import export_onnx


def a_table(blobs, images):
    X = blobs[0] * [1, 1e6, 1e-6, 1] + [0, 1e9, 0, 0]
    X[:, 3] = 7  # a constant column
    frame = pd.DataFrame(X).astype({0: np.float32})
    settings = {"n_continuous": 1, "categorical_codes": (2,), "codes_per_cluster": 2}
    return clusterer(**settings, max_epochs=6).fit(frame), X


def channels_last(blobs, images):
    X = np.random.default_rng(0).uniform(-3, 9, (60, 9, 11, 3)).astype(np.float32)
    return clusterer(codes_per_cluster=2).fit(X), X


def flat_bytes(blobs, images):
    X = images.astype(np.uint8)
    return extractor(image_shape=IMAGE, layers="all").fit(X), X


CASES = {"table": a_table, "channels last": channels_last, "flat bytes": flat_bytes}


@pytest.fixture(scope="module", params=CASES)
def exported(request, blobs, images, tmp_path_factory):
    """An estimator, its X, and sessions that run its two graphs."""
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    model, X = CASES[request.param](blobs, images)
    files = export_onnx(model, tmp_path_factory.mktemp("onnx") / "model")
    return model, X, *(runtime.InferenceSession(files[name]) for name in ("read", "generate"))


def test_rows_are_read_alike(exported):
    model, X, reads, _ = exported
    names = [output.name for output in reads.get_outputs()]
    assert names == ["predict_proba", "transform"][-len(names) :]
    assert len(names) == 1 + hasattr(model, "predict_proba")
    for n in (1, 2, 7, len(X)):
        for name, found in zip(names, reads.run(None, {"X": X[:n]}), strict=True):
            given = pd.DataFrame(X[:n]) if hasattr(model, "feature_names_in_") else X[:n]
            np.testing.assert_allclose(found, getattr(model, name)(given), atol=1e-4)


def test_rows_are_drawn_alike(exported):
    model, X, _, generates = exported
    rng = np.random.default_rng(0)
    for n in (1, 5):
        codes = rng.uniform(-2, 2, (n, len(model.code_names_)))
        for j, size in enumerate(model.model_.code_sizes):
            codes[:, j] = rng.integers(size, size=n)
        noise = rng.normal(size=(n, 2))
        expected = np.asarray(model.generate(codes, noise))
        given = {"codes": codes.astype(np.float32), "noise": noise.astype(np.float32)}
        (found,) = generates.run(["X"], given)
        assert found.dtype == X.dtype
        assert found.shape == (n, *X.shape[1:])
        if X.dtype == np.uint8:  # what is rounded may be so either way
            assert (np.abs(found.astype(int) - expected.astype(int)) <= 1).all()
        else:
            scale = np.maximum(1, np.abs(X).max(0))
            np.testing.assert_allclose(found / scale, expected / scale, atol=1e-4)


def test_a_game_without_codes_needs_noise_alone(blobs, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    model = extractor(n_clusters=None, objective="gan", max_epochs=1).fit(blobs[0])
    session = runtime.InferenceSession(export_onnx(model, tmp_path)["generate"])
    noise = np.random.default_rng(0).normal(size=(4, 2)).astype(np.float32)
    (found,) = session.run(None, {"noise": noise})
    np.testing.assert_allclose(found, model.generate(np.empty((4, 0)), noise), atol=1e-4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["generate.onnx", "read.onnx"]


class Sorted(nn.Module):
    """What no graph can hold: what is done depends on values."""

    def __init__(self, shape):
        super().__init__()
        self.layer = nn.Linear(shape[0], 4)

    def forward(self, rows):
        features = self.layer(rows)
        return features if features.sum() > 1e9 else torch.relu(features)


def test_networks_that_have_no_graph_are_refused_and_nothing_is_written(blobs, tmp_path):
    pytest.importorskip("onnxscript")

    def generator(latent_dim, shape):
        return nn.Linear(latent_dim, shape[0])

    model = clusterer(architecture=(generator, Sorted)).fit(blobs[0])
    with pytest.raises(ValueError, match=r"predict_proba, transform: PyTorch .* cannot export"):
        export_onnx(model, tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_errors_say_what_is_wrong(tmp_path, monkeypatch):
    with pytest.raises(NotFittedError):
        export_onnx(clusterer(), tmp_path)
    with pytest.raises(TypeError, match="got Linear"):
        export_onnx(nn.Linear(1, 1), tmp_path)
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(ImportError, match=r"pip install 'gan-cluster\[onnx\]'"):
        export_onnx(clusterer(), tmp_path)


def test_importing_the_function_imports_no_extra():
    code = "import sys; from gan_cluster import export_onnx; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"onnx", "onnxscript", "onnxruntime"}
