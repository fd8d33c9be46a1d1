"""The shadows that a face throws on itself: of its nose, brows and chin, under any light.

What stands between a place of the skin and the light is told once, on the mean face in its head's own axes, and turned
with the head (precomputed radiance transfer: P. Sloan, J. Kautz, J. Snyder, SIGGRAPH 2002, here by directions instead
of harmonics). So shadows move with the head and the light, and not with a landmark's noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from vfx_swap.arrays import FloatArray
from vfx_swap.geometry.raster import rasterise
from vfx_swap.light.key_light import SEEN
from vfx_swap.light.relight import DIRECTIONS, dots, faced, gathered, sphere

__all__ = ["FaceShadows", "ShadowedFace"]

SIDE = 128
"""Pixels of the picture that each direction sees of the head."""
BIAS = 0.35
"""Centimetres that a place may lie behind what is seen before it is in shadow: more than the mesh errs by itself."""
SKULL_CENTRE, SKULL_RADII = (0.0, 4.5, -4.5), (7.6, 9.5, 8.6)
"""Centimetres, in the mean face's axes: what the face mesh lacks, and light from behind cannot pass."""
SKULL_RINGS = 24
NARROWEST = 0.16
"""Radians: no lamp is looked at as smaller than the directions lie apart."""


@dataclass(frozen=True, eq=False)
class ShadowedFace:
    """A face in its pose, and what it shades of itself. Directions are in the light frame."""

    directions: FloatArray
    """(d, 3) unit vectors that share the sphere evenly."""
    visible: FloatArray
    """(n, d) 0 to 1: how far each vertex sees each direction past the head."""
    facing: FloatArray
    """(n, d) light of each direction on each vertex, as `faced` says."""
    seen: NDArray[np.bool_]
    """(n,) vertices that the camera sees."""

    @cached_property
    def even(self) -> FloatArray:
        """(n,) share of even light from all around that arrives, over its mean on skin that is seen."""
        return np.asarray(self._share / self._mean_share, dtype=np.float32)

    def lamp(self, direction: FloatArray, softness: float) -> FloatArray:
        """(n,) share of a lamp's light that arrives, 0 in its shadow to 1.

        Args:
            direction: (3,) unit vector towards it.
            softness: sine of its angular radius.
        """
        cosine = np.clip(dots(self.directions, direction[None])[:, 0], -1.0, 1.0)
        width = max(float(np.arcsin(min(softness, 1.0))), NARROWEST)
        weight = np.exp(-np.square(np.arccos(cosine) / np.float32(width)))
        near = weight > 1e-3 * weight.max()
        weight, visible, facing = weight[near] / weight[near].sum(), self.visible[:, near], self.facing[:, near]
        whole = (facing * weight).sum(axis=1)
        share = (visible * facing * weight).sum(axis=1) / np.maximum(whole, 1e-3)
        return np.asarray(np.where(whole > 1e-3, share, (visible * weight).sum(axis=1)), dtype=np.float32)

    def around(self, radiance: FloatArray) -> FloatArray:
        """(n, 3) light that arrives of radiance (d, 3) from all around, on the scale of `Environment.light`."""
        return np.asarray(gathered(radiance, self._arriving, self.facing) / self._mean_share, dtype=np.float32)

    @cached_property
    def _arriving(self) -> FloatArray:
        return self.visible * self.facing

    @cached_property
    def _share(self) -> FloatArray:
        return np.asarray(self._arriving.sum(axis=1) / np.maximum(self.facing.sum(axis=1), 1e-6), dtype=np.float32)

    @cached_property
    def _mean_share(self) -> np.float32:
        return np.float32(max(float(self._share[self.seen].mean()) if self.seen.any() else 1.0, 0.1))


