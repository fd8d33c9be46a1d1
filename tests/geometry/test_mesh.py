from __future__ import annotations

import numpy as np
import pytest

from tests.geometry.meshes import grid_mesh
from tests.models.faces import canonical_mesh
from vfx_swap.arrays import FloatArray
from vfx_swap.geometry.mesh import LOOPS, SKIN_LANDMARKS, subdivide, vertex_normals


def edge_count(triangles: np.ndarray) -> int:
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    return len(np.unique(np.sort(edges, axis=1), axis=0))


def border_edges(triangles: np.ndarray) -> np.ndarray:
    edges = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1)
    found, uses = np.unique(edges, axis=0, return_counts=True)
    assert uses.max() <= 2
    border: np.ndarray = found[uses == 1]
    return border


def with_depth(points: FloatArray, depth: np.ndarray) -> FloatArray:
    return np.column_stack([points, depth]).astype(np.float32)


def octahedron() -> tuple[FloatArray, np.ndarray]:
    corners = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], np.float32)
    faces = [[0, 2, 4], [2, 1, 4], [1, 3, 4], [3, 0, 4], [2, 0, 5], [1, 2, 5], [3, 1, 5], [0, 3, 5]]
    return corners, np.array(faces, np.int32)


@pytest.mark.parametrize("levels", [0, 1, 2, 3])
def test_counts_of_a_split_mesh(levels: int) -> None:
    uv, triangles = grid_mesh(3, 4)
    mesh = subdivide(uv=uv, triangles=triangles, levels=levels)
    vertices, faces = len(uv), triangles
    for level in range(levels):
        vertices += edge_count(faces)
        faces = subdivide(uv=uv, triangles=triangles, levels=level + 1).triangles
    assert mesh.matrix.shape == (vertices, len(uv))
    assert mesh.triangles.shape == (len(triangles) * 4**levels, 3)
    assert mesh.uv.shape == (vertices, 2)
    assert mesh.triangles.min() == 0
    assert mesh.triangles.max() == vertices - 1
    # Euler: a disc stays a disc.
    assert vertices - edge_count(mesh.triangles) + len(mesh.triangles) == 1


def test_every_fine_vertex_is_a_mean_of_landmarks() -> None:
    for points, triangles in (grid_mesh(4, 3), octahedron()):
        mesh = subdivide(uv=points[:, :2], triangles=triangles, levels=3)
        assert np.allclose(np.asarray(mesh.matrix.sum(axis=1)), 1.0, atol=1e-6)
        assert mesh.matrix.data.min() >= 0.0
        assert np.allclose(np.asarray(mesh.smoothing.sum(axis=1)), 1.0, atol=1e-9)


def test_a_slanted_plane_stays_that_plane() -> None:
    points, triangles = grid_mesh(5, 4)
    mesh = subdivide(uv=points, triangles=triangles, levels=3)
    placed = mesh.positions(with_depth(points, 3.0 * points[:, 0] - 2.0 * points[:, 1] + 1.0))
    assert np.allclose(placed[:, 2], 3.0 * placed[:, 0] - 2.0 * placed[:, 1] + 1.0, atol=1e-5)


def test_the_border_is_a_curve_of_border_landmarks_alone() -> None:
    points, triangles = grid_mesh(4, 4)
    mesh = subdivide(uv=points, triangles=triangles, levels=2)
    outer = np.unique(border_edges(triangles))
    fine = np.unique(border_edges(mesh.triangles))
    assert len(fine) == 4 * len(outer)
    weights = mesh.matrix.toarray()[fine]
    inner = np.setdiff1d(np.arange(len(points)), outer)
    assert np.abs(weights[:, inner]).max() == 0.0
    # Off the corners the border of a square is straight: both levels' stencils keep to their side.
    side = fine[(mesh.uv[fine, 0] > 0.3) & (mesh.uv[fine, 0] < 0.7)]
    assert len(side) > 4
    assert np.allclose(np.minimum(mesh.uv[side, 1], 1.0 - mesh.uv[side, 1]), 0.0, atol=1e-6)


def test_known_stencils_of_the_octahedron() -> None:
    # Valence 4: beta = 3 / (8 * 4); a corner moves to (1 - 4 beta) of itself, its ring sums to 0.
    corners, faces = octahedron()
    mesh = subdivide(uv=corners[:, :2], triangles=faces, levels=1)
    placed = mesh.positions(corners)
    assert np.allclose(placed[:6], corners * (1.0 - 4.0 * 3.0 / 32.0), atol=1e-6)
    # An edge's new vertex: 3/8 of its ends, 1/8 of the two opposite corners, which cancel or add here.
    middle = placed[6:]
    assert np.allclose(np.abs(middle).sum(axis=1), 0.75, atol=1e-6)


