"""The catalogue: shots, and the pictures of each identity."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from scripts.digital_doubles import performance as acts
from scripts.digital_doubles.cast import hair_of, person
from scripts.digital_doubles.figure import Figure, Region, rotation
from scripts.digital_doubles.hair import STYLES, grow_hair
from scripts.digital_doubles.hands import posed_hand
from scripts.digital_doubles.headwear import cap, woollen_hat
from scripts.digital_doubles.mesh import FloatArray
from scripts.digital_doubles.props import hand, microphone
from scripts.digital_doubles.spectacles import spectacles
from scripts.digital_doubles.stage import Actor, Light, Moment, Stage, View

__all__ = ["SHOTS", "VIEWS", "Options", "Shot", "reference_stage"]

FIRST = 1001
"""Number of a shot's first frame."""


@dataclass(frozen=True)
class Options:
    """What the command line may change; `regions`: true ones are drawn, `dressed`: some of the crowd wear things."""

    samples: int = 8
    scale: float = 1.0
    """Factor on width and height."""
    threads: int = 2
    regions: bool = False
    dressed: bool = False


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
    size: tuple[int, int] = (560, 480)

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
    things = list(more.pop("things", ()))
    style, who = more.pop("hair", hair_of(performer)), filmed.person
    if style:
        things.append(grow_hair(figure=filmed, style=STYLES[style], seed=who.seed, colour=who.hair))
    return Actor(figure=filmed, worn=worn, act=act, things=things, **more)


def _stage(options: Options, size: tuple[int, int], *, seed: int, **told: Any) -> Stage:
    width, height = (max(2, round(side * options.scale / 2) * 2) for side in size)
    told.setdefault("world", STUDIO)
    told.setdefault("wall", WALL)
    told.setdefault("lights", lambda _time: SOFT)
    told.setdefault("view", lambda _time: looking(eye=(0.0, -0.01, 1.05), target=(0.0, -0.015, 0.0), field=14.6))
    told |= {"samples": options.samples, "threads": options.threads, "regions": options.regions}
    return Stage(width=width, height=height, seed=seed, **told)


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
    return _stage(options, (560, 480), seed=101, actors=[_actor(region, "ben", "emre", _talk_act)])


def _turn_act(time: float) -> Moment:
    yaw = -60.0 + 120.0 * time / 16.0
    weights = both("mouthSmile", 0.12) | {"jawOpen": 0.04} | both("eyeBlink", 0.05)
    return Moment(
        weights=weights, motion=np.array([2.0 * np.sin(time / 4), yaw, 1.5 * np.sin(time / 5), 0.0, 0.0, 0.0])
    )


def _turn(region: Region, options: Options) -> Stage:
    actors = [_actor(region, "dina", "anna", _turn_act, shirt=(0.22, 0.08, 0.07))]
    return _stage(options, (560, 480), seed=102, actors=actors, lights=lambda _time: SIDE, wall=GREEN_WALL, pace=0.2)


def _calm_act(time: float) -> Moment:
    t = time / 24.0
    weights = both("mouthSmile", 0.15 + 0.1 * float(np.sin(2 * t))) | {"jawOpen": 0.05} | both("browOuterUp", 0.1)
    motion = np.array([1.5 * np.sin(2 * t), 6.0 * np.sin(1.3 * t) - 4.0, 1.0, 0.0, 0.0, 0.0])
    return Moment(weights=weights, motion=motion)


def _light(region: Region, options: Options) -> Stage:
    def lights(time: float) -> Sequence[Light]:
        turn = np.radians(-75.0 + 150.0 * time / 8.0)
        place = (1.25 * float(np.sin(turn)), 0.35, 1.25 * float(np.cos(turn)))
        return (
            Light(position=place, watts=30.0, size=0.3),
            Light(position=(0.0, 0.8, 1.0), watts=3.0, size=1.0),
            SOFT[2],
        )

    actors = [_actor(region, "chike", "ben", _calm_act, shirt=(0.35, 0.33, 0.30))]
    return _stage(options, (560, 480), seed=106, actors=actors, lights=lights)


def _pass(frames: int, *knots: tuple[float, tuple[float, float, float], tuple[float, float, float]]) -> FloatArray:
    """(frames, 4, 4) poses through knots of (frame, place, rotation vector in degrees)."""
    poses = np.zeros((frames, 4, 4))
    for frame in range(frames):
        place = [smooth(float(frame), *((t, p[k]) for t, p, _ in knots)) for k in range(3)]
        turn = [smooth(float(frame), *((t, r[k]) for t, _, r in knots)) for k in range(3)]
        poses[frame] = np.eye(4)
        poses[frame, :3, :3] = rotation(np.radians(np.array(turn)))
        poses[frame, :3, 3] = place
    return poses


