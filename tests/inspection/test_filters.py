"""Guided backpropagation where the answer is known, and a display that shows it."""

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from sklearn.exceptions import NotFittedError
from small import clusterer, extractor
from torch import nn

from gan_cluster.inspection import FiltersDisplay
from gan_cluster.inspection._guided import guided_gradients, responses
from gan_cluster.inspection._images import GAP, LINE
from gan_cluster.networks.build import Discriminator

IMAGE = (1, 8, 8)


@pytest.fixture(scope="module")
def model(images):
    return clusterer(image_shape=IMAGE).fit(images)


def by_hand(activation):
    """Two 1x1 convolutions of known weights on images of one channel."""
    trunk = nn.Sequential()
    trunk.first = nn.Sequential(nn.Conv2d(1, 2, 1, bias=False), activation)
    trunk.second = nn.Sequential(nn.Conv2d(2, 2, 1, bias=False), activation)
    with torch.no_grad():
        trunk.first[0].weight.copy_(torch.tensor([2.0, -3.0]).view(2, 1, 1, 1))
        trunk.second[0].weight.copy_(torch.tensor([[1.0, 1], [-1, 1]]).view(2, 2, 1, 1))
    return Discriminator(trunk, 2, 0).eval()


@pytest.mark.parametrize("activation", [nn.ReLU(), nn.LeakyReLU(0.1), nn.ReLU(inplace=True)])
def test_gradients_are_those_of_guided_backpropagation(activation):
    network = by_hand(activation)
    image = torch.tensor([[[[1.0, 0.5], [-1.0, -0.25]]]])
    rows, channels = image.repeat(2, 1, 1, 1), torch.tensor([0, 1])
    # channel 0 is strongest at -1, where only the second map fires: 3, through a weight of 1
    # channel 1 is strongest at -1, too; its weight of -1 on the first map hands nothing on
    found = guided_gradients(network, "second", rows, channels)
    expected = torch.zeros(2, 1, 2, 2)
    expected[:, 0, 1, 0] = -3.0
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(
        responses(network, "second", rows[:1]),
        torch.tensor([[3.0, 3.0]])
        if not isinstance(activation, nn.LeakyReLU)
        else torch.tensor([[2.8, 3.2]]),
    )


def test_rectifiers_that_are_no_modules_are_an_error():
    network = by_hand(nn.Identity())
    given = torch.ones(1, 1, 2, 2), torch.tensor([0])
    with pytest.raises(ValueError, match="this discriminator has none: make its"):
        guided_gradients(network, "second", *given)


def test_what_holds_a_channel_back_is_left_out():
    network = by_hand(nn.ReLU())
    with torch.no_grad():
        network.trunk.first[0].weight.fill_(1.0)
        network.trunk.second[0].weight.copy_(torch.tensor([[3.0, -2], [-1, -1]]).view(2, 2, 1, 1))
    rows = torch.full((2, 1, 1, 1), 2.0)
    found = guided_gradients(network, "second", rows, torch.tensor([0, 1]))
    # plain backpropagation would give 3 - 2; the second channel does not fire at all
    torch.testing.assert_close(found.flatten(), torch.tensor([3.0, 0.0]))


def test_the_network_stays_as_it_was(model, images):
    network = model.discriminator_
    before = {name: value.clone() for name, value in network.state_dict().items()}
    rows = model.model_.encode(images[:4])
    guided_gradients(network, "conv2", rows, torch.tensor([0, 1, 2, 3]))
    assert not any(module._forward_hooks for module in network.modules())
    assert all(weights.grad is None or not weights.grad.any() for weights in network.parameters())
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)
    with torch.no_grad():
        again = guided_gradients(network, "conv2", rows, torch.tensor([0, 1, 2, 3]))
    assert again.abs().amax((1, 2, 3)).gt(0).any()


def test_hooks_go_away_after_an_error(model):
    network = model.discriminator_
    with pytest.raises(RuntimeError):
        guided_gradients(network, "conv2", torch.zeros(1, 5, 8, 8), torch.tensor([0]))
    assert not any(module._forward_hooks for module in network.modules())


@pytest.mark.parametrize("layer", ["conv1", "conv2", None])
def test_the_images_are_those_that_excite_a_channel_most(model, images, ax, layer):
    display = FiltersDisplay.from_estimator(model, images, layer, n_images=3, ax=ax)
    name = layer or "conv2"
    assert display.layer == name
    with torch.no_grad():
        maps = model.discriminator_.activations(model.model_.encode(images), [name])[name]
    strength = maps.flatten(2).amax(2).numpy()
    n_channels = min(6, strength.shape[1])
    assert list(display.channels) == [*range(n_channels)]
    assert display.images.shape == (2, n_channels, 3, *IMAGE[1:], 1)
    for channel in range(n_channels):
        best = np.argsort(-strength[:, channel])[:3]
        assert best[0] == strength[:, channel].argmax()
        shown = display.images[0, channel].reshape(3, 64) * 16
        np.testing.assert_allclose(shown, images[best], atol=1e-9)


