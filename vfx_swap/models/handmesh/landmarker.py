"""MediaPipe's hand landmarker on a piece of a picture: where hands are that may lie over a face."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vfx_swap.arrays import FloatArray
from vfx_swap.errors import ModelMismatchError
from vfx_swap.models.cards import Card
from vfx_swap.models.facemesh.quiet import quiet_stderr
from vfx_swap.models.pictures import bytes_of
from vfx_swap.models.protocols import HAND_POINT_COUNT, Hand
from vfx_swap.models.registry import LoadOptions
from vfx_swap.models.runtimes.offline_thread import OfflineThread
from vfx_swap.types import ModelImage

__all__ = ["HandMeshFinder", "load_handmesh"]

MOST_HANDS = 4
PRESENCE = 0.3
"""Lowest score of the palm detector and of the landmark network. At MediaPipe's own 0.5 a hand in front of a face of
its own colour is lost in some frames of a pass."""


class HandMeshFinder:
    """Places 21 points on each hand. Calls from several threads take turns. Close it, or use it in `with`."""

    def __init__(self, *, id: str, task: Any, thread: OfflineThread) -> None:  # Any: mediapipe ships no usable types
        self.id = id
        self._task = task
        self._thread = thread
        # As the face landmarker: one that nobody closed closes itself.
        self._close = weakref.finalize(self, _close, task, thread)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the network. A second call does nothing."""
        self._close()

    def hands(self, image: ModelImage, /) -> tuple[Hand, ...]:
        """All hands found, best score first; the network looks at the whole picture, so give it a piece."""
        height, width = image.rgb.shape[:2]
        result = self._thread.call(_detect, self._task, bytes_of(image.rgb))
        found = []
        for marks, handed in zip(result.hand_landmarks, result.handedness, strict=True):
            raw = np.array([[mark.x, mark.y, mark.z] for mark in marks], dtype=np.float64)
            if raw.shape != (HAND_POINT_COUNT, 3) or not np.isfinite(raw).all():
                continue
            # Fractions count from the picture's edge, pixel centres lie at integers; z has the scale of x.
            points: FloatArray = (raw * [width, height, width] - [0.5, 0.5, 0.0]).astype(np.float32)
            found.append(Hand(points=points, score=float(handed[0].score)))
        return tuple(sorted(found, key=lambda hand: -hand.score))


def load_handmesh(card: Card, files: Mapping[str, Path], options: LoadOptions) -> HandMeshFinder:
    """The hand finder of a card. It runs on the CPU whatever the device: 20 ms a look.

    MediaPipe is loaded and called on a thread without network only: see `OfflineThread`.

    Raises:
        ModelMismatchError: MediaPipe cannot read the file.
        DeviceError: this system cannot keep MediaPipe off the network.
    """
    del options
    path = files["bundle"]
    thread = OfflineThread(name=f"{card.id} hands")
    try:
        task = thread.call(_create, path.read_bytes())
    except (RuntimeError, ValueError, NotImplementedError) as error:
        thread.stop()
        raise ModelMismatchError(f"MediaPipe cannot read it ({error})", where=path) from error
    except BaseException:
        thread.stop()
        raise
    return HandMeshFinder(id=card.id, task=task, thread=thread)


def _create(bundle: bytes) -> Any:
    """MediaPipe's task, warmed up, since its first picture makes it chatter once more."""
    from mediapipe.tasks.python import BaseOptions, vision

    settings = vision.HandLandmarkerOptions(
        base_options=BaseOptions(model_asset_buffer=bundle),
        running_mode=vision.RunningMode.IMAGE,
        num_hands=MOST_HANDS,
        min_hand_detection_confidence=PRESENCE,
        min_hand_presence_confidence=PRESENCE,
    )
    with quiet_stderr():
        task = vision.HandLandmarker.create_from_options(settings)
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
        # At exit MediaPipe's own worker is already gone; its finalizer must not try again.
        task._handle = None  # noqa: SLF001  it has no public way
    finally:
        thread.stop()
