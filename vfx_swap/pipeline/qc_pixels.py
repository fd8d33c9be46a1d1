"""Measurements on the pixels of a plate and its swap: seam, sharpness, grain, flicker, and what must not change.

All but the count of changed pixels work on `L = log2(luminance + 0.01)`, so a number in *stops* means the same in
shadow and in light. NaN and inf count as 0 and as 65504 there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from vfx_swap.arrays import FloatArray

__all__ = [
    "Flicker",
    "FlickerSample",
    "Seam",
    "changed_outside_pixels",
    "flicker",
    "grain_ratio",
    "log_luminance",
    "matte_window",
    "seam",
    "sharpness_ratio",
]

_RING = (0.02, 0.5)
"""Matte values between which the edge lies."""
_FLOOR = 0.01
_FLICKER_BLUR = 0.004
"""Of face height: finer change than this is grain, and has its own number."""


@dataclass(frozen=True)
class Seam:
    """How steep the picture is along the matte's edge, in stops over one hundredth of face height."""

    swap_stops: float
    plate_stops: float
    step_stops: float
    """Mean of the swap less the plate's own: what the seam adds. At or below 0 nothing shows."""
    worst_stops: float
    """95th percentile over the ring of the swap less the plate: a seam that shows in one place only."""


@dataclass(frozen=True, eq=False)
class FlickerSample:
    """One frame for `flicker`: everything of the same window of the plate."""

    plate: FloatArray
    """(height, width) log luminance, as `log_luminance` gives it."""
    swap: FloatArray
    """(height, width) log luminance."""
    matte: FloatArray
    """(height, width) 0 to 1."""
    points: FloatArray
    """(n, 2) landmarks of the *plate*, in pixels of the arrays; the same n in every sample."""


@dataclass(frozen=True)
class Flicker:
    """Change from frame to frame inside the matte, motion and exposure taken out."""

    swap_stops: float
    plate_stops: float
    ratio: float
    """Swap over plate: 1 is as steady as the plate."""
    pairs: int
    """Pairs of neighbouring frames measured."""


def log_luminance(rgb: FloatArray, *, weights: tuple[float, float, float]) -> FloatArray:
    """`log2(max(luminance, 0) + 0.01)`: (height, width, 3) scene-linear to (height, width), finite."""
    clean = np.nan_to_num(rgb, nan=0.0, posinf=65504.0, neginf=0.0)
    luminance = np.clip(clean @ np.asarray(weights, dtype=np.float32), 0.0, 65504.0)
    logged: FloatArray = np.log2(luminance + np.float32(_FLOOR)).astype(np.float32)
    return logged


def changed_outside_pixels(plate: FloatArray, swap: FloatArray, matte: FloatArray) -> int:
    """Pixels with matte 0 whose bits differ from the plate's. Must be 0; NaN with other bits counts as a change."""
    before = np.ascontiguousarray(plate, dtype=np.float32).view(np.uint32)
    after = np.ascontiguousarray(swap, dtype=np.float32).view(np.uint32)
    return int(np.count_nonzero((before != after).any(axis=-1) & (matte == 0)))


def matte_window(matte: FloatArray, *, margin: int) -> tuple[slice, slice] | None:
    """Rows and columns that hold the matte and `margin` pixels about it; None for an empty matte."""
    rows, columns = np.flatnonzero((matte > 0).any(axis=1)), np.flatnonzero((matte > 0).any(axis=0))
    if not rows.size:
        return None
    return (
        slice(max(0, int(rows[0]) - margin), int(rows[-1]) + margin + 1),
        slice(max(0, int(columns[0]) - margin), int(columns[-1]) + margin + 1),
    )


def seam(plate: FloatArray, swap: FloatArray, matte: FloatArray, *, face_height_pixels: float) -> Seam | None:
    """The step at the matte's edge.

    Gradient magnitude of L, smoothed by 0.3 % of face height (at least 0.7 pixel), averaged over the ring
    where the matte runs from 0.02 to 0.5 (with a hard matte: the pixels on either side of its edge), for the
    swap and for the plate; times 1 % of face height, so that it does not depend on the picture's size.

    Args:
        plate: (height, width) log luminance.
        swap: (height, width) log luminance.
        matte: (height, width) 0 to 1.
        face_height_pixels: distance from landmark 10 to 152.

    Returns:
        The seam; None where the matte has no edge.
    """
    around = cv2.dilate(matte, np.ones((3, 3), np.uint8)), cv2.erode(matte, np.ones((3, 3), np.uint8))
    ring = (around[0] > _RING[0]) & (around[1] < _RING[1]) & (_frame_distance(matte.shape) > 1)
    if not ring.any():
        return None
    sigma = max(0.7, 0.003 * face_height_pixels)
    unit = face_height_pixels / 100.0
    swapped, own = (_gradient(picture, sigma)[ring] * unit for picture in (swap, plate))
    added = swapped - own
    return Seam(
        swap_stops=float(swapped.mean()),
        plate_stops=float(own.mean()),
        step_stops=float(added.mean()),
        worst_stops=float(np.percentile(added, 95.0)),
    )


