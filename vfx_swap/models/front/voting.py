"""What neighbouring frames say of a pixel: evidence carried along the picture's own motion, and a small vote on it.

One frame's look at blurred skin before skin, or at a grey thing in a highlight, goes wrong by chance; the frames beside
show the same thing a little further on. Evidence, not the matte, is voted on: the matte's edge stays this frame's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.models.front.hands import HandRegions
from vfx_swap.models.front.view import log_light

__all__ = ["Evidence", "carried", "flow_picture", "shown_beside", "voted"]

SHARE = 0.5
"""What a frame beside counts for, against this one's 1, where the same thing is surely seen in both."""
MEETS = 0.008
"""Of the picture's side: where flow forth and back misses by so much, what is carried counts half."""
STOPS = 6.0
"""About its middle, that a picture shows for the flow."""
FAR = 0.05
"""Of the picture's side: what goes so far in a frame is blurred by it, and found again half as well."""
ALIKE = 0.015
"""Of those: where pictures differ by so much along the flow, what is carried counts half."""
SAME_THING = 0.5
"""Mean trust over a hand from which a frame beside shows the very same pixels."""
FEWEST = 12
"""Pixels of a hand over the face from which that can be said."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """What one frame says."""

    picture: FloatArray
    """(n, n) 0 to 1, as `flow_picture` gives it."""
    odds: FloatArray
    """(n, n) log odds of something in front; 0 where nothing is known."""
    inside: np.ndarray
    """(n, n) bool: the face, where odds hold."""


def flow_picture(rgb: FloatArray) -> FloatArray:
    """(n, n) log luminance about its middle, 0 to 1: light that changes for all of the picture is no motion.

    Args:
        rgb: (n, n, 3) display-referred, [0, 1].
    """
    stops = log_light(rgb)[..., 0] / np.float32(np.log(2.0))
    return np.asarray(np.clip((stops - np.median(stops)) / STOPS + 0.5, 0.0, 1.0), dtype=np.float32)


def voted(own: Evidence, beside: Sequence[Evidence]) -> FloatArray:
    """(n, n) log odds of a frame after the frames beside it were heard.

    Args:
        own: the frame.
        beside: the frame before and the one after, those that there are.
    """
    total, weight = own.odds.astype(np.float32), np.ones_like(own.odds)
    for other in beside:
        odds, trust = carried(other, own.picture)
        total = total + SHARE * trust * odds
        # One that cannot tell has no vote.
        weight = weight + SHARE * trust * np.minimum(np.abs(odds), 1.0)
    return np.asarray(np.where(own.inside, total / weight, 0.0), dtype=np.float32)


def carried(other: Evidence, picture: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Another frame's evidence where this frame's picture shows the same things.

    Dense inverse search (T. Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016), forth and back;
    without its spatial propagation, whose result hangs on how many threads share the rows.

    Args:
        other: the frame beside.
        picture: (n, n) of this frame, as `flow_picture` gives it.

    Returns:
        (n, n) log odds, and (n, n) 0 to 1 how far they can be trusted: 0 where the flow does not come back to where it
        began, where the pictures differ along it, and where the other frame does not see the face.
    """
    size = len(picture)
    forth, back = _flow(picture, other.picture), _flow(other.picture, picture)
    y, x = np.mgrid[:size, :size].astype(np.float32)
    at = x + forth[..., 0], y + forth[..., 1]

    def laid(values: np.ndarray) -> FloatArray:
        moved = cv2.remap(values.astype(np.float32), *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        return np.asarray(moved, dtype=np.float32)

    misses = np.hypot(*(forth[..., axis] + laid(back[..., axis]) for axis in (0, 1))) / np.float32(MEETS * size)
    differs = (laid(other.picture) - picture) / np.float32(ALIKE)
    far = np.hypot(forth[..., 0], forth[..., 1]) / np.float32(FAR * size)
    trust = laid(other.inside) / ((1.0 + misses**2) * (1.0 + differs**2) * (1.0 + far**2))
    return laid(other.odds), np.asarray(trust, dtype=np.float32)


def shown_beside(hands: HandRegions, own: Evidence, beside: Sequence[Evidence]) -> bool:
    """True where a frame beside, in which no hand was found, shows the same pixels: then what was found is the face.

    A hand that passes within a frame changes what is under it; a mouth that is taken for fingers does not.

    Args:
        hands: found in this frame alone.
        own: this frame.
        beside: frames beside it without a hand.
    """
    over = (hands.surely > 0.0) & own.inside
    if int(over.sum()) < FEWEST:
        return False
    return any(float(carried(other, own.picture)[1][over].mean()) > SAME_THING for other in beside)


def _flow(one: FloatArray, other: FloatArray) -> FloatArray:
    """(n, n, 2) where each pixel of a picture is in the other, as an offset in pixels."""
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    search.setUseSpatialPropagation(False)
    shown = [np.asarray(np.round(255.0 * np.clip(picture, 0.0, 1.0)), dtype=np.uint8) for picture in (one, other)]
    return np.asarray(search.calc(shown[0], shown[1], None), dtype=np.float32)
