"""Pictures of skin and eyes, painted from a person's numbers; the same numbers give the same bits.

Skin lies on a cylinder about the base mesh's head (`cylinder`): a face is not stretched by it and has no seam.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.digital_doubles.mesh import FloatArray
from scripts.digital_doubles.person import Colour, Person

__all__ = ["AXIS", "EYE_SIZE", "SKIN_SIZE", "cylinder", "hairline", "paint_eye", "paint_skin"]

Picture = NDArray[np.float32]

SKIN_SIZE = (2048, 1344)
"""Width and height: about 0.21 mm a texel on the face."""
EYE_SIZE = 512
TURN, LOW, HIGH, AXIS = 2.2, -0.16, 0.13, -0.06
"""Half the cylinder's angle in radians, its ends in y and its axis' z, metres in the base mesh's head space."""
IRIS, PUPIL, BALL = 0.0058, 0.0021, 0.01496
"""Radii in metres."""


def cylinder(rest: FloatArray) -> FloatArray:
    """(n, 2) UV of points of the base mesh in head space; v up."""
    angle = np.arctan2(rest[:, 0], rest[:, 2] - AXIS)
    return np.stack([(angle + TURN) / (2 * TURN), (rest[:, 1] - LOW) / (HIGH - LOW)], 1)


_HAIRLINE = (
    (0.0, 0.070), (0.30, 0.072), (0.55, 0.066), (0.80, 0.048), (1.05, 0.032), (1.18, 0.000), (1.28, -0.020),
    (1.42, -0.022), (1.52, 0.004), (1.62, 0.014), (1.85, 0.012), (2.00, -0.020), (2.20, -0.045), (2.60, -0.062),
    (3.20, -0.066),
)  # fmt: skip
"""Angle about the head and y on the base mesh, where hair begins."""


def hairline(angle: Any) -> FloatArray:
    """Y on the base mesh above which hair grows, of the cylinder's angle (see `cylinder`)."""
    table = np.array(_HAIRLINE)
    return np.asarray(np.interp(np.abs(angle), table[:, 0], table[:, 1]), np.float64)


def _pixels(angle: Any, y: Any) -> tuple[Any, Any]:
    width, height = SKIN_SIZE
    return (np.asarray(angle) + TURN) / (2 * TURN) * width, (HIGH - np.asarray(y)) / (HIGH - LOW) * height


def _grid() -> tuple[FloatArray, FloatArray]:
    """(1, w) angle and (h, 1) y of the texels' centres."""
    width, height = SKIN_SIZE
    angle = ((np.arange(width) + 0.5) / width * 2 - 1) * TURN
    return angle[None], (HIGH - (np.arange(height) + 0.5) / height * (HIGH - LOW))[:, None]


