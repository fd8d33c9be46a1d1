"""A person's face as a mesh with expressions: neutral shape from photographs, eyeballs, teeth and tongue behind it.

Shape: each reference's landmarks, expression taken off, are laid on the mean face by a similarity and averaged, each
point weighted by how squarely its photograph shows it. Size is the mean face's (an adult's, in metres): photographs of
unknown distance hold none. Lids and lips are open edges; what lies behind them comes with the expression shapes.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from vfx_swap.arrays import FloatArray, frozen
from vfx_swap.geometry.mesh import LOOPS, subdivide, vertex_normals
from vfx_swap.geometry.shapes import fit_shape
from vfx_swap.models.facemesh.canonical import MESH_VERTEX_COUNT, CanonicalMesh
from vfx_swap.models.facemesh.expressions import (
    CREASES,
    LIDS,
    ExpressionShapes,
    closed_lids,
    expression_shapes,
    remove_expression,
)
from vfx_swap.types import Reference

__all__ = ["PATCHES", "FaceModel", "build_face_model", "neutral_face"]

PATCHES = {"eye": (0.06, 0.94), "teeth": (0.94, 0.94), "tongue": (0.06, 0.06), "mouth": (0.94, 0.06)}
"""Middle (u, v) of the corners of the texture, free of skin, that hold what lies inside; each 0.05 to all sides."""
PATCH_RADIUS = 0.045
METRES = 0.01
"""In a unit of the canonical mesh."""
TONGUE_DEPTH = 0.5
"""Share of its length that the tongue keeps."""
_FLIP = np.array([1.0, -1.0, -1.0])
_EYE_LOOPS = ("eye_image_right", "eye_image_left")
"""Of the stored left and right eyeball: left is the person's own."""
_PARTS = ("eye", "eye", "teeth", "teeth", "tongue")


@dataclass(frozen=True, eq=False)
class FaceModel:
    """A face with expressions; one mesh, one texture."""

    vertices: FloatArray
    """(n, 3) metres: x to the person's left, y up, z out of the face. The first 468 are the landmarks'."""
    uv: FloatArray
    """(n, 2), v up."""
    triangles: NDArray[np.int32]
    """(m, 3) counter-clockwise from outside."""
    names: tuple[str, ...]
    """Of the 52 shapes."""
    deltas: FloatArray
    """(52, n, 3) metres at full strength."""


def neutral_face(references: Sequence[Reference], *, mesh: CanonicalMesh, shapes: ExpressionShapes) -> FloatArray:
    """(468, 3) the person's neutral face in the axes and at the size of the canonical mesh.

    Args:
        references: one or more.
        mesh: the canonical mesh.
        shapes: its expressions.
    """
    laid, weights = [], []
    for one in references:
        relaxed = remove_expression(one.points, one.expression, canonical=mesh.vertices, shapes=shapes)
        face = relaxed[:MESH_VERTEX_COUNT].astype(np.float64) * _FLIP
        facing = vertex_normals(relaxed[:MESH_VERTEX_COUNT], mesh.triangles)[:, 2]
        size = float(np.linalg.norm(face[10] - face[152]))
        laid.append(face)
        weights.append((np.clip(facing, 0.0, 1.0) ** 2 + 0.02) * size)
    goal, share = mesh.vertices.astype(np.float64), np.stack(weights)[..., None]
    for _ in range(3):
        placed = [fit_shape(face, goal, weight).place(face) for face, weight in zip(laid, weights, strict=True)]
        goal = (np.stack(placed) * share).sum(axis=0) / share.sum(axis=0)
        goal = fit_shape(goal, mesh.vertices, np.ones(len(goal))).place(goal)
    return goal.astype(np.float32)


