"""The catalogue: shots, and the pictures of each identity."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from scripts.digital_doubles.cast import person
from scripts.digital_doubles.figure import Figure, Region
from scripts.digital_doubles.mesh import FloatArray
from scripts.digital_doubles.stage import Actor, Light, Moment, Stage, View

__all__ = ["SHOTS", "VIEWS", "Options", "Shot", "reference_stage"]

FIRST = 1001
"""Number of a shot's first frame."""


@dataclass(frozen=True)
class Options:
    """What the command line may change of every picture."""

    samples: int = 10
    scale: float = 1.0
    """Factor on width and height."""
    threads: int = 2


@dataclass(frozen=True)
class Shot:
    """One entry of the catalogue."""

    name: str
    about: str
    frames: int
    casting: Sequence[tuple[str, str]]
    """(performer, identity) of each face."""
    build: Callable[[Region, Options], Stage]
    occluders: Sequence[str] = ()
    size: tuple[int, int] = (640, 480)

    def frame_list(self) -> list[tuple[str, float]]:
        """Label and time of each frame."""
        return [(str(FIRST + k), float(k)) for k in range(self.frames)]


def looking(*, eye: Sequence[float], target: Sequence[float], field: float, roll: float = 0.0) -> View:
    """A camera at `eye` that looks at `target`, y up but for `roll` degrees."""
    place, aim = np.asarray(eye, np.float64), np.asarray(target, np.float64)
    back = (place - aim) / np.linalg.norm(place - aim)
    side = np.cross((0.0, 1.0, 0.0), back)
    side /= np.linalg.norm(side)
    up = np.cross(back, side)
    turn = np.radians(roll)
    pose = np.eye(4)
    pose[:3, 0] = np.cos(turn) * side + np.sin(turn) * up
    pose[:3, 1] = -np.sin(turn) * side + np.cos(turn) * up
    pose[:3, 2], pose[:3, 3] = back, place
    return View(pose=pose, field=field)


def smooth(time: float, *knots: tuple[float, float]) -> float:
    """A curve through (time, value) knots that rests at each; flat beyond the ends."""
    if time <= knots[0][0]:
        return knots[0][1]
    for (t0, a), (t1, b) in pairwise(knots):
        if time <= t1:
            t = (time - t0) / (t1 - t0)
            return a + (b - a) * t * t * (3 - 2 * t)
    return knots[-1][1]


def both(name: str, value: float) -> dict[str, float]:
    """A unit of both sides."""
    return {f"{name}Left": value, f"{name}Right": value}


SOFT = (
    Light(position=(-0.7, 0.55, 1.0), watts=17.0, size=0.7),
    Light(position=(1.0, 0.15, 0.9), watts=6.0, size=0.9),
    Light(position=(0.6, 0.7, -0.9), watts=14.0, size=0.4),
)
SIDE = (
    Light(position=(-1.15, 0.35, 0.55), watts=24.0, size=0.45),
    Light(position=(0.9, 0.1, 1.0), watts=4.5, size=0.9),
    Light(position=(0.8, 0.6, -0.8), watts=9.0, size=0.3, color=(0.85, 0.93, 1.0)),
)
STUDIO: Mapping[str, Any] = {"color": (0.05, 0.055, 0.065)}
WALL: Mapping[str, Any] = {"color": (0.05, 0.07, 0.09), "color2": (0.15, 0.135, 0.12)}
GREEN_WALL: Mapping[str, Any] = {"color": (0.07, 0.10, 0.06), "color2": (0.16, 0.14, 0.09)}


def _actor(region: Region, performer: str, identity: str | None, act: Callable[[float], Moment], **more: Any) -> Actor:
    filmed = Figure(region=region, person=person(performer))
    worn = Figure(region=region, person=person(performer), identity=person(identity)) if identity else None
    return Actor(figure=filmed, worn=worn, act=act, **more)


def _stage(options: Options, size: tuple[int, int], *, seed: int, **told: Any) -> Stage:
    width, height = (max(2, round(side * options.scale / 2) * 2) for side in size)
    told.setdefault("world", STUDIO)
    told.setdefault("wall", WALL)
    told.setdefault("lights", lambda _time: SOFT)
    told.setdefault("view", lambda _time: looking(eye=(0.0, -0.01, 1.05), target=(0.0, -0.015, 0.0), field=14.6))
    return Stage(width=width, height=height, samples=options.samples, seed=seed, threads=options.threads, **told)


