"""The one place for randomness: seeds from ``random_state``, global generators left alone."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

_LOCK = threading.RLock()
_open_guards = 0
_saved: torch.Tensor | None = None


def seeds(random_state: int | np.random.RandomState | None, n: int) -> list[int]:
    """Draw n seeds. ``None`` takes fresh entropy, so NumPy's global generator stays as it was.

    >>> seeds(0, 2) == seeds(0, 2)
    True
    """
    if isinstance(random_state, np.random.RandomState):
        drawn = random_state.randint(2**31 - 1, size=n)
    else:
        drawn = np.random.RandomState(random_state).randint(2**31 - 1, size=n)
    return [int(seed) for seed in drawn]


def torch_generator(seed: int, device: str | torch.device = "cpu") -> torch.Generator:
    """A generator of its own for one training or one call."""
    return torch.Generator(device).manual_seed(seed)


@contextmanager
def global_state_kept() -> Iterator[None]:
    """Give torch's global CPU generator back as it was, once the last open guard closes.

    Everything of ours draws from its own generator; a user's module (dropout, say) may not.
    """
    global _open_guards, _saved
    with _LOCK:
        if _open_guards == 0:
            _saved = torch.random.get_rng_state()
        _open_guards += 1
    try:
        yield
    finally:
        with _LOCK:
            _open_guards -= 1
            if _open_guards == 0 and _saved is not None:
                torch.random.set_rng_state(_saved)
                _saved = None


@contextmanager
def globally_seeded(seed: int) -> Iterator[None]:
    """Seed torch's global generator while networks are constructed, one thread at a time."""
    with _LOCK, global_state_kept():
        torch.random.default_generator.manual_seed(seed)
        yield
