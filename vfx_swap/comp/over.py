"""The comp itself, in the one form that keeps the plate's bits.

`plate * (1 - m) + face * m` loses them: inf * 0 is NaN, and a pixel that is told to stay is rounded.
"""

from __future__ import annotations

import cv2
import numpy as np

from vfx_swap.arrays import FloatArray, check_array

__all__ = ["comp_increment", "comp_over"]


def _matte(matte: FloatArray) -> FloatArray:
    """(height, width, 3) at most 1: a value a channel, side by side, since numpy is slow where the last axis is 1."""
    with np.errstate(invalid="ignore"):
        held = np.asarray(np.minimum(matte, np.float32(1.0)), np.float32)
    if not held.size:
        return np.zeros((*held.shape, 3), np.float32)
    return np.asarray(cv2.merge([held] * 3), np.float32).reshape(*matte.shape, 3)


def _covered(matte: FloatArray) -> tuple[slice, slice]:
    """Rows and columns that hold all of the matte: nothing is worked out for the rest."""
    with np.errstate(invalid="ignore"):
        shown = matte > 0.0
    rows, columns = np.flatnonzero(shown.any(axis=1)), np.flatnonzero(shown.any(axis=0))
    if not rows.size:
        return slice(0, 0), slice(0, 0)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def comp_over(plate: FloatArray, face: FloatArray, matte: FloatArray) -> FloatArray:
    """`plate + m (face - plate)` where the matte is above 0; the plate's very bits everywhere else.

    The face is taken whole, bit for bit, where the matte is 1. Where face and plate hold the same bits
    the plate stays. A face pixel that is not finite says nothing: the plate stays. A plate pixel that
    is not finite stays where the matte is partial (no mix with inf or NaN means anything).

    Args:
        plate: (height, width, 3) scene-linear, unbounded.
        face: (height, width, 3), same space.
        matte: (height, width); 0 and below, and NaN, keep the plate; above 1 counts as 1.

    Returns:
        (height, width, 3), a new array.
    """
    check_array("plate", plate, shape=(None, None, 3))
    check_array("face", face, shape=plate.shape)
    check_array("matte", matte, shape=plate.shape[:2])
    out, at = plate.copy(), _covered(matte)
    plate, face, amount = plate[at], face[at], _matte(matte[at])
    with np.errstate(invalid="ignore", over="ignore"):
        mixed = np.where(amount >= 1.0, face, plate + amount * (face - plate))
        use = (amount > 0.0) & (face != plate) & np.isfinite(mixed)
    out[at] = np.where(use, mixed, plate)
    return out


def comp_increment(plate: FloatArray, increment: FloatArray, matte: FloatArray) -> FloatArray:
    """`plate + m * increment` where the matte is above 0 and the increment is not 0; else the plate's bits.

    For a swapper that says how much to change and not what to put: grain, highlights and anything else
    it left alone stay the plate's own.

    Args:
        plate: (height, width, 3) scene-linear, unbounded.
        increment: (height, width, 3), same space; not finite counts as 0.
        matte: (height, width), as in `comp_over`.

    Returns:
        (height, width, 3), a new array.
    """
    check_array("plate", plate, shape=(None, None, 3))
    check_array("increment", increment, shape=plate.shape)
    check_array("matte", matte, shape=plate.shape[:2])
    out, at = plate.copy(), _covered(matte)
    plate, increment, amount = plate[at], increment[at], _matte(matte[at])
    with np.errstate(invalid="ignore", over="ignore"):
        use = (amount > 0.0) & (increment != 0.0) & np.isfinite(increment)
        out[at] = np.where(use, plate + amount * increment, plate)
    return out
