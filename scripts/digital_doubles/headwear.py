"""Things worn on the head, fitted to a performer's skull: a cap with a visor and a woollen hat."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from scripts.digital_doubles.mesh import FloatArray, HeadShape, Mesh, merged, tube
from scripts.digital_doubles.person import Colour

__all__ = ["cap", "woollen_hat"]

Faces = list[tuple[int, ...]]
_CENTRE = np.array([0.0, 0.035, -0.065])
"""Inside the skull; directions of a hat are seen from here."""
_CONE = 0.14
"""How near two unit directions are that see the same place of the skull: 8 degrees."""
_EARS = 0.0045
"""Metres that ears are wider than the skull right above them: hats do not follow them."""


def _directions(turn: FloatArray, rise: FloatArray) -> FloatArray:
    return np.stack([np.cos(rise) * np.sin(turn), np.sin(rise), np.cos(rise) * np.cos(turn)], -1)


def _fitted(head: HeadShape, ways: FloatArray) -> FloatArray:
    """(rings, sides) distance from `_CENTRE` to the skull along `ways` (rings, sides, 3), smooth, ears left out."""
    from scipy.spatial import cKDTree

    skull = (np.abs(head.vertices[:, 0]) < _skull_width(head)) & (head.vertices[:, 1] > -0.06)
    away = head.vertices[skull] - _CENTRE
    reach = np.linalg.norm(away, axis=1)
    flat = ways.reshape(-1, 3)
    near = cKDTree(away / reach[:, None]).query_ball_point(flat, _CONE)
    found = [(away[k] * way).sum(1).max() if k else 0.0 for k, way in zip(near, flat, strict=True)]
    radius = np.array(found).reshape(ways.shape[:2])
    radius = np.where(radius > 0, np.minimum(radius, 0.125), 0.1)
    for _ in range(3):
        radius[1:-1] = (radius[:-2] + 2 * radius[1:-1] + radius[2:]) / 4
        radius = (np.roll(radius, 1, 1) + 2 * radius + np.roll(radius, -1, 1)) / 4
    return np.asarray(radius, np.float64)


def _skull_width(head: HeadShape) -> float:
    """Half the skull's width over the ears."""
    over = (head.vertices[:, 1] > 0.025) & (head.vertices[:, 1] < 0.06)
    return float(np.abs(head.vertices[over, 0]).max()) + _EARS / 2


def _dome(shell: FloatArray) -> tuple[FloatArray, Faces]:
    """Rings (rings, sides, 3) from the rim up, closed by a point on top."""
    rings, sides = shell.shape[:2]
    top = shell[-1].mean(0) + np.array([0.0, 0.0008, 0.0])
    faces: Faces = []
    for r in range(rings - 1):
        here, there = r * sides, (r + 1) * sides
        faces += [(here + k, here + (k + 1) % sides, there + (k + 1) % sides, there + k) for k in range(sides)]
    last = (rings - 1) * sides
    faces += [(last + k, last + (k + 1) % sides, rings * sides) for k in range(sides)]
    return np.concatenate([shell.reshape(-1, 3), top[None]]), faces


def _rows(rows: int, columns: int, *, start: int, flip: bool) -> Faces:
    faces: Faces = []
    for r in range(rows - 1):
        for k in range(columns - 1):
            a = start + r * columns + k
            quad = (a, a + columns, a + columns + 1, a + 1)
            faces.append(quad[::-1] if flip else quad)
    return faces


def cap(*, head: HeadShape, color: Colour = (0.05, 0.09, 0.20), room: float = 0.0065) -> list[Mesh]:
    """A cap with a visor: crown of six panels with seams and a button, `room` metres over the skin for short hair."""
    sides, rings = 72, 20
    turn = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    ahead = np.cos(turn)
    low = np.radians(-2.0 + 9.0 * np.clip(ahead, 0, 1) + 6.0 * np.clip(ahead, -1, 0))
    rise = low + (np.pi / 2 - low) * np.linspace(0, 0.985, rings)[:, None]
    ways = _directions(np.broadcast_to(turn, rise.shape), rise)
    radius = _fitted(head, ways) + room
    # the front panel is stiff: it stands up before it bends back
    stiff = np.exp(-((np.minimum(turn, 2 * np.pi - turn) / 0.75) ** 2))
    radius = radius + 0.007 * stiff * np.exp(-(((rise - np.radians(42)) / np.radians(22)) ** 2))
    shell = _CENTRE + ways * radius[..., None]
    cloth = {"color": color, "roughness": 0.9, "sheen": 0.3, "noise": 0.25, "noise_scale": 900.0, "bump": 0.0004}
    crown, faces = _dome(shell)
    inner = _CENTRE + ways[:3] * (radius[:3] - 0.003)[..., None]  # the band inside: the rim has a thickness
    rim: Faces = []
    count = len(crown)
    for k in range(sides):
        b = (k + 1) % sides
        rim.append((k, count + k, count + b, b))
        rim += [(count + r * sides + k, count + (r + 1) * sides + k, count + (r + 1) * sides + b, count + r * sides + b)
                for r in range(2)]  # fmt: skip
    dome = Mesh("cap", np.concatenate([crown, inner.reshape(-1, 3)]), faces + rim, material=cloth, part="cap",
                subdivisions=1)  # fmt: skip
    return [dome, _seams(shell, color), _visor(shell, cloth)]


