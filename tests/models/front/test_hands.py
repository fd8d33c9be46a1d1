from __future__ import annotations

import numpy as np
import pytest

from vfx_swap.arrays import FloatArray
from vfx_swap.models.front.hands import hand_regions, hands_looked_for, hands_near, hidden_landmarks, moved_hand
from vfx_swap.models.protocols import Hand
from vfx_swap.types import ModelImage


def open_hand(x: float, y: float, palm: float) -> Hand:
    """Fingers up, the wrist at (x, y)."""
    points = np.zeros((21, 3), np.float32)
    roots = {1: (-0.35, -0.3), 5: (-0.25, -1.0), 9: (0.0, -1.05), 13: (0.2, -1.0), 17: (0.38, -0.9)}
    for root, (right, up) in roots.items():
        for joint in range(4):
            reach = 0.28 * joint
            points[root + joint, :2] = (right * (1 + reach), up * (1 + reach))
    return Hand(points=points * np.float32(palm) + np.array([x, y, 0.0], np.float32), score=0.9)


class Finder:
    id = "finder"

    def __init__(self) -> None:
        self.shown: tuple[int, ...] = ()

    def hands(self, image: ModelImage, /) -> tuple[Hand, ...]:
        self.shown = image.rgb.shape
        return (open_hand(300.0, 350.0, 100.0),)


def test_regions_lie_in_each_other() -> None:
    regions = hand_regions([open_hand(80.0, 110.0, 40.0)], size=160)
    assert 0 < regions.surely.sum() < regions.likely.sum() < regions.at_most.sum()
    assert not (regions.surely > regions.likely).any()
    assert not (regions.likely > regions.at_most).any()
    assert regions.surely[90, 80] == 1.0
    # The forearm, below the wrist.
    assert regions.likely[140, 80] == 1.0
    assert regions.surely[140, 80] == 0.0


def test_no_hand_covers_nothing() -> None:
    assert not hand_regions([], size=64).at_most.any()
    assert not hidden_landmarks(np.zeros((478, 3), np.float32), []).any()


def test_a_hand_moves_with_its_matrix() -> None:
    moved = moved_hand(open_hand(0.0, 0.0, 10.0), np.array([[2.0, 0.0, 5.0], [0.0, 2.0, 7.0]]))
    np.testing.assert_allclose(moved.points, open_hand(5.0, 7.0, 20.0).points, atol=1e-4)


def grid_face(x: float, y: float, size: float) -> FloatArray:
    column, row = np.meshgrid(np.linspace(0, 1, 22), np.linspace(0, 1, 22))
    flat = np.stack([x + size * column.ravel(), y + size * row.ravel(), np.zeros(484)], axis=1)
    return flat[:478].astype(np.float32)


@pytest.mark.parametrize(("x", "low", "high"), [(500.0, 0.0, 0.0), (100.0, 0.2, 0.9)])
def test_the_share_of_a_face_behind_a_hand(x: float, low: float, high: float) -> None:
    share = hidden_landmarks(grid_face(x, 100.0, 120.0), [open_hand(160.0, 220.0, 60.0)]).mean()
    assert low <= share <= high


def test_hands_are_told_in_the_picture_s_pixels() -> None:
    finder = Finder()
    image = ModelImage(np.full((300, 400, 3), 0.5, np.float32))
    (hand,) = hands_near(image, grid_face(100.0, 80.0, 100.0), finder=finder, wide=2.0, size=400)
    assert finder.shown == (400, 400, 3)
    # The piece is 200 pixels wide about (150, 130): half a pixel each, from (50, 30).
    np.testing.assert_allclose(hand.points[0, :2], (50.0 + 150.0, 30.0 + 175.0), atol=1.0)


class Turned(Finder):
    """Sees no hand but in the third piece, and there its wrist in the middle."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = 0

    def hands(self, image: ModelImage, /) -> tuple[Hand, ...]:
        self.looks += 1
        middle = (image.rgb.shape[1] - 1) / 2.0
        return (open_hand(middle, middle, 50.0),) if self.looks == 3 else ()


def test_a_hand_is_looked_for_until_one_piece_shows_it() -> None:
    finder = Turned()
    image = ModelImage(np.zeros((600, 800, 3), np.float32))
    points = grid_face(300.0, 200.0, 100.0)
    (hand,) = hands_looked_for(image, points, finder=finder)
    assert finder.looks == 3
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    side = float((high - low).max())
    # The middle of that piece: half a face below the face's own, turned there by 30 degrees.
    assert hand.points[0, :2] == pytest.approx((low + high) / 2 + [0.0, 0.5 * side], abs=1.5)
    up = hand.points[9, :2] - hand.points[0, :2]
    assert abs(np.degrees(np.arctan2(up[0], -up[1]))) == pytest.approx(30.0, abs=1.0)
    assert hands_looked_for(image, points, finder=finder) == ()
    assert finder.looks == 8
