"""n_clusters="auto": found before all else, and then as if it had been given."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.neighbors import NearestNeighbors

from gan_cluster import GANFeatureExtractor, InfoGANClusterer, Objective, load, save
from gan_cluster._convergence import of_number
from gan_cluster.training.numbers import SMALL, cluster_numbers

SETTINGS = {"max_clusters": 6, "max_epochs": 60, "n_init": 2, "random_state": 0}
NUMBERS = ["counted", "criterion", "entropy", "information", "k"]

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def rows():
    return make_blobs(300, 4, centers=3, cluster_std=0.5, random_state=0)[0]


@pytest.fixture(scope="module")
def found(rows):
    return InfoGANClusterer("auto", **SETTINGS).fit(rows)


def test_the_number_is_found_and_all_else_is_as_if_it_was_given(found, rows):
    assert found.n_clusters_ == 3
    assert found.n_clusters == "auto"
    given = InfoGANClusterer(3, **SETTINGS).fit(rows)
    assert given.n_clusters_ == 3
    assert not hasattr(given, "cluster_numbers_")
    np.testing.assert_array_equal(given.labels_, found.labels_)
    np.testing.assert_array_equal(given.predict_proba(rows), found.predict_proba(rows))
    np.testing.assert_array_equal(
        given.sample(5, cluster=1, random_state=0), found.sample(5, cluster=1, random_state=0)
    )


def test_what_spoke_for_the_number_is_kept(found):
    assert sorted(found.cluster_numbers_) == NUMBERS
    assert found.cluster_numbers_.k.tolist() == [1, 2, 3, 4, 5, 6]
    assert {part.shape for part in found.cluster_numbers_.values()} == {(6,)}
    assert found.merge_tree_.shape == (23, 4)  # four codes for each cluster that there may be


def test_a_saved_model_has_its_number(found, rows, tmp_path):
    save(found, tmp_path)
    same = load(tmp_path)
    assert (same.n_clusters, same.n_clusters_) == ("auto", 3)
    np.testing.assert_array_equal(same.predict_proba(rows), found.predict_proba(rows))
    np.testing.assert_array_equal(same.merge_tree_, found.merge_tree_)
    for name in NUMBERS:
        np.testing.assert_array_equal(same.cluster_numbers_[name], found.cluster_numbers_[name])
    same.partial_fit(rows)
    same.set_params(warm_start=True, max_epochs=2).fit(rows)
    assert same.n_clusters_ == 3
    assert hasattr(same, "merge_tree_")
    assert same.merge_clusters([0, 1]).n_clusters_ == 2
    save(same, tmp_path)
    assert load(tmp_path).n_clusters_ == 2


def test_a_number_that_is_given_later_leaves_nothing_of_the_search(rows, found):
    model = clone(found).set_params(max_epochs=2).fit(rows)
    assert hasattr(model, "merge_tree_")
    model.set_params(n_clusters=2).fit(rows)
    assert model.n_clusters_ == 2
    assert not hasattr(model, "merge_tree_")


def test_an_extractor_finds_the_number_and_reads_a_model_that_has(found, rows, tmp_path):
    extractor = GANFeatureExtractor.from_model(found.model_, rows, layers="all")
    assert extractor.n_clusters_ == 3
    save(extractor, tmp_path)
    np.testing.assert_array_equal(load(tmp_path).transform(rows), extractor.transform(rows))
    fitted = GANFeatureExtractor("auto", **SETTINGS).fit(rows)
    assert fitted.n_clusters_ == 3
    assert sorted(fitted.cluster_numbers_) == NUMBERS


def test_few_rows_have_few_codes(found, rows):
    model = clone(found).set_params(max_epochs=2).fit(rows[:40])
    assert model.merge_tree_.shape == (7, 4)
    assert 1 <= model.n_clusters_ <= 6
    assert np.isfinite(clone(model).fit(rows[:3]).score(rows[:3]))


def test_images_have_a_number_too(found):
    images = np.random.default_rng(0).random((60, 8, 8))
    model = clone(found).set_params(max_epochs=2).fit(images)
    assert model.predict(images).max() < model.n_clusters_


def test_densities_of_images_are_those_of_features(found, monkeypatch):
    given = {}

    def note(codes, joint, near, rows, max_clusters, smallest=0.0):
        given.update(near=near, rows=rows, smallest=smallest)
        return cluster_numbers(codes, joint, near, rows, max_clusters, smallest)

    monkeypatch.setattr("gan_cluster.training.judging.cluster_numbers", note)
    images = np.random.default_rng(0).random((60, 8, 8))
    clone(found).set_params(max_epochs=2).fit(images)
    nearest = NearestNeighbors(n_neighbors=5).fit(given["rows"])
    np.testing.assert_array_equal(given["near"], nearest.kneighbors(return_distance=False))
    assert given["rows"].shape[1] not in (64, 2)
    assert given["smallest"] == SMALL
    clone(found).set_params(max_epochs=2).fit(images.reshape(60, 64)[:, :3])
    assert (given["rows"].shape[1], given["smallest"]) == (3, 0)


def test_densities_after_contrast_are_those_in_which_rows_are_near(found, rows, monkeypatch):
    given = {}

    def note(codes, joint, near, rows, *others):
        given.update(near=near, rows=rows)
        return cluster_numbers(codes, joint, near, rows, *others)

    monkeypatch.setattr("gan_cluster.training.judging.cluster_numbers", note)
    objective = Objective(contrast_temperature=0.5, augment=lambda rows: rows + 0.1)
    clone(found).set_params(objective=objective, max_epochs=4).fit(rows)
    assert given["rows"].shape[1] != rows.shape[1]
    nearest = NearestNeighbors(n_neighbors=5).fit(given["rows"])
    near = nearest.kneighbors(return_distance=False)
    assert np.mean(np.sort(near) == np.sort(given["near"])) > 0.99  # distances can be equal


def test_a_checkpoint_goes_on_with_the_same_number(found, rows, tmp_path):
    settings = {"checkpoint_dir": tmp_path / "state", "max_epochs": 4}
    first = clone(found).set_params(**settings).fit(rows)
    again = clone(found).set_params(**settings).fit(rows)
    np.testing.assert_array_equal(first.labels_, again.labels_)


@pytest.mark.filterwarnings("always::sklearn.exceptions.ConvergenceWarning")
def test_the_least_and_the_highest_number_are_warned_of(found, rows):
    noise = np.random.default_rng(0).random((300, 10))
    with pytest.warns(ConvergenceWarning, match="one cluster was found"):
        one = clone(found).fit(noise)
    assert one.n_clusters_ == 1
    assert (one.predict(noise) == 0).all()
    assert one.sample(2).shape == (2, 10)
    with pytest.warns(ConvergenceWarning, match="raise max_clusters"):
        clone(found).set_params(max_clusters=3).fit(rows)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"objective": "infogan"}, "consistency term"),
        ({"objective": "gan"}, "no term|consistency term"),
        ({"prior": [0.5, 0.5]}, "give a number"),
        ({"max_clusters": 1}, "max_clusters"),
        ({"n_clusters": "many"}, "n_clusters"),
        ({"checkpoint_dir": "there/is/no/folder"}, "checkpoint_dir"),
    ],
)
@pytest.mark.parametrize("kind", [InfoGANClusterer, GANFeatureExtractor])
def test_what_cannot_be_is_refused_before_training(kind, parameters, message, rows, monkeypatch):
    model = kind("auto", **SETTINGS).set_params(**parameters)
    monkeypatch.setattr("gan_cluster.training.schedule.Schedule.find_number", pytest.fail)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        model.fit(rows)
    assert not hasattr(model, "model_")


def test_partial_fit_needs_a_fit_before(rows):
    model = InfoGANClusterer("auto", **SETTINGS)
    with pytest.raises(ValueError, match="call fit first, or give a number"):
        model.partial_fit(rows)
    assert not hasattr(model, "model_")


def test_without_auto_the_highest_number_is_ignored(rows):
    settings = {**SETTINGS, "max_epochs": 2}
    plain, other = (
        InfoGANClusterer(3, **{**settings, "max_clusters": most}).fit(rows) for most in (2, 30)
    )
    np.testing.assert_array_equal(plain.labels_, other.labels_)


@pytest.mark.parametrize(
    ("tried", "advice"), [(20, "raise max_clusters"), (8, "for more, X has too few rows")]
)
def test_the_largest_number_that_was_tried_is_said_to_be_so(tried, advice):
    (message,) = of_number(tried, tried, 20)
    assert message == f"{tried} clusters were found, as many as were tried: {advice}"
