"""Openings of a face, eyes and mouth, as soft masks of a picture; and the light that reaches the eyes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from vfx_swap.arrays import Array, FloatArray
from vfx_swap.geometry.mesh import LOOPS
from vfx_swap.light.harmonics import LUMA
from vfx_swap.models.kernels import NUMPY, Kernels
from vfx_swap.models.reprojection.eyes import IRISES
from vfx_swap.models.reprojection.soft import blur, smoothstep

__all__ = ["EYES", "LASHES", "eye_gain", "filled", "filled_corners", "opening", "shut_line"]

EYES = ("eye_image_left", "eye_image_right")
WHITE_FROM = 1.15
"""Iris radii from its centre at which the white begins."""
LEAST_WHITE = 0.0004
"""White, in squared face heights, under which a nearly closed eye says nothing of its light."""
GAIN = (0.6, 1.5)
"""Bounds on what is put on: beyond, it is a lens, a lash or a closed lid that was measured."""

LASHES = 0.35
"""Luminance of the line between shut lids, over skin's."""


def shut_line(eyes: Array, at: Array, lids: Array, kernels: Kernels = NUMPY) -> Array:
    """(k, 1) 1 where the mesh shows an eye between lids that are shut: a line of lashes, and no white of the eye.

    Args:
        eyes: (size, size) the region `eyes` of the atlas.
        at: (k, 2) texels of it at a raster's pixels.
        lids: (k,) the lids' opening there.
        kernels: of the device that all of them lie on.
    """
    return smoothstep(kernels.sample(eyes, at) - lids, 0.3, 0.5)[:, None]


def opening(
    points: FloatArray, loops: tuple[str, ...], raster: Any, softness: float, *, kernels: Kernels = NUMPY
) -> Array:
    """(k,) 1 inside loops of landmarks at a raster's pixels, soft at the edge."""
    return kernels.array(filled(points, loops, raster.shape, softness))[raster.rows, raster.columns]


def filled(points: FloatArray, loops: tuple[str, ...], shape: tuple[int, int], softness: float) -> FloatArray:
    """Loops of landmarks filled in a picture, drawn four times as large, with soft edges."""
    return filled_corners([points[list(LOOPS[name]), :2] for name in loops], shape, softness)


def filled_corners(outlines: Sequence[FloatArray], shape: tuple[int, int], softness: float) -> FloatArray:
    """Outlines (n, 2) in pixels filled in a picture, drawn four times as large, with soft edges."""
    height, width = shape
    out = np.zeros(shape, dtype=np.float32)
    for corners in outlines:
        pad = int(np.ceil(4.0 * softness)) + 2
        left, top = np.maximum(np.floor(corners.min(axis=0)).astype(int) - pad, 0)
        right = min(int(np.ceil(corners[:, 0].max())) + pad + 1, width)
        bottom = min(int(np.ceil(corners[:, 1].max())) + pad + 1, height)
        if right <= left or bottom <= top:
            continue
        large = np.zeros(((bottom - top) * 4, (right - left) * 4), dtype=np.uint8)
        drawn = (corners - np.array([left, top]) + 0.5) * 4.0 - 0.5
        cv2.fillPoly(large, [np.round(drawn * 16.0).astype(np.int32)], 255, shift=4)
        region = cv2.resize(large, (right - left, bottom - top), interpolation=cv2.INTER_AREA)
        soft = blur(region.astype(np.float32) / 255.0, max(softness, 0.3))
        window = out[top:bottom, left:right]
        np.maximum(window, soft, out=window)
    return out


def eye_gain(
    plate: Array,
    own: FloatArray,
    face: Array,
    points: FloatArray,
    raster: Any,
    *,
    height: float,
    kernels: Kernels = NUMPY,
) -> float:
    """What brings the whites of the swapped eyes to the light that the performer's eyes are in.

    Brow and lids shade eyes as no light on smooth skin tells; the performer's own whites do.

    Args:
        plate: (h, w, 3) scene-linear.
        own: (478, 3) the performer's landmarks.
        face: (k, 3) the swapped face at the raster's pixels.
        points: (478, 3) its landmarks.
        raster: of the swapped face in the plate's pixels.
        height: of the face in pixels.
        kernels: of the device that plate, face and raster lie on.

    Returns:
        A factor; 1 where an eye is too closed to tell.
    """
    on = kernels.array
    weights, shape = on(np.asarray(LUMA, dtype=np.float32)), (int(plate.shape[0]), int(plate.shape[1]))
    there, here = _white(own, shape), on(_white(points, shape))[raster.rows, raster.columns]
    seen, got = float(there.sum()), float(here.sum())
    enough = float(np.clip(min(seen, got) / (LEAST_WHITE * height * height) - 1.0, 0.0, 1.0))
    if enough <= 0.0:
        return 1.0
    rows, columns = np.nonzero(there)
    wanted = float(((plate[on(rows), on(columns)] @ weights) * on(there[rows, columns])).sum()) / seen
    given = float(((face @ weights) * here).sum()) / got
    ratio = np.clip(wanted / max(given, 1e-6), *GAIN)
    return float(ratio**enough)


def _white(points: FloatArray, shape: tuple[int, int]) -> FloatArray:
    """(h, w) 1 inside the lids and off the iris."""
    out = filled(points, EYES, shape, 0.0)
    for centre, ring in IRISES:
        middle = points[centre, :2]
        radius = float(np.linalg.norm(points[list(ring), :2] - middle, axis=1).mean()) * WHITE_FROM
        cv2.circle(out, (round(float(middle[0])), round(float(middle[1]))), max(1, round(radius)), 0.0, -1)
    return out
