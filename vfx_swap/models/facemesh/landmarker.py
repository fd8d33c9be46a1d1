"""MediaPipe's face landmarker on a crop around each detected face, never on the whole frame."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vfx_swap.arrays import FloatArray
from vfx_swap.errors import ModelMismatchError
from vfx_swap.models.cards import Card
from vfx_swap.models.facemesh.confidence import confidence_of
from vfx_swap.models.facemesh.pose import mean_rotation, pose_from_matrix
from vfx_swap.models.facemesh.quiet import quiet_stderr
from vfx_swap.models.pictures import Matrix, apply, bytes_of, cut_upright, similarity_roll
from vfx_swap.models.registry import LoadOptions
from vfx_swap.models.runtimes.offline_thread import OfflineThread
from vfx_swap.types import LANDMARK_COUNT, Detection, Landmarks, ModelImage

__all__ = ["FaceMeshLandmarker", "load_facemesh"]

CROP = 512
"""Side in pixels of the picture the network's own detector sees."""
MARGIN = 2.0
"""Side of the crop over the face's size."""
SECOND_MARGIN = 2.2
"""Margin of the second refined crop; unlike the first, so that their agreement says something."""
PRESENCE = 0.2
"""Lowest presence the network itself must report. A detector has already found the face; at MediaPipe's own
default of 0.5 a motion blur of a tenth of the face's height loses it."""
_FIVE = ((33, 133), (362, 263), (1, 1), (61, 61), (291, 291))
"""Landmark pairs whose means are the five points: eyes from their corners, nose tip, mouth corners."""


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

    def __init__(self, *, id: str, task: Any, thread: OfflineThread) -> None:  # Any: mediapipe ships no usable types
        self.id = id
        self._task = task
        self._thread = thread
        # MediaPipe complains at exit about one that nobody closed, so a forgotten one closes itself.
        self._close = weakref.finalize(self, _close, task, thread)

    def __enter__(self) -> FaceMeshLandmarker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the network. A second call does nothing."""
        self._close()

    def landmarks(self, image: ModelImage, detection: Detection, /) -> Landmarks | None:
        """The face's landmarks, or None when the network does not confirm that it is a face.

        Three crops are looked at: one from the detection, then two of slightly different size from the
        landmarks themselves, whose mean is the result; see `confidence_of` for the confidence.
        """
        rgb = image.rgb
        size = float(np.max(detection.box[2:] - detection.box[:2]))
        centre = (detection.box[:2] + detection.box[2:]) / 2
        first = self._look(rgb, centre=centre, side=MARGIN * size, roll=similarity_roll(detection.points))
        if first is None:
            return None
        second = self._look_again(rgb, first, margin=MARGIN)
        third = self._look_again(rgb, second or first, margin=SECOND_MARGIN)
        if second is None or third is None:
            return None
        points = (second.points + third.points) / 2
        if not _is_here(points, centre=centre, size=size):
            return None
        rotation = mean_rotation([second.rotation, third.rotation])
        confidence = confidence_of(rgb, points=points, other=(second.points, third.points), score=detection.score)
        return Landmarks(
            points=points.astype(np.float32),
            expression=np.clip((second.expression + third.expression) / 2, 0.0, 1.0).astype(np.float32),
            pose=pose_from_matrix(rotation),
            confidence=confidence,
        )

    def _look_again(self, rgb: FloatArray, view: _View, *, margin: float) -> _View | None:
        """A look at the crop that a view's own landmarks ask for."""
        five = np.array([view.points[list(pair), :2].mean(axis=0) for pair in _FIVE])
        roll = similarity_roll(five)
        angle = np.radians(-roll)
        upright = view.points[:, :2] @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        low, high = upright.min(axis=0), upright.max(axis=0)
        middle = (low + high) / 2 @ np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        return self._look(rgb, centre=middle, side=margin * float(np.max(high - low)), roll=roll)

    def _look(self, rgb: FloatArray, *, centre: NDArray[np.floating], side: float, roll: float) -> _View | None:
        piece, back = cut_upright(rgb, centre=centre, side=max(side, 8.0), roll_degrees=roll, size=CROP)
        result = self._thread.call(_detect, self._task, bytes_of(piece))
        if not result.face_landmarks or not result.facial_transformation_matrixes:
            return None
        raw = np.array([[point.x, point.y, point.z] for point in result.face_landmarks[0]], dtype=np.float64)
        scale = float(np.hypot(back[0, 0], back[1, 0]))
        # Fractions count from the picture's edge, pixel centres lie at integers; z has the scale of x.
        points = np.empty((LANDMARK_COUNT, 3), dtype=np.float64)
        points[:, :2] = apply(back, raw[:, :2] * CROP - 0.5)
        points[:, 2] = raw[:, 2] * CROP * scale
        matrix = np.asarray(result.facial_transformation_matrixes[0], dtype=np.float64)[:3, :3]
        angle = np.radians(roll)
        turn = np.array([[np.cos(angle), np.sin(angle), 0], [-np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
        expression = np.array([one.score for one in result.face_blendshapes[0]], dtype=np.float64)
        return _View(points=points, expression=expression, rotation=turn @ matrix)


def load_facemesh(card: Card, files: Mapping[str, Path], options: LoadOptions) -> FaceMeshLandmarker:
    """The landmarker of a card. It runs on the CPU whatever the device: 15 ms a look.

    MediaPipe is loaded and called on a thread without network only: see `OfflineThread`.

    Raises:
        ModelMismatchError: MediaPipe cannot read the file.
        DeviceError: this system cannot keep MediaPipe off the network.
    """
    del options
    path = files["bundle"]
    thread = OfflineThread(name=f"{card.id} landmarker")
    try:
        task = thread.call(_create, path.read_bytes())
    except (RuntimeError, ValueError, NotImplementedError) as error:
        thread.stop()
        raise ModelMismatchError(f"MediaPipe cannot read it ({error})", where=path) from error
    except BaseException:
        thread.stop()
        raise
    return FaceMeshLandmarker(id=card.id, task=task, thread=thread)


def _create(bundle: bytes) -> Any:
    """MediaPipe's task, warmed up, since its first picture makes it chatter once more."""
    from mediapipe.tasks.python import BaseOptions, vision

    # Bytes, not the path: MediaPipe resolves relative paths against its own package.
    settings = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_buffer=bundle),
        running_mode=vision.RunningMode.IMAGE,
        num_faces=1,
        min_face_detection_confidence=PRESENCE / 2,
        min_face_presence_confidence=PRESENCE,
        output_face_blendshapes=True,
        output_facial_transformation_matrixes=True,
    )
    with quiet_stderr():
        task = vision.FaceLandmarker.create_from_options(settings)
        _detect(task, np.zeros((64, 64, 3), dtype=np.uint8))
    return task


def _detect(task: Any, picture: NDArray[np.uint8]) -> Any:
    import mediapipe

    return task.detect(mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=picture))


def _close(task: Any, thread: OfflineThread) -> None:
    try:
        with quiet_stderr():
            thread.call(task.close)
    except RuntimeError:
        # At exit MediaPipe's own worker is already gone. The process frees what it held; its finalizer must not
        # try again on half an interpreter.
        task._handle = None
    finally:
        thread.stop()


def _is_here(points: Matrix, *, centre: NDArray[np.floating], size: float) -> bool:
    """False when the network placed another face than the detected one, or none at all."""
    if not np.isfinite(points).all():
        return False
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    ratio = float(np.max(high - low)) / size
    return bool(np.linalg.norm((low + high) / 2 - centre) < 0.5 * size and 0.4 < ratio < 2.0)
