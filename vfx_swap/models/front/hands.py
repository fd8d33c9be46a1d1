"""A hand's 21 points as regions of a picture: where it surely is, and as far as it may reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vfx_swap.arrays import FloatArray
from vfx_swap.models.pictures import Matrix, apply, cut_upright
from vfx_swap.models.protocols import Hand, HandFinder
from vfx_swap.types import ModelImage

__all__ = [
    "HandRegions",
    "hand_regions",
    "hands_looked_for",
    "hands_near",
    "hidden_landmarks",
    "moved_hand",
    "palm_length",
]

FINGERS = ((1, 2, 3, 4), (5, 6, 7, 8), (9, 10, 11, 12), (13, 14, 15, 16), (17, 18, 19, 20))
PALM = (0, 1, 5, 9, 13, 17)
FINGER = (0.055, 0.115, 0.22)
"""Half the width of a finger, as a fraction of the palm's length: surely, likely, and at most."""
PALM_EDGE = (0.10, 0.22)
"""How far flesh goes past the palm's points: likely, and at most."""
FOREARM = (0.26, 0.38)
"""Half the width of a forearm: likely, and at most."""
FOREARM_LENGTH = 3.0
WIDE, SEEN = 2.1, 448
"""Side of the piece that hands are looked for in, in faces, and in pixels: a palm just outside the face counts."""
LOOKS = ((3.0, 0.5, 0.0), (4.0, 0.5, -30.0), (4.0, 0.5, 30.0), (3.0, 0.5, 30.0), (3.0, 0.5, -30.0))
"""Side of a piece in faces, how far below the face's middle it lies, and its turn in degrees: where a hand is looked
for again. A detector of palms is sure of one size and turn and blind to the next."""
SMALL = 128


@dataclass(frozen=True, eq=False)
class HandRegions:
    """Pictures of (size, size), 0 or 1, each inside the next."""

    surely: FloatArray
    likely: FloatArray
    """As wide as hands usually are, forearm included."""
    at_most: FloatArray


def hand_regions(hands: Sequence[Hand], *, size: int) -> HandRegions:
    """Where hands are.

    Args:
        hands: points in pixels of the picture.
        size: its side.
    """
    drawn = [np.zeros((size, size), np.uint8) for _ in range(3)]
    for hand in hands:
        _draw(drawn, hand.points[:, :2].astype(np.float64))
    surely, likely, at_most = (one.astype(np.float32) for one in drawn)
    return HandRegions(surely=surely, likely=np.maximum(likely, surely), at_most=np.maximum(at_most, likely))


def _draw(drawn: Sequence[np.ndarray], points: np.ndarray) -> None:
    """One hand into the three pictures."""
    palm = palm_length(points)
    hull = cv2.convexHull(points[list(PALM)].astype(np.float32))[:, 0]
    middle = points[list(PALM)].mean(axis=0)
    for picture, outline in zip(drawn, (middle + 0.85 * (hull - middle), hull, hull), strict=True):
        cv2.fillPoly(picture, [np.round(outline).astype(np.int32)], 1)
    for picture, edge in zip(drawn[1:], PALM_EDGE, strict=True):
        cv2.polylines(picture, [np.round(hull).astype(np.int32)], True, 1, _thick(edge, palm))
    for picture, width in zip(drawn, FINGER, strict=True):
        for finger in FINGERS:
            cv2.polylines(picture, [np.round(points[list(finger)]).astype(np.int32)], False, 1, _thick(width, palm))
    along = points[0] - points[9]
    far = points[0] + along / max(float(np.linalg.norm(along)), 1e-6) * FOREARM_LENGTH * palm
    ends = [tuple(np.round(end).astype(int).tolist()) for end in (points[0], far)]
    for picture, width in zip(drawn[1:], FOREARM, strict=True):
        cv2.line(picture, ends[0], ends[1], 1, _thick(width, palm))


def palm_length(points: FloatArray) -> float:
    """From the wrist to the knuckles, or across them, in pixels of the points (21, 2 or 3)."""
    flat = points[:, :2].astype(np.float64)
    return max(float(np.linalg.norm(flat[9] - flat[0])), float(np.linalg.norm(flat[5] - flat[17])), 1.0)


def _thick(half: float, palm: float) -> int:
    return min(255, max(1, round(2.0 * half * palm)))


def hands_near(
    image: ModelImage, points: FloatArray, *, finder: HandFinder, wide: float = WIDE, size: int = SEEN
) -> tuple[Hand, ...]:
    """The hands about a face, in the picture's pixels.

    Args:
        image: the picture.
        points: (478, 3) landmarks of the face, pixels of the picture.
        finder: of hands; it is shown a piece about the face.
        wide: side of that piece, as a multiple of the face's.
        size: its side in pixels.
    """
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    side = wide * max(4.0, float((high - low).max()))
    piece, back = cut_upright(image.rgb, centre=(low + high) / 2, side=side, roll_degrees=0.0, size=size)
    return tuple(moved_hand(hand, back) for hand in finder.hands(ModelImage(piece)))


def hands_looked_for(image: ModelImage, points: FloatArray, *, finder: HandFinder) -> tuple[Hand, ...]:
    """The hands about a face that `hands_near` shows none of, from wider and turned pieces: the first that shows one.

    For frames in which something must be there: up to five looks a frame.

    Args:
        image: the picture.
        points: (478, 3) landmarks of the face, pixels of the picture.
        finder: of hands.
    """
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    side = max(4.0, float((high - low).max()))
    for wide, below, turn in LOOKS:
        centre = (low + high) / 2 + np.array([0.0, below * side])
        piece, back = cut_upright(image.rgb, centre=centre, side=wide * side, roll_degrees=turn, size=SEEN)
        found = finder.hands(ModelImage(piece))
        if found:
            return tuple(moved_hand(hand, back) for hand in found)
    return ()


def moved_hand(hand: Hand, matrix: Matrix) -> Hand:
    """A hand through a 2x3 similarity."""
    points = hand.points.astype(np.float64)
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    moved = np.column_stack([apply(matrix, points[:, :2]), points[:, 2] * scale])
    return Hand(points=moved.astype(np.float32), score=hand.score)


def hidden_landmarks(points: FloatArray, hands: Sequence[Hand]) -> NDArray[np.bool_]:
    """(n,) which of a face's landmarks lie behind hands.

    Args:
        points: (n, 2 or 3) in the hands' pixels.
        hands: what may lie in front.
    """
    if not hands:
        return np.zeros(len(points), dtype=bool)
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    scale = (SMALL - 1) / max(1.0, float((high - low).max()))
    matrix = np.array([[scale, 0.0, -scale * low[0]], [0.0, scale, -scale * low[1]]])
    likely = hand_regions([moved_hand(hand, matrix) for hand in hands], size=SMALL).likely
    at = np.clip(np.round(apply(matrix, points[:, :2])).astype(int), 0, SMALL - 1)
    hidden: NDArray[np.bool_] = likely[at[:, 1], at[:, 0]] > 0.0
    return hidden