def _talk_act(time: float) -> Moment:
    t = time / 24.0
    jaw = 0.22 + 0.20 * np.sin(2 * np.pi * 3.1 * t) + 0.10 * np.sin(2 * np.pi * 5.3 * t + 1)
    round_ = max(0.0, 0.45 * float(np.sin(2 * np.pi * 1.7 * t + 0.6)))
    wide = max(0.0, 0.35 * float(np.sin(2 * np.pi * 1.7 * t + 3.6)))
    blink = smooth(time, (4.0, 0.0), (6.0, 1.0), (7.0, 1.0), (9.5, 0.0))
    weights = {"jawOpen": float(np.clip(jaw, 0.0, 0.6)), "mouthPucker": round_, "browInnerUp": 0.15 + 0.15 * round_}
    weights |= both("mouthStretch", wide) | both("eyeBlink", blink) | both("mouthUpperUp", 0.25 * wide)
    weights |= {"eyeLookInLeft": 0.1, "eyeLookOutRight": 0.1}
    motion = np.array([2.5 * np.sin(2.2 * t + 1), 4.0 * np.sin(1.5 * t), 1.0 * np.sin(1.9 * t), 0.0, 0.0, 0.0])
    motion[3:] = (0.004 * np.sin(2.0 * t), 0.002 * np.sin(3.0 * t), 0.0)
    return Moment(weights=weights, motion=motion)


def _talk(region: Region, options: Options) -> Stage:
    return _stage(options, (640, 480), seed=101, actors=[_actor(region, "ben", "emre", _talk_act)])


def _turn_act(time: float) -> Moment:
    yaw = -60.0 + 120.0 * time / 16.0
    weights = both("mouthSmile", 0.12) | {"jawOpen": 0.04} | both("eyeBlink", 0.05)
    return Moment(
        weights=weights, motion=np.array([2.0 * np.sin(time / 4), yaw, 1.5 * np.sin(time / 5), 0.0, 0.0, 0.0])
    )


def _turn(region: Region, options: Options) -> Stage:
    actors = [_actor(region, "dina", "anna", _turn_act, shirt=(0.22, 0.08, 0.07))]
    return _stage(options, (640, 480), seed=102, actors=actors, lights=lambda _time: SIDE, wall=GREEN_WALL)


def _calm_act(time: float) -> Moment:
    t = time / 24.0
    weights = both("mouthSmile", 0.15 + 0.1 * float(np.sin(2 * t))) | {"jawOpen": 0.05} | both("browOuterUp", 0.1)
    motion = np.array([1.5 * np.sin(2 * t), 6.0 * np.sin(1.3 * t) - 4.0, 1.0, 0.0, 0.0, 0.0])
    return Moment(weights=weights, motion=motion)


def _light(region: Region, options: Options) -> Stage:
    def lights(time: float) -> Sequence[Light]:
        turn = np.radians(-75.0 + 150.0 * time / 11.0)
        place = (1.25 * float(np.sin(turn)), 0.35, 1.25 * float(np.cos(turn)))
        return (
            Light(position=place, watts=30.0, size=0.3),
            Light(position=(0.0, 0.8, 1.0), watts=3.0, size=1.0),
            SOFT[2],
        )

    actors = [_actor(region, "chike", "ben", _calm_act, shirt=(0.35, 0.33, 0.30))]
    return _stage(options, (640, 480), seed=106, actors=actors, lights=lights)


SHOTS: Mapping[str, Shot] = {
    shot.name: shot
    for shot in (
        Shot("talk", "frontal, talks and blinks; soft key", 12, (("ben", "emre"),), _talk),
        Shot("turn", "the head turns from -60 to 60 degrees under a side key", 17, (("dina", "anna"),), _turn),
        Shot("light", "the key sweeps from left to right", 12, (("chike", "ben"),), _light),
    )
}


@dataclass(frozen=True, eq=False)
class Reference:
    """One picture of an identity."""

    yaw: float
    weights: Mapping[str, float]
    lights: Sequence[Light] = SOFT
    pitch: float = 0.0


VIEWS: Mapping[str, Reference] = {
    "front": Reference(0.0, {"jawOpen": 0.02}),
    "left45": Reference(45.0, both("mouthSmile", 0.08)),
    "right45": Reference(-45.0, {}, pitch=3.0),
    "profile": Reference(85.0, {}),
    "smile": Reference(-8.0, both("mouthSmile", 0.75) | {"jawOpen": 0.12} | both("cheekSquint", 0.4)),
    "side_light": Reference(14.0, both("browOuterUp", 0.15), SIDE),
}
"""Pictures of each identity. Left45: the face turns toward its own left."""


def reference_stage(*, region: Region, name: str, view: str, options: Options) -> Stage:
    """A picture of a person of the cast, 640 x 640 with the head about 430 pixels high."""
    wanted = VIEWS[view]
    motion = np.array([wanted.pitch, wanted.yaw, 0.0, 0.0, 0.0, 0.0])
    moment = Moment(weights=dict(wanted.weights), motion=motion)
    actor = _actor(region, name, None, lambda _time: moment)

    def camera(_time: float) -> View:
        return looking(eye=(0.0, -0.01, 1.3), target=(0.0, -0.01, 0.0), field=14.5)

    return _stage(
        options, (640, 640), seed=500 + sorted(VIEWS).index(view), actors=[actor], view=camera,
        lights=lambda _time: wanted.lights,
    )  # fmt: skip


def rest_pose() -> FloatArray:
    """(6,) no motion."""
    return np.zeros(6)
