"""Shaping a matte: growing and shrinking it."""

from __future__ import annotations

import math

import cv2
import numpy as np

from vfx_swap.arrays import FloatArray, check_array

__all__ = ["expand_matte"]


def expand_matte(matte: FloatArray, pixels: float) -> FloatArray:
    """Grow (positive) or shrink (negative) a matte by a distance, its soft edge moving as a whole.

    A grey-scale dilation or erosion by a disc; between whole pixels the two nearest are mixed.

    Args:
        matte: (height, width) 0 to 1.
        pixels: plate pixels.
    """
    check_array("matte", matte, shape=(None, None))
    if pixels == 0.0:
        return matte
    size = abs(pixels)
    low, share = math.floor(size), size - math.floor(size)
    out = _moved(matte, low, grow=pixels > 0.0)
    if share > 0.0:
        out = out + np.float32(share) * (_moved(matte, low + 1, grow=pixels > 0.0) - out)
    return np.asarray(np.clip(out, 0.0, 1.0), dtype=np.float32)


def _moved(matte: FloatArray, radius: int, *, grow: bool) -> FloatArray:
    if radius == 0:
        return matte
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    # Outside the picture there is no matte; erosion must see that, not OpenCV's +inf.
    framed = cv2.copyMakeBorder(matte, radius, radius, radius, radius, cv2.BORDER_CONSTANT, value=0.0)
    done = cv2.dilate(framed, disc) if grow else cv2.erode(framed, disc)
    return np.asarray(done[radius:-radius, radius:-radius], dtype=np.float32)
