"""How far every pixel of an area lies from its edge: the same bits on any number of threads."""

from __future__ import annotations

import cv2
import numpy as np

from vfx_swap.arrays import FloatArray

__all__ = ["distance_inside"]


def distance_inside(area: np.ndarray) -> FloatArray:
    """Euclidean distance to the nearest pixel that is outside, 0 where a pixel is outside; exact but for rounding.

    OpenCV takes Intel's IPP for it where it has one thread or a small picture, and that rounds otherwise, so that a
    frame would depend on how many cores a machine has. Without IPP the values are the nearest float32 to the true ones.

    Args:
        area: (height, width) bool, or whole numbers of which 0 is outside. Beyond the picture nothing is outside.

    Returns:
        (height, width) pixels.
    """
    used = cv2.ipp.useIPP()  # of this thread alone
    cv2.ipp.setUseIPP(False)
    try:
        distance = cv2.distanceTransform(np.asarray(area, np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    finally:
        cv2.ipp.setUseIPP(used)
    return np.asarray(distance, dtype=np.float32)
