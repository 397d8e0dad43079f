import numpy as np
import pytest
from sklearn.utils import Bunch

from gan_cluster import InfoGANClusterer
from gan_cluster.inspection import ClusterNumberDisplay

pytest.importorskip("matplotlib")
from matplotlib.figure import Figure

TREE = np.array([[0, 1, 0.0, 2], [2, 3, 0.1, 2], [4, 5, 0.7, 4]])


@pytest.fixture
def numbers():
    k = np.arange(1, 5)
    criterion = np.array([0, 2, 0.1, -1])
    return Bunch(k=k, criterion=criterion, counted=k, information=k / 4, entropy=k / 2)


@pytest.fixture
def axes():
    return Figure().subplots(2)


def test_the_curve_and_what_was_chosen_are_shown(numbers, axes):
    display = ClusterNumberDisplay(numbers, TREE).plot(ax=axes)
    curve, least, chosen = axes[0].lines
    np.testing.assert_array_equal(curve.get_xydata(), [[2, 2], [3, 0.1], [4, -1]])
    assert set(least.get_ydata()) == {0.3}
    assert set(chosen.get_xdata()) == {display.n_clusters_} == {2}
    assert [text.get_text() for text in axes[0].get_legend().get_texts()][1] == "found: 2"
    assert display.figure_ is axes[0].figure
    heights = {
        y for part in axes[1].collections for path in part.get_paths() for y in path.vertices[:, 1]
    }
    assert heights == {0.0, 0.1, 0.7}
    assert len(axes[1].collections) == 3  # both clusters, and what joins them


def test_one_cluster_has_a_picture(numbers, axes):
    numbers.criterion[:] = 0
    assert ClusterNumberDisplay(numbers, TREE).plot(ax=axes).n_clusters_ == 1


def test_a_figure_is_made(numbers):
    display = ClusterNumberDisplay(numbers, TREE).plot()
    assert len(display.figure_.axes) == 2


def test_what_cannot_be_shown_is_refused(numbers, axes):
    model = InfoGANClusterer(2, max_epochs=2, random_state=0)
    model.fit(np.random.default_rng(0).random((40, 3)))
    with pytest.raises(ValueError, match="only after a fit"):
        ClusterNumberDisplay.from_estimator(model, ax=axes)
    with pytest.raises(TypeError, match="estimator should be"):
        ClusterNumberDisplay.from_estimator(3)
    with pytest.raises(ValueError, match="one of the axes for each, got 1"):
        ClusterNumberDisplay(numbers, TREE).plot(ax=axes[0])
    with pytest.raises(TypeError, match="matplotlib Axes"):
        ClusterNumberDisplay(numbers, TREE).plot(ax=[1, 2])
