"""Images to cluster: images from a folder, and generated sprites with known factors."""

import hashlib
import os
import secrets
from collections.abc import Iterator, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from sklearn.utils import Bunch, check_scalar, gen_batches

from gan_cluster._extras import require
from gan_cluster._seeds import numpy_generator

SPRITE_FACTORS = {"shape": 3, "scale": 6, "rotation": 40, "x": 32, "y": 32}
SHAPES = ("square", "ellipse", "heart")
ELONGATION = 1.3  # factor by which the ellipse is longer, and thinner, than a disc
MARGIN = 0.55  # least distance of a centre from the border, as a share of half a side
CHUNK = 2**21  # pixels that are drawn together

EXTENSIONS = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
MIN_SIZE = 8
MARK = b"gan-cluster images "  # and a digest, at the end of a cache; readers of .npy ignore them
NAMED = 5  # largest number of files that an error names


def load_image_folder(
    container_path: str | os.PathLike,
    *,
    image_size: int | tuple[int, int] = 32,
    cache_file: str | os.PathLike | None = None,
    n_jobs: int | None = None,
) -> Bunch:
    """Load the photographs in a folder as one array of small colour images.

    Images of any size are cropped around their centre and resized. Grey images get three equal
    channels, and transparency is dropped. If there are sub-folders, they are the classes, as in
    :func:`sklearn.datasets.load_files`. Files and folders whose names begin with a dot are ignored.

    Parameters
    ----------
    container_path : path-like
        The folder.
    image_size : int or tuple of int, default=32
        Height and width in pixels, at least 8: one number for both, or two numbers.
    cache_file : path-like, default=None
        A ``.npy`` file, for more images than fit into memory. It is written once, and training
        reads parts of it when needed. If files of the folder or ``image_size`` change, it is
        written again. None keeps the images in memory.
    n_jobs : int, default=None
        Number of threads that read files; -1 uses all processors.

    Returns
    -------
    photographs : :class:`~sklearn.utils.Bunch`
        images : ndarray or read-only memmap of shape (n_samples, 3, height, width)
            In uint8, in the order of the file names.
        data : of shape (n_samples, 3 * height * width)
            The same values, one row for each image.
        filenames : ndarray of shape (n_samples,)
            Paths of the files.
        target : ndarray of shape (n_samples,) or None
            The sub-folder of each image, as an index into ``target_names``. None if there are no
            sub-folders.
        target_names : list of str
            Names of the sub-folders with images, sorted.

    Raises
    ------
    ValueError, TypeError
        If there are no images; if files cannot be read, or have more than 8 bits for each channel
        (the message names them); if the names of two images in a folder differ only in their
        extension; if there are images both in sub-folders and beside them; if ``image_size`` is
        not valid.
    FileNotFoundError, NotADirectoryError
        If there is no such folder, or no folder for ``cache_file``.
    FileExistsError
        If ``cache_file`` exists and was not written by this function; it is not changed.
    ImportError
        If Pillow is missing, which the extra ``images`` installs.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from PIL import Image
    >>> from gan_cluster.datasets import load_image_folder
    >>> with TemporaryDirectory() as folder:
    ...     for name, colour in {"sea": "blue", "wood": "green"}.items():
    ...         Path(folder, name).mkdir()
    ...         Image.new("RGB", (400, 300), colour).save(Path(folder, name, "one.jpg"))
    ...     photographs = load_image_folder(folder, image_size=32)
    >>> photographs.images.shape, photographs.images.dtype
    ((2, 3, 32, 32), dtype('uint8'))
    >>> photographs.target_names, photographs.target
    (['sea', 'wood'], array([0, 1]))
    """
    require("load_image_folder", "images", "Pillow", "PIL")
    sides = image_size if isinstance(image_size, tuple | list) else (image_size, image_size)
    if len(sides) != 2:
        raise ValueError(f"image_size={image_size!r} should be a number, or height and width")
    height, width = (
        int(check_scalar(side, "image_size", Integral, min_val=MIN_SIZE)) for side in sides
    )
    folder = Path(container_path)
    paths = _image_files(folder)
    target, target_names = _classes(folder, paths)
    images = _images(paths, height, width, n_jobs)
    shape = len(paths), 3, height, width
    if cache_file is None:
        array = np.empty(shape, dtype=np.uint8)
        for i, image in enumerate(images):
            array[i] = image
    else:
        array = _cached(Path(cache_file), images, shape, _digest(folder, paths, shape))
    return Bunch(
        data=array.reshape(len(array), -1),
        images=array,
        filenames=np.array([str(path) for path in paths]),
        target=target,
        target_names=target_names,
    )


