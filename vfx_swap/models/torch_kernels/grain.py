"""Grain on a device: measured, and laid on. Twin: `comp.grain`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vfx_swap.comp.grain import BLOCK, FLAT_BIAS, FLATTEST, LEAST_BLOCKS, OPERATOR, OPERATOR_NORM, Grain, grain_from
from vfx_swap.models.torch_kernels.device import to_device
from vfx_swap.models.torch_kernels.filters import convolve, gaussian

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["add_grain", "measure_grain", "quantile"]


def measure_grain(rgb: Tensor, weight: Tensor) -> Grain:
    """Grain in the flattest parts of where `weight` is at least one half. Twin: `comp.grain.measure_grain`.

    Args:
        rgb: (height, width, 3) scene-linear, finite.
        weight: (height, width) 0 to 1.
    """
    root = rgb.clamp(min=0.0).sqrt()
    full = _read(root, weight)
    height, width = (side // 2 * 2 for side in root.shape[:2])
    if full is None or min(height, width) < 2 * BLOCK:
        return grain_from(None, None)
    half = _read(_half(root[:height, :width]), _half(weight[:height, :width, None])[..., 0])
    return grain_from(full, half)


def add_grain(rgb: Tensor, *, wanted: Grain, present: Grain, seed: int) -> Tensor:
    """Add what grain is lacking. Twin: `comp.grain.add_grain`.

    The noise itself is numpy's, so that a seed gives the same grain on any device.

    Args:
        rgb: (height, width, 3) scene-linear.
        wanted: of the plate.
        present: of `rgb` itself.
        seed: the same seed and shape give the same grain.
    """
    share = 1.0 - np.trace(present.covariance) / max(float(np.trace(wanted.covariance)), 1e-18)
    if share <= 0.0 or float(np.trace(wanted.covariance)) <= 0.0:
        return rgb
    values, vectors = np.linalg.eigh(wanted.covariance * share)
    mix = (vectors * np.sqrt(np.maximum(values, 0.0))).astype(np.float32)
    white = np.random.Generator(np.random.PCG64(seed)).standard_normal(rgb.shape, dtype=np.float32)
    noise = to_device(white, rgb.device)
    if wanted.softness > 0.05:
        noise = gaussian(noise, wanted.softness)
        noise = noise / noise.std(correction=0).clamp(min=1e-6)
    root = rgb.clamp(min=0.0).sqrt() + noise @ rgb.new_tensor(mix.T.tolist())
    return (root.clamp(min=0.0) ** 2).where(rgb > 0.0, rgb)


def quantile(values: Tensor, share: float) -> Tensor:
    """() the value that `share` of the values (n,) lie under, between two by a line. Twin: `np.quantile`.

    torch's own takes no more than 16 million values.
    """
    ordered = values.flatten().sort().values
    at = share * (len(ordered) - 1)
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (at - low) * (ordered[high] - ordered[low])


def _half(picture: Tensor) -> Tensor:
    """Means over 2x2 pixels of (height, width, c), both even."""
    return 0.25 * (picture[::2, ::2] + picture[::2, 1::2] + picture[1::2, ::2] + picture[1::2, 1::2])


def _read(root: Tensor, weight: Tensor) -> np.ndarray | None:
    """(3, 3) covariance that the operator reads in the flattest blocks; None where there are too few blocks."""
    height, width = (side // BLOCK * BLOCK for side in root.shape[:2])
    if height == 0 or width == 0:
        return None
    answer = convolve(root, OPERATOR, border="reflect")[:height, :width] / OPERATOR_NORM
    blocks = answer.reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK, 3).transpose(1, 2)
    used = weight[:height, :width].reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK)
    blocks = blocks[used.amin(dim=(1, 3)) >= 0.5].reshape(-1, BLOCK * BLOCK, 3).double()
    if len(blocks) < LEAST_BLOCKS:
        return None
    energy = (blocks**2).mean(dim=(1, 2))
    flat = blocks[energy <= quantile(energy, FLATTEST)].reshape(-1, 3)
    covariance: np.ndarray = (flat.T @ flat / len(flat) / FLAT_BIAS**2).cpu().numpy()
    return covariance
