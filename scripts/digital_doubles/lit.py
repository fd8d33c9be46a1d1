"""One head under lights that are known to the degree: what estimates of light and relighting are measured against.

Angles are the shot file's: azimuth from the camera's axis, positive toward the picture's right, 0 for light from the
camera; elevation above the camera's horizon. The camera looks level along the world's -z, so they are the world's too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from scripts.digital_doubles.cast import hair_of, person
from scripts.digital_doubles.figure import Figure, Region
from scripts.digital_doubles.hair import STYLES, grow_hair
from scripts.digital_doubles.mesh import FloatArray
from scripts.digital_doubles.shots import Options, looking
from scripts.digital_doubles.stage import Actor, Light, Moment, Stage

__all__ = ["LIT", "SKY_MEAN", "Lamp", "Lit", "lit_stage", "sky"]

DISTANCE = 2.5
"""Metres from the head to a lamp's disk: far enough that its light falls from one direction."""
SIZE = 128
"""Rows of the sky."""
SKY_MEAN = 0.35
"""Mean radiance of the sky over the sphere: as much as the dome's of `dome`."""


@dataclass(frozen=True)
class Lamp:
    """A lamp in the shot file's angles."""

    azimuth_degrees: float
    elevation_degrees: float
    irradiance: float
    """On a surface that faces it, where a dome of radiance 1 gives pi."""
    width_degrees: float = 16.0
    """Across, as seen from the head."""
    colour: tuple[float, float, float] = (1.0, 1.0, 1.0)

    @property
    def direction(self) -> FloatArray:
        """(3,) unit vector to the lamp: x right, y up, z to the camera."""
        azimuth, elevation = np.radians(self.azimuth_degrees), np.radians(self.elevation_degrees)
        flat = np.cos(elevation)
        return np.array([np.sin(azimuth) * flat, np.sin(elevation), np.cos(azimuth) * flat])

    def light(self) -> Light:
        """The disk of light that gives it."""
        x, y, z = (float(one) for one in DISTANCE * self.direction)
        return Light(
            position=(x, y, z),
            watts=self.irradiance * np.pi * DISTANCE**2,
            size=2.0 * DISTANCE * float(np.tan(np.radians(self.width_degrees / 2.0))),
            target=(0.0, 0.0, 0.0),
            color=self.colour,
        )


@dataclass(frozen=True)
class Lit:
    """A picture's light."""

    dome: float
    """Radiance that comes from everywhere."""
    lamps: Sequence[Lamp] = ()
    sky: bool = False
    """The sky instead of the dome."""


def _keys() -> dict[str, Lit]:
    wide = {f"key{azimuth:+d}": Lit(0.1, (Lamp(azimuth, 20.0, 2.5),)) for azimuth in (-60, -30, 0, 30, 60)}
    two = Lit(0.1, (Lamp(-50.0, 15.0, 2.2), Lamp(55.0, 5.0, 0.8)))
    return wide | {"high": Lit(0.1, (Lamp(20.0, 50.0, 2.5),)), "two": two}


LIT: Mapping[str, Lit] = MappingProxyType(
    {
        "dome": Lit(SKY_MEAN),
        **_keys(),
        "added-60": Lit(SKY_MEAN, (Lamp(-60.0, 20.0, 2.2),)),
        "added+45": Lit(SKY_MEAN, (Lamp(45.0, 20.0, 2.2),)),
        "hard+45": Lit(SKY_MEAN, (Lamp(45.0, 20.0, 2.2, width_degrees=1.0),)),
        "warm-30": Lit(SKY_MEAN, (Lamp(-30.0, 35.0, 2.2, colour=(1.0, 0.7, 0.4)),)),
        "sky": Lit(0.0, sky=True),
    }
)
"""Name -> light. `key`: a lamp and little else; `added`: the light of `dome` and a lamp."""


def sky() -> FloatArray:
    """(SIZE, 2 SIZE, 3) latlong radiance: a bright blue window to the left of the camera, a warm one behind the head.

    Its middle is where the camera looks; its mean over the sphere is `SKY_MEAN` in luminance.
    """
    v, u = np.meshgrid((np.arange(SIZE) + 0.5) / SIZE, (np.arange(2 * SIZE) + 0.5) / (2 * SIZE), indexing="ij")
    across, up = 2.0 * np.pi * (u - 0.5), np.pi * (0.5 - v)

    def glow(azimuth: float, elevation: float, width: float, colour: Sequence[float]) -> FloatArray:
        # Azimuth 0 is light from the camera: the picture's middle is behind the head, at 180.
        away = np.cos(up) * np.cos(np.radians(elevation)) * np.cos(across - np.radians(180.0 - azimuth))
        away = away + np.sin(up) * np.sin(np.radians(elevation))
        shape = np.exp((away - 1.0) / (1.0 - np.cos(np.radians(width))))
        return np.asarray(shape[..., None] * np.asarray(colour), np.float64)

    picture = 0.12 * np.array([0.9, 1.0, 1.1]) * (1.3 - v[..., None]) + glow(-50.0, 25.0, 22.0, (3.0, 3.6, 4.4))
    picture = picture + glow(150.0, 20.0, 14.0, (5.0, 3.4, 2.0))
    weights = np.cos(up) / np.cos(up).sum()
    mean = float((picture @ (0.2126, 0.7152, 0.0722) * weights).sum())
    return np.asarray(picture * (SKY_MEAN / mean), np.float64)


def lit_stage(*, region: Region, name: str, lit: Sequence[str], yaw: float, options: Options) -> Stage:
    """A person's head, still; the time is the index of a light in `lit`, which all have one kind of world.

    Args:
        region: of the face.
        name: of the cast.
        lit: names of `LIT`.
        yaw: degrees that the head is turned to its own left.
        options: size and samples.
    """
    worlds = {(LIT[one].dome, LIT[one].sky) for one in lit}
    if len(worlds) != 1:
        raise ValueError(f"lights of several worlds do not make one stage: {sorted(worlds)}")
    dome, has_sky = worlds.pop()
    world: dict[str, Any] = {"color": (dome, dome, dome)}
    if has_sky:
        # Blender has a latlong's middle along the world's +x, a quarter to the right of where the camera looks.
        world = {"color": (1.0, 1.0, 1.0), "strength": 1.0, "picture": np.roll(sky(), -SIZE // 2, axis=1)}

    def lights(time: float) -> Sequence[Light]:
        return [lamp.light() for lamp in LIT[lit[min(max(round(time), 0), len(lit) - 1)]].lamps]

    figure = Figure(region=region, person=person(name))
    style = hair_of(name)
    hair = []
    if style:
        hair = [grow_hair(figure=figure, style=STYLES[style], seed=figure.person.seed, colour=figure.person.hair)]
    moment = Moment(weights={"jawOpen": 0.02}, motion=np.array([0.0, yaw, 0.0, 0.0, 0.0, 0.0]))
    side = max(2, round(352 * options.scale / 2) * 2)
    return Stage(
        width=side,
        height=side,
        samples=options.samples,
        seed=700,
        actors=[Actor(figure=figure, worn=None, act=lambda _time: moment, things=hair)],
        view=lambda _time: looking(eye=(0.0, -0.01, 1.3), target=(0.0, -0.01, 0.0), field=14.5),
        lights=lights,
        world=world,
        threads=options.threads,
    )
