"""The state of a net as a document for JSON and tensors, and back."""

from math import prod
from typing import Any

import torch

from gan_cluster.training.clusters import OF_CLUSTERS
from gan_cluster.training.history import history_columns, history_rows
from gan_cluster.training.net import AdversarialNet
from gan_cluster.training.random import go_on_from

RATES = ("lr", "initial_lr")
MOMENTS = {"step", "exp_avg", "exp_avg_sq"}
State = tuple[dict[str, Any], dict[str, torch.Tensor]]


def net_state(net: AdversarialNet) -> State:
    """Weights, optimizer, clusters, random numbers and history: a document and tensors."""
    trained = net.trained()
    optimizer = trained.pop("optimizer_")
    tensors = {f"clusters.{name}": trained.pop(name) for name in OF_CLUSTERS}
    tensors["clusters.follows"] = torch.tensor(net.clusters.follows)
    tensors["random.step"] = net.rng.get_state()
    for part, weights in trained.items():
        tensors |= {f"{part}.{name}": value for name, value in weights.items()}
    for i, moments in optimizer["state"].items():
        tensors |= {f"optimizer.{i}.{name}": torch.as_tensor(v) for name, v in moments.items()}
    if net.clusters.groups is not None:
        tensors["clusters.groups"] = net.clusters.groups
    rates = [{name: float(group[name]) for name in RATES} for group in optimizer["param_groups"]]
    others, columns = history_columns(net.history)
    return {"rates": rates, "history": others}, tensors | columns


def restore_net(
    net: AdversarialNet,
    document: dict[str, Any],
    tensors: dict[str, torch.Tensor],
    shape: tuple[int, ...],
) -> None:
    """Load a state from :func:`net_state` into a new net for rows of this shape.

    Raises a ValueError, LookupError, RuntimeError or TypeError if it does not fit the net.
    """
    state: dict[str, Any] = {name: {} for name in net.trained() if name not in OF_CLUSTERS}
    if "teacher.weights" in tensors:
        state["teacher"] = {}
    for name, value in tensors.items():
        part, _, key = name.partition(".")
        if part in state:
            state[part][key] = value
    of_clusters = {name: tensors[f"clusters.{name}"] for name in OF_CLUSTERS}
    groups = tensors.get("clusters.groups")
    follows = tensors.get("clusters.follows", torch.tensor(net.clusters.follows))
    if follows.dtype != torch.bool or follows.shape:
        raise ValueError("clusters.follows is neither true nor false")
    n_heads = net.clusters.seen.shape[:-1]
    _check_clusters(groups=groups, n_codes=net.clusters.n_codes, n_heads=n_heads, **of_clusters)
    _check_teacher(state.get("teacher", {}), len(of_clusters["shares"]), prod(shape))
    state |= {name: value.to(net.device, copy=True) for name, value in of_clusters.items()}
    state["optimizer_"] = _optimizer_state(net.optimizer_, document["rates"], tensors)
    net.restore(state)
    net.clusters.groups = None if groups is None else groups.to(net.device)
    net.clusters.follows = bool(follows)
    go_on_from(net.rng, tensors["random.step"])
    net.history.extend(history_rows(document["history"], tensors))


def _check_clusters(
    groups: torch.Tensor | None,
    n_codes: int,
    n_heads: tuple[int, ...],
    **of_clusters: torch.Tensor,
) -> None:
    """Raise a ValueError unless these are valid clusters of codes, for each head if several."""
    size = n_codes if groups is None else len(of_clusters["shares"])
    for name, values in of_clusters.items():
        n = n_codes if name == "usage" else size
        shape = (*n_heads, n) if name == "seen" else (n,)
        if values.shape != shape or values.dtype != torch.float32 or not (values >= 0).all():
            raise ValueError(f"clusters.{name} are no shares")
        sums = values.sum(-1)
        if n and not ((sums > 0.5) & (sums < 2)).all():  # rounded, and those of few rows raised
            raise ValueError(f"clusters.{name} are not shares of a whole")
    if groups is not None and (
        groups.shape != (n_codes,) or set(groups.tolist()) != set(range(size))
    ):
        raise ValueError("clusters.groups are no groups of codes")


def _check_teacher(parts: dict[str, torch.Tensor], n_clusters: int, n_features: int) -> None:
    """Raise a ValueError or KeyError unless these are valid parts of a mixture for such rows."""
    for name, part in parts.items():
        if part.dtype != torch.float32 or not part.isfinite().all():
            raise ValueError(f"teacher.{name} are no finite numbers")
    if parts and (parts["weights"].shape != (n_clusters,) or not (parts["weights"] > 0).all()):
        raise ValueError("teacher.weights are no shares of the clusters")
    if parts and len(parts["center"]) != n_features:
        raise ValueError("teacher.center is none of such rows")
    if parts and not (parts["factors"].diagonal(dim1=-2, dim2=-1) > 0).all():
        raise ValueError("teacher.factors are none of covariances")


def _optimizer_state(
    optimizer: torch.optim.Optimizer, rates: list[dict], tensors: dict[str, torch.Tensor]
) -> dict[str, Any]:
    weights = [w for group in optimizer.param_groups for w in group["params"]]
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimizer."):
            _, index, key = name.split(".")
            if key == "step":
                value = value.clone()  # Adam changes it in place
            else:  # Adam needs moments with the same memory layout as its weights
                value = torch.empty_like(weights[int(index)]).copy_(value)
            state.setdefault(int(index), {})[key] = value
    for kept in state.values():
        if kept.keys() != MOMENTS or kept["step"].shape or kept["step"].dtype != torch.float32:
            raise ValueError("the state of the optimizer is not Adam's")
    groups = [
        {**group, **{name: float(rate[name]) for name in RATES}}
        for group, rate in zip(optimizer.state_dict()["param_groups"], rates, strict=True)
    ]
    return {"state": state, "param_groups": groups}
