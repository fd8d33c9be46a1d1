"""The plate's light on every face of a shot: read off the skin in each frame, then smoothed over the track.

Smoothed as landmarks are (`smoothing`): zero-phase, so that nothing lags, and no more than the noise of the run asks
for, so that a light that is switched stays a switch. Stored with the tracks: every chunk of frames has the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.colour.ocio import LINEAR_REC709, ColourConfig
from vfx_swap.errors import FrameFailure, TracksError
from vfx_swap.geometry.warps import cut_crop
from vfx_swap.light.harmonics import HarmonicLight
from vfx_swap.models.face_light import FaceSurface
from vfx_swap.models.kernels import NUMPY
from vfx_swap.pipeline.holdout import front_in_crop, front_in_plate
from vfx_swap.pipeline.smoothing import ladder_of, smooth_series
from vfx_swap.types import Face, Frame, Track, Warp, Window

__all__ = ["Lights", "light_from_row", "light_row", "read_lights", "rounded_light", "smooth_lights"]

Lights = Mapping[int, Mapping[int, HarmonicLight]]
"""Track -> frame -> light, in linear Rec.709."""

DECIMALS = 5
NOISE = {"brightness": (1e-3, 0.08), "colour": (1e-3, 0.05)}
"""Believed range of a fit's noise, as a part of the mean: what is above is taken for light that moves."""
LEAST_CONFIDENCE, LEAST_WEIGHT = 0.2, 1e-3
MARGIN = 0.1
"""Plate around the face that is read, in face heights."""
LARGEST = 1e6
WORDS = ("hand", "glasses")


def read_lights(
    tracks: Sequence[Track], frames: Iterable[Frame | FrameFailure], *, surface: FaceSurface, config: ColourConfig
) -> dict[int, dict[int, HarmonicLight]]:
    """The light on every face in every frame, as each shows it; faces that show too little skin are absent.

    Args:
        tracks: the faces.
        frames: of the shot, one at a time; those that failed say nothing.
        surface: the face mesh.
        config: OCIO config.
    """
    found: dict[int, dict[int, HarmonicLight]] = {track.id: {} for track in tracks}
    for frame in frames:
        if isinstance(frame, FrameFailure) or frame.data_window.is_empty:
            continue
        to_rec709 = config.matrix(source=frame.colour_space, destination=LINEAR_REC709)
        for track in tracks:
            face = track.faces.get(frame.number)
            if face is None or face.bridged:
                continue
            light = _read(frame, face, surface, to_rec709)
            if light is not None:
                found[track.id][frame.number] = light
    return found


def _read(frame: Frame, face: Face, surface: FaceSurface, to_rec709: np.ndarray) -> HarmonicLight | None:
    reach = MARGIN * face.height
    low = np.floor(face.points[:, :2].min(axis=0) - reach).astype(int)
    high = np.ceil(face.points[:, :2].max(axis=0) + reach).astype(int) + 1
    around = Window(int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1]))
    part = around.intersect(frame.data_window)
    if part.is_empty:
        return None
    warp = Warp(np.array([[1.0, 0.0, -part.x], [0.0, 1.0, -part.y]]), part.width, part.height)
    crop = cut_crop(frame.rgb, data_window=frame.data_window, warp=warp, colour_space=frame.colour_space)
    front = front_in_plate(face.front, words=WORDS, rgb=frame.rgb[part.slices(frame.data_window)], window=part)
    if front is not None:
        crop = replace(crop, front=front_in_crop(front, part, crop))
    return surface.read(crop, face, kernels=NUMPY, to_rec709=to_rec709)


def smooth_lights(track: Track, raw: Mapping[int, HarmonicLight], *, cuts: Sequence[int]) -> dict[int, HarmonicLight]:
    """The light in every frame of a track, smoothed; frames in which none could be read lie between their neighbours.

    Args:
        track: the face.
        raw: frame -> light as read.
        cuts: first frames after cuts; nothing is smoothed across one.
    """
    smoothed: dict[int, HarmonicLight] = {}
    for run in _runs(sorted(track.faces), cuts):
        smoothed |= _smooth_run(track, [number for number in run if number in raw], raw, run)
    return smoothed


