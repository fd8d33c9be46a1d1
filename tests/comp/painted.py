"""Painted faces with grain, for what is measured on pictures of faces."""

from __future__ import annotations

import cv2
import numpy as np

from vfx_swap.arrays import FloatArray

__all__ = ["grainy", "likeness"]


def likeness(side: int, seed: int) -> tuple[FloatArray, FloatArray]:
    """A painted face (side, side, 3) and where it is: brows, eyes, nose, mouth, and skin by the seed."""
    rng = np.random.default_rng(seed)
    y, x = (np.mgrid[:side, :side].astype(np.float32) / side - 0.5) * 2.0
    light = 0.4 * np.exp(-0.6 * (x * x + y * y)) + 0.05
    ovals = [(0.0, 0.45, 0.28, 0.07, 0.5)]
    for at in (-1.0, 1.0):
        ovals += [(0.35 * at, -0.2, 0.16, 0.07, 0.7), (0.35 * at, -0.2, 0.06, 0.06, 0.8)]
        ovals += [(0.35 * at, -0.38, 0.2, 0.04, 0.6), (0.1 * at, 0.2, 0.05, 0.03, 0.5)]
    for middle_x, middle_y, wide, high, dark in ovals:
        away = np.hypot((x - middle_x) / wide, (y - middle_y) / high)
        light = light * (1.0 - dark * np.clip((1.0 - away) / 0.15, 0.0, 1.0))
    for sigma, depth in ((max(side / 200.0, 0.6), 0.06), (side / 50.0, 0.08)):
        pores = cv2.GaussianBlur(rng.standard_normal((side, side)).astype(np.float32), (0, 0), sigma)
        light = light * np.exp(depth * pores / pores.std())
    weight = np.clip((1.0 - np.hypot(x / 0.75, y / 0.9)) / 0.1, 0.0, 1.0)
    rgb: FloatArray = (light[..., None] * np.array([1.0, 0.7, 0.55])).astype(np.float32)
    return rgb, weight.astype(np.float32)


def grainy(rgb: FloatArray, strength: float, seed: int, softness: float = 0.0) -> FloatArray:
    noise = np.random.default_rng(seed).standard_normal(rgb.shape).astype(np.float32)
    if softness > 0.0:
        noise = cv2.GaussianBlur(noise, (0, 0), softness)
        noise /= noise.std()
    return np.asarray(np.maximum(np.sqrt(rgb) + np.float32(strength) * noise, 0.0) ** 2, dtype=np.float32)
