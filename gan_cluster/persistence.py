"""Save a fitted estimator in a folder, and load it, without pickle and without running code."""

import os
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from gan_cluster._base import BaseGAN
from gan_cluster._checkpoint import READING
from gan_cluster._folder import CorruptModelError, read_model, write_model
from gan_cluster._validation import changed_parameters, resolve_device
from gan_cluster._version import __version__
from gan_cluster.clusterer import InfoGANClusterer
from gan_cluster.features import GANFeatureExtractor
from gan_cluster.objectives import Objective
from gan_cluster.training.data import Encoding
from gan_cluster.training.random import global_state_kept, torch_generator
from gan_cluster.training.state import net_state, plain, restore_net

ESTIMATORS = {kind.__name__: kind for kind in (InfoGANClusterer, GANFeatureExtractor)}
# fitted attributes that JSON holds as they are; those of the other estimator are left out
PLAIN = (
    "_layout",
    "_row_shape",
    "_merges_late",
    "_chosen",
    "_pooling",
    "_normalize",
    "_map_shapes",
    "layer_names_",
    "mutual_information_",
    "n_features_in_",
)
REDUCTION = ("reduction.center", "reduction.directions")
NEEDED = {"architecture", "augment"}  # without which a model is not what it was
# what Python and torch raise where a document says what cannot be
UNFIT = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


def save(estimator: BaseGAN, path: str | os.PathLike) -> None:
    """Write a fitted estimator into a folder of JSON and safetensors.

    Over an older model the new one takes its place at once: the folder never holds a mix. What is
    not data is left out: networks and functions of your own have to be given to :func:`load` again,
    callbacks, ``checkpoint_dir`` and a ``RandomState`` may be.

    Parameters
    ----------
    estimator : InfoGANClusterer or GANFeatureExtractor
        Fitted.
    path : path-like
        The folder; it is made where it is not there.

    Raises
    ------
    NotFittedError
        Before fit.
    TypeError
        If it is no estimator of this library.
    ValueError
        If parameters that shaped it were changed since fit.
    OSError
        If it cannot be written; an older model then stays as it was.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.datasets import load_wine
    >>> from gan_cluster import InfoGANClusterer, load, save
    >>> X = load_wine().data
    >>> clusterer = InfoGANClusterer(3, max_epochs=2, random_state=0).fit(X)
    >>> with TemporaryDirectory() as folder:
    ...     save(clusterer, folder)
    ...     same = load(folder)
    >>> bool((same.predict(X) == clusterer.predict(X)).all())
    True
    """
    if type(estimator) not in ESTIMATORS.values():
        raise TypeError(f"estimator should be one of {list(ESTIMATORS)}, got {estimator!r}")
    check_is_fitted(estimator)
    changed = changed_parameters(estimator, estimator._trained_params).keys() - {"device"}
    if changed:
        raise ValueError(
            f"{', '.join(sorted(changed))} changed since fit: a model is read as its parameters "
            "say, and would be another; set them back, or fit again"
        )
    net, encoding = estimator.net_, estimator._encoding
    learned, tensors = net_state(net)
    tensors |= {
        "encoding.center": torch.from_numpy(np.array(encoding.center, dtype=np.float64)),
        "encoding.scale": torch.from_numpy(np.array(encoding.scale, dtype=np.float64)),
        "random.batch": estimator._batch_rng.get_state(),
        "order": torch.from_numpy(estimator._order),
    }
    if getattr(estimator, "_reduction", None) is not None:
        parts = map(torch.from_numpy, estimator._reduction)
        tensors |= dict(zip(REDUCTION, parts, strict=True))
    if hasattr(estimator, "labels_"):
        tensors["labels"] = torch.from_numpy(np.ascontiguousarray(estimator.labels_))
    parameters = {k: plain(v) for k, v in estimator.get_params(deep=False).items()}
    parameters |= {"callbacks": NotImplemented, "checkpoint_dir": NotImplemented}
    objective = asdict(net.objective)
    document = {
        "class": type(estimator).__name__,
        "versions": {"gan-cluster": __version__, "torch": version("torch")},
        "parameters": {k: v for k, v in parameters.items() if v is not NotImplemented},
        "given_again": sorted(k for k in NEEDED if parameters[k] is NotImplemented),
        "attributes": {k: plain(vars(estimator)[k]) for k in PLAIN if k in vars(estimator)},
        "feature_names": [*map(str, getattr(estimator, "feature_names_in_", ()))],
        "encoding": {"shape": encoding.shape, "channels_last": encoding.channels_last},
        "objective": {k: v for k, v in objective.items() if plain(v) is not NotImplemented},
        **learned,
    }
    write_model(path, document, {k: v.detach().cpu() for k, v in tensors.items()})


