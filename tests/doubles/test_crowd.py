"""The crowd: many people, each the same every time."""

from __future__ import annotations

from scripts.digital_doubles.cast import CROWD, hair_of, person
from scripts.digital_doubles.crowd import answered_with, crowd_stage, swapped_with
from scripts.digital_doubles.hair import STYLES
from scripts.digital_doubles.shots import Options
from tests.doubles.venv import region


def test_people_of_the_crowd_differ_and_stay_who_they_are() -> None:
    people = [person(name) for name in CROWD[:24]]
    assert len({tuple(sorted(one.weights.items())) for one in people}) == 24
    assert person(CROWD[3]) == people[3]
    assert {hair_of(name) for name in CROWD} <= set(STYLES)


def test_true_swaps_wear_another_of_the_same_sex_in_the_same_still() -> None:
    assert [swapped_with(name, count=24) for name in ("crowd01", "crowd23", "crowd24")] == [
        "crowd03", "crowd01", "crowd02",
    ]  # fmt: skip
    plain = crowd_stage(region=region(), name="crowd01", options=Options(scale=0.1))
    swapped = crowd_stage(region=region(), name="crowd01", options=Options(scale=0.1), identity="crowd03")
    assert plain.actors[0].worn is None
    worn = swapped.actors[0].worn
    assert worn is not None
    assert (worn.person.name, worn.identity and worn.identity.name) == ("crowd01", "crowd03")
    one, other = (stage.actors[0].act(9.0) for stage in (plain, swapped))
    assert one.weights == other.weights
    assert one.motion.tolist() == other.motion.tolist()
    assert plain.lights(9.0) == swapped.lights(9.0)


def test_what_is_trained_with_shows_no_still_held_back_and_no_pair_that_is_judged() -> None:
    for name in CROWD[:24]:
        found = dict(answered_with(name, count=24, answers=5, stills=10))
        assert len(found) == 5
        assert not {name, swapped_with(name, count=24)} & set(found)
        assert all(len(which) == 2 and max(which) < 5 for which in found.values())
        # `scripts/bench train judge` pairs everyone with the eight after them, of 192 pairs of 24.
        after = {CROWD[(CROWD.index(name) + turn) % 24] for turn in range(1, 9)}
        assert not after & set(found)
