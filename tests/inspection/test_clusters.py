"""Pictures are tested on their pixels."""

import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError

from gan_cluster import GANFeatureExtractor, InfoGANClusterer, inspection
from gan_cluster.inspection import (
    ClusterDisplay,
    ConfusionDisplay,
    HistoryDisplay,
    MembersDisplay,
)
from gan_cluster.inspection._images import GAP, LINE

SMALL = {"noise_dim": 2, "width": 2, "max_epochs": 8, "batch_size": 32, "random_state": 0}
DISPLAYS = [name for name in inspection.__all__ if name.endswith("Display")]
LAYOUTS = ["flat", "channels first", "channels last", "no channels", "mlp"]


@pytest.fixture(scope="module")
def digits():
    return load_digits().data[:120]


def fit_images(X, channels, layout, n_clusters=3):
    """A clusterer of 8x8 images and its X, from flat rows with the channels first."""
    shape = (channels, 8, 8)
    if layout == "flat":
        return InfoGANClusterer(n_clusters, image_shape=shape, **SMALL).fit(X), X
    if layout == "mlp":
        settings = SMALL | {"image_shape": shape, "architecture": "mlp"}
        return InfoGANClusterer(n_clusters, **settings).fit(X), X
    X = X.reshape(-1, *shape)
    if layout == "channels last":
        X = np.ascontiguousarray(np.moveaxis(X, 1, -1))
    if layout == "no channels":
        X = X[:, 0]
    return InfoGANClusterer(n_clusters, **SMALL).fit(X), X


def tile(display, row, column):
    """The pixels of one place; the first generated column follows the last real one."""
    height, width = display.members.shape[2:4]
    shift = GAP - LINE if column >= display.members.shape[1] else 0
    top, left = row * (height + LINE), column * (width + LINE) + shift
    return display.image_[top : top + height, left : left + width]


def as_rgb(image, shape, layout):
    """One image in the layout of X as (height, width, 3)."""
    image = image.reshape(shape) if layout in ("flat", "mlp") else np.asarray(image)
    if layout == "no channels":
        image = image[None]
    if layout != "channels last":
        image = np.moveaxis(image, 0, -1)
    return np.broadcast_to(image, (*image.shape[:2], 3))


@pytest.mark.parametrize(
    ("channels", "layout"),
    [(1, layout) for layout in LAYOUTS] + [(3, layout) for layout in LAYOUTS[:3]],
)
def test_tiles_are_rows_and_samples(digits, ax, channels, layout):
    X = np.hstack([digits, digits[::-1], 16 - digits])[:, : 64 * channels]
    clusterer, X = fit_images(X, channels, layout)
    display = ClusterDisplay.from_estimator(
        clusterer, X, n_members=4, n_samples=5, random_state=3, ax=ax
    )
    assert display.image_.shape == (3 * 9 - 1, 9 * 9 - 2 + GAP, 3)
    ours = [clusterer.sample(5, cluster=k, random_state=3) for k in range(3)]
    low, high = min(X.min(), np.min(ours)), max(X.max(), np.max(ours))
    for k, (members, samples) in enumerate(zip(display.members, display.samples, strict=True)):
        for column, image in enumerate([*members, *samples]):
            shown = np.broadcast_to(image, (8, 8, 3))
            np.testing.assert_array_equal(tile(display, k, column), np.nan_to_num(shown, nan=1.0))
        for image, row in zip(samples, ours[k], strict=True):
            expected = as_rgb((row - low) / (high - low), (channels, 8, 8), layout)
            np.testing.assert_allclose(np.broadcast_to(image, (8, 8, 3)), expected, atol=1e-12)
        real = as_seen(X[clusterer.predict(X) == k], (channels, 8, 8), layout, low, high)
        places = [place_of(image, real) for image in members if not np.isnan(image).any()]
        assert len(set(places)) == len(places) == min(4, len(real))


def as_seen(rows, shape, layout, low, high):
    shown = [as_rgb((row - low) / (high - low), shape, layout) for row in rows]
    return np.reshape(shown, (-1, *shape[1:], 3))


def place_of(image, among):
    """The number of an image among others."""
    (places,) = np.nonzero(np.isclose(among, image, atol=1e-12).all((1, 2, 3)))
    return places[0]


