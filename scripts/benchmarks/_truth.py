"""Measure a swap of a shot of doubles: against its true swap, its true mattes, its true landmarks.

Every number comes three times where it can: of the swap, of the true swap itself (the best that can be had: models
have errors of their own) and of the plate left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace

import cv2
import numpy as np

from scripts.benchmarks._doubles import DoubleShot, TrueFace, TrueFrame
from scripts.benchmarks._seen import Onlooker
from scripts.benchmarks._truth_result import FaceRow, Numbers, Pairs, ShotResult, error_numbers, gather
from vfx_swap.arrays import FloatArray
from vfx_swap.colour.display import auto_exposure_stops, to_display
from vfx_swap.colour.ocio import LINEAR_REC709, ColourConfig
from vfx_swap.colour.transfer import apply_matrix
from vfx_swap.io.paths import FramePattern
from vfx_swap.io.read import read_picture
from vfx_swap.pipeline.frames import to_frame
from vfx_swap.pipeline.qc import SeenFace, compare_faces
from vfx_swap.pipeline.qc_pixels import (
    FlickerSample,
    changed_outside_pixels,
    flicker,
    grain_ratio,
    log_luminance,
    matte_window,
    seam,
    sharpness_ratio,
)
from vfx_swap.pipeline.qc_truth import face_parts, face_region, holdout_iou, left_to_plate, registered, true_error
from vfx_swap.pipeline.shot_frames import matte_of
from vfx_swap.types import Embedding, Frame, ModelImage

__all__ = ["Look", "measure_shot", "neighbours", "read_frames"]

_LUMA = (0.2126, 0.7152, 0.0722)
_AROUND = 0.9
"""Plate around the landmarks' box on each side, in box heights: what detectors need to see of a head."""
_NEAR = 0.04
"""Of face height: how far around an occluder its matte is judged."""


@dataclass(frozen=True, eq=False)
class Look:
    """One frame of a shot, read."""

    plate: Frame
    swap: Frame
    true: Frame
    matte: FloatArray
    truth: TrueFrame


@dataclass(frozen=True, eq=False)
class _Samples:
    """What metrics of neighbouring frames need of one face."""

    frame: int
    plate: FloatArray
    swap: FloatArray
    true: FloatArray
    visible: FloatArray
    points: FloatArray
    drift: Mapping[str, FloatArray]
    """Picture -> (468, 2) landmarks found less the true ones, in % of face height."""
    height: float


def neighbours(frames: Sequence[int]) -> tuple[int, ...]:
    """A third of the frames, two neighbours out of six: flicker still compares frames that follow each other."""
    return tuple(number for index, number in enumerate(frames) if index % 6 in (0, 1))


def read_frames(shot: DoubleShot, swap: str, *, frames: Sequence[int], config: ColourConfig) -> Iterator[Look]:
    """Plate, swap, truth and mattes, one frame at a time."""
    patterns = [FramePattern.parse(text) for text in (shot.plate, swap, shot.true)]
    for number in frames:
        pictures = [read_picture(pattern.path(number)) for pattern in patterns]
        plate, made, true = (
            to_frame(picture, number=number, config=config, colour_space=shot.colour_space) for picture in pictures
        )
        matte = matte_of(pictures[1])
        if matte is None:
            matte = (plate.rgb.view(np.uint32) != made.rgb.view(np.uint32)).any(axis=-1).astype(np.float32)
        yield Look(plate, made, true, matte, shot.truth(number))


def measure_shot(
    looks: Iterable[Look], *, onlooker: Onlooker, config: ColourConfig, identities: Mapping[str, Embedding]
) -> ShotResult:
    """Measure frames in order.

    Args:
        looks: the frames; those that follow each other in number are compared for flicker.
        onlooker: finds faces.
        config: knows the frames' colour space.
        identities: performer -> embedding of the identity that goes in; faces of others are left out.
    """
    rows: list[FaceRow] = []
    last: dict[str, _Samples] = {}
    pairs, changed = Pairs(), 0
    for look in looks:
        changed += changed_outside_pixels(look.plate.rgb, look.swap.rgb, look.matte)
        for face in look.truth.faces:
            if face.performer not in identities:
                continue
            row, samples = _measure(look, face, onlooker=onlooker, config=config, identity=identities[face.performer])
            rows.append(row)
            before = last.get(face.performer)
            if before is not None and before.frame + 1 == samples.frame:
                _compare(before, samples, pairs)
            last[face.performer] = samples
    return gather(rows, pairs, changed_outside_pixels=changed)


