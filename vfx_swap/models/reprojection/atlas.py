"""The canonical UV of the face mesh as a picture: which point of the face each texel is, and its regions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vfx_swap.arrays import FloatArray
from vfx_swap.comp.distance import distance_inside
from vfx_swap.geometry.mesh import LOOPS, FineMesh, subdivide
from vfx_swap.geometry.raster import Raster, rasterise
from vfx_swap.models.reprojection.soft import blur

__all__ = ["Atlas", "make_atlas"]

REGION_SOFTNESS = 0.006
"""Standard deviation of a region's edge, as a fraction of the atlas' side (about 1 % of face height)."""
FEATURES = ("eyes", "brows", "lips", "nostrils")
"""Regions that the guard is made of."""


@dataclass(frozen=True, eq=False)
class Atlas:
    """A UV picture of the face mesh, row 0 at v = 0 (the forehead), texel centres at (i + 0.5) / size.

    Attributes:
        size: side in texels.
        mesh: the subdivided mesh.
        raster: the texels the mesh covers.
        regions: name of a loop group -> (size, size) float32, 0 to 1 with soft edges: `eyes`, `brows`,
            `lips`, `mouth` (inside the lips), `nostrils`; and `edge`, 0 at the mesh's border rising to 1
            at 0.12 face heights inside it, and `depth`, which rises to 1 at 0.48; and `guard`, 1 on and around
            eyes, brows, lips and nostrils, which are not skin and yet the face.
        loops: name of a loop of landmarks -> (n, 2) float32 UV, v down.
    """

    size: int
    mesh: FineMesh
    raster: Raster
    regions: Mapping[str, FloatArray]
    loops: Mapping[str, FloatArray]

    def at_texels(self, values: FloatArray) -> FloatArray:
        """Per-fine-vertex values (n, c) at the covered texels, (k, c)."""
        return self.raster.interpolate(values, self.mesh.triangles)

    def picture(self, values: FloatArray, *, fill: float = 0.0) -> FloatArray:
        """Values of the covered texels as a (size, size[, c]) picture."""
        return self.raster.picture(values, fill=fill)

    def region(self, name: str) -> FloatArray:
        """A region at the covered texels, (k,)."""
        return self.regions[name][self.raster.rows, self.raster.columns]

    def lookup(self, uv: FloatArray) -> FloatArray:
        """Texel coordinates (column, row), texel centres at integers, of UV (..., 2)."""
        return uv * np.float32(self.size) - np.float32(0.5)


def make_atlas(*, uv: FloatArray, triangles: NDArray[np.int32], size: int, levels: int = 2) -> Atlas:
    """Build the atlas of a face mesh.

    Args:
        uv: (468, 2) canonical UV, v down.
        triangles: (m, 3).
        size: side of the atlas in texels.
        levels: of subdivision.
    """
    mesh = subdivide(uv=uv, triangles=triangles, levels=levels)
    texels = mesh.uv * np.float32(size) - np.float32(0.5)
    raster = rasterise(texels, mesh.triangles, height=size, width=size, front_only=False)
    loops = {name: uv[list(indices)] for name, indices in LOOPS.items()}
    return Atlas(size=size, mesh=mesh, raster=raster, regions=_regions(uv, size), loops=loops)


def _regions(uv: FloatArray, size: int) -> dict[str, FloatArray]:
    groups: dict[str, Sequence[str]] = {
        "eyes": ("eye_image_left", "eye_image_right"),
        "brows": ("brow_image_left", "brow_image_right"),
        "lips": ("lips",),
        "mouth": ("mouth",),
        "nostrils": ("nostrils",),
    }
    out = {name: _filled(uv, loops, size, REGION_SOFTNESS) for name, loops in groups.items()}
    features = sum((out[name] for name in FEATURES), np.zeros((size, size), np.float32))
    soft = blur(np.asarray(features, dtype=np.float32), 0.008 * size)
    out["guard"] = np.asarray(np.clip(soft * 2.5, 0.0, 1.0), dtype=np.float32)
    face = _filled(uv, ("face",), size, 0.0)
    distance = distance_inside(face > 0.5)
    # The mesh spans 0.85 of the atlas in height, so 0.12 face heights are about 0.1 of its side.
    out["edge"] = np.clip(distance / (0.1 * size), 0.0, 1.0).astype(np.float32)
    out["depth"] = np.clip(distance / (0.4 * size), 0.0, 1.0).astype(np.float32)
    return out


def _filled(uv: FloatArray, loops: Sequence[str], size: int, softness: float) -> FloatArray:
    """Filled loops, antialiased by 4x supersampling, edges softened by a Gaussian."""
    fine = np.zeros((size * 4, size * 4), dtype=np.uint8)
    for name in loops:
        corners = uv[list(LOOPS[name])] * np.float32(size * 4)
        cv2.fillPoly(fine, [np.round(corners * 16).astype(np.int32)], 255, shift=4)
    region = cv2.resize(fine, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32) / 255.0
    if softness > 0.0:
        region = cv2.GaussianBlur(region, (0, 0), softness * size)
    # A blur's kernel sums to 1 but for rounding.
    return np.asarray(np.minimum(region, 1.0), dtype=np.float32)
