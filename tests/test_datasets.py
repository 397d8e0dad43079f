"""Folders of images are read as they are; sprites show the factors they were made from."""

import sys

import numpy as np
import pytest
from small import clusterer

from gan_cluster import datasets
from gan_cluster.datasets import SPRITE_FACTORS, _drawn, load_image_folder, make_sprites
from gan_cluster.training import storage

Image = pytest.importorskip("PIL.Image")


@pytest.fixture(scope="module")
def sprites():
    return make_sprites(3000, random_state=0)


def _moments(X):
    """Mass, centre and longest axis of each image."""
    weights = X[:, 0].astype(float)
    mass = weights.sum((1, 2))
    grid = np.arange(X.shape[-1])
    x = (weights * grid).sum((1, 2)) / mass
    y = (weights * grid[:, None]).sum((1, 2)) / mass
    return mass, x, y


def test_shapes_ranges_and_seeds(sprites):
    X, factors = sprites
    assert X.shape == (3000, 1, 32, 32)
    assert X.dtype == np.uint8
    assert (X.min(), X.max()) == (0, 255)
    for column, n_values in zip(factors.T, SPRITE_FACTORS.values(), strict=True):
        assert set(column) == set(range(n_values))
    again, same = make_sprites(3000, random_state=0)
    np.testing.assert_array_equal(again, X)
    np.testing.assert_array_equal(same, factors)
    assert not np.array_equal(make_sprites(3000, random_state=1)[0], X)


def test_place_and_size_are_where_factors_say(sprites):
    X, factors = sprites
    mass, x, y = _moments(X)
    for found, factor in ((x, factors[:, 3]), (y, factors[:, 4])):
        assert np.corrcoef(found, factor)[0, 1] > 0.98
    for shape in range(3):
        chosen = factors[:, 0] == shape
        assert np.corrcoef(np.sqrt(mass[chosen]), factors[chosen, 1])[0, 1] > 0.99
    for scale in range(6):
        areas = [mass[(factors[:, 0] == k) & (factors[:, 1] == scale)].mean() for k in range(3)]
        assert np.ptp(areas) < 0.03 * np.mean(areas)


def test_nothing_reaches_the_border(sprites):
    X, _ = sprites
    border = np.concatenate([X[:, 0, [0, -1]].ravel(), X[:, 0, :, [0, -1]].ravel()])
    assert border.max() < 128


def test_rotation_turns_a_shape_and_a_turn_brings_it_back():
    turns = np.array([[1, 5, turn, 16, 16] for turn in range(40)])
    images = _drawn(turns, 33).astype(float)
    centred = _drawn(np.array([[1, 5, 0, 15.5, 15.5], [1, 5, 10, 15.5, 15.5]]), 33).astype(float)
    assert np.abs(np.rot90(centred[0]) - centred[1]).max() <= 2
    assert np.abs(images[0] - images[10]).sum() > 0.3 * images[0].sum()
    assert np.abs(images[0] - images[20]).max() <= 2  # an ellipse is the same after half a turn


def test_sizes_of_images():
    X, _ = make_sprites(5, image_size=64, random_state=0)
    assert X.shape == (5, 1, 64, 64)
    small, _ = make_sprites(5, random_state=0)
    means = X.reshape(5, 32, 2, 32, 2).mean((2, 4))
    assert np.abs(means - small[:, 0]).mean() < 5


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"n_samples": 0}, "n_samples == 0"), ({"image_size": 7}, "image_size == 7")],
)
def test_bad_input_is_named(settings, message):
    with pytest.raises(ValueError, match=message):
        make_sprites(**settings)