def _measure(
    look: Look, face: TrueFace, *, onlooker: Onlooker, config: ColourConfig, identity: Embedding
) -> tuple[FaceRow, _Samples]:
    window, corner = _window(face, look.plate)
    points, true_points = face.points - corner, face.true_points - corner
    to_rec709 = config.matrix(source=look.plate.colour_space, destination=LINEAR_REC709)
    pictures = {
        name: apply_matrix(
            np.ascontiguousarray(np.nan_to_num(frame.rgb[window], posinf=65504.0, neginf=0.0)), to_rec709
        )
        for name, frame in (("plate", look.plate), ("swap", look.swap), ("true", look.true))
    }
    seen = _see(look, face, window, corner, onlooker=onlooker, config=config)
    height = face.height
    matte = _own_matte(look, window, points, height)
    in_front = look.truth.in_front
    visible = np.ascontiguousarray(face.visible[window])
    if in_front is not None:
        visible = np.minimum(visible, 1.0 - in_front[window])
    # A swap repaints the face as landmarks span it; a bald head's forehead goes on to the crown.
    visible = np.minimum(visible, face_region(points, shape=(matte.shape[0], matte.shape[1]), inset=0.0, mouth=True))
    error = true_error(
        pictures["plate"],
        pictures["swap"],
        pictures["true"],
        visible,
        face_height_pixels=height,
        parts=face_parts(points, shape=(matte.shape[0], matte.shape[1])),
    )
    logs = {name: log_luminance(picture, weights=_LUMA) for name, picture in pictures.items()}
    found: dict[str, Numbers] = {"plate": {}, "swap": {}, "true": {}}
    for name in ("swap", "true"):
        found[name] |= _faces(seen["plate"], seen[name], identity) | _pixels(logs["plate"], logs[name], matte, height)
    # An edge is the swap's alone: the true swap has no matte.
    found["true"] = {key: value for key, value in found["true"].items() if not key.startswith("seam")}
    found["plate"] |= {"distance_to_identity": seen["plate"].embedding.distance(identity)}
    drift = _landmarks(seen, points, true_points, height, found)
    if error is not None:
        found["swap"] |= error_numbers(error)
        found["plate"] |= {"true_error_stops": error.plate_stops, "true_colour_error": error.plate_colour}
        found["plate"] |= {"true_light_stops": error.plate_light_stops, "true_feature_stops": error.plate_feature_stops}
    placed = None
    eyes_on = [seen[name].landmarks for name in ("swap", "true")]
    if eyes_on[0] is not None and eyes_on[1] is not None:
        spots = [np.ascontiguousarray(one.points[:468, :2]) for one in eyes_on if one is not None]
        moved = registered(pictures["swap"], spots[0], onto=spots[1])
        placed = true_error(pictures["plate"], moved, pictures["true"], visible, face_height_pixels=height)
    found["swap"] |= _holdouts(look, window, matte, visible, points, height)
    samples = _Samples(look.plate.number, logs["plate"], logs["swap"], logs["true"], visible, points, drift, height)
    return FaceRow(
        look.plate.number, face.performer, found["swap"], found["true"], found["plate"], error, placed
    ), samples


def _window(face: TrueFace, frame: Frame) -> tuple[tuple[slice, slice], FloatArray]:
    """Rows and columns about a face, and the plate pixel they begin at, (x, y)."""
    box = frame.data_window
    low, high = face.points.min(axis=0), face.points.max(axis=0)
    reach = _AROUND * float((high - low).max())
    left, top = (int(value) for value in np.floor(low - reach) - (box.x, box.y))
    right, bottom = (int(value) for value in np.ceil(high + reach) - (box.x, box.y))
    rows = slice(max(0, top), min(box.height, bottom))
    columns = slice(max(0, left), min(box.width, right))
    return (rows, columns), np.array([columns.start + box.x, rows.start + box.y], dtype=np.float32)


def _own_matte(look: Look, window: tuple[slice, slice], points: FloatArray, height: float) -> FloatArray:
    """The swap's matte in the window, of this face alone where there are several."""
    matte = np.ascontiguousarray(look.matte[window])
    if len(look.truth.faces) == 1:
        return matte
    hull = np.ones(matte.shape, np.uint8)
    cv2.fillPoly(hull, [np.round(cv2.convexHull(np.ascontiguousarray(points))).astype(np.int32)], 0)
    # A quarter of face height beyond the landmarks: past any matte of this face.
    own: FloatArray = np.where(cv2.distanceTransform(hull, cv2.DIST_L2, 5) < 0.25 * height, matte, np.float32(0.0))
    return own


