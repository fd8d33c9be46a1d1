"""Every frame of a shot, looked at: plate against result, face by face, each against the frame before.

A frame that cannot be looked at is a row of its own with the reason; nothing is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from itertools import pairwise

import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.colour.ocio import ColourConfig
from vfx_swap.errors import CancelledError
from vfx_swap.models.default import FaceModels
from vfx_swap.pipeline.progress import Cancelled, Progress, ProgressEvent
from vfx_swap.pipeline.qc import MeasuredFace, Metrics, measure_face
from vfx_swap.pipeline.qc_flow import FlowSample, flow_changes
from vfx_swap.pipeline.qc_measures import (
    change_percent,
    clipped_percent,
    hull_matte,
    light_difference,
    luma_weights,
    matte_area_percent,
    not_finite_pixels,
)
from vfx_swap.pipeline.qc_pixels import changed_outside_pixels, log_luminance, matte_window
from vfx_swap.pipeline.qc_read import FrameStatus, QcFiles, QcPair, UnfitError
from vfx_swap.pipeline.qc_subject import QcFace, QcSubject
from vfx_swap.types import Face

__all__ = ["FaceRow", "QcFrame", "scan_frames"]

LEAST_FLICKER_STOPS = 0.005
"""A plate steadier than this counts as this steady: on a frozen plate any change would be an infinite multiple."""
NOT_FOLLOWED = "change since the frame before not measured: the plate blurs or jumps, or the face is too small"
_AROUND = 0.3
"""Of face height: how far beyond the matte pixels are kept for the next frame, which may lie elsewhere."""


@dataclass(frozen=True)
class FaceRow:
    """One face in one frame."""

    track: int | None
    name: str
    values: Mapping[str, float]
    """Metric -> value; what could not be measured is left out."""
    remarks: tuple[str, ...] = ()
    centre: tuple[float, float] | None = None
    """(x, y) of the matte's middle, in pixels of the data window."""
    height: float = 0.0
    """Of the face, in pixels; 0 where it is not known."""