@pytest.fixture
def folder(tmp_path):
    """Eight coloured PNG files in each of three sub-folders, and what is no image beside them."""
    rng = np.random.RandomState(0)
    for name in ("c", "a", "b"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(8):
            pixels = rng.randint(0, 256, (10, 12, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{i}.png")
    (tmp_path / "photos" / "empty").mkdir()
    for name in ("notes.txt", "._0.png", "a/.hidden.jpg"):
        (tmp_path / "photos" / name).write_text("no image")
    return tmp_path / "photos"


def test_a_folder_is_read_as_it_is(folder):
    photos = load_image_folder(folder, image_size=(10, 12))
    assert photos.images.shape == (24, 3, 10, 12)
    assert photos.images.dtype == np.uint8
    assert np.shares_memory(photos.data, photos.images)
    np.testing.assert_array_equal(photos.data, photos.images.reshape(24, 360))
    assert photos.target_names == ["a", "b", "c"]
    np.testing.assert_array_equal(photos.target, np.repeat([0, 1, 2], 8))
    assert photos.filenames[9] == str(folder / "b" / "1.png")
    for filename, image in zip(photos.filenames, photos.images, strict=True):
        np.testing.assert_array_equal(Image.open(filename), image.transpose(1, 2, 0))
    threaded = load_image_folder(folder, image_size=(10, 12), n_jobs=2)
    np.testing.assert_array_equal(threaded.images, photos.images)


def test_without_sub_folders_there_are_no_classes(folder):
    photos = load_image_folder(folder / "a", image_size=8)
    assert photos.images.shape == (8, 3, 8, 8)
    assert photos.target is None
    assert photos.target_names == []


MODES = {
    "RGB": ((200, 100, 50), "jpg", (200, 100, 50)),
    "L": (77, "jpg", (77, 77, 77)),
    "1": (1, "png", (255, 255, 255)),
    "RGBA": ((200, 100, 50, 10), "png", (200, 100, 50)),
    "LA": ((77, 10), "png", (77, 77, 77)),
    "P": (0, "png", (1, 2, 3)),
    "CMYK": ((0, 255, 255, 0), "jpg", (254, 0, 0)),
}


@pytest.mark.parametrize("mode", MODES)
def test_images_of_all_kinds_become_colours(mode, tmp_path):
    colour, extension, expected = MODES[mode]
    image = Image.new(mode, (40, 50), colour)
    settings = {}
    if mode == "P":
        image.putpalette([1, 2, 3, 4, 5, 6])
        settings["transparency"] = b"\x00\xff"
    image.save(tmp_path / f"one.{extension}", **settings)
    (found,) = load_image_folder(tmp_path, image_size=8).images
    assert found.shape == (3, 8, 8)
    assert np.abs(found.astype(int) - np.array(expected)[:, None, None]).max() <= 2


def test_the_middle_is_kept_and_stands_upright(tmp_path):
    pixels = np.zeros((200, 600, 3), dtype=np.uint8)
    pixels[:100, 200:400, 1] = 255  # the upper half of the middle is green
    pixels[:, :190, 0] = pixels[:, 410:, 2] = 255
    image = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise, as phones write it
    image.save(tmp_path / "a.jpg", quality=95)
    image.rotate(90, expand=True).save(tmp_path / "b.jpg", exif=exif, quality=95)
    for found in load_image_folder(tmp_path, image_size=16).images.astype(int):
        assert found[1, :7].min() > 230
        assert found[1, 9:].max() < 25
        assert found[[0, 2]].max() < 40


def test_a_cache_is_written_once(folder, monkeypatch):
    expected = load_image_folder(folder, image_size=8).images
    cache = folder.parent / "photos.npy"

    def cached(size=8):
        return load_image_folder(folder, image_size=size, cache_file=cache)

    first = cached()
    assert isinstance(first.images, np.memmap)
    assert not first.images.flags.writeable
    for images in (first.images, np.load(cache)):
        np.testing.assert_array_equal(images, expected)
    with monkeypatch.context() as patch:
        patch.setattr(datasets, "_image", lambda *args: pytest.fail("a file was read"))
        np.testing.assert_array_equal(cached().images, expected)
    assert cached(9).images.shape == (24, 3, 9, 9)
    Image.new("RGB", (8, 8), "white").save(folder / "a" / "0.png")
    assert (cached().images[0] == 255).all()
    (folder / "a" / "0.png").unlink()
    assert len(cached().images) == 23
    assert {path.name for path in folder.parent.iterdir()} == {"photos", "photos.npy"}
    np.testing.assert_array_equal(first.images, expected)  # who reads an older one keeps it


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_from_a_folder_to_clusters(folder, monkeypatch):
    photos = load_image_folder(folder, image_size=8, cache_file=folder.parent / "photos.npy")
    monkeypatch.setattr(storage, "HELD_BYTES", 0)  # as of a file that memory does not hold
    monkeypatch.setattr(storage, "BLOCK_ROWS", 10)
    assert storage.block_sizes(photos.images, 5) == [8, 8, 8]
    model = clusterer(max_epochs=4, batch_size=5).fit(photos.images)
    assert "contrast" in model.history_[0]
    assert model.sample(2, random_state=0).shape == (2, 3, 8, 8)
    assert model.sample(2, random_state=0).dtype == np.uint8
    assert (model.predict(np.array(photos.images)) == model.labels_).all()


def _truncated(path):
    Image.effect_noise((64, 64), 50).save(path)
    path.write_bytes(path.read_bytes()[:-300])


BROKEN = {
    "text.png": (lambda path: path.write_text("no image"), "no image"),
    "empty.jpg": (lambda path: path.touch(), "no image"),
    "truncated.jpg": (_truncated, "image file is truncated"),
    "cut.png": (_truncated, ""),
    "deep.png": (
        lambda path: Image.fromarray(np.full((9, 9), 4000, dtype=np.uint16)).save(path),
        "more than 8 bits a channel",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_named(name, folder):
    make, reason = BROKEN[name]
    make(folder / "b" / name)
    cache = folder.parent / "cache.npy"
    for cache_file in (None, cache):
        with pytest.raises(ValueError, match=rf"1 of 25 files .*b/{name}' \({reason}"):
            load_image_folder(folder, cache_file=cache_file)
    assert [path.name for path in folder.parent.iterdir()] == ["photos"]


def test_many_broken_files_are_counted(tmp_path):
    for i in range(9):
        (tmp_path / f"{i}.jpg").write_text("no image")
    with pytest.raises(ValueError, match=r"9 of 9 files .*4.jpg' \(no image\) and 4 more"):
        load_image_folder(tmp_path)


def _beside(folder):
    Image.new("RGB", (8, 8)).save(folder / "z.png")


def _twice(folder):
    Image.new("RGB", (8, 8)).save(folder / "b" / "0.jpg")


@pytest.mark.parametrize(
    ("change", "settings", "error", "message"),
    [
        (_beside, {}, ValueError, "z.png' lies beside sub-folders with images"),
        (_twice, {}, ValueError, r"b/0.jpg' and '.*b/0.png' have the same name"),
        (None, {"container_path": "empty"}, ValueError, "holds no images: no file in it ends"),
        (None, {"container_path": "nowhere"}, FileNotFoundError, "there is no such folder"),
        (None, {"container_path": "notes.txt"}, NotADirectoryError, "is a file: give its folder"),
        (None, {"image_size": 7}, ValueError, "image_size == 7"),
        (None, {"image_size": (8, 9, 3)}, ValueError, "should be a number, or height and width"),
        (None, {"image_size": "large"}, TypeError, "image_size must be an instance of int"),
        (None, {"cache_file": "nowhere/photos.npy"}, FileNotFoundError, "there is no folder for"),
        (None, {"cache_file": "notes.txt"}, FileExistsError, "kept: give another name"),
    ],
)
def test_folders_that_cannot_be_read_are_explained(change, settings, error, message, folder):
    if change is not None:
        change(folder)
    settings = {"container_path": ".", **settings}
    for name in settings.keys() - {"image_size"}:
        settings[name] = folder / settings[name]
    with pytest.raises(error, match=message):
        load_image_folder(**settings)
    assert (folder / "notes.txt").read_text() == "no image"


def test_without_pillow_the_extra_is_named(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"gan-cluster\[images\]"):
        load_image_folder(folder)
