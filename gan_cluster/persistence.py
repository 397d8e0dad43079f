"""Save and load a fitted estimator in a folder, without pickle and without running code."""

import os
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from gan_cluster._estimator import BaseGAN, check_parameters
from gan_cluster._folder import UNFIT, CorruptModelError, read_model, write_model
from gan_cluster._recipe import READ_BY, resolve_device, resolve_networks
from gan_cluster._validation.parameters import changed_parameters
from gan_cluster._validation.rows import check_dtypes
from gan_cluster._version import __version__
from gan_cluster.clusterer import InfoGANClusterer
from gan_cluster.features import GANFeatureExtractor
from gan_cluster.model import Model
from gan_cluster.objectives import Objective
from gan_cluster.reading import Reading
from gan_cluster.training.data import Encoding, Layout
from gan_cluster.training.history import plain
from gan_cluster.training.modes import usual_modes
from gan_cluster.training.random import gradients_on

ESTIMATORS = {kind.__name__: kind for kind in (InfoGANClusterer, GANFeatureExtractor)}
READING = ("layers", "pooling", "normalize", "n_components", "near", "shapes")
NUMBERS = ("k", "criterion", "counted", "information", "entropy")  # of cluster_numbers_
REDUCTION = ("reduction.center", "reduction.directions")
NEEDED = {"architecture", "objective__augment"}  # have to be given again if they are not data
LEFT_OUT = {"callbacks", "checkpoint_dir"}  # a file must not determine where a later fit writes


