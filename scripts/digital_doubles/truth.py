"""What is known of a picture because it was made: landmarks, pose, what covers what, light.

Pixels: x right, y down, centres at integers, as everywhere in the project.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.digital_doubles.figure import Figure
from scripts.digital_doubles.mesh import FloatArray
from scripts.digital_doubles.stage import Actor, Stage, View, moved

__all__ = ["ATTACHED", "Attachments", "attachments", "face_box", "face_truth", "project"]

ATTACHED = Path(__file__).with_name("landmarks.npz")
"""Where the 468 points sit on the refined skin; made by `attach`."""


@dataclass(frozen=True, eq=False)
class Attachments:
    """Points on triangles of the refined skin."""

    corners: NDArray[np.int64]
    """(468, 3) vertex numbers of `Region.skin`."""
    weights: FloatArray
    """(468, 3), sum 1."""

    def on(self, skin: FloatArray) -> FloatArray:
        """(468, 3) places on skin vertices (n, 3)."""
        return np.asarray((skin[self.corners] * self.weights[..., None]).sum(1), np.float64)


@cache
def attachments(path: Path = ATTACHED) -> Attachments:
    """The points that came with the package."""
    with np.load(path) as file:
        return Attachments(corners=file["corners"].astype(np.int64), weights=file["weights"].astype(np.float64))


def project(*, points: FloatArray, view: View, width: int, height: int) -> FloatArray:
    """(n, 3) pixels of (n, 3) world points; the third is the distance along the camera's axis, metres."""
    camera = np.asarray(np.linalg.inv(view.pose), np.float64)
    seen = moved(camera, points)
    distance = -seen[:, 2]
    scale = 0.5 * height / np.tan(0.5 * np.radians(view.field))
    x = 0.5 * (width - 1) + scale * seen[:, 0] / distance
    y = 0.5 * (height - 1) - scale * seen[:, 1] / distance
    return np.stack([x, y, distance], 1)


def _skin(actor: Actor, figure: Figure, time: float) -> FloatArray:
    moment = actor.act(time)
    return moved(actor.root, figure.region.skin(figure.posed(weights=moment.weights, motion=moment.motion)))


def _landmarks(actor: Actor, figure: Figure, stage: Stage, time: float) -> list[list[float]]:
    """468 rows of x, y in pixels, and z as MediaPipe has it: in pixels at the head's distance, smaller is nearer."""
    view = stage.view(time)
    points = attachments().on(_skin(actor, figure, time))
    seen = project(points=points, view=view, width=stage.width, height=stage.height)
    head = actor.root @ actor.figure.head_pose(actor.act(time).motion)
    middle = project(points=head[None, :3, 3], view=view, width=stage.width, height=stage.height)[0, 2]
    scale = 0.5 * stage.height / np.tan(0.5 * np.radians(view.field)) / middle
    seen[:, 2] = (seen[:, 2] - middle) * scale
    return [[round(float(value), 3) for value in row] for row in seen]


def face_truth(*, stage: Stage, number: int, time: float) -> dict[str, Any]:
    """What truth.json says of one face of a frame."""
    actor = stage.actors[number]
    moment, view = actor.act(time), stage.view(time)
    head = actor.root @ actor.figure.head_pose(moment.motion)
    pose = np.linalg.inv(view.pose) @ head
    toward = -pose[:3, 3] / np.linalg.norm(pose[:3, 3])
    angle = np.degrees(np.arccos(np.clip(pose[:3, 2] @ toward, -1, 1)))
    weights: Mapping[str, float] = {k: round(float(v), 4) for k, v in sorted(moment.weights.items()) if v}
    identity = actor.worn.identity if actor.worn is not None else None
    worn = actor.worn or actor.figure
    return {
        "performer": actor.figure.person.name,
        "identity": identity.name if identity is not None else None,
        "landmarks": _landmarks(actor, actor.figure, stage, time),
        "true_landmarks": _landmarks(actor, worn, stage, time),
        "pose": [[round(float(value), 6) for value in row] for row in pose],
        "head_angle_degrees": round(float(angle), 3),
        "expression": weights,
    }


def face_box(*, stage: Stage, time: float, margin: int) -> tuple[float, float, float, float] | None:
    """Shares of the frame (left, low, right, high; y up) that hold every face region, as filmed and as worn."""
    view = stage.view(time)
    found: list[FloatArray] = []
    for actor in stage.actors:
        for figure in (actor.figure, actor.worn):
            if figure is not None:
                inside = figure.region.skin(figure.region.face[:, None])[:, 0] > 0.02
                points = _skin(actor, figure, time)[inside]
                found.append(project(points=points, view=view, width=stage.width, height=stage.height)[:, :2])
    every = np.concatenate(found)
    low, high = np.floor(every.min(0)) - margin, np.ceil(every.max(0)) + margin + 1
    left, right = np.clip([low[0], high[0]], 0, stage.width)
    top, bottom = np.clip([low[1], high[1]], 0, stage.height)
    if right - left < 2 or bottom - top < 2:
        return None
    return left / stage.width, 1 - bottom / stage.height, right / stage.width, 1 - top / stage.height
