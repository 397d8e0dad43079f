"""All that a net has learned, as what JSON and safetensors hold, and back."""

from typing import Any

import numpy as np
import torch

from gan_cluster.training.net import AdversarialNet
from gan_cluster.training.random import go_on_from

RATES = ("lr", "initial_lr")
State = tuple[dict[str, Any], dict[str, torch.Tensor]]


def net_state(net: AdversarialNet) -> State:
    """Weights, optimizer, clusters, random numbers and history: a document and tensors."""
    trained = net.trained()
    optimizer = trained.pop("optimizer_")
    tensors = {"clusters.shares": trained.pop("shares"), "random.step": net.rng.get_state()}
    for part, weights in trained.items():
        tensors |= {f"{part}.{name}": value for name, value in weights.items()}
    for i, moments in optimizer["state"].items():
        tensors |= {f"optimizer.{i}.{name}": torch.as_tensor(v) for name, v in moments.items()}
    if net.clusters.groups is not None:
        tensors["clusters.groups"] = net.clusters.groups
    rates = [{name: float(group[name]) for name in RATES} for group in optimizer["param_groups"]]
    rows = [{name: row[name] for name in row if name != "batches"} for row in net.history]
    return {"rates": rates, "history": plain(rows)}, tensors


def restore_net(
    net: AdversarialNet, document: dict[str, Any], tensors: dict[str, torch.Tensor]
) -> None:
    """Load what :func:`net_state` gave into a net that was just made."""
    state: dict[str, Any] = {name: {} for name in net.trained() if name != "shares"}
    for name, value in tensors.items():
        part, _, key = name.partition(".")
        if part in state:
            state[part][key] = value
    state["shares"] = tensors["clusters.shares"].to(net.device)
    state["optimizer_"] = _optimizer_state(net.optimizer_, document["rates"], tensors)
    net.restore(state)
    net.clusters.groups = None
    if "clusters.groups" in tensors:
        net.clusters.groups = tensors["clusters.groups"].to(net.device)
    go_on_from(net.rng, tensors["random.step"])
    for row in document["history"]:
        net.history.new_epoch()
        for name, value in row.items():
            net.history.record(name, value)


def _optimizer_state(
    optimizer: torch.optim.Optimizer, rates: list[dict], tensors: dict[str, torch.Tensor]
) -> dict[str, Any]:
    weights = [w for group in optimizer.param_groups for w in group["params"]]
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimizer."):
            _, index, key = name.split(".")
            if key != "step":  # Adam needs its moments laid out as its weights are
                value = torch.empty_like(weights[int(index)]).copy_(value)
            state.setdefault(int(index), {})[key] = value
    groups = [
        {**group, **rate}
        for group, rate in zip(optimizer.state_dict()["param_groups"], rates, strict=True)
    ]
    return {"state": state, "param_groups": groups}


def plain(value: Any) -> Any:
    """What JSON holds of a value; NotImplemented where it cannot say it.

    >>> plain((1, np.float64(0.5), [None])), plain(print)
    ([1, 0.5, [None]], NotImplemented)
    """
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        parts = [plain(part) for part in value]
        return NotImplemented if any(part is NotImplemented for part in parts) else parts
    return value if value is None or isinstance(value, bool | str | int | float) else NotImplemented
