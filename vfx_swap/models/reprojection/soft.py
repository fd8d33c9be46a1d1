"""Soft edges: blurs, grown regions and smooth steps, as pictures in UV and in plates need them."""

from __future__ import annotations

import cv2
import numpy as np

from vfx_swap.arrays import Array, FloatArray

__all__ = ["blur", "grow", "masked_blur", "smoothstep"]

WIDE = 4.0
"""Pixels of sigma that a reduced blur keeps."""


def smoothstep(value: Array, low: float, high: float) -> Array:
    """0 below `low`, 1 above `high`, a cubic between; of float32 arrays of any device."""
    t = ((value - low) / (high - low)).clip(0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def blur(picture: FloatArray, sigma: float) -> FloatArray:
    """Gaussian blur; `sigma` in pixels. Wide blurs are made at reduced size: the result is as smooth."""
    factor = int(sigma // WIDE)
    if factor < 2:
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), dtype=np.float32)
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (-(-width // factor), -(-height // factor)), interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(small, (0, 0), sigma / factor)
    return np.asarray(cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.float32)


def grow(region: FloatArray, radius: float) -> FloatArray:
    """A region (0 to 1) grown by `radius` pixels, by a square brush."""
    side = 2 * max(1, round(radius)) + 1
    return np.asarray(cv2.dilate(region, np.ones((side, side), np.uint8)), dtype=np.float32)


def masked_blur(values: FloatArray, weight: FloatArray, sigma: float) -> FloatArray:
    """Gaussian mean of `values` (h, w, c) over what has weight (normalised convolution)."""
    total = blur(np.ascontiguousarray(values * weight[..., None]), sigma)
    total = total.reshape(values.shape)
    return np.asarray(total / np.maximum(blur(weight, sigma), 1e-4)[..., None], dtype=np.float32)
