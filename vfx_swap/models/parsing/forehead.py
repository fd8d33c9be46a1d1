"""The forehead above the face mesh: a landmarker's mesh ends short of the hairline, skin does not."""

from __future__ import annotations

import cv2
import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.light.harmonics import LUMA
from vfx_swap.models.reprojection.soft import blur, grow, smoothstep

__all__ = ["forehead"]

TOP = (127, 162, 21, 54, 103, 67, 109, 10, 338, 297, 332, 284, 251, 389, 356)
"""The mesh's border from temple to temple, over the forehead."""
RISE = 0.24
"""How far above the mesh skin is looked for, as a fraction of face height."""
NARROW = 0.88
"""Width of that up there, against the mesh's: a skull is round."""
LAP = 0.06
"""How far that goes down over the mesh, as a fraction of face height."""
AROUND = 0.07
"""Standard deviation of the neighbourhood that skin is compared with, as a fraction of face height."""
SPREAD = (0.08, 0.12, 0.28)
"""Of skin beside skin: log R/G, log B/G, log luminance."""
ALIKE = (1.3, 2.4)
"""Distances in spreads between which skin ends."""
THREAD = 0.03
"""What is narrower, as a fraction of face height, is skin seen between hairs and no forehead."""
HOLE = 0.05
"""What is narrower, as a fraction of face height, is a highlight or a mole of it."""
ROUNDS = 4
"""Steps from the mesh upwards, each compared with the skin that the one before found."""


def forehead(linear: FloatArray, points: FloatArray, skin: FloatArray, height: float) -> FloatArray:
    """Skin between the mesh and the hairline.

    Args:
        linear: (h, w, 3) linear light.
        points: (478, 3) landmarks, pixels.
        skin: (h, w) 0 to 1 on the mesh, where it shows bare skin.
        height: of the face in pixels.

    Returns:
        (h, w) 0 to 1; also on the mesh's own border, where it may overlap it.
    """
    band = _band(points, linear.shape[:2])
    if not band.any() or not (skin > 0.5).any():
        return np.zeros(linear.shape[:2], np.float32)
    log = np.log(blur(np.clip(linear, 0.0, 1e3), max(0.6, 0.003 * height)) + np.float32(0.004))
    feature = np.stack(
        [log[..., 0] - log[..., 1], log[..., 2] - log[..., 1], log @ np.asarray(LUMA, np.float32)], axis=-1
    )
    found = np.asarray(skin, np.float32)
    for _ in range(ROUNDS):
        found = np.maximum(skin, _alike(feature, found, height) * band)
        found = np.where(_joined(found, skin, height), found, skin).astype(np.float32)
    whole = cv2.morphologyEx(found, cv2.MORPH_CLOSE, _disc(HOLE * height))
    found = np.maximum(skin, cv2.morphologyEx(whole, cv2.MORPH_OPEN, _disc(THREAD * height)))
    return np.asarray(blur(np.where(band > 0.0, found, 0.0).astype(np.float32), max(0.7, 0.004 * height)), np.float32)


def _alike(feature: FloatArray, skin: FloatArray, height: float) -> FloatArray:
    """(h, w) 0 to 1: how much a pixel is like the skin around it; 0 far from any."""
    weight = blur(skin, AROUND * height)
    near = np.maximum(weight, np.float32(1e-3))
    distance = np.zeros(skin.shape, np.float32)
    for channel, spread in enumerate(SPREAD):
        mean = blur(feature[..., channel] * skin, AROUND * height) / near
        distance += ((feature[..., channel] - mean) / np.float32(spread)) ** 2
    alike = 1.0 - smoothstep(np.sqrt(distance), *ALIKE)
    return np.asarray(alike * (weight > 0.02), np.float32)


def _joined(found: FloatArray, skin: FloatArray, height: float) -> np.ndarray:
    """(h, w) True on what hangs together with the mesh's skin, threads aside."""
    solid = cv2.morphologyEx((found > 0.5).astype(np.uint8), cv2.MORPH_OPEN, _disc(THREAD * height))
    _, labels = cv2.connectedComponents(np.maximum(solid, (skin > 0.5).astype(np.uint8)))
    held = np.unique(labels[skin > 0.5])
    joined = np.isin(labels, held[held > 0]).astype(np.float32)
    return np.asarray(grow(joined, max(1.0, 0.004 * height)) > 0.0)


def _disc(across: float) -> np.ndarray:
    side = 2 * max(1, round(0.5 * across)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))


def _band(points: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """(h, w) 1 where a forehead can be: the mesh's upper border, carried on away from the chin."""
    border = points[list(TOP), :2].astype(np.float64)
    up = RISE * (points[10, :2] - points[152, :2]).astype(np.float64)
    middle = border.mean(axis=0)
    # Most in the middle, none at the temples.
    rise = np.sin(np.linspace(0.0, np.pi, len(TOP))) ** 0.6
    above = middle + (border - middle) * np.array([NARROW, NARROW]) + rise[:, None] * up
    # The smooth mesh ends inside its landmarks: the band laps over it.
    outline = np.concatenate([border - LAP / RISE * up, above[::-1]])
    drawn = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(drawn, [np.round(outline * 16).astype(np.int32)], 1, shift=4)
    return drawn.astype(np.float32)
