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
from vfx_swap.models.facemesh.expressions import LIDS, ExpressionShapes, remove_expression
from vfx_swap.models.reprojection.eyes import IRISES
from vfx_swap.models.reprojection.soft import smoothstep

__all__ = ["Proportions", "at_rest", "compare_proportions", "reshaped_points", "shut_eyes", "shut_lids"]

MOUTH = (0, 17, 61, 291)
CORNERS = (61, 291)
UPPER_LIP = (0, 13)
"""Landmarks of the lips' corners, and of the upper lip's middle: the part of a mouth that speech moves least (on a
double that talks, a shift read from the middle is off by 2.3 % of face height, from the upper lip by 0.2 %)."""
EYE_CORNERS = ((33, 133), (362, 263))
OUTLINE_FADE = (0.0, 0.1)
"""Face heights from the outline between which the difference comes in."""
EXPRESSION_SHARE = 0.5
"""Share of an expression that is taken off: the landmarker's weights run high (a smile taken off whole turns into a
pout; on doubles, 0.5 lays neutral shapes best)."""
BLINKS = {"Left": 9, "Right": 10}
"""Index of eyeBlink among the landmarker's weights, by the person's side."""
BLINK = (0.55, 0.75)
"""Weight between which an eye goes from open a slit to shut."""
SHUT, WIDE_OPEN = 0.25, 1.3
"""Gap of the lids against their rest that a landmarker leaves to shut eyes, and the bound on how far they may open."""
JAW_FROM = (0.0, 0.12)
"""Face heights under the nose between which the outline begins to be the jaw's."""
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


def at_rest(points: FloatArray, expression: FloatArray, *, mesh: CanonicalMesh, shapes: ExpressionShapes) -> FloatArray:
    """Landmarks (478, 3) with the better part of their expression taken off.

    Args:
        points: (478, 3) landmarks in pixels.
        expression: (52,) the landmarker's weights.
        mesh: the canonical face.
        shapes: its expressions.
    """
    return remove_expression(points, expression, canonical=mesh.vertices, shapes=shapes, amount=EXPRESSION_SHARE)


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
    difference = (there - here) * share[:, None] + _jaw(there - here, canonical, height) * (1.0 - share)[:, None]
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
    moved = pose.turn(_with_lids(points, proportions, scale=pose.scale) * UP) * amount
    placed = points.astype(np.float64)
    placed[:SKIN_LANDMARKS] += moved
    for (centre, ring), corners in zip(IRISES, EYE_CORNERS, strict=True):
        placed[[centre, *ring]] += moved[list(corners)].mean(axis=0)
    return placed.astype(np.float32)


def shut_eyes(expression: FloatArray) -> dict[str, float]:
    """Side -> 0 to 1, how far the landmarker says that the eye is shut; `expression` (52,) is its weights."""
    return {side: float(smoothstep(np.float32(expression[index]), *BLINK)) for side, index in BLINKS.items()}


def shut_lids(points: FloatArray, expression: FloatArray) -> FloatArray:
    """Landmarks (478, 3) with the lids together where the landmarker says that an eye is shut.

    Its points leave a gap there of a quarter of the open eye's, in which the identity's eye would show.

    Args:
        points: (478, 3).
        expression: (52,) the landmarker's weights.
    """
    shut = shut_eyes(expression)
    if not any(shut.values()):
        return points
    out = points.copy()
    for side, share in shut.items():
        upper, lower = (np.array(row) for row in zip(*LIDS[side], strict=True))
        out[upper] += np.float32(share) * (points[lower] - points[upper])
    return out


def _with_lids(points: FloatArray, proportions: Proportions, *, scale: float) -> np.ndarray:
    """(468, 3) the difference, lids drawn apart only as far as the performer's are open: who blinks, blinks."""
    difference, neutral = proportions.difference.copy(), proportions.neutral
    upper, lower = (np.array(row) for row in zip(*(pair for side in LIDS.values() for pair in side), strict=True))
    gap = np.linalg.norm((points[upper] - points[lower]).astype(np.float64), axis=1) / max(scale, 1e-9)
    rest = np.maximum(np.linalg.norm(neutral[upper] - neutral[lower], axis=1), 1e-6)
    # Lids that are shut are found a little apart.
    open_now = np.clip((gap / rest - SHUT) / (1.0 - SHUT), 0.0, WIDE_OPEN)[:, None]
    middle, half = (difference[upper] + difference[lower]) / 2.0, (difference[upper] - difference[lower]) / 2.0
    difference[upper], difference[lower] = middle + half * open_now, middle - half * open_now
    return difference


def _laid(points: FloatArray, canonical: np.ndarray, rigid: np.ndarray) -> np.ndarray:
    """(468, 3) a shape in the canonical frame."""
    up = points[:SKIN_LANDMARKS].astype(np.float64) * UP
    return fit_shape(up, canonical, rigid).place(up)


def _jaw(difference: np.ndarray, canonical: np.ndarray, height: float) -> np.ndarray:
    """(468, 3) where the identity's jaw is the larger one: it can be painted over what lies behind.

    A smaller jaw would uncover what no pixel shows. Under brows and ears only: above, the outline is hair.
    """
    outward = canonical[:, :2] - canonical[[6, 152], :2].mean(axis=0)
    outward /= np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-6)
    below = (canonical[2, 1] - canonical[:, 1]) / height
    lower = smoothstep(below.astype(np.float32), *JAW_FROM).astype(np.float64)
    grown = np.maximum((difference[:, :2] * outward).sum(axis=1), 0.0) * lower
    return np.concatenate([outward * grown[:, None], np.zeros((len(difference), 1))], axis=1)


def _mouth(here: np.ndarray, there: np.ndarray) -> np.ndarray:
    """(468, 3) how lips move: with the middle of the upper lip, and apart as the corners do."""
    middle, goal = here[list(UPPER_LIP)].mean(axis=0), there[list(UPPER_LIP)].mean(axis=0)
    width, wanted = (float(shape[CORNERS[1], 0] - shape[CORNERS[0], 0]) for shape in (here, there))
    moved: np.ndarray = np.tile(goal - middle, (len(here), 1))
    moved[:, 0] += (wanted / max(width, 1e-6) - 1.0) * (here[:, 0] - middle[0])
    return moved
