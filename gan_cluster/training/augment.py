"""Twins of real rows that should keep their label."""

import torch
from torch.nn import functional as F

ROTATION, SCALE, SHEAR, SHIFT = 0.25, 0.15, 0.2, 0.15
LOG_GAMMA = 0.5


def random_view(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Change the place and the exposure of images (n, channels, height, width) at random."""
    return random_gamma(random_affine(images, generator), generator)


def random_affine(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Rotate, scale, shear and shift each image (n, channels, height, width) a little at random.

    The changes are uniform within +-0.25 rad, +-15 %, +-0.2 and +-15 % of half a side. Pixels from
    outside the image repeat its border.

    >>> import torch
    >>> random_affine(torch.ones(2, 1, 8, 8), torch.Generator().manual_seed(0)).shape
    torch.Size([2, 1, 8, 8])
    """
    uniform = torch.rand(
        len(images), 5, generator=generator, dtype=images.dtype, device=images.device
    )
    angle, scale, shear, right, down = (2 * uniform - 1).unbind(1)
    angle, scale, shear = ROTATION * angle, 1 + SCALE * scale, SHEAR * shear
    right, down = SHIFT * right, SHIFT * down  # a tensor of shifts would make a GPU wait
    cos, sin = scale * angle.cos(), scale * angle.sin()
    rows = [cos, shear * cos - sin, right, sin, shear * sin + cos, down]
    matrices = torch.stack(rows, dim=1).view(-1, 2, 3)
    grid = F.affine_grid(matrices, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def random_gamma(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Make each image darker or brighter at random; the values -1 and 1 do not change.

    Intensities, as shares of the range, are raised to a power between exp(-0.5) and exp(0.5)
    whose logarithm is uniform.

    >>> import torch
    >>> images = torch.tensor([-1.0, 0.0, 1.0]).reshape(1, 1, 1, 3)
    >>> random_gamma(images, torch.Generator().manual_seed(0)).ravel().round(decimals=2)
    tensor([-1.,  0.,  1.])
    """
    uniform = torch.rand(
        len(images), 1, 1, 1, generator=generator, dtype=images.dtype, device=images.device
    )
    power = ((2 * uniform - 1) * LOG_GAMMA).exp()
    return 2 * ((images + 1) / 2).clamp(0, 1) ** power - 1
