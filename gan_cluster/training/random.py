"""Torch's random numbers: generators of our own, global ones left alone."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

from gan_cluster.training.modes import usual_modes

_LOCK = threading.RLock()


class _Held:
    """A setting of the whole process, given back once the last of those that hold it lets go."""

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
    """A generator of its own for one training or one call."""
    return torch.Generator(device).manual_seed(seed)


@contextmanager
def global_state_kept(of_users: bool = True) -> Iterator[None]:
    """Give torch's global state back as it was, once the last open guard closes.

    Where code ``of_users`` runs, a module of theirs may draw from the global CPU generator and
    expects floats of single precision, whatever torch's default is. Ours does neither, so that
    other threads notice nothing of it; only on a GPU all convolutions give the same for the same,
    though others may be faster.
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
    """Torch's global generator of a device that is in use, from which a user's own module draws."""
    if device.type == "cuda":
        return torch.cuda.default_generators[device.index or 0]
    return torch.random.default_generator


def go_on_from(generator: torch.Generator, state: torch.Tensor) -> None:
    """Put a state into a generator, if it is of one of the same kind of device."""
    if len(state) == len(generator.get_state()):
        generator.set_state(state)


@contextmanager
def default_generator_kept(device: torch.device) -> Iterator[torch.Generator]:
    """Torch's global generator of a device, given back as it was."""
    generator = default_generator(device)
    before = generator.get_state()
    try:
        yield generator
    finally:
        generator.set_state(before)


@contextmanager
def gradients_on() -> Iterator[None]:
    """Let training work whatever mode the caller has set torch to."""
    with torch.inference_mode(False), torch.enable_grad():
        yield


@contextmanager
def globally_seeded(seed: int, of_users: bool = True) -> Iterator[None]:
    """Seed torch's global generator while code ``of_users`` runs, one thread at a time."""
    if not of_users:
        with global_state_kept(False):
            yield
        return
    with _LOCK, global_state_kept():
        torch.random.default_generator.manual_seed(seed)
        yield