@dataclass(frozen=True)
class QcFrame:
    """One frame."""

    frame: int
    status: FrameStatus
    why: str = ""
    """Why it was not measured."""
    values: Mapping[str, float] = field(default_factory=dict)
    """Metrics of the whole picture."""
    faces: tuple[FaceRow, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class _Kept:
    """What is kept of a face for the frame after."""

    frame: int
    window: tuple[slice, slice]
    plate: FloatArray
    swap: FloatArray
    matte: FloatArray
    values: Mapping[str, float]


def scan_frames(
    subject: QcSubject,
    files: QcFiles,
    *,
    models: FaceModels,
    config: ColourConfig,
    progress: Progress,
    cancelled: Cancelled,
) -> Iterator[QcFrame]:
    """Look at every frame, in order.

    Args:
        subject: what is looked at.
        files: opened for it.
        models: the face models.
        config: OCIO config.
        progress: told of every frame.
        cancelled: asked between frames.

    Raises:
        CancelledError: stopped.
    """
    total = len(subject.frames)
    progress(ProgressEvent("qc", "started", 0, total))
    before: dict[int | None, _Kept] = {}
    step = _step(subject.frames)
    for done, number in enumerate(subject.frames, start=1):
        if cancelled():
            raise CancelledError("stopped: no report was written", mend="Run the same command again")
        if number in subject.cuts:
            before = {}
        try:
            row, before = _scan(subject, files.read(number), before, models=models, config=config, step=step)
        except UnfitError as error:
            row, before = QcFrame(number, error.status, error.why), {}
            progress(ProgressEvent("qc", "failed", done, total, number, f"{error.status}: {error.why}"))
        else:
            metrics = {key: round(value, 5) for face in row.faces[:1] for key, value in face.values.items()}
            progress(ProgressEvent("qc", "frame", done, total, number, metrics={**metrics, **row.values}))
        yield row
    progress(ProgressEvent("qc", "finished", total, total))


def _step(frames: tuple[int, ...]) -> int:
    return 1 if len(frames) < 2 else min(b - a for a, b in pairwise(frames))


def _scan(
    subject: QcSubject,
    pair: QcPair,
    before: Mapping[int | None, _Kept],
    *,
    models: FaceModels,
    config: ColourConfig,
    step: int,
) -> tuple[QcFrame, dict[int | None, _Kept]]:
    number, union = pair.plate.number, pair.union
    values: dict[str, float] = {"not_finite_pixels": not_finite_pixels(pair.plate.rgb, pair.swap.rgb)}
    if union is not None and not pair.lossy:
        values["changed_outside_pixels"] = changed_outside_pixels(pair.plate.rgb, pair.swap.rgb, union)
    rows, kept = [], dict[int | None, _Kept]()
    for face in subject.faces:
        known = None if face.track is None else face.track.faces.get(number)
        if face.track is not None and known is None:
            continue
        matte = _matte(pair, face, known, subject.faces)
        found, keep = _measured(pair, face, known, matte, models=models, config=config)
        key = None if face.track is None else face.track.id
        last = before.get(key)
        if keep is not None:
            kept[key] = keep
            if last is not None and keep.frame - last.frame == step:
                found = _with_change(found, last, keep)
        rows.append(found)
    return QcFrame(number, "measured", "", values, tuple(rows), pair.remarks), kept


def _matte(pair: QcPair, face: QcFace, known: Face | None, all_faces: tuple[QcFace, ...]) -> FloatArray:
    """The matte of one face: of its layer, else of what was changed, else of its landmarks."""
    shape: tuple[int, int] = (pair.plate.rgb.shape[0], pair.plate.rgb.shape[1])
    if face.track is not None and face.track.id in pair.mattes:
        return pair.mattes[face.track.id]
    if known is None:
        if pair.union is not None:
            return pair.union
        return np.zeros(shape, np.float32) if pair.lossy else pair.changed
    origin = np.array([pair.plate.data_window.x, pair.plate.data_window.y], np.float32)
    points = known.points[:, :2] - origin
    if pair.lossy:
        return hull_matte(points, shape=shape, feather_pixels=0.05 * known.height)
    if len(all_faces) == 1:
        return pair.changed
    (left, top), (right, bottom) = points.min(axis=0) - 0.3 * known.height, points.max(axis=0) + 0.3 * known.height
    near = np.zeros(shape, np.float32)
    near[max(0, int(top)) : max(0, int(bottom)), max(0, int(left)) : max(0, int(right))] = 1.0
    only: FloatArray = pair.changed * near
    return only


def _measured(
    pair: QcPair,
    face: QcFace,
    known: Face | None,
    matte: FloatArray,
    *,
    models: FaceModels,
    config: ColourConfig,
) -> tuple[FaceRow, _Kept | None]:
    track = None if face.track is None else face.track.id
    if not matte.any():
        lossy = pair.lossy and known is None
        said = "it cannot be told what was changed: the file is lossy and there are no tracks"
        remark = said if lossy else "nothing was swapped here"
        values = {} if lossy else {"matte_area_percent": 0.0}
        none = np.zeros((0, 0), np.float32)
        nowhere = _Kept(pair.plate.number, (slice(0, 0), slice(0, 0)), none, none, none, values)
        return FaceRow(track, face.name, values, (remark,)), None if lossy else nowhere
    identity = None if face.identity is None else face.identity.embeddings.get(models.recogniser.id)
    seen = measure_face(
        pair.plate,
        pair.swap,
        matte,
        models=models,
        config=config,
        identity=identity,
        height=None if known is None else known.height,
    )
    values = _values(seen.metrics)
    keep = _add_pixels(values, pair, matte, seen.height, config=config)
    remarks = tuple(_remarks(seen, known))
    rows, columns = np.flatnonzero(matte.any(axis=1)), np.flatnonzero(matte.any(axis=0))
    centre = (float(columns[0] + columns[-1]) / 2.0, float(rows[0] + rows[-1]) / 2.0)
    height = seen.height or float(rows[-1] - rows[0] + 1)
    return FaceRow(track, face.name, values, remarks, centre, height), keep


def _values(metrics: Metrics) -> dict[str, float]:
    """What was measured of one face; what is of the whole picture or of two frames stands elsewhere."""
    elsewhere = {"changed_outside_pixels"}
    found = {entry.name: getattr(metrics, entry.name) for entry in fields(Metrics) if entry.name not in elsewhere}
    return {name: float(value) for name, value in found.items() if value is not None and np.isfinite(value)}


def _remarks(seen: MeasuredFace, known: Face | None) -> Iterator[str]:
    if not seen.on_plate:
        yield "no face is found on the plate: likeness, pose and expression are not measured"
    elif seen.metrics.pose_error_degrees is None:
        yield "no face is found in the result, where the plate has one"
    if known is not None and known.bridged:
        yield "the track was bridged here: nothing was seen of the face"


def _add_pixels(
    values: dict[str, float], pair: QcPair, matte: FloatArray, height: float, *, config: ColourConfig
) -> _Kept | None:
    """Add what is measured on pixels alone; what the next frame needs of this one."""
    clipped = [clipped_percent(one.rgb, matte) for one in (pair.swap, pair.plate)]
    if clipped[0] is not None and clipped[1] is not None:
        values |= {"clipped_percent": clipped[0], "clipped_plate_percent": clipped[1]}
        values["clipped_added_percent"] = max(0.0, clipped[0] - clipped[1])
    area = matte_area_percent(matte, face_height_pixels=height)
    window = matte_window(matte, margin=int(_AROUND * height) + 2)
    if area is None or window is None:
        return None
    values["matte_area_percent"] = area
    weights = luma_weights(pair.plate.colour_space, config=config)
    own, swapped = (log_luminance(one.rgb[window], weights=weights) for one in (pair.plate, pair.swap))
    cut = np.ascontiguousarray(matte[window])
    light = light_difference(own, swapped, cut, face_height_pixels=height)
    if light is not None:
        values |= {"light_level_stops": light.level_stops, "light_shading_stops": light.shading_stops}
    values["face_height_pixels"] = height
    stop = tuple(slice(one.start, min(one.stop, size)) for one, size in zip(window, matte.shape, strict=True))
    return _Kept(pair.plate.number, (stop[0], stop[1]), own, swapped, cut, values)


def _with_change(row: FaceRow, last: _Kept, now: _Kept) -> FaceRow:
    """The face's row, with what changed since the frame before."""
    values, remarks = dict(row.values), row.remarks
    areas = [one.values.get("matte_area_percent") for one in (last, now)]
    if areas[0] is not None and areas[1] is not None:
        values["matte_jump_percent"] = change_percent(areas[0], areas[1])
    levels = [one.values.get("light_level_stops") for one in (last, now)]
    if levels[0] is not None and levels[1] is not None:
        values["light_jump_stops"] = abs(levels[1] - levels[0])
    both = _both(last.window, now.window)
    if both is not None:
        samples = [
            FlowSample(one.frame, _part(one.plate, one, both), _part(one.swap, one, both), _part(one.matte, one, both))
            for one in (last, now)
        ]
        changes = flow_changes(samples[0], samples[1], face_height_pixels=row.height)
        if changes is None:
            remarks = (*remarks, NOT_FOLLOWED)
        else:
            values |= {"flicker_stops": changes[0], "flicker_plate_stops": changes[1]}
            values["flicker_pop_ratio"] = changes[0] / max(changes[1], LEAST_FLICKER_STOPS)
    return FaceRow(row.track, row.name, values, remarks, row.centre, row.height)


def _both(a: tuple[slice, slice], b: tuple[slice, slice]) -> tuple[slice, slice] | None:
    """What two windows share; None for next to nothing."""
    shared = tuple(slice(max(p.start, q.start), min(p.stop, q.stop)) for p, q in zip(a, b, strict=True))
    return (shared[0], shared[1]) if all(one.stop - one.start >= 16 for one in shared) else None


def _part(picture: FloatArray, kept: _Kept, both: tuple[slice, slice]) -> FloatArray:
    rows, columns = (
        slice(want.start - have.start, want.stop - have.start) for want, have in zip(both, kept.window, strict=True)
    )
    return np.ascontiguousarray(picture[rows, columns])
