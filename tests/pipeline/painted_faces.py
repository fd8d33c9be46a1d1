"""Faces as painted discs, and models that read them: a face detector's behaviour without a network.

A performer is a colour. What hides part of a disc hides part of the face: findings then shrink and shift, the
landmarker takes whatever face fills most of its box, and the recogniser grows unsure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.models.protocols import HandFinder
from vfx_swap.types import Detection, Embedding, Frame, Landmarks, ModelImage, Pose, Window

TEMPLATE = np.random.default_rng(7).uniform(-1.0, 1.0, (478, 3)).astype(np.float32)
TEMPLATE[0], TEMPLATE[1] = (-1, -1, 0), (1, 1, 0)
"""Landmarks of a face of radius 1; the corners fix its extent."""
SHADES = (0.25, 0.5, 0.75, 1.0)
BACKGROUND = 0.2


@dataclass(frozen=True)
class Disc:
    """A face: performer (index of a shade), middle in plate pixels, radius."""

    performer: int
    x: float
    y: float
    radius: float = 20.0


def paint(number: int, discs: Sequence[Disc], *, window: Window = Window(0, 0, 320, 180)) -> Frame:
    """A frame; later discs are in front."""
    rows, columns = np.mgrid[window.y : window.bottom, window.x : window.right]
    # A ramp, so that the picture has something in common with the next one and a cut has not.
    rgb = np.empty((window.height, window.width, 3), dtype=np.float32)
    rgb[:] = (BACKGROUND * columns / max(window.width, 1))[:, :, None]
    for disc in discs:
        inside = (columns - disc.x) ** 2 + (rows - disc.y) ** 2 <= disc.radius**2
        rgb[inside] = SHADES[disc.performer]
    return Frame(number=number, rgb=rgb, data_window=window, display_window=window, colour_space="ACEScg")


def as_seen(frame: Frame) -> ModelImage:
    """How the painted models see a frame: as it is."""
    return ModelImage(np.clip(np.nan_to_num(frame.rgb, nan=0.0), 0.0, 1.0))


def _where(image: ModelImage, performer: int, box: FloatArray | None = None) -> tuple[np.ndarray, np.ndarray]:
    left, top, right, bottom = (0, 0, image.rgb.shape[1], image.rgb.shape[0]) if box is None else box.astype(int)
    left, top = max(left, 0), max(top, 0)
    rows, columns = np.nonzero(np.abs(image.rgb[top : bottom + 1, left : right + 1, 0] - SHADES[performer]) < 0.02)
    return rows + top, columns + left


def _main_performer(image: ModelImage, box: FloatArray) -> tuple[int, int]:
    """Who fills most of a box, and with how many pixels."""
    counts = [len(_where(image, performer, box)[0]) for performer in range(len(SHADES))]
    return int(np.argmax(counts)), max(counts)


@dataclass
class PaintedDetector:
    id: str = "painted-detector"
    calls: int = 0
    blind: bool = False

    def detect(self, image: ModelImage, /) -> Sequence[Detection]:
        self.calls += 1
        found = []
        for performer in range(len(SHADES)):
            rows, columns = _where(image, performer)
            if len(rows) < 150 or self.blind:
                continue
            box = np.array([columns.min(), rows.min(), columns.max(), rows.max()], dtype=np.float32)
            seen = len(rows) / (np.pi / 4 * max((box[2] - box[0]) * (box[3] - box[1]), 1.0))
            if seen > 0.4:
                found.append(Detection(box, np.zeros((5, 2), np.float32), float(min(seen, 1.0))))
        return sorted(found, key=lambda one: -one.score)


@dataclass
class PaintedLandmarker:
    id: str = "painted-landmarker"
    jitter: float = 0.0
    calls: int = 0
    confidence: Mapping[int, float] = field(default_factory=dict)
    """Call number -> confidence, for faces that are hard to see."""

    def landmarks(self, image: ModelImage, detection: Detection, /) -> Landmarks | None:
        self.calls += 1
        size = detection.box[2:] - detection.box[:2]
        crop = np.concatenate([detection.box[:2] - size / 4, detection.box[2:] + size / 4])
        performer, count = _main_performer(image, crop)
        if count < 100:
            return None
        rows, columns = _where(image, performer, crop)
        middle = [(columns.min() + columns.max()) / 2, (rows.min() + rows.max()) / 2]
        radius = (np.ptp(columns) + np.ptp(rows)) / 4
        points = TEMPLATE * np.float32(radius)
        points[:, :2] += np.array(middle, dtype=np.float32)
        points += np.random.default_rng(self.calls).normal(0.0, self.jitter, points.shape).astype(np.float32)
        return Landmarks(
            points, np.full(52, 0.25, np.float32), Pose(1.0, 2.0, 3.0), self.confidence.get(self.calls, 0.9)
        )


@dataclass
class PaintedRecogniser:
    id: str = "painted-recogniser"
    same_person_below: float = 0.6
    calls: int = 0
    colour_blind: bool = False

    def embed(self, image: ModelImage, detection: Detection, /) -> Embedding:
        self.calls += 1
        performer, count = _main_performer(image, detection.box)
        width, height = detection.box[2:] - detection.box[:2]
        clear = min(count / (np.pi / 4 * max(width * height, 1.0)), 1.0)
        vector = np.full(4, 0.25 * (1 - clear), dtype=np.float32)
        vector[0 if self.colour_blind else performer] += clear
        return Embedding(self.id, (vector * 0.6).astype(np.float32))


@dataclass
class PaintedModels:
    detector: PaintedDetector = field(default_factory=PaintedDetector)
    landmarker: PaintedLandmarker = field(default_factory=PaintedLandmarker)
    recogniser: PaintedRecogniser = field(default_factory=PaintedRecogniser)
    digests: Mapping[str, str] = field(default_factory=lambda: {"painted/model.bin": "00" * 32})
    hands: HandFinder | None = None
