"""Files are written whole: on a full disk older ones stay, and all goes on once there is room."""

import errno
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
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


FULL = r"No space left on device; what was there before is kept: '.*model.*'"


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


def _states(n):
    """Documents and tensors that are told apart, and are of the same only together."""
    return [({"state": i}, {"values": torch.full((50_000,), float(i))}) for i in range(n)]


def _is_whole(folder):
    document, tensors = _folder.read_model(folder)
    return bool((tensors["values"] == document["state"]).all())


def test_who_saves_and_reads_at_the_same_time_sees_whole_models(tmp_path):
    _folder.write_model(tmp_path, *_states(1)[0])
    with ThreadPoolExecutor(6) as pool:
        saves = [pool.submit(_folder.write_model, tmp_path, *state) for state in _states(60)]
        reads = [pool.submit(_is_whole, tmp_path) for _ in range(120)]
        assert not any(save.exception() for save in saves)
        assert all(read.result() for read in reads)
    assert os.listdir(tmp_path) == ["model.safetensors"]


def _save_often(folder, number):
    for _ in range(20):
        _folder.write_model(folder, *_states(number + 1)[number])


def test_processes_may_save_in_one_folder(tmp_path):
    folder = tmp_path / "model"
    others = [get_context("spawn").Process(target=_save_often, args=(folder, i)) for i in range(2)]
    for process in others:
        process.start()
    while any(process.is_alive() for process in others):
        assert not _folder.holds_model(folder) or _is_whole(folder)
    assert [process.exitcode for process in others] == [0, 0]
    assert os.listdir(folder) == ["model.safetensors"]


FOREIGN = {
    "model.json": b'{"layers": 3}',
    f"tensors-{'0' * 64}.safetensors": b"weights",
    ".model.json.123.part": b"half",
    ".gan-cluster-notes.part": b"notes",
    "notes.txt": b"ours",
}


def test_files_of_others_stay(tmp_path, blobs):
    for name, content in FOREIGN.items():
        (tmp_path / name).write_bytes(content)
        os.utime(tmp_path / name, (0, 0))
    X, _ = blobs
    model = clusterer(checkpoint_dir=tmp_path).fit(X)
    for seed in range(2):
        save(model.set_params(random_state=seed), tmp_path)
    assert load(tmp_path).random_state == 1
    found = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    del found["model.safetensors"]
    assert found == FOREIGN


@pytest.mark.parametrize("kind", ["weights of others", "no weights", "a link", "a folder"])
def test_a_file_of_others_is_not_written_over(kind, tmp_path, blobs, no_training):
    target, elsewhere = tmp_path / "model.safetensors", tmp_path / "elsewhere"
    elsewhere.write_bytes(b"of others")
    {
        "weights of others": lambda: save_file({"a": torch.zeros(3)}, target),
        "no weights": lambda: target.write_bytes(b"of others"),
        "a link": lambda: target.symlink_to(elsewhere),
        "a folder": lambda: target.mkdir(),
    }[kind]()
    before = target.lstat().st_mtime_ns
    with pytest.raises(FileExistsError, match="it was not written by gan-cluster and is kept"):
        _folder.write_model(tmp_path, *_states(1)[0])
    with pytest.raises(_folder.CorruptModelError):
        clusterer(checkpoint_dir=tmp_path).fit(blobs[0])
    assert target.lstat().st_mtime_ns == before
    assert sorted(os.listdir(tmp_path)) == ["elsewhere", "model.safetensors"]


def test_a_planted_part_is_not_written_through(tmp_path, monkeypatch):
    monkeypatch.setattr(_folder.secrets, "token_hex", lambda n: "0" * 2 * n)
    victim, path = tmp_path / "victim", tmp_path / "scores.json"
    victim.write_text("of others")
    part = _folder.part_of(path)
    part.symlink_to(victim)
    with pytest.raises(FileExistsError, match="what was there before is kept"):
        _folder.write_file(path, b"new")
    assert victim.read_text() == "of others"
    assert part.is_symlink()
    assert not path.exists()


def test_what_killed_processes_left_is_removed_and_what_others_write_stays(tmp_path):
    dead, alive = (_folder.part_of(tmp_path / "model") for _ in range(2))
    for part in (dead, alive):
        part.touch()
    os.utime(dead, (0, 0))
    _folder.write_model(tmp_path, *_states(1)[0])
    assert sorted(os.listdir(tmp_path)) == sorted([alive.name, "model.safetensors"])


def test_a_file_that_is_held_for_a_moment_is_waited_for(tmp_path, monkeypatch):
    tries, replace = [], os.replace

    def held(*paths):
        tries.append(paths)
        if len(tries) < 3:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        replace(*paths)

    monkeypatch.setattr(_folder.os, "replace", held)
    _folder.write_model(tmp_path, *_states(1)[0])
    assert _is_whole(tmp_path)
    tries.clear()
    monkeypatch.setattr(_folder, "WAITS", ())
    with pytest.raises(PermissionError, match="what was there before is kept"):
        _folder.write_model(tmp_path, *_states(1)[0])


def test_what_could_not_be_read_again_is_not_written(tmp_path):
    folder = tmp_path / "model"
    for document, tensors, message in [
        ({"names": ["a" * 2**20] * 5}, {}, "5 MiB, and load accepts at most 4"),
        ({}, {f"{i:080}": torch.zeros(1) for i in range(20_000)}, "20000 arrays, more than load"),
    ]:
        with pytest.raises(ValueError, match=message):
            _folder.write_model(folder, document, tensors)
    assert not list(folder.glob("*"))


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
