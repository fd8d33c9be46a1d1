"""The face mesh: Loop subdivision, normals and the loops of landmarks that bound its regions.

MediaPipe's 468 skin landmarks are the control points; subdividing them gives a surface whose warp has no
kinks along triangle edges. Subdivision is one sparse matrix, so any per-landmark quantity follows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import spsolve

from vfx_swap.arrays import FloatArray

__all__ = ["LIPS", "LOOPS", "FineMesh", "bent_between", "subdivide", "vertex_normals"]

SKIN_LANDMARKS = 468

LOOPS: Mapping[str, tuple[int, ...]] = {
    "face": (
        *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152),
        *(148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
    ),
    "eye_image_left": (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246),
    "eye_image_right": (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466),
    "brow_image_left": (46, 53, 52, 65, 55, 107, 66, 105, 63, 70),
    "brow_image_right": (276, 283, 282, 295, 285, 336, 296, 334, 293, 300),
    "lips": (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185),
    "mouth": (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191),
    "nostrils": (129, 98, 97, 2, 326, 327, 358, 294, 278, 344, 440, 275, 4, 45, 220, 115, 48, 64),
}
"""Closed loops of landmark indices; left and right as seen in the picture."""

CREASES = ("eye_image_left", "eye_image_right", "mouth")
"""Loops along which the surface of a face is not smooth."""

LIPS: tuple[int, ...] = (
    *LOOPS["lips"],
    *(76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306, 408, 304, 303, 302, 11, 72, 73, 74, 184),
    *(62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292, 407, 272, 271, 268, 12, 38, 41, 42, 183),
    *LOOPS["mouth"],
)
"""Every landmark on the lips: four rings of twenty, from their outer edge to the inner."""


@dataclass(frozen=True, eq=False)
class FineMesh:
    """The subdivided face mesh.

    Attributes:
        matrix: (n, 468) sparse float32; `matrix @ landmarks[:468]` gives the fine vertices of anything
            defined on landmarks (positions in pixels, UV, weights).
        triangles: (m, 3) int32 indices of fine vertices.
        uv: (n, 2) float32 UV as given to `subdivide`.
        smoothing: (n, n) sparse: the mean over a vertex and its neighbours.
    """

    matrix: sparse.csr_matrix
    triangles: NDArray[np.int32]
    uv: FloatArray
    smoothing: sparse.csr_matrix

    def positions(self, points: FloatArray) -> FloatArray:
        """Fine vertices, (n, 3), from landmarks of shape (478, 3) or (468, 3), in the same units."""
        return np.asarray(self.matrix @ points[:SKIN_LANDMARKS], dtype=np.float32)

    def normals(self, positions: FloatArray, *, rounds: int = 0) -> FloatArray:
        """Unit normals (n, 3) in the light frame, smoothed over the surface `rounds` times.

        A landmarker's depth is too coarse for the creases of a nose: light is fitted to smoothed normals.
        """
        normals = vertex_normals(positions, self.triangles).astype(np.float64)
        for _ in range(rounds):
            normals = self.smoothing @ normals
        length = np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
        return np.asarray(normals / length, dtype=np.float32)


def subdivide(*, uv: FloatArray, triangles: NDArray[np.int32], levels: int = 2) -> FineMesh:
    """Loop subdivision with its boundary rule (C. Loop, 1987, with Warren's vertex weights).

    Lids and the lips' inner edges are creases (Hoppe et al., "Piecewise Smooth Surface Reconstruction", SIGGRAPH
    1994): they follow the boundary's rule, or a smooth surface would pull shut eyes and closed lips open by 2 % of
    the face's height.

    Args:
        uv: (468, 2) canonical UV; any other mesh is smooth all over.
        triangles: (m, 3) indices into it.
        levels: times each triangle is split in four.
    """
    matrix: Any = sparse.identity(len(uv), dtype=np.float64, format="csr")
    faces = np.asarray(triangles, dtype=np.int64)
    creases = np.zeros((0, 2), dtype=np.int64)
    if len(uv) == SKIN_LANDMARKS:
        creases = np.concatenate([np.stack([LOOPS[name], np.roll(LOOPS[name], -1)], axis=1) for name in CREASES])
    for _ in range(levels):
        step, faces, creases = _loop_step(faces, matrix.shape[0], creases)
        matrix = step @ matrix
    fine: Any = sparse.csr_matrix(matrix, dtype=np.float32)
    return FineMesh(
        matrix=fine,
        triangles=faces.astype(np.int32),
        uv=np.asarray(fine @ np.asarray(uv, dtype=np.float32), dtype=np.float32),
        smoothing=_neighbour_mean(faces, matrix.shape[0]),
    )


def bent_between(values: np.ndarray, free: np.ndarray, triangles: NDArray[np.int32]) -> np.ndarray:
    """Per-vertex values with those of the free vertices bent smoothly between the others.

    A thin plate: the least sum of squares of the mesh's Laplacian, each edge counted alike.

    Args:
        values: (n, c); those of free vertices do not matter.
        free: (n,) bool; every free vertex is joined over edges to one that is not.
        triangles: (m, 3).
    """
    ring = _ring(triangles.astype(np.int64), len(values))
    laplacian = sparse.csr_matrix(sparse.diags(np.asarray(ring.sum(axis=1)).ravel()) - ring)
    bending = sparse.csr_matrix(laplacian.T @ laplacian)
    solve, known = np.flatnonzero(free), np.flatnonzero(~free)
    out = values.astype(np.float64)
    if len(solve):
        right = -(bending[solve][:, known] @ out[known])
        out[solve] = spsolve(sparse.csc_matrix(bending[solve][:, solve]), right).reshape(-1, values.shape[1])
    return out


def _ring(faces: NDArray[np.int64], count: int) -> sparse.csr_matrix:
    """(n, n) 1 where two vertices share an edge."""
    start, end = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).T
    ones = np.ones(2 * len(start))
    ring = sparse.coo_matrix((ones, (np.r_[start, end], np.r_[end, start])), shape=(count, count)).tocsr()
    ring.data[:] = 1.0
    return sparse.csr_matrix(ring)


def _neighbour_mean(faces: NDArray[np.int64], count: int) -> sparse.csr_matrix:
    ring = _ring(faces, count) + sparse.identity(count, format="csr")
    return sparse.csr_matrix(sparse.diags(1.0 / np.asarray(ring.sum(axis=1)).ravel()) @ ring)


def _loop_step(
    faces: NDArray[np.int64], count: int, creases: NDArray[np.int64]
) -> tuple[sparse.csr_matrix, NDArray[np.int64], NDArray[np.int64]]:
    """One level: the (count + edges, count) matrix, the new triangles and the new crease edges."""
    directed = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    opposite = np.concatenate([faces[:, 2], faces[:, 0], faces[:, 1]])
    edges, inverse, uses = np.unique(np.sort(directed, axis=1), axis=0, return_inverse=True, return_counts=True)
    inverse = inverse.reshape(-1)
    creased = np.isin(edges[:, 0] * count + edges[:, 1], creases.min(axis=1) * count + creases.max(axis=1))
    inner = (uses == 2) & ~creased
    edge_rows = count + np.arange(len(edges))

    # New vertex on an edge: 3/8 of its ends and 1/8 of the opposite corners; at a border 1/2 of its ends.
    end_weight = np.where(inner, 0.375, 0.5)
    rows = [edge_rows, edge_rows]
    columns = [edges[:, 0], edges[:, 1]]
    values = [end_weight, end_weight]
    keep = inner[inverse]
    rows.append(edge_rows[inverse[keep]])
    columns.append(opposite[keep])
    values.append(np.full(int(keep.sum()), 0.125))

    # Old vertices: towards their ring inside, towards their two border neighbours on the border.
    border = edges[~inner]
    on_border = np.zeros(count, dtype=bool)
    on_border[border.ravel()] = True
    degree = np.bincount(edges.ravel(), minlength=count)
    beta = np.where(degree == 3, 3.0 / 16.0, 3.0 / (8.0 * np.maximum(degree, 1)))
    own = np.where(on_border, 0.75, 1.0 - degree * beta)
    rows.append(np.arange(count))
    columns.append(np.arange(count))
    values.append(own)
    for a, b in ((0, 1), (1, 0)):
        ring = ~on_border[edges[:, a]]
        rows += [edges[ring, a], border[:, a]]
        columns += [edges[ring, b], border[:, b]]
        values += [beta[edges[ring, a]], np.full(len(border), 0.125)]

    step = sparse.coo_matrix(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))),
        shape=(count + len(edges), count),
    ).tocsr()
    ab, bc, ca = (count + inverse[k * len(faces) : (k + 1) * len(faces)] for k in range(3))
    a, b, c = faces.T
    split = np.concatenate(
        [np.stack(t, axis=1) for t in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))],
    )
    halves = edges[creased], edge_rows[creased]
    finer = np.concatenate([np.stack([halves[0][:, end], halves[1]], axis=1) for end in (0, 1)])
    return step, split, finer


def vertex_normals(positions: FloatArray, triangles: NDArray[np.int32]) -> FloatArray:
    """Unit normals, (n, 3), area-weighted, in the *light frame*: x right, y up, z towards the camera.

    Args:
        positions: (n, 3) pixels, x right, y down, z smaller nearer (as landmarks are).
        triangles: (m, 3); wound so that a face seen from the front has normals with z > 0.
    """
    a, b, c = (positions[triangles[:, k]].astype(np.float64) for k in range(3))
    area = np.cross(b - a, c - a)
    total = np.stack(
        [
            sum(np.bincount(triangles[:, k], weights=area[:, axis], minlength=len(positions)) for k in range(3))
            for axis in range(3)
        ],
        axis=1,
    )
    length = np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)
    # Picture axes to the light frame: y and z turn round.
    unit = total / length * np.array([1.0, -1.0, -1.0])
    return np.asarray(unit, dtype=np.float32)
