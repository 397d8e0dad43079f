"""Clones, pickles, pipelines, searches and HTML: both estimators among scikit-learn's."""

import inspect
import pickle
import re
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from threading import Barrier

import numpy as np
import pandas as pd
import pytest
import torch
from joblib import Parallel, delayed, dump, load
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_html_repr
from small import clusterer, extractor

from gan_cluster import GANFeatureExtractor, InfoGANClusterer, Objective
from gan_cluster._validation.rows import as_given
from gan_cluster.training.data import Layout

both = pytest.mark.parametrize("make", [clusterer, extractor])


@both
def test_clone_has_the_parameters_and_nothing_fitted(make, blobs):
    model = make(width=3).fit(blobs[0])
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    assert copy.objective is not model.objective
    assert not hasattr(copy, "model_")
    np.testing.assert_array_equal(copy.fit_transform(blobs[0]), model.transform(blobs[0]))


@both
@pytest.mark.parametrize("settings", [{}, {"ema_decay": 0.5, "n_continuous": 1}])
@pytest.mark.parametrize("shape", [(64,), (1, 8, 8)])
def test_pickle_predicts_draws_and_trains_on(make, settings, shape, images, tmp_path):
    X = images.reshape(-1, *shape)
    model = make(**settings).fit(X)
    dump(model, tmp_path / "model.joblib")
    for copy in (pickle.loads(pickle.dumps(model)), load(tmp_path / "model.joblib")):
        np.testing.assert_array_equal(copy.transform(X), model.transform(X))
        np.testing.assert_array_equal(
            copy.sample(4, random_state=0), model.sample(4, random_state=0)
        )
        assert copy.score(X) == model.score(X)
        assert copy.partial_fit(X).n_iter_ == model.n_iter_ + 1


def test_pickle_goes_on_as_the_model_would(images):
    model = clusterer(image_shape=(1, 8, 8)).fit(images)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(
        copy.partial_fit(images).predict_proba(images),
        model.partial_fit(images).predict_proba(images),
    )


@both
def test_pickle_holds_no_data(make):
    X = np.random.RandomState(0).normal(size=(5000, 4))
    sizes = [len(pickle.dumps(make(batch_size=100).fit(X[:n]))) for n in (500, 5000)]
    labels = 8 * 4500 if make is clusterer else 0
    assert sizes[1] - sizes[0] < labels + 1000


@both
@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_jobs_in_other_processes_and_threads(make, backend, blobs):
    X = blobs[0]
    models = Parallel(n_jobs=2, backend=backend)(
        delayed(make(random_state=seed).fit)(X) for seed in range(2)
    )
    for seed, model in enumerate(models):
        alone = make(random_state=seed).fit(X)
        np.testing.assert_allclose(model.transform(X), alone.transform(X), rtol=1e-4, atol=1e-4)


def _at_once(*functions):
    """What functions give that start together, each in a thread of its own."""
    start = Barrier(len(functions))

    def run(function):
        start.wait(60)
        return function()

    with ThreadPoolExecutor(len(functions)) as pool:
        return list(pool.map(run, functions))


def test_fits_in_threads_do_not_disturb_each_other(blobs, images):
    makers = [
        (partial(clusterer, max_epochs=20, n_init=2, codes_per_cluster=2), blobs[0]),
        (partial(clusterer, max_epochs=10, prior="learned", n_continuous=2), blobs[0]),
        (partial(extractor, max_epochs=6, image_shape=(1, 8, 8), ema_decay=0.9), images),
    ]
    state, dtype = torch.random.get_rng_state(), torch.get_default_dtype()
    expected = [make().fit(X) for make, X in makers]
    found = _at_once(*[partial(make().fit, X) for make, X in makers])
    for model, alone, (_, X) in zip(found, expected, makers, strict=True):
        np.testing.assert_array_equal(model.transform(X), alone.transform(X))
        np.testing.assert_array_equal(
            model.sample(4, random_state=0), alone.sample(4, random_state=0)
        )
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.get_default_dtype() == dtype


def test_fits_in_threads_leave_the_compiler_on(blobs):
    graphs = []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    for _ in range(3):
        _at_once(*[partial(extractor().fit, blobs[0]) for _ in range(4)])
    torch.compile(lambda x: x + 1, backend=backend)(torch.zeros(2))
    assert len(graphs) == 1


@both
def test_one_model_serves_many_threads(make, images):
    X = np.vstack([images] * 8)
    model = make(image_shape=(1, 8, 8)).fit(images)
    readings = [model.transform, model.score, lambda X: model.encode(X).categorical[0]]
    if make is clusterer:
        readings += [model.predict, model.predict_proba]
    for read in readings:
        expected = read(X)
        for found in _at_once(*[partial(read, X)] * 8):
            np.testing.assert_array_equal(found, expected)


