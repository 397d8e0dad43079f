"""Premachandran & Yuille's protocol: trunks of 4 and of 8 convolutions, and an upper bound.

The maps of the last convolution are averaged over space, scaled to unit length and clustered. The
upper bound is the same trunk, trained with labels.
"""

from collections import OrderedDict
from functools import partial
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from skorch import NeuralNetClassifier
from torch import nn
from torch.nn import functional as F

from gan_cluster.networks.dcgan import conv_generator

WIDTH = 16
STRIDES = {4: (2, 2, 2, 1), 8: (1, 2, 1, 2, 1, 2, 1, 1)}


def trunk(depth: int, shape: tuple[int, int, int]) -> nn.Sequential:
    """Convolutions conv1 .. conv4 or conv8, three of stride 2, channels doubled with each."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    channels, out = shape[0], WIDTH
    for i, stride in enumerate(STRIDES[depth]):
        block: list[nn.Module] = [nn.Conv2d(channels, out, 3, stride, 1, bias=i == 0)]
        nn.init.normal_(block[0].weight, 0.0, 0.02)
        if i > 0:
            block.append(nn.BatchNorm2d(out))
        layers[f"conv{i + 1}"] = nn.Sequential(*block, nn.LeakyReLU(0.1))
        channels, out = out, out * stride
    return nn.Sequential(layers)


def generator(latent_dim: int, shape: tuple[int, int, int]) -> nn.Sequential:
    """The library's own, for a pair with these trunks."""
    return conv_generator(latent_dim, shape, WIDTH, 2)


def pair(depth: int) -> tuple[Any, Any]:
    """What ``architecture`` takes."""
    return generator, partial(trunk, depth)


class SupervisedFeatures(TransformerMixin, BaseEstimator):
    """Pooled features of a trunk that learned the labels."""

    def __init__(self, depth: int, image_shape: tuple[int, int, int], y: np.ndarray, seed: int):
        self.depth = depth
        self.image_shape = image_shape
        self.y = y
        self.seed = seed

    def fit(self, X: np.ndarray, y: Any = None) -> "SupervisedFeatures":
        torch.manual_seed(self.seed)
        convolutions = trunk(self.depth, self.image_shape)
        self.pooled_ = nn.Sequential(convolutions, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        with torch.no_grad():
            width = self.pooled_(torch.zeros(2, *self.image_shape)).shape[1]
        self.top_ = float(X.max())
        NeuralNetClassifier(
            nn.Sequential(self.pooled_, nn.Linear(width, int(self.y.max()) + 1)),
            criterion=nn.CrossEntropyLoss,
            optimizer=torch.optim.Adam,
            lr=1e-3,
            batch_size=128,
            max_epochs=10,
            iterator_train__shuffle=True,
            train_split=None,
            verbose=0,
        ).fit(self._images(X), self.y[: len(X)])
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        images = torch.from_numpy(self._images(X))
        self.pooled_.eval()
        with torch.inference_mode():
            return torch.cat(
                [F.normalize(self.pooled_(part)) for part in images.split(256)]
            ).numpy()

    def _images(self, X: np.ndarray) -> np.ndarray:
        return (X.astype(np.float32) * (2 / self.top_) - 1).reshape(-1, *self.image_shape)
