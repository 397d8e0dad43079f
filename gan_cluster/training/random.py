"""Torch's random numbers: generators of our own, global ones left alone."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from gan_cluster.training.modes import usual_modes

_LOCK = threading.RLock()
_open_guards = 0
_saved: tuple[torch.Tensor, torch.dtype, bool] | None = None


def torch_generator(seed: int, device: str | torch.device = "cpu") -> torch.Generator:
    """A generator of its own for one training or one call."""
    return torch.Generator(device).manual_seed(seed)


@contextmanager
def global_state_kept() -> Iterator[None]:
    """Give torch's global CPU generator back as it was, once the last open guard closes.

    Everything of ours draws from its own generator; a user's module (dropout, say) may not.
    Until then floats are of single precision, whatever torch's default is, and convolutions on a
    GPU give the same for the same, though others may be faster.
    """
    global _open_guards, _saved
    cudnn = torch.backends.cudnn
    with _LOCK:
        if _open_guards == 0:
            saved = torch.random.get_rng_state(), torch.get_default_dtype(), cudnn.deterministic
            _saved = saved
            torch.set_default_dtype(torch.float32)
            cudnn.deterministic = True
        _open_guards += 1
    try:
        with usual_modes():
            yield
    finally:
        with _LOCK:
            _open_guards -= 1
            if _open_guards == 0 and _saved is not None:
                state, dtype, cudnn.deterministic = _saved
                torch.random.set_rng_state(state)
                torch.set_default_dtype(dtype)
                _saved = None


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
def globally_seeded(seed: int) -> Iterator[None]:
    """Seed torch's global generator while networks are constructed, one thread at a time."""
    with _LOCK, global_state_kept():
        torch.random.default_generator.manual_seed(seed)
        yield