def _noise(rng: np.random.Generator, millimetres: float) -> Picture:
    """Smooth noise of unit deviation with blobs of about that size."""
    import cv2

    width, height = SKIN_SIZE
    texel = 1000 * (HIGH - LOW) / height
    factor = max(int(millimetres / texel / 2), 1)
    small = rng.standard_normal((height // factor + 2, width // factor + 2)).astype(np.float32)
    smooth = cv2.GaussianBlur(small, (0, 0), 1.0)
    field = cv2.resize(smooth, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray((field - field.mean()) / field.std(), np.float32)


def _blob(angle: float, y: float, wide: float, high: float) -> FloatArray:
    """A soft spot at both sides (angle and -angle), sizes in metres."""
    a, h = _grid()
    spot = np.exp(-(((np.abs(a) - angle) * 0.09 / wide) ** 2) - ((h - y) / high) ** 2)
    return np.asarray(spot, np.float64)


def _strokes(ends: list[tuple[FloatArray, float]], width: float) -> Picture:
    """Coverage 0..1 of fine lines; each is (k, 2) of angle and y, with its own strength."""
    import cv2

    scale = 2
    canvas = np.zeros((SKIN_SIZE[1] * scale, SKIN_SIZE[0] * scale), np.uint8)
    for line, strength in ends:
        x, y = _pixels(line[:, 0], line[:, 1])
        points = np.round(np.stack([x, y], 1) * scale * 16).astype(np.int32)
        cv2.polylines(canvas, [points], False, int(255 * strength), max(round(width * scale), 1), cv2.LINE_AA, 4)
    small = cv2.resize(canvas, SKIN_SIZE, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32) / np.float32(255)


def brow_point(person: Person, s: Any, across: Any) -> tuple[Any, Any]:
    """Angle and y of a place on the left brow: `s` 0 at the nose to 1 at the tail, `across` -1 low to 1 high."""
    brows = person.brows
    start, end = 0.155, 0.155 + 0.53 * brows.length
    angle = start + (end - start) * s
    profile = np.interp(s, [0.0, 0.12, 0.45, 0.75, 1.0], [0.55, 0.95, 1.0, 0.62, 0.15])
    middle = (
        0.0195 + brows.lift + brows.arch * np.sin(np.pi * np.clip(s, 0, 1) ** 1.5) - 0.0035 * np.clip(s - 0.55, 0, 1)
    )
    return angle, middle + 0.5 * brows.thickness * profile * across


def _brows(person: Person, rng: np.random.Generator) -> Picture:
    """(h, w) coverage of both brows."""
    import cv2

    count = int(420 + 420 * person.brows.density)
    lines: list[tuple[FloatArray, float]] = []
    for side in (-1.0, 1.0):
        s = rng.uniform(0.0, 1.0, count) ** 0.9
        across = np.clip(rng.normal(0.0, 0.45, count), -1.1, 1.1)
        lean = np.radians(np.interp(s, [0.0, 0.2, 0.6, 1.0], [75.0, 48.0, 14.0, -14.0]) + rng.normal(0, 9, count))
        lean = lean - across * np.radians(16) * (s > 0.25)
        length = rng.uniform(0.004, 0.0075, count) * np.interp(s, [0, 0.3, 1], [0.8, 1.0, 0.8])
        strength = rng.uniform(0.7, 1.0, count)
        for k in range(count):
            angle, y = brow_point(person, float(s[k]), float(across[k]))
            t = np.linspace(-0.5, 0.5, 5)
            bend = 0.18 * length[k] * (t**2 - 0.25)
            dx, dy = np.cos(lean[k]), np.sin(lean[k])
            xs = angle + (t * length[k] * dx + bend * dy) / 0.09
            ys = y + t * length[k] * dy - bend * dx
            lines.append((np.stack([side * xs, ys], 1), float(strength[k])))
    hairs = _strokes(lines, 1.0)
    under = cv2.GaussianBlur(hairs, (0, 0), 5.0)
    return np.asarray(np.clip(1 - (1 - 0.95 * hairs) * (1 - 0.75 * under), 0, 0.97), np.float32)


def _freckles(person: Person, rng: np.random.Generator) -> Picture:
    import cv2

    canvas = np.zeros((SKIN_SIZE[1], SKIN_SIZE[0]), np.float32)
    for _ in range(int(520 * person.freckles)):
        angle = float(np.clip(rng.normal(0.0, 0.48), -1.3, 1.3))
        y = float(rng.normal(-0.028, 0.022))
        x, h = _pixels(angle, y)
        size = float(rng.uniform(1.2, 3.2))
        left, top = int(x) - 32, int(h) - 32
        if left < 0 or top < 0 or left + 64 > canvas.shape[1] or top + 64 > canvas.shape[0]:
            continue
        spot = np.zeros((64, 64), np.float32)
        at = (int(x * 16) - left * 16, int(h * 16) - top * 16)
        cv2.circle(spot, at, round(size * 16), 1.0, -1, cv2.LINE_AA, 4)
        canvas[top : top + 64, left : left + 64] += spot * np.float32(rng.uniform(0.25, 0.8))
    return np.asarray(np.clip(cv2.GaussianBlur(canvas, (0, 0), 0.8), 0, 1), np.float32)


def _beard(rng: np.random.Generator) -> tuple[FloatArray, Picture]:
    """Where a beard grows (h, w) 0..1, and its stubs as dots."""
    import cv2

    a, y = _grid()
    a = np.abs(a)
    edge = np.interp(a, [0.0, 0.35, 0.6, 0.9, 1.25, 1.45], [-0.051, -0.053, -0.063, -0.056, -0.030, -0.01])
    grown = 1 / (1 + np.exp(-(edge - y) / 0.0025))
    side = 1 / (1 + np.exp((a - 1.45) / 0.06))
    throat = 1 / (1 + np.exp(-(y + 0.135) / 0.006))
    under_nose = 1 / (1 + np.exp(-(0.062 - np.hypot(a * 0.09, y - 0.0)) / -0.002))
    area = grown * side * throat * np.where(y > -0.062, under_nose, 1.0)
    dots = (rng.random((SKIN_SIZE[1], SKIN_SIZE[0])) < 0.055).astype(np.float32)
    dots = cv2.GaussianBlur(dots, (0, 0), 0.6) * np.float32(2.2)
    return area, np.asarray(np.clip(dots, 0, 1), np.float32)


def paint_skin(*, person: Person, tone: Colour, scalp_of: Person | None = None) -> Picture:
    """(h, w, 4): albedo (scene-linear Rec.709) of `person`'s features on a skin of `tone`, and roughness.

    Hair does not go along with a face: roots on the scalp are those of `scalp_of` (the person's own if None).
    """
    rng = np.random.default_rng([person.seed, 104729])
    base = np.asarray(tone, np.float64)
    pale = float(np.clip((base.mean() - 0.08) / 0.25, 0.0, 1.0))
    blotch = 0.05 * _noise(rng, 18) + 0.035 * _noise(rng, 5) + 0.03 * _noise(rng, 1.6)
    ratio = 1.0 + blotch[..., None] * np.array([0.7, 1.0, 1.1])
    red = person.blush * (0.16 * _blob(0.5, -0.035, 0.024, 0.02) + 0.20 * _blob(0.0, -0.04, 0.014, 0.012))
    red = (red + 0.07 * np.clip(_noise(rng, 9), 0, 3) * _blob(0.45, -0.05, 0.04, 0.05)) * (0.35 + 0.65 * pale)
    ratio = ratio * (1 - red[..., None] * np.array([0.05, 1.0, 0.85]))
    eyes = (0.12 + 0.12 * person.age) * _blob(0.36, -0.012, 0.02, 0.009) + 0.10 * _blob(0.34, 0.008, 0.02, 0.008)
    ratio = ratio * (1 - eyes[..., None] * np.array([0.75, 1.0, 0.8]))
    if person.freckles:
        ratio = ratio * (1 - _freckles(person, rng)[..., None] * np.array([0.30, 0.48, 0.55]))
    moles = _moles(rng)
    ratio = ratio * (1 - moles[..., None] * np.array([0.55, 0.7, 0.75]))
    albedo = base * np.clip(ratio, 0.05, 1.6)
    hair = np.asarray(person.hair)
    if person.stubble:
        area, dots = _beard(rng)
        cover = area * person.stubble * (0.16 + 0.62 * dots)
        albedo = albedo + cover[..., None] * (0.6 * hair + 0.06 * base - albedo)
    scalp_of = scalp_of or person
    if scalp_of.scalp:
        angle, y = _grid()
        under = scalp_of.scalp / (1 + np.exp(np.clip(-(y - hairline(angle) - 0.004) / 0.0028, -50, 50)))
        albedo = albedo + under[..., None] * (0.8 * np.asarray(scalp_of.hair) + 0.03 * base - albedo)
    brows = _brows(person, rng)[..., None]
    albedo = albedo + brows * (0.9 * hair - albedo)
    oil = 0.10 * _blob(0.0, 0.04, 0.045, 0.03) + 0.10 * _blob(0.0, -0.035, 0.016, 0.03)
    rough = np.clip(0.50 - oil + 0.03 * _noise(rng, 3), 0.28, 0.7)
    return np.concatenate([albedo, rough[..., None]], 2).astype(np.float32)


def _moles(rng: np.random.Generator) -> Picture:
    import cv2

    canvas = np.zeros((SKIN_SIZE[1], SKIN_SIZE[0]), np.float32)
    for _ in range(int(rng.integers(3, 9))):
        x, y = _pixels(float(rng.uniform(-1.2, 1.2)), float(rng.uniform(-0.11, 0.06)))
        cv2.circle(canvas, (int(x * 16), int(y * 16)), int(16 * rng.uniform(1.6, 3.4)), 0.8, -1, cv2.LINE_AA, 4)
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), 0.9), np.float32)


