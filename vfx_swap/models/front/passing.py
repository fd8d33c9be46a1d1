"""A hand that passes, over the frames of a track: where it is by all of them, and what it covers while it moves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.comp.motion import MotionBlur, blur_along
from vfx_swap.models.front.hands import HandRegions, palm_length
from vfx_swap.models.front.view import FaceView
from vfx_swap.models.protocols import Hand
from vfx_swap.models.reprojection.soft import blur

__all__ = ["hand_ways", "placed_hands", "settled", "swept"]

WINDOW = 3
"""Frames before and after whose hands say where its points are."""
LEAST_OTHERS = 2
"""Hands beside a frame's own below which nothing can be said of it."""
STIFF = 0.15
"""Share of the palm's length by which points of a hand that holds its shape differ from frame to frame, in the middle:
a hand that is found badly is off by less; one that closes, or turns over, by more."""
SHUTTER = 0.5
"""Share of a frame that a shutter is open: 180 degrees, as films are shot. True mattes of doubles' hands, made hard and
swept with 0.25 to 0.6 of a frame, are whole to 0.78 and more; left hard, to 0.5 and more."""
SHORTEST = 2.0
"""Pixels of a matte under which a motion is no blur."""
REACH = 0.075
"""How far beside its place a moving hand is looked for, as a fraction of the picture's side."""
SMOOTH = 0.2
"""Over which a hand's colours are even, likewise."""
STRANGE = 40.0
"""Squared spreads of misfit, all channels together, from which on a pixel is no worse."""
LEAST_BETTER = 0.06
"""Share of the misfit that another place must save."""
HELD = 20
"""Pixels of a hand over the face from which its place can be told."""
PLACES = (0, 1, 2, 5, 9, 13, 17)
"""Points of the palm, which say where a hand goes: tips are found worse."""


def placed_hands(hands: Sequence[Hand | None], times: Sequence[int]) -> list[Hand | None]:
    """One hand through frames, each with its points where most frames near it say, as far as it holds its shape.

    A blurred finger is found beside its place in single frames; the shape of the hand is one, and only its place,
    turn and size are each frame's own. Frames about are laid on each by the similarity that fits most points (least
    squares, weighed anew as in P. Holland and R. Welsch, "Robust regression using iteratively reweighted
    least-squares", 1977), and the middle of all is taken.

    Args:
        hands: of each frame, in pixels that do not move with the face; None: none, or not one alone.
        times: of each frame, in frames.
    """
    out: list[Hand | None] = []
    for index, hand in enumerate(hands):
        if hand is None:
            out.append(None)
            continue
        palm = palm_length(hand.points)
        laid = [hand.points[:, :2].astype(np.float64)]
        for other in range(max(0, index - WINDOW), min(len(hands), index + WINDOW + 1)):
            beside = hands[other]
            if other != index and beside is not None and abs(times[other] - times[index]) == abs(other - index):
                laid.append(_laid_on(beside.points[:, :2].astype(np.float64), laid[0], near=0.1 * palm))
        middle = np.median(laid, axis=0)
        off = np.median(np.linalg.norm(np.asarray(laid) - middle, axis=-1), axis=0)
        if len(laid) <= LEAST_OTHERS or float(np.max(off)) > STIFF * palm:
            out.append(hand)
            continue
        points = np.column_stack([middle, hand.points[:, 2]]).astype(np.float32)
        out.append(replace(hand, points=points))
    return out


def _laid_on(points: np.ndarray, wanted: np.ndarray, *, near: float) -> np.ndarray:
    """(n, 2) points through the similarity that brings most of them to those wanted."""
    one, other = (at[:, 0] + 1j * at[:, 1] for at in (points, wanted))
    weight = np.ones(len(points))
    laid = one
    for _ in range(6):
        share = weight / weight.sum()
        middle_one, middle_other = (share * one).sum(), (share * other).sum()
        away = one - middle_one
        turn = (share * np.conj(away) * (other - middle_other)).sum() / max(float((share * abs(away) ** 2).sum()), 1e-9)
        laid = turn * away + middle_other
        weight = 1.0 / (1.0 + (abs(laid - other) / max(near, 1e-6)) ** 2)
    return np.stack([laid.real, laid.imag], axis=1)


def hand_ways(hands: Sequence[Hand | None], times: Sequence[int]) -> list[np.ndarray | None]:
    """(2,) how far a hand goes in a frame, at each: half the way from the frame before to the one after.

    Args:
        hands: of each frame, in pixels that do not move with the face.
        times: of each frame, in frames.

    Returns:
        For each frame: None where no frame beside it has a hand.
    """
    out: list[np.ndarray | None] = []
    for index, hand in enumerate(hands):
        steps = []
        for other in (index - 1, index + 1):
            beside = hands[other] if 0 <= other < len(hands) else None
            if hand is not None and beside is not None and abs(times[other] - times[index]) == 1:
                move = beside.points[list(PLACES), :2].astype(np.float64) - hand.points[list(PLACES), :2]
                steps.append((other - index) * np.median(move, axis=0))
        out.append(np.mean(steps, axis=0) if steps else None)
    return out


