"""Random numbers of torch: separate generators; the global ones are not changed."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

from gan_cluster.training.modes import usual_modes

_LOCK = threading.RLock()


class _Held:
    """A setting of the whole process, which is restored when its last user ends."""

    def __init__(self, get: Callable[[], Any], put: Callable[[Any], None], *wanted: Any):
        self.get, self.put, self.wanted = get, put, wanted
        self.holders, self.before = 0, None

    def __enter__(self) -> None:
        with _LOCK:
            if self.holders == 0:
                self.before = self.get()
                for value in self.wanted:
                    self.put(value)
            self.holders += 1

    def __exit__(self, *error: object) -> None:
        with _LOCK:
            self.holders -= 1
            if self.holders == 0:
                self.put(self.before)


def _set_deterministic(value: bool) -> None:
    torch.backends.cudnn.deterministic = value


_numbers = _Held(torch.random.get_rng_state, torch.random.set_rng_state)
_precision = _Held(torch.get_default_dtype, torch.set_default_dtype, torch.float32)
_convolutions = _Held(lambda: torch.backends.cudnn.deterministic, _set_deterministic, True)


def torch_generator(seed: int, device: str | torch.device = "cpu") -> torch.Generator:
    """A separate generator for one training or one call."""
    return torch.Generator(device).manual_seed(seed)


@contextmanager
def global_state_kept(of_users: bool = True) -> Iterator[None]:
    """A context that restores torch's global state when the last open context ends.

    Code ``of_users`` may draw from the global CPU generator and expects single precision as the
    default dtype. Our own code needs neither, so it does not affect other threads. The exception is
    a GPU: there, deterministic convolutions are set for the whole process.
    """
    with ExitStack() as held:
        held.enter_context(usual_modes())
        if torch.cuda.is_available():
            held.enter_context(_convolutions)
        if of_users:
            held.enter_context(_numbers)
            held.enter_context(_precision)
        yield


def default_generator(device: torch.device) -> torch.Generator:
    """Torch's global generator of a device, from which modules of the user draw."""
    if device.type == "cuda":
        return torch.cuda.default_generators[device.index or 0]
    return torch.random.default_generator


def go_on_from(generator: torch.Generator, state: torch.Tensor) -> None:
    """Set the state of a generator, if the state is from the same kind of device."""
    if len(state) == len(generator.get_state()):
        generator.set_state(state)


@contextmanager
def default_generator_kept(device: torch.device) -> Iterator[torch.Generator]:
    """A context with torch's global generator of a device, which is restored at the end."""
    generator = default_generator(device)
    before = generator.get_state()
    try:
        yield generator
    finally:
        generator.set_state(before)


@contextmanager
def gradients_on() -> Iterator[None]:
    """A context in which gradients are computed, even if the caller has switched them off."""
    with torch.inference_mode(False), torch.enable_grad():
        yield


@contextmanager
def globally_seeded(seed: int, of_users: bool = True) -> Iterator[None]:
    """A context that seeds torch's global generator for code ``of_users``, one thread at a time."""
    if not of_users:
        with global_state_kept(False):
            yield
        return
    with _LOCK, global_state_kept():
        torch.random.default_generator.manual_seed(seed)
        yield
