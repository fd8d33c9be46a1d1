"""What of a view is not the face: from what the known face leaves unexplained, and from the hands found in it."""

from __future__ import annotations

import cv2
import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.models.front.appearance import Appearance, ViewLight, left_over
from vfx_swap.models.front.hands import HandRegions
from vfx_swap.models.front.view import FaceView
from vfx_swap.models.front.walker import walk
from vfx_swap.models.reprojection.soft import blur, smoothstep

__all__ = ["confirmed", "front_of", "is_clear", "odds_of"]

PRIOR = -3.0
"""Log odds of something in front where a view fits."""
COLOUR, LIGHT = 0.16, 0.10
"""Log odds for each squared spread of misfit in colour, and in luminance."""
MOST_LIGHT = 2.2
"""Most that luminance alone may say where it could be a shadow or a highlight of the face."""
BURNT = (-0.45, -0.1)
"""Log of display luminance between which a pixel burns out."""
GLOSS = 0.2
"""What colour says where it is a highlight's."""
GREYED = 0.65
"""Share of the way from skin's colour to white that sheen takes a shadow at the most; a grey thing goes all of it."""
BLACK = -1.3
"""Misfit of log luminance under which no shadow of a lit shot goes."""
EDGE = (0.16, 0.06, 0.07)
"""Steps, in log luminance and colours, at which the bond of two pixels is weak."""
HAND_SPREAD = (0.15, 0.05, 0.06)
"""Least spread of a hand's luminance and colours about its mean nearby."""

GAP = 0.015
"""Share of the face under which a gap that something in front encloses is a mistake wherever a hand was found."""

LIKELY, UNLIKELY, BEYOND = 2.5, 0.0, -1.5
"""Log odds by place: within the usual width of a hand that was found, within the greatest, and past it."""
SPECK, HOLE = 0.003, 0.06
"""Shares of the face under which something in front is a mistake, and a gap in a hand is one."""

SURELY = 1.5
"""Log odds, beside those of its place, on a hand's bones as found: of a blurred hand they are found badly."""
MISFIT = 3.5
"""Spreads of misfit, all channels together, from which a pixel is strange."""
CONFIRMED = 0.4
"""Share of strange pixels under a hand that one frame alone has and that is there (a mistaken one had 0.3)."""


def front_of(
    view: FaceView,
    appearance: Appearance,
    light: ViewLight,
    *,
    hands: HandRegions,
    odds: FloatArray | None = None,
) -> FloatArray:
    """(size, size) 0 to 1: how surely something lies in front.

    Args:
        view: of the face.
        appearance: of the performer.
        light: of the view.
        hands: where hands are.
        odds: (k,) in place of `odds_of` this view alone.
    """
    left, _, _ = left_over(view, appearance, light)
    if odds is None:
        odds = odds_of(view, appearance, light, hands=hands)
    surely = hands.surely[view.rows, view.columns] > 0.0
    wanted = view.picture(np.asarray(1.0 / (1.0 + np.exp(-odds)), np.float32))
    weight = view.picture(np.asarray(0.06 * np.abs(odds) ** 1.5 + 0.2 * surely, np.float32))
    inside = view.picture(np.ones(len(view.rows), np.float32)) > 0.0
    edge = np.asarray(EDGE, np.float32)
    found = walk(wanted, weight, (view.picture(left / edge), view.picture(view.log / edge)), inside)
    return _whole(found, inside, hands)


def odds_of(view: FaceView, appearance: Appearance, light: ViewLight, *, hands: HandRegions) -> FloatArray:
    """(k,) log odds, pixel by pixel, that something lies in front; 0 where nothing can be told.

    Args:
        view: of the face.
        appearance: of the performer.
        light: of the view.
        hands: where hands are.
    """
    left, spreads, known = left_over(view, appearance, light)
    known = known * (1.0 - _burnt(view))
    colour = (spreads[:, 1:] ** 2).sum(axis=1) * np.where(_glossy(view, left), GLOSS, 1.0)
    light_odds = LIGHT * spreads[:, 0] ** 2
    light_odds = np.where(left[:, 0] < BLACK, light_odds, np.minimum(light_odds, MOST_LIGHT))
    odds = PRIOR + np.minimum(COLOUR * colour, 9.0) + np.minimum(light_odds, 9.0)
    surely = hands.surely[view.rows, view.columns] > 0.0
    if surely.any():
        odds = odds + _like_the_hand(view, spreads, hands)
    return np.asarray(np.clip(odds, -4.0, 6.0) * known + np.where(surely, SURELY, 0.0), dtype=np.float32)


