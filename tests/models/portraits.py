"""The two public-domain portraits that come with installed packages, and what is done to them in tests."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vfx_swap.arrays import FloatArray
from vfx_swap.types import ModelImage

__all__ = ["astronaut", "covered", "hopper", "image", "mirrored", "motion_blurred", "rolled"]


def _portrait(package: str, name: str) -> FloatArray:
    files = importlib.metadata.files(package) or []
    path = next(Path(str(file.locate())) for file in files if file.name == name)
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert pixels is not None, path
    return np.ascontiguousarray(pixels[:, :, ::-1]).astype(np.float32) / np.float32(255.0)


def astronaut() -> FloatArray:
    """Eileen Collins, NASA: 512x512, a face 118 pixels high."""
    return _portrait("scikit-image", "astronaut.png")


def hopper() -> FloatArray:
    """Grace Hopper, US Navy: 600x512 (height x width), a face 218 pixels high."""
    return _portrait("matplotlib", "grace_hopper.jpg")


def image(rgb: NDArray[np.floating]) -> ModelImage:
    return ModelImage(np.ascontiguousarray(np.clip(rgb, 0.0, 1.0).astype(np.float32)))


def mirrored(rgb: FloatArray) -> FloatArray:
    return np.ascontiguousarray(rgb[:, ::-1])


def rolled(rgb: FloatArray, degrees: float) -> tuple[FloatArray, NDArray[np.float64]]:
    """The picture turned clockwise into one that holds it whole, and the 2x3 matrix from old to new pixels."""
    height, width = rgb.shape[:2]
    side = int(np.hypot(height, width)) + 1
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shift = np.full(2, (side - 1) / 2) - turn @ np.array([(width - 1) / 2, (height - 1) / 2])
    matrix = np.hstack([turn, shift[:, None]])
    turned = cv2.warpAffine(rgb, matrix, (side, side), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.clip(turned, 0.0, 1.0), matrix


def motion_blurred(rgb: FloatArray, length: int) -> FloatArray:
    """Blurred sideways by that many pixels."""
    return np.asarray(cv2.blur(rgb, (length, 1)), dtype=np.float32)


def covered(rgb: FloatArray, box: FloatArray, *, side: str) -> FloatArray:
    """A grey card before half of the face: `left`, `right` or `low`."""
    left, top, right, bottom = (round(float(value)) for value in box)
    margin = (bottom - top) // 10
    middle_x, middle_y = (left + right) // 2, (top + bottom) // 2
    hidden = rgb.copy()
    rows = slice(middle_y, bottom + margin) if side == "low" else slice(max(0, top - margin), bottom + margin)
    columns = {
        "left": slice(max(0, left - margin), middle_x),
        "right": slice(middle_x, right + margin),
        "low": slice(max(0, left - margin), right + margin),
    }[side]
    hidden[rows, columns] = 0.35
    return hidden
