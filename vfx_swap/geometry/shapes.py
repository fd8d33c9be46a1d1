"""Face shapes in 3D: laying one on another, and the shape a performer has under all expressions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vfx_swap.arrays import FloatArray

__all__ = ["Similarity", "fit_shape", "neutral_shape", "share_inside"]


@dataclass(frozen=True, eq=False)
class Similarity:
    """`placed = scale * points @ rotation + shift`, in 3D."""

    rotation: np.ndarray
    """(3, 3) float64, proper."""
    scale: float
    shift: np.ndarray
    """(3,)."""

    def place(self, points: np.ndarray) -> np.ndarray:
        """Points (n, 3) moved."""
        placed: np.ndarray = self.scale * points @ self.rotation + self.shift
        return placed

    def turn(self, directions: np.ndarray) -> np.ndarray:
        """Differences (n, 3) turned and scaled, not shifted."""
        turned: np.ndarray = self.scale * directions @ self.rotation
        return turned


def fit_shape(points: np.ndarray, wanted: np.ndarray, weights: np.ndarray) -> Similarity:
    """The similarity that best lays one shape on another (S. Umeyama, IEEE PAMI 13(4), 1991, weighted).

    Args:
        points: (n, 3) to be moved.
        wanted: (n, 3) where they should be.
        weights: (n,) not negative, not all 0.
    """
    share = np.asarray(weights, np.float64) / float(np.sum(weights))
    middle, goal = share @ points, share @ wanted
    a, b = np.asarray(points, np.float64) - middle, np.asarray(wanted, np.float64) - goal
    left, spread, right = np.linalg.svd((a * share[:, None]).T @ b)
    sign = np.array([1.0, 1.0, 1.0 if np.linalg.det(left @ right) >= 0.0 else -1.0])
    rotation = left @ np.diag(sign) @ right
    scale = float((spread * sign).sum()) / max(float(share @ (a**2).sum(axis=1)), 1e-12)
    return Similarity(rotation=rotation, scale=scale, shift=goal - scale * middle @ rotation)


def neutral_shape(shapes: Sequence[FloatArray]) -> FloatArray:
    """The median of a track's landmarks, each laid on the one before: the performer, expressions aside.

    Constant for a whole track, so that what is built on it does not breathe with a smile.

    Args:
        shapes: (478, 3) each, at least one.
    """
    base = np.asarray(shapes[0], np.float64)
    for _ in range(2):
        weights = np.ones(len(base))
        laid = [fit_shape(shape, base, weights).place(np.asarray(shape, np.float64)) for shape in shapes]
        base = np.median(np.stack(laid), axis=0)
    return base.astype(np.float32)


def share_inside(points: NDArray[np.floating], *, width: int, height: int) -> float:
    """0 to 1, the share of points (n, 2 or 3), pixels, that lie between the outermost pixels' centres."""
    return float(((points[:, :2] >= 0.0) & (points[:, :2] <= (width - 1, height - 1))).all(axis=1).mean())
