"""Run by each of several processes: fit on shared rows and write what came out.

python tests/together.py FOLDER MODE [MODE ...]
"""

import os
import pickle
import sys
from contextlib import redirect_stderr
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from skorch.callbacks import Callback
from small import STEADY

from gan_cluster import InfoGANClusterer, Objective


class Dies(Callback):
    """Ends one process in the middle of training."""

    def on_epoch_end(self, net, **kwargs):
        if os.environ["RANK"] == "1":
            os._exit(3)


def main():
    torch.set_num_threads(1)
    for mode in sys.argv[2:]:
        folder = Path(sys.argv[1]) / mode
        folder.mkdir(exist_ok=True)
        fit(folder, mode)


def fit(folder, mode):
    settings = {
        "seedless": {"random_state": None},
        "game": {"random_state": 0, "objective": Objective(**STEADY, codes_per_cluster=4)},
        "codes": {"random_state": 0, "n_continuous": 2},
        "learned": {  # a table, of which there are several runs
            "random_state": 0,
            "image_shape": None,
            "prior": "learned",
            "objective": Objective(ema_decay=0.9),
        },
        "heads": {"random_state": 0, "objective": Objective(contrast_temperature=0.5)},
        "dies": {"random_state": 0, "callbacks": [Dies()]},
        "tiny batch": {"random_state": 0, "batch_size": 3},
    }[mode]
    settings = {"image_shape": (1, 8, 8), **settings}
    model = InfoGANClusterer(10, width=4, max_epochs=4, n_init=2, verbose=1, device="cpu")
    rank = os.environ["RANK"]
    with (folder / f"{rank}.printed").open("w") as file, redirect_stderr(file):
        model.set_params(**settings).fit(load_digits().data[:400])
    (folder / f"{rank}.pickle").write_bytes(pickle.dumps(model))


if __name__ == "__main__":
    main()
