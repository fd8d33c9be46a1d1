"""What the camera did to a shot's faces: the shutter's share of their motion, how far out of focus, and the grain.

Read off the plate alone, once for a shot, and stored with the tracks: one shutter and one grain for all frames, one
focus that is continuous along each track. A frame is compared with the sharpest and stillest of its own track, so that
it is the same face, and no guess about how sharp a face must be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.comp.grain_levels import GrainReading, LevelGrain, pooled_grain, read_grain
from vfx_swap.comp.motion import NONE, MotionBlur, Travel, compared_part, find_blur, read_detail, spectra_of
from vfx_swap.errors import FrameFailure
from vfx_swap.pipeline.camera_knock import FaceDetail, knock_of, sharpest, unblurred
from vfx_swap.pipeline.smoothing import ladder_of, smooth_series
from vfx_swap.types import Face, Frame, Track, Window

__all__ = ["CameraLook", "look_at", "read_camera", "settle", "travel_of"]

SHARES = np.linspace(0.0, 1.0, 17)
"""Of the way from frame to frame: what a shutter is tried at; 0.5 is 180 degrees."""
FAST = 3.0
"""Pixels from frame to frame above which motion blur can be told."""
LEAST_GAIN = 12.0
"""Misfit in variances that counts in a frame."""
LEAST_SHARE = 0.02
"""Logarithm of the misfit that a shutter must take away in the mean over fast frames: of doubles whose shutter is open
for half the time, heads that nod by 3 to 5 pixels a frame give 0.03; the demo's, drawn without one, 0.001."""
LEAST_FRAMES = 3
"""Fast frames that must agree."""
FASTEST = 24
"""Fast frames that are asked at most."""
CLEAR = 0.5
"""Confidence of a face below which it says nothing."""
FOCUS_NOISE = (0.02, 1.0)
"""Believed range of a reading's noise, square pixels of sigma."""
IN_FOCUS = 0.003
"""Sigma, of face height, that a face in focus may seem to lose: expressions and turns have detail of their own."""
SOFTEST = 100.0
"""Square pixels of sigma, at most."""
GRAIN_FRAMES = 8
"""Frames that grain is read in, evenly over the shot."""
GRAIN_DIGITS = 6
"""Significant, that are kept of grain."""
AROUND = 1.0
"""Of face height: plate about a face that grain is read in."""
FACE = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149,
        150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)  # fmt: skip
"""The outline of MediaPipe's face mesh."""


@dataclass(frozen=True, eq=False)
class CameraLook:
    """What was read of a shot."""

    shutter: float | None = None
    """Part of the way from one frame to the next for which the shutter is open; None: nothing moved fast enough."""
    focus: Mapping[int, Mapping[int, float]] = field(default_factory=dict)
    """Track -> frame -> square of the sigma, in plate pixels, by which the face is softer than where it is sharpest."""
    knock: Mapping[int, Mapping[int, MotionBlur]] = field(default_factory=dict)
    """Track -> frame -> blur beyond the shutter's, plate pixels; a frame that is not there was not read."""
    grain: LevelGrain | None = None
    """None: nothing was flat enough to tell."""

    def blur(self, travel: Travel | None) -> MotionBlur:
        """The blur of a face that goes so far from the frame before to the frame after."""
        if travel is None or not self.shutter:
            return NONE
        angle = float(np.degrees(np.arctan2(travel.y_pixels, travel.x_pixels))) % 180.0
        return MotionBlur(length_pixels=0.5 * travel.pixels * self.shutter, angle_degrees=angle)


def travel_of(track: Track, number: int, *, cuts: Iterable[int]) -> Travel | None:
    """How far a face goes in the plate from the frame before to the frame after; None where it stands alone.

    The middle of its landmarks' ways; where one of the two frames is missing, twice the other's.
    """
    here, first = track.faces[number].points[:, :2], frozenset(cuts)
    steps = []
    for other, after in ((number - 1, number), (number + 1, number + 1)):
        beside = track.faces.get(other)
        if beside is not None and after not in first:
            steps.append((other - number) * np.median(beside.points[:, :2] - here, axis=0))
    if not steps:
        return None
    way = 2.0 * np.stack(steps).mean(axis=0, dtype=np.float64)
    return Travel(x_pixels=float(way[0]), y_pixels=float(way[1]))


