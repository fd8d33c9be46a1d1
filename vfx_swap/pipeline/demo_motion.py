"""How the demo shot moves: camera, head, exposure and key light as functions of time, and their ground truth.

Convention: portrait pixels and plate pixels both have x right, y down, centres at integers.
Time is in frames from the first, so `t = 0` is the first frame's shutter centre.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vfx_swap.arrays import FloatArray

__all__ = ["MotionState", "ShotMotion", "plate_to_portrait", "portrait_to_plate"]

_NECK = (222.0, 190.0)
"""Portrait pixel the head rolls about."""
_HEAD_CENTRE = (226.0, 103.0)
_HEAD_RADII = (86.0, 100.0)
"""Ellipse that holds hair and chin; inside it the roll is rigid."""
_HEAD_FADE = 0.85
"""The roll fades to nothing over this fraction of the ellipse's size outside it."""
_KNOCK_PORTRAIT_PIXELS = 10.0
_SHUTTER = 0.5
"""Open for half a frame: 180 degrees."""


@dataclass(frozen=True)
class MotionState:
    """Everything that moves, at one time."""

    centre_x: float
    centre_y: float
    """Portrait pixel at the centre of the plate."""
    scale: float
    """Plate pixels per portrait pixel."""
    camera_roll_degrees: float
    """Clockwise in the picture."""
    head_roll_degrees: float
    """Clockwise in the picture, about the neck, on top of the camera's."""
    exposure_stops: float
    key_azimuth_degrees: float
    """0 is from the camera; > 0 from the picture's right."""
    key_elevation_degrees: float


@dataclass(frozen=True)
class ShotMotion:
    """The move of one shot."""

    frames: int
    width: int
    height: int

    @property
    def blurred(self) -> int:
        """Index of the one frame in which the camera is knocked while the shutter is open."""
        return (self.frames * 5) // 8

    def at(self, time: float) -> MotionState:
        """State at a time in frames from the first."""
        span = max(1, self.frames - 1)
        u = time / span
        ease = u * u * (3.0 - 2.0 * u)
        # At an even speed while the shutter is open, so that the blur is a streak without doubled edges.
        knock = min(1.0, max(0.0, (time - self.blurred) / _SHUTTER + 0.5))
        scale = (3.72 + 0.33 * ease) * self.height / 1080.0
        return MotionState(
            centre_x=258.0 - 16.0 * ease + _KNOCK_PORTRAIT_PIXELS * 0.95 * knock,
            centre_y=147.0 - 8.0 * ease + _KNOCK_PORTRAIT_PIXELS * 0.3 * knock + 0.8 * np.sin(5.1 * u),
            scale=scale,
            camera_roll_degrees=float(0.5 * np.sin(2.3 * u + 0.4)),
            head_roll_degrees=float(6.0 * np.sin(2.0 * np.pi * 0.8 * u - 0.7)),
            exposure_stops=-0.75 + 1.5 * u,
            key_azimuth_degrees=-62.0 + 105.0 * ease,
            key_elevation_degrees=28.0 + 8.0 * float(np.sin(np.pi * u)),
        )

    def shutter(self, index: int, *, samples: int = 16) -> tuple[MotionState, ...]:
        """States over the open shutter of a frame: one, or `samples` in the frame that is knocked."""
        if index != self.blurred:
            return (self.at(float(index)),)
        times = index + _SHUTTER * ((np.arange(samples) + 0.5) / samples - 0.5)
        return tuple(self.at(float(time)) for time in times)


def plate_to_portrait(state: MotionState, *, width: int, height: int) -> tuple[FloatArray, FloatArray]:
    """For every plate pixel, the portrait pixel it shows: two (height, width) maps, x then y."""
    x = (np.arange(width, dtype=np.float32) - np.float32((width - 1) / 2))[None, :]
    y = (np.arange(height, dtype=np.float32) - np.float32((height - 1) / 2))[:, None]
    cos, sin = _turn(state.camera_roll_degrees)
    inverse = 1.0 / state.scale
    scene_x = np.float32(cos * inverse) * x + np.float32(sin * inverse) * y + np.float32(state.centre_x)
    scene_y = np.float32(-sin * inverse) * x + np.float32(cos * inverse) * y + np.float32(state.centre_y)
    turn = _head_weight(scene_x, scene_y) * np.float32(np.deg2rad(state.head_roll_degrees))
    cos_head, sin_head = np.cos(turn), np.sin(turn)
    away_x, away_y = scene_x - np.float32(_NECK[0]), scene_y - np.float32(_NECK[1])
    return (
        cos_head * away_x + sin_head * away_y + np.float32(_NECK[0]),
        cos_head * away_y - sin_head * away_x + np.float32(_NECK[1]),
    )


def portrait_to_plate(
    state: MotionState, points: NDArray[np.floating], *, width: int, height: int
) -> NDArray[np.float64]:
    """Where points of the *head* in the portrait, (n, 2), land in the plate, (n, 2).

    Exact where the roll is rigid, that is for everything inside the head's ellipse.
    """
    cos, sin = _turn(state.head_roll_degrees)
    away = np.asarray(points, dtype=np.float64)[:, :2] - _NECK
    scene = away @ np.array([[cos, sin], [-sin, cos]]) + _NECK - (state.centre_x, state.centre_y)
    cos, sin = _turn(state.camera_roll_degrees)
    turned: NDArray[np.float64] = scene @ np.array([[cos, sin], [-sin, cos]]) * state.scale
    placed: NDArray[np.float64] = turned + np.array([(width - 1) / 2, (height - 1) / 2])
    return placed


def _head_weight(x: FloatArray, y: FloatArray) -> FloatArray:
    """How far a scene point follows the head: 1 inside its ellipse, 0 well outside."""
    across = (x - np.float32(_HEAD_CENTRE[0])) / np.float32(_HEAD_RADII[0])
    down = (y - np.float32(_HEAD_CENTRE[1])) / np.float32(_HEAD_RADII[1])
    outside = (np.sqrt(across * across + down * down) - np.float32(1.0)) / np.float32(_HEAD_FADE)
    clipped = np.clip(np.float32(1.0) - outside, np.float32(0.0), np.float32(1.0))
    smooth: FloatArray = clipped * clipped * (np.float32(3.0) - np.float32(2.0) * clipped)
    return smooth


def _turn(degrees: float) -> tuple[float, float]:
    return float(np.cos(np.deg2rad(degrees))), float(np.sin(np.deg2rad(degrees)))
