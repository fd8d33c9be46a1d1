"""Heads of hair: strands that grow from a performer's scalp, lie over the skull and hang, in a few styles.

Hair belongs to the performer and moves with the head; a worn face does not change it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scripts.digital_doubles.figure import Figure
from scripts.digital_doubles.mesh import FloatArray, Strands
from scripts.digital_doubles.paint import AXIS, hairline

__all__ = ["STYLES", "Style", "grow_hair"]

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Style:
    """How a head of hair lies; lengths in metres."""

    strands: int
    length: float
    """Of a strand at the crown."""
    sides: float
    """Factor on the length at the sides and the nape."""
    lift: float
    """How much a strand stands away from the skull: 0 lies flat, 1 stands up."""
    weight: float
    """How much it falls with its length."""
    flow: str
    """Where it is combed: `forward`, `part`, `crown`, `back` or `none`."""
    radius: float
    clump: float
    """0..1: how much strands gather toward their tips."""
    wave: float = 0.0
    """Metres of waviness."""
    loft: float = 0.003
    """How far over the skull the hair lies."""
    fringe: float = 0.0
    """Length of what hangs over the forehead; 0 for none."""


STYLES: Mapping[str, Style] = {
    "crop": Style(10000, 0.032, 0.45, 0.55, 0.10, "forward", 0.00014, 0.45),
    "buzz": Style(14000, 0.004, 0.8, 0.9, 0.0, "none", 0.00010, 0.0),
    "part": Style(11000, 0.050, 0.40, 0.25, 0.30, "part", 0.00015, 0.4),
    "long": Style(11000, 0.26, 0.95, 0.10, 1.2, "back", 0.00016, 0.5, wave=0.006, loft=0.007),
    "bob": Style(11000, 0.14, 0.9, 0.10, 1.2, "crown", 0.00016, 0.35, loft=0.006, fringe=0.042),
    "back": Style(11000, 0.12, 0.9, 0.03, 0.05, "back", 0.00015, 0.3, loft=0.003),
}


def _normals(points: FloatArray, quads: IntArray) -> FloatArray:
    corner = points[quads]
    face = np.cross(corner[:, 2] - corner[:, 0], corner[:, 3] - corner[:, 1])
    summed = np.zeros_like(points)
    for k in range(4):
        np.add.at(summed, quads[:, k], face)
    return _unit(summed)


def _unit(vectors: FloatArray) -> FloatArray:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12), np.float64)


def _roots(figure: Figure, count: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """(count, 3) places in head space and (count, 3) on the base mesh."""
    region = figure.region
    rest, skin = region.skin(region.anatomy.vertices), region.skin(figure.neutral)
    angle = np.arctan2(rest[:, 0], rest[:, 2] - AXIS)
    over = rest[:, 1] - hairline(angle)
    density = np.clip((over + 0.002) / 0.010, 0.0, 1.0)
    density *= 1 - np.clip(2 * region.skin(region.anatomy.mask("ears")[:, None])[:, 0], 0, 1)
    quads = region.skin.quads
    corner = skin[quads]
    area = np.linalg.norm(np.cross(corner[:, 2] - corner[:, 0], corner[:, 3] - corner[:, 1]), axis=1)
    share = area * density[quads].mean(1)
    chosen = rng.choice(len(quads), count, p=share / share.sum())
    u, v = rng.random((2, count))
    weights = np.stack([(1 - u) * (1 - v), u * (1 - v), u * v, (1 - u) * v], 1)[..., None]
    return (skin[quads[chosen]] * weights).sum(1), (rest[quads[chosen]] * weights).sum(1)


def _combed(style: Style, rest: FloatArray) -> FloatArray:
    """(n, 3) direction that hair is combed to at places of the base mesh."""
    x, y, z = rest.T
    one = np.ones_like(x)
    down = np.stack([0 * one, -one, 0 * one], 1)
    top = np.clip((y - 0.055) / 0.04, 0, 1)[:, None]
    if style.flow == "forward":
        over = np.stack([0.25 * np.sign(x), 0 * one, one], 1)
        return _unit(top * over + (1 - top) * (down - np.array([0, 0, 0.25])))
    if style.flow == "part":
        over = np.stack([np.where(x > 0.022, 1.0, -1.0), -0.1 * one, -0.6 * one], 1)
        return _unit(top * over + (1 - top) * (down - np.array([0, 0, 0.30])))
    if style.flow == "crown":
        over = np.stack([x, 0 * one, z + 0.075], 1)
        return _unit(top * _unit(over) + (1 - top) * (down + 0.1 * _unit(over)))
    if style.flow == "back":
        return _unit(np.stack([-0.2 * x / 0.08, 0.25 * one, -one], 1))
    return down


def grow_hair(*, figure: Figure, style: Style, seed: int, colour: tuple[float, float, float]) -> Strands:
    """A head of hair, in head space at rest."""
    from scipy.spatial import cKDTree

    rng = np.random.default_rng([seed, 32452843])
    region = figure.region
    skin = region.skin(figure.neutral)
    normals = _normals(skin, region.skin.quads)
    tree = cKDTree(skin)
    roots, rest = _roots(figure, style.strands, rng)
    points = 3 if style.length < 0.01 else 7 if style.length < 0.08 else 14
    side = np.clip((rest[:, 1] - 0.02) / 0.05, 0, 1)
    length = style.length * (style.sides + (1 - style.sides) * side) * rng.uniform(0.75, 1.1, len(roots))
    if style.fringe:
        front = np.clip((0.75 - np.abs(np.arctan2(rest[:, 0], rest[:, 2] - AXIS))) / 0.15, 0, 1)
        front *= np.clip((rest[:, 2] + 0.035) / 0.02, 0, 1)
        length = length + front * (style.fringe * rng.uniform(0.85, 1.05, len(roots)) - length)
    step = (length / (points - 1))[:, None]
    flow = _combed(style, rest)
    stray = 0.13 * rng.standard_normal((len(roots), 3))
    lift = style.lift * rng.uniform(0.6, 1.4, (len(roots), 1))
    loft = style.loft * rng.uniform(0.15, 1.0, len(roots))
    phase = rng.uniform(0, 2 * np.pi, (len(roots), 1))
    place, found = roots, [roots - 0.001 * normals[tree.query(roots)[1]]]
    for k in range(1, points):
        nearest = tree.query(place)[1]
        normal = normals[nearest]
        t = k / (points - 1)
        along = flow - (flow * normal).sum(1, keepdims=True) * normal
        fall = np.array([0.0, -2.0 * style.weight * t, 0.0])
        way = _unit(_unit(along) + lift * (1 - t) * normal + stray + fall)
        place = place + step * way
        if style.wave:
            place = place + style.wave * t * np.cos(phase + 9 * t) * np.cross(way, normal) / points
        nearest = tree.query(place)[1]
        normal = normals[nearest]
        over = ((place - skin[nearest]) * normal).sum(1)
        need = loft * min(1.0, 3 * t)
        place = place + np.clip(need - over, 0.0, 0.02)[:, None] * normal
        found.append(place)
    strands = np.stack(found, 1)
    if style.clump:
        strands = _clumped(strands, style.clump, rng)
    radius = style.radius * np.interp(np.linspace(0, 1, points), [0, 0.6, 1], [1.0, 0.9, 0.25])
    return Strands("hair", strands, radius, {"color": colour, "roughness": 0.38}, "hair")


def _clumped(strands: FloatArray, amount: float, rng: np.random.Generator) -> FloatArray:
    """Strands drawn toward some 300 of their own, more toward the tips."""
    from scipy.spatial import cKDTree

    leaders = strands[rng.choice(len(strands), 300, replace=False)]
    nearest = cKDTree(leaders[:, 0]).query(strands[:, 0])[1]
    t = np.linspace(0, 1, strands.shape[1])[None, :, None]
    pull = amount * t**1.5 * rng.uniform(0.4, 1.0, (len(strands), 1, 1))
    return np.asarray(strands + pull * (leaders[nearest] - strands), np.float64)
