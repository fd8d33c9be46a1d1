"""Evidence carried along the picture's motion, and what a vote makes of it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.models.front.test_hands import open_hand
from vfx_swap.arrays import FloatArray
from vfx_swap.models.front.hands import hand_regions
from vfx_swap.models.front.voting import Evidence, carried, flow_picture, shown_beside, voted

SIZE = 160
INSIDE = np.zeros((SIZE, SIZE), bool)
INSIDE[10:150, 10:150] = True


def texture(seed: int = 0) -> FloatArray:
    random = np.random.default_rng(seed)
    soft = cv2.GaussianBlur(random.normal(0.0, 1.0, (SIZE, SIZE)).astype(np.float32), (0, 0), 2.0)
    return np.asarray(0.5 + 0.12 * soft / soft.std(), np.float32)


def shifted(picture: FloatArray, x: float, y: float) -> FloatArray:
    matrix = np.array([[1.0, 0.0, x], [0.0, 1.0, y]])
    moved = cv2.warpAffine(picture, matrix, (SIZE, SIZE), borderMode=cv2.BORDER_REFLECT)
    return np.asarray(moved, np.float32)


def thing(x: int) -> FloatArray:
    """(SIZE, SIZE) log odds of a thing at x: surely there, and surely nowhere else."""
    odds = np.full((SIZE, SIZE), -3.0, np.float32)
    odds[60:100, x : x + 40] = 4.0
    return odds


def course(odds: FloatArray) -> tuple[Evidence, list[Evidence]]:
    """A frame with these odds where the thing is at 60, and the frames beside, all of which goes 4 pixels a frame."""
    beside = [Evidence(shifted(texture(), 4.0 * step, 0.0), thing(60 + 4 * step), INSIDE) for step in (-1, 1)]
    return Evidence(texture(), odds, INSIDE), beside


def test_what_one_frame_lost_the_frames_beside_give_back_where_it_went() -> None:
    own, beside = course(np.where(thing(60) > 0.0, -1.0, -3.0).astype(np.float32))
    found = voted(own, beside) > 0.0
    assert found[62:98, 63:97].mean() > 0.97
    assert found[INSIDE & (cv2.dilate((thing(60) > 0.0).astype(np.uint8), np.ones((7, 7))) == 0)].mean() < 0.005


def test_what_one_frame_alone_saw_is_voted_down() -> None:
    odds = thing(60)
    odds[110:130, 60:90] = 2.0
    own, beside = course(odds)
    assert (voted(own, beside)[112:128, 63:87] < 0.0).all()


def test_a_picture_that_shows_something_else_has_no_vote() -> None:
    own = Evidence(texture(), thing(60), INSIDE)
    other = Evidence(texture(7), np.full((SIZE, SIZE), -4.0, np.float32), INSIDE)
    assert float(carried(other, own.picture)[1][INSIDE].mean()) < 0.1
    # Two that shout against it do not change a thing that is surely there.
    assert (voted(own, [other, other])[thing(60) > 0.0] > 0.0).mean() > 0.97


def test_evidence_comes_from_where_the_thing_was() -> None:
    own, (before, after) = course(thing(60))
    for one in (before, after):
        odds, trust = carried(one, own.picture)
        at = INSIDE & (np.abs(cv2.blur(thing(60), (7, 7)) - thing(60)) < 1e-3)
        assert np.abs(odds - thing(60))[at & (trust > 0.5)].mean() < 0.05
        assert trust[30:130, 30:130].mean() > 0.7


def test_the_same_votes_on_any_number_of_threads() -> None:
    own, beside = course(thing(60))
    threads = cv2.getNumThreads()
    try:
        votes = []
        for count in (1, 2, 5):
            cv2.setNumThreads(count)
            votes.append(voted(own, beside))
    finally:
        cv2.setNumThreads(threads)
    assert all(np.array_equal(votes[0], one) for one in votes[1:])


def test_a_light_that_is_turned_up_is_no_motion() -> None:
    rgb = np.repeat(0.3 + 0.2 * texture()[..., None], 3, axis=2)
    bright = np.asarray((rgb**2.2 * 1.8) ** (1 / 2.2), np.float32)
    assert np.abs(flow_picture(rgb) - flow_picture(bright)).mean() < 0.01


@pytest.mark.parametrize("passes", [True, False])
def test_fingers_that_the_frame_beside_shows_to_be_a_mouth_are_none(passes: bool) -> None:
    hands = hand_regions([open_hand(80.0, 110.0, 40.0)], size=SIZE)
    face = texture()
    mine = np.where(hands.likely > 0.0, texture(3), face).astype(np.float32) if passes else face
    own = Evidence(mine, thing(60), INSIDE)
    beside = Evidence(shifted(face, 2.0, 1.0), np.full((SIZE, SIZE), -3.0, np.float32), INSIDE)
    assert shown_beside(hands, own, [beside]) is not passes
    assert not shown_beside(hands, own, [])
