"""Makes a recipe from parameters and rows; each "auto" is replaced by a value here."""

import hashlib
import json
from dataclasses import replace
from functools import partial
from math import ceil
from typing import Any, cast

import numpy as np
import torch
from sklearn.utils import gen_batches
from torch import nn

from gan_cluster._validation.parameters import (
    check_architecture,
    check_augment,
    check_code_sizes,
    check_learning_rate,
    check_prior,
    check_share,
    check_unchanged,
)
from gan_cluster._validation.rows import Rows, check_fit_rows, check_scale
from gan_cluster.codes import LatentCode
from gan_cluster.objectives import OBJECTIVES, Objective
from gan_cluster.training.batches import steps_per_epoch
from gan_cluster.training.data import Encoding, Layout
from gan_cluster.training.history import plain
from gan_cluster.training.labels import Labels
from gan_cluster.training.mixtures import FEW_ROWS
from gan_cluster.training.recipe import (
    DRAWING_EPOCHS,
    DRAWING_STEPS,
    GAME_EPOCHS,
    LOOKING_EPOCHS,
    LOOKING_STEPS,
    STAGE_CODES,
    STAGE_STEPS,
    TRIAL_STEPS,
    Length,
    Recipe,
)
from gan_cluster.training.storage import BLOCK_ROWS, as_array, read

N_INIT, N_HEADS = 4, 8
FEW_IMAGES = 2_000  # with 5,000 images of MNIST, runs are slightly better than heads
CONTRAST = 0.5  # temperature; with 0.2 clusters of the features are worse
CRITIC_PENALTY = 0.1  # gradient penalty of the conditional discriminator
COLOURS = 3  # channels of a photograph
RESIDUAL_SIZE = 32  # pixels of a side, from which residual blocks are better
RATES = 1e-3, 2e-3
GAME_RATES = 1e-3, 1e-3
INFOGAN_RATES = 2e-4, 1e-3  # arXiv:1606.03657, appendix C.1
CODES_IN_TURN = 4, 2  # codes for each cluster, in turn over the runs
NEIGHBORS = 5, 10  # for images, for tables
NEAR_PART = 4  # for images, at most a quarter of the mean number of rows in a cluster
# to find the number of clusters: codes for each possible cluster, and least rows for each code
CODES_SOUGHT, ROWS_SOUGHT = 4, 5
# parameters that may change in further training
FREE = {
    "batch_size",
    "callbacks",
    "checkpoint_dir",
    "max_epochs",
    "n_init",
    "random_state",
    "verbose",
    "warm_start",
}
READ_BY = {"layers", "pooling", "n_components", "normalize"}  # do not affect training
# parameters in which a fit may differ from the fit whose checkpoint it continues
IRRELEVANT = {"callbacks", "checkpoint_dir", "device", "verbose"}

Parameters = dict[str, Any]


def resolve(
    parameters: Parameters,
    rows: Rows,
    device: str,
    n_processes: int = 1,
    begun: Recipe | None = None,
    n_clusters: int | None = None,
) -> Recipe:
    """The recipe for parameters and rows.

    While the number of clusters is not known, the recipe is for the training that finds it, in
    which there are more codes than clusters and each code is a cluster.

    Parameters
    ----------
    parameters : dict
        Parameters of an estimator, each valid by itself.
    rows : Rows
    device : str
        Device of the training.
    n_processes : int, default=1
        Number of processes that train together.
    begun : Recipe, default=None
        Recipe of a model that is trained further; only the length of training changes.
    n_clusters : int, default=None
        The number found for ``n_clusters="auto"``; None if it is not known yet.

    Raises a ValueError or TypeError if parameters do not fit each other, or the rows.
    """
    numbers = _with_whole_numbers(parameters)
    check_share(min(numbers["batch_size"], len(rows.X)), n_processes)
    if begun is not None:
        check_unchanged(parameters, begun.parameters)
        return replace(begun, length=_length(begun, numbers, rows.X, n_processes))
    if parameters["n_clusters"] == "auto" and n_clusters is None:
        parameters = _searching(parameters, rows)
        numbers = _with_whole_numbers(parameters)
    check_fit_rows(rows.X, n_clusters or parameters["n_clusters"] or 1)
    _, shape = _architecture(parameters, rows.layout)
    encoding = Encoding.from_data(rows.X, shape, rows.layout.channels_last)
    check_scale(encoding.scale, encoding.center)
    recipe = resolve_networks(parameters, rows.layout, encoding, device, n_clusters)
    check_augment(recipe.objective.augment, encoding.encode(rows.X[:2]).to(device))
    return replace(recipe, length=_length(recipe, numbers, rows.X, n_processes))