def _runs(numbers: Sequence[int], cuts: Sequence[int]) -> list[list[int]]:
    runs: list[list[int]] = []
    step = int(np.gcd.reduce(np.diff(numbers))) if len(numbers) > 1 else 1
    for number in numbers:
        last = runs[-1][-1] if runs else None
        if last is None or number - last > step or any(last < cut <= number for cut in cuts):
            runs.append([])
        runs[-1].append(number)
    return runs


def _smooth_run(
    track: Track, known: Sequence[int], raw: Mapping[int, HarmonicLight], run: Sequence[int]
) -> dict[int, HarmonicLight]:
    if not known:
        return {}
    scale = float(np.median([raw[number].mean for number in known]))
    bright = np.array([np.append(raw[number].brightness, raw[number].mean) for number in known], np.float64) / scale
    colour = np.array([raw[number].colour.ravel() for number in known], np.float64)
    at, given = np.asarray(run, np.float64), np.asarray(known, np.float64)
    between = [np.stack([np.interp(at, given, one) for one in part.T], axis=1) for part in (bright, colour)]
    seen = np.isin(run, known)
    trust = np.array([max(track.faces[number].confidence, LEAST_CONFIDENCE) for number in run])
    # Positions, not numbers: of a plate on twos every frame is the neighbour of the next.
    ladder = ladder_of(np.arange(len(run), dtype=np.float64), np.where(seen, trust**2, LEAST_WEIGHT))
    values = [
        smooth_series(ladder, part[:, None, :], noise=NOISE[name])[:, 0]
        for name, part in zip(("brightness", "colour"), between, strict=True)
    ]
    return {
        number: rounded_light(
            HarmonicLight(
                brightness=np.asarray(values[0][index, :9] * scale, np.float32),
                colour=np.asarray(values[1][index].reshape(4, 3), np.float32),
                mean=max(float(values[0][index, 9]) * scale, 1e-6),
            )
        )
        for index, number in enumerate(run)
    }


def rounded_light(light: HarmonicLight) -> HarmonicLight:
    """A light as it comes back from a tracks file."""
    row = light_row(light)
    mean = float(row["mean"])
    return HarmonicLight(
        brightness=np.asarray(np.asarray(row["brightness"], np.float64) * mean, np.float32),
        colour=np.asarray(row["colour"], np.float32),
        mean=mean,
    )


def light_row(light: HarmonicLight) -> dict[str, Any]:
    """What stands on a face's line: the mean, brightness over it, colour."""
    mean = float(f"{light.mean:.6g}")
    relative = np.round(light.brightness.astype(np.float64) / mean, DECIMALS) + 0.0
    colour = np.round(light.colour.astype(np.float64), DECIMALS) + 0.0
    return {"mean": mean, "brightness": relative.tolist(), "colour": colour.tolist()}


def light_from_row(row: object, *, where: str) -> HarmonicLight:
    """A light from a face's line.

    Raises:
        TracksError: it is none.
    """
    try:
        if not isinstance(row, Mapping) or set(row) != {"mean", "brightness", "colour"}:
            raise ValueError("must hold mean, brightness and colour, and nothing else")
        mean, values = float(row["mean"]), np.asarray(row["brightness"], np.float64)
        colour: FloatArray = np.asarray(row["colour"], np.float32)
        if values.shape != (9,) or colour.shape != (4, 3):
            raise ValueError("brightness must be 9 numbers, colour 4 rows of 3")
        if not 0.0 < mean < LARGEST or not (np.abs(values) < LARGEST).all() or not (np.abs(colour) < LARGEST).all():
            raise ValueError("mean must be above 0, and no number beyond a million")
        return HarmonicLight(brightness=np.asarray(values * mean, np.float32), colour=colour, mean=mean)
    except (TypeError, ValueError) as error:
        mend = "Mend it, or delete the key: then the frame is read by itself"
        raise TracksError(f"light: {error}", where=where, mend=mend) from error
