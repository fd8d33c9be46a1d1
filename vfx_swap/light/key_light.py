"""The key light found in the shading of a face: where most of its light comes from, and how much of it.

Nine coefficients know no lamp, only its blur, and over the half of a sphere that a camera sees they are not even
unique; a lamp beside even light from all around is. So what is sought is the direction, of all that a face can see,
from which one lamp beside even light explains the shading best. A second lamp is told apart by no shading that was
tried (docs/lighting.md): what it gives goes to the even light, and pulls the key towards it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.light.harmonics import LUMA, HarmonicLight
from vfx_swap.light.relight import direction_of, dots, sphere

__all__ = ["KEY_SOFTNESS", "SEEN", "KeyLight", "find_key", "key_of"]

STEP_DEGREES = 4.0
AZIMUTHS, ELEVATIONS = (-100.0, 100.1), (-40.0, 70.0)
"""Directions that are looked at: light from farther behind falls on no skin that the camera sees."""
KEY_SOFTNESS = 0.2
"""Sine of the angular radius that a lamp is taken to have: shading does not tell it."""
NORMALS, SEEN = 400, 0.3
"""Normals that a light is looked at by, and the cosine to the camera from which skin under it was seen."""
FROM_ABOVE = 0.1
"""How much brighter skin that faces up is under even light: less of the sky is hidden from it (measured on the digital
doubles `ben` and `anna` under the light `dome`: 0.12 and 0.02)."""


@dataclass(frozen=True, eq=False)
class KeyLight:
    """A lamp and even light, as multiples of the face's mean light."""

    direction: FloatArray
    """(3,) unit vector towards the lamp, light frame."""
    intensity: float
    """On skin that faces it."""
    even: float
    """From all around."""


def find_key(brightness: FloatArray, normals: FloatArray) -> KeyLight:
    """Find the lamp that lights a face.

    Args:
        brightness: (n,) luminance of mean skin facing each normal, over the face's mean.
        normals: (n, 3) in the light frame, of skin that the camera sees.
    """
    wanted = brightness.astype(np.float64) / (1.0 + FROM_ABOVE * normals[:, 1])
    choices = _choices()
    lit = np.maximum((normals.astype(np.float64) @ choices.T + KEY_SOFTNESS) / (1.0 + KEY_SOFTNESS), 0.0)
    # Least squares of even light and each lamp in turn: a line through (lit, wanted), no part of it below 0.
    count, mean, middle = len(wanted), wanted.mean(), lit.mean(axis=0)
    spread = np.maximum((lit**2).sum(axis=0) - count * middle**2, 1e-9)
    lamp = np.maximum((lit.T @ wanted - count * mean * middle) / spread, 0.0)
    even = mean - lamp * middle
    alone = (lit.T @ wanted) / np.maximum((lit**2).sum(axis=0), 1e-9)
    lamp, even = np.where(even < 0.0, alone, lamp), np.maximum(even, 0.0)
    off = ((even[None, :] + lit * lamp[None, :] - wanted[:, None]) ** 2).sum(axis=0)
    best = int(off.argmin())
    return KeyLight(choices[best].astype(np.float32), float(lamp[best]), float(even[best]))


def key_of(light: HarmonicLight, normals: FloatArray | None = None) -> KeyLight:
    """The lamp in a light that was read.

    Args:
        light: the light.
        normals: (n, 3) of the skin under it that is seen, light frame; None: evenly spread ones, and so the same lamp
            whatever face is under it.
    """
    around = sphere(NORMALS)
    seen = around[around[:, 2] > SEEN] if normals is None else normals
    shading = dots(light.shade(seen), np.asarray(LUMA, np.float32)[None])[:, 0]
    return find_key(shading / np.float32(light.mean), seen)


def _choices() -> np.ndarray:
    """(d, 3) directions, evenly dense."""
    found = []
    for elevation in np.arange(ELEVATIONS[0], ELEVATIONS[1] + 0.1, STEP_DEGREES):
        step = STEP_DEGREES / max(float(np.cos(np.deg2rad(elevation))), 0.15)
        found += [direction_of(azimuth, elevation) for azimuth in np.arange(*AZIMUTHS, step)]
    return np.stack(found).astype(np.float64)