class FaceShadows:
    """What the mean face shades of itself, to be turned with any head.

    Args:
        vertices: (n, 3) centimetres: the mean face, x to the right, y up, z to the front.
        triangles: (m, 3) int32.
    """

    def __init__(self, vertices: FloatArray, triangles: NDArray[np.int32]) -> None:
        self._vertices = vertices.astype(np.float64)
        self._visible = _visible(
            np.ascontiguousarray(vertices, np.float32).tobytes(), np.ascontiguousarray(triangles, np.int32).tobytes()
        )

    def on(self, positions: FloatArray, normals: FloatArray) -> ShadowedFace:
        """The shadows on a face in a picture.

        Args:
            positions: (n, 3) plate pixels of the same vertices.
            normals: (n, 3) unit vectors, light frame.
        """
        directions = (sphere(DIRECTIONS) @ self._turn(positions).T).astype(np.float32)
        return ShadowedFace(directions, self._visible, faced(normals, directions), normals[:, 2] > SEEN)

    def _turn(self, positions: FloatArray) -> np.ndarray:
        """(3, 3) rotation from the mean face's axes to the light frame (W. Kabsch, 1976)."""
        there = positions.astype(np.float64) * (1.0, -1.0, -1.0)
        here, there = self._vertices - self._vertices.mean(axis=0), there - there.mean(axis=0)
        # Summed column by column: BLAS may sum otherwise on another number of threads.
        both = np.array([[float((there[:, i] * here[:, j]).sum()) for j in range(3)] for i in range(3)])
        left, _, right = np.linalg.svd(both)
        mirrored = np.sign(np.linalg.det(left @ right))
        return np.asarray(left @ np.diag([1.0, 1.0, mirrored]) @ right)


@lru_cache(maxsize=2)
def _visible(vertices: bytes, triangles: bytes) -> FloatArray:
    """(n, d) how far each vertex sees each direction of `sphere`, in the mean face's axes: a shadow map for each."""
    face, corners = (
        np.frombuffer(vertices, np.float32).reshape(-1, 3),
        np.frombuffer(triangles, np.int32).reshape(-1, 3),
    )
    skull, more = _skull()
    points, both = np.concatenate([face, skull]), np.concatenate([corners, more + np.int32(len(face))])
    found = [_lit_from(direction, points, both)[: len(face)] for direction in sphere(DIRECTIONS)]
    visible = np.ascontiguousarray(np.stack(found, axis=1))
    visible.setflags(write=False)
    return visible


def _lit_from(direction: FloatArray, points: FloatArray, triangles: NDArray[np.int32]) -> FloatArray:
    """(n,) share of the nine pixels about each point, as seen from a direction, that show nothing before it."""
    side = np.cross((0.0, 1.0, 0.0) if abs(float(direction[1])) < 0.9 else (1.0, 0.0, 0.0), direction)
    side /= np.linalg.norm(side)
    up = np.cross(direction, side)
    placed = np.stack([dots(points, axis[None].astype(np.float32))[:, 0] for axis in (side, -up, -direction)], axis=1)
    low = placed[:, :2].min(axis=0)
    scale = (SIDE - 5) / float((placed[:, :2].max(axis=0) - low).max())
    placed[:, :2] = (placed[:, :2] - low) * scale + 2.0
    raster = rasterise(placed, triangles, height=SIDE, width=SIDE, front_only=False)
    depth = raster.picture(raster.depth, fill=np.inf)
    column, row = np.round(placed[:, 0]).astype(np.int64), np.round(placed[:, 1]).astype(np.int64)
    clear = np.zeros(len(points), np.float32)
    for y in (-1, 0, 1):
        for x in (-1, 0, 1):
            clear += placed[:, 2] <= depth[row + y, column + x] + np.float32(BIAS)
    return clear / np.float32(9.0)


def _skull() -> tuple[FloatArray, NDArray[np.int32]]:
    """An ellipsoid in the head's place."""
    down, across = np.linspace(0.0, np.pi, SKULL_RINGS), np.arange(2 * SKULL_RINGS) * (np.pi / SKULL_RINGS)
    polar, turn = np.meshgrid(down, across, indexing="ij")
    unit = np.stack([np.sin(polar) * np.cos(turn), np.cos(polar), np.sin(polar) * np.sin(turn)], axis=-1)
    points = unit.reshape(-1, 3) * SKULL_RADII + SKULL_CENTRE
    ring = np.arange(2 * SKULL_RINGS)
    start = 2 * SKULL_RINGS * np.arange(SKULL_RINGS - 1)[:, None]
    here, beside = (start + ring).ravel(), (start + np.roll(ring, -1)).ravel()
    below, across_below = here + 2 * SKULL_RINGS, beside + 2 * SKULL_RINGS
    triangles = np.concatenate([np.stack([here, beside, below], 1), np.stack([beside, across_below, below], 1)])
    return points.astype(np.float32), triangles.astype(np.int32)