def test_members_are_of_different_kinds(digits, ax):
    kinds = np.repeat([*np.eye(4), np.zeros(4)], [60, 10, 10, 10, 10], axis=0)
    X = np.kron(kinds, np.ones(16)) + np.random.default_rng(0).uniform(0, 0.01, (100, 64))
    clusterer = InfoGANClusterer(1, image_shape=(1, 8, 8), **SMALL).fit(X)
    display = ClusterDisplay.from_estimator(clusterer, X, n_members=5, ax=ax)
    assert len(np.unique(display.members.reshape(5, 4, 16).mean(2).round(), axis=0)) == 5


def test_lines_and_gap_are_blank(digits, ax):
    clusterer, X = fit_images(digits, 1, "flat")
    display = ClusterDisplay.from_estimator(clusterer, X, n_members=2, n_samples=2, ax=ax)
    assert (display.image_[8::9] == 1).all()
    assert (display.image_[:, 17 : 17 + GAP] == 1).all()


def test_empty_clusters_show_no_members_but_samples(digits, ax):
    clusterer, X = fit_images(digits, 1, "flat", n_clusters=40)
    assert len(np.unique(clusterer.labels_)) < 40
    display = ClusterDisplay.from_estimator(clusterer, X, n_members=2, n_samples=2, ax=ax)
    assert (tile(display, 39, 0) == 1).all()
    assert (tile(display, 39, 2) < 1).all()


