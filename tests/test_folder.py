"""Files are written whole: on a full disk older ones stay, and all goes on once there is room."""

import errno
import os
import subprocess

import numpy as np
import pytest
from skorch.callbacks import Callback
from small import clusterer

from gan_cluster import _folder, load, save
from gan_cluster.training import checkpoint


class Disk:
    """A folder whose disk is full to the caller."""

    def __init__(self, folder):
        self.folder, self.patch = folder, pytest.MonkeyPatch()

    def fill(self):
        def fsync(file):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        self.patch.setattr(_folder.os, "fsync", fsync)

    def free(self):
        self.patch.undo()


class SmallDisk(Disk):
    """One of a megabyte, in memory."""

    def fill(self):
        with (self.folder / "filler").open("wb", buffering=0) as file:
            for size in (4096, 1):
                try:
                    while file.write(bytes(size)):
                        pass
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def free(self):
        (self.folder / "filler").unlink()


@pytest.fixture(params=["simulated", "mounted"])
def disk(request, tmp_path):
    if request.param == "simulated":
        simulated = Disk(tmp_path)
        yield simulated
        simulated.free()
        return
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a tmpfs cannot be mounted here")
    try:
        yield SmallDisk(tmp_path)
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


FULL = r"No space left on device, what was there before stays: '.*model.*'"


def test_a_model_is_not_lost(disk, blobs):
    X, _ = blobs
    older, newer = (clusterer(random_state=seed).fit(X) for seed in range(2))
    folder = disk.folder / "model"
    save(older, folder)
    before = sorted(os.listdir(folder))
    disk.fill()
    with pytest.raises(OSError, match=FULL):
        save(newer, folder)
    assert sorted(os.listdir(folder)) == before
    np.testing.assert_array_equal(load(folder).transform(X), older.transform(X))
    disk.free()
    save(newer, folder)
    np.testing.assert_array_equal(load(folder).transform(X), newer.transform(X))


@pytest.mark.parametrize("fails", ["fsync", "replace"])
def test_an_error_leaves_the_old_file_whole(fails, tmp_path, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    path = tmp_path / "scores.json"
    path.write_text("old")
    monkeypatch.setattr(_folder.os, fails, interrupted)
    with pytest.raises(KeyboardInterrupt):
        _folder.write_file(path, b"new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


class Fills(Callback):
    """Counts epochs, and fills a disk in the third."""

    def __init__(self, disk=None):
        self.disk, self.epochs_ = disk, 0

    def on_epoch_begin(self, net, **kwargs):
        self.epochs_ += 1
        if self.disk and self.epochs_ == 3:
            self.disk.fill()


def test_a_checkpoint_is_not_lost(disk, blobs, monkeypatch):
    monkeypatch.setattr(checkpoint, "WRITING_SHARE", 1.0)  # after every epoch
    X, _ = blobs
    whole = clusterer(max_epochs=6).fit(X)
    settings = {"max_epochs": 6, "checkpoint_dir": disk.folder / "model"}
    model = clusterer(callbacks=[Fills(disk)], **settings)
    with pytest.raises(OSError, match=FULL):
        model.fit(X)
    assert not hasattr(model, "model_")
    assert _folder.read_model(disk.folder / "model")[0]["done"] == 2
    disk.free()
    rest = Fills()
    again = clusterer(callbacks=[rest], **settings).fit(X)
    assert rest.epochs_ == 4
    np.testing.assert_array_equal(again.transform(X), whole.transform(X))