def test_gradients_are_shown_around_grey(model, images, ax):
    display = FiltersDisplay.from_estimator(model, images, channels=[3, 1], n_images=2, ax=ax)
    rows = (16 * display.images[0]).reshape(4, 64)
    channels = torch.tensor([3, 3, 1, 1])
    batch = model.model_.encode(rows)
    found = guided_gradients(model.discriminator_, "conv2", batch, channels)
    found = found.numpy().reshape(2, 2, 8, 8, 1)
    shown = display.gradients[0] - 0.5
    assert np.abs(shown).max(axis=(2, 3, 4)).tolist() == [[0.5] * 2] * 2
    np.testing.assert_allclose(
        shown * 2 * np.abs(found).max(axis=(2, 3, 4), keepdims=True), found, atol=1e-6
    )
    assert [text.get_text() for text in ax.get_yticklabels()] == ["3", "1"]
    assert [text.get_text() for text in ax.get_xticklabels()][1::2] == ["trained", "untrained"]
    start = 2 * (8 + LINE) - LINE + GAP
    np.testing.assert_array_equal(
        display.image_[:8, start : start + 8, :1], display.gradients[0, 0, 0]
    )


def test_the_untrained_network_has_the_same_shape_and_weights_of_a_seed(model, images):
    shown = [
        FiltersDisplay.from_estimator(model, images, random_state=seed, ax=Figure().subplots())
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(shown[0].image_, shown[1].image_)
    np.testing.assert_array_equal(shown[0].gradients[0], shown[2].gradients[0])
    assert not np.array_equal(shown[0].gradients[1], shown[2].gradients[1])
    assert not np.array_equal(shown[0].gradients[0], shown[0].gradients[1])


def test_torchs_generator_stays_as_it_was(model, images, ax):
    state = torch.get_rng_state()
    FiltersDisplay.from_estimator(model, images, ax=ax)
    torch.testing.assert_close(torch.get_rng_state(), state)


def test_colours_with_their_channels_last(colours, ax):
    X = np.ascontiguousarray(np.moveaxis(colours, 1, -1))
    model = extractor().fit(X)
    display = FiltersDisplay.from_estimator(model, X, "conv1", channels=[0], n_images=2, ax=ax)
    assert display.images.shape == display.gradients.shape == (2, 1, 2, 9, 11, 3)
    scaled = (X - X.min()) / np.ptp(X)
    strength = model.model_.map(
        lambda rows: responses(model.discriminator_, "conv1", rows), X.reshape(40, -1)
    )
    best = strength[:, 0].argmax()
    drawn = display.images[0, 0, 0]
    slope, start = np.polyfit(scaled[best].ravel(), drawn.ravel(), 1)
    np.testing.assert_allclose(drawn, slope * scaled[best] + start, atol=1e-6)
    assert display.image_.shape == (9, 4 * 23 + 3 * GAP, 3)


def test_fewer_images_than_asked_for(model, images, ax):
    display = FiltersDisplay.from_estimator(model, images[:2], n_images=5, ax=ax)
    assert display.images.shape[2] == 2


class Flat(nn.Sequential):
    """A user's trunk whose only convolution is followed by its flattening."""

    def __init__(self, shape):
        super().__init__(nn.Sequential(nn.Conv2d(1, 2, 4, stride=4), nn.ReLU(), nn.Flatten()))


class Maker(nn.Sequential):
    def __init__(self, latent_dim, shape):
        super().__init__(nn.Linear(latent_dim, 64), nn.Tanh(), nn.Unflatten(1, shape))


def test_bad_input_is_named(model, images, blobs):
    show = FiltersDisplay.from_estimator
    with pytest.raises(NotFittedError):
        show(clusterer(), images)
    with pytest.raises(TypeError, match="got Linear"):
        show(nn.Linear(1, 1), images)
    with pytest.raises(ValueError, match=r"have none, only \['dense1', 'dense2', 'recognition'\]"):
        show(clusterer().fit(blobs[0]), blobs[0])
    with pytest.raises(ValueError, match=r'have none.*fit images with architecture="dcgan"'):
        show(clusterer(image_shape=IMAGE, architecture="mlp").fit(images), images)
    with pytest.raises(
        ValueError, match=r"'dense' is not a convolution: there are \['conv1', 'conv2'\]"
    ):
        show(model, images, "dense")
    with pytest.raises(ValueError, match=r"channels=\[9\]: give at least one of 0 \.\. 3"):
        show(model, images, channels=[9])
    with pytest.raises(ValueError, match="give at least one"):
        show(model, images, channels=[])
    with pytest.raises(ValueError, match="n_images == 0"):
        show(model, images, n_images=0)
    with pytest.raises(ValueError, match="features"):
        show(model, images[:, :10])
    flat = clusterer(image_shape=IMAGE, architecture=(Maker, Flat)).fit(images)
    with pytest.raises(ValueError, match=r"gives \(8,\) a row, no maps"):
        show(flat, images)


def test_a_trunk_that_came_with_weights_is_drawn_anew(images):
    trunk = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten())
    generator = nn.Sequential(nn.Linear(5, 64), nn.Unflatten(1, IMAGE))
    model = extractor(image_shape=IMAGE, architecture=(generator, trunk)).fit(images)
    first, again, other = (
        FiltersDisplay.from_estimator(model, images, "0", random_state=seed, ax=Figure().subplots())
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first.gradients[1], again.gradients[1])
    assert not np.array_equal(first.gradients[1], other.gradients[1])


def test_under_inference_mode_and_another_default_dtype(model, images, ax):
    expected = FiltersDisplay.from_estimator(model, images, ax=ax).gradients
    torch.set_default_dtype(torch.float64)
    try:
        with torch.inference_mode():
            found = FiltersDisplay.from_estimator(model, images, ax=Figure().subplots())
    finally:
        torch.set_default_dtype(torch.float32)
    np.testing.assert_allclose(found.gradients[0], expected[0], atol=1e-5)


def test_one_channel_may_be_a_number(model, images, ax):
    assert FiltersDisplay.from_estimator(model, images, channels=1, ax=ax).channels == [1]
