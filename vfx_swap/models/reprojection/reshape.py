"""Pulling the features of a face toward the identity's proportions.

The identity's 3D landmarks are laid on the performer's neutral shape by a weighted similarity. The difference
is one for the whole track, so it neither breathes nor fights an expression; it is turned into each frame's
pose. It fades to nothing at the outline of the face and around the mouth: no pixel of the plate is moved, and
the matte stays as tight as without it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.geometry.mesh import LOOPS, SKIN_LANDMARKS
from vfx_swap.geometry.shapes import fit_shape
from vfx_swap.models.reprojection.eyes import IRISES
from vfx_swap.models.reprojection.soft import smoothstep

__all__ = ["Proportions", "compare_proportions", "reshaped_points"]

MOUTH = (0, 17, 61, 291)
EYE_CORNERS = ((33, 133), (362, 263))
OUTLINE_FADE = (0.02, 0.2)
"""Face heights from the outline between which the difference comes in."""
MOUTH_FADE = (0.12, 0.40)
"""Face heights from the middle of the mouth, likewise: its shape is expression."""


@dataclass(frozen=True, eq=False)
class Proportions:
    """How an identity's face differs from a performer's, in the performer's neutral shape."""

    neutral: np.ndarray
    """(468, 3) the performer's shape."""
    difference: np.ndarray
    """(468, 3) from it toward the identity's, 0 at the outline and around the mouth."""


def compare_proportions(performer: FloatArray, identity: FloatArray) -> Proportions:
    """What sets an identity's proportions apart.

    Args:
        performer: (478, 3) neutral shape of the track.
        identity: (478, 3) landmarks of a reference that faces the camera, any similarity.
    """
    neutral = performer[:SKIN_LANDMARKS].astype(np.float64)
    height = max(float(np.linalg.norm(neutral[10] - neutral[152])), 1e-6)
    from_mouth = np.linalg.norm(neutral - neutral[list(MOUTH)].mean(axis=0), axis=1) / height
    upper = smoothstep(from_mouth.astype(np.float32), *MOUTH_FADE).astype(np.float64)
    fit = fit_shape(identity[:SKIN_LANDMARKS], neutral, upper + 0.02)
    outline = neutral[list(LOOPS["face"])]
    from_outline = np.linalg.norm(neutral[:, None] - outline[None], axis=2).min(axis=1) / height
    share = upper * smoothstep(from_outline.astype(np.float32), *OUTLINE_FADE)
    laid = fit.place(identity[:SKIN_LANDMARKS].astype(np.float64))
    return Proportions(neutral=neutral, difference=(laid - neutral) * share[:, None])


def reshaped_points(points: FloatArray, proportions: Proportions | None, *, amount: float) -> FloatArray:
    """A frame's landmarks with the identity's proportions.

    Args:
        points: (478, 3) the performer's landmarks.
        proportions: of performer and identity; None reshapes nothing.
        amount: 0 nothing, 1 the identity's proportions.

    Returns:
        (478, 3); irises move with their eyes.
    """
    if amount <= 0.0 or proportions is None:
        return points
    pose = fit_shape(proportions.neutral, points[:SKIN_LANDMARKS], np.ones(SKIN_LANDMARKS))
    moved = pose.turn(proportions.difference) * amount
    placed = points.astype(np.float64)
    placed[:SKIN_LANDMARKS] += moved
    for (centre, ring), corners in zip(IRISES, EYE_CORNERS, strict=True):
        placed[[centre, *ring]] += moved[list(corners)].mean(axis=0)
    return placed.astype(np.float32)
