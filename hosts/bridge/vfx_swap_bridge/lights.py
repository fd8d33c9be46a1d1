"""The plate's light as `vfx-swap light` wrote it to light.json, for hosts to make lights of."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

from .errors import AgentError

__all__ = ["EvenKey", "Lamp", "LampKey", "SolvedLight", "read_light"]

SCHEMA = "vfx_swap/light.1"
Colour = tuple[float, float, float]
MEND = "Write it again with: vfx-swap light SHOT.toml --out light.json"


@dataclass(frozen=True)
class LampKey:
    """A lamp in one frame; straight between keys, held beyond the ends."""

    frame: int
    azimuth_degrees: float
    """In the plate's camera: 0 from the camera, positive toward the picture's right."""
    elevation_degrees: float
    irradiance: Colour
    """On what faces the lamp, linear Rec.709: what reflects `a` of it has a radiance of a / pi times this."""


@dataclass(frozen=True)
class Lamp:
    """One lamp over the shot."""

    name: str
    softness: float
    """Sine of its angular radius: 0 is the sun, 1 half the sky."""
    keys: tuple[LampKey, ...]


@dataclass(frozen=True)
class EvenKey:
    """Light from all around in one frame."""

    frame: int
    radiance: Colour


@dataclass(frozen=True)
class SolvedLight:
    """The light on one performer."""

    name: str
    """Of the shot."""
    first: int
    last: int
    lamps: tuple[Lamp, ...]
    even: tuple[EvenKey, ...]


def read_light(path: str) -> SolvedLight:
    """Read and check.

    Args:
        path: of light.json.

    Raises:
        AgentError: it is not there, or is not what `vfx-swap light` writes.
    """
    try:
        with open(path, encoding="utf-8") as file:
            value = json.load(file)
    except OSError as error:
        raise AgentError("LightFile", f"cannot be read: {error.strerror}", where=path, mend=MEND) from error
    except ValueError as error:
        raise AgentError("LightFile", f"is no JSON ({error})", where=path, mend=MEND) from error
    schema = value.get("schema") if isinstance(value, dict) else None
    if schema != SCHEMA:
        what = f"is no light of a shot: its schema is {schema!r}, not {SCHEMA!r}"
        raise AgentError("LightFile", what, where=path, mend=MEND)
    try:
        return _light(value, os.path.splitext(os.path.basename(path))[0])
    except (KeyError, TypeError, ValueError, IndexError) as error:
        what = f"lacks {error}" if isinstance(error, KeyError) else f"is not whole: {error}"
        raise AgentError("LightFile", what, where=path, mend=MEND) from error


def _light(value: Any, fallback: str) -> SolvedLight:
    first, last = (int(one) for one in value["frames"])
    lamps = tuple(
        Lamp(str(one["name"]), _number(one["softness"], 0.0, 1.0), tuple(_key(key) for key in one["keys"]))
        for one in value["lights"]
    )
    even = tuple(EvenKey(int(one["frame"]), _colour(one["radiance"])) for one in value["even"])
    if not lamps or not even or not all(lamp.keys for lamp in lamps):
        raise ValueError("it holds no light")
    for frames in ([key.frame for key in even], *([key.frame for key in lamp.keys] for lamp in lamps)):
        if sorted(set(frames)) != frames:
            raise ValueError(f"keys are not in the order of frames: {frames}")
    return SolvedLight(str(value.get("name") or fallback), first, last, lamps, even)


def _key(value: Any) -> LampKey:
    return LampKey(
        int(value["frame"]),
        _number(value["azimuth_degrees"], -360.0, 360.0),
        _number(value["elevation_degrees"], -90.0, 90.0),
        _colour(value["irradiance"]),
    )


def _colour(value: Any) -> Colour:
    red, green, blue = (_number(one, 0.0, 1e9) for one in value)
    return (red, green, blue)


def _number(value: Any, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise ValueError(f"{value!r} does not lie between {low:g} and {high:g}")
    return float(value)
