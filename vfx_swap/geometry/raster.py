"""Rasterising a small triangle mesh: which triangle, and where in it, each pixel sees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vfx_swap.arrays import FloatArray

__all__ = ["Raster", "rasterise"]


@dataclass(frozen=True, eq=False)
class Raster:
    """What each covered pixel sees of a mesh.

    Attributes:
        rows, columns: (k,) int32 indices of the covered pixels.
        triangle: (k,) int32 index of the nearest triangle there.
        weights: (k, 3) float32 barycentric weights of its corners, summing to 1.
        depth: (k,) float32 interpolated z; smaller is nearer.
        shape: (height, width) of the picture.
    """

    rows: NDArray[np.int32]
    columns: NDArray[np.int32]
    triangle: NDArray[np.int32]
    weights: FloatArray
    depth: FloatArray
    shape: tuple[int, int]

    def interpolate(self, values: FloatArray, triangles: NDArray[np.int32]) -> FloatArray:
        """Per-vertex `values` (n, c) at the covered pixels: (k, c)."""
        corners = triangles[self.triangle]
        out = values[corners[:, 0]] * self.weights[:, :1]
        out += values[corners[:, 1]] * self.weights[:, 1:2]
        out += values[corners[:, 2]] * self.weights[:, 2:]
        return np.asarray(out, dtype=np.float32)

    def picture(self, values: FloatArray, *, fill: float = 0.0) -> FloatArray:
        """Values (k,) or (k, c) of the covered pixels laid into a full picture, `fill` elsewhere."""
        out = np.full((*self.shape, *values.shape[1:]), fill, dtype=np.float32)
        out[self.rows, self.columns] = values
        return out


def rasterise(
    positions: FloatArray,
    triangles: NDArray[np.int32],
    *,
    height: int,
    width: int,
    front_only: bool = True,
) -> Raster:
    """Rasterise a mesh with a depth test, sampling at pixel centres (integers).

    Args:
        positions: (n, 3) float32 pixels; z smaller is nearer. (n, 2) is taken as flat.
        triangles: (m, 3) int32.
        height: of the picture.
        width: of the picture.
        front_only: drop triangles wound away from the camera.

    Returns:
        The nearest triangle at each covered pixel. Deterministic: of equal depths the later triangle wins.
    """
    tri, x, y, weights = _samples(positions[:, :2].astype(np.float64), triangles, height, width, front_only=front_only)
    z = positions[:, 2].astype(np.float64) if positions.shape[1] > 2 else np.zeros(len(positions))
    depth = (weights * z[triangles[tri]]).sum(axis=1)

    # Far to near, so that the nearest is written last.
    order = np.argsort(-depth, kind="stable")
    pixel = (y * width + x)[order]
    nearest = np.full(height * width, -1, dtype=np.int64)
    nearest[pixel] = order
    covered = np.flatnonzero(nearest >= 0)
    pick = nearest[covered]
    return Raster(
        rows=(covered // width).astype(np.int32),
        columns=(covered % width).astype(np.int32),
        triangle=tri[pick].astype(np.int32),
        weights=weights[pick].astype(np.float32),
        depth=depth[pick].astype(np.float32),
        shape=(height, width),
    )


def _samples(
    xy: np.ndarray, triangles: NDArray[np.int32], height: int, width: int, *, front_only: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Every pixel centre in every triangle: triangle, column, row, (n, 3) barycentric weights."""
    a, b, c = (xy[triangles[:, k]] for k in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    low = np.maximum(np.ceil(np.minimum(np.minimum(a, b), c)).astype(np.int64), 0)
    high = np.minimum(np.floor(np.maximum(np.maximum(a, b), c)).astype(np.int64), [width - 1, height - 1])
    spans = high - low + 1
    use = (area < -1e-9) if front_only else (np.abs(area) > 1e-9)
    chosen = np.flatnonzero(use & (spans > 0).all(axis=1))

    counts = spans[chosen, 0] * spans[chosen, 1]
    owner = np.repeat(np.arange(len(chosen)), counts)
    offset = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    tri = chosen[owner]
    x = low[tri, 0] + offset % spans[tri, 0]
    y = low[tri, 1] + offset // spans[tri, 0]

    inverse = 1.0 / area[tri]
    wb = ((x - a[tri, 0]) * (c[tri, 1] - a[tri, 1]) - (y - a[tri, 1]) * (c[tri, 0] - a[tri, 0])) * inverse
    wc = ((b[tri, 0] - a[tri, 0]) * (y - a[tri, 1]) - (b[tri, 1] - a[tri, 1]) * (x - a[tri, 0])) * inverse
    wa = 1.0 - wb - wc
    # Shared edges must not leave gaps: a centre on an edge is in both triangles.
    inside = np.flatnonzero((wa >= -1e-7) & (wb >= -1e-7) & (wc >= -1e-7))
    return tri[inside], x[inside], y[inside], np.stack([wa[inside], wb[inside], wc[inside]], axis=1)