def _whole(found: FloatArray, inside: np.ndarray, hands: HandRegions) -> FloatArray:
    """Without specks, and without holes where a hand is likely."""
    solid = (found > 0.5).astype(np.uint8)
    kept = cv2.morphologyEx(solid, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(kept, connectivity=4)
    small = boxes[:, cv2.CC_STAT_AREA] < SPECK * float(inside.sum())
    kept[small[labels]] = 0
    kept = cv2.dilate(kept, np.ones((5, 5), np.uint8))
    found = np.where(kept > 0, found, np.minimum(found, 0.25))
    # What the rest of the hand encloses is hand.
    cross = np.ones((3, 3), np.uint8)
    clear = ((found <= 0.5) & inside).astype(np.uint8)
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(clear, connectivity=4)
    for label in range(1, count):
        hole = labels == label
        share = boxes[label, cv2.CC_STAT_AREA] / float(inside.sum())
        little = share < GAP and hands.surely.any() and not (cv2.dilate(hole.astype(np.uint8), cross) > inside).any()
        if little or (share < HOLE and float(hands.likely[hole].mean()) > 0.6):
            found[hole] = 1.0
    return found.astype(np.float32)


def _like_the_hand(view: FaceView, spreads: FloatArray, hands: HandRegions) -> FloatArray:
    """(k,) log odds that a pixel within a hand's reach has the hand's colour there and not the face's."""
    at = (view.rows, view.columns)
    sigma = 0.05 * view.size
    seeds = view.picture(hands.surely[at])
    share = np.maximum(blur(seeds, sigma), 1e-4)
    raw = view.picture(view.log)
    mean = blur(raw * seeds[..., None], sigma) / share[..., None]
    square = blur(raw**2 * seeds[..., None], sigma) / share[..., None]
    spread = np.sqrt(np.maximum(square - mean**2, 0.0) + np.asarray(HAND_SPREAD, np.float32) ** 2)
    as_hand = (((view.log - mean[at]) / spread[at]) ** 2).sum(axis=1)
    as_face = (np.clip(spreads, -6.0, 6.0) ** 2).sum(axis=1)
    odds = np.clip(0.5 * (as_face - as_hand), -3.0, 5.0) * np.clip(share[at] * 20.0, 0.0, 1.0)
    place = np.where(hands.likely[at] > 0.0, LIKELY, np.where(hands.at_most[at] > 0.0, UNLIKELY, BEYOND))
    return np.asarray(np.where(hands.at_most[at] > 0.0, odds, 0.0) + place, np.float32)


def confirmed(view: FaceView, appearance: Appearance, light: ViewLight, hands: HandRegions) -> HandRegions:
    """The hands, or none where the face shows through them: then a finder of hands was mistaken."""
    surely = (hands.surely[view.rows, view.columns] > 0.0) & (view.facing > 0.2)
    if not surely.any():
        return hands
    _, spreads, known = left_over(view, appearance, light)
    if float(known[surely].mean()) < 0.5:
        return hands
    other = (spreads[surely] ** 2).sum(axis=1) > MISFIT**2
    if float(other.mean()) >= CONFIRMED:
        return hands
    none = np.zeros_like(hands.surely)
    return HandRegions(surely=none, likely=none, at_most=none)


def is_clear(view: FaceView, appearance: Appearance, light: ViewLight, hands: HandRegions) -> bool:
    """True where a look at single pixels says that nothing is in front: most frames of most shots."""
    at = (view.rows, view.columns)
    if (hands.likely[at] > 0.0).any():
        return False
    left, spreads, known = left_over(view, appearance, light)
    known = known * (1.0 - _burnt(view)) * ~_glossy(view, left)
    strange = view.picture(np.asarray(((spreads**2).sum(axis=1) > MISFIT**2) * known, np.float32))
    kept = cv2.morphologyEx((strange > 0.5).astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    return float(kept.sum()) < SPECK * len(view.rows)


def _burnt(view: FaceView) -> FloatArray:
    """(k,) 1 where a pixel is so bright that nothing can be told of it."""
    burnt: FloatArray = smoothstep(view.log[:, 0], *BURNT)
    return burnt


def _glossy(view: FaceView, left: FloatArray) -> np.ndarray:
    """(k,) True where the misfit is that of a highlight: brighter, and nearer to white than skin.

    In a shadow too skin is nearer to white, since its sheen is more of what is left; but never as grey as a thing.
    """
    bright = (left[:, 0] > 0.1) & (left[:, 1] < 0.0) & (left[:, 2] > 0.0)
    skin = view.log - left
    part_way = (left[:, 1] > -GREYED * skin[:, 1]) & (left[:, 2] < -GREYED * skin[:, 2])
    dim = (left[:, 0] < -0.1) & (left[:, 0] > BLACK) & (left[:, 1] < 0.0) & (left[:, 2] > 0.0) & part_way
    glossy: np.ndarray = bright | dim
    return glossy
