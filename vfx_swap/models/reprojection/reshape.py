"""Pulling the performer's proportions toward the identity's, by a smooth warp of the plate.

The identity's 3D landmarks are laid on the performer's by a weighted similarity; the difference, fading
around the mouth (expression) and 1.15 face heights from the face's middle, moves the plate and the mesh
alike, so that outline, ears and neck follow.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.interpolate import RBFInterpolator

from vfx_swap.arrays import FloatArray
from vfx_swap.geometry.mesh import LOOPS, SKIN_LANDMARKS
from vfx_swap.geometry.sample import sample
from vfx_swap.models.reprojection.skin import smoothstep

__all__ = ["Reshaped", "reshape_crop"]

REACH = 1.15
"""Face heights from the middle of the face at which nothing moves any more."""
STILL_PIXELS = 0.02
"""A pixel moved by less than this stays the plate's."""
MOUTH = (0, 17, 61, 291)


@dataclass(frozen=True, eq=False)
class Reshaped:
    """A crop with other proportions."""

    rgb: FloatArray
    """(height, width, 3)."""
    points: FloatArray
    """(478, 3) landmarks after the warp, in crop pixels."""
    moved: FloatArray | None
    """(height, width) 1 where the plate was moved, 0 where not, soft between; None: nowhere."""


def reshape_crop(rgb: FloatArray, points: FloatArray, identity_points: FloatArray, *, amount: float) -> Reshaped:
    """Reshape a crop.

    Args:
        rgb: (height, width, 3) finite.
        points: (478, 3) the performer's landmarks in crop pixels.
        identity_points: (478, 3) the identity's, any similarity.
        amount: 0 nothing, 1 the identity's proportions.
    """
    if amount <= 0.0:
        return Reshaped(rgb=rgb, points=points, moved=None)
    height = max(float(np.linalg.norm(points[10, :2] - points[152, :2])), 1.0)
    wanted = _difference(points, identity_points, height) * amount
    field = _field(points, wanted, height, rgb.shape[:2])
    rows, columns = np.mgrid[: rgb.shape[0], : rgb.shape[1]].astype(np.float32)
    where = np.stack([columns - field[..., 0], rows - field[..., 1]], axis=-1)
    warped = np.maximum(sample(rgb, where, cubic=True), 0.0)
    length = np.linalg.norm(field, axis=-1).astype(np.float32)
    moved = smoothstep(length, STILL_PIXELS, 0.25)
    placed = points.copy()
    guess = points[:, :2].copy()
    for _ in range(4):
        # The field is given where things end up: find it for where they start.
        guess = points[:, :2] + sample(field, guess)
    placed[:, :2] = guess
    placed[:SKIN_LANDMARKS, 2] += wanted[:, 2]
    return Reshaped(rgb=np.asarray(warped, np.float32), points=placed.astype(np.float32), moved=moved)


def _difference(points: FloatArray, identity_points: FloatArray, height: float) -> np.ndarray:
    """(468, 3) from the performer's landmarks to the identity's laid on them (Umeyama 1991, weighted)."""
    source = identity_points[:SKIN_LANDMARKS].astype(np.float64)
    wanted = points[:SKIN_LANDMARKS].astype(np.float64)
    mouth = wanted[list(MOUTH), :2].mean(axis=0)
    distance = np.linalg.norm(wanted[:, :2] - mouth, axis=1) / height
    weight = smoothstep(distance.astype(np.float32), 0.12, 0.40).astype(np.float64) + 0.02
    weight /= weight.sum()
    source_middle, wanted_middle = weight @ source, weight @ wanted
    a, b = source - source_middle, wanted - wanted_middle
    left, spread, right = np.linalg.svd((a * weight[:, None]).T @ b)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    rotation = left @ np.diag(sign) @ right
    scale = float((spread * sign).sum() / (weight @ (a**2).sum(axis=1)))
    return (scale * a @ rotation + wanted_middle - wanted) * (weight / weight.max())[:, None]


def _field(points: FloatArray, wanted: np.ndarray, height: float, shape: tuple[int, ...]) -> FloatArray:
    """(height, width, 2) displacement of each output pixel, smooth, 0 beyond REACH."""
    chosen = np.array(sorted({*LOOPS["face"], *range(0, SKIN_LANDMARKS, 3)}))
    middle = points[:SKIN_LANDMARKS, :2].mean(axis=0)
    turn = np.linspace(0.0, 2.0 * np.pi, 40, endpoint=False)
    ring = middle + REACH * height * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    # Indexed by where points end up, as a warp that reads backwards needs.
    known = np.concatenate([points[chosen, :2] + wanted[chosen, :2], ring])
    values = np.concatenate([wanted[chosen, :2], np.zeros_like(ring)])
    spline = RBFInterpolator(known / height, values, kernel="thin_plate_spline", smoothing=1e-4)
    step = max(1, int(height / 32))
    rows, columns = np.mgrid[0 : shape[0] + step : step, 0 : shape[1] + step : step]
    grid = np.stack([columns.ravel(), rows.ravel()], axis=1) / height
    coarse = spline(grid).reshape(*rows.shape, 2)
    away = np.hypot(columns - middle[0], rows - middle[1]) / height
    coarse *= (1.0 - smoothstep((away / REACH).astype(np.float32), 0.6, 1.0))[..., None]
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32) / np.float32(step)
    return np.asarray(
        cv2.remap(coarse.astype(np.float32), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), dtype=np.float32
    )
