"""MediaPipe's hand landmarker on a piece of a picture: where hands are that may lie over a face."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.models.cards import Card
from vfx_swap.models.pictures import bytes_of
from vfx_swap.models.protocols import HAND_POINT_COUNT, Hand
from vfx_swap.models.registry import LoadOptions
from vfx_swap.models.runtimes.mediapipe_task import MediaPipeTask, open_mediapipe_task
from vfx_swap.types import ModelImage

__all__ = ["HandMeshFinder", "load_handmesh"]

MOST_HANDS = 4
PRESENCE = 0.3
"""Lowest score of the palm detector and of the landmark network. At MediaPipe's own 0.5 a hand in front of a face of
its own colour is lost in some frames of a pass."""


class HandMeshFinder:
    """Places 21 points on each hand. Calls from several threads take turns. Close it, or use it in `with`."""

    def __init__(self, *, id: str, task: MediaPipeTask) -> None:
        self.id = id
        self._task = task

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the network. A second call does nothing."""
        self._task.close()

    def hands(self, image: ModelImage, /) -> tuple[Hand, ...]:
        """All hands found, best score first; the network looks at the whole picture, so give it a piece."""
        height, width = image.rgb.shape[:2]
        result = self._task.detect(bytes_of(image.rgb))
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

    MediaPipe is loaded and called on a thread without network only: see `MediaPipeTask`.

    Raises:
        ModelMismatchError: MediaPipe cannot read the file.
        DeviceError: this system cannot keep MediaPipe off the network.
    """
    del options
    task = open_mediapipe_task(files["bundle"], name=f"{card.id} hands", create=_create)
    return HandMeshFinder(id=card.id, task=task)


def _create(bundle: bytes) -> Any:
    from mediapipe.tasks.python import BaseOptions, vision

    settings = vision.HandLandmarkerOptions(
        base_options=BaseOptions(model_asset_buffer=bundle),
        running_mode=vision.RunningMode.IMAGE,
        num_hands=MOST_HANDS,
        min_hand_detection_confidence=PRESENCE,
        min_hand_presence_confidence=PRESENCE,
    )
    return vision.HandLandmarker.create_from_options(settings)
