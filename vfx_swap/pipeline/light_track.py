"""The plate's light as lamps with keys: what a host loads as its own lights, and an HDRI of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.light.harmonics import LUMA, HarmonicLight
from vfx_swap.light.key_light import KEY_SOFTNESS, SEEN, KeyLight, key_of
from vfx_swap.light.relight import latlong_directions, mean_light
from vfx_swap.models.face_light import FaceSurface
from vfx_swap.pipeline.smoothing import ladder_of, smooth_series
from vfx_swap.types import Track

__all__ = ["ALBEDO", "LightFrame", "key_frames", "latlong_of", "light_over", "white_of"]

ALBEDO = 0.35
"""Reflectance that skin is taken to have: what turns its brightness into that of the light (the mean of light and dark
skin's, as in the Blender add-on)."""
SKIN = np.array([1.62, 0.86, 0.60])
"""Colour of skin at luminance 1 in linear Rec.709: the mean of a ColorChecker's two skin patches."""
KEY_DEGREES, KEY_SHARE = 1.5, 0.03
"""How far a key may be left out if the line between its neighbours misses it by less: direction, and share of light."""
SHARP = 4.0
"""Steepness of the edge of a lamp in an HDRI, in parts of its radius."""


@dataclass(frozen=True, eq=False)
class LightFrame:
    """The light on a face in one frame, as a multiple of the face's mean light."""

    frame: int
    azimuth_degrees: float
    """Of the key, in the plate's camera: 0 from the camera, positive toward the picture's right."""
    elevation_degrees: float
    intensity: float
    colour: tuple[float, float, float]
    """Of the key, where 1, 1, 1 is the colour of the mean light."""
    even: float
    """Light from all around."""
    mean: tuple[float, float, float]
    """The face under its mean light, linear Rec.709."""


def light_over(track: Track, lights: Mapping[int, HarmonicLight], *, surface: FaceSurface) -> list[LightFrame]:
    """The key light and the even light in every frame of a track whose light is known, smoothed.

    Args:
        track: the face.
        lights: frame -> light, in linear Rec.709.
        surface: the face mesh.
    """
    numbers = [number for number in sorted(track.faces) if number in lights]
    found = [_key(track, lights[number], number, surface) for number in numbers]
    if not found:
        return []
    values = np.array([[*(one.direction.astype(np.float64) * one.intensity), one.even] for one in found])
    if len(values) > 2:
        ladder = ladder_of(np.arange(len(values), dtype=np.float64), np.ones(len(values)))
        values = smooth_series(ladder, values[:, None, :], noise=(0.002, 0.2))[:, 0]
    return [_frame(number, value, lights[number]) for number, value in zip(numbers, values, strict=True)]


def _key(track: Track, light: HarmonicLight, number: int, surface: FaceSurface) -> KeyLight:
    normals = surface.normals(surface.positions(track.faces[number]))
    return key_of(light, normals[normals[:, 2] > SEEN][::3])


def _frame(number: int, value: np.ndarray, light: HarmonicLight) -> LightFrame:
    intensity = float(np.linalg.norm(value[:3]))
    direction = value[:3] / intensity if intensity > 1e-6 else np.array([0.0, 0.0, 1.0])
    mean, facing = mean_light(light).astype(np.float64), light.shade(direction[None].astype(np.float32))[0]
    tint = (facing / (facing @ np.asarray(LUMA))) / (mean / (mean @ np.asarray(LUMA)))
    red, green, blue = (float(one) for one in np.clip(tint, 0.25, 4.0))
    return LightFrame(
        frame=number,
        azimuth_degrees=float(np.degrees(np.arctan2(direction[0], direction[2]))),
        elevation_degrees=float(np.degrees(np.arcsin(np.clip(direction[1], -1.0, 1.0)))),
        intensity=intensity,
        colour=(red, green, blue),
        even=max(float(value[3]), 0.0),
        mean=(float(mean[0]), float(mean[1]), float(mean[2])),
    )


def key_frames(frames: Sequence[LightFrame]) -> list[LightFrame]:
    """The fewest of the frames between which the rest lie on straight lines (Ramer, Douglas and Peucker)."""
    if len(frames) < 3:
        return [frames[0]] if len(frames) == 2 and _misses(frames, 0, 0, 1) <= 1.0 else list(frames)
    kept = {0, len(frames) - 1}
    spans = [(0, len(frames) - 1)]
    while spans:
        first, last = spans.pop()
        between = range(first + 1, last)
        worst = max(between, key=lambda at: _misses(frames, first, last, at), default=None)
        if worst is not None and _misses(frames, first, last, worst) > 1.0:
            kept.add(worst)
            spans += [(first, worst), (worst, last)]
    chosen = [frames[at] for at in sorted(kept)]
    still = all(_misses(frames, 0, 0, at) <= 1.0 for at in range(len(frames)))
    return chosen[:1] if still else chosen


def _misses(frames: Sequence[LightFrame], first: int, last: int, at: int) -> float:
    """How far a frame lies off the line between two others, 1 where it may just be left out."""
    one, two, here = frames[first], frames[last], frames[at]
    part = 0.0 if one is two else (here.frame - one.frame) / (two.frame - one.frame)

    def off(name: str) -> float:
        start, end = getattr(one, name), getattr(two, name)
        return abs(float(start + (end - start) * part - getattr(here, name)))

    angles = max(off("azimuth_degrees"), off("elevation_degrees")) / KEY_DEGREES
    return max(angles, max(off("intensity"), off("even")) / (KEY_SHARE * (here.intensity + here.even)))


def latlong_of(light: LightFrame, *, height: int) -> FloatArray:
    """(height, 2 height, 3) a latlong of the light, linear Rec.709: skin under it is as bright as in the plate.

    Its middle is where the camera looks, as `lighting.environment` has it.
    """
    rows = np.arange(height, dtype=np.float32)
    directions = latlong_directions(rows, 2 * height, height).astype(np.float64)
    azimuth, elevation = np.deg2rad(light.azimuth_degrees), np.deg2rad(light.elevation_degrees)
    flat = np.cos(elevation)
    toward = np.array([np.sin(azimuth) * flat, np.sin(elevation), np.cos(azimuth) * flat])
    away = np.arccos(np.clip(directions @ toward, -1.0, 1.0)) / np.arcsin(KEY_SOFTNESS)
    disc = 1.0 / (1.0 + np.exp(np.clip((away - 1.0) * SHARP * 4.0, -60.0, 60.0)))
    # The disc's irradiance on what faces it, over pi, summed as it is drawn: no pixel is too large for it.
    weight = np.cos(np.pi * (0.5 - (rows.astype(np.float64) + 0.5) / height))[:, None] * (np.pi / height) ** 2
    given = float((disc * np.maximum(directions @ toward, 0.0) * weight).sum()) / np.pi
    lamp = disc[..., None] * (light.intensity / max(given, 1e-9)) * np.asarray(light.colour)
    return np.asarray((lamp + light.even) * white_of(light), np.float32)


def white_of(light: LightFrame) -> np.ndarray:
    """(3,) radiance from all around that skin is as bright under as under the face's mean light; linear Rec.709."""
    white: np.ndarray = np.asarray(light.mean, np.float64) / SKIN / ALBEDO
    return white
