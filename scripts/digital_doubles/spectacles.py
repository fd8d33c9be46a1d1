"""Spectacles fitted to a head: rims, bridge, temples to the ears, nose pads and lenses, in several styles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from scripts.digital_doubles.mesh import FloatArray, HeadShape, Mesh, merged, tube

__all__ = ["STYLES", "Style", "outside", "spectacles"]

Faces = list[tuple[int, ...]]


@dataclass(frozen=True)
class Style:
    """How a pair of spectacles is made; lengths in metres."""

    half_width: float
    """Of one lens."""
    half_height: float
    power: float
    """Of cosine and sine along the rim: 1 is an ellipse, less is a box with round corners."""
    rim: float
    """Radius of the rim's section; 0 for none."""
    temple: float
    """Radius of a temple's section."""
    material: Mapping[str, Any] = field(default_factory=dict)
    pads: bool = False
    """Whether pads on wires stand on the nose."""


_HORN = {"color": (0.015, 0.012, 0.010), "roughness": 0.25, "coat": 0.6}
_TORTOISE = {"color": (0.06, 0.022, 0.008), "roughness": 0.22, "coat": 0.7, "noise": 0.8, "noise_scale": 120.0}
_GOLD = {"color": (0.72, 0.52, 0.24), "roughness": 0.2, "metallic": 1.0}
_STEEL = {"color": (0.45, 0.46, 0.48), "roughness": 0.25, "metallic": 1.0}

STYLES: Mapping[str, Style] = {
    "round": Style(0.0255, 0.0205, 0.85, 0.0017, 0.0015, _HORN),
    "rectangular": Style(0.0270, 0.0165, 0.42, 0.0021, 0.0018, _TORTOISE),
    "wire": Style(0.0235, 0.0215, 0.95, 0.00075, 0.0008, _GOLD, pads=True),
    "rimless": Style(0.0260, 0.0160, 0.60, 0.0, 0.0007, _STEEL, pads=True),
}


BOW = 2.2
"""How far a frame bends back to its sides: metres over square metres."""

NEAR = 0.004
"""Skin so near to a rim as the camera sees it, in metres, must lie behind it."""


def outside(points: FloatArray, head: HeadShape, distance: float) -> FloatArray:
    """Points moved out of the head until they are `distance` metres over its nearest vertex."""
    from scipy.spatial import cKDTree

    corner = head.vertices[np.array([face[:3] for face in head.faces])]
    normal = np.zeros_like(head.vertices)
    flat = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    for k in range(3):
        np.add.at(normal, np.array([face[k] for face in head.faces]), flat)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    nearest = cKDTree(head.vertices).query(points)[1]
    over = ((points - head.vertices[nearest]) * normal[nearest]).sum(1)
    return np.asarray(points + np.clip(distance - over, 0.0, 0.03)[:, None] * normal[nearest], np.float64)


def _power(value: FloatArray, power: float) -> FloatArray:
    return np.asarray(np.sign(value) * np.abs(value) ** power, np.float64)


def _plane_before(other: HeadShape, head: HeadShape, made: Style) -> float:
    """The least depth, in metres, at which rims and bridge lie before the skin of another head in the same place."""
    turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    up = -0.004 + made.half_height * _power(np.sin(turn), made.power)
    lines = [np.stack([np.linspace(-0.009, 0.009, 13), np.full(13, 0.005)], 1)]
    for name, side in (("left", 1.0), ("right", -1.0)):
        middle = 0.5 * (float(head.points[f"{name}_eye"][0]) + side * 0.034)
        lines.append(np.stack([middle + made.half_width * _power(np.cos(turn), made.power), up], 1))
    skin = other.vertices[other.vertices[:, 2] > 0.0]
    least = -np.inf
    for x, y in np.concatenate(lines):
        near = np.hypot(skin[:, 0] - x, skin[:, 1] - y) < NEAR
        if near.any():
            least = max(least, float(skin[near, 2].max() + BOW * x**2))
    return least + made.rim


