"""Mattes of hands and whatever else passes in front of a face, over a track: each frame's evidence, heard with its
neighbours'.

    frame before, frame, frame after -> evidence of each alone -> carried along the picture's motion -> vote -> matte

A frame in which what is in front was lost is looked at again when a frame beside shows it; one that alone saw fingers
in a mouth is told by the frames beside that show the same mouth.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.models.front.appearance import Appearance, ViewLight, fit_view_light, left_over
from vfx_swap.models.front.evidence import confirmed, front_of, is_clear, odds_of
from vfx_swap.models.front.hands import HandRegions, hand_regions
from vfx_swap.models.front.passing import settled, swept
from vfx_swap.models.front.refine import refined
from vfx_swap.models.front.view import FaceView
from vfx_swap.models.front.voting import Evidence, flow_picture, shown_beside, voted

__all__ = ["Sight", "passing_mattes"]


@dataclass(frozen=True, eq=False)
class Sight:
    """A face's surroundings in one frame."""

    rgb: FloatArray
    """(m, m, 3) display-referred, [0, 1]: what mattes are drawn to."""
    view: FaceView
    """Of the same window, smaller: what evidence is read in."""
    hands: HandRegions
    """Pixels of the view."""
    count: int = 0
    """Hands found."""
    held: bool = False
    """The frame before or after shows a hand too: they are believed as they are found."""
    way: np.ndarray | None = None
    """(2,) pixels of `rgb` that a hand goes in a frame; None: not known."""


@dataclass(frozen=True, eq=False)
class _Told:
    """What one frame says by itself."""

    sight: Sight
    light: ViewLight
    hands: HandRegions
    clear: bool
    """Nothing seems to be in front."""
    evidence: Evidence


def passing_mattes(
    times: Sequence[int],
    expected: Sequence[ViewLight],
    face: Appearance,
    *,
    see: Callable[[int], Sight],
) -> list[np.ndarray | None]:
    """What passes in front of a face.

    Args:
        times: of each frame that shows it, ascending; only frames one apart are neighbours.
        expected: light of each, as the frames about it lead to expect.
        face: the performer's.
        see: gives a frame by its place; it is asked once for each, in order.

    Returns:
        For each frame (m, m) uint8, 255 where covered; None: nothing.
    """
    out: list[np.ndarray | None] = []
    near: dict[int, _Told] = {}
    for index in range(len(times)):
        for ahead in range(max(near, default=-1) + 1, min(index + 2, len(times))):
            near[ahead] = _told(see(ahead), face, expected[ahead])
        near.pop(index - 2, None)
        beside = [near[other] for other in (index - 1, index + 1) if _follow(times, index, other)]
        out.append(_matte(near[index], beside, face, expected[index]))
    return out


def _follow(times: Sequence[int], index: int, other: int) -> bool:
    return 0 <= other < len(times) and abs(times[other] - times[index]) == 1


def _told(sight: Sight, face: Appearance, expected: ViewLight) -> _Told:
    """A frame by itself."""
    view = sight.view
    light = fit_view_light(view, face, trust=_free(sight), expected=expected)
    hands = sight.hands if sight.held else confirmed(view, face, light, sight.hands)
    clear = is_clear(view, face, light, hands)
    if not clear:
        if sight.held and sight.way is not None:
            shrink = view.size / len(sight.rgb)
            hands = settled(hands, sight.way * shrink, view, *left_over(view, face, light))
        # Once more, with the light of what is not in front alone.
        found = front_of(view, face, light, hands=hands)
        trust = np.asarray(1.0 - np.clip(2.0 * found[view.rows, view.columns], 0.0, 1.0), dtype=np.float32)
        light = fit_view_light(view, face, trust=trust, expected=expected)
    return _Told(sight, light, hands, clear, _evidence(sight, face, light, hands))


def _evidence(sight: Sight, face: Appearance, light: ViewLight, hands: HandRegions) -> Evidence:
    view = sight.view
    small = cv2.resize(sight.rgb, (view.size, view.size), interpolation=cv2.INTER_AREA)
    return Evidence(
        picture=flow_picture(np.asarray(small, np.float32)),
        odds=view.picture(odds_of(view, face, light, hands=hands)),
        inside=_inside(view),
    )


def _matte(own: _Told, beside: Sequence[_Told], face: Appearance, expected: ViewLight) -> np.ndarray | None:
    """A frame's matte, after the frames beside were heard."""
    if own.clear and all(one.clear for one in beside):
        return None
    own = _without_mistaken_hands(own, beside, face, expected)
    if own.clear and all(one.clear for one in beside):
        return None
    view = own.sight.view
    odds = voted(own.evidence, [one.evidence for one in beside])[view.rows, view.columns]
    if own.clear and not (odds > 0.0).any():
        return None
    found = front_of(view, face, own.light, hands=own.hands, odds=odds)
    return swept(refined(found, own.evidence.inside, own.sight.rgb), own.hands, own.evidence.inside, own.sight.way)


def _without_mistaken_hands(own: _Told, beside: Sequence[_Told], face: Appearance, expected: ViewLight) -> _Told:
    """A frame without hands that no other frame has and that a frame beside shows to be the face."""
    if own.sight.held or not own.sight.count:
        return own
    others = [one.evidence for one in beside if not one.sight.count]
    if not shown_beside(own.hands, own.evidence, others):
        return own
    sight = replace(own.sight, hands=hand_regions([], size=own.sight.view.size), count=0, way=None)
    return _told(sight, face, expected)


def _free(sight: Sight) -> FloatArray:
    """(k,) 1 where no hand can be."""
    at = (sight.view.rows, sight.view.columns)
    return np.asarray(1.0 - sight.hands.at_most[at], dtype=np.float32)


def _inside(view: FaceView) -> np.ndarray:
    """(n, n) bool: what the face covers."""
    inside: np.ndarray = view.picture(np.ones(len(view.rows), np.float32)) > 0.0
    return inside