def _see(
    look: Look,
    face: TrueFace,
    window: tuple[slice, slice],
    corner: FloatArray,
    *,
    onlooker: Onlooker,
    config: ColourConfig,
) -> dict[str, SeenFace]:
    """What a stranger sees of the face in plate, swap and true swap, all shown alike."""
    frames = {"plate": look.plate, "swap": look.swap, "true": look.true}
    to_rec709 = config.matrix(source=look.plate.colour_space, destination=LINEAR_REC709)
    whole = apply_matrix(np.nan_to_num(look.plate.rgb, posinf=65504.0, neginf=0.0), to_rec709)
    stops, shoulder = auto_exposure_stops(whole), bool(whole.max(initial=0.0) > 1.001)
    known = face.detection
    shift = np.concatenate([corner, corner])
    otherwise = replace(known, box=known.box - shift, points=known.points - corner)
    near = np.asarray((otherwise.box[:2] + otherwise.box[2:]) / 2, dtype=np.float32)
    seen = {}
    for name, frame in frames.items():
        shown: ModelImage = to_display(
            np.ascontiguousarray(frame.rgb[window]),
            config=config,
            colour_space=frame.colour_space,
            exposure=stops,
            shoulder=shoulder,
        )
        seen[name] = onlooker.look(shown, near=near, otherwise=otherwise)
    return seen


def _landmarks(
    seen: Mapping[str, SeenFace], points: FloatArray, true_points: FloatArray, height: float, found: dict[str, Numbers]
) -> dict[str, FloatArray]:
    """Landmarks found against the true swap's; returns how far each is off its own picture's, in % of face height."""
    drift = {}
    for name, wanted in (("plate", points), ("swap", true_points), ("true", true_points)):
        landmarks = seen[name].landmarks
        if landmarks is None:
            continue
        drift[name] = np.asarray(100.0 / height * (landmarks.points[:468, :2] - wanted), dtype=np.float32)
        away = np.linalg.norm(landmarks.points[:468, :2] - true_points, axis=1)
        found[name]["true_landmark_error_percent"] = float(100.0 / height * away.mean())
    return drift


def _holdouts(
    look: Look, window: tuple[slice, slice], matte: FloatArray, visible: FloatArray, points: FloatArray, height: float
) -> Numbers:
    region = face_region(points, shape=(matte.shape[0], matte.shape[1]))
    numbers: Numbers = {}
    occluders = {part: np.ascontiguousarray(cover[window]) for part, cover in look.truth.occluders.items()}
    for part, cover in occluders.items():
        rest = [other for name, other in occluders.items() if name != part]
        found = holdout_iou(
            matte,
            cover,
            region=region,
            near_pixels=_NEAR * height,
            others=np.maximum.reduce(rest) if rest else None,
        )
        if found is not None:
            numbers[f"holdout_iou_{part}"] = found
    left = left_to_plate(matte, visible, region=region)
    if left is not None:
        numbers["face_left_percent"] = 100.0 * left
    return numbers


def _pixels(plate: FloatArray, made: FloatArray, matte: FloatArray, height: float) -> Numbers:
    """Seam, sharpness and grain, cut to the matte."""
    window = matte_window(matte, margin=int(0.05 * height) + 2)
    if window is None:
        return {}
    own, after, cut = (np.ascontiguousarray(one[window]) for one in (plate, made, matte))
    edge = seam(own, after, cut, face_height_pixels=height)
    numbers = {
        "seam_step_stops": None if edge is None else edge.step_stops,
        "seam_worst_stops": None if edge is None else edge.worst_stops,
        "sharpness_ratio": sharpness_ratio(own, after, cut, face_height_pixels=height),
        "grain_ratio": grain_ratio(own, after, cut),
    }
    return {key: value for key, value in numbers.items() if value is not None}


def _faces(plate: SeenFace, made: SeenFace, identity: Embedding) -> Numbers:
    found = compare_faces(plate, made, identity=identity)
    values = {entry.name: getattr(found, entry.name) for entry in fields(found)}
    del values["changed_outside_pixels"]
    return {key: value for key, value in values.items() if value is not None}


def _compare(a: _Samples, b: _Samples, pairs: Pairs) -> None:
    """Flicker, of the picture and of its error, and how the landmarks tremble."""

    def shake(key: str, name: str, first: tuple[FloatArray, FloatArray], second: tuple[FloatArray, FloatArray]) -> None:
        samples = [
            FlickerSample(plate=own, swap=made, matte=one.visible, points=one.points)
            for one, (own, made) in ((a, first), (b, second))
        ]
        found = flicker(samples, face_height_pixels=a.height)
        if found is not None:
            pairs.add(name, key, found.swap_stops)
            if name == "swap":
                pairs.add("plate", key, found.plate_stops)

    shake("flicker_stops", "swap", (a.plate, a.swap), (b.plate, b.swap))
    shake("flicker_stops", "true", (a.plate, a.true), (b.plate, b.true))
    shake("true_flicker_stops", "swap", (a.plate - a.true, a.swap - a.true), (b.plate - b.true, b.swap - b.true))
    for name in ("plate", "swap", "true"):
        if name in a.drift and name in b.drift:
            tremble = float(np.linalg.norm(b.drift[name] - a.drift[name], axis=1).mean())
            pairs.add(name, "landmark_jitter_percent", tremble)
