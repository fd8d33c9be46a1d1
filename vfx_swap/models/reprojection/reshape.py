"""Pulling a face toward the identity's proportions, inside the performer's outline.

Two neutral shapes are laid on the canonical face by what expression moves least; their difference is one for
the whole track, so it neither breathes nor fights an expression, and it is turned into each frame's pose.
Lips move as one piece, shifted and widened: how far they are open and how they are drawn is expression, the
performer's. Around them the difference is filled in as a thin plate would bend. At the outline of the face it
fades to nothing: no pixel of the plate is moved, and the matte stays as tight as without it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.geometry.mesh import LIPS, LOOPS, SKIN_LANDMARKS, bent_between
from vfx_swap.geometry.shapes import fit_shape
from vfx_swap.models.facemesh.canonical import CanonicalMesh
from vfx_swap.models.reprojection.eyes import IRISES
from vfx_swap.models.reprojection.soft import smoothstep

__all__ = ["Proportions", "compare_proportions", "reshaped_points"]

MOUTH = (0, 17, 61, 291)
CORNERS = (61, 291)
SEAM = (13, 14)
"""Landmarks of the lips' corners, and of the middle of their inner edges."""
EYE_CORNERS = ((33, 133), (362, 263))
OUTLINE_FADE = (0.0, 0.1)
"""Face heights from the outline between which the difference comes in."""
RIGID_FROM = (0.12, 0.40)
"""Face heights from the middle of the mouth between which a landmark begins to count for the pose."""
MOUTH_REACH = 0.2
"""Face heights from the middle of the mouth within which skin follows the lips instead of its own difference."""
UP = np.array([1.0, -1.0, -1.0])
"""From pictures (y down, z away from the camera) to the canonical frame, and back."""


@dataclass(frozen=True, eq=False)
class Proportions:
    """How an identity's face differs from a performer's."""

    neutral: np.ndarray
    """(468, 3) the performer's shape in the canonical frame, centimetres."""
    difference: np.ndarray
    """(468, 3) from it toward the identity's, 0 at the outline."""
    rigid: np.ndarray
    """(468,) how far a landmark counts for the pose."""


def compare_proportions(performer: FloatArray, identity: FloatArray, *, mesh: CanonicalMesh) -> Proportions:
    """What sets an identity's proportions apart.

    Args:
        performer: (478 or 468, 3) neutral shape of the track, picture convention, any similarity.
        identity: the same of the identity.
        mesh: the canonical face.
    """
    canonical = mesh.vertices.astype(np.float64)
    height = float(np.linalg.norm(canonical[10] - canonical[152]))
    from_mouth = np.linalg.norm(canonical - canonical[list(MOUTH)].mean(axis=0), axis=1) / height
    rigid = smoothstep(from_mouth.astype(np.float32), *RIGID_FROM).astype(np.float64) + 0.02
    here, there = (_laid(points, canonical, rigid) for points in (performer, identity))

    outline = canonical[list(LOOPS["face"])]
    from_outline = np.linalg.norm(canonical[:, None] - outline[None], axis=2).min(axis=1) / height
    share = smoothstep(from_outline.astype(np.float32), *OUTLINE_FADE).astype(np.float64)
    difference = (there - here) * share[:, None]
    lips = list(LIPS)
    difference[lips] = _mouth(here, there)[lips]
    free = from_mouth < MOUTH_REACH
    free[lips] = False
    return Proportions(neutral=here, difference=bent_between(difference, free, mesh.triangles), rigid=rigid)


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
    pose = fit_shape(proportions.neutral * UP, points[:SKIN_LANDMARKS], proportions.rigid)
    moved = pose.turn(proportions.difference * UP) * amount
    placed = points.astype(np.float64)
    placed[:SKIN_LANDMARKS] += moved
    for (centre, ring), corners in zip(IRISES, EYE_CORNERS, strict=True):
        placed[[centre, *ring]] += moved[list(corners)].mean(axis=0)
    return placed.astype(np.float32)


def _laid(points: FloatArray, canonical: np.ndarray, rigid: np.ndarray) -> np.ndarray:
    """(468, 3) a shape in the canonical frame."""
    up = points[:SKIN_LANDMARKS].astype(np.float64) * UP
    return fit_shape(up, canonical, rigid).place(up)


def _mouth(here: np.ndarray, there: np.ndarray) -> np.ndarray:
    """(468, 3) how lips move: with the middle of their seam, and apart as the corners do."""
    seam, goal = here[list(SEAM)].mean(axis=0), there[list(SEAM)].mean(axis=0)
    width, wanted = (float(shape[CORNERS[1], 0] - shape[CORNERS[0], 0]) for shape in (here, there))
    moved: np.ndarray = np.tile(goal - seam, (len(here), 1))
    moved[:, 0] += (wanted / max(width, 1e-6) - 1.0) * (here[:, 0] - seam[0])
    return moved
