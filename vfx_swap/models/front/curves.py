"""Thin lines in pictures: how strongly each place looks like one, and the best line through a strip."""

from __future__ import annotations

import cv2
import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.geometry.sample import sample

__all__ = ["best_path", "normals_of", "resampled", "ridge", "strip"]


def ridge(log: FloatArray, width: float) -> FloatArray:
    """(height, width) how much darker (positive) or brighter (negative) a line of that width is than what is about it.

    Args:
        log: (height, width) log luminance.
        width: pixels.
    """
    fine, broad = (cv2.GaussianBlur(log, (0, 0), max(0.6, factor * width)) for factor in (0.45, 1.3))
    return np.asarray(broad - fine, dtype=np.float32)


def resampled(points: FloatArray, count: int, *, closed: bool) -> FloatArray:
    """(count, 2) points at equal steps along a line of points (n, 2)."""
    line = np.concatenate([points, points[:1]]) if closed else points
    steps = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    at = np.linspace(0.0, steps[-1], count, endpoint=not closed)
    return np.stack([np.interp(at, steps, line[:, axis]) for axis in (0, 1)], axis=1).astype(np.float32)


def normals_of(points: FloatArray, *, closed: bool) -> FloatArray:
    """(n, 2) unit normals of a line; its own course is smoothed first."""
    ahead = np.roll(points, -2, axis=0) - np.roll(points, 2, axis=0)
    if not closed:
        ahead = np.gradient(points, axis=0)
    length = np.maximum(np.linalg.norm(ahead, axis=1, keepdims=True), 1e-6)
    return np.asarray(np.stack([-ahead[:, 1], ahead[:, 0]], axis=1) / length, dtype=np.float32)


def strip(picture: FloatArray, points: FloatArray, normals: FloatArray, offsets: FloatArray) -> FloatArray:
    """(n, m[, c]) a picture's values beside a line, at `offsets` (m,) along its normals."""
    at = points[:, None, :] + offsets[None, :, None] * normals[:, None, :]
    return sample(picture, np.asarray(at, np.float32))


def best_path(gain: FloatArray, *, closed: bool, bend: float) -> tuple[np.ndarray, float]:
    """The path through a strip that gains most, by dynamic programming.

    Args:
        gain: (n, m), what each place is worth.
        closed: the last place lies beside the first.
        bend: what a step of one place sideways costs.

    Returns:
        (n,) int index in each row; the mean gain along it.
    """
    rows = np.concatenate([gain, gain, gain]) if closed else gain
    count, wide = rows.shape
    places = np.arange(wide)
    cost = bend * np.abs(places[:, None] - places[None, :]) ** 1.5
    cost[np.abs(places[:, None] - places[None, :]) > 3] = np.inf
    best = rows[0].astype(np.float64)
    came = np.zeros((count, wide), dtype=np.int64)
    for row in range(1, count):
        options = best[None, :] - cost
        came[row] = options.argmax(axis=1)
        best = options[places, came[row]] + rows[row]
    path = np.zeros(count, dtype=np.int64)
    path[-1] = int(best.argmax())
    for row in range(count - 1, 0, -1):
        path[row - 1] = came[row, path[row]]
    if closed:
        path = path[len(gain) : 2 * len(gain)]
    return path, float(gain[np.arange(len(gain)), path].mean())
