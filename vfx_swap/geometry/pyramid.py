"""Sampling a texture that is finer than the picture it goes to: each pixel reads the level of its own size.

L. Williams, "Pyramidal Parametrics", SIGGRAPH 1983: halved again and again, and mixed between the two levels
whose texels are nearest to a pixel's footprint. A texture read at one texel a pixel crackles as it moves.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.geometry.mesh import FineMesh
from vfx_swap.geometry.sample import sample

__all__ = ["Pyramid", "make_pyramid", "sample_pyramid", "texels_per_pixel"]

LEAST_SIDE = 16
"""Side of the coarsest level."""
SHARPER = 0.35
"""Levels that reading is finer than the footprint: halving by the mean and mixing two levels blur on their own."""


@dataclass(frozen=True, eq=False)
class Pyramid:
    """A square texture and its halves."""

    levels: tuple[FloatArray, ...]
    """(size / 2^level, size / 2^level, c), finest first."""

    @property
    def size(self) -> int:
        """Side of the finest level in texels."""
        return int(self.levels[0].shape[0])


def make_pyramid(texture: FloatArray) -> Pyramid:
    """The pyramid of a texture (size, size, c); each texel is the mean of four of the level before."""
    levels = [np.ascontiguousarray(texture, dtype=np.float32)]
    while levels[-1].shape[0] >= 2 * LEAST_SIDE:
        half = levels[-1].shape[0] // 2
        levels.append(np.asarray(cv2.resize(levels[-1], (half, half), interpolation=cv2.INTER_AREA), dtype=np.float32))
    return Pyramid(tuple(levels))


def texels_per_pixel(positions: FloatArray, mesh: FineMesh, *, size: int) -> FloatArray:
    """(n,) texels of a texture of this side under a pixel's side, at the fine vertices.

    The root of texture area over picture area of the triangles round a vertex.

    Args:
        positions: (n, 2 or 3) fine vertices in pixels.
        mesh: whose they are.
        size: of the texture.
    """
    count = len(positions)
    areas = []
    for corners in (mesh.uv * np.float32(size), positions[:, :2]):
        a, b, c = (corners[mesh.triangles[:, k]].astype(np.float64) for k in range(3))
        area = np.abs((b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0]))
        around = [np.bincount(mesh.triangles[:, k], weights=area, minlength=count) for k in range(3)]
        areas.append(around[0] + around[1] + around[2])
    in_texture, in_picture = areas
    # A triangle seen on edge has no area: the texture is still no finer there than its coarsest level.
    ratio = np.sqrt(in_texture / np.maximum(in_picture, 1e-6 * in_texture + 1e-12))
    return np.asarray(ratio, dtype=np.float32)


def sample_pyramid(pyramid: Pyramid, uv: FloatArray, footprint: FloatArray) -> FloatArray:
    """The texture at points, without crackle.

    Args:
        pyramid: of the texture.
        uv: (k, 2) in 0..1, v down.
        footprint: (k,) texels of the finest level under a pixel's side.

    Returns:
        (k, c) float32.
    """
    top = len(pyramid.levels) - 1
    level = np.clip(np.log2(np.maximum(footprint, 1e-6)) - SHARPER, 0.0, top).astype(np.float32)
    lower = np.minimum(level.astype(np.int32), max(top - 1, 0))
    share = (level - lower)[:, None]
    out = np.zeros((len(uv), *pyramid.levels[0].shape[2:]), dtype=np.float32)
    for index in np.unique(lower):
        here = np.flatnonzero(lower == index)
        fine, coarse = pyramid.levels[index], pyramid.levels[min(index + 1, top)]
        mixed = _at(fine, uv[here])
        mixed += share[here] * (_at(coarse, uv[here]) - mixed)
        out[here] = mixed
    return out


def _at(level: FloatArray, uv: FloatArray) -> FloatArray:
    return sample(level, uv * np.float32(level.shape[0]) - np.float32(0.5))