def _seams(shell: FloatArray, color: Colour) -> Mesh:
    """Two rows of stitching along each of six panels' seams, and the button on top."""
    sides = shell.shape[1]
    outward = shell - _CENTRE
    over = shell + 0.0003 * outward / np.linalg.norm(outward, axis=2, keepdims=True)
    lines = []
    for panel in range(6):
        k = (panel * sides // 6 + sides // 12) % sides
        beside = [over[:-1, k] * 0.93 + over[:-1, (k + side) % sides] * 0.07 for side in (-1, 1)]
        lines += [tube(path=line, radius=0.0004, sides=5) for line in beside]
    angle, up = np.meshgrid(np.linspace(0, 2 * np.pi, 16, endpoint=False), np.linspace(0.05, 1.4, 6))
    ball = np.stack([np.cos(up) * np.sin(angle), 0.55 * np.sin(up), np.cos(up) * np.cos(angle)], -1) * 0.0075
    lines.append(_dome(ball + over[-1].mean(0)))
    vertices, faces = merged(*lines)
    paler = (color[0] * 0.7 + 0.02, color[1] * 0.7 + 0.02, color[2] * 0.7 + 0.02)
    return Mesh("cap-seams", vertices, faces, material={"color": paler, "roughness": 0.8}, part="cap")


def _visor(shell: FloatArray, cloth: dict[str, object]) -> Mesh:
    """A bowed sheet that leaves the rim in front and ends on it at the temples."""
    sides, columns, rows = shell.shape[1], 41, 9
    across = np.linspace(-1, 1, columns)
    place = across * 10.5 % sides  # of the rim's 72 corners: 52 degrees to each side
    k = np.floor(place).astype(int)
    part = (place - k)[:, None]
    rim = shell[0, k % sides] * (1 - part) + shell[0, (k + 1) % sides] * part
    out = np.linspace(-0.05, 1, rows)[:, None]
    depth = 0.066 * (1 - np.abs(across) ** 2.4) ** 0.7
    sheet = np.stack(
        [
            rim[:, 0] * (1 - 0.10 * out * (1 - across**2)),
            rim[:, 1] + 0.003 - out * depth * (0.20 + 0.10 * across**2) - 0.008 * out * across**2 * (depth > 0.004),
            rim[:, 2] + out * depth,
        ],
        2,
    )
    both = np.concatenate([sheet.reshape(-1, 3), sheet.reshape(-1, 3) - (0, 0.0026, 0)])
    count = rows * columns
    faces = _rows(rows, columns, start=0, flip=False) + _rows(rows, columns, start=count, flip=True)
    edge = [r * columns for r in range(rows)] + [(rows - 1) * columns + k for k in range(1, columns)]
    edge += [r * columns + columns - 1 for r in range(rows - 2, -1, -1)]
    faces += [(a, count + a, count + b, b) for a, b in pairwise(edge)]
    return Mesh("visor", both, faces, material=cloth, part="cap", subdivisions=1)


def woollen_hat(*, head: HeadShape, color: Colour = (0.28, 0.05, 0.04)) -> list[Mesh]:
    """A knitted hat down to the ears with a turned-up, ribbed brim."""
    sides, rings = 288, 40
    turn = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    low = np.radians(-5.0 + 6.0 * np.cos(turn))
    share = np.linspace(0, 0.985, rings)[:, None]
    rise = low + (np.pi / 2 - low) * share
    ways = _directions(np.broadcast_to(turn, rise.shape), rise)
    radius = _fitted(head, ways) + 0.006 + 0.006 * share**2  # it is a little too tall for the head
    ribs = 0.0008 * np.cos(72 * turn) * np.clip(1.15 - share, 0, 1)
    brim_height = 0.36
    turned = 0.0050 / (1 + np.exp(np.clip((share - brim_height) / 0.012, -40, 40)))  # the brim lies over the crown
    rolled = -0.0028 * np.exp(-((share / 0.03) ** 2))
    shell = _CENTRE + ways * (radius + ribs + turned + rolled)[..., None]
    wool = {"color": color, "roughness": 1.0, "sheen": 0.6, "noise": 0.35, "noise_scale": 1400.0, "bump": 0.0008}
    vertices, faces = _dome(shell)
    return [Mesh("woollen-hat", vertices, faces, material=wool, part="cap")]