def test_axes_are_labelled_and_drawn(digits, ax):
    clusterer, X = fit_images(digits, 1, "flat")
    display = ClusterDisplay.from_estimator(clusterer, X, ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    assert [text.get_text() for text in ax.get_xticklabels()] == ["real members", "generated"]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["0", "1", "2"]
    np.testing.assert_array_equal(ax.images[0].get_array(), display.image_)


def test_same_seed_same_picture(digits, ax):
    clusterer, X = fit_images(digits, 1, "flat")
    first, second = (ClusterDisplay.from_estimator(clusterer, X, ax=ax).image_ for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_errors_say_what_is_wrong(digits, ax):
    with pytest.raises(NotFittedError):
        ClusterDisplay.from_estimator(InfoGANClusterer(3), digits, ax=ax)
    with pytest.raises(TypeError, match="InfoGANClusterer, got GANFeatureExtractor"):
        ClusterDisplay.from_estimator(GANFeatureExtractor(), digits, ax=ax)
    table = InfoGANClusterer(3, **SMALL).fit(digits)
    with pytest.raises(ValueError, match="fitted to a table: set image_shape"):
        ClusterDisplay.from_estimator(table, digits, ax=ax)
    two, X = fit_images(np.hstack([digits, digits]), 2, "flat")
    with pytest.raises(ValueError, match="1, 3 or 4 channels to be shown, got 2"):
        ClusterDisplay.from_estimator(two, X, ax=ax)
    clusterer, X = fit_images(digits, 1, "flat")
    with pytest.raises(ValueError, match="n_members == 0, must be >= 1"):
        ClusterDisplay.from_estimator(clusterer, X, n_members=0, ax=ax)
    with pytest.raises(ValueError, match="features"):
        ClusterDisplay.from_estimator(clusterer, X[:, :10], ax=ax)


def test_certain_members_stand_left_of_uncertain_ones(digits, ax):
    clusterer, X = fit_images(digits, 1, "flat")
    sizes = np.bincount(clusterer.predict(X))
    assert sizes.min() < 40 < sizes.max()
    display = MembersDisplay.from_estimator(clusterer, X, n_members=20, ax=ax)
    probabilities = clusterer.predict_proba(X)
    known = {row.tobytes(): i for i, row in enumerate(X)}
    parts = np.concatenate([display.most, display.least], axis=1).reshape(3, 40, 64)
    assert (np.nanmin(parts), np.nanmax(parts)) == (0, 1)
    for cluster, places in enumerate(parts):
        members = np.flatnonzero(clusterer.predict(X) == cluster)
        filled = ~np.isnan(places).any(axis=1)
        shown = [known[(row * 16).round().tobytes()] for row in places[filled]]
        assert set(shown) <= set(members)
        assert len(shown) == len(set(shown)) == min(40, len(members))
        certain = probabilities[shown, cluster]
        assert (np.diff(certain) <= 0).all()
        assert certain[0] == probabilities[members, cluster].max()
        assert certain[-1] == probabilities[members, cluster].min()
        assert filled[:20].all()
        assert filled[-1]


def test_only_the_clusters_asked_for_are_shown(digits, ax):
    clusterer, X = fit_images(digits, 1, "flat")
    whole = MembersDisplay.from_estimator(clusterer, X, n_members=3, ax=ax)
    some = MembersDisplay.from_estimator(
        clusterer, X, clusters=[2, 0], n_members=3, ax=Figure().subplots()
    )
    assert some.image_.shape == (2 * 9 - 1, 2 * (3 * 9 - 1) + GAP, 3)
    assert [text.get_text() for text in some.ax_.get_yticklabels()] == ["2", "0"]
    assert [text.get_text() for text in some.ax_.get_xticklabels()] == [
        "most certain",
        "least certain",
    ]
    for part in ("most", "least"):
        one, other = getattr(whole, part)[[2, 0]], getattr(some, part)
        np.testing.assert_allclose(other, one, atol=1e-12)
    np.testing.assert_array_equal(
        some.image_[:8, -8:], np.repeat(some.least[0, -1], 3, axis=2), strict=True
    )


def test_members_of_an_empty_cluster_are_blank(digits, ax):
    clusterer, X = fit_images(digits, 1, "flat", n_clusters=40)
    display = MembersDisplay.from_estimator(clusterer, X, clusters=[39], ax=ax)
    assert (display.image_ == 1).all()


@pytest.mark.parametrize("clusters", [[3], [-1], [0.5], [], [True, False], [[0, 1]]])
def test_a_cluster_out_of_range_says_which_there_are(digits, ax, clusters):
    clusterer, X = fit_images(digits, 1, "flat")
    with pytest.raises(ValueError, match=r"give at least one of 0 \.\. 2"):
        MembersDisplay.from_estimator(clusterer, X, clusters=clusters, ax=ax)


def test_members_need_a_fitted_clusterer_of_images(digits, ax):
    with pytest.raises(NotFittedError):
        MembersDisplay.from_estimator(InfoGANClusterer(3), digits, ax=ax)
    with pytest.raises(TypeError, match="InfoGANClusterer, got GANFeatureExtractor"):
        MembersDisplay.from_estimator(GANFeatureExtractor(), digits, ax=ax)
    with pytest.raises(ValueError, match="fitted to a table: set image_shape"):
        MembersDisplay.from_estimator(InfoGANClusterer(3, **SMALL).fit(digits), digits, ax=ax)


def given(display, X):
    """What a display is made from, beside the estimator."""
    noise = np.zeros(SMALL["noise_dim"])
    return {
        "ArithmeticDisplay": [([0], noise), ([0], noise), ([1], noise)],
        "ConfusionDisplay": [X, X[:, 20]],
        "ClusterNumberDisplay": [],
        "HistoryDisplay": [],
        "TraversalDisplay": [],
        "WalkDisplay": [],
    }.get(display, [X])


@pytest.mark.parametrize("name", DISPLAYS)
def test_without_axes_pyplot_makes_a_figure(digits, name):
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    table = {} if name == "ProfileDisplay" else {"image_shape": (1, 8, 8)}
    n_clusters = "auto" if name == "ClusterNumberDisplay" else 3
    clusterer = InfoGANClusterer(n_clusters, **SMALL, **table).fit(digits)
    display = getattr(inspection, name).from_estimator(clusterer, *given(name, digits))
    assert plt.fignum_exists(display.figure_.number)
    assert set(np.ravel(display.ax_)) <= set(display.figure_.axes)
    plt.close(display.figure_)
    figure = Figure()
    ax = figure.subplots(2 if name == "ClusterNumberDisplay" else 1)
    assert display.plot(ax=ax) is display
    assert display.figure_ is figure


@pytest.mark.parametrize("name", DISPLAYS)
def test_missing_matplotlib_names_the_extra(digits, monkeypatch, name):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=rf"{name}.from_estimator needs .*'gan-cluster\[plot\]'"):
        getattr(inspection, name).from_estimator(InfoGANClusterer(3), *given(name, digits))


def test_importing_the_package_imports_no_extra():
    code = "import sys, gan_cluster, gan_cluster.inspection; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "gan_cluster.inspection" in loaded
    assert not loaded & {"matplotlib", "bokeh", "jinja2"}


def test_something_else_than_axes_is_named(digits):
    model, X = fit_images(digits, 1, "flat")
    for draw in (
        lambda ax: MembersDisplay.from_estimator(model, X, ax=ax),
        lambda ax: ConfusionDisplay.from_predictions([0, 1], [0, 1], ax=ax),
        lambda ax: HistoryDisplay.from_estimator(model, ax=ax),
    ):
        with pytest.raises(TypeError, match="ax should be matplotlib Axes, got Figure"):
            draw(Figure())
