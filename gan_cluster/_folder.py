"""A folder that holds a model: JSON and safetensors, nothing that could run on loading.

``model.json`` says what the model is and names the file of its tensors by their SHA-256 digest.
It is put in place last, by a rename: a folder that is written over holds the old model or the
new one, never a mix.
"""

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

FORMAT = 2
DOCUMENT = "model.json"
TENSORS = re.compile(r"tensors-[0-9a-f]{64}\.safetensors")
PART = re.compile(r"\..*\.[0-9]+\.part")  # of a process that was killed
MAX_DOCUMENT = 64 * 2**20


class CorruptModelError(ValueError):
    """A folder that is no saved model, or one whose files were damaged or changed."""


def write_model(folder: str | os.PathLike, document: dict, tensors: dict) -> None:
    """Write a model into a folder, which is made if it is not there.

    Parameters
    ----------
    folder : path
        Its parent must exist.
    document : dict
        What JSON can hold.
    tensors : dict of str to Tensor

    Raises an OSError if it cannot be written, as on a full disk; an older model then stays as it
    was.
    """
    target = Path(folder)
    target.mkdir(exist_ok=True)
    whole = torch.contiguous_format  # copies, since tied weights share their memory
    payload = save_tensors({name: v.clone(memory_format=whole) for name, v in tensors.items()})
    digest = hashlib.sha256(payload).hexdigest()
    name = f"tensors-{digest}.safetensors"
    body = {"format": FORMAT, "tensors": name, "model": document}
    sealed = {"sha256": _digest(body), **body}
    write_file(target / name, payload)
    write_file(target / DOCUMENT, json.dumps(sealed, indent=1).encode())
    for other in target.iterdir():
        if (TENSORS.fullmatch(other.name) and other.name != name) or PART.fullmatch(other.name):
            other.unlink()


def holds_model(folder: str | os.PathLike) -> bool:
    """Whether a model was ever written there to its end."""
    return Path(folder, DOCUMENT).exists()


def read_model(folder: str | os.PathLike) -> tuple[dict, dict[str, torch.Tensor]]:
    """The document and the tensors of a folder, once their digests were found right.

    Raises a FileNotFoundError if there is no such folder, or no model in it. Raises a
    CorruptModelError if the files are not those that were written.
    """
    source = Path(folder)
    sealed = _parsed(_read_file(source / DOCUMENT, MAX_DOCUMENT))
    body = {key: value for key, value in sealed.items() if key != "sha256"}
    if body.get("format") != FORMAT:
        raise CorruptModelError(
            f"{source} is of format {str(body.get('format'))[:20]}, and this version reads "
            f"{FORMAT}: before the first release parameters changed their names, so a model of an "
            "older format has to be fitted and saved again"
        )
    if sealed.get("sha256") != _digest(body):
        raise CorruptModelError(f"{source / DOCUMENT} was changed: its digest is not its own")
    name = body.get("tensors")
    if not isinstance(name, str) or not TENSORS.fullmatch(name):
        raise CorruptModelError(f"{source / DOCUMENT} names no file of tensors")
    payload = _read_file(source / name)
    if hashlib.sha256(payload).hexdigest() not in name:
        raise CorruptModelError(f"{source / name} was changed: its digest is not its own")
    try:
        return body["model"], load_tensors(payload)
    except (SafetensorError, KeyError, TypeError) as error:
        raise CorruptModelError(f"{source / name} holds no tensors: {error}") from error


def _digest(body: dict) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _parsed(text: bytes) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CorruptModelError(f"{DOCUMENT} is not JSON: {type(error).__name__}") from error
    if not isinstance(document, dict):
        raise CorruptModelError(f"{DOCUMENT} is no model")
    return document


def _read_file(path: Path, limit: int | None = None) -> bytes:
    """All of a plain file; a link is not followed."""
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent}")
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise CorruptModelError(f"{path} is not a plain file")
    if not path.exists():
        raise FileNotFoundError(f"{path.parent} holds no model: there is no {path.name}")
    if limit is not None and path.stat().st_size > limit:
        raise CorruptModelError(f"{path} is larger than {limit >> 20} MiB")
    return path.read_bytes()


def write_file(path: Path, content: bytes) -> None:
    """Write a file as a whole: after a failure or a crash it is the old one or the new one."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException as error:
        part.unlink(missing_ok=True)
        if isinstance(error, OSError):  # the system's own does not always say where
            told = f"{error.strerror}, what was there before stays"
            raise OSError(error.errno, told, os.fspath(path)) from error
        raise
    if os.name == "posix":  # the rename itself has to reach the disk
        parent = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(parent)
        finally:
            os.close(parent)