def paint_eye(*, person: Person) -> Picture:
    """(EYE_SIZE, EYE_SIZE, 3) albedo of an eyeball seen from the front, the ball's outline at the picture's edge."""
    import cv2

    rng = np.random.default_rng([person.seed, 1299709])
    axis = (np.arange(EYE_SIZE) + 0.5) / EYE_SIZE * 2 - 1
    x, y = np.meshgrid(axis * BALL, -axis * BALL)
    radius, turn = np.hypot(x, y), np.arctan2(y, x)
    white = np.array([0.70, 0.665, 0.635]) * (
        1 - 0.25 * np.clip((radius - 0.008) / 0.006, 0, 1)[..., None] * (0.2, 1, 1)
    )
    veins = np.zeros((EYE_SIZE, EYE_SIZE), np.uint8)
    for _ in range(46):
        start, r = rng.uniform(0, 2 * np.pi), 0.0145
        points = []
        while r > rng.uniform(0.0075, 0.0095):
            start += rng.normal(0, 0.05)
            points.append((np.cos(start) * r, np.sin(start) * r))
            r -= 0.0005
        if len(points) > 1:
            line = ((np.array(points) * (1, -1) / BALL + 1) / 2 * EYE_SIZE * 16).astype(np.int32)
            cv2.polylines(veins, [line], False, int(rng.uniform(60, 190)), 1, cv2.LINE_AA, 4)
    red = cv2.GaussianBlur(veins, (0, 0), 0.7).astype(np.float64) / 255
    white = white * (1 - red[..., None] * np.array([0.12, 0.55, 0.55]))
    fibres = np.zeros_like(radius)
    for frequency in (23, 41, 67, 90):
        fibres += rng.uniform(0.5, 1) * np.sin(frequency * turn + 4 * np.sin(radius * 900 + rng.uniform(0, 6)))
    t = np.clip((radius - PUPIL) / (IRIS - PUPIL), 0, 1)
    shade = (1.0 + 0.16 * fibres * (0.4 + t)) * np.interp(t, [0, 0.15, 0.35, 0.8, 1.0], [0.75, 1.25, 1.1, 0.85, 0.35])
    iris = np.asarray(person.iris) * np.clip(shade, 0.15, 2.2)[..., None]
    inner = np.exp(-(((t - 0.12) / 0.16) ** 2))[..., None] * np.array([0.06, 0.032, 0.010])
    iris = iris + inner * (1 - red[..., None])
    blend = _edge(radius, IRIS, 0.00035)[..., None]
    colour = white * (1 - blend) + iris * blend
    pupil = _edge(radius, PUPIL, 0.00015)[..., None]
    return np.asarray(colour * (1 - pupil) + 0.003 * pupil, np.float32)


def _edge(radius: FloatArray, at: float, soft: float) -> FloatArray:
    """1 inside a circle, 0 outside."""
    return np.asarray(1 / (1 + np.exp(np.clip((radius - at) / (0.4 * soft), -60, 60))), np.float64)
