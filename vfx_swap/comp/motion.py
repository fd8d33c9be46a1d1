"""Motion blur: seen in the plate as detail lost in one direction, put on the swap alike."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from vfx_swap.arrays import FloatArray, check_array

__all__ = ["MotionBlur", "blur_along", "measure_motion_blur"]

_LUMA = np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)
GRAIN_SIGMA = 1.5
"""Blur (px) that takes grain away before gradients are measured."""
BROAD = 0.015
"""Blur that holds shading, as a fraction of the crop's smaller side (about 3 % of face height)."""
TOLERANCE = 0.7
"""Detail along one direction, against the one across, that two faces may differ by without any blur."""
LONGEST = 0.35
"""Longest blur looked for, as a fraction of the crop's smaller side."""
STEPS = 9
"""Halvings of the length's interval: under a fifth of a pixel for a blur of 100."""


@dataclass(frozen=True)
class MotionBlur:
    """A blur along a straight line."""

    length_pixels: float
    angle_degrees: float
    """Of the line: 0 along x, positive towards +y (down), in [0, 180)."""


NONE = MotionBlur(length_pixels=0.0, angle_degrees=0.0)


def measure_motion_blur(plate: FloatArray, face: FloatArray, weight: FloatArray) -> MotionBlur:
    """The motion blur that the plate has and the face lacks.

    The two show the same pose, so gradients lost along one direction and kept across it are blur. The
    structure tensors of both (J. Bigün and G. Granlund, ICCV 1987) give direction and loss; the length is
    the one that makes the face lose as much, less `TOLERANCE`.

    Args:
        plate: (height, width, 3) scene-linear, finite.
        face: (height, width, 3) the swap in the same place.
        weight: (height, width) where both are to be compared.
    """
    check_array("plate", plate, shape=(None, None, 3))
    check_array("face", face, shape=plate.shape)
    check_array("weight", weight, shape=plate.shape[:2])
    of_plate, of_face = (_tensor(_detail(rgb), weight) for rgb in (plate, face))
    if min(np.trace(of_plate), np.trace(of_face)) <= 1e-12:
        return NONE
    spread = of_face + 1e-3 * np.trace(of_face) * np.eye(2)
    lost, directions = np.linalg.eigh(_whitened(of_plate, spread))
    along = np.linalg.inv(np.linalg.cholesky(spread)).T @ directions[:, 0]
    along /= np.linalg.norm(along)
    loss = max(float(lost[0]), 1e-9) / max(float(lost[1]), 1e-9) / TOLERANCE
    if loss >= 1.0:
        return NONE
    angle = math.degrees(math.atan2(along[1], along[0])) % 180.0
    return MotionBlur(length_pixels=_length_for(face, weight, angle, along, loss), angle_degrees=angle)


def blur_along(picture: FloatArray, blur: MotionBlur) -> FloatArray:
    """A picture (height, width[, c]) blurred along a line: a shutter open for the whole length, borders repeated."""
    if blur.length_pixels < 0.5:
        return picture
    return np.asarray(
        cv2.filter2D(picture, -1, _line(blur), borderType=cv2.BORDER_REPLICATE), dtype=np.float32
    ).reshape(picture.shape)


def _length_for(face: FloatArray, weight: FloatArray, angle: float, along: np.ndarray, loss: float) -> float:
    """The length at which the face keeps `loss` of its detail along the line, against that across it."""
    detail = _detail(face)
    sharp = _anisotropy(_tensor(detail, weight), along)
    low, high = 0.0, float(LONGEST * min(weight.shape))
    for _ in range(STEPS):
        middle = 0.5 * (low + high)
        blurred = blur_along(detail, MotionBlur(middle, angle))
        if _anisotropy(_tensor(blurred, weight), along) / sharp > loss:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


def _anisotropy(tensor: np.ndarray, along: np.ndarray) -> float:
    across = np.array([-along[1], along[0]])
    kept, whole = (float(np.sum(tensor * np.outer(d, d))) for d in (along, across))
    return kept / max(whole, 1e-12)


def _whitened(tensor: np.ndarray, by: np.ndarray) -> np.ndarray:
    inverse = np.linalg.inv(np.linalg.cholesky(by))
    whitened: np.ndarray = inverse @ tensor @ inverse.T
    return whitened


def _detail(rgb: FloatArray) -> FloatArray:
    luma = np.maximum(rgb, 0.0) @ _LUMA
    floor = 0.02 * max(float(np.median(luma)), 1e-6)
    soft = cv2.GaussianBlur(luma.astype(np.float32), (0, 0), GRAIN_SIGMA)
    logs = np.log(soft + np.float32(floor))
    # Shading is the same in both, blurred or not: only detail tells.
    broad = cv2.GaussianBlur(logs, (0, 0), max(BROAD * min(logs.shape), 2.0 * GRAIN_SIGMA))
    return np.asarray(logs - broad, dtype=np.float32)


def _tensor(detail: FloatArray, weight: FloatArray) -> np.ndarray:
    """(2, 2) mean outer product of the gradient where there is weight."""
    x = cv2.Sobel(detail, cv2.CV_32F, 1, 0, scale=0.125)
    y = cv2.Sobel(detail, cv2.CV_32F, 0, 1, scale=0.125)
    total = max(float(weight.sum()), 1e-9)
    xx, xy, yy = (float((weight * a * b).sum(dtype=np.float64)) / total for a, b in ((x, x), (x, y), (y, y)))
    return np.array([[xx, xy], [xy, yy]])


def _line(blur: MotionBlur) -> FloatArray:
    """The kernel: a line one pixel wide, antialiased, sum 1."""
    half = blur.length_pixels / 2.0
    radius = math.ceil(half) + 1
    angle = math.radians(blur.angle_degrees)
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1].astype(np.float64)
    along = x * math.cos(angle) + y * math.sin(angle)
    across = -x * math.sin(angle) + y * math.cos(angle)
    kernel = np.clip(half + 0.5 - np.abs(along), 0.0, 1.0) * np.clip(1.0 - np.abs(across), 0.0, 1.0)
    return np.asarray(kernel / kernel.sum(), dtype=np.float32)