def _image_files(folder: Path) -> list[Path]:
    """All files below a folder with the extension of an image, sorted."""
    if not folder.exists():
        raise FileNotFoundError(f"container_path={str(folder)!r}: there is no such folder")
    if not folder.is_dir():
        raise NotADirectoryError(f"container_path={str(folder)!r} is a file: give its folder")
    paths = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in EXTENSIONS
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
    )
    if not paths:
        raise ValueError(
            f"{str(folder)!r} holds no images: no file in it ends in one of {', '.join(EXTENSIONS)}"
        )
    known: dict[Path, Path] = {}
    for path in paths:
        other = known.setdefault(path.with_suffix(""), path)
        if other is not path:
            raise ValueError(
                f"{str(other)!r} and {str(path)!r} have the same name: they are most likely the "
                "same image twice; remove or rename one of them"
            )
    return paths


def _classes(folder: Path, paths: list[Path]) -> tuple[np.ndarray | None, list[str]]:
    """For each image the index of its sub-folder, and the names of the sub-folders."""
    parts = [path.relative_to(folder).parts for path in paths]
    outside = [path for path, names in zip(paths, parts, strict=True) if len(names) == 1]
    if len(outside) == len(paths):
        return None, []
    if outside:
        raise ValueError(
            f"{str(outside[0])!r} lies beside sub-folders with images, which are read as "
            "classes: move it into one of them, or all images out of them"
        )
    names, target = np.unique([names[0] for names in parts], return_inverse=True)
    return target, names.tolist()


def _images(paths: list[Path], height: int, width: int, n_jobs: int | None) -> Iterator[np.ndarray]:
    """The images, channels first; at the end, raises a ValueError if some could not be read."""
    tasks = (delayed(_image_or_reason)(path, height, width) for path in paths)
    broken = []
    read = Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")(tasks)
    for path, image in zip(paths, read, strict=True):
        if isinstance(image, str):
            broken.append(f"{str(path)!r} ({image})")
        elif not broken:
            yield image
    if broken:
        more = f" and {len(broken) - NAMED} more" if len(broken) > NAMED else ""
        raise ValueError(
            f"{len(broken)} of {len(paths)} files cannot be read as images: "
            f"{', '.join(broken[:NAMED])}{more}"
        )


def _image_or_reason(path: Path, height: int, width: int) -> np.ndarray | str:
    from PIL import UnidentifiedImageError

    try:
        return _image(path, height, width)
    except UnidentifiedImageError:
        return "no image"
    except Exception as error:  # broken files make Pillow raise whatever there is
        return str(error) or type(error).__name__


def _image(path: Path, height: int, width: int) -> np.ndarray:
    """The image of a file: upright, cropped around its centre, and resized."""
    from PIL import Image, ImageOps

    with Image.open(path) as image:
        if image.mode.startswith(("I", "F")):  # Pillow would cut off what is brighter than 255
            raise ValueError(f"more than 8 bits a channel, mode {image.mode}: convert it to 8")
        side = 2 * max(height, width)
        image.draft("RGB", (side, side))  # a large JPEG need not be decoded in full
        upright: Any = ImageOps.exif_transpose(image)
        if "transparency" in upright.info:
            upright = upright.convert("RGBA")
        fitted = ImageOps.fit(upright.convert("RGB"), (width, height))
        return np.asarray(fitted).transpose(2, 0, 1)


def _digest(folder: Path, paths: list[Path], shape: Sequence[int]) -> bytes:
    """A digest of the present state of these files, by which their cache is recognised."""
    digest = hashlib.sha256(repr(shape).encode())
    for path in paths:
        found = path.stat()
        told = path.relative_to(folder).parts, found.st_size, found.st_mtime_ns
        digest.update(repr(told).encode())
    return MARK + digest.digest()


