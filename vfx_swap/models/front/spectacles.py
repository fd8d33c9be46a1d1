"""Spectacles: whether a track wears them, and where their rims run; each frame then finds them as they lie in it.

views --rims over the bridge in most--> worn --face as most views show it--> lines of rims, bridge and arms in UV
frame: lines laid on its face, shifted as a whole (they stand off the face), drawn to its own lines, then a matte
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.geometry.sample import sample
from vfx_swap.models.front.curves import best_path, ridge
from vfx_swap.models.front.view import linear_light
from vfx_swap.models.reprojection.atlas import Atlas
from vfx_swap.models.reprojection.skin import fit_skin, spectacle_rims
from vfx_swap.models.reprojection.soft import blur, smoothstep

__all__ = ["Line", "Spectacles", "design", "line_gain", "shows_rims"]

LENS = (1.4, 1.0)
"""Width and height of the rings in which rims are looked for."""
RADIUS = (0.062, 0.155)
"""Of those rings, as fractions of the UV's side."""
WIDTHS = (0.012, 0.017, 0.024, 0.034)
"""Of rims, as fractions of the UV's side."""
TURNS, RINGS = 144, 48
BEND = 0.02
"""What a step sideways of a line costs, against a mean gain of a line of 1."""
WAVES, STRAYS = 6, 0.006
"""Waves that a rim's radius is made of, and how far a line may stray from them before it counts little."""
COLOUR = 0.8
"""What a line in colour is worth beside one in luminance."""
BROW = 0.3
"""What a line is worth on a brow."""
ARM = 0.45
"""Mean gain of an arm's line, against that of the rims, from which it is drawn."""


@dataclass(frozen=True, eq=False)
class Line:
    """A part of a pair of spectacles."""

    uv: FloatArray
    """(n, 2)."""
    closed: bool
    rim: bool = False
    """About a lens; else a bridge or an arm."""


@dataclass(frozen=True, eq=False)
class Spectacles:
    """The spectacles of a track."""

    lines: tuple[Line, ...]
    """Both rims, the bridge, and the arms where they show."""
    dark: bool
    """Darker than skin."""
    width: float
    """Of the rims, about, as a fraction of the UV's side."""


def shows_rims(rgb: FloatArray, positions: FloatArray, atlas: Atlas) -> bool:
    """True when a view shows spectacles over the bridge of the nose.

    Args:
        rgb: (n, n, 3) display-referred, [0, 1].
        positions: fine vertices of the face in pixels of `rgb`.
        atlas: of the face mesh.
    """
    normals = atlas.at_texels(atlas.mesh.normals(positions, rounds=30))
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
    facing = atlas.at_texels(atlas.mesh.normals(positions))[:, 2]
    shown = sample(blur(linear_light(rgb), 0.6), atlas.at_texels(positions)[:, :2])
    return bool(spectacle_rims(fit_skin(shown, normals, facing, atlas), atlas, whole=True).any())


def design(face: FloatArray, shown: FloatArray, atlas: Atlas) -> Spectacles | None:
    """Where the rims run on a face that is known to wear spectacles.

    Args:
        face: (any, any, 3) log luminance and colours of the face in UV, light taken out, as most views show it.
        shown: of the same shape, 0 to 1: where any view shows it.
        atlas: of the face mesh.
    """
    size = atlas.size
    face, shown = (cv2.resize(one, (size, size), interpolation=cv2.INTER_CUBIC) for one in (face, shown))
    found: list[tuple[float, Spectacles]] = []
    filled = np.where(shown[..., None] > 0.5, face, 0.0).astype(np.float32)
    worth = 1.0 - (1.0 - BROW) * np.clip(blur(atlas.regions["brows"], 0.004 * size) * 2.0, 0.0, 1.0)
    worth = worth * (1.0 - smoothstep(blur(atlas.regions["eyes"], 0.006 * size), 0.2, 0.6))
    for sign, width in product((1.0, -1.0), WIDTHS):
        gain = line_gain(filled, width * size, dark=sign > 0.0) * worth * np.clip(shown, 0.0, 1.0)
        rims, mean = _rims(np.asarray(gain, np.float32), atlas)
        lines = [Line(rim, closed=True, rim=True) for rim in rims]
        lines += _between(gain, rims, atlas, least=ARM * mean)
        found.append((mean, Spectacles(lines=tuple(lines), dark=sign > 0.0, width=width)))
    mean, best = max(found, key=lambda one: one[0])
    return best if mean > 0.02 else None