def settled(
    hands: HandRegions,
    way: np.ndarray | None,
    view: FaceView,
    left: FloatArray,
    spreads: FloatArray,
    known: FloatArray,
) -> HandRegions:
    """A moving hand where it explains the picture best: found anywhere in its streak, it is moved by a little.

    At each place tried, the picture is taken for the known face under a hand of even colours, as soft as its motion
    is long; the place of least misfit is kept, if it is clearly better than the one found.

    Args:
        hands: as found.
        way: (2,) of the hand in a frame, in pixels of the view; None: not known.
        view: of the face.
        left: (k, 3) what the known face leaves unexplained, in log.
        spreads: (k, 3) the same in spreads.
        known: (k,) how well the face is known.
    """
    length = 0.0 if way is None else SHUTTER * math.hypot(float(way[0]), float(way[1]))
    at = (view.rows, view.columns)
    weight = known * (view.facing > 0.1)
    if way is None or length < 0.5 * SHORTEST or float(weight.sum()) <= 0.0:
        return hands
    motion = MotionBlur(length_pixels=length, angle_degrees=math.degrees(math.atan2(way[1], way[0])) % 180.0)
    soft = blur_along(hands.likely, motion)
    inside = view.picture(np.ones(len(view.rows), np.float32))
    seen = view.picture(view.log)
    spread = np.maximum(np.abs(left / np.where(np.abs(spreads) < 1e-6, 1e-6, spreads)), 0.03)

    def misfit(x: int, y: int) -> float:
        coverage = _moved(soft, x, y)
        whole = np.asarray((coverage > 0.9) * inside, np.float32)
        if float(whole.sum()) < HELD:
            return math.inf
        share = np.maximum(blur(whole, SMOOTH * view.size), 1e-4)
        colour = blur(seen * whole[..., None], SMOOTH * view.size) / share[..., None]
        off = (left - coverage[at][:, None] * (colour[at] - view.log + left)) / spread
        return float((np.minimum((off**2).sum(axis=1), STRANGE) * weight).sum(dtype=np.float64))

    found = misfit(0, 0)
    if math.isinf(found):
        return hands
    reach = max(1, round(0.5 * REACH * view.size))
    steps = range(-2 * reach, 2 * reach + 1, 2)
    tried = {(x, y): misfit(x, y) for y in steps for x in steps}
    x, y = min(tried, key=lambda place: tried[place])
    if tried[x, y] > (1.0 - LEAST_BETTER) * found:
        return hands
    return HandRegions(*(_moved(one, x, y) for one in (hands.surely, hands.likely, hands.at_most)))


def _moved(picture: FloatArray, x: int, y: int) -> FloatArray:
    matrix = np.array([[1.0, 0.0, x], [0.0, 1.0, y]])
    moved = cv2.warpAffine(picture, matrix, picture.shape[::-1], flags=cv2.INTER_NEAREST)
    return np.asarray(moved, dtype=np.float32)


def swept(matte: np.ndarray, hands: HandRegions, inside: np.ndarray, way: np.ndarray | None) -> np.ndarray:
    """A hand's matte with what it covers while the shutter is open: coverage as soft as the motion is long.

    Args:
        matte: (n, n) uint8, sharp, known over the face alone; what is out of the hand's reach stays as it is.
        hands: (m, m) of the same window: past the face the hand is taken to be where it likely is.
        inside: (m, m) bool, the face.
        way: (2,) of the hand in a frame, in the matte's pixels; None: not known.
    """
    length = 0.0 if way is None else SHUTTER * math.hypot(float(way[0]), float(way[1]))
    if way is None or length < SHORTEST or not hands.surely.any():
        return matte
    size = matte.shape[::-1]
    beyond = hands.likely * cv2.erode((~inside).astype(np.uint8), np.ones((3, 3), np.uint8))
    whole = np.maximum(matte.astype(np.float32), 255.0 * cv2.resize(beyond, size, interpolation=cv2.INTER_LINEAR))
    motion = MotionBlur(length_pixels=length, angle_degrees=math.degrees(math.atan2(way[1], way[0])) % 180.0)
    soft = blur_along(whole.astype(np.float32), motion)
    reach = blur_along(cv2.resize(hands.at_most, size, interpolation=cv2.INTER_LINEAR), motion) > 1e-3
    return np.where(reach, np.round(np.clip(soft, 0.0, 255.0)), matte).astype(np.uint8)