def sharpness_ratio(
    plate: FloatArray, swap: FloatArray, matte: FloatArray, *, face_height_pixels: float
) -> float | None:
    """Detail of the swap over the plate's where the matte is above 0.9: 1 is as sharp, less is softer.

    Detail is the standard deviation of L between two Gaussians of 0.4 % and 1.2 % of face height. Both faces'
    features count, so two people never give exactly 1. None where no matte reaches 0.9 or the plate is flat.
    """
    inside = matte > 0.9
    if np.count_nonzero(inside) < 64:
        return None
    fine, coarse = 0.004 * face_height_pixels, 0.012 * face_height_pixels
    after, before = (
        float(np.std((ndimage.gaussian_filter(p, fine) - ndimage.gaussian_filter(p, coarse))[inside]))
        for p in (swap, plate)
    )
    return after / before if before > 0.0 else None


def grain_ratio(plate: FloatArray, swap: FloatArray, matte: FloatArray) -> float | None:
    """Grain of the swap over the plate's where the matte is above 0.9: 1 is the same grain, 0 none.

    Median magnitude of Immerkaer's noise mask (Fast Noise Variance Estimation, 1996), which is blind to
    slopes and edges, on L; the median keeps brows and lashes out. None where it cannot be measured.
    """
    inside = matte > 0.9
    if np.count_nonzero(inside) < 64:
        return None
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=np.float32)
    after, before = (float(np.median(np.abs(cv2.filter2D(p, cv2.CV_32F, mask))[inside])) for p in (swap, plate))
    return after / before if before > 0.0 else None


def flicker(samples: Sequence[FlickerSample], *, face_height_pixels: float) -> Flicker | None:
    """Change between neighbouring frames inside the matte, of the swap against the plate's own.

    For each pair the second frame is laid on the first by the similarity that fits the *plate's* landmarks (for
    swap and plate alike, so that an error in it weighs on both); both are smoothed by 0.4 % of face height; the
    median difference inside the matte (both above 0.5) is taken out, as exposure; the mean magnitude of the
    rest, over all pairs, is the flicker.

    Returns:
        The flicker; None with fewer than two frames that share a matte.
    """
    rows = [row for a, b in pairwise(samples) if (row := _pair(a, b, face_height_pixels))]
    if not rows:
        return None
    swap, plate = (float(np.mean([row[side] for row in rows])) for side in (0, 1))
    return Flicker(
        swap_stops=swap, plate_stops=plate, ratio=swap / plate if plate > 0 else float(swap > 0), pairs=len(rows)
    )


def _pair(a: FlickerSample, b: FlickerSample, face_height_pixels: float) -> tuple[float, float] | None:
    matrix = _similarity(a.points, b.points)
    height, width = a.matte.shape
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP

    def laid(picture: FloatArray) -> FloatArray:
        moved: FloatArray = cv2.warpAffine(
            picture, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE
        )
        return moved

    inside = (a.matte > 0.5) & (laid(b.matte) > 0.5)
    if np.count_nonzero(inside) < 64:
        return None
    sigma = _FLICKER_BLUR * face_height_pixels

    def change(first: FloatArray, second: FloatArray) -> float:
        difference = ndimage.gaussian_filter(laid(second) - first, sigma)[inside]
        return float(np.mean(np.abs(difference - np.median(difference))))

    return change(a.swap, b.swap), change(a.plate, b.plate)


def _similarity(source: FloatArray, destination: FloatArray) -> NDArray[np.float64]:
    """Least-squares similarity, (2, 3), that carries points of the first picture to those of the second.

    Umeyama 1991, written with complex numbers: `b = s a + t`.
    """
    a = source[:, 0].astype(np.float64) + 1j * source[:, 1]
    b = destination[:, 0].astype(np.float64) + 1j * destination[:, 1]
    centre_a, centre_b = a.mean(), b.mean()
    scale = np.vdot(a - centre_a, b - centre_b) / np.vdot(a - centre_a, a - centre_a)
    shift = centre_b - scale * centre_a
    return np.array([[scale.real, -scale.imag, shift.real], [scale.imag, scale.real, shift.imag]])


def _gradient(picture: FloatArray, sigma: float) -> FloatArray:
    smooth = ndimage.gaussian_filter(picture, sigma)
    down, across = np.gradient(smooth)
    steep: FloatArray = np.hypot(down, across)
    return steep


def _frame_distance(shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Distance of each pixel to the picture's border: a matte cut by it has no edge there."""
    height, width = shape
    down = np.minimum(np.arange(height), height - 1 - np.arange(height))
    across = np.minimum(np.arange(width), width - 1 - np.arange(width))
    return np.minimum(down[:, None], across[None, :])
