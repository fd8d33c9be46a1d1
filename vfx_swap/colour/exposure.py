"""A power-of-two exposure that brings a face to mid tones for a network, and back without a rounding."""

from __future__ import annotations

import math

import numpy as np

from vfx_swap.arrays import FloatArray, check_array
from vfx_swap.colour.transfer import luma_rec709

__all__ = ["EXPOSURE_LIMIT_STOPS", "FACE_LUMA", "exposure_gain", "face_exposure_stops"]

FACE_LUMA = 0.21
"""Linear luma a face's median is brought near to: between mid grey and light skin, as networks were trained on."""

EXPOSURE_LIMIT_STOPS = 20
"""Largest exposure chosen either way: beyond it there is no picture, only noise."""


def exposure_gain(stops: int) -> float:
    """2 ** stops. A whole number of stops, so that float32 multiplies and divides by it exactly.

    Raises:
        TypeError: not a whole number of stops.
    """
    if isinstance(stops, bool) or not isinstance(stops, (int, np.integer)):
        raise TypeError(f"exposure stops must be a whole number, got {stops!r}")
    return math.ldexp(1.0, int(stops))


def face_exposure_stops(
    rgb: FloatArray, *, to_lin709: np.ndarray, weight: FloatArray | None = None, target: float = FACE_LUMA
) -> int:
    """Whole stops that bring the median luma of a picture's lit pixels nearest to `target`.

    Compute it once per shot (the median of several frames' answers, say): a value that changes between
    frames shows as a flicker in the network's answer.

    Args:
        rgb: (height, width, 3) scene-linear.
        to_lin709: (3, 3) matrix from its space to linear Rec.709.
        weight: (height, width), pixels above 0.5 count; None: all do.
        target: luma wanted.

    Returns:
        Stops in [-20, 20]; 0 when no pixel is finite and positive.
    """
    check_array("rgb", rgb, shape=(None, None, 3))
    red, green, blue = (np.float64(value) for value in luma_rec709(np.asarray(to_lin709, dtype=np.float32).T))
    with np.errstate(invalid="ignore", over="ignore"):
        luma = red * rgb[..., 0] + green * rgb[..., 1] + blue * rgb[..., 2]
    counts = np.isfinite(luma) & (luma > 0.0)
    if weight is not None:
        check_array("weight", weight, shape=rgb.shape[:2])
        counts &= weight > 0.5
    if not counts.any():
        return 0
    stops = round(math.log2(target / float(np.median(luma[counts]))))
    return max(-EXPOSURE_LIMIT_STOPS, min(EXPOSURE_LIMIT_STOPS, stops))
