"""A rough matte drawn to the edges of the picture, with soft edges where the picture's are."""

from __future__ import annotations

import cv2
import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.models.front.view import log_light
from vfx_swap.models.reprojection.soft import blur

__all__ = ["refined"]

RADIUS = 0.022
"""Of the guided filter, as a fraction of the side: how far an edge may be moved."""
SAME = 4e-3
"""Variance of log light below which the picture has no edge."""
SOFT = (0.2, 0.8)
"""Filtered values that become nothing and all."""
CARRY = 0.03
"""How far a matte is carried past the mesh's border, as a fraction of the side, so that its edge is not the mesh's."""


def refined(found: FloatArray, inside: np.ndarray, rgb: FloatArray) -> np.ndarray:
    """The matte at a picture's resolution, uint8.

    A guided filter (He, Sun and Tang, "Guided Image Filtering", ECCV 2010) in log light.

    Args:
        found: (n, n) 0 to 1.
        inside: (n, n) bool, where it was looked for.
        rgb: (m, m, 3) display-referred, [0, 1], of the same window.
    """
    size = rgb.shape[0]
    share = blur(inside.astype(np.float32), CARRY * len(found))
    carried = blur(np.where(inside, found, 0.0).astype(np.float32), CARRY * len(found)) / np.maximum(share, 1e-4)
    whole = np.where(inside, found, np.where(share > 1e-3, carried, 0.0)).astype(np.float32)
    rough = cv2.resize(whole, (size, size), interpolation=cv2.INTER_LINEAR)
    guide = np.ascontiguousarray(log_light(rgb) * np.asarray((1.0, 2.0, 2.0), np.float32))
    drawn = cv2.ximgproc.guidedFilter(guide, np.clip((rough - 0.3) / 0.4, 0.0, 1.0), max(2, round(RADIUS * size)), SAME)
    soft = np.clip((drawn - SOFT[0]) / (SOFT[1] - SOFT[0]), 0.0, 1.0)
    return np.asarray(np.round(255.0 * soft), dtype=np.uint8)
