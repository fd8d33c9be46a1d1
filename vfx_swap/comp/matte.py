"""Shaping a matte: growing and shrinking it."""

from __future__ import annotations

import math

import numpy as np

from vfx_swap.arrays import FloatArray, check_array

__all__ = ["disc_halves", "expand_matte"]


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


def disc_halves(radius: int) -> list[int]:
    """Pixels that a disc reaches to either side, in its middle row and those under it."""
    halves: list[int] = np.rint(np.sqrt(radius**2 - np.arange(radius + 1.0) ** 2)).astype(int).tolist()
    return halves


def _moved(matte: FloatArray, radius: int, *, grow: bool) -> FloatArray:
    """Greatest (or least) value within a disc; outside the picture there is no matte.

    The disc is cut into rows: E. Urbach and M. Wilkinson, "Efficient 2-D Grayscale Morphological
    Transformations With Arbitrary Flat Structuring Elements", IEEE TIP 17(1), 2008. The work grows with the
    radius and not with its square, and the values are the plain search's.
    """
    rows, columns = np.flatnonzero(matte.any(axis=1)), np.flatnonzero(matte.any(axis=0))
    if radius == 0 or not rows.size:
        return matte
    # Nothing happens farther from the matte than its radius.
    reach = radius if grow else 0
    top, bottom = max(0, int(rows[0]) - reach), min(matte.shape[0], int(rows[-1]) + 1 + reach)
    left, right = max(0, int(columns[0]) - reach), min(matte.shape[1], int(columns[-1]) + 1 + reach)
    out = np.zeros_like(matte)
    out[top:bottom, left:right] = _over_disc(
        np.pad(matte[top:bottom, left:right], radius), radius, np.maximum if grow else np.minimum
    )
    return out


def _over_disc(framed: FloatArray, radius: int, choose: np.ufunc) -> FloatArray:
    """`choose` over the disc around each pixel of a picture framed by `radius` pixels; the frame comes off."""
    height, width = framed.shape[0] - 2 * radius, framed.shape[1] - 2 * radius
    runs = [framed]
    while 2 ** len(runs) <= 2 * radius + 1:  # runs[k] is over 2^k pixels, from the one it stands at to the right
        step = 2 ** (len(runs) - 1)
        runs.append(choose(runs[-1][:, :-step], runs[-1][:, step:]))
    out, row, known = framed[radius : radius + height, radius : radius + width].copy(), framed, -1
    for offset, half in enumerate(disc_halves(radius)):
        if half != known:
            run = (2 * half + 1).bit_length() - 1
            first, last = radius - half, radius + half + 1 - 2**run
            row, known = choose(runs[run][:, first : first + width], runs[run][:, last : last + width]), half
        for start in {radius - offset, radius + offset}:
            choose(out, row[start : start + height], out=out)
    return out