def save(estimator: BaseGAN, path: str | os.PathLike) -> None:
    """Save a fitted estimator in a folder, as one file of JSON and safetensors.

    An older model in the folder is replaced in one step, even if other processes read or write
    there at the same time. Only data are saved. Give networks and functions of your own to
    :func:`load` again. Callbacks, ``checkpoint_dir`` and a ``RandomState`` are not saved either;
    they are optional in :func:`load`.

    Parameters
    ----------
    estimator : InfoGANClusterer or GANFeatureExtractor
        Fitted.
    path : path-like
        The folder, which is made if it does not exist.

    Raises
    ------
    NotFittedError
        Before fit.
    TypeError
        If it is not an estimator of this library.
    ValueError
        If parameters that the model depends on were changed after fit; if column names are so long,
        or there are so many epochs, that the model could not be loaded again.
    FileExistsError
        If the folder has a ``model.safetensors`` that this library did not write.
    OSError
        If the file cannot be written; an older model is not changed then.

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
    parameters = estimator.get_params(deep=False)
    reading = getattr(estimator, "reading_", None)
    before = estimator.model_.recipe.parameters | (reading.parameters if reading else {})
    changed = changed_parameters(parameters, before).keys() - {"device"}
    if changed:
        raise ValueError(
            f"{', '.join(sorted(changed))} changed since fit, so the saved model would not be the "
            "fitted one: set them back, or fit again"
        )
    model, tensors = estimator.model_.state()
    if reading is not None and reading.reduction is not None:
        parts = map(torch.from_numpy, reading.reduction)
        tensors |= dict(zip(REDUCTION, parts, strict=True))
    if hasattr(estimator, "labels_"):
        tensors["labels"] = torch.from_numpy(np.ascontiguousarray(estimator.labels_))
    if hasattr(estimator, "merge_tree_"):
        numbers = {**estimator.cluster_numbers_, "tree": estimator.merge_tree_}
        tensors |= {f"numbers.{name}": torch.from_numpy(part) for name, part in numbers.items()}
    if isinstance(parameters["objective"], Objective):
        weights = parameters.pop("objective").get_params()
        parameters |= {f"objective__{name}": value for name, value in weights.items()}
    parameters = {name: plain(value) for name, value in parameters.items()}
    parameters |= dict.fromkeys(LEFT_OUT, NotImplemented)
    document = {
        "class": type(estimator).__name__,
        "versions": {"gan-cluster": __version__, "torch": version("torch")},
        "parameters": {k: v for k, v in parameters.items() if v is not NotImplemented},
        "given_again": sorted(k for k in NEEDED if parameters.get(k) is NotImplemented),
        "n_features": estimator.n_features_in_,
        "feature_names": [*map(str, getattr(estimator, "feature_names_in_", ()))],
        "model": model,
    }
    if estimator.n_clusters == "auto":
        document["n_clusters"] = estimator.model_.recipe.n_clusters
    if reading is not None:
        document["reading"] = {name: plain(getattr(reading, name)) for name in READING}
        document["layer_names"] = estimator.layer_names_
    write_model(path, document, {k: v.detach().cpu() for k, v in tensors.items()})


def load(path: str | os.PathLike, **parameters: Any) -> BaseGAN:
    """Load a fitted estimator from a folder that :func:`save` wrote. No code from it is run.

    Parameters
    ----------
    path : path-like
        The folder.
    **parameters
        Parameters to change, such as ``device``, and networks or an ``objective__augment``
        function of your own, which are not saved.

    Returns
    -------
    estimator : InfoGANClusterer or GANFeatureExtractor
        The estimator as it was saved, on the device that ``device`` means on this machine.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or no model in it.
    CorruptModelError
        If the file was damaged or changed; this is a ValueError.
    TypeError
        If networks or a function of your own are not given again.
    ValueError
        If a parameter is unknown, cannot be used on this machine, or is one of ``layers``,
        ``pooling``, ``n_components`` and ``normalize``; if the weights of networks of your own
        have other shapes than the saved ones.
    """
    document, tensors = read_model(path)
    try:
        kind = ESTIMATORS[document["class"]]
        if LEFT_OUT & document["parameters"].keys():
            raise ValueError("a file cannot set callbacks and checkpoint_dir")
        known = {k: _tuples(v) if k != "layers" else v for k, v in document["parameters"].items()}
        weights = {k: known.pop(k) for k in list(known) if k.startswith("objective__")}
        if weights:
            known["objective"] = Objective()
        estimator = kind(**known).set_params(**weights)
        missing = [
            name
            for name in document["given_again"]
            if name not in parameters and name.partition("__")[0] not in parameters
        ]
    except UNFIT as error:
        raise CorruptModelError(f"{path} holds no estimator: {error!r}") from error
    if missing:
        raise TypeError(f"give load() again what could not be saved: {', '.join(missing)}")
    estimator.set_params(**parameters)
    fixed = sorted(READ_BY & parameters.keys())
    if fixed:
        raise ValueError(f"{', '.join(fixed)} has to be as in fit: the model depends on it")
    check_parameters(estimator)
    device = resolve_device(estimator.device)
    with usual_modes(), gradients_on():
        try:
            _restore(estimator, document, tensors, device)
        except UNFIT as error:
            raise CorruptModelError(f"{path} does not fit together: {error}") from error
    return estimator


def _restore(
    estimator: BaseGAN, document: dict[str, Any], tensors: dict[str, torch.Tensor], device: str
) -> None:
    """Set the fitted attributes of an estimator."""
    model = document["model"]
    layout = Layout(**{name: _tuples(value) for name, value in model["layout"].items()})
    check_dtypes(layout)
    encoding = Encoding(
        shape=_tuples(model["encoding"]["shape"]),
        channels_last=model["encoding"]["channels_last"],
        center=tensors["encoding.center"].numpy(),
        scale=tensors["encoding.scale"].numpy(),
    )
    shapes = {encoding.center.shape, encoding.scale.shape}
    is_finite = np.isfinite(encoding.center).all() and np.isfinite(encoding.scale).all()
    if shapes not in ({(1,)}, {(document["n_features"],)}) or not is_finite:
        raise ValueError("encoding.center and encoding.scale are not those of rows")
    found = int(document["n_clusters"]) if estimator.n_clusters == "auto" else None
    recipe = resolve_networks(estimator.get_params(deep=False), layout, encoding, device, found)
    estimator.model_ = Model.from_state(recipe, model, tensors)
    estimator.n_features_in_ = int(document["n_features"])
    if document["feature_names"]:
        estimator.feature_names_in_ = np.array(document["feature_names"], dtype=object)
    if "labels" in tensors:
        estimator.labels_ = tensors["labels"].numpy()
    if "numbers.tree" in tensors:
        numbers = {name: tensors[f"numbers.{name}"].numpy() for name in NUMBERS}
        estimator.cluster_numbers_ = Bunch(**numbers)
        estimator.merge_tree_ = tensors["numbers.tree"].numpy()
    if isinstance(estimator, InfoGANClusterer):
        estimator.mutual_information_ = estimator.history_[-1].get("mutual_information", 0.0)
    else:
        _restore_reading(estimator, document, tensors)


def _restore_reading(
    estimator: GANFeatureExtractor, document: dict[str, Any], tensors: dict[str, torch.Tensor]
) -> None:
    reading = Reading(**document["reading"])
    reading.shapes = {name: tuple(shape) for name, shape in reading.shapes.items()}
    if REDUCTION[0] in tensors:
        center, directions = (tensors[name].numpy() for name in REDUCTION)
        if center.shape != directions.shape[:1]:
            raise ValueError("the directions of features have another number of features")
        reading.reduction = center, directions
    reading.parameters = {name: getattr(estimator, name) for name in READ_BY}
    estimator.reading_, estimator.layer_names_ = reading, list(document["layer_names"])


def _tuples(value: Any) -> Any:
    """Replace lists by tuples, at all levels."""
    if isinstance(value, dict):
        return {key: _tuples(part) for key, part in value.items()}
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
