"""Grain: measured on the plate, laid on what has less of it.

Film and sensor noise grow with the square root of light, so grain is measured and added to the square root of
scene-linear values, where its strength is about the same at every brightness.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vfx_swap.arrays import FloatArray, check_array

__all__ = ["Grain", "add_grain", "measure_grain"]

_OPERATOR = np.array([[1.0, -2.0, 1.0], [-2.0, 4.0, -2.0], [1.0, -2.0, 1.0]], dtype=np.float32)
"""Blind to planes and straight ramps (J. Immerkaer, "Fast Noise Variance Estimation", CVIU 64(2), 1996)."""
_OPERATOR_NORM = 6.0
_MEDIAN_OF_NORMAL = 0.6745
"""Median of |N(0, 1)|: medians pass over edges and pores, means do not."""
SOFTNESS = (0.0, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
"""Blurs (sigma, px) of white noise that grain is compared with."""
_RESPONSE = (1.0, 0.988, 0.883, 0.657, 0.426, 0.174, 0.084)
"""What the operator reads of white noise blurred so and scaled back to deviation 1 (checked by a test)."""
_HALF_OVER_FULL = (0.501, 0.508, 0.582, 0.809, 1.248, 2.674, 4.285)
"""Its reading at half size (2x2 means) over its reading at full size, for the same (checked by a test)."""
LEAST_PIXELS = 256
"""Fewer pixels than this tell nothing."""


@dataclass(frozen=True, eq=False)
class Grain:
    """Grain of a picture."""

    strength: FloatArray
    """(3,) standard deviation in the square root of scene-linear, by channel."""
    softness: float
    """Sigma in pixels of the blur that gives white noise this grain's correlation."""


def measure_grain(rgb: FloatArray, weight: FloatArray) -> Grain:
    """Grain where `weight` is at least one half.

    Args:
        rgb: (height, width, 3) scene-linear, finite.
        weight: (height, width) 0 to 1.
    """
    check_array("rgb", rgb, shape=(None, None, 3))
    check_array("weight", weight, shape=rgb.shape[:2])
    use = weight >= 0.5
    if int(use.sum()) < LEAST_PIXELS:
        return Grain(strength=np.zeros(3, np.float32), softness=0.0)
    root = np.sqrt(np.maximum(rgb, 0.0)).astype(np.float32)
    full = _read(root, use)
    even = root[: root.shape[0] // 2 * 2, : root.shape[1] // 2 * 2]
    half = cv2.resize(even, (even.shape[1] // 2, even.shape[0] // 2), interpolation=cv2.INTER_AREA)
    half_use = use[0 : even.shape[0] : 2, 0 : even.shape[1] : 2]
    ratio = float(np.median(_read(half, half_use) / np.maximum(full, 1e-9)))
    softness = float(np.interp(ratio, _HALF_OVER_FULL, SOFTNESS))
    response = float(np.interp(softness, SOFTNESS, _RESPONSE))
    return Grain(strength=(full / response).astype(np.float32), softness=softness)


def add_grain(rgb: FloatArray, *, wanted: Grain, present: Grain, seed: int) -> FloatArray:
    """Add what grain is lacking.

    Args:
        rgb: (height, width, 3) scene-linear.
        wanted: of the plate.
        present: of `rgb` itself.
        seed: the same seed and shape give the same grain, on every machine.

    Returns:
        (height, width, 3); negative values are left as they are.
    """
    lacking = np.sqrt(np.maximum(wanted.strength**2 - present.strength**2, 0.0)).astype(np.float32)
    if not lacking.any():
        return rgb
    noise = np.random.Generator(np.random.PCG64(seed)).standard_normal(rgb.shape, dtype=np.float32)
    if wanted.softness > 0.05:
        noise = cv2.GaussianBlur(noise, (0, 0), wanted.softness)
        noise /= np.float32(max(float(noise.std()), 1e-6))
    root = np.sqrt(np.maximum(rgb, 0.0)) + lacking * noise
    return np.where(rgb > 0.0, np.maximum(root, 0.0) ** 2, rgb).astype(np.float32)


def _read(root: FloatArray, use: np.ndarray) -> FloatArray:
    """(3,) the operator's robust reading where `use`."""
    answer = np.abs(cv2.filter2D(root, -1, _OPERATOR, borderType=cv2.BORDER_REFLECT))
    if not use.any():
        return np.zeros(3, np.float32)
    return np.asarray(np.median(answer[use], axis=0) / (_MEDIAN_OF_NORMAL * _OPERATOR_NORM), dtype=np.float32)
