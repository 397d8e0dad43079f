"""FiltersDisplay: the image patterns to which the channels of a convolution respond."""

from collections.abc import Sequence
from functools import partial
from numbers import Integral
from typing import Any, Self

import numpy as np
import torch
from sklearn.utils.validation import check_scalar

from gan_cluster._estimator import BaseGAN
from gan_cluster._seeds import seeds
from gan_cluster._validation.rows import check_rows
from gan_cluster.inspection._checks import check_estimator, check_numbers
from gan_cluster.inspection._display import Display, documented
from gan_cluster.inspection._guided import guided_gradients, responses
from gan_cluster.inspection._images import as_images, draw_blocks, image_layout, label_rows
from gan_cluster.networks.build import Discriminator
from gan_cluster.networks.reading import activations_of_blank

SHOWN = 6  # channels, as in DCGAN


@documented
class FiltersDisplay(Display):
    """Picture of the channels of a convolution, in the trained and in an untrained network.

    Use :meth:`from_estimator` to make one. Each row is a channel. It shows the images with the
    strongest responses of the channel, and beside them the gradients of those responses by guided
    backpropagation [1]_: light where a lighter pixel would raise the response, dark where a darker
    pixel would, grey where the pixel does not matter. The gradients of a trained network have
    structure, those of a network with random weights do not [2]_.

    Parameters
    ----------
    images, gradients : ndarray of shape (2, n_channels, n_images, height, width, channels)
        For the trained and the untrained network: the images with the strongest responses of each
        channel, strongest first, and the gradients, each scaled by its own maximum. Values are from
        0 to 1.
    channels : sequence of int
        Numbers of the channels.
    layer : str
        Name of the layer.

    Attributes
    ----------
    [picture]

    See Also
    --------
    gan_cluster.GANFeatureExtractor : Features from the same layers.

    References
    ----------
    .. [1] Springenberg, Dosovitskiy, Brox & Riedmiller (2014). Striving for simplicity: The all
       convolutional net. arXiv:1412.6806.
    .. [2] Radford, Metz & Chintala (2015). Unsupervised representation learning with deep
       convolutional generative adversarial networks. arXiv:1511.06434, figure 5.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from sklearn.datasets import load_digits
    >>> from gan_cluster import InfoGANClusterer
    >>> from gan_cluster.inspection import FiltersDisplay
    >>> X = load_digits().data[:200]
    >>> clusterer = InfoGANClusterer(10, image_shape=(1, 8, 8), max_epochs=1, random_state=0)
    >>> display = FiltersDisplay.from_estimator(clusterer.fit(X), X, ax=Figure().subplots())
    >>> display.layer, display.gradients.shape
    ('conv2', (2, 6, 5, 8, 8, 1))
    """

    def __init__(
        self, images: np.ndarray, gradients: np.ndarray, channels: Sequence[int], layer: str
    ):
        self.images = images
        self.gradients = gradients
        self.channels = channels
        self.layer = layer

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseGAN,
        X: Any,
        layer: str | None = None,
        *,
        channels: Sequence[int] | None = None,
        n_images: int = 5,
        random_state: int | np.random.RandomState | None = 0,
        ax: Any = None,
    ) -> Self:
        """Show channels of the discriminator of a fitted estimator.

        Parameters
        ----------
        estimator : InfoGANClusterer or GANFeatureExtractor
            Fitted to images, with convolutions.
        X : array-like or tensor, as in :meth:`InfoGANClusterer.fit`
            Images to choose from.
        layer : str, default=None
            Name of a convolution, such as ``"conv1"``; None is the last one.
        channels : sequence of int, default=None
            Channels of the layer, one in each row; None shows the first six.
        n_images : int, default=5
            Number of images for each channel; all of X if it has fewer.
        random_state : int, RandomState or None, default=0
            Seed of the untrained network's weights.
        [ax]

        [raises]
        ValueError
            If the discriminator has no convolutions (an MLP has none), no such layer or channels,
            or no activations that are modules, such as ``torch.nn.ReLU``; or if X does not match
            the X of fit.
        """
        check_estimator(cls, estimator)
        check_scalar(n_images, "n_images", Integral, min_val=1)
        trained = estimator.discriminator_
        layer = _check_layer(trained, layer)
        layout = image_layout(estimator)
        model, rows = estimator.model_, check_rows(estimator, X, reset=False).X
        n_channels = _n_channels(estimator, layer)
        wanted = range(min(SHOWN, n_channels)) if channels is None else channels
        shown = check_numbers("channels", wanted, n_channels)
        exciting, gradients = [], []
        for network in (trained, model.untrained(seeds(random_state, 1)[0])):
            strength = model.map(partial(responses, network, layer), rows)
            best = np.argsort(-strength[:, shown], axis=0, kind="stable")[:n_images].T
            exciting.append(rows[best])
            batch = model.encode(rows[best.ravel()])
            repeated = torch.as_tensor(shown).repeat_interleave(best.shape[1])
            guided = guided_gradients(network, layer, batch, repeated).cpu().numpy()
            gradients.append(np.moveaxis(guided.reshape(*best.shape, *model.encoding.shape), 2, -1))
        (images,) = as_images(layout, np.stack(exciting))
        return cls(images, _grey_at_zero(np.stack(gradients)), shown, layer).plot(ax=ax)

    def _draw(self, ax: Any) -> None:
        blocks = [
            ("excite it most", self.images[0]),
            ("trained", self.gradients[0]),
            ("excite it most", self.images[1]),
            ("untrained", self.gradients[1]),
        ]
        ax = draw_blocks(self, blocks, ax)
        label_rows(ax, self.images[0], self.channels)
        ax.set_ylabel(f"channel of {self.layer}")


def _check_layer(discriminator: Discriminator, layer: str | None) -> str:
    """Check the name of a convolution; the default is the last one."""
    names = discriminator.convolutions
    if not names:
        raise ValueError(
            "filters are those of convolutions, but this estimator's networks have none, only "
            f'{list(discriminator.layers)}: fit images with architecture="dcgan"'
        )
    if layer is not None and layer not in names:
        raise ValueError(f"layer={layer!r} is not a convolution: there are {names}")
    return layer or names[-1]


def _n_channels(estimator: BaseGAN, layer: str) -> int:
    """Number of maps of a layer."""
    model = estimator.model_
    maps = activations_of_blank(model.discriminator, [layer], model.encoding.shape)[layer]
    if maps.ndim != 4:
        raise ValueError(
            f"layer={layer!r} gives {tuple(maps.shape[1:])} a row, no maps (channels, height, "
            "width): make the discriminator a Sequential with convolutions as layers of their own"
        )
    return maps.shape[1]


def _grey_at_zero(gradients: np.ndarray) -> np.ndarray:
    """Gradients (..., height, width, channels) scaled to 0 to 1, each by its maximum, 0 to 0.5."""
    largest = np.abs(gradients).max(axis=(-3, -2, -1), keepdims=True)
    return 0.5 + gradients / np.where(largest, 2 * largest, 1.0)
