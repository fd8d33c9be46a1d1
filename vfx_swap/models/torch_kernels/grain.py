"""Grain on a device: laid on by brightness. Twin: `comp.grain_levels`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vfx_swap.comp.grain_levels import FLOOR, LEVELS, LevelGrain, blurred_deviation, mixing
from vfx_swap.models.torch_kernels.device import to_device
from vfx_swap.models.torch_kernels.filters import gaussian, separable

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["lay_grain", "quantile"]


def lay_grain(rgb: Tensor, *, grain: LevelGrain, seed: int) -> Tensor:
    """Lay grain on a picture that has none. Twin: `comp.grain_levels.lay_grain`.

    The noise itself is numpy's, so that a seed gives the same grain on any device.

    Args:
        rgb: (height, width, 3) scene-linear.
        grain: of the shot.
        seed: the same seed and shape give the same grain.
    """
    mix = mixing(grain)
    if not mix.any():
        return rgb
    white = np.random.Generator(np.random.PCG64(seed)).standard_normal(tuple(rgb.shape), dtype=np.float32)
    noise = to_device(white, rgb.device)
    for channel, sigma in enumerate(grain.softness):
        if sigma > 0.05:
            soft = gaussian(noise[..., channel].contiguous(), sigma)
            noise[..., channel] = soft / np.float32(blurred_deviation(sigma))
    root = rgb.clamp(min=0.0).sqrt()
    low, share = _level_of(root)
    table = to_device(mix.reshape(len(LEVELS), 9), rgb.device)
    at = table[low] * (1.0 - share[..., None]) + table[low + 1] * share[..., None]
    laid = root + (at.reshape(*low.shape, 3, 3) * noise[..., None, :]).sum(dim=-1)
    return (laid.clamp(min=0.0) ** 2).where(rgb > 0.0, rgb)


def _level_of(root: Tensor) -> tuple[Tensor, Tensor]:
    """(height, width) index of the level under each pixel, and how far it is on the way to the next, 0 to 1."""
    import cv2

    length = round(1.5 * 8.0 + 1.0) | 1
    soft = separable(root, cv2.getGaussianKernel(length, 1.5, cv2.CV_32F)[:, 0], border="reflect")
    bright = (soft * soft).mean(dim=2).clamp(min=FLOOR)
    at = (bright.log2() - LEVELS[0]).clamp(0.0, len(LEVELS) - 1.001)
    low = at.floor().long()
    return low, at - low


def quantile(values: Tensor, share: float) -> Tensor:
    """() the value that `share` of the values (n,) lie under, between two by a line. Twin: `np.quantile`.

    torch's own takes no more than 16 million values.
    """
    ordered = values.flatten().sort().values
    at = share * (len(ordered) - 1)
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (at - low) * (ordered[high] - ordered[low])
