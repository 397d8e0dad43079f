"""Export a fitted estimator to ONNX, to run it without PyTorch and without this library."""

import logging
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from gan_cluster._estimator import BaseGAN
from gan_cluster._extras import require
from gan_cluster._folder import write_file
from gan_cluster.features import GANFeatureExtractor
from gan_cluster.model import Model
from gan_cluster.training.data import FAR
from gan_cluster.training.modes import usual_modes

Read = Callable[[Tensor], Tensor]


def export_onnx(estimator: BaseGAN, path: str | os.PathLike) -> dict[str, Path]:
    """Write a fitted estimator as two ONNX graphs, for onnxruntime and other programs.

    ``read.onnx`` has the input ``X``: rows in the units, the shape and the dtype of the X of fit.
    If that was a DataFrame, ``X`` is an array of float64. The outputs are ``transform`` and, for a
    clusterer, ``predict_proba``. ``generate.onnx`` has the inputs ``codes`` (unless there are no
    codes) and ``noise``, both float32, as in :meth:`InfoGANClusterer.generate`. Its output ``X`` is
    in the units, the shape and the dtype of the X of fit. Batches may have any size.

    Parameters
    ----------
    estimator : InfoGANClusterer or GANFeatureExtractor
        Fitted.
    path : path-like
        A folder, which is made if it does not exist. Existing files with these names are replaced.

    Returns
    -------
    files : dict of str to Path
        Paths of both files, by the names ``"read"`` and ``"generate"``.

    Raises
    ------
    ImportError
        If onnx or onnxscript is missing.
    NotFittedError
        Before fit.
    TypeError
        If it is not an estimator of this library.
    ValueError
        If networks of your own use operations that ONNX does not have. Nothing is written then.
    OSError
        If a file cannot be written.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from onnxruntime import InferenceSession
    >>> from sklearn.datasets import load_wine
    >>> from gan_cluster import InfoGANClusterer, export_onnx
    >>> X = load_wine().data
    >>> clusterer = InfoGANClusterer(3, max_epochs=2, random_state=0).fit(X)
    >>> with TemporaryDirectory() as folder:
    ...     files = export_onnx(clusterer, folder)
    ...     session = InferenceSession(files["read"])
    ...     (probabilities,) = session.run(["predict_proba"], {"X": X})
    >>> bool(np.allclose(probabilities, clusterer.predict_proba(X), atol=1e-4))
    True
    """
    require("export_onnx", "onnx", "onnx and onnxscript", "onnx", "onnxscript")
    if not isinstance(estimator, BaseGAN):
        raise TypeError(
            "estimator should be an InfoGANClusterer or a GANFeatureExtractor, got "
            f"{type(estimator).__name__}"
        )
    check_is_fitted(estimator)
    model = estimator.model_.to("cpu")
    with usual_modes(), torch.no_grad():
        contents = {"read": _reading(estimator, model), "generate": _generating(model)}
    Path(path).mkdir(exist_ok=True)
    files = {name: Path(path, f"{name}.onnx") for name in contents}
    for name, content in contents.items():
        write_file(files[name], content)
    return files


def _reading(estimator: BaseGAN, model: Model) -> bytes:
    """The graph of probabilities and features."""

    def probabilities(batch: Tensor) -> Tensor:
        return model.softmax(model.net.code.logits(model.discriminator(batch).code))[0]

    results: dict[str, Read] = {
        "predict_proba": probabilities,
        "transform": model.discriminator.features,
    }
    if isinstance(estimator, GANFeatureExtractor):
        reading = estimator.reading_
        results = {"transform": lambda batch: reading.features(model, batch)}
    rows = torch.zeros(2, *model.layout.row_shape, dtype=_dtype_of(model))
    return _exported(Reads(model, [*results.values()]), {"X": rows}, [*results])


def _generating(model: Model) -> bytes:
    """The graph of the generator."""
    given = {"noise": torch.zeros(2, model.net.code.noise_dim)}
    if model.code_names:
        given = {"codes": torch.zeros(2, len(model.code_names)), **given}
    return _exported(Generates(model), given, ["X"])