def read_camera(
    tracks: Sequence[Track], frames: Iterable[Frame | FrameFailure], *, numbers: Sequence[int], cuts: Sequence[int]
) -> CameraLook:
    """Look at a shot's faces once more.

    Args:
        tracks: the faces.
        frames: of the shot, one at a time; those that failed say nothing.
        numbers: all frames' numbers.
        cuts: first frames after cuts.
    """
    details: dict[int, list[FaceDetail]] = {track.id: [] for track in tracks}
    sides = {track.id: _side(track) for track in tracks}
    seen = sorted({number for track in tracks for number in track.faces} & set(numbers))
    asked = (
        {seen[i] for i in np.unique(np.linspace(0, len(seen) - 1, GRAIN_FRAMES).round().astype(int))} if seen else ()
    )
    grains: list[GrainReading] = []
    for frame in frames:
        if isinstance(frame, FrameFailure) or frame.data_window.is_empty:
            continue
        for track in tracks:
            face = track.faces.get(frame.number)
            if face is None or face.bridged:
                continue
            found = look_at(frame, face, side=sides[track.id])
            if found is not None:
                details[track.id].append(found)
            if frame.number in asked:
                grains.append(_grain(frame, face))
    return settle(tracks, details, grains, cuts=cuts)


def settle(
    tracks: Sequence[Track],
    details: Mapping[int, Sequence[FaceDetail]],
    grains: Sequence[GrainReading],
    *,
    cuts: Sequence[int],
) -> CameraLook:
    """What all frames say together."""
    curves, best = [], {}
    for track in tracks:
        ways = {one.frame: travel_of(track, one.frame, cuts=cuts) for one in details[track.id]}
        best[track.id] = _stillest(details[track.id], ways)
        curves += _curves(details[track.id], ways, best[track.id])
    shutter = _shutter(sorted(curves, key=lambda one: -one[0])[:FASTEST])
    look = CameraLook(shutter=shutter)
    focus = {track.id: _focus(track, details[track.id], best[track.id], look, cuts) for track in tracks}
    knock = {track.id: _knocks(track, details[track.id], look, cuts) for track in tracks}
    return CameraLook(shutter=shutter, focus=focus, knock=knock, grain=_rounded(pooled_grain(grains)))


def _rounded(grain: LevelGrain | None) -> LevelGrain | None:
    """Grain as it comes back from a tracks file."""
    if grain is None:
        return None
    rows = [float(f"{value:.{GRAIN_DIGITS}g}") for value in grain.covariance.ravel().tolist()]
    red, green, blue = (round(one, GRAIN_DIGITS) for one in grain.softness)
    return LevelGrain(np.array(rows, np.float64).reshape(grain.covariance.shape), (red, green, blue))


def look_at(frame: Frame, face: Face, *, side: int) -> FaceDetail | None:
    """A face's detail in a square of `side` pixels about it; None where it does not lie in the picture whole."""
    centre = face.points[list(FACE), :2].mean(axis=0)
    left, top = (round(float(at)) - side // 2 for at in centre)
    part = Window(left, top, side, side)
    if part.intersect(frame.data_window) != part:
        return None
    rgb = frame.rgb[part.slices(frame.data_window)]
    rgb = np.where(np.isfinite(rgb), rgb, np.float32(0.0))
    outline = np.round(face.points[list(FACE), :2] - (left, top)).astype(np.int32)
    shown = np.zeros((side, side), np.uint8)
    cv2.fillPoly(shown, [outline], 1)
    if compared_part(shown > 0) is None:
        return None
    return FaceDetail(frame=face.frame, detail=read_detail(rgb, shown > 0), confidence=face.confidence)


def _side(track: Track) -> int:
    """Pixels of the square that a track's faces are read in: one for all, so that they can be compared."""
    sizes = [float(np.ptp(face.points[:, :2], axis=0).max()) for face in track.faces.values()]
    return int(max(16, round(float(np.median(sizes)))))


def _grain(frame: Frame, face: Face) -> GrainReading:
    low = np.floor(face.points[:, :2].min(axis=0) - AROUND * face.height).astype(int)
    high = np.ceil(face.points[:, :2].max(axis=0) + AROUND * face.height).astype(int)
    around = Window(int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1]))
    part = around.intersect(frame.data_window)
    rgb = np.zeros((0, 0, 3), np.float32) if part.is_empty else frame.rgb[part.slices(frame.data_window)]
    return read_grain(rgb)


def _stillest(details: Sequence[FaceDetail], ways: Mapping[int, Travel | None]) -> FaceDetail | None:
    """The frame with the most fine detail, of those in which the face hardly moves and no knock blurs it."""
    clear = [one for one in details if one.confidence >= CLEAR] or list(details)
    if not clear:
        return None
    clear = unblurred(clear, ways.get)

    def speed(one: FaceDetail) -> float:
        way = ways.get(one.frame)
        return 0.0 if way is None else 0.5 * way.pixels

    slowest = min(speed(one) for one in clear)
    return sharpest([one for one in clear if speed(one) <= slowest + 1.0])


