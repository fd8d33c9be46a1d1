"""How far to trust a face's landmarks.

The network reports no such number, so it is put together from five things measured on the two public-domain
portraits (skimage's astronaut, matplotlib's grace_hopper) sharp, blurred and half covered:

* the detector's score: 0.84 to 0.92 for a whole face, 0.57 to 0.8 half covered;
* agreement of two looks, one at the mirrored picture: 0.4 to 0.8 % of face height apart when sharp, 1 to 2.5 %
  with a motion blur of 10 %, 2 to 6 % with 20 % or half covered;
* agreement of the first look, centred on the detection, with the second, centred on the landmarks: below 1 %
  for a whole face, up to 10 % half covered;
* the share of landmarks inside the picture: the others are guesses;
* sharpness across the blurred direction: 8 and more when sharp, 5 to 7 with 10 % of motion blur, 2 to 4 with 20 %.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vfx_swap.arrays import FloatArray
from vfx_swap.models.pictures import cut_upright

__all__ = ["apart", "confidence_of", "sharpness"]

FULL_SCORE = 0.8
"""Detector score from which on nothing is taken off."""
MIRROR_APART = 0.02
"""Distance between the looks, in face heights, that halves the confidence."""
FIRST_APART = 0.05
"""Likewise between the first and the second look."""
SHARP = 8.0
BLURRED = 1.0
_SIDE = 48
_LUMA = np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)


def confidence_of(*, score: float, first_apart: float, mirror_apart: float, inside: float, sharp: float) -> float:
    """Confidence in [0, 1]: the product of a term for each measure.

    Args:
        score: of the detector, 0 to 1.
        first_apart: distance of the first look from the second, in face heights.
        mirror_apart: distance of the mirrored look from the second, in face heights; inf when it saw no face.
        inside: share of the landmarks that lie in the picture.
        sharp: see `sharpness`.
    """
    seen = min(1.0, max(0.0, score) / FULL_SCORE)
    agreed = 1.0 / (1.0 + (mirror_apart / MIRROR_APART) ** 2) / (1.0 + (first_apart / FIRST_APART) ** 2)
    clear = (sharp - BLURRED) / (SHARP - BLURRED)
    return float(seen * agreed * inside * min(1.0, max(0.0, clear)))


def apart(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Root mean square distance in the picture of two sets of landmarks, in face heights (10 to 152)."""
    height = max(1.0, float(np.linalg.norm(one[10, :2] - one[152, :2])))
    return float(np.sqrt(((one[:, :2] - other[:, :2]) ** 2).sum(axis=1).mean())) / height


def sharpness(rgb: FloatArray, *, points: NDArray[np.float64], roll_degrees: float) -> float:
    """Fine over coarse detail of a face, in the direction where it has least.

    The face is scaled to 48 pixels, so that grain and resolution matter little. Structure tensors (Förstner
    and Gülch 1987) of the picture and of itself blurred by a sixteenth of the face are compared by their
    generalised eigenvalues: the smallest lies across the strokes of a motion blur.
    """
    height = max(1.0, float(np.linalg.norm(points[10, :2] - points[152, :2])))
    centre = points[:, :2].mean(axis=0)
    piece, _ = cut_upright(rgb, centre=centre, side=height, roll_degrees=roll_degrees, size=_SIDE)
    luma = piece @ _LUMA
    rows, columns = np.mgrid[:_SIDE, :_SIDE] / _SIDE - 0.5
    inside = ((columns / 0.32) ** 2 + (rows / 0.45) ** 2 < 1).astype(np.float64)
    fine, coarse = _tensor(luma, inside), _tensor(cv2.GaussianBlur(luma, (0, 0), _SIDE / 16), inside)
    floor = 1e-9 * np.eye(2)  # a flat patch has no gradient at all
    return float(np.linalg.eigvals(np.linalg.solve(coarse + floor, fine)).real.min())


def _tensor(luma: FloatArray, inside: NDArray[np.float64]) -> NDArray[np.float64]:
    across = cv2.Sobel(luma, cv2.CV_32F, 1, 0).astype(np.float64)
    down = cv2.Sobel(luma, cv2.CV_32F, 0, 1).astype(np.float64)
    mixed = (inside * across * down).sum()
    return np.array([[(inside * across * across).sum(), mixed], [mixed, (inside * down * down).sum()]])
