"""Processes that train one model together, launched by ``torchrun`` or ``accelerate launch``."""

import os
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn


class Processes:
    """Communication of processes, so that all of them end with the same model.

    All processes start from the same seed and get different rows of each batch. Gradients, the
    means of history and the statistics of batch normalisation are averaged, so weights stay equal.

    Parameters
    ----------
    accelerator : accelerate.Accelerator or None
        How processes communicate; None for a single process.

    Attributes
    ----------
    rank, count : int
        The number of this process, and how many there are.
    """

    def __init__(self, accelerator: Any = None):
        self.accelerator = accelerator
        self.rank = accelerator.process_index if accelerator else 0
        self.count = accelerator.num_processes if accelerator else 1

    def mean(self, values: Tensor) -> Tensor:
        """The mean of a tensor over all processes."""
        return self.accelerator.reduce(values, "mean") if self.accelerator else values

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Replace floating point tensors by their means over processes, in one exchange."""
        if self.accelerator:
            parts = [part for part in tensors if part.is_floating_point()]
            flat = torch.cat([part.detach().flatten() for part in parts])
            for part, mean in zip(
                parts, self.mean(flat).split([p.numel() for p in parts]), strict=True
            ):
                part.detach().copy_(mean.view_as(part))

    def average_gradients(self, player: nn.Module) -> None:
        """Average the gradients of a player over processes, for a step on the whole batch."""
        if self.accelerator:
            self.average(w.grad for w in player.parameters() if w.grad is not None)

    def agreed(self, value: Any) -> Any:
        """The value of the first process."""
        if self.accelerator is None:
            return value
        from accelerate.utils import broadcast_object_list

        return broadcast_object_list([value])[0]


ALONE = Processes()


def launched(device: str) -> tuple[Processes, str]:
    """The processes that were launched together, and the device for this process.

    Raises an ImportError if there are several processes and accelerate is not installed.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return ALONE, device
    try:
        from accelerate import Accelerator
    except ImportError as error:
        raise ImportError(
            "training in several processes needs accelerate: "
            "python -m pip install 'gan-cluster[distributed]'"
        ) from error
    accelerator = Accelerator(cpu=device == "cpu", mixed_precision="no")
    on_cpu = accelerator.device.type == "cpu"  # it says "cpu:0", which cannot be loaded
    return Processes(accelerator), "cpu" if on_cpu else str(accelerator.device)
