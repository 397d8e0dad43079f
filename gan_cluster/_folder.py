"""A folder with a model: one file of JSON and safetensors, with no code that runs on loading.

``model.safetensors`` holds the tensors, a JSON document that describes the model, as the bytes of
one more tensor, and a SHA-256 digest of all of them. The file is written under another name and
then renamed, so that other processes see either the old model or the new one, never a mix.
"""

import errno
import hashlib
import json
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

FORMAT = 5
FILE = "model.safetensors"
OLD_DOCUMENT = "model.json"  # of formats 1 and 2
DOCUMENT, DIGEST = "gan_cluster.document", "gan_cluster.sha256"  # names of additional tensors
MAX_DOCUMENT = 4 * 2**20  # bytes; Python's objects may take 30 times as much
MAX_HEADER = 2 * 2**20
PART = re.compile(r"\.gan-cluster-[0-9a-f]{16}\.part")
DEAD = 3600.0  # seconds after which a temporary file must be from a process that was killed
# errors of Python and torch if a document has invalid content
UNFIT = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
WAITS = (0.01, 0.02, 0.05, 0.1, 0.2)  # seconds, until Windows lets go of a file that others read


class CorruptModelError(ValueError):
    """A folder without a saved model, or with a damaged or changed one."""


def write_model(folder: str | os.PathLike, document: dict, tensors: dict) -> None:
    """Write a model into a folder, which is made if it does not exist.

    Parameters
    ----------
    folder : path
        Its parent must exist.
    document : dict
        Data that JSON can hold.
    tensors : dict of str to Tensor

    Raises a FileExistsError if there is a file of that name that this library did not write, and
    another OSError if the file cannot be written, for example on a full disk. An older file is not
    changed then. Raises a ValueError if the model is too large to be read again.
    """
    text = json.dumps({"format": FORMAT, "model": document}).encode()
    if len(text) > MAX_DOCUMENT:
        raise ValueError(
            f"the JSON document of the model takes {len(text) >> 20} MiB, and load accepts at most "
            f"{MAX_DOCUMENT >> 20}: give columns shorter names, or none"
        )
    path = Path(folder, FILE)
    if os.path.lexists(path) and not _is_ours(path):
        told = "it was not written by gan-cluster and is kept: give another folder"
        raise FileExistsError(errno.EEXIST, told, os.fspath(path))
    whole = torch.contiguous_format  # copies, since tied weights share their memory
    parts = {name: v.clone(memory_format=whole) for name, v in tensors.items()}
    parts[DOCUMENT] = torch.frombuffer(bytearray(text), dtype=torch.uint8)
    payload = save_tensors({**parts, DIGEST: _digest(parts)})
    if _header_size(payload) > MAX_HEADER:
        raise ValueError(f"the model has {len(tensors)} arrays, more than load accepts")
    path.parent.mkdir(exist_ok=True)
    write_file(path, payload)
    _remove_dead_parts(path.parent)


def holds_model(folder: str | os.PathLike) -> bool:
    """Whether the folder has a file with the name of a model file."""
    return os.path.lexists(Path(folder, FILE))


def read_model(folder: str | os.PathLike) -> tuple[dict, dict[str, torch.Tensor]]:
    """The document and the tensors of a folder, after their digest was checked.

    Raises a FileNotFoundError if there is no such folder, or no model in it. Raises a
    CorruptModelError if the file was damaged or changed.
    """
    source = Path(folder)
    path = source / FILE
    if not holds_model(source) and (source / OLD_DOCUMENT).exists():
        raise CorruptModelError(
            f"{source} holds a {OLD_DOCUMENT}: {_to_save_again('an older format')}"
        )
    payload = _read_file(path)
    if not _starts_as_ours(payload):
        raise CorruptModelError(f"{path} is not a gan-cluster model, or has too many arrays")
    tensors = _tensors_of(payload, path)
    digest, text = tensors.pop(DIGEST, None), tensors.get(DOCUMENT)
    if digest is None or text is None or not torch.equal(digest, _digest(tensors)):
        raise CorruptModelError(f"{path} was changed: its checksum does not match its content")
    del tensors[DOCUMENT]
    body = _parsed(text.numpy().tobytes(), path)
    if body.get("format") != FORMAT:
        told = _to_save_again(f"format {str(body.get('format'))[:20]}")
        raise CorruptModelError(f"{path}: {told}")
    if not isinstance(body.get("model"), dict):
        raise CorruptModelError(f"{path} is not a gan-cluster model")
    return body["model"], tensors


