"""What lies in front of a face, at the plate's own pixels: the tracks' mattes laid on the frame and drawn to its edges.

The analyse pass finds what is in front and keeps a matte of it in the tracks; here it is only refined, from this frame
alone, so that chunks of a shot give the same bits.
"""

from __future__ import annotations

from collections.abc import Collection

import cv2
import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.geometry.warps import invert_matrix
from vfx_swap.types import Crop, Front, Window

__all__ = ["front_in_crop", "front_in_plate", "share_in_plate"]

COARSE = 1.25
"""Plate pixels to one of the matte's from which on its edge is drawn to the plate's edges."""
REACH = 2.0
"""Radius of that, in the matte's pixels."""
SAME = 2e-3
"""Variance of log luminance and colour below which there is no edge to be drawn to."""
SOFT = (0.2, 0.8)
"""Filtered values that become nothing and all: the filter smooths across what it draws to."""
STEEP = (0.4, 0.8)
"""Change of a matte across the filter's square: under it soft by itself, as a moving hand's is, and past it an edge."""
LEAST = 2.0 / 255.0
"""Coverage that is none."""


def front_in_plate(
    front: Front | None, *, words: Collection[str], rgb: FloatArray, window: Window
) -> FloatArray | None:
    """Coverage of a window of the plate by what is to stay in front of a face.

    Args:
        front: of the face; None: nothing.
        words: of `matte.holdout`; only mattes that they name count.
        rgb: (height, width, 3) scene-linear, of the window.
        window: plate pixels.

    Returns:
        (height, width) 0 to 1; None where nothing in the window is covered.
    """
    mattes = [] if front is None else [matte for word, matte in sorted(front.mattes.items()) if word in words]
    if front is None or not mattes or window.is_empty:
        return None
    clear = np.ones(mattes[0].shape, dtype=np.float32)
    for matte in mattes:
        clear *= np.float32(1.0) - matte.astype(np.float32) / np.float32(255.0)
    covered: FloatArray = np.float32(1.0) - clear
    laid = _laid(covered, front, window)
    seen = laid > LEAST
    if not seen.any():
        return None
    if front.step > COARSE:
        radius = max(2, round(REACH * front.step))
        at = _around(seen, 4 * radius)
        drawn = np.zeros_like(laid)
        drawn[at] = _drawn_to_edges(laid[at], rgb[at], radius=radius)
        laid = drawn
    return np.asarray(np.where(laid > LEAST, np.clip(laid, 0.0, 1.0), 0.0), dtype=np.float32)


def share_in_plate(front: Front, word: str, *, window: Window) -> FloatArray:
    """(height, width) 0 to 1: one of a front's mattes in a window of the plate, as it is: no edge is drawn anew."""
    return _laid(front.mattes[word].astype(np.float32) / np.float32(255.0), front, window)


def front_in_crop(covered: FloatArray, window: Window, crop: Crop) -> FloatArray:
    """Coverage of a window of the plate as a crop sees it: (height, width) of the crop, 0 outside the window."""
    back = invert_matrix(crop.warp.matrix)
    back[:, 2] -= (window.x, window.y)
    size = (crop.warp.width, crop.warp.height)
    seen = cv2.warpAffine(covered, back, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return np.asarray(seen, dtype=np.float32)


def _laid(covered: FloatArray, front: Front, window: Window) -> FloatArray:
    """A matte in the plate's pixels, 0 outside it."""
    if front.step <= 1.0 / COARSE:
        covered = cv2.GaussianBlur(covered, (0, 0), 0.5 / front.step)
    shrink = 1.0 / front.step
    matrix = np.array([[shrink, 0.0, (window.x - front.left) * shrink], [0.0, shrink, (window.y - front.top) * shrink]])
    size = (window.width, window.height)
    laid = cv2.warpAffine(covered, matrix, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return np.asarray(laid, dtype=np.float32)


def _around(seen: np.ndarray, margin: int) -> tuple[slice, slice]:
    """Rows and columns of what is seen, and the pixels around it that are changed, or read for a change."""
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    return (
        slice(max(0, int(rows[0]) - margin), int(rows[-1]) + 1 + margin),
        slice(max(0, int(columns[0]) - margin), int(columns[-1]) + 1 + margin),
    )


def _drawn_to_edges(matte: FloatArray, rgb: FloatArray, *, radius: int) -> FloatArray:
    """The matte with its edge where the picture has one (He, Sun and Tang, "Guided Image Filtering", ECCV 2010).

    Only the band in which a coarse matte is unsure changes; whole inside and nothing outside stay what they are.
    """
    clean = np.clip(np.nan_to_num(rgb, nan=0.0, posinf=1e4, neginf=0.0), 0.0, 1e4)
    middle = max(float(np.median(clean)), 1e-4)
    guide = np.log(clean / np.float32(middle) + np.float32(0.05)).astype(np.float32)
    drawn = cv2.ximgproc.guidedFilter(guide, matte, radius, SAME)
    drawn = np.clip((drawn - SOFT[0]) / (SOFT[1] - SOFT[0]), 0.0, 1.0)
    side = 2 * radius + 1
    brush = np.ones((side, side), np.uint8)
    low, high = cv2.erode(matte, brush), cv2.dilate(matte, brush)
    sure, none = low > 0.98, high < LEAST
    # What is soft because it moves has no edge in the picture to be drawn to.
    edge = np.clip((high - low - STEEP[0]) / (STEEP[1] - STEEP[0]), 0.0, 1.0)
    drawn = matte + edge * (drawn - matte)
    return np.where(sure, matte, np.where(none, np.float32(0.0), drawn)).astype(np.float32)
