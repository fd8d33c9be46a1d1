"""Rasterising a small triangle mesh: which triangle, and where in it, each pixel sees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vfx_swap.arrays import FloatArray

__all__ = ["Raster", "rasterise"]

BAND = 1 << 16
"""Pixels of the picture that are worked on at once: memory stays that of the result, however large a face is."""
EDGE = -1e-7
"""Shared edges must not leave gaps: a centre on an edge is in both triangles."""
FLAT = 1e-9
"""Twice the area in pixels under which a triangle is seen from its side."""


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
        out = np.empty((len(self.triangle), values.shape[1]), dtype=np.float32)
        corners = triangles[self.triangle]
        for channel in range(values.shape[1]):  # whole columns: rows of two or three are slow to multiply
            of_corner = values[:, channel][corners]
            sums = of_corner[:, 0] * self.weights[:, 0]
            sums += of_corner[:, 1] * self.weights[:, 1]
            sums += of_corner[:, 2] * self.weights[:, 2]
            out[:, channel] = sums
        return out

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
    setup = _set_up(positions, triangles, height, width, front_only=front_only)
    step = max(1, BAND // max(width, 1))
    first, last = (int(setup.top.min()), int(setup.bottom.max())) if len(setup.triangle) else (0, 0)
    shape = (height, width)
    bands = [_band(setup, top, min(top + step - 1, last), shape) for top in range(first, last + 1, step)]
    return Raster(
        rows=np.concatenate([band.rows for band in bands]),
        columns=np.concatenate([band.columns for band in bands]),
        triangle=np.concatenate([band.triangle for band in bands]),
        weights=np.concatenate([band.weights for band in bands]),
        depth=np.concatenate([band.depth for band in bands]),
        shape=shape,
    )


@dataclass(frozen=True, eq=False)
class _Setup:
    """The triangles that may be seen, each with its box of pixels."""

    triangle: NDArray[np.int64]
    """(m,) index in the mesh."""
    a: np.ndarray
    """(2, m) float64 first corner: x, y; `ab` and `ac` lead from it to the others."""
    ab: np.ndarray
    ac: np.ndarray
    inverse: np.ndarray
    """(m,) 1 over twice the area, signed."""
    z: np.ndarray
    """(3, m) depth of the corners."""
    left: NDArray[np.int64]
    """(m,) first column, as `right`, `top`, `bottom`, all inclusive."""
    right: NDArray[np.int64]
    top: NDArray[np.int64]
    bottom: NDArray[np.int64]


def _set_up(
    positions: FloatArray, triangles: NDArray[np.int32], height: int, width: int, *, front_only: bool
) -> _Setup:
    xy = np.ascontiguousarray(positions[:, :2].T, dtype=np.float64)
    z = positions[:, 2].astype(np.float64) if positions.shape[1] > 2 else np.zeros(len(positions))
    a, b, c = (xy[:, triangles[:, corner]] for corner in range(3))
    ab, ac = b - a, c - a
    area = ab[0] * ac[1] - ab[1] * ac[0]
    low = np.maximum(np.ceil(np.minimum(np.minimum(a, b), c)).astype(np.int64), 0)
    high = np.floor(np.maximum(np.maximum(a, b), c)).astype(np.int64)
    high = np.minimum(high, np.array([[width - 1], [height - 1]]))
    seen = (area < -FLAT) if front_only else (np.abs(area) > FLAT)
    used = np.flatnonzero(seen & (high >= low).all(axis=0))
    return _Setup(
        triangle=used,
        a=a[:, used],
        ab=ab[:, used],
        ac=ac[:, used],
        inverse=1.0 / area[used],
        z=np.stack([z[triangles[used, corner]] for corner in range(3)]),
        left=low[0, used],
        right=high[0, used],
        top=low[1, used],
        bottom=high[1, used],
    )


def _band(setup: _Setup, top: int, bottom: int, shape: tuple[int, int]) -> Raster:
    """What rows `top` to `bottom` see."""
    width = shape[1]
    own, pixel, weights = _samples(setup, top, bottom, width)
    sample_at = np.full((bottom - top + 1) * width, -1, dtype=np.int32)
    place, index = pixel - top * width, np.arange(len(pixel), dtype=np.int32)
    sample_at[place] = index
    # Few pixels see more than one triangle, and only those need their depths in order.
    lost = sample_at[place] != index
    if lost.any():
        contested = np.zeros(len(sample_at), dtype=bool)
        contested[place[lost]] = True
        among = index[contested[place]]
        depth = _depth(setup, own[among], weights[:, among])
        among = among[np.argsort(-depth, kind="stable")]  # far to near: the nearest is written last
        sample_at[place[among]] = among
    seen = sample_at[sample_at >= 0]
    own, weights = own[seen], weights[:, seen]
    return Raster(
        rows=(pixel[seen] // width).astype(np.int32),
        columns=(pixel[seen] % width).astype(np.int32),
        triangle=setup.triangle[own].astype(np.int32),
        weights=np.ascontiguousarray(weights.T, dtype=np.float32),
        depth=_depth(setup, own, weights).astype(np.float32),
        shape=shape,
    )


def _depth(setup: _Setup, own: NDArray[np.int64], weights: np.ndarray) -> np.ndarray:
    z = setup.z[:, own]
    depth: np.ndarray = weights[0] * z[0] + weights[1] * z[1] + weights[2] * z[2]
    return depth


def _samples(
    setup: _Setup, top: int, bottom: int, width: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], np.ndarray]:
    """Every pixel centre of some rows in every triangle: its index in the setup, row * width + column, weights."""
    within = np.flatnonzero((setup.top <= bottom) & (setup.bottom >= top))
    first = np.maximum(setup.top[within], top)
    line_own, y = _expand(within, first, np.minimum(setup.bottom[within], bottom) - first + 1)
    # All that holds for a whole line of a triangle is worked out once for it.
    down = y - setup.a[1, line_own]
    lines = np.arange(len(y))
    line, x = _expand(lines, setup.left[line_own], setup.right[line_own] - setup.left[line_own] + 1)
    own = line_own[line]
    across = x - setup.a[0, own]
    inverse = setup.inverse[own]
    second = (across * setup.ac[1, own] - (down * setup.ac[0, line_own])[line]) * inverse
    third = ((setup.ab[0, line_own] * down)[line] - setup.ab[1, own] * across) * inverse
    weights = np.stack([1.0 - second - third, second, third])
    inside = np.flatnonzero((weights >= EDGE).all(axis=0))
    return own[inside], (y * width)[line[inside]] + x[inside], weights[:, inside]


def _expand(
    owners: NDArray[np.int64], first: NDArray[np.int64], counts: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Each owner `counts` times, with the whole numbers that follow its `first`."""
    ends = np.cumsum(counts)
    number = np.arange(int(ends[-1]) if len(ends) else 0)
    return np.repeat(owners, counts), number + np.repeat(first - (ends - counts), counts)
