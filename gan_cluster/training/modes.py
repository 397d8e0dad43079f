"""Protection from modes of a thread that a caller may have set, and that break our code."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import torch


@contextmanager
def usual_modes() -> Iterator[None]:
    """NumPy's usual warnings, tensors on the CPU where none is named, and no mixed precision."""
    with ExitStack() as modes:
        modes.enter_context(np.errstate(all="warn", under="ignore"))
        if torch.empty(0).device.type != "cpu":  # PyTorch 2.6 may fail to name its default
            modes.enter_context(torch.device("cpu"))
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                modes.enter_context(torch.autocast(kind, enabled=False))
        yield