def resolve_networks(
    parameters: Parameters,
    layout: Layout,
    encoding: Encoding,
    device: str,
    n_clusters: int | None = None,
) -> Recipe:
    """A recipe without the length of training, which is enough for a saved model.

    ``n_clusters`` is the number of clusters, if it was found by ``n_clusters="auto"``.
    """
    given, parameters = parameters, _with_whole_numbers(parameters)
    if n_clusters is not None:
        parameters["n_clusters"] = n_clusters
    objective, n_clusters, sizes, in_turn = _objective_and_codes(parameters, encoding.shape)
    learned = objective.continuous_variance == "learned"
    n_continuous = parameters["n_continuous"] if objective.continuous_weight else 0
    prior = check_prior(parameters["prior"], n_clusters, objective.is_consistent)
    finds_sizes = prior == "auto" and objective.is_consistent
    has_twins = objective.augment != "none"
    trained = {name: given[name] for name in given.keys() - FREE - READ_BY}
    if isinstance(trained["objective"], Objective):  # which may be changed in place
        trained["objective"] = replace(trained["objective"])
    return Recipe(
        parameters=trained,
        layout=layout,
        encoding=encoding,
        n_clusters=n_clusters,
        code=LatentCode(parameters["noise_dim"], sizes, n_continuous, learned),
        codes_in_turn=in_turn,
        objective=objective,
        prior=prior if prior != "auto" else "learned" if finds_sizes else "uniform",
        tries_sizes=finds_sizes and has_twins and n_clusters > 1,
        mixtures=finds_sizes and len(encoding.shape) < 3 and n_clusters > 1,
        architecture=_architecture(parameters, layout)[0],
        width=parameters["width"],
        depth=parameters["depth"],
        learning_rates=_learning_rates(parameters["learning_rate"], objective),
        tol=parameters["tol"],
        n_iter_no_change=parameters["n_iter_no_change"],
        precision=parameters["precision"],
        device=device,
    )


