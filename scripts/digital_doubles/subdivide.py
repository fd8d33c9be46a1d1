"""Catmull-Clark as a matrix, so that what Blender draws and what the truth measures are the same points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.digital_doubles.mesh import FloatArray

__all__ = ["Refined", "refine"]

IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Refined:
    """A finer mesh, linear in the coarse one's vertices."""

    matrix: Any
    """(fine, coarse) sparse, rows sum to 1: fine vertices = matrix @ coarse vertices, per axis and for attributes."""
    quads: IntArray
    """(m, 4) numbers of fine vertices."""

    def __call__(self, values: FloatArray) -> FloatArray:
        """(fine, k) of (coarse, k)."""
        return np.asarray(self.matrix @ values, np.float64)


def refine(*, faces: Sequence[Sequence[int]], count: int, levels: int) -> Refined:
    """`levels` (1 or more) of subdivision of polygons over `count` vertices; edges of one face only are open borders.

    Vertices that no face uses are left out. Rules: Catmull and Clark 1978; borders as cubic splines.
    """
    from scipy import sparse

    matrix = sparse.identity(count, format="csr")
    polygons = [np.asarray(face, np.int64) for face in faces]
    for _ in range(levels):
        step, quads = _once(polygons, matrix.shape[0])
        matrix = (step @ matrix).tocsr()
        polygons = list(quads)
    used, quads = np.unique(np.asarray(polygons), return_inverse=True)
    return Refined(matrix=matrix[used], quads=quads.reshape(-1, 4).astype(np.int64))


def _once(polygons: list[IntArray], count: int) -> tuple[Any, IntArray]:
    from scipy import sparse

    sizes = np.array([len(face) for face in polygons])
    loops = np.concatenate(polygons)
    owner = np.repeat(np.arange(len(polygons)), sizes)
    start = np.repeat(np.cumsum(sizes) - sizes, sizes)
    place = np.arange(len(loops)) - start
    follow = loops[start + (place + 1) % sizes[owner]]
    ends = np.sort(np.stack([loops, follow], 1), 1)
    edges, edge_of = np.unique(ends, axis=0, return_inverse=True)
    edge_of = edge_of.reshape(-1)
    uses = np.bincount(edge_of, minlength=len(edges))

    def rows(row: IntArray, column: IntArray, weight: FloatArray, shape: tuple[int, int]) -> Any:
        return sparse.csr_matrix((weight, (row, column)), shape=shape)

    middle = rows(owner, loops, 1.0 / sizes[owner], (len(polygons), count))
    halves = rows(
        np.repeat(np.arange(len(edges)), 2), edges.reshape(-1), np.full(len(edges) * 2, 0.5), (len(edges), count)
    )
    beside = rows(edge_of, owner, 1.0 / uses[edge_of], (len(edges), len(polygons)))
    inner = (uses == 2).astype(np.float64)
    edge_points = sparse.diags(1 - 0.5 * inner) @ halves + sparse.diags(0.5 * inner) @ beside @ middle

    valence = np.bincount(loops, minlength=count)
    border = np.zeros(count, bool)
    border[edges[uses != 2].reshape(-1)] = True
    incident = np.bincount(edges.reshape(-1), minlength=count)
    interior = (valence > 0) & ~border & (incident == valence)
    n = np.maximum(valence, 1).astype(np.float64)
    around = rows(loops, owner, 1.0 / n[loops], (count, len(polygons))) @ middle
    touching = rows(
        edges.reshape(-1),
        np.repeat(np.arange(len(edges)), 2),
        1.0 / np.maximum(incident, 1)[edges.reshape(-1)],
        (count, len(edges)),
    )
    smooth = sparse.diags(1 / n) @ around + sparse.diags(2 / n) @ (touching @ halves) + sparse.diags((n - 3) / n)
    open_edges = edges[uses == 1]
    neighbours = np.bincount(open_edges.reshape(-1), minlength=count)
    crease = rows(
        open_edges.reshape(-1), open_edges[:, ::-1].reshape(-1), np.full(open_edges.size, 0.125), (count, count)
    ) + 0.75 * sparse.identity(count)
    on_curve = border & (neighbours == 2)
    fixed = ~(interior | on_curve)
    vertex_points = (
        sparse.diags(interior.astype(float)) @ smooth
        + sparse.diags(on_curve.astype(float)) @ crease
        + sparse.diags(fixed.astype(float))
    )
    step = sparse.vstack([vertex_points, middle, edge_points]).tocsr()
    previous = edge_of[start + (place - 1) % sizes[owner]]
    offset = count + len(polygons)
    quads = np.stack([loops, offset + edge_of, count + owner, offset + previous], 1)
    return step, quads
