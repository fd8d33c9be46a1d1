"""Hands in poses: fingers of the base mesh bent at their joints, and a sleeve over the forearm."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np

from scripts.digital_doubles.anatomy import Anatomy
from scripts.digital_doubles.figure import rotation
from scripts.digital_doubles.mesh import WORLD, FloatArray, Mesh
from scripts.digital_doubles.person import Colour
from scripts.digital_doubles.props import hand

__all__ = ["SHAPES", "Curl", "bent", "posed_hand"]

Curl = tuple[float, float, float]
"""Degrees at a finger's three joints, from the palm to the tip; positive closes the hand."""

SHAPES: Mapping[str, Mapping[int, Curl]] = {
    "flat": {},
    "relaxed": {1: (5, 10, 15), 2: (14, 18, 10), 3: (20, 24, 14), 4: (26, 30, 16), 5: (28, 32, 18)},
    "pointing": {1: (28, 30, 35), 2: (2, 4, 3), 3: (72, 88, 50), 4: (76, 90, 50), 5: (76, 88, 50)},
    "fist": {1: (30, 35, 45), 2: (74, 88, 50), 3: (76, 90, 50), 4: (78, 90, 50), 5: (78, 88, 50)},
}
"""Finger (1 is the thumb, 5 the little one) to how it is bent."""


@cache
def _weights(path: Path) -> dict[str, list[list[float]]]:
    found: dict[str, list[list[float]]] = json.loads(path.read_text(encoding="utf-8"))["weights"]
    return found


def bent(*, anatomy: Anatomy, vertices: FloatArray, curls: Mapping[int, Curl]) -> FloatArray:
    """(n, 3) the base mesh's `vertices` with the left hand's fingers bent by linear blending of the package's weights.

    A finger turns in the plane of its own direction and the palm's; the thumb goes across the palm.
    """

    def joint(name: str) -> FloatArray:
        return anatomy.joint(f"l-{name}", vertices)

    up = joint("finger-3-1") - joint("hand")
    across = joint("finger-5-1") - joint("finger-2-1")
    palm = np.cross(up, across)  # out of the palm: opposite to the third axis of `hand`
    palm /= np.linalg.norm(palm)
    across /= np.linalg.norm(across)
    weights = _weights(anatomy.assets / "mpfb2/rigs/standard/weights.default.json")
    found = vertices.copy()
    for finger, curl in curls.items():
        toward = palm + (1.2 * across if finger == 1 else 0.0)
        matrix, shift = np.eye(3), np.zeros(3)
        for bone in (1, 2, 3):
            start, end = joint(f"finger-{finger}-{bone}"), joint(f"finger-{finger}-{bone + 1}")
            axis = np.cross(end - start, toward)
            turn = rotation(np.radians(curl[bone - 1]) * axis / np.linalg.norm(axis))
            # this bone turns about its joint at rest, then goes with the bone before it
            shift = matrix @ (start - turn @ start) + shift
            matrix = matrix @ turn
            rows = np.array(weights[f"finger{finger}-{bone}.L"])
            index = rows[:, 0].astype(np.int64)
            moved = vertices[index] @ matrix.T + shift
            found[index] += rows[:, 1:2] * (moved - vertices[index])
    return found


def posed_hand(
    *,
    anatomy: Anatomy,
    vertices: FloatArray,
    tone: Colour,
    poses: FloatArray,
    shape: str = "relaxed",
    sleeve: Colour | None = (0.10, 0.11, 0.14),
) -> list[Mesh]:
    """The left hand of a person's `vertices` in one of `SHAPES`, and its sleeve; both count as `hand`.

    `poses` (frames, 4, 4) take it into the world: see `props.hand` for its own space.
    """
    made = hand(
        anatomy=anatomy,
        vertices=bent(anatomy=anatomy, vertices=vertices, curls=SHAPES[shape]),
        tone=tone,
        poses=poses,
    )
    return [made] if sleeve is None else [made, _sleeve(made, sleeve)]


def _sleeve(made: Mesh, color: Colour) -> Mesh:
    """A cloth tube about the forearm, from 4 cm before the wrist to the cut, with a hem and soft folds."""
    arm = made.vertices[made.vertices[:, 1] < -0.03]
    far = arm[arm[:, 1] < np.quantile(arm[:, 1], 0.3)].mean(0)
    axis = far / np.linalg.norm(far)  # the wrist is the origin
    side = np.cross(axis, (0.0, 0.0, 1.0))
    side /= np.linalg.norm(side)
    front = np.cross(side, axis)
    along = arm @ axis
    rings, sides = 22, 48
    turn = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    ways = np.cos(turn)[:, None] * side + np.sin(turn)[:, None] * front
    rows = []
    for number, place in enumerate(np.linspace(0.040, float(along.max()) + 0.004, rings)):
        near = arm[np.abs(along - place) < 0.012]
        middle = near.mean(0) + axis * (place - float((near @ axis).mean()))
        reach = ((near - middle) @ ways.T).max(0)
        fold = 0.0012 * np.sin(3 * turn + 0.9 * number) * np.sin(0.55 * number)
        hem = 0.0012 if number < 2 else 0.0
        rows.append(middle + ways * (reach + 0.0055 + fold + hem)[:, None])
    outer = np.stack(rows)
    inner = outer[:1] + (outer[1:2].mean(1, keepdims=True) - outer[:1]) * 0.10  # the cuff's thickness
    shell = np.concatenate([inner, outer]).reshape(-1, 3)
    faces = []
    for r in range(rings):
        here, there = r * sides, (r + 1) * sides
        faces += [(here + k, here + (k + 1) % sides, there + (k + 1) % sides, there + k) for k in range(sides)]
    cloth = {"color": color, "roughness": 0.9, "sheen": 0.25, "noise": 0.2, "noise_scale": 1200.0, "bump": 0.0003}
    return Mesh("sleeve", shell, faces, material=cloth, part="hand", space=WORLD, subdivisions=1, poses=made.poses)
