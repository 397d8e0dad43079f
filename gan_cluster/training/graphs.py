"""Functions of tensors as CUDA graphs: all kernels of a function are launched at once.

With a small network, a GPU has to wait while Python launches one kernel after the other. A graph is
launched as a whole, but it repeats exactly what was captured: the same kernels on the same memory.
So a function can be captured if everything that changes between its calls is in tensors that are
changed in place, and if the CPU never needs a value.
"""

import threading
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

WARM_UP = 3  # calls before a capture, in which CUDA's libraries are initialised
DEPENDENT = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}
BY_INDEX = {"aten::index", "aten::index_put", "aten::index_put_"}  # if the index is a mask
MASKS = torch.bool, torch.uint8
_CAPTURE = threading.Lock()  # one capture at a time: two would share the allocator's state


class HostReads(TorchDispatchMode):
    """Finds operations that a graph cannot repeat, because the CPU needs a value.

    Attributes
    ----------
    found : list of str
        Names of such operations among those that ran in this mode.

    Examples
    --------
    >>> with HostReads() as reads:
    ...     half = float(torch.ones(3).mean()) / 2
    >>> reads.found
    ['aten::_local_scalar_dense']
    """

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        name = func._schema.name
        depends = bool(DEPENDENT & set(func.tags))
        if name in BY_INDEX:
            depends = any(index.dtype in MASKS for index in _tensors(args[1]))
        devices = {tensor.device.type for tensor in _tensors((args, kwargs, result))}
        if depends or len(devices) > 1:
            self.found.append(name)
        return result


def _tensors(values: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]


class SideStream:
    """A second stream: it and the current stream wait for each other, the CPU does not wait."""

    def __init__(self, device: torch.device):
        self.stream = torch.cuda.Stream(device)
        self.context = torch.cuda.stream(self.stream)

    def __enter__(self) -> None:
        self.stream.wait_stream(torch.cuda.current_stream(self.stream.device))
        self.context.__enter__()

    def __exit__(self, *error: Any) -> None:
        self.context.__exit__(*error)
        torch.cuda.current_stream(self.stream.device).wait_stream(self.stream)


class Graph:
    """A function captured on a stream, to be called with inputs of the same shapes."""

    def __init__(
        self,
        function: Callable[..., Any],
        inputs: Iterable[Tensor],
        generator: torch.Generator,
        side: SideStream,
    ):
        self.inputs = [given.clone() for given in inputs]
        self.graph = torch.cuda.CUDAGraph()
        self.graph.register_generator_state(generator)
        before = torch.cuda.current_stream(generator.device)
        # other threads may use the GPU meanwhile
        capture = torch.cuda.graph(
            self.graph, stream=side.stream, capture_error_mode="thread_local"
        )
        try:
            with _CAPTURE, torch.cuda.device(generator.device), capture:
                function(*self.inputs)
        except RuntimeError:
            torch.cuda.set_stream(before)  # a capture that fails leaves its own
            raise

    def __call__(self, *inputs: Tensor) -> None:
        for held, given in zip(self.inputs, inputs, strict=True):
            held.copy_(given)
        self.graph.replay()


class Graphs:
    """A function on a GPU: first called normally, and then as a graph for each kind of call.

    All calls have their effect, also those before a capture. A function that cannot be captured is
    always called normally.

    Parameters
    ----------
    function : callable
        A function of tensors, which writes its results into tensors that keep their memory.
    generator : torch.Generator
        The source of its random numbers, on the GPU.
    state : callable
        Returns the tensors that the function may change in place, but must not replace.

    Attributes
    ----------
    reason : str or None
        Why the function cannot be captured, if this is known.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        generator: torch.Generator,
        state: Callable[[], Iterable[Tensor]],
    ):
        self.function = function
        self.generator = generator
        self.state = state
        self.side = SideStream(generator.device)
        self.reason: str | None = None
        self.checked = False
        self.forget()

    def forget(self) -> None:
        """Capture again, as tensors have new memory."""
        self.graphs: dict[Hashable, Graph] = {}
        self.called: Counter[Hashable] = Counter()

    def __call__(self, kind: Hashable, *inputs: Tensor) -> None:
        """Call the function; calls of the same kind differ only in the values of tensors."""
        if self.reason is None and self.called[kind] == WARM_UP and kind not in self.graphs:
            self._capture(kind, inputs)
        if self.reason is not None:
            self.function(*inputs)
        elif kind in self.graphs:
            self.graphs[kind](*inputs)
        else:
            self.called[kind] += 1
            with self.side:
                self._checked(*inputs)

    def _checked(self, *inputs: Tensor) -> None:
        """Call the function; the first call finds out whether it can be captured."""
        if self.checked:
            self.function(*inputs)
            return
        places = [tensor.data_ptr() for tensor in self.state()]
        with HostReads() as reads:
            self.function(*inputs)
        self.checked = True
        if reads.found:
            self.reason = f"the host has to know values: {', '.join(sorted(set(reads.found)))}"
        elif places != [tensor.data_ptr() for tensor in self.state()]:
            self.reason = "a tensor of a network is replaced instead of changed in place"

    def _capture(self, kind: Hashable, inputs: tuple[Tensor, ...]) -> None:
        try:
            self.graphs[kind] = Graph(self.function, inputs, self.generator, self.side)
        except RuntimeError as error:  # a library's own operation, or memory
            self.reason = str(error)
