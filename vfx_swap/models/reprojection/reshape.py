"""Pulling the performer's proportions toward the identity's, by a smooth warp of the plate.

The identity's 3D landmarks are laid on the performer's neutral shape by a weighted similarity. The difference
is one for the whole track, so it neither breathes nor fights an expression; it is turned into each frame's
pose, fades around the mouth and 1.15 face heights from the face's middle, and moves plate and mesh alike, so
that outline, ears and neck follow.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.interpolate import RBFInterpolator

from vfx_swap.arrays import FloatArray
from vfx_swap.geometry.mesh import LOOPS, SKIN_LANDMARKS
from vfx_swap.geometry.sample import sample
from vfx_swap.geometry.shapes import fit_shape
from vfx_swap.models.reprojection.skin import smoothstep

__all__ = ["Proportions", "Reshaped", "compare_proportions", "reshape_crop"]

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


@dataclass(frozen=True, eq=False)
class Proportions:
    """How an identity's face differs from a performer's, in the performer's neutral shape."""

    neutral: np.ndarray
    """(468, 3) the performer's shape."""
    difference: np.ndarray
    """(468, 3) from it to the identity's, 0 around the mouth."""


def compare_proportions(performer: FloatArray, identity: FloatArray) -> Proportions:
    """What sets an identity's proportions apart.

    Args:
        performer: (478, 3) neutral shape of the track.
        identity: (478, 3) landmarks of a reference that faces the camera, any similarity.
    """
    neutral = performer[:SKIN_LANDMARKS].astype(np.float64)
    height = max(float(np.linalg.norm(neutral[10] - neutral[152])), 1e-6)
    mouth = neutral[list(MOUTH)].mean(axis=0)
    away = (np.linalg.norm(neutral - mouth, axis=1) / height).astype(np.float32)
    weights = smoothstep(away, 0.12, 0.40).astype(np.float64) + 0.02
    laid = fit_shape(identity[:SKIN_LANDMARKS], neutral, weights).place(identity[:SKIN_LANDMARKS].astype(np.float64))
    return Proportions(neutral=neutral, difference=(laid - neutral) * (weights / weights.max())[:, None])


def reshape_crop(rgb: FloatArray, points: FloatArray, proportions: Proportions | None, *, amount: float) -> Reshaped:
    """Reshape a crop.

    Args:
        rgb: (height, width, 3) finite.
        points: (478, 3) the performer's landmarks in crop pixels.
        proportions: of performer and identity; None reshapes nothing.
        amount: 0 nothing, 1 the identity's proportions.
    """
    if amount <= 0.0 or proportions is None:
        return Reshaped(rgb=rgb, points=points, moved=None)
    height = max(float(np.linalg.norm(points[10, :2] - points[152, :2])), 1.0)
    pose = fit_shape(proportions.neutral, points[:SKIN_LANDMARKS], np.ones(SKIN_LANDMARKS))
    wanted = pose.turn(proportions.difference) * amount
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