def test_pipeline_of_scaler_features_and_kmeans(blobs):
    pipeline = make_pipeline(StandardScaler(), extractor(), KMeans(3, n_init=1, random_state=0))
    labels = pipeline.fit_predict(blobs[0])
    np.testing.assert_array_equal(pipeline.predict(blobs[0]), labels)
    names = pipeline[:-1].get_feature_names_out()
    hidden, posterior = [f"recognition_{i}" for i in range(128)], ["posterior_0", "posterior_1"]
    assert names.tolist() == [*hidden, *posterior, "posterior_2"]


def test_pipeline_with_the_clusterer_at_its_end(blobs):
    pipeline = make_pipeline(StandardScaler(), clusterer()).fit(blobs[0])
    np.testing.assert_array_equal(pipeline.predict(blobs[0]), pipeline[-1].labels_)
    assert np.isfinite(pipeline.score(blobs[0]))


SEARCHES = {
    "grid": lambda model, grid, **kw: GridSearchCV(model, grid, cv=2, error_score="raise", **kw),
    "halving": lambda model, grid, **kw: HalvingGridSearchCV(
        model,
        grid,
        cv=2,
        resource="max_epochs",
        min_resources=1,
        max_resources=3,
        random_state=0,
        error_score="raise",
        **kw,
    ),
}


@both
@pytest.mark.parametrize("with_y", [False, True])
@pytest.mark.parametrize("search", SEARCHES)
def test_searches_by_the_score_without_labels(make, search, with_y, blobs):
    X, y = blobs
    found = SEARCHES[search](make(), {"objective__info_weight": [0.5, 1.0], "noise_dim": [2, 3]})
    found.fit(X, y if with_y else None)
    assert np.isfinite(found.cv_results_["mean_test_score"]).all()
    assert found.best_params_["noise_dim"] in (2, 3)
    assert found.best_estimator_.n_iter_ == (3 if search == "halving" else 2)


def test_search_in_two_processes_finds_the_same(blobs):
    grid = {"noise_dim": [2, 3], "random_state": [0, 1]}
    one, two = (SEARCHES["grid"](clusterer(), grid, n_jobs=n).fit(blobs[0]) for n in (1, 2))
    np.testing.assert_allclose(
        one.cv_results_["mean_test_score"], two.cv_results_["mean_test_score"], atol=1e-4
    )


def test_search_by_labels(blobs):
    search = GridSearchCV(clusterer(), {"width": [2, 3]}, scoring="adjusted_rand_score", cv=2)
    assert -1 <= search.fit(*blobs).best_score_ <= 1


@both
def test_cross_validate(make, blobs):
    results = cross_validate(make(), blobs[0], cv=3, error_score="raise")
    assert results["test_score"].shape == (3,)
    assert np.isfinite(results["test_score"]).all()


@both
def test_set_output_pandas(make, blobs):
    frame = pd.DataFrame(blobs[0], columns=list("abcd"), index=np.arange(120) + 7)
    model = make().set_output(transform="pandas")
    features = model.fit_transform(frame)
    assert isinstance(features, pd.DataFrame)
    assert features.columns.tolist() == model.get_feature_names_out().tolist()
    assert features.index.tolist() == frame.index.tolist()
    assert (features.dtypes == np.float32).all()


DTYPES = ["bool", "uint8", "int16", "int64", "uint64", "float16", "float32", "float64"]


@both
@pytest.mark.parametrize("dtype", DTYPES)
def test_drawn_rows_have_the_dtype_of_x(make, dtype, images):
    X = (images > 7 if dtype == "bool" else images).astype(dtype)
    model = make(image_shape=(1, 8, 8)).fit(X)
    drawn = model.sample(20, random_state=0)
    codes = np.zeros(len(model.code_names_))
    made = model.generate(codes, np.zeros(2))
    assert drawn.dtype == made.dtype == dtype
    assert drawn.shape == (20, 64)
    assert drawn.min() >= 0
    assert drawn.max() <= (1 if dtype == "bool" else 16)


@pytest.mark.parametrize("dtype", ["uint8", "int64", "uint64"])
def test_drawn_integers_are_rounded_and_do_not_wrap_around(dtype):
    limits = np.iinfo(dtype)
    rows = np.array([[-1e30, float(limits.min), 1.6, 7.4, float(limits.max), 1e30]])
    low, lowest, two, seven, high, highest = as_given(rows, Layout((6,), None, False, dtype), None)[
        0
    ]
    assert (low, lowest, two, seven) == (limits.min, limits.min, 2, 7)
    assert high == highest
    assert high > limits.max * 0.999


def test_drawn_images_keep_the_range_of_x(images):
    X = images.reshape(-1, 8, 8) / 16 - 3

    class Bright(torch.nn.Module):
        def __init__(self, latent_dim, shape):
            super().__init__()
            self.layer = torch.nn.Linear(latent_dim, 64)

        def forward(self, latent):
            return 5 * self.layer(latent).view(-1, 1, 8, 8)

    model = clusterer(architecture=(Bright, lambda shape: torch.nn.Flatten())).fit(X)
    drawn = model.sample(50, random_state=0)
    assert drawn.shape == (50, 8, 8)
    assert drawn.min() == X.min()
    assert drawn.max() == X.max()