def load(path: str | os.PathLike, **parameters: Any) -> BaseGAN:
    """Read a fitted estimator from a folder that :func:`save` wrote. No code in it is run.

    Parameters
    ----------
    path : path-like
        The folder.
    **parameters
        Parameters that are to be other than they were: ``device``, say, and networks or an
        ``augment`` function of your own, which were not saved.

    Returns
    -------
    estimator : InfoGANClusterer or GANFeatureExtractor
        As it was when it was saved, on the device that its ``device`` stands for here.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or no model in it.
    CorruptModelError
        If the files are not those that were written; a ValueError.
    TypeError
        If networks or a function of yours are not given again.
    ValueError
        If a parameter is unknown, cannot be used here or says how networks are read, or networks
        of yours have not the shapes of those saved.
    """
    document, tensors = read_model(path)
    try:
        known = {k: _tuples(v) if k != "layers" else v for k, v in document["parameters"].items()}
        estimator = ESTIMATORS[document["class"]](**known)
        missing = [name for name in document["given_again"] if name not in parameters]
    except UNFIT as error:
        raise CorruptModelError(f"{path} holds no estimator: {error!r}") from error
    if missing:
        raise TypeError(f"give load() again what could not be saved: {', '.join(missing)}")
    estimator.set_params(**parameters)
    fixed = sorted(READING & parameters.keys())
    if fixed:
        raise ValueError(f"{', '.join(fixed)} cannot be other than in fit: the model is read so")
    estimator._validate_params()
    estimator.device_ = resolve_device(estimator.device)
    with global_state_kept():
        try:
            _restore_rows(estimator, document, tensors)
            architecture = estimator.architecture
            if architecture == "auto":
                architecture = "dcgan" if len(estimator._encoding.shape) == 3 else "mlp"
            _check_shapes(estimator, architecture, tensors)
            _restore_net(estimator, architecture, document, tensors)
        except UNFIT as error:
            raise CorruptModelError(f"{path} does not fit together: {error}") from error
    estimator._remember_parameters()
    return estimator


def _restore_attributes(estimator: BaseGAN, document: dict) -> None:
    for name in PLAIN:
        if name in document["attributes"]:
            setattr(estimator, name, _tuples(document["attributes"][name]))


def _restore_rows(estimator: BaseGAN, document: dict, tensors: dict[str, torch.Tensor]) -> None:
    """What an estimator knows of the rows of fit."""
    if document["feature_names"]:
        estimator.feature_names_in_ = np.array(document["feature_names"], dtype=object)
    shape, last = document["encoding"]["shape"], document["encoding"]["channels_last"]
    scales = tensors["encoding.center"].numpy(), tensors["encoding.scale"].numpy()
    estimator._encoding = Encoding(tuple(shape), last, *scales)
    estimator._order = tensors["order"].numpy()
    if "labels" in tensors:
        estimator.labels_ = tensors["labels"].numpy()


def _check_shapes(
    estimator: BaseGAN, architecture: str | tuple, tensors: dict[str, torch.Tensor]
) -> None:
    """Whether tensors have the shapes that parameters call for, before memory is taken for those.

    Raises
    ------
    ValueError
        If they have others.
    """
    if isinstance(architecture, tuple):
        return  # the caller's, and not those of a file
    if (estimator.depth or 0) > len(tensors):
        raise ValueError("there are fewer tensors than layers")
    with torch.device("meta"):
        made, discriminator = estimator._builder(architecture)(rng=None)
    for name, network in (("generator_", made), ("discriminator_", discriminator)):
        for key, value in network.state_dict().items():
            found = tensors[f"{name}.{key}"].shape
            if found != value.shape:
                raise ValueError(f"{name}.{key} has shape {tuple(found)}, not {tuple(value.shape)}")


def _restore_net(
    estimator: BaseGAN,
    architecture: str | tuple,
    document: dict,
    tensors: dict[str, torch.Tensor],
) -> None:
    """Networks, optimizer, clusters, random numbers, history, and directions of features."""
    objective = Objective(**{"augment": estimator.augment, **_tuples(document["objective"])})
    net = estimator._new_net(architecture, objective, 0, torch_generator(0, estimator.device_))
    _restore_attributes(estimator, document)  # which say how networks are read
    restore_net(net, document, tensors)
    estimator._batch_rng = torch_generator(0)
    estimator._batch_rng.set_state(tensors["random.batch"])
    estimator.net_ = net
    if REDUCTION[0] in tensors:
        center, directions = (tensors[name].numpy() for name in REDUCTION)
        if center.shape != directions.shape[:1]:
            raise ValueError("the directions of features have another number of features")
        estimator._reduction = center, directions


def _tuples(value: Any) -> Any:
    """JSON's lists as tuples, all the way down."""
    if isinstance(value, dict):
        return {key: _tuples(part) for key, part in value.items()}
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
