"""What a CUDA graph does, on the CPU: operations are recorded once, and repeated in place."""

from contextlib import nullcontext

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from gan_cluster.training import graphs, players, schedule


class Recorder(TorchDispatchMode):
    """Keeps each operation with its arguments and its result."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        self.calls.append((func, args, kwargs or {}, result))
        return result


class Replayed:
    """Stands for a ``Graph`` of the library: no Python of the function runs again."""

    made = 0

    def __init__(self, function, inputs, generator, side):
        self.function = function
        self.inputs = [given.clone() for given in inputs]
        self.calls = None
        Replayed.made += 1

    def __call__(self, *inputs):
        for held, given in zip(self.inputs, inputs, strict=True):
            held.copy_(given)
        if self.calls is None:
            with Recorder() as recorder:
                self.function(*self.inputs)
            self.calls = recorder.calls
            return
        with torch.no_grad():
            for func, args, kwargs, result in self.calls:
                for kept, new in zip(
                    tree_leaves(result), tree_leaves(func(*args, **kwargs)), strict=True
                ):
                    if isinstance(kept, torch.Tensor) and kept.data_ptr() != new.data_ptr():
                        kept.copy_(new)


def captured_on_the_cpu(monkeypatch):
    """Let rows lie on the CPU, and steps be captured, as they are on a GPU."""

    def held_rows(X, encoding, device):
        return encoding.encode(X)

    Replayed.made = 0
    monkeypatch.setattr(schedule, "held_rows", held_rows)
    monkeypatch.setattr(graphs, "SideStream", lambda device: nullcontext())
    monkeypatch.setattr(graphs, "Graph", Replayed)
    monkeypatch.setattr(players, "CAPTURES", "cpu")