def _hand(region: Region, options: Options) -> Stage:
    """A hand from the left, across the face and away; then a microphone from the right, to the mouth."""
    frames = 20
    body = Figure(region=region, person=person("anna"))
    hand_poses = _pass(
        frames,
        (0.0, (-0.17, -0.25, 0.10), (0.0, 10.0, -16.0)),
        (5.0, (-0.045, -0.135, 0.115), (5.0, 5.0, -26.0)),
        (9.0, (0.06, -0.15, 0.11), (0.0, 0.0, -38.0)),
        (13.0, (0.30, -0.34, 0.11), (0.0, -15.0, -60.0)),
    )
    mic_poses = _pass(
        frames,
        (8.0, (0.13, -0.36, 0.12), (35.0, 0.0, 25.0)),
        (13.0, (0.012, -0.105, 0.095), (42.0, 0.0, 18.0)),
        (17.0, (0.006, -0.092, 0.090), (42.0, 0.0, 14.0)),
    )
    tone = body.person.tone
    props = [
        hand(anatomy=region.anatomy, vertices=body.neutral, tone=tone, poses=hand_poses),
        *microphone(poses=mic_poses),
    ]
    actors = [_actor(region, "anna", "fay", _talk_act, shirt=(0.06, 0.16, 0.15))]
    return _stage(options, (560, 480), seed=103, actors=actors, props=props, wall=GREEN_WALL)


def _laugh_act(time: float) -> Moment:
    t = time / 24.0
    laugh = smooth(time, (0.0, 0.25), (4.0, 0.9), (9.0, 1.0), (11.0, 0.8))
    shake = 0.06 * float(np.sin(2 * np.pi * 4.5 * t)) * laugh
    weights = {"jawOpen": 0.42 * laugh + shake} | both("mouthSmile", 0.8 * laugh) | both("cheekSquint", 0.6 * laugh)
    weights |= both("mouthUpperUp", 0.55 * laugh) | both("eyeSquint", 0.45 * laugh) | both("browOuterUp", 0.2 * laugh)
    motion = np.array([-7.0 * laugh, 8.0 - 5.0 * t, 4.0 * laugh, 0.0, 0.003 * np.sin(2 * np.pi * 4.5 * t) * laugh, 0.0])
    return Moment(weights=weights, motion=motion)


def _spectacles(region: Region, options: Options) -> Stage:
    head = Figure(region=region, person=person("emre")).head_shape()
    things = [*spectacles(head=head), *cap(head=head)]
    actors = [_actor(region, "emre", "ben", _laugh_act, things=things, hair="buzz", shirt=(0.30, 0.12, 0.05))]
    front = Light(position=(0.1, 0.05, 1.3), watts=7.0, size=0.5)  # so that teeth and tongue are seen
    return _stage(options, (560, 480), seed=104, actors=actors, lights=lambda _time: (*SOFT, front))


def _studio_sky() -> FloatArray:
    """(128, 256, 3) latlong radiance: two soft windows, a warm lamp, a dim room."""
    v, u = np.meshgrid((np.arange(128) + 0.5) / 128, (np.arange(256) + 0.5) / 256, indexing="ij")
    sky = np.array([0.10, 0.11, 0.13]) * (1.15 - v[..., None]) + 0.05

    def window(at: tuple[float, float], size: tuple[float, float], colour: Sequence[float]) -> FloatArray:
        x = np.abs((u - at[0] + 0.5) % 1.0 - 0.5) / size[0]
        y = np.abs(v - at[1]) / size[1]
        inside = 1 / (1 + np.exp(np.clip((np.maximum(x, y) - 1) * 14, -60, 60)))
        return np.asarray(inside[..., None] * np.asarray(colour, np.float64), np.float64)

    sky = (
        sky + window((0.33, 0.36), (0.055, 0.13), (7.5, 8.2, 9.0)) + window((0.60, 0.40), (0.05, 0.10), (2.4, 2.5, 2.7))
    )
    return np.asarray(sky + window((0.80, 0.33), (0.02, 0.03), (22.0, 14.0, 8.0)), np.float64)


def _two(region: Region, options: Options) -> Stage:
    def root(x: float, z: float, yaw: float) -> FloatArray:
        pose = np.eye(4)
        pose[:3, :3] = rotation(np.radians(np.array([0.0, yaw, 0.0])))
        pose[:3, 3] = (x, 0.0, z)
        return pose

    def listen(time: float) -> Moment:
        t = time / 24.0
        blink = smooth(time, (7.0, 0.0), (8.5, 1.0), (11.0, 0.0))
        weights = both("mouthSmile", 0.35) | both("eyeBlink", blink) | {"jawOpen": 0.03}
        return Moment(weights=weights, motion=np.array([3.0 * np.sin(4 * t), -6.0, -2.0, 0.0, 0.0, 0.0]))

    actors = [
        _actor(region, "fay", "dina", _talk_act, root=root(0.0, 0.0, 14.0), shirt=(0.45, 0.42, 0.36)),
        _actor(region, "ben", "chike", listen, root=root(0.33, -0.05, -16.0), shirt=(0.05, 0.06, 0.10)),
    ]

    def view(time: float) -> View:
        eye, target = (-0.02 + 0.026 * time, 0.02 + 0.004 * time, 1.45), (0.15 + 0.004 * time, -0.03, 0.0)
        return looking(eye=eye, target=target, field=15.5, roll=0.3 * time)

    world = {"color": (1.0, 1.0, 1.0), "strength": 2.0, "picture": _studio_sky()}
    return _stage(options, (880, 480), seed=105, actors=actors, view=view, world=world, lights=lambda _time: ())


