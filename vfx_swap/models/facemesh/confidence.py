"""How far to trust a face's landmarks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vfx_swap.arrays import FloatArray

__all__ = ["confidence_of"]


def confidence_of(
    rgb: FloatArray,
    *,
    points: NDArray[np.float64],
    other: tuple[NDArray[np.float64], NDArray[np.float64]],
    score: float,
) -> float:
    """Confidence in [0, 1]."""
    del rgb
    height = float(np.linalg.norm(points[10, :2] - points[152, :2]))
    apart = float(np.sqrt(((other[0] - other[1])[:, :2] ** 2).sum(axis=1).mean())) / max(height, 1.0)
    return float(np.clip(score, 0.0, 1.0) * np.exp(-((apart / 0.03) ** 2)))
