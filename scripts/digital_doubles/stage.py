"""A stage: actors, props, lights and a camera, and what each does at a time; `job` turns it into what Blender is told.

A moment is a time in frames. Each picture is drawn from three moments, a quarter of a frame apart: the shutter is open
for half a frame, and things move in straight lines while it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scripts.digital_doubles.figure import Figure
from scripts.digital_doubles.mesh import FloatArray, Mesh, Strands

if TYPE_CHECKING:
    from scripts.digital_doubles.job import Job

__all__ = ["FPS", "SHUTTER", "Actor", "Light", "Moment", "Stage", "View", "moved"]

FPS = 24
"""Frames a second."""
SHUTTER = 0.5
"""Frames that the shutter is open, centred on the frame."""


@dataclass(frozen=True, eq=False)
class Moment:
    """What an actor does at one time."""

    weights: Mapping[str, float]
    """Expression units, 0..1."""
    motion: FloatArray
    """(6,) head turn as a rotation vector in degrees about x, y, z, and a shift in metres."""


@dataclass(frozen=True, eq=False)
class Actor:
    """A performer on the stage, and who is cast on it."""

    figure: Figure
    """The performer as filmed."""
    worn: Figure | None
    """The performer with the identity's face, or None."""
    act: Callable[[float], Moment]
    """What the actor does at a time."""
    root: FloatArray = field(default_factory=lambda: np.eye(4))
    """(4, 4) where the head space at rest stands in the world."""
    things: Sequence[Mesh | Strands] = ()
    """What is worn: hair, cap, spectacles."""
    shirt: tuple[float, float, float] = (0.16, 0.18, 0.22)


@dataclass(frozen=True)
class Light:
    """A disk of light."""

    position: tuple[float, float, float]
    watts: float
    size: float = 0.6
    target: tuple[float, float, float] = (0.0, -0.02, 0.0)
    color: tuple[float, float, float] = (1.0, 1.0, 1.0)


@dataclass(frozen=True, eq=False)
class View:
    """A camera at one time."""

    pose: FloatArray
    """(4, 4) camera to world; it looks along its -z, its y is up."""
    field: float
    """Vertical field of view in degrees."""


@dataclass(frozen=True, eq=False)
class Stage:
    """Everything of a shot that Blender is told."""

    width: int
    height: int
    samples: int
    seed: int
    actors: Sequence[Actor]
    view: Callable[[float], View]
    lights: Callable[[float], Sequence[Light]]
    world: Mapping[str, Any]
    """`color` (3), `strength`, and `picture` ((h, w, 3) latlong, radiance) or not."""
    wall: Mapping[str, Any] | None = None
    """`color`, `color2`, `distance` in metres behind the head; None for no backdrop."""
    props: Sequence[Mesh] = ()
    """Things in world space."""
    pace: float = 1.0
    """Factor on all motion while the shutter is open: 0.25 for a shot of which only every fourth frame is drawn."""
    denoise: bool = True
    threads: int = 2
    regions: bool = False
    """Whether every picture tells which region of a face each pixel is."""

    def mattes(self) -> list[str]:
        """Names of the coverage passes."""
        parts = {thing.part for actor in self.actors for thing in actor.things} | {prop.part for prop in self.props}
        faces = ["face" if n == 0 else f"face{n + 1}" for n in range(len(self.actors))]
        return faces + sorted(parts - {"other"})

    def job(self, folder: Path) -> Job:
        """An empty job for Blender that will be written to `folder`."""
        from scripts.digital_doubles.job import Job

        return Job(stage=self, folder=folder)


def moved(pose: FloatArray, points: FloatArray) -> FloatArray:
    """(n, 3) points under a (4, 4) pose."""
    return np.asarray(points @ pose[:3, :3].T + pose[:3, 3], np.float64)
