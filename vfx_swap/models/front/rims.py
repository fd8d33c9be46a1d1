"""Spectacles in one frame: their lines laid on its face, shifted as a whole, drawn to what is seen; their matte."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.comp.distance import distance_inside
from vfx_swap.geometry.sample import sample
from vfx_swap.models.front.curves import best_path, normals_of, resampled, strip
from vfx_swap.models.front.rigid import Rims
from vfx_swap.models.front.spectacles import Line, Spectacles, line_gain
from vfx_swap.models.front.view import linear_light, log_light
from vfx_swap.models.reprojection.atlas import Atlas
from vfx_swap.models.reprojection.soft import blur, smoothstep

__all__ = ["spectacles_matte", "trace_rims"]

SHIFT = 0.045
"""How far spectacles may stand off their place on the face, as a fraction of its height."""
SHY = 0.15
"""What all of that shift costs, against a mean gain of 1."""
BEND = 0.04
"""What half a pixel's step sideways costs a line."""
STRAY = 0.015
"""How far a line may lie off its place in most views once all are shifted, as a fraction of face height."""
LOATH = 0.4
"""What that much costs, against a gain of 1."""
MOST_SLOPE = 0.35
"""Slope of log luminance, a pixel, from which an edge is as good as any."""
ROUND = 4
"""Waves along a rim beyond which its course is not its own."""
FACING = 0.05
"""Cosine to the camera below which a line's place on the face is not seen."""
CONTRAST = (0.10, 0.30)
"""Difference of rim and skin, relative to the brighter: below, a matte is drawn by width alone; above, by light."""
SEEN = (0.03, 0.10)
"""The same, under which there is no rim."""
FAINT = 0.15
"""Share of a rim's light that is its shadow on the skin, and not the rim."""
ROOM = 0.4
"""The plate's pixels past half a rim's width that its soft edge may take."""
BARE = 0.9
"""Half a rim over half the distance of its edges: its shadow on the skin moves them outward."""
LAST = 1.0
"""Pixels that a pooled rim may still be moved, frame by frame: spectacles are not quite flat."""


def trace_rims(
    rgb: FloatArray,
    positions: FloatArray,
    facing: FloatArray,
    worn: Spectacles,
    atlas: Atlas,
    *,
    hidden: FloatArray | None = None,
) -> Rims | None:
    """The lines of rims, bridge and arms as one frame shows them; None where none of them faces the camera.

    Args:
        rgb: (n, n, 3) display-referred, [0, 1].
        positions: (v, 3) fine vertices of the face, in its pixels.
        facing: (v,) z of their normals.
        worn: the spectacles of the track.
        atlas: of the face mesh.
        hidden: (n, n) 0 to 1: what is in front of face and spectacles, whose edges are no rims; None: nothing.
    """
    lines = _laid(worn, positions, facing, atlas)
    if not lines:
        return None
    height = float(np.ptp(positions[:, 1]))
    width = max(2.0, worn.width * height)
    gain = line_gain(log_light(rgb), width, dark=worn.dark)
    if hidden is not None:
        gain = gain * (1.0 - np.clip(2.0 * blur(hidden, 2.0), 0.0, 1.0))
    shift = _shift(np.asarray(gain, np.float32), lines, reach=round(SHIFT * height))
    lines = [replace(line, uv=line.uv + shift) for line in lines]
    drawn = [_drawn(np.asarray(gain, np.float32), line, reach=max(3.0, STRAY * height)) for line in lines]
    light = (1.0 if worn.dark else -1.0) * log_light(rgb)[..., 0]
    half, edged = max(
        (_edged(light, drawn, half=float(half), reach=max(2.0, 0.6 * width)) for half in _halves(width)),
        key=lambda found: found[0],
    )[1:]
    return Rims(lines=tuple(edged), half=half, dark=worn.dark, begin=_begin(worn, positions, shift, atlas))


def spectacles_matte(rgb: FloatArray, rims: Rims, *, pixel: float = 1.0) -> FloatArray:
    """(n, n) 0 to 1: coverage by rims, bridge and arms in one frame.

    Args:
        rgb: (n, n, 3) display-referred, [0, 1].
        rims: their lines in its pixels.
        pixel: side of a pixel of the plate in pixels of `rgb`: of an enlarged picture, edges are as soft as that.
    """
    dark = log_light(rgb)[..., 0] * (1.0 if rims.dark else -1.0)
    rings = [_even(line) for line in rims.lines if line.rim]
    _, _, rings = _edged(dark, rings, half=BARE * rims.half, reach=LAST)
    others = [line for line in rims.lines if not line.rim]
    return _matte(linear_light(rgb), [*rings, *others], half=BARE * rims.half, room=ROOM * max(1.0, pixel))