@both
@pytest.mark.parametrize("names", [["count", "size", "yes"], [0, 1, 2]])
def test_drawn_rows_are_a_data_frame_where_x_was(make, names, blobs):
    X = pd.DataFrame(
        {0: (10 * blobs[0][:, 0]).astype(int), 1: blobs[0][:, 1].astype(np.float32)}
    ).assign(last=blobs[0][:, 2] > 0)
    X = X.set_axis(names, axis=1)
    model = make().fit(X)
    for drawn in (model.sample(5, random_state=0), pickle.loads(pickle.dumps(model)).sample(5)):
        pd.testing.assert_series_equal(drawn.dtypes, X.dtypes)
        assert len(drawn) == 5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.transform(model.sample(5))


@both
def test_html_links_to_the_documentation(make, blobs):
    model = make()
    name = type(model).__name__
    for state in (model, model.fit(blobs[0])):
        html = estimator_html_repr(state)
        page = f"generated/gan_cluster.{name}.html"
        assert f'href="https://gan-cluster.readthedocs.io/en/stable/{page}' in html
        assert "documentation" in html.lower()


@both
def test_torch_in_another_mode(make, blobs):
    expected = make().fit(blobs[0])
    torch.set_default_dtype(torch.float64)
    try:
        with torch.inference_mode():
            model = make().fit(blobs[0])
        drawn = model.sample(3, random_state=0)
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    np.testing.assert_array_equal(model.transform(blobs[0]), expected.transform(blobs[0]))
    np.testing.assert_array_equal(drawn, expected.sample(3, random_state=0))


def test_importing_the_package_imports_nothing_heavy_until_it_is_used():
    script = """
import sys
import gan_cluster
assert not {"torch", "sklearn", "skorch"} & set(sys.modules)
assert dir(gan_cluster) == sorted(gan_cluster.__all__)
from gan_cluster import *
assert InfoGANClusterer().get_params() and callable(load)
try:
    gan_cluster.Kmeans
except AttributeError as error:
    assert "Kmeans" in str(error)
else:
    raise SystemExit("an unknown name was found")
"""
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize("package", ["metrics", "datasets"])
def test_scores_and_data_sets_are_imported_without_torch(package):
    script = f"import sys, gan_cluster.{package}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)


def _described(text, section):
    """Names that a docstring describes in a section, in order."""
    body = inspect.cleandoc(text).split(f"\n{section}\n{'-' * len(section)}\n")[1]
    names = []
    for line, following in pairwise([*body.splitlines(), ""]):
        if following and set(following) == {"-"}:
            break
        if line[:1].strip():
            names += line.split(" : ")[0].split(", ")
    return names


@pytest.mark.parametrize("cls", [InfoGANClusterer, GANFeatureExtractor, Objective])
def test_each_parameter_is_described_and_no_other(cls):
    parameters = [*inspect.signature(cls).parameters]
    assert _described(cls.__doc__, "Parameters") == parameters
    assert len(parameters) <= 28
    for name, parameter in inspect.signature(cls).parameters.items():
        shown = str(parameter.default).replace("'", '"')
        told = re.search(rf"^{name} : .*default=(.*)$", inspect.getdoc(cls), re.MULTILINE)[1]
        assert told.strip('"') == shown.strip('"'), name


@both
def test_each_fitted_attribute_is_described_and_no_other(make, blobs):
    model = make().fit(pd.DataFrame(blobs[0], columns=list("abcd")))
    fitted = {name for name in dir(model) if name.endswith("_") and name[0] != "_"}
    at_times = {"classes_", "cluster_numbers_", "merge_tree_"}  # with labels, or without a number
    assert set(_described(type(model).__doc__, "Attributes")) - at_times == fitted


@pytest.mark.parametrize("cls", [InfoGANClusterer, GANFeatureExtractor])
def test_shared_texts_are_in_their_places(cls):
    methods = {name: getattr(cls, name) for name in ("fit", "partial_fit", "transform", "score")}
    methods |= {name: member for name, member in vars(cls).items() if callable(member)}
    for name, member in {**methods, "itself": cls}.items():
        text = inspect.getdoc(member) or ""
        assert not re.search(r"^ *\[[\w ]+\]$", text, re.MULTILINE), name
        assert not re.search(r"[{]\w+[}]", text), name


def test_both_estimators_share_most_parameters_in_the_same_order():
    ours, theirs = (
        [*inspect.signature(cls).parameters] for cls in (InfoGANClusterer, GANFeatureExtractor)
    )
    more = {"layers", "pooling", "n_components", "normalize"}
    assert [name for name in theirs if name not in more] == ours
    assert more < set(theirs)
