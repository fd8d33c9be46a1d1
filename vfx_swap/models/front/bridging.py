"""Hands that a finder lost for a few frames while they pass: linked over the gap, and put where they must have been."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment

from vfx_swap.models.front.hands import palm_length
from vfx_swap.models.front.passing import PLACES
from vfx_swap.models.protocols import Hand

__all__ = ["GAP", "bridged_hands"]

GAP = 3
"""Frames without a hand, between two that have it, that are bridged: an eighth of a second."""
REACH = 1.5
"""Palms that a hand goes in a frame at the most: blurred to the length of a hand, it is found by nobody."""
LIKE = 1.6
"""Times that one palm is another's before and after a gap."""
NEVER = 1e6


@dataclass(eq=False)
class _Course:
    """One hand, by the frames it was found in."""

    found: dict[int, Hand] = field(default_factory=dict)

    @property
    def last(self) -> int:
        return max(self.found)


def bridged_hands(found: Sequence[Sequence[Hand]], times: Sequence[int]) -> list[tuple[Hand, ...]]:
    """The hands of every frame, and those that stand in for what the finder lost in between.

    Each hand is linked with the nearest of like size in the frames before (R. Jonker and A. Volgenant's assignment,
    "A shortest augmenting path algorithm for dense and sparse linear assignment problems", 1987); in a gap it goes
    evenly from where it was to where it is found again.

    Args:
        found: of each frame, in pixels that do not move with the face.
        times: of each frame, in frames, ascending; a cut is a long time.

    Returns:
        For each frame: the hands found, then those put in.
    """
    courses: list[_Course] = []
    added: list[list[Hand]] = [[] for _ in found]
    for index, hands in enumerate(found):
        near = [one for one in courses if times[index] - times[one.last] <= GAP + 1]
        taken = _linked(near, hands, index, times)
        for place, hand in enumerate(hands):
            course = taken.get(place)
            if course is None:
                courses.append(_Course({index: hand}))
                continue
            for between in range(course.last + 1, index):
                added[between].append(_between(course.found[course.last], hand, course.last, index, between, times))
            course.found[index] = hand
    return [(*hands, *more) for hands, more in zip(found, added, strict=True)]


def _linked(courses: Sequence[_Course], hands: Sequence[Hand], index: int, times: Sequence[int]) -> dict[int, _Course]:
    """Place of a hand in its frame -> the course that it goes on."""
    if not courses or not hands:
        return {}
    cost = np.full((len(courses), len(hands)), NEVER)
    for row, course in enumerate(courses):
        before = course.found[course.last]
        palm = palm_length(before.points)
        for column, hand in enumerate(hands):
            other = palm_length(hand.points)
            steps = float(np.linalg.norm(_middle(hand) - _middle(before))) / palm / (times[index] - times[course.last])
            if steps <= REACH and max(palm, other) <= LIKE * min(palm, other):
                cost[row, column] = steps
    rows, columns = linear_sum_assignment(cost)
    pairs = zip(rows.tolist(), columns.tolist(), strict=True)
    return {column: courses[row] for row, column in pairs if cost[row, column] < NEVER}


def _middle(hand: Hand) -> np.ndarray:
    return np.asarray(np.median(hand.points[list(PLACES), :2], axis=0), dtype=np.float64)


def _between(before: Hand, after: Hand, first: int, last: int, at: int, times: Sequence[int]) -> Hand:
    share = (times[at] - times[first]) / (times[last] - times[first])
    points = (1.0 - share) * before.points + share * after.points
    return Hand(points=points.astype(np.float32), score=min(before.score, after.score))
