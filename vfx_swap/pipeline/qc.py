"""How good a swap is, in numbers: the protocol of each stands on its field, and in docs/quality.md.

A recogniser's number is a guide; the picture at 200 % is the judge.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace

import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.colour.display import auto_exposure_stops, to_display
from vfx_swap.colour.ocio import LINEAR_REC709, ColourConfig
from vfx_swap.colour.transfer import apply_matrix
from vfx_swap.errors import NoFaceError
from vfx_swap.models.default import FaceModels
from vfx_swap.models.facemesh.pose import matrix_from_pose
from vfx_swap.pipeline.qc_measures import luma_weights
from vfx_swap.pipeline.qc_pixels import (
    Flicker,
    FlickerSample,
    changed_outside_pixels,
    flicker,
    grain_ratio,
    log_luminance,
    matte_window,
    seam,
    sharpness_ratio,
)
from vfx_swap.types import Detection, Embedding, Frame, Landmarks, ModelImage, Pose

__all__ = [
    "FrameQuality",
    "MeasuredFace",
    "Metrics",
    "SeenFace",
    "compare_faces",
    "expression_error",
    "landmark_error_percent",
    "mean_metrics",
    "measure_face",
    "measure_faces",
    "measure_sequence",
    "measure_still",
    "pose_error_degrees",
    "see_face",
]

_SKIN_POINTS = 468


@dataclass(frozen=True)
class Metrics:
    """One swap, measured. None: could not be measured, such as a distance where no face is found."""

    distance_to_identity: float | None = None
    """Recogniser's distance from the swapped face to the identity's embedding; lower is liker."""
    distance_to_performer: float | None = None
    """To the performer's face in the plate of the same frame."""
    landmark_error_percent: float | None = None
    """Of face height: `landmark_error_percent`."""
    pose_error_degrees: float | None = None
    """Angle between the head rotations found on swap and plate."""
    expression_error: float | None = None
    """Mean difference of the 52 expression weights: `expression_error`."""
    seam_step_stops: float | None = None
    """Gradient the matte's edge adds over the plate's own, over 1 % of face height: `qc_pixels.seam`."""
    seam_worst_stops: float | None = None
    """The same, 95th percentile along the edge."""
    sharpness_ratio: float | None = None
    """Detail inside the matte, swap over plate: `qc_pixels.sharpness_ratio`."""
    grain_ratio: float | None = None
    """Grain inside the matte, swap over plate: `qc_pixels.grain_ratio`."""
    flicker_stops: float | None = None
    """Change between frames inside the matte, swap: `qc_pixels.flicker`. Sequences only."""
    flicker_plate_stops: float | None = None
    """The plate's own."""
    flicker_ratio: float | None = None
    """Swap over plate."""
    changed_outside_pixels: int = 0
    """Pixels changed where the matte is 0. Must be 0."""


@dataclass(frozen=True)
class FrameQuality:
    """One frame's metrics; `metrics` without flicker, which takes two frames."""

    frame: int
    metrics: Metrics


@dataclass(frozen=True, eq=False)
class MeasuredFace:
    """One face of one frame, measured."""

    metrics: Metrics
    """Without flicker, which takes two frames."""
    height: float
    """Of the face, in pixels; 0 where it is not known."""
    on_plate: bool
    """Whether the models find the face on the plate."""
    sample: FlickerSample | None
    """None where the face is not found, or has no matte."""


@dataclass(frozen=True, eq=False)
class SeenFace:
    """What the models find of one face in one picture, looked at by itself."""

    detection: Detection
    landmarks: Landmarks | None
    """None where the landmarker finds no face in the detection."""
    embedding: Embedding

    @property
    def middle(self) -> FloatArray:
        """(2,) centre of the detection's box."""
        return np.asarray((self.detection.box[:2] + self.detection.box[2:]) / 2, dtype=np.float32)


def landmark_error_percent(plate: FloatArray, swap: FloatArray) -> float:
    """Mean distance between the landmarks found on plate and swap, in % of face height, without aligning them.

    The 468 points of the skin count (irises do not: gaze is the plate's), in x and y only; face height is the
    distance from landmark 10 (top of the forehead) to 152 (chin) in the plate.

    Args:
        plate: (478, 3) points found on the plate.
        swap: (478, 3) points found on the swap, in the same pixels.
    """
    height = float(np.linalg.norm(plate[10, :2] - plate[152, :2]))
    away = np.linalg.norm(plate[:_SKIN_POINTS, :2] - swap[:_SKIN_POINTS, :2], axis=1)
    return 100.0 * float(away.mean()) / height


def pose_error_degrees(plate: Pose, swap: Pose) -> float:
    """The angle of the rotation that takes one head pose to the other, in degrees."""
    between = matrix_from_pose(plate).T @ matrix_from_pose(swap)
    # By the sine for small angles: arccos near 1 loses them.
    sine = float(np.linalg.norm(between - between.T)) / np.sqrt(8.0)
    return float(np.degrees(np.arctan2(sine, (np.trace(between) - 1.0) / 2.0)))