def _knocks(
    track: Track, details: Sequence[FaceDetail], look: CameraLook, cuts: Sequence[int]
) -> dict[int, MotionBlur]:
    """Frame -> blur beyond the shutter's, of all frames that could be compared."""
    clear = [one for one in details if one.confidence >= CLEAR]
    if len(clear) < 2:
        return {}
    best = sharpest(clear)
    ways = {one.frame: travel_of(track, one.frame, cuts=cuts) for one in clear}
    return {one.frame: knock_of(one, best, shutter=look.blur(ways[one.frame]), travel=ways[one.frame]) for one in clear}


def _curves(
    details: Sequence[FaceDetail], ways: Mapping[int, Travel | None], best: FaceDetail | None
) -> list[tuple[float, FloatArray]]:
    """Speed, and misfit at each of `SHARES`, of every frame that is fast."""
    found = []
    for one in details:
        way = ways.get(one.frame)
        if best is None or one is best or way is None or one.confidence < CLEAR or 0.5 * way.pixels < FAST:
            continue
        angle = float(np.degrees(np.arctan2(way.y_pixels, way.x_pixels))) % 180.0
        lengths = 0.5 * way.pixels * SHARES
        misfit = spectra_of(one.detail, best.detail).misfit(lengths, np.full(len(lengths), angle))
        found.append((way.pixels, np.asarray(misfit, dtype=np.float32)))
    return found


def _shutter(curves: Sequence[tuple[float, FloatArray]]) -> float | None:
    """The share that leaves the least misfit over all fast frames; None where there are none, 0 where none is sure."""
    if not curves:
        return None
    # By its logarithm: a single frame of a knocked camera, however blurred, is no shutter.
    scaled = [np.log(curve.astype(np.float64) + LEAST_GAIN) for _, curve in curves]
    total = np.mean(scaled, axis=0)
    at = int(np.argmin(total))
    if at == 0 or len(curves) < LEAST_FRAMES or total[0] - total[at] < LEAST_SHARE:
        return 0.0
    if at == len(SHARES) - 1:
        return 1.0
    bend = total[at - 1] - 2.0 * total[at] + total[at + 1]
    shift = 0.5 * (total[at - 1] - total[at + 1]) / bend if bend > 0.0 else 0.0
    return round(float(SHARES[at] + np.clip(shift, -0.5, 0.5) * (SHARES[1] - SHARES[0])), 4)


def _focus(
    track: Track, details: Sequence[FaceDetail], best: FaceDetail | None, look: CameraLook, cuts: Sequence[int]
) -> dict[int, float]:
    """Frame -> square of sigma: read in each frame, smoothed between cuts, from where the face is sharpest."""
    if best is None or len(details) < 2:
        return {}
    lost = {one.frame: _lost(one, best, look, travel_of(track, one.frame, cuts=cuts)) for one in details}
    trust = {one.frame: max(one.confidence, 0.05) for one in details}
    sharpest = float(np.percentile(list(lost.values()), 10.0))
    spare = (IN_FOCUS * float(np.median([face.height for face in track.faces.values()]))) ** 2
    numbers, smooth = sorted(track.faces), dict[int, float]()
    bounds = [0, *(i for i in range(1, len(numbers)) if any(numbers[i - 1] < cut <= numbers[i] for cut in cuts))]
    for first, last in zip(bounds, [*bounds[1:], len(numbers)], strict=True):
        run = numbers[first:last]
        known = [number for number in run if number in lost]
        if not known:
            continue
        values = np.interp(run, known, [lost[number] for number in known])
        weights = np.array([trust.get(number, 0.1) ** 2 for number in run])
        ladder = ladder_of(np.arange(len(run), dtype=np.float64), weights)
        series = smooth_series(ladder, values[:, None, None], noise=FOCUS_NOISE)[:, 0, 0]
        for number, value in zip(run, series.tolist(), strict=True):
            smooth[number] = round(min(max(value - sharpest - spare, 0.0), SOFTEST), 3)
    return smooth


def _lost(one: FaceDetail, best: FaceDetail, look: CameraLook, way: Travel | None) -> float:
    """Square of sigma by which a frame is softer than the sharpest, motion blur apart."""
    spectra = spectra_of(one.detail, best.detail)
    blur = look.blur(way)
    if blur.length_pixels < 1.0:
        blur = find_blur(spectra, travel=way)
    return spectra.softer(blur)
