"""MediaPipe's face landmarker on a crop around each detected face, never on the whole frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vfx_swap.arrays import FloatArray
from vfx_swap.geometry.shapes import share_inside
from vfx_swap.models.cards import Card
from vfx_swap.models.facemesh.canonical import CanonicalMesh, read_canonical_mesh
from vfx_swap.models.facemesh.confidence import apart, confidence_of, sharpness
from vfx_swap.models.facemesh.mirror import mirrored_expressions, mirrored_landmarks, mirrored_rotation
from vfx_swap.models.facemesh.pose import mean_rotation, pose_from_matrix
from vfx_swap.models.pictures import Matrix, apply, bytes_of, cut_upright, similarity_roll
from vfx_swap.models.registry import LoadOptions
from vfx_swap.models.runtimes.mediapipe_task import MediaPipeTask, open_mediapipe_task
from vfx_swap.types import LANDMARK_COUNT, Detection, Landmarks, ModelImage

__all__ = ["FaceMeshLandmarker", "load_facemesh"]

CROP = 512
"""Side in pixels of the picture the network's own detector sees."""
MARGIN = 2.0
"""Side of the crop over the face's size."""
PRESENCE = 0.2
"""Lowest presence the network itself must report. A detector has already found the face; at MediaPipe's own
default of 0.5 a motion blur of a tenth of the face's height loses it."""
_FIVE = ((33, 133), (362, 263), (1, 1), (61, 61), (291, 291))
"""Landmark pairs whose means are the five points: eyes from their corners, nose tip, mouth corners."""


@dataclass(frozen=True, eq=False)
class _Place:
    """Where a crop lies in the picture."""

    centre: NDArray[np.floating]
    side: float
    """Picture pixels."""
    roll_degrees: float
    grey_outside: bool = False
    """What lies outside the picture is grey, not its border repeated."""


@dataclass(frozen=True, eq=False)
class _View:
    """What the network said of one crop, in picture pixels."""

    points: Matrix
    """(478, 3)."""
    expression: NDArray[np.float64]
    rotation: Matrix
    """(3, 3) canonical face to camera, the crop's roll put back."""


