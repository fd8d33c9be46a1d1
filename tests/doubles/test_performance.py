"""Performances: seeded, in range, and without a jump of value or speed."""

from __future__ import annotations

import numpy as np
import pytest

from scripts.digital_doubles.anatomy import UNITS
from scripts.digital_doubles.performance import (
    VISEMES,
    Part,
    blinks,
    idle,
    laugh,
    moved_head,
    nods,
    played,
    speech,
    surprise,
    turns,
)

STEP = 1 / 480
TIMES = np.arange(0, 4, STEP)
PARTS = {
    "speech": speech(seed=1, seconds=4),
    "blinks": blinks(seed=1, seconds=4),
    "laugh": laugh(start=1, seconds=1),
    "surprise": surprise(start=0.5, seconds=1),
}


def curves(part: Part) -> dict[str, np.ndarray]:
    rows = [part(float(time)) for time in TIMES]
    return {unit: np.array([row[unit] for row in rows]) for unit in rows[0]}


@pytest.mark.parametrize("name", PARTS)
def test_parts_speak_of_known_units_in_range_and_do_something(name: str) -> None:
    found = curves(PARTS[name])
    assert set(found) <= set(UNITS)
    for unit, curve in found.items():
        assert curve.min() >= 0.0, unit
        assert curve.max() <= 1.0, unit
    assert max(np.ptp(curve) for curve in found.values()) > 0.3


@pytest.mark.parametrize("name", PARTS)
def test_nothing_jumps_neither_value_nor_speed(name: str) -> None:
    for unit, curve in curves(PARTS[name]).items():
        assert np.abs(np.diff(curve)).max() < 20 * STEP, unit
        # a jump of speed would be as large as the speed itself; a smooth curve's step is acceleration x STEP
        assert np.abs(np.diff(curve, 2)).max() < 700 * STEP**2, unit


def test_a_seed_is_a_performance() -> None:
    at = [0.3, 0.9, 1.7]
    same, other = speech(seed=1, seconds=4), speech(seed=2, seconds=4)
    assert [PARTS["speech"](t) for t in at] == [same(t) for t in at]
    assert [other(t) for t in at] != [same(t) for t in at]


def test_speech_opens_closes_and_rounds_the_mouth() -> None:
    found = curves(PARTS["speech"])
    assert found["jawOpen"].max() > 0.3
    assert found["jawOpen"].min() < 0.06
    assert found["mouthPucker"].max() > 0.2 or found["mouthFunnel"].max() > 0.2
    assert set(VISEMES["rest"]) == {"jawOpen"}


def test_blinks_close_both_lids_whole_and_open_them_again() -> None:
    found = curves(PARTS["blinks"])
    assert np.array_equal(found["eyeBlinkLeft"], found["eyeBlinkRight"])
    assert found["eyeBlinkLeft"].max() == 1.0
    assert (found["eyeBlinkLeft"] == 0.0).mean() > 0.6


def test_parts_at_once_are_added_and_kept_in_range() -> None:
    both = played(laugh(start=0, seconds=2), laugh(start=0, seconds=2), lambda _: {"jawOpen": -9.0, "tongueOut": 0.5})
    found = both(1.0)
    assert found["mouthSmileLeft"] == 1.0
    assert found["jawOpen"] == 0.0
    assert found["tongueOut"] == 0.5


def test_heads_turn_nod_and_idle() -> None:
    motion = moved_head(turns((0.0, -60.0), (2.0, 60.0)), nods(start=0.0, count=2, degrees=6.0))
    assert motion(0.0)[1] == -60.0
    assert motion(1.0)[1] == pytest.approx(0.0)
    assert motion(3.0)[1] == 60.0
    assert motion(0.28)[0] == 6.0
    assert motion(5.0)[0] == 0.0
    restless = np.array([idle(seed=4, degrees=2.0)(float(t)) for t in TIMES])
    assert np.abs(restless[:, :3]).max() <= 2.0
    assert np.ptp(restless[:, 1]) > 0.5
    assert np.abs(np.diff(restless, 2, axis=0)).max() < 30 * STEP**2
