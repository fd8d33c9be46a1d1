"""Y'CbCr as movies hold it, and R'G'B' in float, at the movie's own bit depth.

Sources: ITU-R BT.601-7, BT.709-6 and BT.2020-2 for the matrices; BT.709-6 section 5.6 for the ranges of
quantisation (limited: black 16, white 235, chroma 128 +- 112, in 8 bits, times 2**(bits - 8)); H.273 for
the numbers of tags. Chroma samples sit on every second luma column, and for 4:2:0 midway between two rows
(MPEG-2 siting, what H.264 and HEVC assume when a file says nothing).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vfx_swap.arrays import FloatArray

__all__ = ["KR_KB", "YuvPlanes", "change_under", "from_rgb", "to_rgb"]

KR_KB = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
}
"""H.273 MatrixCoefficients -> Kr, Kb: 1 BT.709, 4 FCC, 5 and 6 BT.601, 7 SMPTE 240M, 9 BT.2020 non-constant."""


@dataclass(frozen=True, eq=False)
class YuvPlanes:
    """One frame of a movie as it is stored."""

    y: np.ndarray
    """(height, width) uint16 codes."""
    u: np.ndarray
    """Cb, (height >> down, width >> across) rounded up."""
    v: np.ndarray
    """Cr, as `u`."""
    alpha: np.ndarray | None
    """(height, width) full-range codes, or None."""
    bits: int
    across: int
    """1 where chroma has half the columns (4:2:2, 4:2:0), 0 where it has all."""
    down: int
    """1 where chroma has half the rows (4:2:0), 0 where it has all."""
    matrix: int
    """H.273 MatrixCoefficients, a key of `KR_KB`."""
    full_range: bool


def to_rgb(planes: YuvPlanes) -> FloatArray:
    """(height, width, 3) R'G'B', 0 black, 1 nominal white; codes beyond the nominal range go beyond, unclamped."""
    height, width = planes.y.shape
    y_zero, y_scale, c_zero, c_scale = _ranges(planes)
    y = (planes.y.astype(np.float32) - y_zero) / y_scale
    cb, cr = (
        _spread((plane.astype(np.float32) - c_zero) / c_scale, planes.across, planes.down)[:height, :width]
        for plane in (planes.u, planes.v)
    )
    kr, kb = KR_KB[planes.matrix]
    red = y + np.float32(2 * (1 - kr)) * cr
    blue = y + np.float32(2 * (1 - kb)) * cb
    green = (y - np.float32(kr) * red - np.float32(kb) * blue) / np.float32(1 - kr - kb)
    return np.stack([red, green, blue], axis=-1).astype(np.float32)


def from_rgb(rgb: FloatArray, *, like: YuvPlanes) -> YuvPlanes:
    """Codes for R'G'B', with the bits, sampling, matrix and range of `like`; alpha is `like`'s.

    Codes are rounded and clamped to what the bits hold. NaN becomes black.
    """
    y, cb, cr = _signal(np.nan_to_num(rgb, nan=0.0), like)
    y_zero, y_scale, c_zero, c_scale = _ranges(like)
    return _coded(
        like, y * y_scale + y_zero, *(_gather(c * c_scale + c_zero, like.across, like.down) for c in (cb, cr))
    )


def change_under(plate: YuvPlanes, rgb: FloatArray, matte: FloatArray) -> YuvPlanes:
    """The plate's codes plus what `rgb` adds to them where the matte is above 0.

    Only the increment is coded: where `rgb` is the plate's, or the matte is 0 (and no chroma sample is
    shared with a place where it is not), the codes are the plate's own.
    """
    before = to_rgb(plate)
    inside = (matte > 0.0)[..., np.newaxis] & np.isfinite(rgb)
    increment = np.where(inside, rgb - before, np.float32(0.0))
    y, cb, cr = _signal(increment, plate)
    _, y_scale, _, c_scale = _ranges(plate)
    u, v = (
        plane.astype(np.float32) + _gather(c * c_scale, plate.across, plate.down)
        for plane, c in ((plate.u, cb), (plate.v, cr))
    )
    return _coded(plate, plate.y.astype(np.float32) + y * y_scale, u, v)


def _ranges(planes: YuvPlanes) -> tuple[float, float, float, float]:
    """Zero and scale of luma, then of chroma, in codes."""
    if planes.full_range:
        top = float((1 << planes.bits) - 1)
        return 0.0, top, float(1 << (planes.bits - 1)), top
    step = float(1 << (planes.bits - 8))
    return 16.0 * step, 219.0 * step, 128.0 * step, 224.0 * step


def _signal(rgb: FloatArray, like: YuvPlanes) -> tuple[FloatArray, FloatArray, FloatArray]:
    kr, kb = (np.float32(value) for value in KR_KB[like.matrix])
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    y = kr * red + (1 - kr - kb) * green + kb * blue
    return y, (blue - y) / (2 * (1 - kb)), (red - y) / (2 * (1 - kr))


def _coded(like: YuvPlanes, y: FloatArray, u: FloatArray, v: FloatArray) -> YuvPlanes:
    top = (1 << like.bits) - 1
    codes = [np.clip(np.rint(plane), 0, top).astype(np.uint16) for plane in (y, u, v)]
    return YuvPlanes(
        codes[0], codes[1], codes[2], like.alpha, like.bits, like.across, like.down, like.matrix, like.full_range
    )


def _spread(plane: FloatArray, across: int, down: int) -> FloatArray:
    """Chroma at every pixel: linear between samples, borders repeated; up to one column or row too many."""
    if across:
        following = np.concatenate([plane[:, 1:], plane[:, -1:]], axis=1)
        wide = np.empty((plane.shape[0], plane.shape[1] * 2), np.float32)
        wide[:, 0::2] = plane
        wide[:, 1::2] = 0.5 * (plane + following)
        plane = wide
    if down:
        above = np.concatenate([plane[:1], plane[:-1]], axis=0)
        below = np.concatenate([plane[1:], plane[-1:]], axis=0)
        tall = np.empty((plane.shape[0] * 2, plane.shape[1]), np.float32)
        tall[0::2] = 0.75 * plane + 0.25 * above
        tall[1::2] = 0.75 * plane + 0.25 * below
        plane = tall
    return plane


def _gather(plane: FloatArray, across: int, down: int) -> FloatArray:
    """Chroma at its own samples: (1, 2, 1) / 4 around each second column, the mean of two rows."""
    if down:
        if plane.shape[0] % 2:
            plane = np.concatenate([plane, plane[-1:]], axis=0)
        plane = np.float32(0.5) * (plane[0::2] + plane[1::2])
    if across:
        left = np.concatenate([plane[:, :1], plane[:, :-1]], axis=1)
        right = np.concatenate([plane[:, 1:], plane[:, -1:]], axis=1)
        plane = (np.float32(0.25) * (left + right) + np.float32(0.5) * plane)[:, 0::2]
    return plane
