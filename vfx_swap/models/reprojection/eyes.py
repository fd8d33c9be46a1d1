"""Eyes: the identity's, looking where the performer looks.

Lids are part of the mesh and open as the performer's do. Inside the opening the identity's eye is laid round
its iris, at the size and place of the performer's iris, so that an iris stays round however far lids differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from vfx_swap.arrays import Array, FloatArray
from vfx_swap.geometry.mesh import FineMesh
from vfx_swap.geometry.raster import rasterise
from vfx_swap.geometry.sample import sample
from vfx_swap.models.kernels import NUMPY, Kernels
from vfx_swap.types import Reference

__all__ = ["Eye", "follow_gaze", "reference_eyes"]

IRISES = ((468, (469, 470, 471, 472)), (473, (474, 475, 476, 477)))
"""Landmarks of centre and ring; the image's left eye first, for a face seen from the front."""
REACH = 2.5
"""Iris radii around the centre that an `Eye` holds."""
GRID = 64
FADE = (1.2, 2.2)
"""Iris radii between which the identity's eye gives way to the mesh: corners stay with the lids."""


@dataclass(frozen=True, eq=False)
class Eye:
    """Where in UV the surroundings of an iris lie, on a square of REACH radii around its centre."""

    uv: FloatArray
    """(GRID, GRID, 2)."""
    turn: float
    """Roll of the eye line in the reference, in radians."""


def reference_eyes(reference: Reference, mesh: FineMesh) -> tuple[Eye, Eye] | None:
    """The identity's eyes in a reference, or None when the reference does not show them.

    Args:
        reference: a photograph that faces the camera.
        mesh: of the atlas.
    """
    height, width = reference.rgb.shape[:2]
    raster = rasterise(mesh.positions(reference.points), mesh.triangles, height=height, width=width)
    if not len(raster.rows):
        return None
    uv = raster.picture(raster.interpolate(mesh.uv, mesh.triangles))
    covered = raster.picture(np.ones(len(raster.rows), np.float32))
    steps = (np.arange(GRID, dtype=np.float32) + 0.5) / GRID * 2.0 - 1.0
    square = np.stack(np.meshgrid(steps, steps), axis=-1) * REACH
    eyes = []
    for eye in range(2):
        middle, radius = _iris(reference.points, eye)
        where = (middle + square * radius).astype(np.float32)
        # Sampling repeats the border: an eye that it cuts is not seen.
        within = bool(((where >= 0.0) & (where <= [width - 1.0, height - 1.0])).all())
        if not within or float(sample(covered, where).min()) < 1.0:
            return None
        eyes.append(Eye(uv=sample(uv, where), turn=_eye_line(reference.points)))
    return eyes[0], eyes[1]


def follow_gaze(
    points: FloatArray,
    raster: Any,
    uv: Array,
    eyes: tuple[Eye, Eye] | None,
    opening: Array,
    *,
    kernels: Kernels = NUMPY,
) -> Array:
    """UV to read the identity's texture at, (k, 2).

    Args:
        points: (478, 3) the performer's landmarks in crop pixels.
        raster: of the mesh in the crop.
        uv: (k, 2) of its covered pixels.
        eyes: the identity's; None leaves the mesh's own.
        opening: (k,) 0 to 1 inside the performer's lids.
        kernels: of the device that raster, UV and opening lie on.
    """
    if eyes is None:
        return uv
    xp = kernels.xp
    out = xp.array(uv)
    for index, eye in enumerate(eyes):
        middle, radius = _iris(points, index)
        offset = xp.float32(xp.stack([raster.columns - middle[0], raster.rows - middle[1]], axis=1)) / radius
        distance = xp.sqrt(offset[:, 0] ** 2 + offset[:, 1] ** 2)
        near = xp.flatnonzero((distance < FADE[1]) & (opening > 0.0))
        turn = eye.turn - _eye_line(points)
        cos, sin = np.cos(turn), np.sin(turn)
        turned = offset[near] @ kernels.array(np.array([[cos, sin], [-sin, cos]], dtype=np.float32))
        at = (turned / REACH * 0.5 + 0.5) * GRID - 0.5
        share = xp.clip((FADE[1] - distance[near]) / (FADE[1] - FADE[0]), 0.0, 1.0)
        share = (share * share * (3.0 - 2.0 * share) * opening[near])[:, None]
        out[near] += share * (kernels.sample(kernels.array(eye.uv), at) - uv[near])
    return out


def _iris(points: FloatArray, eye: int) -> tuple[FloatArray, np.float32]:
    centre, ring = IRISES[eye]
    middle = points[centre, :2]
    return middle, np.float32(max(float(np.linalg.norm(points[list(ring), :2] - middle, axis=1).mean()), 0.5))


def _eye_line(points: FloatArray) -> float:
    across = points[IRISES[1][0], :2] - points[IRISES[0][0], :2]
    return float(np.arctan2(across[1], across[0]))
