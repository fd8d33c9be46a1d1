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
from vfx_swap.light.harmonics import LUMA, HarmonicLight

__all__ = [
    "DIRECTIONS",
    "Environment",
    "Lamp",
    "direction_of",
    "dots",
    "environment_of",
    "faced",
    "gathered",
    "lamp_light",
    "latlong_directions",
    "mean_light",
    "sphere",
    "turned",
]

DIRECTIONS = 256
"""Directions that light from all around is summed over: 13 degrees apart, where a shadow of skin is as soft."""
LEAST = 0.01
"""Least light of an environment, as a part of its mean."""
SCATTER = 0.1
"""How far beyond its horizon skin is lit, as a cosine (of 0, 0.1, 0.2 and 0.3 the nearest to the doubles' HDRI)."""
BLOCK = 64
"""Rows of a latlong summed at once."""
ROWS, COLUMNS = 32, 64
"""Of the picture that an environment is kept as: finer than the directions."""


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
    """Light from all around."""

    radiance: FloatArray
    """(ROWS, COLUMNS, 3) latlong, red, green and blue; its mean luminance over the sphere is 1."""

    def __post_init__(self) -> None:
        check_array("Environment.radiance", self.radiance, shape=(ROWS, COLUMNS, 3))

    def towards(self, directions: FloatArray, *, rotation_degrees: float) -> FloatArray:
        """(d, 3) radiance that comes from directions (d, 3), which share the sphere evenly: each its part of it.

        Args:
            directions: unit vectors.
            rotation_degrees: about the vertical; positive moves what lies ahead to the picture's right.
        """
        # Turning the surface back is the same as turning the light.
        back = turned(directions, -rotation_degrees)
        there = latlong_directions(np.arange(ROWS, dtype=np.float32), COLUMNS, ROWS).reshape(-1, 3)
        cosine = dots(back, there)
        # Each pixel's light is shared out among the directions near it, so that a sun gives as much wherever it stands.
        part = np.exp(np.float32(len(directions) / 2.0) * (cosine - 1.0))
        covers = np.repeat(_row_weights(ROWS), COLUMNS).astype(np.float32)
        part *= covers / part.sum(axis=0)
        rgb = self.radiance.reshape(-1, 3)
        sums = [(part * rgb[:, one]).sum(axis=1) for one in range(3)]
        scale = np.float32(len(directions) / covers.sum())
        return np.asarray(scale * np.stack(sums, axis=1), dtype=np.float32)

    def light(self, normals: FloatArray, *, rotation_degrees: float) -> FloatArray:
        """(n, 3) on surfaces facing `normals` (n, 3) that nothing stands before; under a dome of radiance 1 it is 1."""
        around = sphere(DIRECTIONS)
        facing = faced(normals, around)
        return gathered(self.towards(around, rotation_degrees=rotation_degrees), facing, facing)


def sphere(count: int) -> FloatArray:
    """(count, 3) unit vectors spread evenly over the sphere, along a spiral (R. Swinbank, J. Purser 2006)."""
    index = np.arange(count) + 0.5
    height, turn = 1.0 - 2.0 * index / count, np.pi * (1.0 + 5.0**0.5) * index
    flat = np.sqrt(1.0 - height**2)
    return np.stack([flat * np.cos(turn), height, flat * np.sin(turn)], axis=1).astype(np.float32)


def faced(normals: FloatArray, directions: FloatArray) -> FloatArray:
    """(n, d) light on skin facing `normals` (n, 3) from directions (d, 3), over what it gives where it is faced.

    Lambert's cosine, and a little beyond the horizon: skin scatters light into its shadow.
    """
    return np.asarray(np.maximum((dots(normals, directions) + SCATTER) / (1.0 + SCATTER), 0.0), dtype=np.float32)


def gathered(radiance: FloatArray, arriving: FloatArray, facing: FloatArray) -> FloatArray:
    """(n, 3) light on surfaces from the directions of `sphere`, as a multiple of what a dome of radiance 1 gives.

    Args:
        radiance: (d, 3).
        arriving: (n, d) cosine of each surface to each direction, 0 where something stands between.
        facing: (n, d) the same where nothing stands between.
    """
    total = np.maximum(facing.sum(axis=1), 1e-6)
    parts = [(arriving * radiance[:, one]).sum(axis=1) / total for one in range(3)]
    return np.asarray(np.maximum(np.stack(parts, axis=1), LEAST), dtype=np.float32)


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
    facing = dots(normals, lamp.direction[None])[:, 0]
    lit = np.maximum((facing + np.float32(lamp.softness)) / np.float32(1.0 + lamp.softness), 0.0)
    return np.asarray(lit[:, None] * lamp.colour, dtype=np.float32)


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
    """An environment from a latlong picture; its mean luminance over the sphere becomes 1.

    Args:
        latlong: (height, width, 3) scene-linear radiance, finite; negatives count as 0.

    Raises:
        ValueError: there is no light in it.
    """
    height, width = latlong.shape[:2]
    down, across = _cells(height, ROWS), _cells(width, COLUMNS)
    weight = _row_weights(height)
    # Light times the part of the sphere that it comes from: a sun of one pixel stays as strong as it is.
    sums = np.zeros((ROWS, COLUMNS, 3))
    for top in range(0, height, BLOCK):
        rows = slice(top, top + BLOCK)
        radiance = np.maximum(latlong[rows].astype(np.float64), 0.0) * weight[rows, None, None]
        sums += np.stack([down[:, rows] @ (radiance[..., one] @ across.T) for one in range(3)], axis=2)
    share = (down @ weight)[:, None] * across.sum(axis=1)
    mean = float((sums @ np.asarray(LUMA)).sum()) / float(share.sum())
    if not mean > 0.0:
        raise ValueError("there is no light in the environment")
    return Environment(np.asarray(sums / (share[..., None] * mean), dtype=np.float32))


def _cells(count: int, cells: int) -> FloatArray:
    """(cells, count) how much of each pixel lies in each cell, of a line that both divide evenly."""
    edges, low = np.arange(cells + 1) * (count / cells), np.arange(count)
    inside = np.minimum(edges[1:, None], low + 1.0) - np.maximum(edges[:-1, None], low)
    return np.asarray(np.maximum(inside, 0.0))


def _row_weights(height: int) -> np.ndarray:
    """(height,) parts of the sphere that a pixel of each of a latlong's rows covers, up to a factor."""
    return np.asarray(np.cos(np.pi * (0.5 - (np.arange(height) + 0.5) / height)))


def dots(vectors: FloatArray, others: FloatArray) -> FloatArray:
    """(n, m) of (n, 3) and (m, 3), term by term: BLAS may sum otherwise on another number of threads."""
    total = vectors[:, :1] * others[:, 0]
    for axis in (1, 2):
        total = total + vectors[:, axis : axis + 1] * others[:, axis]
    return np.asarray(total, dtype=np.float32)