def expression_error(plate: FloatArray, swap: FloatArray) -> float:
    """Mean magnitude of the difference between two faces' 52 expression weights, 0 to 1 each."""
    return float(np.abs(plate.astype(np.float64) - swap).mean())


def see_face(
    picture: ModelImage, *, models: FaceModels, near: FloatArray | None, otherwise: Detection | None = None
) -> SeenFace | None:
    """Find one face in a picture, its landmarks and its embedding.

    Args:
        picture: for viewing.
        models: the face models.
        near: (2,) the face wanted, by its centre in pixels; None: the largest.
        otherwise: the detection to take where the detector finds none.

    Returns:
        The face; None where none is found.
    """
    detection = _choose(models.detector.detect(picture), near) or otherwise
    if detection is None:
        return None
    landmarks = models.landmarker.landmarks(picture, detection)
    return SeenFace(detection, landmarks, models.recogniser.embed(picture, detection))


def compare_faces(plate: SeenFace, swap: SeenFace, *, identity: Embedding | None) -> Metrics:
    """Likeness, landmarks, pose and expression of a swapped face against the plate's."""
    before, after = plate.landmarks, swap.landmarks
    found = Metrics(
        distance_to_identity=None if identity is None else swap.embedding.distance(identity),
        distance_to_performer=swap.embedding.distance(plate.embedding),
    )
    if before is None or after is None:
        return found
    return replace(
        found,
        landmark_error_percent=landmark_error_percent(before.points, after.points),
        pose_error_degrees=pose_error_degrees(before.pose, after.pose),
        expression_error=expression_error(before.expression, after.expression),
    )


def measure_faces(
    plate: ModelImage,
    swap: ModelImage,
    *,
    models: FaceModels,
    identity: Embedding | None,
    near: FloatArray | None = None,
) -> tuple[Metrics, Landmarks]:
    """Likeness, landmarks, pose and expression of one face, and the landmarks found on the plate.

    Each picture is looked at by itself, as a stranger would: the face is detected anew on plate and swap,
    and landmarks and embedding come from that detection.

    Args:
        plate: the plate for viewing.
        swap: the swap, for viewing with the same exposure.
        models: the face models.
        identity: the identity's embedding by `models.recogniser`; None: no distance to it.
        near: (2,) the face wanted, by its centre in pixels; None: the largest.

    Raises:
        NoFaceError: no face on the plate.
    """
    before = see_face(plate, models=models, near=near)
    if before is None or before.landmarks is None:
        raise NoFaceError("no face was found on the plate", mend="Give frames in which the performer is seen")
    after = see_face(swap, models=models, near=before.middle, otherwise=before.detection)
    if after is None:  # not with a detection to fall back on
        return Metrics(), before.landmarks
    return compare_faces(before, after, identity=identity), before.landmarks


def measure_still(
    plate: Frame,
    swap: Frame,
    matte: FloatArray,
    *,
    models: FaceModels,
    config: ColourConfig,
    identity: Embedding | None,
) -> Metrics:
    """All metrics of one frame but flicker.

    Args:
        plate: before.
        swap: after, of the same window and colour space.
        matte: (height, width) 0 to 1.
        models: the face models.
        config: OCIO config that knows the frames' space.
        identity: the identity's embedding by `models.recogniser`.

    Raises:
        ColourSpaceError: the frames' space is unknown or not linear.
    """
    return measure_face(plate, swap, matte, models=models, config=config, identity=identity).metrics


def measure_sequence(
    frames: Iterable[tuple[Frame, Frame, FloatArray]],
    *,
    models: FaceModels,
    config: ColourConfig,
    identity: Embedding | None,
) -> tuple[Metrics, tuple[FrameQuality, ...]]:
    """A shot's metrics, the mean over its frames, and each frame's own. Frames come in order, one at a time.

    Flicker is measured between neighbours; `changed_outside_pixels` is the sum, `seam_worst_stops` the worst frame's.

    Args:
        frames: plate, swap and matte of each frame.
        models: the face models.
        config: OCIO config that knows the frames' space.
        identity: the identity's embedding by `models.recogniser`.

    Raises:
        ColourSpaceError: the frames' space is unknown or not linear.
    """
    rows: list[FrameQuality] = []
    shakes: list[Flicker] = []
    last: FlickerSample | None = None
    for plate, swap, matte in frames:
        seen = measure_face(plate, swap, matte, models=models, config=config, identity=identity)
        rows.append(FrameQuality(plate.number, seen.metrics))
        if seen.sample is not None and last is not None:
            shake = flicker((last, seen.sample), face_height_pixels=seen.height)
            if shake is not None:
                shakes.append(shake)
        last = seen.sample
    return mean_metrics([row.metrics for row in rows], shakes), tuple(rows)


