"""Things in front of faces: spectacles, a cap, a hand, a microphone; each with its part's name for its matte."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from scripts.digital_doubles.anatomy import Anatomy
from scripts.digital_doubles.mesh import WORLD, FloatArray, HeadShape, Mesh, merged, tube
from scripts.digital_doubles.person import Colour

__all__ = ["cap", "hand", "microphone", "spectacles"]

Faces = list[tuple[int, ...]]


def _outside(points: FloatArray, head: HeadShape, distance: float) -> FloatArray:
    """Points moved out of the head until they are `distance` metres over its nearest vertex."""
    from scipy.spatial import cKDTree

    corner = head.vertices[np.array([face[:3] for face in head.faces])]
    normal = np.zeros_like(head.vertices)
    flat = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    for k in range(3):
        np.add.at(normal, np.array([face[k] for face in head.faces]), flat)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    nearest = cKDTree(head.vertices).query(points)[1]
    over = ((points - head.vertices[nearest]) * normal[nearest]).sum(1)
    return np.asarray(points + np.clip(distance - over, 0.0, 0.03)[:, None] * normal[nearest], np.float64)


def spectacles(*, head: HeadShape, color: Colour = (0.015, 0.012, 0.010)) -> list[Mesh]:
    """Round rims, bridge, temples to the ears, and two clear lenses (part `other`: they cover nothing)."""
    turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    bridge = head.points["nose_bridge"]
    plane = max(float(bridge[2]) - 0.002, 0.024)

    def bowed(x: FloatArray, y: FloatArray) -> FloatArray:
        return np.stack([x, y, plane - 2.2 * x**2], -1)

    rims: list[tuple[FloatArray, Faces]] = []
    lenses: list[Mesh] = []
    for name, side in (("left", 1.0), ("right", -1.0)):
        x0 = 0.5 * (float(head.points[f"{name}_eye"][0]) + side * 0.034)
        shape_x, shape_y = np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** 0.85, np.sin(turn)
        ring = bowed(x0 + 0.0255 * shape_x, -0.004 + 0.0205 * shape_y)
        rims.append(tube(path=ring, radius=0.0017, sides=10, closed=True, squash=1.3))
        middle = bowed(np.array([x0]), np.array([-0.004]))
        inner = middle + 0.97 * (ring - middle)
        faces: Faces = [(0, 1 + k, 1 + (k + 1) % len(inner)) for k in range(len(inner))]
        glass = {"thin": True, "color": (0.97, 0.98, 0.98), "ior": 1.5}
        lenses.append(Mesh(f"lens-{name}", np.concatenate([middle, inner]), faces, material=glass, part="other"))
        hinge = bowed(np.array([x0 + side * 0.0265]), np.array([0.006]))[0]
        ear = head.points[f"{name}_ear"] + np.array([side * 0.001, 0.004, 0.004])
        along = np.linspace(0, 1, 16)[:, None]
        arm = hinge + along * (ear - hinge)
        arm[:, 0] += side * 0.006 * np.sin(np.pi * along[:, 0])
        arm[2:] = _outside(arm[2:], head, 0.0022)
        hook = arm[-1] + np.linspace(0.1, 1, 6)[:, None] * np.array([0.0, -0.022, -0.018])
        rims.append(tube(path=np.concatenate([arm, hook]), radius=0.0015, sides=8, squash=1.6))
    span = np.linspace(-1, 1, 13)
    nose = np.stack([0.0095 * span, 0.003 + 0.004 * (1 - span**2), plane + 0.002 * (1 - span**2)], 1)
    rims.append(tube(path=nose, radius=0.0016, sides=8))
    vertices, faces = merged(*rims)
    horn = {"color": color, "roughness": 0.25, "coat": 0.6}
    frame = Mesh("spectacles", vertices, faces, material=horn, part="spectacles")
    return [frame, *lenses]


def cap(*, head: HeadShape, color: Colour = (0.05, 0.09, 0.20)) -> list[Mesh]:
    """A cap with a visor, fitted over the skull with room for short hair."""
    centre = np.array([0.0, 0.035, -0.065])
    away = head.vertices - centre
    reach = np.linalg.norm(away, axis=1)
    ways = away / np.maximum(reach[:, None], 1e-9)
    sides, rings = 64, 18
    turn = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    low = np.radians(9.0 + 3.0 * np.cos(turn))  # higher over the brow than at the nape
    rise = low[None] + (np.pi / 2 - low[None]) * np.linspace(0, 0.985, rings)[:, None]
    direction = np.stack([np.cos(rise) * np.sin(turn), np.sin(rise), np.cos(rise) * np.cos(turn)], 2).reshape(-1, 3)
    near = direction @ ways.T > np.cos(np.radians(9.0))
    radius = np.where(near, reach[None], 0.0).max(1)
    radius = np.where(radius > 0, np.minimum(radius, 0.125), 0.1).reshape(rings, sides) + 0.010
    radius[1:-1] = (radius[:-2] + 2 * radius[1:-1] + radius[2:]) / 4
    radius = (np.roll(radius, 1, 1) + 2 * radius + np.roll(radius, -1, 1)) / 4
    shell = centre + direction * radius.reshape(-1, 1)
    top = shell[-sides:].mean(0, keepdims=True) + np.array([0, 0.002, 0])
    faces: Faces = []
    for r in range(rings - 1):
        here, there = r * sides, (r + 1) * sides
        faces += [(here + k, here + (k + 1) % sides, there + (k + 1) % sides, there + k) for k in range(sides)]
    last = (rings - 1) * sides
    faces += [(last + k, last + (k + 1) % sides, len(shell)) for k in range(sides)]
    cloth = {"color": color, "roughness": 0.9, "sheen": 0.3, "noise": 0.25, "noise_scale": 900.0, "bump": 0.0004}
    crown = Mesh("cap", np.concatenate([shell, top]), faces, material=cloth, part="cap", subdivisions=1)
    front = list(range(-11, 12))
    rim = shell[[k % sides for k in front]]
    across = np.linspace(-1, 1, len(front))
    rows = 7
    out = np.linspace(-0.08, 1, rows)[:, None]
    depth = 0.068 * np.sqrt(np.clip(1 - (0.92 * across) ** 2, 0, 1))
    sheet = np.stack(
        [
            np.broadcast_to(rim[:, 0], (rows, len(front))) * (1 - 0.06 * out),
            rim[:, 1] + 0.002 - out * (0.012 + 0.016 * across**2),
            rim[:, 2] + out * depth,
        ],
        2,
    )
    both = np.concatenate([sheet.reshape(-1, 3), sheet.reshape(-1, 3) - (0, 0.0028, 0)])
    n, count = len(front), rows * len(front)
    visor: Faces = []
    for r in range(rows - 1):
        for k in range(n - 1):
            a = r * n + k
            visor += [(a, a + n, a + n + 1, a + 1), (count + a + 1, count + a + n + 1, count + a + n, count + a)]
    edge = [r * n for r in range(rows)] + [(rows - 1) * n + k for k in range(1, n)]
    edge += [r * n + n - 1 for r in range(rows - 2, -1, -1)]
    visor += [(a, count + a, count + b, b) for a, b in pairwise(edge)]
    return [crown, Mesh("visor", both, visor, material=cloth, part="cap", subdivisions=1)]


def hand(*, anatomy: Anatomy, vertices: FloatArray, tone: Colour, poses: FloatArray) -> Mesh:
    """The base mesh's left hand and forearm of a person's `vertices`, skinned in `tone`.

    In its own space the wrist is the origin, the fingers point along y, the thumb's side is -x, the palm faces -z.
    `poses` (frames, 4, 4) take it into the world.
    """

    def joint(name: str) -> FloatArray:
        return anatomy.joint(f"l-{name}", vertices)

    wrist, elbow = joint("hand"), joint("elbow")
    up = joint("finger-3-1") - wrist
    up /= np.linalg.norm(up)
    across = joint("finger-5-1") - joint("finger-2-1")
    across -= up * (across @ up)
    across /= np.linalg.norm(across)
    frame = np.stack([across, up, np.cross(across, up)])
    arm = (wrist - elbow) / np.linalg.norm(wrist - elbow)
    faces = [
        face
        for face in anatomy.faces["body"]
        if vertices[list(face), 0].min() > 0.2 and ((vertices[list(face)].mean(0) - wrist) @ arm) > -0.20
    ]
    used: NDArray[np.int64] = np.unique(np.concatenate([np.asarray(face, np.int64) for face in faces]))
    place = {int(vertex): k for k, vertex in enumerate(used)}
    own = (vertices[used] - wrist) @ frame.T
    skin = {
        "color": tone, "roughness": 0.45, "subsurface": 0.8, "noise": 0.22, "noise_scale": 160.0, "bump": 0.0004,
    }  # fmt: skip
    quads = [tuple(place[int(vertex)] for vertex in face) for face in faces]
    return Mesh("hand", own, quads, material=skin, part="hand", space=WORLD, subdivisions=2, poses=poses)


def microphone(*, poses: FloatArray) -> list[Mesh]:
    """A hand-held microphone: the head's middle is the origin, the handle points along -y."""
    turn = np.linspace(0, np.pi, 14)
    ball_path = np.stack([np.zeros(14), -0.025 * np.cos(turn), np.zeros(14)], 1)
    radius = np.maximum(0.0255 * np.sin(turn), 0.0004)
    head = tube(path=ball_path, radius=radius, sides=32)
    grille = {
        "color": (0.30, 0.30, 0.31),
        "metallic": 0.9,
        "roughness": 0.35,
        "noise": 0.9,
        "noise_scale": 900.0,
        "bump": 0.0012,
    }
    heights = np.array([-0.012, -0.022, -0.030, -0.10, -0.20])
    body_path = np.stack([np.zeros(5), heights, np.zeros(5)], 1)
    body = tube(path=body_path, radius=np.array([0.0262, 0.0265, 0.019, 0.015, 0.012]), sides=32)
    dark = {"color": (0.02, 0.02, 0.022), "roughness": 0.4, "specular": 0.5}
    return [
        Mesh("mic-head", head[0], head[1], material=grille, part="microphone", space=WORLD, poses=poses),
        Mesh("mic-body", body[0], body[1], material=dark, part="microphone", space=WORLD, poses=poses),
    ]
