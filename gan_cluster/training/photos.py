"""Views of colour photographs: another crop in other colours shows the same thing.

The changes and their strengths are those of SimCLR for small images, with a colour strength of 0.5
(Chen et al., 2020, arXiv:2002.05709, appendices A and B.9).
"""

import math

import torch
from torch.nn import functional as F

AREA = 0.2  # smallest share of an image in a crop
LOG_RATIO = math.log(4 / 3)  # largest ratio of the sides of a crop, either way
JITTERED, GREY = 0.8, 0.2  # shares of images with changed colours, and in grey
STRENGTH = 0.4  # of changes of brightness, contrast and saturation
TURN = 0.2 * math.pi  # of the hue, either way: a tenth of the circle


def random_photo(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Another view of colour images (n, 3, height, width) within [-1, 1]: crop, then colours."""
    return random_colors(random_crop(images, generator), generator)


def random_crop(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Enlarge a random part of each image (n, channels, height, width), mirrored half the time.

    The part has at least a fifth of the area, and its sides are stretched by at most a third.

    >>> import torch
    >>> random_crop(torch.ones(2, 3, 8, 8), torch.Generator().manual_seed(0)).shape
    torch.Size([2, 3, 8, 8])
    """
    area, ratio, right, down, side = _uniform(images, 5, generator)
    area, ratio = AREA + (1 - AREA) * area, (LOG_RATIO * (2 * ratio - 1)).exp()
    width, height = (area * ratio).sqrt().clamp_max(1), (area / ratio).sqrt().clamp_max(1)
    right, down = (2 * right - 1) * (1 - width), (2 * down - 1) * (1 - height)
    none = torch.zeros_like(area)
    rows = [torch.where(side < 0.5, width, -width), none, right, none, height, down]
    matrices = torch.stack(rows, dim=1).view(-1, 2, 3)
    grid = F.affine_grid(matrices, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def random_colors(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Change brightness, contrast, saturation and hue of most images, and make some grey.

    Hue turns around the axis of greys, on which a colour has the mean of its channels.

    >>> import torch
    >>> black = torch.full((4, 3, 8, 8), -1.0)
    >>> random_colors(black, torch.Generator().manual_seed(0)).unique()
    tensor([-1.])
    """
    *jitter, turn, is_jittered, is_grey = _uniform(images, 6, generator)
    strength = torch.where(is_jittered < JITTERED, 1.0, 0.0)
    factors = [1 + strength * STRENGTH * (2 * part - 1) for part in jitter]
    brightness, contrast, saturation = factors
    saturation = torch.where(is_grey < GREY, 0.0, saturation)
    angle = strength * TURN * (2 * turn - 1)
    vivid = brightness * contrast
    along = (vivid * saturation * angle.cos()).view(-1, 1, 1, 1)
    across = (vivid * saturation * angle.sin() / 3**0.5).view(-1, 1, 1, 1)
    vivid, flat = vivid.view(-1, 1, 1, 1), (brightness * (1 - contrast)).view(-1, 1, 1, 1)
    light = (images + 1) / 2
    grey = light.mean(1, keepdim=True)
    turned = light.roll(1, 1) - light.roll(2, 1)
    changed = along * (light - grey) + across * turned
    changed = changed + (vivid * grey + flat * grey.mean((2, 3), keepdim=True))
    return 2 * changed.clamp(0, 1) - 1


def _uniform(
    images: torch.Tensor, n_numbers: int, generator: torch.Generator
) -> tuple[torch.Tensor, ...]:
    """Several random numbers for each image, uniform on [0, 1), as tensors (n,)."""
    shape = n_numbers, len(images)
    return torch.rand(shape, generator=generator, dtype=images.dtype, device=images.device).unbind(
        0
    )
