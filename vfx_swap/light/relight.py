"""Lamps and environments: what light they throw on a surface, relative to the light that is there.

All directions are in the *light frame*: x to the picture's right, y up, z towards the camera. A lamp at azimuth a and
elevation e shines from (sin a cos e, sin e, cos a cos e). A latlong's middle column is where the camera looks, at
azimuth 180; columns to its right lie to the picture's right. Light is stated as a multiple of the mean light on the
face: 1 is as much again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vfx_swap.arrays import FloatArray, check_array
from vfx_swap.light.harmonics import LUMA, HarmonicLight, harmonic_basis

__all__ = [
    "BAND",
    "NORM",
    "Environment",
    "Lamp",
    "direction_of",
    "environment_of",
    "lamp_light",
    "latlong_directions",
    "mean_light",
    "turned",
]

NORM = (0.282095, 0.488603, 0.488603, 0.488603, 1.092548, 1.092548, 1.092548, 0.546274, 0.315392)
"""What makes the nine polynomials of `harmonic_basis` orthonormal over the sphere (Ramamoorthi and Hanrahan 2001)."""
BAND = (1.0, *(2.0 / 3.0,) * 3, *(0.25,) * 5)
"""The cosine lobe's factor on each, over pi: irradiance from radiance, so that a dome of radiance 1 gives 1 (ibid.)."""
LEAST = 0.01
"""Least light of an environment, as a part of its mean: nine coefficients ring below 0 behind a sun."""
ROWS = 64
"""Rows of a latlong summed at once."""


@dataclass(frozen=True, eq=False)
class Lamp:
    """A light so far away that its light falls from one direction."""

    direction: FloatArray
    """(3,) unit vector towards it."""
    colour: FloatArray
    """(3,) light on a surface that faces it, red, green and blue."""
    softness: float
    """Sine of its angular radius: 0 a point, 1 half the sky."""

    def __post_init__(self) -> None:
        check_array("Lamp.direction", self.direction, shape=(3,))
        check_array("Lamp.colour", self.colour, shape=(3,))


@dataclass(frozen=True, eq=False)
class Environment:
    """Light from all around, as irradiance over pi by direction of the surface."""

    coefficients: FloatArray
    """(9, 3) of `harmonic_basis`, red, green and blue."""

    def __post_init__(self) -> None:
        check_array("Environment.coefficients", self.coefficients, shape=(9, 3))

    def light(self, normals: FloatArray, *, rotation_degrees: float) -> FloatArray:
        """(n, 3) on surfaces facing `normals` (n, 3), above 0.

        Args:
            normals: unit vectors.
            rotation_degrees: about the vertical; positive moves what lies ahead to the picture's right.
        """
        # Turning the surface back is the same as turning the light.
        values = harmonic_basis(turned(normals, -rotation_degrees)) @ self.coefficients
        least = LEAST * max(float(self.coefficients[0] @ np.asarray(LUMA)), 0.0)
        return np.asarray(np.maximum(values, least), dtype=np.float32)


def direction_of(azimuth_degrees: float, elevation_degrees: float) -> FloatArray:
    """(3,) float32 unit vector towards a lamp."""
    azimuth, elevation = np.deg2rad(azimuth_degrees), np.deg2rad(elevation_degrees)
    flat = np.cos(elevation)
    return np.array([np.sin(azimuth) * flat, np.sin(elevation), np.cos(azimuth) * flat], dtype=np.float32)


def turned(directions: FloatArray, degrees: float) -> FloatArray:
    """Directions (..., 3) turned about the vertical: what lies ahead of the camera goes to the picture's right."""
    cosine, sine = np.float32(np.cos(np.deg2rad(degrees))), np.float32(np.sin(np.deg2rad(degrees)))
    x, y, z = directions[..., 0], directions[..., 1], directions[..., 2]
    return np.stack([cosine * x - sine * z, y, sine * x + cosine * z], axis=-1)


def lamp_light(lamp: Lamp, normals: FloatArray) -> FloatArray:
    """(n, 3) light of a lamp on surfaces facing `normals` (n, 3): exact for a point and for half the sky.

    `max(0, (n.l + s) / (1 + s))`: Lambert's cosine at softness 0, a hemisphere's (1 + cos) / 2 at 1, and for what lies
    between dark where all of a lamp of that size is below the horizon.
    """
    # Term by term: BLAS may sum otherwise on another number of threads.
    x, y, z = (np.float32(one) for one in lamp.direction)
    facing = normals[..., 0] * x + normals[..., 1] * y + normals[..., 2] * z
    lit = np.maximum((facing + np.float32(lamp.softness)) / np.float32(1.0 + lamp.softness), 0.0)
    return np.asarray(lit[..., None] * lamp.colour, dtype=np.float32)


def mean_light(light: HarmonicLight) -> FloatArray:
    """(3,) colour of the face under its mean light: the unit that lamps and environments are stated in."""
    colour = np.maximum(light.colour[0].astype(np.float64), 0.02)
    return np.asarray(light.mean * colour / float(colour @ np.asarray(LUMA)), dtype=np.float32)


def latlong_directions(rows: FloatArray, width: int, height: int) -> FloatArray:
    """(r, width, 3) directions of the pixels of a latlong's rows (r,), pixel centres at (i + 0.5) / size."""
    elevation = np.pi * (0.5 - (rows + 0.5) / height)[:, None]
    across = 2.0 * np.pi * ((np.arange(width) + 0.5) / width - 0.5)[None, :]
    flat = np.cos(elevation)
    x, y, z = flat * np.sin(across), np.broadcast_to(np.sin(elevation), (len(rows), width)), -flat * np.cos(across)
    return np.stack([x, y, z], axis=-1).astype(np.float32)


def environment_of(latlong: FloatArray) -> Environment:
    """An environment from a latlong picture, prefiltered to irradiance; its mean luminance over the sphere becomes 1.

    Args:
        latlong: (height, width, 3) scene-linear radiance, finite; negatives count as 0.

    Raises:
        ValueError: there is no light in it.
    """
    height, width = latlong.shape[:2]
    sums, total = np.zeros((9, 3)), 0.0
    for top in range(0, height, ROWS):
        rows = np.arange(top, min(top + ROWS, height))
        directions = latlong_directions(rows.astype(np.float32), width, height)
        weight = np.cos(np.pi * (0.5 - (rows + 0.5) / height))
        radiance = np.maximum(latlong[rows].astype(np.float64), 0.0) * weight[:, None, None]
        sums += np.einsum("hwk,hwc->kc", harmonic_basis(directions).astype(np.float64), radiance)
        total += float(weight.sum()) * width
    mean = float(sums[0] @ np.asarray(LUMA)) / total
    if not mean > 0.0:
        raise ValueError("there is no light in the environment")
    scale = 4.0 * np.pi / (total * mean) * np.square(np.asarray(NORM)) * np.asarray(BAND)
    return Environment(np.asarray(sums * scale[:, None], dtype=np.float32))
