"""The lines of a history are what is in it, with gaps where it has nothing."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.exceptions import NotFittedError
from small import STEADY, clusterer, extractor
from torch import nn

from gan_cluster.inspection import HistoryDisplay


@pytest.fixture(scope="module")
def model(blobs):
    return clusterer(max_epochs=6, codes_per_cluster=2).fit(blobs[0])


@pytest.fixture
def axes():
    return Figure().subplots(4)


def lines(ax):
    """The data of each labelled line."""
    return {
        line.get_label(): line.get_ydata()
        for line in ax.lines
        if not line.get_label().startswith("_")
    }


def column(history, name):
    return [row.get(name, np.nan) for row in history]


def test_lines_are_those_of_history(model, axes):
    display = HistoryDisplay.from_estimator(model, ax=axes)
    history = model.history_
    assert "generator_loss" not in history[2]
    assert "generator_loss" in history[3]
    shown = {**lines(axes[0]), **lines(axes[1])}
    names = {
        "discriminator": "discriminator_loss",
        "generator": "generator_loss",
        "agreement of twins": "agreement",
        "bound on the information": "mutual_information",
        "ceiling H(c) of categorical codes": "code_entropy",
    }
    assert shown.keys() == names.keys()
    for label, name in names.items():
        np.testing.assert_array_equal(shown[label], column(history, name))
        assert np.isnan(shown[label][:3]).all() == (label != "agreement of twins")
    assert all((line.get_xdata() == np.arange(1, 7)).all() for line in axes[0].lines[:3])
    panels = ["loss", "nats", "share of rows", "drawn rows"]
    assert [ax.get_ylabel() for ax in display.ax_] == panels
    assert display.figure_ is axes[0].figure


def test_what_is_drawn_is_shown_in_the_mean_and_in_the_worst_cluster(axes):
    history = [
        {"epoch": 1, "agreement": 1.0, "code_entropy": 0.7, "cluster_usage": [0.5, 0.5]},
        {"epoch": 2, "cluster_variety": [0.2, 0.6], "cluster_fidelity": [1.0, 0.5]},
        {"epoch": 3, "cluster_variety": [0.5, 1.3], "cluster_fidelity": [0.7, 0.9]},
    ]
    HistoryDisplay(history).plot(ax=axes)
    variety, least_varied, fidelity, least_faithful = (
        line.get_ydata() for line in axes[3].lines[:4]
    )
    np.testing.assert_allclose(variety, [np.nan, 0.4, 0.9])
    np.testing.assert_allclose(least_varied, [np.nan, 0.2, 0.5])
    np.testing.assert_allclose(fidelity, [np.nan, 0.75, 0.8])
    np.testing.assert_allclose(least_faithful, [np.nan, 0.5, 0.7])
    assert list(lines(axes[3])) == [
        "variety beside real rows",
        "variety in the worst cluster",
        "read as of their cluster",
        "read so in the worst cluster",
    ]


def test_a_game_without_the_consistency_term_has_no_fidelity(axes):
    history = [{"epoch": 1, "generator_loss": 1.0, "cluster_variety": [0.2, 0.6]}]
    display = HistoryDisplay(history).plot(ax=axes[:2])
    assert list(lines(display.ax_[1])) == [
        "variety beside real rows",
        "variety in the worst cluster",
    ]


def test_shares_of_codes_end_where_those_of_clusters_begin(model, axes):
    HistoryDisplay.from_estimator(model, ax=axes)
    drawn = [line.get_ydata() for line in axes[2].lines]
    usage = column(model.history_, "cluster_usage")
    assert [len(row) for row in usage] == [6] * 3 + [3] * 3
    clusters, codes = np.array(drawn[:3]).T, np.array(drawn[4:10]).T
    np.testing.assert_array_equal(clusters[3:], usage[3:])
    np.testing.assert_array_equal(codes[:3], usage[:3])
    assert np.isnan(clusters[:3]).all()
    assert np.isnan(codes[3:]).all()
    np.testing.assert_array_equal(drawn[3], [np.nan] * 3 + [1 / 3] * 3)
    np.testing.assert_array_equal(drawn[10], [1 / 6] * 3 + [np.nan] * 3)
    assert {line.get_color() for line in axes[2].lines[4:10]} == {"0.8"}


def test_a_dotted_line_marks_where_the_generator_joined(model, axes):
    HistoryDisplay.from_estimator(model, ax=axes)
    for ax in axes:
        assert ax.lines[-1].get_xdata() == [3.5, 3.5]
        assert ax.lines[-1].get_linestyle() == ":"


def test_one_game_from_the_beginning_has_no_such_line(blobs):
    model = clusterer(**STEADY, max_epochs=3).fit(blobs[0])
    display = HistoryDisplay.from_estimator(model, ax=Figure().subplots(4))
    assert "agreement of twins" not in lines(display.ax_[0])
    assert not any(line.get_linestyle() == ":" for ax in display.ax_ for line in ax.lines)


def test_what_a_game_without_codes_lacks_has_no_panel(blobs):
    model = extractor(objective="gan", max_epochs=3).fit(blobs[0])
    display = HistoryDisplay.from_estimator(model, ax=Figure().subplots())
    assert len(display.ax_) == 1
    assert lines(display.ax_[0]).keys() == {"discriminator", "generator"}


def test_losses_that_are_not_finite_are_gaps(axes):
    history = [
        {"epoch": 1, "generator_loss": 1.0, "cluster_usage": [0.5, 0.5]},
        {"epoch": 2, "generator_loss": np.inf, "taken_back": True},
        {"epoch": 3, "generator_loss": 2.0, "cluster_usage": [0.25, 0.75]},
    ]
    HistoryDisplay(history).plot(ax=axes[:2])
    np.testing.assert_array_equal(lines(axes[0])["generator"], [1, np.nan, 2])
    drawn = [line.get_ydata() for line in axes[1].lines]
    np.testing.assert_array_equal(drawn[:2], [[0.5, np.nan, 0.25], [0.5, np.nan, 0.75]])


def test_one_of_the_axes_gives_way_to_all(model):
    whole, other = Figure().subplots(1, 2)
    display = HistoryDisplay.from_estimator(model, ax=whole)
    assert not whole.axison
    assert [*display.ax_] == whole.child_axes
    assert len(display.ax_[2].lines) == 12
    heights = [ax.get_position().y0 for ax in display.ax_]
    assert heights == sorted(heights, reverse=True)
    assert not other.child_axes


def test_bad_input_is_named(model):
    with pytest.raises(ValueError, match=r"4 panels \(loss, .*, drawn rows\).*got 2"):
        HistoryDisplay.from_estimator(model, ax=Figure().subplots(2))
    with pytest.raises(NotFittedError):
        HistoryDisplay.from_estimator(clusterer())
    with pytest.raises(TypeError, match="got Linear"):
        HistoryDisplay.from_estimator(nn.Linear(1, 1))


def test_continuous_codes_alone_have_their_information(blobs):
    model = extractor(n_clusters=None, n_continuous=2, max_epochs=3).fit(blobs[0])
    display = HistoryDisplay.from_estimator(model, ax=Figure().subplots(2))
    drawn = lines(display.ax_[1])
    name = "bound of continuous codes, at most -0.23 each at variance 1"
    assert drawn.keys() == {name}
    expected = column(model.history_, "continuous_information")
    np.testing.assert_array_equal(drawn[name], expected)


def test_a_second_picture_takes_the_place_of_the_first(model):
    whole = Figure().subplots()
    for _ in "ab":
        display = HistoryDisplay.from_estimator(model, ax=whole)
    assert [*display.ax_] == whole.child_axes