def line_gain(log: FloatArray, width: float, *, dark: bool) -> FloatArray:
    """(height, width) how much each place looks like a line of a rim.

    Args:
        log: (height, width, 3) log luminance and colours.
        width: of the line, pixels.
        dark: darker than skin; else brighter.
    """
    light = (1.0 if dark else -1.0) * ridge(log[..., 0], width)
    # A rim of the skin's own brightness still has another colour.
    colour = np.hypot(ridge(log[..., 1], width), ridge(log[..., 2], width))
    return np.asarray(np.clip(light, 0.0, 0.8) + COLOUR * np.clip(colour, 0.0, 0.4), dtype=np.float32)


def _rims(gain: FloatArray, atlas: Atlas) -> tuple[list[FloatArray], float]:
    """Two closed lines in UV, mirror images of each other, and the mean gain along them."""
    size = atlas.size
    turn = np.linspace(0.0, 2.0 * np.pi, TURNS, endpoint=False)
    rings = np.linspace(RADIUS[0], RADIUS[1], RINGS)
    grid = np.stack(
        [LENS[0] * np.cos(turn)[:, None] * rings, LENS[1] * np.sin(turn)[:, None] * rings], axis=-1
    )  # (turns, rings, 2)
    total = np.zeros((TURNS, RINGS), dtype=np.float32)
    middles = _eyes(atlas)
    for middle, side in middles:
        total += 0.5 * sample(gain, _texels(middle + grid * (side, 1.0), size))
    scale = max(float(np.percentile(total.max(axis=1), 50)), 1e-6)
    path, _ = best_path(total / scale, closed=True, bend=BEND)
    rows = np.arange(TURNS)
    mean = float(total[rows, path].mean())
    radius = cv2.GaussianBlur(np.concatenate([rings[path]] * 3)[None].astype(np.float32), (0, 0), 1.5)[0][
        TURNS : 2 * TURNS
    ]
    oval = np.stack([LENS[0] * np.cos(turn) * radius, LENS[1] * np.sin(turn) * radius], axis=1)
    return [np.asarray(middle + oval * (side, 1.0), np.float32) for middle, side in middles], mean


def _smooth_ring(radius: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """(turns,) the radius as a sum of few waves: rims are smooth, and a wrinkle that crosses one is not.

    Robust (iteratively reweighted): what strays counts less, and what shows no line hardly at all.
    """
    turn = np.linspace(0.0, 2.0 * np.pi, len(radius), endpoint=False)
    waves = np.stack([np.cos(k * turn) for k in range(WAVES + 1)] + [np.sin(k * turn) for k in range(1, WAVES + 1)], 1)
    weight = np.clip(gain / max(float(np.median(gain)), 1e-6), 0.02, 2.0)
    own = weight.copy()
    for _ in range(6):
        fitted = waves @ np.linalg.solve(
            waves.T @ (waves * own[:, None]) + 1e-3 * np.eye(waves.shape[1]), waves.T @ (own * radius)
        )
        own = weight / (1.0 + ((radius - fitted) / STRAYS) ** 2) ** 2
    return np.asarray(np.clip(fitted, *RADIUS))


def _eyes(atlas: Atlas) -> list[tuple[np.ndarray, float]]:
    """Middle of each eye in UV, and 1 or -1: which way is outward."""
    out = []
    for name in ("eye_image_left", "eye_image_right"):
        middle = atlas.loops[name].mean(axis=0).astype(np.float64)
        out.append((middle, -1.0 if middle[0] < 0.5 else 1.0))
    return out


def _between(gain: FloatArray, rims: Sequence[FloatArray], atlas: Atlas, *, least: float) -> list[Line]:
    """The bridge between two rims, and the arms where their gain is at least `least`."""
    left, right = sorted(rims, key=lambda rim: float(rim[:, 0].mean()))
    spans = [(float(left[:, 0].max()), float(right[:, 0].min()), 0.0)]
    spans += [(0.06, float(left[:, 0].min()), least), (float(right[:, 0].max()), 0.94, least)]
    high, low = float(left[:, 1].min()), float(left[:, 1].max())
    rows = np.linspace(high, high + 0.55 * (low - high), 40)
    lines = []
    for start, end, wanted in spans:
        count = max(4, round((end - start) * 150))
        if end - start < 0.01:
            continue
        columns = np.linspace(start, end, count)
        grid = np.stack(np.broadcast_arrays(columns[:, None], rows[None, :]), axis=-1)
        worth = sample(gain, _texels(grid, atlas.size))
        path, mean = best_path(worth / max(float(worth.max()), 1e-6), closed=False, bend=BEND)
        mean *= max(float(worth.max()), 1e-6)
        if mean >= wanted:
            lines.append(Line(np.stack([columns, rows[path]], axis=1).astype(np.float32), closed=False))
    return lines


def _texels(uv: np.ndarray, size: int) -> FloatArray:
    return np.asarray(uv * size - 0.5, dtype=np.float32)
