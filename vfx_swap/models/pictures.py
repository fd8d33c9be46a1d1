"""Cutting pieces out of a model image, turned and scaled, with the way back.

Convention: x right, y down, pixel centres at integers. A `back` matrix is 2x3 float64 and takes piece
pixels to picture pixels: `picture = back @ (x, y, 1)`.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vfx_swap.arrays import FloatArray

__all__ = ["Matrix", "apply", "bytes_of", "cut_upright", "resize", "scale_back", "similarity_roll", "turn_quarter"]

Matrix = NDArray[np.float64]

_UPRIGHT = np.array([[-0.5, -0.55], [0.5, -0.55], [0.0, 0.1], [-0.4, 0.6], [0.4, 0.6]])
"""Eyes, nose and mouth corners of an upright frontal face about its centre; only the proportions matter."""


def apply(matrix: Matrix, points: NDArray[np.floating]) -> Matrix:
    """Points (n, 2) through a 2x3 matrix, float64."""
    return np.asarray(points, dtype=np.float64) @ matrix[:, :2].T + matrix[:, 2]


def bytes_of(rgb: FloatArray) -> NDArray[np.uint8]:
    """A model image's values in [0, 1] as 8 bits, rounded, for networks that take bytes."""
    return np.ascontiguousarray((rgb * np.float32(255.0) + np.float32(0.5)).astype(np.uint8))


def scale_back(scale_x: float, scale_y: float) -> Matrix:
    """The way back from a picture resized by these factors; pixel areas stay aligned at the edges."""
    return np.array([[1 / scale_x, 0, 0.5 / scale_x - 0.5], [0, 1 / scale_y, 0.5 / scale_y - 0.5]])


def resize(rgb: FloatArray, *, scale: float) -> tuple[FloatArray, Matrix]:
    """The picture resized (area-averaged when smaller, bicubic when larger), and the way back."""
    height, width = rgb.shape[:2]
    new_width, new_height = max(1, round(width * scale)), max(1, round(height * scale))
    if (new_width, new_height) == (width, height):
        return rgb, scale_back(1.0, 1.0)
    how = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_CUBIC
    small = np.clip(cv2.resize(rgb, (new_width, new_height), interpolation=how), 0.0, 1.0).astype(np.float32)
    return small, scale_back(new_width / width, new_height / height)


def turn_quarter(rgb: FloatArray, *, turns: int) -> tuple[FloatArray, Matrix]:
    """The picture turned clockwise by quarter turns, and the way back."""
    height, width = rgb.shape[:2]
    turned = np.ascontiguousarray(np.rot90(rgb, -turns))
    back = {
        0: [[1, 0, 0], [0, 1, 0]],
        1: [[0, 1, 0], [-1, 0, height - 1]],
        2: [[-1, 0, width - 1], [0, -1, height - 1]],
        3: [[0, -1, width - 1], [1, 0, 0]],
    }[turns % 4]
    return turned, np.array(back, dtype=np.float64)


def similarity_roll(points: NDArray[np.floating]) -> float:
    """Roll of a face in degrees, clockwise, by the best similarity from an upright face's five points.

    More robust than the eye line, which has no length on a profile (Umeyama 1991, rotation part in 2D).
    """
    seen = np.asarray(points, dtype=np.float64)
    seen = seen - seen.mean(axis=0)
    upright = _UPRIGHT - _UPRIGHT.mean(axis=0)
    dot = float((upright * seen).sum())
    cross = float((upright[:, 0] * seen[:, 1] - upright[:, 1] * seen[:, 0]).sum())
    return float(np.degrees(np.arctan2(cross, dot)))


def cut_upright(
    rgb: FloatArray,
    *,
    centre: NDArray[np.floating],
    side: float,
    roll_degrees: float,
    size: int,
    grey_outside: bool = False,
) -> tuple[FloatArray, Matrix]:
    """A square piece of the picture in which a face of that roll stands upright, and the way back.

    Args:
        rgb: (height, width, 3).
        centre: (2,) picture pixels of the piece's centre.
        side: side of the piece in picture pixels.
        roll_degrees: clockwise roll of the face, taken out.
        size: side of the result in pixels.
        grey_outside: middle grey outside the picture; otherwise its border repeats.

    When the piece shrinks by more than two, the picture is area-averaged first, so that nothing aliases.
    """
    scale = size / side
    reach = side * 0.75 + 2.0
    height, width = rgb.shape[:2]
    left, top = (max(0, int(np.floor(value - reach))) for value in (float(centre[0]), float(centre[1])))
    left, top = min(left, width - 1), min(top, height - 1)
    right = max(left + 1, min(width, int(np.ceil(centre[0] + reach)) + 1))
    bottom = max(top + 1, min(height, int(np.ceil(centre[1] + reach)) + 1))
    region: FloatArray = np.ascontiguousarray(rgb[top:bottom, left:right])
    to_picture = np.array([[1.0, 0.0, left], [0.0, 1.0, top]])
    if scale < 0.5:
        region, shrunk_back = resize(region, scale=scale * 1.5)
        to_picture = np.hstack([shrunk_back[:, :2], shrunk_back[:, 2:] + to_picture[:, 2:]])
    angle = np.radians(roll_degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / scale
    middle = np.full(2, (size - 1) / 2)
    back = np.hstack([turn, (np.asarray(centre, dtype=np.float64) - turn @ middle)[:, None]])
    # Piece -> region is the way OpenCV samples: no inversion, no rounding of an inverse.
    inverse = np.linalg.inv(np.vstack([to_picture, [0, 0, 1]]))
    matrix = (inverse @ np.vstack([back, [0, 0, 1]]))[:2]
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    border = cv2.BORDER_CONSTANT if grey_outside else cv2.BORDER_REPLICATE
    grey = (0.5, 0.5, 0.5)
    piece = cv2.warpAffine(region, matrix, (size, size), flags=how, borderMode=border, borderValue=grey)
    return np.clip(piece, 0.0, 1.0).astype(np.float32), back
