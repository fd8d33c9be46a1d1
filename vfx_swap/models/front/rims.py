"""Spectacles in one frame: their lines laid on its face, shifted as a whole, drawn to what is seen; their matte."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.geometry.sample import sample
from vfx_swap.models.front.curves import best_path, normals_of, resampled, strip
from vfx_swap.models.front.spectacles import Line, Spectacles, line_gain
from vfx_swap.models.front.view import linear_light, log_light
from vfx_swap.models.reprojection.atlas import Atlas
from vfx_swap.models.reprojection.soft import blur, smoothstep

__all__ = ["spectacles_matte"]

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
FACING = 0.05
"""Cosine to the camera below which a line's place on the face is not seen."""
CONTRAST = (0.10, 0.30)
"""Difference of rim and skin, relative to the brighter: below, a matte is drawn by width alone; above, by light."""
SEEN = (0.03, 0.10)
"""The same, under which there is no rim."""
ROOM = 1.5
"""Pixels past half a rim's width that its soft edge may take."""


def spectacles_matte(
    rgb: FloatArray,
    positions: FloatArray,
    facing: FloatArray,
    worn: Spectacles,
    atlas: Atlas,
    *,
    hidden: FloatArray | None = None,
) -> FloatArray:
    """(n, n) 0 to 1: coverage by rims, bridge and arms in one frame.

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
        return np.zeros(rgb.shape[:2], dtype=np.float32)
    height = float(np.ptp(positions[:, 1]))
    width = max(2.0, worn.width * height)
    gain = line_gain(log_light(rgb), width, dark=worn.dark)
    if hidden is not None:
        gain = gain * (1.0 - np.clip(2.0 * blur(hidden, 2.0), 0.0, 1.0))
    lines = _shifted(np.asarray(gain, np.float32), lines, reach=round(SHIFT * height))
    drawn = [_drawn(np.asarray(gain, np.float32), line, reach=max(3.0, STRAY * height)) for line in lines]
    return _matte(linear_light(rgb), drawn, width=width)


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
            out.append(Line(np.asarray(points, np.float32), closed=line.closed))
        elif int(seen.sum()) >= 4:
            # A closed line is opened where it is hidden.
            if line.closed:
                first = int(np.flatnonzero(seen & ~np.roll(seen, 1))[0])
                points, seen = np.roll(points, -first, axis=0), np.roll(seen, -first)
            out.append(Line(np.asarray(points[seen], np.float32), closed=False))
    return out


def _shifted(gain: FloatArray, lines: Sequence[Line], *, reach: int) -> list[Line]:
    """All lines moved together to where the picture has lines."""
    reach = max(1, reach)
    points = np.concatenate([resampled(line.uv, 60, closed=line.closed) for line in lines])
    step = np.arange(-reach, reach + 1)
    shifts = np.stack(np.meshgrid(step, step), axis=-1).reshape(-1, 2).astype(np.float32)
    worth = sample(gain, points[None] + shifts[:, None]).mean(axis=1)
    worth = worth / max(float(worth.max()), 1e-6) - SHY * ((shifts / reach) ** 2).sum(axis=1)
    best = shifts[int(worth.argmax())]
    return [Line(line.uv + best, closed=line.closed) for line in lines]


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
    return Line(_smoothed(moved, closed=line.closed), closed=line.closed)


def _smoothed(points: FloatArray, *, closed: bool) -> FloatArray:
    """Without the steps of the search."""
    around = np.pad(points, ((6, 6), (0, 0)), mode="wrap") if closed else np.pad(points, ((6, 6), (0, 0)), mode="edge")
    soft = cv2.GaussianBlur(around.astype(np.float32), (1, 13), sigmaX=0.1, sigmaY=1.5)
    return np.asarray(soft[6:-6], dtype=np.float32)


def _matte(light: FloatArray, lines: Sequence[Line], *, width: float) -> FloatArray:
    """Coverage: between the light of the rim and that of what is beside it, pixel by pixel.

    In linear light, where half a pixel of each is half way between them.
    """
    shape = light.shape[:2]
    centre = np.zeros(shape, np.uint8)
    for line in lines:
        cv2.polylines(centre, [np.round(line.uv * 16.0).astype(np.int32)], line.closed, 255, 1, cv2.LINE_8, 4)
    away = cv2.distanceTransform((centre == 0).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    half = 0.4 * width
    alpha = np.zeros(shape, np.float32)
    for _ in range(2):
        rim = _mean(light, away <= max(0.5, 0.5 * half), 1.5 * width)
        beside = _mean(light, (away > half + ROOM) & (away <= half + ROOM + width), width)
        apart = rim - beside
        power = (apart**2).sum(axis=-1)
        share = ((light - beside) * apart).sum(axis=-1) / np.maximum(power, 1e-6)
        bright = np.linalg.norm(np.maximum(rim, beside), axis=-1)
        contrast = np.asarray(np.sqrt(power) / np.maximum(bright, 1e-3), np.float32)
        trust = smoothstep(contrast, *CONTRAST)
        half = _half_width(share, away, trust, most=1.2 * width)
        # Where nothing is seen of a rim there is none: to hold it out would leave a line of the performer's skin.
        plain = np.clip(half + 0.5 - away, 0.0, 1.0) * smoothstep(contrast, *SEEN)
        alpha = trust * np.clip(share, 0.0, 1.0) * np.clip(half + ROOM + 0.5 - away, 0.0, 1.0) + (1.0 - trust) * plain
        # A glint on the rim is rim.
        alpha = np.maximum(alpha, np.clip(0.7 * half + 0.5 - away, 0.0, 1.0) * smoothstep(contrast, *SEEN))
    return np.asarray(alpha, dtype=np.float32)


def _mean(light: FloatArray, use: np.ndarray, sigma: float) -> FloatArray:
    share = blur(use.astype(np.float32), sigma)
    mean = blur(np.asarray(light * use[..., None], np.float32), sigma) / np.maximum(share, 1e-5)[..., None]
    return np.asarray(mean, dtype=np.float32)


def _half_width(share: FloatArray, away: FloatArray, trust: FloatArray, *, most: float) -> float:
    """Distance from the centre at which half of a pixel is rim, the median along all lines."""
    edges = np.arange(0.0, most + 0.5, 0.5)
    for near in edges:
        ring = (away >= near) & (away < near + 0.5) & (trust > 0.5)
        if int(ring.sum()) >= 8 and float(np.median(share[ring])) < 0.5:
            return max(0.75, float(near))
    return most