def _cached(
    path: Path, images: Iterator[np.ndarray], shape: tuple[int, ...], digest: bytes
) -> np.ndarray:
    """The images as a file on disk, which is written unless it exists already."""
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(f"cache_file={str(path)!r}: there is no folder for it")
    end = _end_of(path, len(digest)) if path.exists() else MARK
    if not end.startswith(MARK):
        raise FileExistsError(
            f"cache_file={str(path)!r} exists, was not written by load_image_folder and is kept: "
            "give another name"
        )
    if end != digest:
        part = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        try:
            with open(part, "xb") as file:
                np.lib.format.write_array_header_1_0(file, header)
                for image in images:
                    file.write(np.ascontiguousarray(image).data)
                file.write(digest)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    return np.load(path, mmap_mode="r")


def _end_of(path: Path, size: int) -> bytes:
    with open(path, "rb") as file:
        file.seek(max(0, path.stat().st_size - size))
        return file.read()


def make_sprites(
    n_samples: int = 1000, *, image_size: int = 32, random_state: Any = None
) -> tuple[np.ndarray, np.ndarray]:
    """Make images of white squares, ellipses and hearts on black, with known factors.

    The factors are those of dSprites [1]_, but random instead of all combinations. Nothing is
    downloaded. Shapes of the same scale have the same area.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of images.
    image_size : int, default=32
        Height and width in pixels, at least 8.
    random_state : int, RandomState or None, default=None
        Seed of the factors.

    Returns
    -------
    X : ndarray of shape (n_samples, 1, image_size, image_size)
        Images in uint8, with smooth edges.
    factors : ndarray of shape (n_samples, 5)
        Integers: shape (0 square, 1 ellipse, 2 heart), scale (0 to 5), rotation (0 to 39; 40 is a
        full turn), x and y (0 to 31, from the left and from the top).

    Raises
    ------
    TypeError, ValueError
        If ``n_samples`` or ``image_size`` is not an integer or too small.

    References
    ----------
    .. [1] Matthey, Higgins, Hassabis & Lerchner (2017). dSprites: Disentanglement testing sprites
       dataset.

    Examples
    --------
    >>> from gan_cluster.datasets import make_sprites
    >>> X, factors = make_sprites(100, random_state=0)
    >>> X.shape, factors.shape
    ((100, 1, 32, 32), (100, 5))
    """
    check_scalar(n_samples, "n_samples", Integral, min_val=1)
    check_scalar(image_size, "image_size", Integral, min_val=MIN_SIZE)
    rng = numpy_generator(random_state)
    factors = np.stack([rng.randint(n, size=n_samples) for n in SPRITE_FACTORS.values()], axis=1)
    X = np.empty((n_samples, 1, image_size, image_size), dtype=np.uint8)
    for rows in gen_batches(n_samples, max(1, CHUNK // image_size**2)):
        X[rows, 0] = _drawn(factors[rows], image_size)
    return X, factors


def _drawn(factors: np.ndarray, size: int) -> np.ndarray:
    shape, scale, rotation, x, y = factors.T[:, :, None, None]
    radius = 0.2 + 0.15 * scale / 5  # of the disc of the same area, in half sides of the image
    angle = 2 * np.pi * rotation / 40
    place = (1 - MARGIN) * (2 * np.stack([x, y]) / 31 - 1)
    centres = (2 * np.arange(size) + 1) / size - 1
    right, down = centres - place[0], centres[:, None] - place[1]
    u = (np.cos(angle) * right + np.sin(angle) * down) / radius
    v = (np.cos(angle) * down - np.sin(angle) * right) / radius
    square = np.maximum(np.abs(u), np.abs(v)) * 2 / np.sqrt(np.pi) - 1
    ellipse = np.hypot(u / ELONGATION, v * ELONGATION) - 1
    heart = _heart(u / np.sqrt(1.3), 0.4 - np.sqrt(1.3) * v)
    inside = np.where(shape == 0, square, np.where(shape == 1, ellipse, heart))
    edge = inside * radius * size / 2  # about the distance to the edge in pixels
    return np.round(255 * np.clip(0.5 - edge, 0, 1)).astype(np.uint8)


def _heart(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Negative inside the curve u^2 + (v - |u|^(2/3))^2 = 1, whose area is pi; positive outside."""
    return np.hypot(u, v - np.cbrt(u**2)) - 1
