"""The shadows that a face throws on itself: where they fall, that they turn with the head, and a plain twin."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from tests.models import faces
from vfx_swap.arrays import FloatArray
from vfx_swap.light.relight import DIRECTIONS, direction_of, sphere
from vfx_swap.models.face_light import FaceSurface
from vfx_swap.models.face_shadows import FaceShadows, ShadowedFace

NOSE_SIDES = (129, 358)
"""Landmarks beside the nose's wings: on the picture's left and right of a face that looks at the camera."""
EYE_CORNERS, FOREHEAD, CHEEK = (133, 362), 151, 50


@cache
def surface() -> FaceSurface:
    return FaceSurface(faces.canonical_mesh())


def posed(turn: FloatArray | None = None) -> ShadowedFace:
    """The mean face as a picture of 20 pixels a centimetre shows it, turned."""
    mesh, vertices = surface().mesh, faces.canonical_mesh().vertices
    vertices = vertices if turn is None else vertices @ turn.T.astype(np.float32)
    pixels = mesh.positions(vertices) * np.float32(20.0) * np.array([1.0, -1.0, -1.0], np.float32)
    return surface().shadows.on(pixels, surface().laid_normals(pixels))


def about_y(degrees: float) -> FloatArray:
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array([[cosine, 0.0, sine], [0.0, 1.0, 0.0], [-sine, 0.0, cosine]])


def at(landmark: int, values: FloatArray) -> float:
    """The value of the vertex nearest to a landmark."""
    mesh, vertices = surface().mesh, faces.canonical_mesh().vertices
    return float(values[int(np.linalg.norm(mesh.positions(vertices) - vertices[landmark], axis=1).argmin())])


def test_a_lamp_from_the_side_leaves_the_far_side_of_the_nose_dark() -> None:
    left, right = NOSE_SIDES
    share = posed().lamp(direction_of(60.0, 10.0), 0.0)
    assert at(right, share) > 0.8
    assert at(left, share) < 0.35
    mirrored = posed().lamp(direction_of(-60.0, 10.0), 0.0)
    assert at(left, mirrored) == pytest.approx(at(right, share), abs=0.1)
    assert at(right, mirrored) == pytest.approx(at(left, share), abs=0.1)
    assert at(CHEEK, posed().lamp(direction_of(0.0, 0.0), 0.0)) > 0.95


def test_a_soft_lamp_s_shadow_is_less_deep() -> None:
    left, _ = NOSE_SIDES
    hard, soft = (at(left, posed().lamp(direction_of(45.0, 15.0), softness)) for softness in (0.0, 0.7))
    assert hard < soft < 1.0


def test_even_light_is_less_beside_the_nose_and_one_in_the_mean() -> None:
    face = posed()
    even = face.even
    assert float(even[face.seen].mean()) == pytest.approx(1.0, abs=1e-5)
    corners = [at(one, even) for one in EYE_CORNERS]
    assert max(corners) < 0.9
    assert at(FOREHEAD, even) > 1.05


def test_a_dome_is_even_light_and_what_shines_from_behind_is_stopped() -> None:
    face = posed()
    dome = face.around(np.ones((DIRECTIONS, 3), np.float32))
    assert np.allclose(dome[:, 0], face.even, atol=1e-5)
    behind = (face.directions[:, 2] < -0.5).astype(np.float32)[:, None] * np.ones(3, np.float32)
    assert float(face.around(behind)[face.seen].mean()) < 0.03
    ahead = (face.directions[:, 2] > 0.5).astype(np.float32)[:, None] * np.ones(3, np.float32)
    assert float(face.around(ahead)[face.seen].mean()) > 0.4


def test_shadows_turn_with_the_head_and_its_lamp() -> None:
    turn = about_y(30.0)
    lamp = direction_of(50.0, 20.0)
    still = posed().lamp(lamp, 0.3)
    turned = posed(turn).lamp((turn @ lamp).astype(np.float32), 0.3)
    assert np.allclose(still, turned, atol=1e-3)


def test_what_is_seen_is_what_rays_find() -> None:
    """The plain twin: a ray from a vertex, and every triangle asked whether it is in the way."""
    mesh = surface().mesh
    vertices = mesh.positions(faces.canonical_mesh().vertices)
    shadows, around = FaceShadows(vertices, mesh.triangles), sphere(DIRECTIONS)
    mirrored = vertices * np.array([1.0, -1.0, -1.0], np.float32)
    seen = shadows.on(mirrored, mesh.normals(mirrored)).visible
    random = np.random.default_rng(3)
    ahead = np.flatnonzero(around[:, 2] > 0.35)  # the skull stands in the way of none of these
    agreed, asked = 0, 0
    for vertex in random.choice(len(vertices), 60, replace=False):
        for one in random.choice(ahead, 12, replace=False):
            told = float(seen[vertex, one])
            if 0.01 < told < 0.99:  # at a shadow's edge
                continue
            asked += 1
            agreed += (told > 0.5) == _reaches(vertices, mesh.triangles, vertex, around[one])
    assert asked > 350
    assert agreed / asked > 0.96


def _reaches(vertices: FloatArray, triangles: np.ndarray, vertex: int, direction: FloatArray) -> bool:
    """Moeller and Trumbore's test of one ray with all triangles, begun a little before the skin."""
    start = vertices[vertex] + 0.35 * direction
    a, b, c = (vertices[triangles[:, corner]] for corner in range(3))
    edge, other = b - a, c - a
    across = np.cross(direction, other)
    size = np.einsum("ij,ij->i", edge, across)
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = 1.0 / size
        away = start - a
        u = np.einsum("ij,ij->i", away, across) * inverse
        beside = np.cross(away, edge)
        v = (beside @ direction) * inverse
        far = np.einsum("ij,ij->i", other, beside) * inverse
        return not bool(((np.abs(size) > 1e-12) & (u >= 0) & (v >= 0) & (u + v <= 1) & (far > 0)).any())