class FaceMeshLandmarker:
    """Places 478 points on a face. Calls from several threads take turns. Close it, or use it in `with`."""

    def __init__(self, *, id: str, task: MediaPipeTask, mesh: CanonicalMesh) -> None:
        self.id = id
        self.mesh = mesh
        """The canonical mesh of its points."""
        self._task = task
        self._partners = mirrored_landmarks(mesh)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the network. A second call does nothing."""
        self._task.close()

    def landmarks(self, image: ModelImage, detection: Detection, /) -> Landmarks | None:
        """The face's landmarks, or None when the network does not confirm that it is a face.

        The first look is at a crop around the detection, the second at one around the landmarks found, upright
        by them, so that the result does not hang on the detector's box. The third is at the second's mirror
        image; the mean of both is the result, without the network's leaning to one side. See `confidence`.
        """
        rgb = image.rgb
        size = float(np.max(detection.box[2:] - detection.box[:2]))
        centre = (detection.box[:2] + detection.box[2:]) / 2
        place = _Place(centre=centre, side=MARGIN * size, roll_degrees=similarity_roll(detection.points))
        first = self._look(rgb, place)
        if first is None:
            # Half a face at the picture's edge: repeated, its border paints streaks that are taken for no face.
            place = replace(place, grey_outside=True)
            first = self._look(rgb, place)
        if first is None or not _is_here(first.points, centre=centre, size=size):
            return None
        place = replace(_place_of(first.points), grey_outside=place.grey_outside)
        second = self._look(rgb, place)
        if second is None or not _is_here(second.points, centre=centre, size=size):
            return None
        third = self._look(rgb, place, mirrored=True)
        confidence = confidence_of(
            score=detection.score,
            first_apart=apart(second.points, first.points),
            mirror_apart=np.inf if third is None else apart(second.points, third.points),
            inside=share_inside(second.points, width=rgb.shape[1], height=rgb.shape[0]),
            sharp=sharpness(rgb, points=second.points, roll_degrees=place.roll_degrees),
        )
        views = [second] if third is None else [second, third]
        return Landmarks(
            points=np.mean([view.points for view in views], axis=0).astype(np.float32),
            expression=np.clip(np.mean([view.expression for view in views], axis=0), 0.0, 1.0).astype(np.float32),
            pose=pose_from_matrix(mean_rotation([view.rotation for view in views])),
            confidence=confidence,
        )

    def _look(self, rgb: FloatArray, place: _Place, *, mirrored: bool = False) -> _View | None:
        """What the network says of a crop of the picture, or of its mirror image."""
        piece, back = cut_upright(
            rgb,
            centre=place.centre,
            side=place.side,
            roll_degrees=place.roll_degrees,
            size=CROP,
            grey_outside=place.grey_outside,
        )
        shown = np.ascontiguousarray(piece[:, ::-1]) if mirrored else piece
        result = self._task.detect(bytes_of(shown))
        if not result.face_landmarks or not result.facial_transformation_matrixes or not result.face_blendshapes:
            return None
        raw = np.array([[point.x, point.y, point.z] for point in result.face_landmarks[0]], dtype=np.float64)
        matrix = np.asarray(result.facial_transformation_matrixes[0], dtype=np.float64)[:3, :3]
        expression = np.array([one.score for one in result.face_blendshapes[0]], dtype=np.float64)
        if raw.shape != (LANDMARK_COUNT, 3) or not np.isfinite(raw).all():
            return None
        if mirrored:
            raw = raw[self._partners] * np.array([-1.0, 1.0, 1.0]) + np.array([1.0, 0.0, 0.0])
            names = [one.category_name for one in result.face_blendshapes[0]]
            expression = expression[mirrored_expressions(names)]
            matrix = mirrored_rotation(matrix)
        # Fractions count from the picture's edge, pixel centres lie at integers; z has the scale of x.
        points = np.empty_like(raw)
        points[:, :2] = apply(back, raw[:, :2] * CROP - 0.5)
        points[:, 2] = raw[:, 2] * place.side
        angle = np.radians(place.roll_degrees)
        turn = np.array([[np.cos(angle), np.sin(angle), 0], [-np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
        return _View(points=points, expression=expression, rotation=turn @ matrix)


def load_facemesh(card: Card, files: Mapping[str, Path], options: LoadOptions) -> FaceMeshLandmarker:
    """The landmarker of a card. It runs on the CPU whatever the device: 15 ms a look.

    MediaPipe is loaded and called on a thread without network only: see `MediaPipeTask`.

    Raises:
        ModelMismatchError: MediaPipe cannot read the file.
        DeviceError: this system cannot keep MediaPipe off the network.
    """
    del options
    path = files["bundle"]
    mesh = read_canonical_mesh(path)
    task = open_mediapipe_task(path, name=f"{card.id} landmarker", create=_create)
    return FaceMeshLandmarker(id=card.id, task=task, mesh=mesh)


def _create(bundle: bytes) -> Any:
    from mediapipe.tasks.python import BaseOptions, vision

    settings = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_buffer=bundle),
        running_mode=vision.RunningMode.IMAGE,
        num_faces=1,
        min_face_detection_confidence=PRESENCE / 2,
        min_face_presence_confidence=PRESENCE,
        output_face_blendshapes=True,
        output_facial_transformation_matrixes=True,
    )
    return vision.FaceLandmarker.create_from_options(settings)


def _place_of(points: Matrix) -> _Place:
    """The crop in which a face with these landmarks stands upright in the middle."""
    five = np.array([points[list(pair), :2].mean(axis=0) for pair in _FIVE])
    roll = similarity_roll(five)
    angle = np.radians(roll)
    # Rows of `turn` are the face's own right and down.
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    upright = points[:, :2] @ turn.T
    low, high = upright.min(axis=0), upright.max(axis=0)
    side = MARGIN * max(4.0, float(np.max(high - low)))
    return _Place(centre=(low + high) / 2 @ turn, side=side, roll_degrees=roll)


def _is_here(points: Matrix, *, centre: NDArray[np.floating], size: float) -> bool:
    """False when the network placed another face than the detected one, or none at all."""
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    ratio = float(np.max(high - low)) / size
    return bool(np.linalg.norm((low + high) / 2 - centre) < 0.5 * size and 0.4 < ratio < 2.0)