def _dtype_of(model: Model) -> torch.dtype:
    """The dtype of X in a graph."""
    name = model.layout.dtype if isinstance(model.layout.dtype, str) else "float64"
    return torch.from_numpy(np.empty(0, dtype=name)).dtype


class Reads(nn.Module):
    """Maps rows in the units of X to the results of functions of encoded batches."""

    center: Tensor
    scale: Tensor

    def __init__(self, model: Model, functions: list[Read]):
        super().__init__()
        self.discriminator = model.discriminator
        self.functions = functions
        self.encoding = model.encoding
        scale = np.where(model.encoding.scale == 0, 1.0, model.encoding.scale)
        self.register_buffer("center", torch.tensor(model.encoding.center, dtype=torch.float64))
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float64))

    def forward(self, X: Tensor) -> tuple[Tensor, ...]:
        scaled = (X.flatten(1).double() - self.center) / self.scale
        batch = scaled.float().clamp(-FAR, FAR)
        if self.encoding.channels_last and len(self.encoding.shape) == 3:
            channels, height, width = self.encoding.shape
            batch = batch.reshape(-1, height, width, channels).permute(0, 3, 1, 2)
        batch = batch.reshape(-1, *self.encoding.shape)
        return tuple(function(batch) for function in self.functions)


class Generates(nn.Module):
    """Maps codes and noise to rows in the units, the shape and the dtype of X."""

    center: Tensor
    scale: Tensor

    def __init__(self, model: Model):
        super().__init__()
        self.generator = model.generator
        self.encoding = model.encoding
        self.row_shape = model.layout.row_shape
        self.dtype = _dtype_of(model)
        self.categorical = model.net.code.categorical
        self.register_buffer("center", torch.tensor(model.encoding.center, dtype=torch.float64))
        self.register_buffer("scale", torch.tensor(model.encoding.scale, dtype=torch.float64))
        for j, size in enumerate(self.categorical):
            # several values of the code may make one cluster: take the most frequent one
            values = torch.arange(size) if j else model.values_of(np.arange(model.n_clusters), None)
            self.register_buffer(f"inputs{j}", torch.eye(size)[values])

    def forward(self, *given: Tensor) -> Tensor:
        *codes, noise = given
        inputs = [noise]
        for j in range(len(self.categorical)):
            inputs.append(getattr(self, f"inputs{j}")[codes[0][:, j].long()])
        if codes:
            inputs.append(codes[0][:, len(self.categorical) :])
        drawn = self.generator(torch.cat(inputs, dim=1))
        if len(self.encoding.shape) == 3:
            drawn = drawn.clamp(-1, 1)
            if self.encoding.channels_last:
                drawn = drawn.permute(0, 2, 3, 1)
        rows = drawn.flatten(1).double() * self.scale + self.center
        return self._as_given(rows).reshape(-1, *self.row_shape)

    def _as_given(self, rows: Tensor) -> Tensor:
        if self.dtype.is_floating_point:
            limits = torch.finfo(self.dtype)
            return rows.clamp(limits.min, limits.max).to(self.dtype)
        if self.dtype == torch.bool:
            return rows > 0.5
        whole = torch.iinfo(self.dtype)
        most = np.nextafter(float(whole.max), 0) if whole.max > 2**53 else whole.max
        return rows.round().clamp(whole.min, most).to(self.dtype)


def _exported(module: nn.Module, batch: dict[str, Tensor], results: list[str]) -> bytes:
    """A module as an ONNX graph; the names and shapes of its inputs are those of the batch."""
    sizes = tuple({0: torch.export.Dim("n_samples")} for _ in batch)
    try:
        with _quiet():
            program = torch.onnx.export(
                module.eval(),
                tuple(batch.values()),
                dynamo=True,
                input_names=list(batch),
                output_names=results,
                dynamic_shapes=sizes if isinstance(module, Reads) else (sizes,),
                verbose=False,
            )
            return program.model_proto.SerializeToString()  # type: ignore[union-attr]
    except Exception as error:
        reason = next(iter(str(error).strip().splitlines()), repr(error))
        raise ValueError(
            f"{', '.join(results)}: PyTorch {torch.__version__} cannot export these networks; they "
            f"may use an operation that ONNX does not have, or PyTorch is too old ({reason})"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence messages of torch's exporter about itself and about missing packages."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