def _digest(tensors: dict[str, torch.Tensor]) -> torch.Tensor:
    found = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        found.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        found.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return torch.frombuffer(bytearray(found.digest()), dtype=torch.uint8)


def _header_size(payload: bytes) -> int:
    return int.from_bytes(payload[:8], "little")


def _starts_as_ours(payload: bytes) -> bool:
    """Whether the header of a file names our document, and is not too large to read."""
    size = _header_size(payload)
    return size <= MAX_HEADER and f'"{DOCUMENT}"'.encode() in payload[8 : 8 + size]


def _is_ours(path: Path) -> bool:
    """Whether a file is a model of this library, by its header."""
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        return _starts_as_ours(file.read(8 + MAX_HEADER))


def _tensors_of(payload: bytes, path: Path) -> dict[str, torch.Tensor]:
    try:
        return load_tensors(payload)
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CorruptModelError(f"{path} holds no tensors: {error}") from error


def _parsed(text: bytes, path: Path) -> dict[str, Any]:
    if len(text) > MAX_DOCUMENT:
        raise CorruptModelError(f"{path} has a document of more than {MAX_DOCUMENT >> 20} MiB")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CorruptModelError(f"{path} is not JSON: {type(error).__name__}") from error
    if not isinstance(document, dict):
        raise CorruptModelError(f"{path} is not a gan-cluster model")
    return document


def _to_save_again(found: str) -> str:
    return (
        f"it is of {found}, and this version reads format {FORMAT}: before the first release "
        "parameters and networks changed, so the model has to be fitted and saved again"
    )


def _read_file(path: Path) -> bytes:
    """The content of a plain file; links are not followed."""
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent}")
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise CorruptModelError(f"{path} is not a plain file")
    if not path.exists():
        raise FileNotFoundError(f"{path.parent} holds no model: there is no {path.name}")
    return _patiently(path.read_bytes)


def write_file(path: Path, content: bytes) -> None:
    """Write a file in one step: after a failure or a crash, it is either the old or the new one."""
    part = part_of(path)
    with _says_where(path):
        file = part.open("xb")  # never what is there, nor through a link
        try:
            with file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            _patiently(lambda: os.replace(part, path))
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    if os.name == "posix":  # the rename itself has to reach the disk
        parent = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(parent)
        finally:
            os.close(parent)


@contextmanager
def _says_where(path: Path) -> Iterator[None]:
    """Add the file name to errors of the system, which does not always name it."""
    try:
        yield
    except OSError as error:
        told = f"{error.strerror}; what was there before is kept"
        raise OSError(error.errno, told, os.fspath(path)) from error


def part_of(path: Path) -> Path:
    """A random name for a temporary file beside another, unique to this call."""
    return path.with_name(f".gan-cluster-{secrets.token_hex(8)}.part")


def _remove_dead_parts(folder: Path) -> None:
    """Remove temporary files of processes that were killed while they wrote."""
    for part in folder.iterdir():
        if PART.fullmatch(part.name):
            try:
                if time.time() - part.lstat().st_mtime > DEAD:
                    part.unlink()
            except OSError:  # another process removed it, or holds it
                continue


def _patiently(action: Callable[[], Any]) -> Any:
    """Try several times, as Windows refuses while another process has the file open."""
    for wait in WAITS:
        try:
            return action()
        except PermissionError:
            time.sleep(wait)
    return action()
