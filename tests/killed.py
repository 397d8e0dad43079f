"""Kills fits at random moments until ten were killed; all that end have to end alike.

python tests/killed.py FOLDER
"""

import hashlib
import os
import random
import shutil
import signal
import sys
import time
import warnings
from pathlib import Path

from gan_cluster import InfoGANClusterer, Objective
from gan_cluster._folder import holds_model, read_model

KILLS = 10


def fit(checkpoints, result):
    """In a process of its own: fit and write a digest of what came out."""
    import torch
    from sklearn.datasets import load_digits

    from gan_cluster.training import checkpoint

    checkpoint.WRITING_SHARE = 1.0  # after every epoch, for kills to fall between them
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    model = InfoGANClusterer(
        10,
        image_shape=(1, 8, 8),
        width=2,
        n_init=2,
        objective=Objective(ema_decay=0.9),
        max_epochs=16,
        batch_size=40,
        random_state=0,
        checkpoint_dir=checkpoints,
    )
    model.fit(load_digits().data[:200])
    parts = [model.labels_, model.model_.net.rng.get_state().numpy()]
    for net in (model.generator_, model.discriminator_):
        parts += [value.numpy() for value in net.state_dict().values()]
    history = [[(k, row[k]) for k in sorted(row.keys() - {"seconds"})] for row in model.history_]
    told = repr(history).encode() + b"".join(part.tobytes() for part in parts)
    result.write_text(hashlib.sha256(told).hexdigest())


def started(*arguments):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            fit(*arguments)
            code = 0
        finally:
            os._exit(code)
    return pid


def ended(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def main():
    folder = Path(sys.argv[1])
    checkpoints, result = folder / "checkpoints", folder / "result"
    begun = time.perf_counter()
    assert ended(started(folder / "undisturbed", folder / "expected")) == 0
    whole = time.perf_counter() - begun
    expected = (folder / "expected").read_text()
    draw, kills, resumed, fits = random.Random(0), 0, 0, 0
    while kills < KILLS or not result.exists():
        if result.exists():
            result.unlink()
            shutil.rmtree(checkpoints)
        resumed += checkpoints.exists()
        pid = started(checkpoints, result)
        if kills < KILLS:
            time.sleep(draw.uniform(0, whole / 2))
            os.kill(pid, signal.SIGKILL)
        kills += ended(pid) == -signal.SIGKILL
        if holds_model(checkpoints):
            read_model(checkpoints)  # never half a state
        if result.exists() and result.read_text():
            fits += 1
            assert result.read_text() == expected, f"after {kills} kills"
    print(f"{kills} kills, {resumed} resumed, {fits} fits ended alike")


if __name__ == "__main__":
    main()
