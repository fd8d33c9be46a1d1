"""The crowd: many people, each the same every time."""

from __future__ import annotations

from scripts.digital_doubles.cast import CROWD, hair_of, person
from scripts.digital_doubles.hair import STYLES


def test_people_of_the_crowd_differ_and_stay_who_they_are() -> None:
    people = [person(name) for name in CROWD[:24]]
    assert len({tuple(sorted(one.weights.items())) for one in people}) == 24
    assert person(CROWD[3]) == people[3]
    assert {hair_of(name) for name in CROWD} <= set(STYLES)