def build_face_model(references: Sequence[Reference], *, mesh: CanonicalMesh, levels: int = 1) -> FaceModel:
    """The face model of a person.

    Args:
        references: one or more photographs.
        mesh: the canonical mesh.
        levels: of Loop subdivision of the skin, 0 to 2.
    """
    shapes = expression_shapes()
    neutral = neutral_face(references, mesh=mesh, shapes=shapes)
    deltas = closed_lids(shapes, neutral).deltas
    # Eyes and mouth are filled in the canonical mesh: opened, so that lids and lips part.
    holes = [set(LOOPS[name]) for name in (*_EYE_LOOPS, "mouth")]
    open_mesh = np.array(
        [t for t in mesh.triangles if not any(hole.issuperset(t.tolist()) for hole in holes)], np.int32
    )
    fine = subdivide(uv=mesh.uv, triangles=open_mesh, levels=levels)
    inner, inner_uv, inner_triangles, inner_deltas = _inside(
        neutral, mesh.vertices, _shut(neutral, deltas, shapes.names)
    )
    bag, bag_triangles, bag_deltas = _mouth_bag(neutral, deltas)
    vertices = [fine.positions(neutral), inner, bag]
    uv = [fine.uv, inner_uv, np.tile(np.array(PATCHES["mouth"], np.float32), (len(bag), 1))]
    moved = [np.stack([fine.positions(delta) for delta in deltas]), inner_deltas, bag_deltas]
    starts = np.cumsum([0, *map(len, vertices)])
    parts = zip((fine.triangles, inner_triangles, bag_triangles), starts, strict=False)
    return FaceModel(
        vertices=frozen((np.concatenate(vertices) * METRES).astype(np.float32)),
        uv=frozen(np.concatenate(uv).astype(np.float32)),
        triangles=frozen(np.concatenate([part + start for part, start in parts]).astype(np.int32)),
        names=shapes.names,
        deltas=frozen((np.concatenate(moved, axis=1) * METRES).astype(np.float32)),
    )


def _inside(
    neutral: FloatArray, canonical: FloatArray, shut: tuple[np.ndarray, ...]
) -> tuple[FloatArray, FloatArray, NDArray[np.int32], FloatArray]:
    """Eyeballs, teeth and tongue, fitted behind lids and lips: vertices, UV, triangles, deltas."""
    stored = files("vfx_swap.models.facemesh").joinpath("expressions.npz").read_bytes()
    with np.load(io.BytesIO(stored), allow_pickle=False) as file:
        rest = file["inside_vertices"].astype(np.float64)
        table = file["inside_triangles"].astype(np.int32)
        deltas = file["inside_deltas"].astype(np.float64)
    vertices, uv = rest.copy(), np.zeros((len(rest), 2))
    balls: list[tuple[np.ndarray, ...]] = []
    for part, patch in enumerate(_PARTS):
        index = np.unique(table[table[:, 0] == part, 1:])
        uv[index] = PATCHES[patch]
        if patch != "eye":
            continue
        loop = neutral[list(LOOPS[_EYE_LOOPS[part]])].astype(np.float64)
        middle, radius = rest[index].mean(axis=0), float(np.ptp(rest[index, 1])) / 2
        wide = np.ptp(loop[:, 0]) / np.ptp(canonical[list(LOOPS[_EYE_LOOPS[part]])][:, 0])
        centre = loop.mean(axis=0)
        # Back until no lid cuts into the ball, open or shut.
        lids = np.concatenate([loop, shut[part]])
        flat = np.clip(((lids - centre)[:, :2] ** 2).sum(axis=1), 0.0, (0.95 * wide * radius) ** 2)
        centre[2] = float((lids[:, 2] - np.sqrt((wide * radius) ** 2 - flat)).min()) - 0.03
        # A turned ball moves by an affine map of its points: a finer ball takes it over.
        known = np.c_[rest[index] - middle, np.ones(len(index))]
        turns = np.stack([np.linalg.lstsq(known, delta[index], rcond=None)[0] for delta in deltas])
        ball, ball_uv, ball_triangles = _hemisphere()
        moved = np.stack([np.c_[radius * ball, np.ones(len(ball))] @ turn for turn in turns])
        balls.append((wide * radius * ball + centre, ball_uv, ball_triangles, wide * moved))
    mouth = np.unique(table[table[:, 0] >= 2, 1:])
    lips, mean_lips = (face[list(LOOPS["mouth"])].astype(np.float64) for face in (neutral, canonical))
    mouth_wide = float(np.clip(np.ptp(lips[:, 0]) / np.ptp(mean_lips[:, 0]), 0.8, 1.2))
    vertices[mouth] = (rest[mouth] - mean_lips.mean(axis=0)) * mouth_wide + lips.mean(axis=0)
    front = float(neutral[[13, 14, 82, 312, 87, 317], 2].min())
    vertices[mouth, 2] += front - 0.25 - float(vertices[mouth, 2].max())
    deltas[:, mouth] *= mouth_wide
    # A mask is not deep enough for a whole tongue.
    tongue = np.unique(table[table[:, 0] == _PARTS.index("tongue"), 1:])
    root = vertices[tongue, 2].max() - vertices[tongue, 2]
    vertices[tongue, 2] += (1.0 - TONGUE_DEPTH) * root
    triangles = np.searchsorted(mouth, table[table[:, 0] >= 2, 1:])
    parts = [(vertices[mouth], uv[mouth], triangles, deltas[:, mouth]), *balls]
    starts = np.cumsum([0, *(len(part[0]) for part in parts)])
    return (
        np.concatenate([part[0] for part in parts]).astype(np.float32),
        np.concatenate([part[1] for part in parts]).astype(np.float32),
        np.concatenate([part[2] + start for part, start in zip(parts, starts, strict=False)]).astype(np.int32),
        np.concatenate([part[3] for part in parts], axis=1).astype(np.float32),
    )


