"""Hands that were lost for some frames, and those that were never one."""

from __future__ import annotations

import numpy as np

from tests.models.front.test_hands import open_hand
from vfx_swap.models.front.bridging import GAP, bridged_hands
from vfx_swap.models.protocols import Hand


def way(count: int) -> list[list[Hand]]:
    """A hand that goes 40 pixels a frame, its palm 100 long."""
    return [[open_hand(40.0 * step, 200.0, 100.0)] for step in range(count)]


def test_a_hand_lost_for_a_few_frames_goes_on_where_it_must_be() -> None:
    found = way(8)
    lost = range(2, 2 + GAP)
    for index in lost:
        found[index] = []
    bridged = bridged_hands(found, range(8))
    for index, true in enumerate(way(8)):
        assert len(bridged[index]) == 1
        assert np.abs(bridged[index][0].points - true[0].points).max() < 0.01


def test_one_of_two_hands_is_bridged_and_not_mixed_up() -> None:
    other = open_hand(400.0, 900.0, 90.0)
    found = [[*hands, other] if step % 2 else [other, *hands] for step, hands in enumerate(way(6))]
    found[3] = [other]
    bridged = bridged_hands(found, range(6))
    assert bridged[3][0] is other
    assert np.abs(bridged[3][1].points - way(6)[3][0].points).max() < 0.01
    assert all(len(hands) == 2 for hands in bridged)


def test_a_long_gap_a_cut_and_a_leap_are_not_bridged() -> None:
    found = way(GAP + 3)
    for index in range(1, GAP + 2):
        found[index] = []
    assert all(not hands for hands in bridged_hands(found, range(GAP + 3))[1 : GAP + 2])
    cut = [way(3)[0], [], way(3)[2]]
    assert bridged_hands(cut, [0, 1, 1002])[1] == ()
    leap = [[open_hand(0.0, 0.0, 100.0)], [], [open_hand(900.0, 0.0, 100.0)]]
    assert bridged_hands(leap, range(3))[1] == ()
    grown = [[open_hand(0.0, 0.0, 100.0)], [], [open_hand(0.0, 0.0, 200.0)]]
    assert bridged_hands(grown, range(3))[1] == ()


def test_hands_at_the_ends_are_not_carried_on() -> None:
    found = [[], *way(3), []]
    bridged = bridged_hands(found, range(5))
    assert bridged[0] == bridged[4] == ()
