"""Shapes that builders of props, hair and hands return, and that the stage draws; the seam between the two.

Head space: metres, y up, x to the head's own left (to the right in a picture of the face), z toward the front of the
face, origin between the centres of the two eyeballs. World space: the same axes, with the origin where the shot's first
performer has its head space's origin at rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["HEAD", "PARTS", "WORLD", "FloatArray", "HeadShape", "Mesh", "Strands", "box", "merged", "tube"]

FloatArray = NDArray[np.float64]

HEAD = "head"
"""Space of a thing that moves with its performer's head: spectacles, cap, hair."""
WORLD = "world"
"""Space of a thing that moves by itself: a hand, a microphone."""
PARTS = ("spectacles", "hand", "microphone", "hair", "cap", "other")
"""What a thing counts as; all but `other` have a matte of that name in truth.####.exr."""


@dataclass(frozen=True, eq=False)
class HeadShape:
    """A performer's neutral head, for builders whose work must fit it."""

    vertices: FloatArray
    """(n, 3), head space: skin of head, ears, neck and shoulders, eyeballs left out."""
    faces: Sequence[Sequence[int]]
    """Quads and triangles of `vertices`."""
    points: Mapping[str, FloatArray]
    """Each (3,), on the skin unless said: nose_bridge (where spectacles sit), nose_tip, chin, crown (top of the skull),
    nape, forehead (middle, under the hairline), left_ear and right_ear (where a temple of spectacles rests), left_eye
    and right_eye (centres of the eyeballs), left_brow and right_brow (middle), mouth (between the lips). Left is the
    head's own: x > 0."""
    sex: float
    """0 female to 1 male."""


@dataclass(frozen=True, eq=False)
class Mesh:
    """A polygon mesh with one material."""

    name: str
    """Unique in a shot; lower case, digits and hyphens."""
    vertices: FloatArray
    """(n, 3), in `space`."""
    faces: Sequence[Sequence[int]]
    """Polygons of three or more vertex numbers, counter-clockwise seen from outside."""
    uv: FloatArray | None = None
    """(n, 2), one per vertex, 0..1."""
    material: Mapping[str, Any] = field(default_factory=dict)
    """All keys may be left out. Scene-linear Rec.709 `color` (3 numbers, default 0.5 grey), `roughness` (0..1, 0.5),
    `metallic` (0..1, 0), `specular` (0..1, 0.5), `subsurface` (0..1, 0) with `subsurface_radius` (3 numbers, metres),
    `transmission` (0..1, 0: 1 is clear glass) with `ior` (1.45), `coat` (0..1, 0), `sheen` (0..1, 0),
    `noise` (0..1: how much a fine noise varies the colour) with `noise_scale` (per metre, 300), `bump` (metres),
    `thin` (True: a sheet of glass that does not bend light, as a spectacles' lens)."""
    part: str = "other"
    """One of `PARTS`. A clear lens is `other`, its frame `spectacles`."""
    space: str = HEAD
    """`HEAD` or `WORLD`."""
    subdivisions: int = 0
    """Catmull-Clark levels when it is drawn; 0 draws the polygons as they are."""
    smooth: bool = True
    """Whether normals are interpolated over polygons."""
    vertices_by_frame: FloatArray | None = None
    """(frames, n, 3) where the shape itself moves; else None. Motion blur follows it."""
    poses: FloatArray | None = None
    """(frames, 4, 4) from the mesh's own space into `space`, column vectors; None for identity. Motion blur follows."""


@dataclass(frozen=True, eq=False)
class Strands:
    """Hair drawn as thin round curves."""

    name: str
    """As in `Mesh`."""
    points: FloatArray
    """(strands, points, 3) from root to tip, in head space."""
    radius: FloatArray
    """(points,) in metres from root to tip; a real hair is 0.00004, drawn ones may be thicker where they are fewer."""
    material: Mapping[str, Any] = field(default_factory=dict)
    """`color` (scene-linear, default a dark brown), `roughness` (0..1, 0.35), `melanin` (0..1; in place of `color`)."""
    part: str = "hair"
    """One of `PARTS`."""


def box(
    *, size: Sequence[float], centre: Sequence[float] = (0.0, 0.0, 0.0)
) -> tuple[FloatArray, list[tuple[int, ...]]]:
    """Vertices (8, 3) and six quads of a box with edges `size` (metres) about `centre`."""
    corners = np.array([(x, y, z) for z in (-0.5, 0.5) for y in (-0.5, 0.5) for x in (-0.5, 0.5)], np.float64)
    faces = [(0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5)]
    return corners * np.asarray(size, np.float64) + np.asarray(centre, np.float64), [tuple(face) for face in faces]


def tube(
    *, path: FloatArray, radius: float | FloatArray, sides: int = 12, closed: bool = False, squash: float = 1.0
) -> tuple[FloatArray, list[tuple[int, ...]]]:
    """A tube along `path` (n, 3), capped at its ends unless `closed` joins them.

    `radius` is one number or (n,), metres; `squash` flattens the section along its second axis. The section's frame is
    carried along by the smallest turn from each tangent to the next, so that it never flips.
    """
    path = np.asarray(path, np.float64)
    count = len(path)
    ahead = np.roll(path, -1, 0) if closed else np.vstack([path[1:], path[-1:] * 2 - path[-2:-1]])
    behind = np.roll(path, 1, 0) if closed else np.vstack([path[:1] * 2 - path[1:2], path[:-1]])
    tangents = ahead - behind
    tangents /= np.maximum(np.linalg.norm(tangents, axis=1, keepdims=True), 1e-12)
    first = np.cross(tangents[0], (0.0, 1.0, 0.0) if abs(tangents[0, 1]) < 0.9 else (1.0, 0.0, 0.0))
    normals = [first / np.linalg.norm(first)]
    for tangent in tangents[1:]:
        carried = normals[-1] - tangent * float(normals[-1] @ tangent)
        normals.append(carried / max(float(np.linalg.norm(carried)), 1e-12))
    normal = np.array(normals)
    binormal = np.cross(tangents, normal)
    radii = np.broadcast_to(np.asarray(radius, np.float64), (count,))
    turn = np.linspace(0.0, 2 * np.pi, sides, endpoint=False)
    ring = np.cos(turn)[None, :, None] * normal[:, None] + squash * np.sin(turn)[None, :, None] * binormal[:, None]
    vertices = (path[:, None] + radii[:, None, None] * ring).reshape(-1, 3)
    faces: list[tuple[int, ...]] = []
    for row in range(count if closed else count - 1):
        here, there = row * sides, (row + 1) % count * sides
        faces += [(here + i, here + (i + 1) % sides, there + (i + 1) % sides, there + i) for i in range(sides)]
    if not closed:
        faces += [tuple(reversed(range(sides))), tuple(range((count - 1) * sides, count * sides))]
    return vertices, faces


def merged(
    *parts: tuple[FloatArray, Sequence[Sequence[int]]],
) -> tuple[FloatArray, list[tuple[int, ...]]]:
    """Several (vertices, faces) as one."""
    vertices: list[FloatArray] = []
    faces: list[tuple[int, ...]] = []
    offset = 0
    for points, polygons in parts:
        vertices.append(points)
        faces += [tuple(int(i) + offset for i in polygon) for polygon in polygons]
        offset += len(points)
    return np.concatenate(vertices), faces