def _even(line: Line) -> Line:
    length = float(np.linalg.norm(np.diff(line.uv, axis=0), axis=1).sum())
    return replace(line, uv=resampled(line.uv, int(np.clip(length, 8, 400)), closed=line.closed))


def _laid(worn: Spectacles, positions: FloatArray, facing: FloatArray, atlas: Atlas) -> list[Line]:
    """The lines in the picture's pixels, cut where the face turns away. `Line.uv` holds pixels here."""
    values = np.column_stack([positions[:, :2], facing, np.ones(len(facing))]).astype(np.float32)
    there = atlas.picture(atlas.at_texels(values))
    out = []
    for line in worn.lines:
        at = sample(there, atlas.lookup(line.uv))
        seen = (at[:, 3] > 0.5) & (at[:, 2] > FACING * at[:, 3])
        points = at[:, :2] / np.maximum(at[:, 3:], 1e-3)
        if seen.all():
            out.append(replace(line, uv=np.asarray(points, np.float32)))
        elif int(seen.sum()) >= 4:
            # A closed line is opened where it is hidden.
            if line.closed:
                first = int(np.flatnonzero(seen & ~np.roll(seen, 1))[0])
                points, seen = np.roll(points, -first, axis=0), np.roll(seen, -first)
            out.append(replace(line, uv=np.asarray(points[seen], np.float32), closed=False))
    return out


def _begin(worn: Spectacles, positions: FloatArray, shift: FloatArray, atlas: Atlas) -> np.ndarray:
    """(3, 2) the affine map from UV to pixels that lays the rims about where they are."""
    rings = np.concatenate([line.uv for line in worn.lines if line.rim])
    values = np.column_stack([positions[:, :2], np.ones(len(positions))]).astype(np.float32)
    at = sample(atlas.picture(atlas.at_texels(values)), atlas.lookup(rings))
    there = at[:, 2] > 0.5
    pixels = at[there, :2] / at[there, 2:] + shift
    whole = np.column_stack([rings[there], np.ones(int(there.sum()))]).astype(np.float64)
    return np.asarray(np.linalg.lstsq(whole, pixels, rcond=None)[0])


def _shift(gain: FloatArray, lines: Sequence[Line], *, reach: int) -> FloatArray:
    """(2,) what moves all lines together to where the picture has lines."""
    reach = max(1, reach)
    points = np.concatenate([resampled(line.uv, 60, closed=line.closed) for line in lines])
    step = np.arange(-reach, reach + 1)
    shifts = np.stack(np.meshgrid(step, step), axis=-1).reshape(-1, 2).astype(np.float32)
    worth = sample(gain, points[None] + shifts[:, None]).mean(axis=1)
    worth = worth / max(float(worth.max()), 1e-6) - SHY * ((shifts / reach) ** 2).sum(axis=1)
    return np.asarray(shifts[int(worth.argmax())])


def _drawn(gain: FloatArray, line: Line, *, reach: float) -> Line:
    """A line drawn to the best one within reach."""
    length = float(np.linalg.norm(np.diff(line.uv, axis=0), axis=1).sum())
    points = resampled(line.uv, int(np.clip(length, 8, 400)), closed=line.closed)
    normals = normals_of(points, closed=line.closed)
    offsets = np.arange(-reach, reach + 0.25, 0.5).astype(np.float32)
    worth = strip(gain, points, normals, offsets)
    worth = worth / max(float(np.percentile(worth.max(axis=1), 70)), 1e-6)
    worth = worth - LOATH * (offsets / reach) ** 2
    path, _ = best_path(np.asarray(worth, np.float32), closed=line.closed, bend=BEND)
    moved = points + offsets[path][:, None] * normals
    return replace(line, uv=_smoothed(moved, closed=line.closed))


def _halves(width: float) -> np.ndarray:
    """Half widths that rims of about a width may have."""
    return np.arange(max(1.0, 0.3 * width), 0.9 * width + 0.5, 0.5)


