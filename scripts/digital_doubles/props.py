"""Things that pass in front of faces: a hand and a microphone; each with its part's name for its matte."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scripts.digital_doubles.anatomy import Anatomy
from scripts.digital_doubles.mesh import WORLD, FloatArray, Mesh, tube
from scripts.digital_doubles.person import Colour

__all__ = ["hand", "microphone"]

Faces = list[tuple[int, ...]]


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