def test_valence_three_has_its_own_weight() -> None:
    corners = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], np.float32)
    faces = np.array([[0, 1, 2], [0, 3, 1], [0, 2, 3], [1, 3, 2]], np.int32)
    mesh = subdivide(uv=corners[:, :2], triangles=faces, levels=1)
    # 3/16 each of three neighbours, whose sum is minus the corner: 1 - 9/16 - 3/16.
    assert np.allclose(mesh.positions(corners)[:4], corners * (1.0 - 9.0 / 16.0 - 3.0 / 16.0), atol=1e-6)


def test_windings_survive_subdivision() -> None:
    points, triangles = grid_mesh(3, 3)
    mesh = subdivide(uv=points, triangles=triangles, levels=2)
    a, b, c = (mesh.uv[mesh.triangles[:, k]] for k in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    assert area.max() < 0.0


def test_normals_point_at_the_camera_and_lean_as_the_surface_does() -> None:
    points, triangles = grid_mesh(4, 4)
    flat = vertex_normals(with_depth(points, np.zeros(len(points))), triangles)
    assert np.allclose(flat, [0.0, 0.0, 1.0], atol=1e-6)
    # Farther (larger z) to the right: the surface looks right. Farther downwards: it looks down (y up: -).
    leaning = vertex_normals(with_depth(points, points[:, 0]), triangles)
    assert np.allclose(leaning, [np.sqrt(0.5), 0.0, np.sqrt(0.5)], atol=1e-6)
    down = vertex_normals(with_depth(points, points[:, 1]), triangles)
    assert np.allclose(down, [0.0, -np.sqrt(0.5), np.sqrt(0.5)], atol=1e-6)


def test_normals_of_a_sphere_and_their_smoothing() -> None:
    points, triangles = grid_mesh(16, 16)
    xy = 1.2 * (points - 0.5)
    sphere = np.column_stack([xy, -np.sqrt(1.0 - (xy**2).sum(axis=1))]).astype(np.float32)
    mesh = subdivide(uv=points, triangles=triangles, levels=0)
    true = sphere * np.array([1.0, -1.0, -1.0], np.float32)
    inner = np.abs(points - 0.5).max(axis=1) < 0.45
    normals = mesh.normals(sphere)
    assert np.allclose(np.linalg.norm(normals, axis=1), 1.0, atol=1e-6)
    assert (normals * true)[inner].sum(axis=1).min() > np.cos(np.radians(2.0))
    rough = sphere.copy()
    rough[:, 2] += np.random.default_rng(3).normal(0.0, 0.01, len(rough)).astype(np.float32)
    errors = [
        float(np.arccos(np.clip((mesh.normals(rough, rounds=r) * true)[inner].sum(axis=1), -1.0, 1.0)).mean())
        for r in (0, 4)
    ]
    assert errors[1] < 0.5 * errors[0]
    assert np.allclose(np.linalg.norm(mesh.normals(rough, rounds=4), axis=1), 1.0, atol=1e-5)


def test_a_vertex_of_no_triangle_has_no_nan_normal() -> None:
    points = np.zeros((4, 3), np.float32)
    points[1, 0] = points[2, 1] = 1.0
    assert np.isfinite(vertex_normals(points, np.array([[0, 2, 1]], np.int32))).all()


def test_loops_are_closed_rings_of_skin_landmarks() -> None:
    for name, loop in LOOPS.items():
        assert len(set(loop)) == len(loop), name
        assert 0 <= min(loop) <= max(loop) < SKIN_LANDMARKS, name


def test_shut_lids_stay_shut_when_the_mesh_is_made_finer() -> None:
    face = canonical_mesh()
    mesh = subdivide(uv=face.uv, triangles=face.triangles, levels=2)
    points = face.vertices.copy()
    # The upper lid's row, laid on the lower's.
    upper, lower = (161, 160, 159, 158, 157), (163, 144, 145, 153, 154)
    points[list(upper)] = points[list(lower)]
    fine = mesh.positions(points)
    np.testing.assert_allclose(fine[list(upper)[1:-1]], fine[list(lower)[1:-1]], atol=0.05)
