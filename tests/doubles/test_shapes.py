"""Shapes that need no assets: subdivision, tubes, boxes."""

from __future__ import annotations

import numpy as np
import pytest

from scripts.digital_doubles.mesh import box, merged, tube
from scripts.digital_doubles.subdivide import refine


def outward_volume(vertices: np.ndarray, faces: list[tuple[int, ...]]) -> float:
    """Signed volume: positive where polygons are counter-clockwise from outside."""
    total = 0.0
    for face in faces:
        for k in range(1, len(face) - 1):
            a, b, c = vertices[[face[0], face[k], face[k + 1]]]
            total += float(a @ np.cross(b, c)) / 6
    return total


def test_a_box_is_closed_and_faces_outward() -> None:
    vertices, faces = box(size=(1, 2, 3), centre=(5, 5, 5))
    assert outward_volume(vertices, faces) == pytest.approx(6.0)


def test_a_tube_is_closed_and_faces_outward() -> None:
    path = np.stack([np.zeros(9), np.linspace(0, 2, 9), np.zeros(9)], 1)
    vertices, faces = tube(path=path, radius=0.5, sides=64)
    assert outward_volume(vertices, faces) == pytest.approx(np.pi * 0.25 * 2, rel=0.01)
    ring = np.stack([np.cos(np.linspace(0, 6.2, 40)), np.sin(np.linspace(0, 6.2, 40)), np.zeros(40)], 1)
    vertices, faces = tube(path=ring, radius=0.1, sides=16, closed=True)
    assert outward_volume(vertices, faces) == pytest.approx(2 * np.pi**2 * 0.01, rel=0.06)
    assert {len(face) for face in faces} == {4}


def test_merged_renumbers() -> None:
    vertices, faces = merged(box(size=(1, 1, 1)), box(size=(1, 1, 1), centre=(9, 0, 0)))
    assert len(vertices) == 16
    assert min(min(face) for face in faces[6:]) == 8


def test_a_cube_becomes_a_ball() -> None:
    vertices, faces = box(size=(2, 2, 2))
    fine = refine(faces=faces, count=8, levels=3)
    points = fine(vertices)
    assert fine.quads.shape == (6 * 4**3, 4)
    assert np.asarray(fine.matrix.sum(1)).reshape(-1) == pytest.approx(np.ones(len(points)))
    radius = np.linalg.norm(points, axis=1)
    assert radius.max() / radius.min() < 1.1  # the cube itself: 1.73


def test_the_first_level_is_catmull_and_clarks() -> None:
    vertices, faces = box(size=(2, 2, 2))
    points = refine(faces=faces, count=8, levels=1)(vertices)
    corner = points[np.argmax(points @ np.array([1.0, 1.01, 1.02]))]
    # F/3 + 2R/3 + 0: F = (1/3, 1/3, 1/3), R = (2/3, 2/3, 2/3)
    assert corner == pytest.approx([5 / 9, 5 / 9, 5 / 9])


def test_an_open_border_stays_in_its_plane_and_flat_stays_flat() -> None:
    grid = [(x, y, 0.0) for y in range(4) for x in range(4)]
    faces = [(y * 4 + x, y * 4 + x + 1, y * 4 + x + 5, y * 4 + x + 4) for y in range(3) for x in range(3)]
    fine = refine(faces=faces, count=17, levels=2)  # one vertex more than any face uses
    points = fine(np.array([*grid, (50.0, 50.0, 50.0)]))
    assert np.abs(points[:, 2]).max() == 0.0
    assert points[:, :2].max() <= 3.0
    assert points[:, :2].min() >= 0.0
    assert len(points) == 13 * 13