def spectacles(*, head: HeadShape, style: str = "round", before: HeadShape | None = None) -> list[Mesh]:
    """A frame of one of `STYLES`, and two clear lenses (part `other`: they cover nothing).

    Args:
        head: who wears them.
        style: name of one.
        before: the head with the identity's face, before which they must lie too: the true swap keeps them whole.
    """
    made = STYLES[style]
    turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    bridge = head.points["nose_bridge"]
    plane = max(float(bridge[2]) - 0.002, 0.024)
    if before is not None:
        plane = max(plane, _plane_before(before, head, made))

    def bowed(x: FloatArray, y: FloatArray) -> FloatArray:
        return np.stack([x, y, plane - BOW * x**2], -1)

    parts: list[tuple[FloatArray, Faces]] = []
    lenses: list[Mesh] = []
    inner_edge = 0.0
    for name, side in (("left", 1.0), ("right", -1.0)):
        x0 = 0.5 * (float(head.points[f"{name}_eye"][0]) + side * 0.034)
        across = made.half_width * _power(np.cos(turn), made.power)
        # the round one's sine is plain: its bits are those of the shots drawn first
        up = made.half_height * (np.sin(turn) if style == "round" else _power(np.sin(turn), made.power))
        ring = bowed(x0 + across, -0.004 + up)
        if made.rim:
            parts.append(tube(path=ring, radius=made.rim, sides=10, closed=True, squash=1.3))
        middle = bowed(np.array([x0]), np.array([-0.004]))
        inner = middle + 0.97 * (ring - middle)
        faces: Faces = [(0, 1 + k, 1 + (k + 1) % len(inner)) for k in range(len(inner))]
        glass = {"thin": True, "color": (0.97, 0.98, 0.98), "ior": 1.5}
        lenses.append(Mesh(f"lens-{name}", np.concatenate([middle, inner]), faces, material=glass, part="other"))
        hinge = bowed(np.array([x0 + side * (made.half_width + 0.001)]), np.array([0.006]))[0]
        parts.append(_temple(head, name, side, hinge, made.temple))
        inner_edge = abs(x0) - made.half_width
        if made.pads:
            parts += _pads(head, side, inner_edge, plane)
    span = np.linspace(-1, 1, 13)
    reach = 0.0095 if style == "round" else max(inner_edge + 0.001, 0.005)
    nose = np.stack([reach * span, 0.003 + 0.004 * (1 - span**2), plane + 0.002 * (1 - span**2)], 1)
    parts.append(tube(path=nose, radius=0.0016 if style == "round" else max(0.8 * made.rim, 0.0008), sides=8))
    vertices, polygons = merged(*parts)
    return [Mesh("spectacles", vertices, polygons, material=made.material, part="spectacles"), *lenses]


def _temple(head: HeadShape, name: str, side: float, hinge: FloatArray, radius: float) -> tuple[FloatArray, Faces]:
    """From the hinge over the ear, outside the skin all along, and hooked behind it."""
    ear = head.points[f"{name}_ear"] + np.array([side * 0.001, 0.004, 0.004])
    along = np.linspace(0, 1, 16)[:, None]
    arm = hinge + along * (ear - hinge)
    arm[:, 0] += side * 0.006 * np.sin(np.pi * along[:, 0])
    arm[2:] = outside(arm[2:], head, 0.0022)
    hook = arm[-1] + np.linspace(0.1, 1, 6)[:, None] * np.array([0.0, -0.022, -0.018])
    return tube(path=np.concatenate([arm, hook]), radius=radius, sides=8, squash=1.6)


def _pads(head: HeadShape, side: float, edge: float, plane: float) -> list[tuple[FloatArray, Faces]]:
    """A pad on the nose's flank and the wire that holds it."""
    pad = outside(np.array([[side * 0.0085, -0.008, plane - 0.006]]), head, 0.0012)[0]
    start = np.array([side * (edge + 0.0015), -0.002, plane])
    middle = 0.5 * (start + pad) + np.array([0.0, 0.002, -0.002])
    t = np.linspace(0, 1, 8)[:, None]
    wire = (1 - t) ** 2 * start + 2 * t * (1 - t) * middle + t**2 * pad
    flank = pad + np.linspace(-1, 1, 7)[:, None] * np.array([side * 0.0008, -0.0045, 0.0])
    swell = 0.0011 * np.sqrt(np.clip(1 - np.linspace(-0.95, 0.95, 7) ** 2, 0, 1)) + 0.0003
    return [tube(path=wire, radius=0.0005, sides=6), tube(path=flank, radius=swell, sides=8, squash=1.8)]