def _acted(act: acts.Part, head: acts.Motion) -> Callable[[float], Moment]:
    """A performance of seconds as one of frames."""
    return lambda time: Moment(weights=act(time / 24.0), motion=head(time / 24.0))


def _point(region: Region, options: Options) -> Stage:
    """Speech under a woollen hat, behind wire spectacles; a pointing hand rises in front; the camera comes nearer."""
    body = Figure(region=region, person=person("chike"))
    head = body.head_shape()
    poses = _pass(
        12,
        (0.0, (-0.10, -0.30, 0.175), (0.0, 10.0, -8.0)),
        (6.0, (-0.055, -0.165, 0.175), (4.0, 5.0, -14.0)),
        (11.0, (0.02, -0.18, 0.175), (0.0, 0.0, -26.0)),
    )
    tone = body.person.tone
    props = posed_hand(anatomy=region.anatomy, vertices=body.neutral, tone=tone, poses=poses, shape="pointing")
    act = _acted(
        acts.played(acts.speech(seed=107, seconds=1.0), acts.blinks(seed=107, seconds=1.0, mean_gap=0.8)),
        acts.moved_head(acts.nods(start=0.05, count=1, degrees=5.0), acts.idle(seed=107)),
    )
    shake = acts.idle(seed=108)

    def view(time: float) -> View:
        off = shake(time / 24.0)
        eye = (off[3], off[4] - 0.01, 1.15 - 0.012 * time + off[5])
        return looking(eye=eye, target=(0.5 * off[4], -0.015, 0.0), field=14.6, roll=0.3 * float(off[2]))

    swapped = Figure(region=region, person=person("chike"), identity=person("emre")).head_shape()
    things = [*spectacles(head=head, style="wire", before=swapped), *woollen_hat(head=head)]
    actors = [_actor(region, "chike", "emre", act, things=things, shirt=(0.30, 0.28, 0.20))]
    return _stage(options, (560, 480), seed=107, actors=actors, props=props, view=view, wall=GREEN_WALL)


def _react(region: Region, options: Options) -> Stage:
    """Surprise that turns into a laugh, behind rectangular spectacles under a side key."""
    head = Figure(region=region, person=person("fay")).head_shape()
    swapped = Figure(region=region, person=person("fay"), identity=person("anna")).head_shape()
    act = _acted(
        acts.played(acts.surprise(start=0.0, seconds=0.2), acts.laugh(start=0.25, seconds=0.5)),
        acts.moved_head(acts.turns((0.0, -22.0), (0.45, 4.0)), acts.idle(seed=109)),
    )
    worn = spectacles(head=head, style="rectangular", before=swapped)
    actors = [_actor(region, "fay", "anna", act, things=worn)]
    return _stage(options, (560, 480), seed=109, actors=actors, lights=lambda _time: SIDE)


SHOTS: Mapping[str, Shot] = {
    shot.name: shot
    for shot in (
        Shot("talk", "frontal, talks and blinks; soft key", 12, (("ben", "emre"),), _talk),
        Shot("turn", "the head turns from -60 to 60 degrees under a side key", 17, (("dina", "anna"),), _turn),
        Shot(
            "hand",
            "a hand passes in front of the face, then a microphone",
            18,
            (("anna", "fay"),),
            _hand,
            ("hand", "microphone"),
        ),
        Shot(
            "spectacles",
            "laughs in spectacles and a cap",
            12,
            (("emre", "ben"),),
            _spectacles,
            ("spectacles", "cap"),
        ),
        Shot("light", "the key sweeps from left to right", 9, (("chike", "ben"),), _light),
        Shot("two", "two performers, a room's light, a moving camera", 8, (("fay", "dina"), ("ben", "chike")), _two),
        Shot(
            "point",
            "talks behind wire spectacles, woollen hat, a pointing hand; the camera comes nearer by hand",
            12,
            (("chike", "emre"),),
            _point,
            ("spectacles", "cap", "hand"),
        ),
        Shot(
            "react",
            "surprise turns into a laugh behind rectangular spectacles; side key",
            12,
            (("fay", "anna"),),
            _react,
            ("spectacles",),
        ),
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
    """A picture of a person of the cast, 512 x 512 with the head about 340 pixels high."""
    wanted = VIEWS[view]
    motion = np.array([wanted.pitch, wanted.yaw, 0.0, 0.0, 0.0, 0.0])
    moment = Moment(weights=dict(wanted.weights), motion=motion)
    actor = _actor(region, name, None, lambda _time: moment)

    def camera(_time: float) -> View:
        return looking(eye=(0.0, -0.01, 1.3), target=(0.0, -0.01, 0.0), field=14.5)

    return _stage(
        options, (512, 512), seed=500 + sorted(VIEWS).index(view), actors=[actor], view=camera,
        lights=lambda _time: wanted.lights,
    )  # fmt: skip