def _searching(parameters: Parameters, rows: Rows) -> Parameters:
    """Parameters of the training that finds the number of clusters.

    Raises a ValueError if the number cannot be found with these parameters.
    """
    objective, prior = objective_of(parameters["objective"]), parameters["prior"]
    if not objective.is_consistent:
        raise ValueError(
            f'n_clusters="auto" needs the consistency term, and objective='
            f"{parameters['objective']!r} has none: give a number"
        )
    if not isinstance(prior, str):
        raise ValueError(
            f'prior={prior!r} says the sizes of clusters, and n_clusters="auto" leaves open how '
            'many there are: give a number, or prior="learned"'
        )
    most = CODES_SOUGHT * int(parameters["max_clusters"])
    objective.codes_per_cluster = 1
    if objective.n_neighbors == "auto":  # codes have fewer rows than the clusters that are sought
        objective.n_neighbors = NEIGHBORS[len(_architecture(parameters, rows.layout)[1]) < 3]
    n_codes = max(2, min(most, len(rows.X) // ROWS_SOUGHT))
    return {**parameters, "n_clusters": n_codes, "objective": objective}


def _with_whole_numbers(parameters: Parameters) -> Parameters:
    """Parameters with Python's integers, since small integers of NumPy overflow in products."""
    return {
        name: int(value) if isinstance(value, np.integer | bool) else value
        for name, value in parameters.items()
    }


def objective_of(parameter: str | Objective) -> Objective:
    """A copy of the objective that a name stands for, or of the user's own."""
    objective = OBJECTIVES[parameter] if isinstance(parameter, str) else parameter
    return replace(objective, **_with_whole_numbers(objective.get_params()))


def resolve_device(device: str) -> str:
    """The device to run on; "auto" is a CUDA GPU if there is one.

    Raises a ValueError if the name is unknown or the device is not there.
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        known = torch.device(device)
    except RuntimeError as error:
        raise ValueError(
            f'device={device!r} is unknown: use "auto", "cpu", "cuda", "cuda:0" or "mps"'
        ) from error
    counts = {
        "cpu": 1,
        "cuda": torch.cuda.device_count() if torch.cuda.is_available() else 0,
        "mps": int(torch.backends.mps.is_available()),
    }
    if (known.index or 0) >= counts.get(known.type, 0):
        raise ValueError(f'device={device!r} is not available here: use "auto" or "cpu"')
    return device


def identity(parameters: Parameters, rows: Rows, labels: Labels | None = None) -> str:
    """A digest that two fits must share for one to continue from the checkpoint of the other.

    It depends on X and its layout, the labels and the parameters. Networks and other objects of the
    user count with their weights, which of these are trained, and plain attributes. Functions and
    classes count with their names.
    """
    named = {k: repr(_written(v)) for k, v in parameters.items() if k not in IRRELEVANT}
    said = json.dumps([named, rows.X.shape, str(rows.X.dtype), rows.layout], sort_keys=True)
    digest = hashlib.sha256(said.encode())
    for chunk in gen_batches(len(rows.X), BLOCK_ROWS):
        digest.update(np.ascontiguousarray(read(rows.X, chunk)).data)
    for part in labels or ():
        digest.update(f"{part.dtype} {part.shape}".encode() + part.tobytes())
    return digest.hexdigest()


def _written(value: Any) -> Any:
    """A parameter as a value that JSON can hold."""
    if isinstance(value, Objective):
        return {name: _written(part) for name, part in value.get_params().items()}
    if isinstance(value, partial):
        return _written([value.func, value.args, sorted(value.keywords.items())])
    if isinstance(value, list | tuple):
        return [_written(part) for part in value]
    if isinstance(value, np.random.RandomState):
        return plain(value.get_state(legacy=True))
    if isinstance(value, nn.Module):
        arrays = [as_array(part) for part in (*value.parameters(), *value.buffers())]
        weights = hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()
        trained = [part.requires_grad for part in value.parameters()]
        return [repr(value), weights, trained, [_attributes(part) for part in value.modules()]]
    if not callable(value):
        return plain(value)
    name = getattr(value, "__qualname__", type(value).__qualname__)
    is_object = not hasattr(value, "__qualname__") and hasattr(value, "__dict__")
    return [f"{value.__module__}.{name}", _attributes(value) if is_object else []]


def _attributes(value: Any) -> dict[str, Any]:
    """The attributes of an object that JSON can hold."""
    told = {name: plain(part) for name, part in vars(value).items()}
    return {name: part for name, part in told.items() if part is not NotImplemented}


def _architecture(parameters: Parameters, layout: Layout) -> tuple[str | tuple, tuple[int, ...]]:
    """The architecture, and the shape of a row in its networks."""
    architecture, image = parameters["architecture"], layout.image_shape
    if architecture == "auto":
        architecture = "mlp" if image is None else "dcgan"
        if image is not None and image[0] == COLOURS and min(image[1:]) >= RESIDUAL_SIZE:
            objective = objective_of(parameters["objective"])
            if objective.is_consistent and parameters["n_clusters"] is not None:
                architecture = "resnet"
    check_architecture(architecture, image, parameters["depth"])
    if architecture == "mlp" or image is None:
        return architecture, (int(np.prod(layout.row_shape)),)
    return architecture, image


def _objective_and_codes(
    parameters: Parameters, shape: tuple[int, ...]
) -> tuple[Objective, int, tuple[int, ...], tuple[int, ...]]:
    """The objective without any "auto", the number of clusters, sizes of codes, codes in turn.

    The last says how many values of the first code each cluster has, in turn over the runs.
    """
    objective = objective_of(parameters["objective"])
    others, n_clusters = check_code_sizes(parameters["categorical_codes"]), parameters["n_clusters"]
    if n_clusters is None and others:
        raise ValueError(
            f"categorical_codes={others} come after the cluster, and n_clusters is None: set "
            "n_clusters to the first of them"
        )
    if n_clusters is None or not objective.reads_clusters:
        objective.consistency_weight, n_clusters = 0.0, 0
    if not n_clusters or not objective.info_weight:  # nothing would teach Q to read them
        others = ()
    is_table = len(shape) < 3
    is_photo = not is_table and shape[0] == COLOURS
    if objective.augment == "auto":
        objective.augment = "none" if is_table else "photo" if is_photo else "image"
    if objective.augment == "photo" and not is_photo:
        seen = "rows of a table" if is_table else f"images of {shape[0]} channels"
        raise ValueError(
            f'augment="photo" changes the colours of images of {COLOURS} channels, and networks '
            f'see {seen}: set augment="auto"'
        )
    if objective.augment == "image" and is_table:
        raise ValueError(
            'augment="image" needs images, and networks for them: set image_shape, leave '
            'architecture="auto", or set augment="auto"'
        )
    if objective.contrast_temperature == "auto":
        objective.contrast_temperature = CONTRAST if is_photo else 0.0
    if not objective.is_consistent:
        objective.contrast_temperature = 0.0
    if objective.gradient_penalty == "auto":
        by_rows = objective.is_consistent and not objective.contrast_temperature
        objective.gradient_penalty = CRITIC_PENALTY if by_rows else 0.0
    if objective.contrast_temperature and objective.augment == "none":
        raise ValueError(
            f"contrast_temperature={objective.contrast_temperature} needs two views of a row that "
            'differ, and augment="none" makes none: set augment to a function, or the temperature '
            "to 0"
        )
    if objective.n_neighbors == "auto":
        objective.n_neighbors = NEIGHBORS[is_table]
    in_turn: tuple[Any, ...] = (objective.codes_per_cluster,)
    if in_turn == ("auto",):
        in_turn = CODES_IN_TURN if objective.is_consistent else (1,)
        if objective.contrast_temperature:
            in_turn = in_turn[::-1]  # there is one run, and two codes were measured
        objective.codes_per_cluster = in_turn[0]
    n_codes = n_clusters * objective.codes_per_cluster
    return objective, n_clusters, (n_codes, *others) if n_clusters else (), in_turn


def _learning_rates(parameter: Any, objective: Objective) -> tuple[float, float]:
    """Learning rates of the discriminator with Q, and of the generator with its critic."""
    if isinstance(parameter, str):
        if objective.is_consistent:
            return RATES
        return GAME_RATES if objective.gradient_penalty else INFOGAN_RATES
    return check_learning_rate(parameter)


def _length(recipe: Recipe, parameters: Parameters, X: np.ndarray, n_processes: int) -> Length:
    """Number of epochs, runs and heads, from the number of steps in an epoch."""
    batch_size, max_epochs = min(parameters["batch_size"], len(X)), parameters["max_epochs"]
    is_consistent, n_init = recipe.objective.is_consistent, parameters["n_init"]
    n_steps = steps_per_epoch(X, batch_size, n_processes)
    looking = min(ceil(LOOKING_STEPS / n_steps), LOOKING_EPOCHS) if recipe.looks else 0
    n_codes = recipe.code.categorical[0] if is_consistent and recipe.n_clusters else 1
    forming = ceil(STAGE_STEPS * max(1, n_codes / STAGE_CODES) / n_steps)
    is_table = len(recipe.encoding.shape) < 3
    finds_in_images = is_consistent and not is_table
    drawn = DRAWING_STEPS[is_table] if is_consistent else STAGE_STEPS
    drawing = settling = max(ceil(drawn / n_steps), DRAWING_EPOCHS)
    if max_epochs != "auto":
        looking = max_epochs // 2 if looking else 0
        forming = min(forming, (max_epochs - looking) // 2)
        drawing = max_epochs - looking - forming
    if not is_consistent:  # there is only one stage
        forming, drawing = forming + drawing, 0
        if max_epochs == "auto":
            forming = max(forming, GAME_EPOCHS)
    has_heads = recipe.looks or (finds_in_images and len(X) <= FEW_IMAGES)
    if n_init == "auto":
        n_init = N_HEADS if has_heads else N_INIT if is_consistent else 1
    if not recipe.n_clusters:  # nothing could choose
        n_init = 1
    refining, near = 1.0, cast(int, recipe.objective.n_neighbors)
    if finds_in_images and isinstance(parameters["learning_rate"], str):
        refining = min(1.0, len(X) / (FEW_ROWS * recipe.n_clusters))
    if finds_in_images and objective_of(parameters["objective"]).n_neighbors == "auto":
        near = min(near, max(1, len(X) // (NEAR_PART * recipe.n_clusters)))
    return Length(
        batch_size=batch_size,
        n_runs=1 if has_heads else n_init,
        n_heads=n_init if has_heads and forming else 1,
        looking=looking,
        forming=forming,
        trying=min(ceil(TRIAL_STEPS / n_steps), forming),
        drawing=drawing,
        settling=settling,
        more=(drawing or forming) if max_epochs == "auto" else max_epochs,
        refining=refining,
        n_neighbors=near,
    )
