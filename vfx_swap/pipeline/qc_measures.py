"""Measurements that quality control of a whole shot adds: light, clipping, broken pixels, the matte's size.

`L = log2(luminance + 0.01)` is as in `qc_pixels`; docs/qc.md says what each number is for.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage

from vfx_swap.arrays import FloatArray
from vfx_swap.colour.ocio import LINEAR_REC709, ColourConfig

__all__ = [
    "LightDifference",
    "change_percent",
    "clipped_percent",
    "hull_matte",
    "light_difference",
    "luma_weights",
    "matte_area_percent",
    "not_finite_pixels",
]

_REC709_LUMA = np.array([0.2126, 0.7152, 0.0722])
"""ITU-R BT.709-6, table 3."""
_INSIDE = 0.9
"""Matte from which a pixel is the swapped face's own."""
_SHOWN = 0.5
"""Matte from which more is seen of the swapped face than of the plate."""
_FEWEST = 64
"""Pixels below which nothing is said."""
_BROAD = 0.08
"""Of face height: what is broader is light, as `qc_truth` has it; what is finer is features."""


@dataclass(frozen=True)
class LightDifference:
    """How a swapped face is lit otherwise than the plate's."""

    level_stops: float
    """Median of L of the swap less the plate: positive, the swapped face is too bright."""
    shading_stops: float
    """Mean magnitude of what else differs broadly: light from another side, or of another contrast."""


def luma_weights(colour_space: str, *, config: ColourConfig) -> tuple[float, float, float]:
    """What red, green and blue of a scene-linear space add to luminance, as `log_luminance` wants it.

    Raises:
        ColourSpaceError: the space is unknown or not linear.
    """
    red, green, blue = _REC709_LUMA @ config.matrix(source=colour_space, destination=LINEAR_REC709)
    return float(red), float(green), float(blue)


def light_difference(
    plate: FloatArray, swap: FloatArray, matte: FloatArray, *, face_height_pixels: float
) -> LightDifference | None:
    """How the light on the swapped face differs from the light on the plate's, where the matte is above 0.9.

    The difference of L is split into its median (level), and the rest smoothed by a Gaussian of 8 % of face height
    that sees the inside of the matte only (shading); what the smoothing takes away is features and grain.

    Args:
        plate: (height, width) log luminance.
        swap: (height, width) log luminance.
        matte: (height, width) 0 to 1.
        face_height_pixels: distance from landmark 10 to 152.

    Returns:
        The two, in stops; None where too little of the matte is solid.
    """
    inside = matte > _INSIDE
    if np.count_nonzero(inside) < _FEWEST:
        return None
    difference = (swap - plate).astype(np.float64)
    level = float(np.median(difference[inside]))
    weight, sigma = inside.astype(np.float64), _BROAD * face_height_pixels
    smooth = ndimage.gaussian_filter((difference - level) * weight, sigma)
    share = ndimage.gaussian_filter(weight, sigma)
    return LightDifference(level, float(np.mean(np.abs(smooth[inside] / share[inside]))))


def clipped_percent(rgb: FloatArray, matte: FloatArray, *, white: float = 1.0) -> float | None:
    """Share of the pixels with a matte above 0.5 whose red, green or blue is at or above white, in percent.

    Args:
        rgb: (height, width, 3) scene-linear; inf counts as clipped, NaN does not.
        matte: (height, width) 0 to 1.
        white: 1.0 is all that a display shows without a tone curve, and the highest code of integer files.

    Returns:
        0 to 100; None where no matte reaches 0.5.
    """
    shown = matte > _SHOWN
    count = int(np.count_nonzero(shown))
    if count == 0:
        return None
    with np.errstate(invalid="ignore"):
        over = (rgb[shown] >= white).any(axis=-1)
    return 100.0 * int(np.count_nonzero(over)) / count


def not_finite_pixels(plate: FloatArray, swap: FloatArray) -> int:
    """Pixels with NaN or inf in the swap where the plate's pixel has none. Must be 0."""
    return int(np.count_nonzero(~np.isfinite(swap).all(axis=-1) & np.isfinite(plate).all(axis=-1)))


def matte_area_percent(matte: FloatArray, *, face_height_pixels: float) -> float | None:
    """The matte's area, its values added up, in percent of the square of face height: the same at any distance."""
    if face_height_pixels <= 0.0:
        return None
    return 100.0 * float(matte.sum(dtype=np.float64)) / face_height_pixels**2


def change_percent(before: float, after: float) -> float:
    """How much a size changed, in percent of the larger of the two: 0 to 100, the same there and back."""
    largest = max(before, after)
    return 0.0 if largest <= 0.0 else 100.0 * abs(after - before) / largest


def hull_matte(points: FloatArray, *, shape: tuple[int, int], feather_pixels: float) -> FloatArray:
    """A matte for files that keep none: the convex hull of a face's landmarks, with a soft edge inside it.

    Args:
        points: (n, 2) landmarks in pixels of the picture.
        shape: height and width.
        feather_pixels: how wide the edge is.
    """
    hard = np.zeros(shape, np.uint8)
    cv2.fillConvexPoly(hard, cv2.convexHull(np.round(points).astype(np.int32)), 1)
    if feather_pixels < 1.0:
        return hard.astype(np.float32)
    # A border of zeros: a face cut by the picture has an edge there too.
    away = cv2.distanceTransform(np.pad(hard, 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    soft: FloatArray = np.clip(away / np.float32(feather_pixels), 0.0, 1.0).astype(np.float32)
    return soft