def _hemisphere(rings: int = 18, sides: int = 24) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A unit ball's front, to 100 degrees from its axis: vertices, UV in the eye's patch, triangles."""
    angle = np.repeat(np.radians(np.linspace(100.0 / rings, 100.0, rings)), sides)
    turn = np.tile(np.linspace(0.0, 2 * np.pi, sides, endpoint=False), rings)
    around = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    points = np.concatenate([[[0.0, 0.0, 1.0]], np.c_[around * np.sin(angle)[:, None], np.cos(angle)]])
    out = np.minimum(angle / (np.pi / 2), 1.0)[:, None] * PATCH_RADIUS
    uv = np.concatenate([[[0.0, 0.0]], around * out]) + np.array(PATCHES["eye"])
    here = np.arange(sides)
    there = np.roll(here, -1)
    triangles = [np.stack([np.zeros(sides, int), 1 + here, 1 + there], axis=1)]
    for ring in range(rings - 1):
        a, b = 1 + ring * sides + here, 1 + ring * sides + there
        triangles += [np.stack([a, a + sides, b + sides], axis=1), np.stack([a, b + sides, b], axis=1)]
    return points, uv, np.concatenate(triangles)


def _shut(neutral: FloatArray, deltas: FloatArray, names: tuple[str, ...]) -> tuple[np.ndarray, ...]:
    """Per eye, left first: points of the upper lid's skin when it is shut, (k, 3)."""
    found = []
    for side in ("Left", "Right"):
        closed = neutral + deltas[names.index(f"eyeBlink{side}")]
        edge = closed[[upper for upper, _ in LIDS[side]]]
        crease = closed[list(CREASES[side])]
        found.append(np.concatenate([edge, 0.5 * (edge + crease), 0.25 * edge + 0.75 * crease]).astype(np.float64))
    return tuple(found)


def _mouth_bag(neutral: FloatArray, deltas: FloatArray) -> tuple[FloatArray, NDArray[np.int32], FloatArray]:
    """A dark bag behind the lips, that the open mouth is not seen through: vertices, triangles, deltas."""
    loop = list(LOOPS["mouth"])
    edge, count = neutral[loop].astype(np.float64), len(loop)
    middle = edge.mean(axis=0)
    rings = [edge - [0.0, 0.0, 0.05]]
    moved = [deltas[:, loop]]
    for wide, tall, back, follow in ((1.0, 1.6, 1.0, 0.9), (0.95, 2.2, 3.0, 0.6)):
        ring = (edge - middle) * [wide, tall, 0.3] + middle
        ring[:, 2] = np.minimum(ring[:, 2], edge[:, 2]) - back
        rings.append(ring)
        moved.append(follow * deltas[:, loop])
    rings.append(rings[-1].mean(axis=0, keepdims=True) - [0.0, 0.0, 0.3])
    moved.append(moved[-1].mean(axis=1, keepdims=True))
    here = np.arange(count)
    there = np.roll(here, -1)
    triangles = []
    for level in (0, count):
        a, b, c, d = here + level, there + level, there + level + count, here + level + count
        triangles += [np.stack([a, c, b], 1), np.stack([a, d, c], 1)]
    last = 2 * count
    triangles.append(np.stack([here + last, np.full(count, 3 * count), there + last], 1))
    faces = np.concatenate(triangles).astype(np.int32)
    points = np.concatenate(rings)
    normal = np.cross(points[faces[:, 1]] - points[faces[:, 0]], points[faces[:, 2]] - points[faces[:, 0]])
    inward = (normal * (middle - [0.0, 0.0, 1.0] - points[faces].mean(axis=1))).sum() > 0  # it is seen from inside
    return points.astype(np.float32), faces if inward else faces[:, ::-1].copy(), np.concatenate(moved, axis=1)
