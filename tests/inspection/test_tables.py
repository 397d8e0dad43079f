"""Pictures of tables: profiles are means of groups, and confusion counts rows."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.metrics.cluster import contingency_matrix
from small import clusterer, extractor

from gan_cluster.inspection import ConfusionDisplay, ProfileDisplay
from gan_cluster.metrics import clustering_accuracy


@pytest.fixture(scope="module")
def frame(blobs):
    return pd.DataFrame(blobs[0], columns=["height", "width", "mass", "age"])


@pytest.fixture(scope="module")
def model(frame):
    return clusterer(max_epochs=10).fit(frame)


def labels_of(axis):
    return [text.get_text() for text in axis.get_ticklabels()]


def test_profiles_are_means_and_quartiles_of_groups(model, frame, ax):
    display = ProfileDisplay.from_estimator(model, frame, ax=ax)
    scaled = (frame - frame.mean()) / frame.std(ddof=0)
    groups = scaled.groupby(model.predict(frame))
    assert len(groups) == 3
    np.testing.assert_allclose(display.means, groups.mean(), atol=1e-12)
    for i, share in enumerate((0.25, 0.75)):
        np.testing.assert_allclose(display.quartiles[..., i], groups.quantile(share), atol=1e-12)
    assert display.feature_names == ["height", "width", "mass", "age"]
    np.testing.assert_array_equal(display.im_.get_array(), display.means)
    assert display.im_.get_clim() == (-np.abs(display.means).max(), np.abs(display.means).max())
    low, high = display.quartiles[2, 1]
    expected = f"{display.means[2, 1]:z.1f}\n{low:z.1f} .. {high:z.1f}"
    assert display.text_[2, 1].get_text() == expected
    assert display.text_[2, 1].get_position() == (1, 2)
    assert labels_of(ax.xaxis) == display.feature_names
    assert labels_of(ax.yaxis) == ["0", "1", "2"]
    assert (display.ax_, display.figure_) == (ax, ax.figure)


def test_the_scale_of_colours_is_of_the_profiles(model, frame, ax):
    ax.imshow(np.zeros((2, 2)))
    display = ProfileDisplay.from_estimator(model, frame, ax=ax)
    assert [each.colorbar is not None for each in ax.images] == [False, True]
    assert display.im_ is ax.images[1]


def test_profiles_without_numbers_and_names(blobs, ax):
    model = clusterer().fit(blobs[0])
    display = ProfileDisplay.from_estimator(model, blobs[0], include_values=False, ax=ax)
    assert display.text_ is None
    assert not ax.texts
    assert labels_of(ax.xaxis) == ["x0", "x1", "x2", "x3"]


def test_an_empty_cluster_and_a_constant_column_have_blank_and_zero_profiles(blobs, ax):
    X = np.column_stack([blobs[0], np.full(120, 7.0)])
    model = clusterer(n_clusters=40).fit(X)
    empty = np.setdiff1d(np.arange(40), model.labels_)
    assert len(empty)
    display = ProfileDisplay.from_estimator(model, X, ax=ax)
    assert np.isnan(display.means[empty]).all()
    assert {text.get_text() for text in display.text_[empty].ravel()} == {""}
    assert (display.means[model.labels_, 4] == 0).all()


def test_profiles_are_for_tables(model, frame, images):
    with pytest.raises(ValueError, match="fitted to images: use ClusterDisplay"):
        ProfileDisplay.from_estimator(clusterer(image_shape=(1, 8, 8)).fit(images), images)
    with pytest.raises(NotFittedError):
        ProfileDisplay.from_estimator(clusterer(), frame)
    with pytest.raises(TypeError, match="an InfoGANClusterer, got GANFeatureExtractor"):
        ProfileDisplay.from_estimator(extractor(), frame)
    with pytest.raises(ValueError, match="feature names"):
        ProfileDisplay.from_estimator(model, frame[["height", "width"]])


def test_confusion_counts_rows_in_matched_order(model, frame, blobs, ax):
    classes = np.array(["b", "c", "a"])[blobs[1]]
    display = ConfusionDisplay.from_estimator(model, frame, classes, ax=ax)
    labels = model.predict(frame)
    counts = contingency_matrix(labels, classes)
    order = ["abc".index(name) for name in display.classes]
    assert sorted(order) == [0, 1, 2]
    np.testing.assert_array_equal(display.counts, counts[:, order])
    assert display.counts.trace() / len(frame) == clustering_accuracy(classes, labels)
    np.testing.assert_array_equal(display.im_.get_array(), display.counts)
    shown = [[text.get_text() for text in row] for row in display.text_]
    assert shown == display.counts.astype(str).tolist()
    assert labels_of(ax.xaxis) == display.classes
    assert labels_of(ax.yaxis) == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("classes", "clusters", "counts", "order"),
    [
        ([5, 5, 7, 7, 9], [1, 1, 0, 0, 0], [[2, 0, 1], [0, 2, 0]], [7, 5, 9]),
        (["x", "x", "y"], [-1, 3, 8], [[1, 0], [0, 1], [1, 0]], ["x", "y"]),
    ],
)
def test_clusters_may_be_more_or_fewer_than_classes(classes, clusters, counts, order, ax):
    display = ConfusionDisplay.from_predictions(classes, clusters, ax=ax)
    assert display.counts.tolist() == counts
    assert display.classes == order
    assert sorted(display.clusters) == sorted(set(clusters))


def test_clusters_without_a_class_come_last(ax):
    classes, clusters = [0, 0, 0, 0, 0, 1, 1, 1, 1, 1], [0, 1, 1, 1, 1, 2, 2, 2, 2, 2]
    display = ConfusionDisplay.from_predictions(classes, clusters, ax=ax)
    assert display.counts.tolist() == [[4, 0], [0, 5], [1, 0]]
    assert display.clusters == [1, 2, 0]


def test_numbers_can_be_read_on_their_colours(ax):
    display = ConfusionDisplay.from_predictions([0] * 9 + [1], [0] * 9 + [1], ax=ax)
    colours = [text.get_color() for text in display.text_.ravel()]
    assert colours == ["white", "black", "black", "black"]


def test_bad_labels_are_named(model, frame):
    with pytest.raises(ValueError, match=r"numbers of samples: \[120, 3\]"):
        ConfusionDisplay.from_estimator(model, frame, [0, 1, 2])
    with pytest.raises(ValueError, match="y contains NaN"):
        ConfusionDisplay.from_estimator(model, frame, [np.nan] * 120)
    with pytest.raises(ValueError, match="are empty"):
        ConfusionDisplay.from_predictions([], [])
    with pytest.raises(NotFittedError):
        ConfusionDisplay.from_estimator(clusterer(), frame, [0] * 120)
    with pytest.raises(TypeError, match="an InfoGANClusterer, got GANFeatureExtractor"):
        ConfusionDisplay.from_estimator(extractor(), frame, [0] * 120)