def mean_metrics(rows: Sequence[Metrics], shakes: Sequence[Flicker] = ()) -> Metrics:
    """The mean of each metric over the frames that have it; changed pixels are summed, the worst seam is kept."""
    means: dict[str, float | None] = {}
    for entry in fields(Metrics):
        values = [value for row in rows if (value := getattr(row, entry.name)) is not None]
        means[entry.name] = float(np.mean(values)) if values else None
    worst = [row.seam_worst_stops for row in rows if row.seam_worst_stops is not None]
    means["seam_worst_stops"] = max(worst) if worst else None
    del means["changed_outside_pixels"]
    if shakes:
        weights = [shake.pairs for shake in shakes]
        swap = float(np.average([shake.swap_stops for shake in shakes], weights=weights))
        own = float(np.average([shake.plate_stops for shake in shakes], weights=weights))
        means |= {"flicker_stops": swap, "flicker_plate_stops": own, "flicker_ratio": swap / own if own > 0.0 else None}
    return Metrics(**means, changed_outside_pixels=sum(row.changed_outside_pixels for row in rows))


def measure_face(
    plate: Frame,
    swap: Frame,
    matte: FloatArray,
    *,
    models: FaceModels,
    config: ColourConfig,
    identity: Embedding | None,
    height: float | None = None,
) -> MeasuredFace:
    """All metrics of one face of one frame but flicker, with what flicker needs of it.

    Args:
        plate: before.
        swap: after, of the same window and colour space.
        matte: (height, width) 0 to 1, of this face.
        models: the face models.
        config: OCIO config that knows the frames' space.
        identity: the identity's embedding by `models.recogniser`.
        height: of the face in pixels, by its track, where it is not found on the plate; None: pixels are not measured.

    Raises:
        ColourSpaceError: the frames' space is unknown or not linear.
    """
    changed = changed_outside_pixels(plate.rgb, swap.rgb, matte)
    matrix = config.matrix(source=plate.colour_space, destination=LINEAR_REC709)
    whole = apply_matrix(np.nan_to_num(plate.rgb, posinf=65504.0, neginf=0.0), matrix)
    stops, shoulder = auto_exposure_stops(whole), bool(whole.max(initial=0.0) > 1.001)
    near = _surroundings(matte)
    matte = np.ascontiguousarray(matte[near])
    pictures = tuple(np.ascontiguousarray(picture.rgb[near]) for picture in (plate, swap))
    before, after = (
        to_display(picture, config=config, colour_space=plate.colour_space, exposure=stops, shoulder=shoulder)
        for picture in pictures
    )
    faces, landmarks = Metrics(), None
    with suppress(NoFaceError):
        faces, landmarks = measure_faces(before, after, models=models, identity=identity, near=_centre(matte))
    if landmarks is not None:
        height = float(np.linalg.norm(landmarks.points[10, :2] - landmarks.points[152, :2]))
    window = None if height is None else matte_window(matte, margin=int(0.05 * height) + 2)
    if window is None or height is None:
        return MeasuredFace(_joined(faces, changed_outside_pixels=changed), height or 0.0, landmarks is not None, None)
    weights = luma_weights(plate.colour_space, config=config)
    own, swapped = (log_luminance(picture[window], weights=weights) for picture in pictures)
    cut = np.ascontiguousarray(matte[window])
    edge = seam(own, swapped, cut, face_height_pixels=height)
    metrics = _joined(
        faces,
        seam_step_stops=None if edge is None else edge.step_stops,
        seam_worst_stops=None if edge is None else edge.worst_stops,
        sharpness_ratio=sharpness_ratio(own, swapped, cut, face_height_pixels=height),
        grain_ratio=grain_ratio(own, swapped, cut),
        changed_outside_pixels=changed,
    )
    if landmarks is None:
        return MeasuredFace(metrics, height, False, None)
    points = np.asarray(landmarks.points[:_SKIN_POINTS, :2] - (window[1].start, window[0].start), dtype=np.float32)
    return MeasuredFace(metrics, height, True, FlickerSample(plate=own, swap=swapped, matte=cut, points=points))


def _surroundings(matte: FloatArray) -> tuple[slice, slice]:
    """The matte and half as much again on each side: all that detectors need; the whole picture for no matte."""
    tight = matte_window(matte, margin=0)
    if tight is None:
        return slice(None), slice(None)
    side = max(rows_or_columns.stop - rows_or_columns.start for rows_or_columns in tight)
    wide = matte_window(matte, margin=int(1.5 * side))
    return tight if wide is None else wide


def _joined(faces: Metrics, **pixels: float | None) -> Metrics:
    known = {entry.name: getattr(faces, entry.name) for entry in fields(Metrics)}
    return Metrics(**(known | pixels))


def _choose(detections: Sequence[Detection], near: FloatArray | None) -> Detection | None:
    if not detections:
        return None
    if near is None:
        return max(detections, key=lambda detection: detection.height)
    return min(detections, key=lambda found: float(np.linalg.norm((found.box[:2] + found.box[2:]) / 2 - near)))


def _centre(matte: FloatArray) -> FloatArray | None:
    """Centre of the matte in pixels, (x, y); None when it is empty."""
    total = float(matte.sum(dtype=np.float64))
    if total <= 0.0:
        return None
    height, width = matte.shape
    x = float(matte.sum(axis=0, dtype=np.float64) @ np.arange(width)) / total
    y = float(matte.sum(axis=1, dtype=np.float64) @ np.arange(height)) / total
    return np.array([x, y], dtype=np.float32)