def _edged(light: FloatArray, lines: Sequence[Line], *, half: float, reach: float) -> tuple[float, float, list[Line]]:
    """Lines drawn to where two edges run beside each other, `half` to either side.

    A brow that touches a rim hides one of its edges: the other and the width say where it is.

    Args:
        light: (height, width) log luminance, turned so that rims are dark.
        lines: about where they run.
        half: of the rim's width.
        reach: how far they may be moved.

    Returns:
        The mean gain; `half`; the lines.
    """
    steps = round(2.0 * half)
    count = round(2.0 * reach)
    offsets = 0.5 * np.arange(-count - steps, count + steps + 1, dtype=np.float32)
    smooth = blur(light, 0.7)
    moved, gains, weights = [], [], []
    for line in lines:
        normals = normals_of(line.uv, closed=line.closed)
        slope = np.gradient(strip(smooth, line.uv, normals, offsets), 0.5, axis=1)
        falls, rises = np.clip(-slope, 0.0, MOST_SLOPE), np.clip(slope, 0.0, MOST_SLOPE)
        worth = 0.5 * (falls[:, : 2 * count + 1] + rises[:, 2 * steps :]) / MOST_SLOPE
        near = offsets[steps : steps + 2 * count + 1]
        path, mean = best_path(worth - 0.1 * (near / reach) ** 2, closed=line.closed, bend=BEND)
        points = _smoothed(line.uv + near[path][:, None] * normals, closed=line.closed)
        moved.append(replace(line, uv=_round(points, stray=0.5 * half) if line.closed else points))
        gains.append(mean)
        weights.append(len(line.uv))
    return float(np.average(gains, weights=weights)), half, moved


def _smoothed(points: FloatArray, *, closed: bool) -> FloatArray:
    """Without the steps of the search."""
    around = np.pad(points, ((6, 6), (0, 0)), mode="wrap") if closed else np.pad(points, ((6, 6), (0, 0)), mode="edge")
    soft = cv2.GaussianBlur(around.astype(np.float32), (1, 13), sigmaX=0.1, sigmaY=1.5)
    return np.asarray(soft[6:-6], dtype=np.float32)


def _round(points: FloatArray, *, stray: float) -> FloatArray:
    """A closed line without the parts that leave its own smooth course, as along a brow: few waves, fitted robustly."""
    middle = points.mean(axis=0)
    turn = np.linspace(0.0, 2.0 * np.pi, len(points), endpoint=False)
    waves = np.stack([np.cos(k * turn) for k in range(ROUND + 1)] + [np.sin(k * turn) for k in range(1, ROUND + 1)], 1)
    own = np.ones(len(points))
    fitted = points.astype(np.float64)
    for _ in range(8):
        solved = np.linalg.solve(
            waves.T @ (waves * own[:, None]) + 1e-6 * np.eye(waves.shape[1]),
            waves.T @ (own[:, None] * (points - middle)),
        )
        fitted = waves @ solved + middle
        own = 1.0 / (1.0 + (np.linalg.norm(points - fitted, axis=1) / stray) ** 2) ** 2
    return np.asarray(fitted + own[:, None] * (points - fitted), dtype=np.float32)


def _matte(light: FloatArray, lines: Sequence[Line], *, half: float, room: float) -> FloatArray:
    """Coverage: between the light of the rim and that of what is beside it, pixel by pixel.

    In linear light, where half a pixel of each is half way between them.
    """
    shape = light.shape[:2]
    centre = np.zeros(shape, np.uint8)
    for line in lines:
        cv2.polylines(centre, [np.round(line.uv * 16.0).astype(np.int32)], line.closed, 255, 1, cv2.LINE_8, 4)
    away = distance_inside(centre == 0)
    rim = _mean(light, away <= max(0.5, 0.6 * half), 3.0 * half)
    beside = _mean(light, (away > half + 2.0 * room) & (away <= 3.0 * half + 2.0 * room), 2.0 * half)
    apart = rim - beside
    power = (apart**2).sum(axis=-1)
    share = ((light - beside) * apart).sum(axis=-1) / np.maximum(power, 1e-6)
    bright = np.linalg.norm(np.maximum(rim, beside), axis=-1)
    contrast = np.asarray(np.sqrt(power) / np.maximum(bright, 1e-3), np.float32)
    trust = smoothstep(contrast, *CONTRAST)
    # Where nothing is seen of a rim there is none: to hold it out would leave a line of the performer's skin.
    there = smoothstep(contrast, *SEEN)
    plain = np.clip(half + 0.5 - away, 0.0, 1.0) * there
    seen = np.clip((share - FAINT) / (1.0 - 2.0 * FAINT), 0.0, 1.0) * np.clip(half + room + 0.5 - away, 0.0, 1.0)
    # A glint on the rim is rim.
    core = np.clip(0.7 * half + 0.5 - away, 0.0, 1.0) * there
    return np.asarray(np.maximum(trust * seen + (1.0 - trust) * plain, core), dtype=np.float32)


def _mean(light: FloatArray, use: np.ndarray, sigma: float) -> FloatArray:
    share = blur(use.astype(np.float32), sigma)
    mean = blur(np.asarray(light * use[..., None], np.float32), sigma) / np.maximum(share, 1e-5)[..., None]
    return np.asarray(mean, dtype=np.float32)
