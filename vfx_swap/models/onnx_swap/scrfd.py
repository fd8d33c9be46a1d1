"""SCRFD, insightface's detector, from a pack of the user's.

Guo et al., "Sample and Computation Redistribution for Efficient Face Detection", arXiv:2105.04714. Anchors and
decoding as in insightface: two a cell, centres at whole multiples of the stride, distances in strides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.errors import ModelMismatchError
from vfx_swap.models.cards import Card
from vfx_swap.models.onnx_swap.runners import Runner, Tensor, open_onnx, run_batch
from vfx_swap.models.onnx_swap.tensors import tensor_of
from vfx_swap.models.registry import LoadOptions
from vfx_swap.types import Detection, ModelImage

__all__ = ["ScrfdDetector", "load_scrfd"]

STRIDES = (8, 16, 32)
ANCHORS = 2
ACCEPT = 0.5
"""Lowest score of a face."""
OVERLAP = 0.4
"""Boxes that overlap more (intersection over union) are one face."""


class ScrfdDetector:
    """Finds faces (protocol `Detector`). Safe to call from several threads."""

    def __init__(self, *, card: Card, runner: Runner) -> None:
        self.id = card.id
        self._picture = card.picture
        self._runner = runner

    def detect(self, image: ModelImage, /) -> Sequence[Detection]:
        """All faces, best score first. The picture is seen with its long side at the card's size, in its corner."""
        side = self._picture.size or 640
        height, width = image.rgb.shape[:2]
        scale = side / max(height, width)
        seen_width, seen_height = max(1, round(width * scale)), max(1, round(height * scale))
        how = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_LINEAR
        square = np.zeros((side, side, 3), dtype=np.float32)
        square[:seen_height, :seen_width] = np.clip(
            cv2.resize(image.rgb, (seen_width, seen_height), interpolation=how), 0.0, 1.0
        )
        answer = run_batch(self._runner, {"image": tensor_of([ModelImage(square)], self._picture)}, where=self.id)
        found = [face for stride in STRIDES for face in self._at_stride(answer, stride, side=side)]
        back = np.array([width / seen_width, height / seen_height], dtype=np.float32)
        return [_moved(face, back) for face in _best(found)]

    def _at_stride(self, answer: Mapping[str, Tensor], stride: int, *, side: int) -> list[Detection]:
        cells = side // stride
        centres = np.stack(np.meshgrid(np.arange(cells), np.arange(cells)), axis=-1).reshape(-1, 2) * stride
        centres = np.repeat(centres, ANCHORS, axis=0).astype(np.float32)
        scores, boxes, points = (
            answer[f"{kind}_{stride}"].reshape(-1, length)
            for kind, length in (("score", 1), ("box", 4), ("points", 10))
        )
        if not len(scores) == len(boxes) == len(points) == len(centres):
            raise ModelMismatchError(
                f"{self.id!r} answered {len(scores)} anchors at stride {stride}, not {len(centres)}"
            )
        faces = []
        for index in np.flatnonzero(scores[:, 0] >= ACCEPT):
            reach = boxes[index] * stride
            box = np.concatenate([centres[index] - reach[:2], centres[index] + reach[2:]]).astype(np.float32)
            five = (centres[index] + points[index].reshape(5, 2) * stride).astype(np.float32)
            faces.append(Detection(box, five, float(min(scores[index, 0], 1.0))))
        return faces


def _best(faces: Sequence[Detection]) -> list[Detection]:
    """Of boxes that overlap the best-scoring; ties by place."""
    kept: list[Detection] = []
    for face in sorted(faces, key=lambda one: (-one.score, *one.box.tolist())):
        if all(_overlap(face.box, other.box) <= OVERLAP for other in kept):
            kept.append(face)
    return kept


def _overlap(one: FloatArray, other: FloatArray) -> float:
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    shared = float(np.prod(np.maximum(high - low, 0.0)))
    areas = float(np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2]))
    return shared / max(areas - shared, 1e-9)


def _moved(face: Detection, back: FloatArray) -> Detection:
    """Into the picture's own pixels: areas stay aligned, so centres move by half a pixel."""
    box = ((face.box.reshape(2, 2) + np.float32(0.5)) * back - np.float32(0.5)).reshape(4).astype(np.float32)
    points = ((face.points + np.float32(0.5)) * back - np.float32(0.5)).astype(np.float32)
    return Detection(box, points, face.score)


def load_scrfd(card: Card, files: Mapping[str, Path], options: LoadOptions) -> ScrfdDetector:
    """The detector of a user's card.

    Raises:
        ModelMismatchError: the graph is not what the card says.
        DeviceError: the device is not there.
    """
    return ScrfdDetector(card=card, runner=open_onnx(card, files, options))
