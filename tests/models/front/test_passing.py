"""A hand that passes: its place by all frames near, by the picture, and what it covers while the shutter is open."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.models.front.test_hands import open_hand
from vfx_swap.arrays import FloatArray
from vfx_swap.comp.motion import MotionBlur, blur_along
from vfx_swap.models.front.hands import HandRegions, hand_regions
from vfx_swap.models.front.passing import hand_ways, placed_hands, settled, swept
from vfx_swap.models.front.view import FaceView
from vfx_swap.models.protocols import Hand

SIZE = 160
WAY = np.array([30.0, 0.0])


def course(count: int = 7, *, noise: float = 0.0) -> tuple[list[Hand | None], list[Hand]]:
    """A hand that moves, turns and grows: as it is found, and as it is."""
    random = np.random.default_rng(4)
    found: list[Hand | None] = []
    true = []
    for step in range(count):
        points = open_hand(0.0, 0.0, 100.0 * 1.02**step).points
        turn = 0.05 * step
        spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]], np.float32)
        flat = points[:, :2] @ spin.T + np.array([40.0 * step, -10.0 * step], np.float32)
        off = random.normal(0.0, noise, flat.shape) if noise > 0.0 else np.zeros(flat.shape)
        true.append(Hand(np.column_stack([flat, points[:, 2]]).astype(np.float32), 0.9))
        found.append(Hand(np.column_stack([flat + off, points[:, 2]]).astype(np.float32), 0.9))
    return found, true


def moved(hand: Hand | None, points: list[int], by: tuple[float, float]) -> Hand:
    assert hand is not None
    changed = hand.points.copy()
    changed[points, :2] += np.asarray(by, np.float32)
    return Hand(changed, hand.score)


def test_a_finger_found_beside_its_place_is_put_where_the_other_frames_have_it() -> None:
    found, true = course(noise=1.5)
    found[3] = moved(found[3], [5, 6, 7, 8], (18.0, 6.0))
    placed = placed_hands(found, range(7))
    for index, hand in enumerate(placed):
        assert hand is not None
        assert np.linalg.norm(hand.points[:, :2] - true[index].points[:, :2], axis=1).max() < 5.0
        assert hand.score == true[index].score


def test_a_hand_that_closes_keeps_the_points_found() -> None:
    found, _ = course()
    for step in range(7):
        found[step] = moved(found[step], [8, 12, 16, 20], (0.0, 15.0 * step))
    placed = placed_hands(found, range(7))
    assert placed[3] is found[3]


@pytest.mark.parametrize("times", [[0, 1], [0, 1000, 2000, 3000, 4000, 5000, 6000]])
def test_hands_alone_or_across_cuts_keep_their_points(times: list[int]) -> None:
    found, _ = course(len(times))
    found[1] = moved(found[1], [5, 6, 7, 8], (18.0, 6.0))
    placed = placed_hands(found, times)
    assert all(one is other for one, other in zip(placed, found, strict=True))
    assert placed_hands([None, None], [0, 1]) == [None, None]


def test_the_way_of_a_hand_is_half_of_what_lies_between_the_frames_beside() -> None:
    places = [(0.0, 0.0), (10.0, 4.0), (40.0, 0.0)]
    hands: list[Hand | None] = [open_hand(*place, 100.0) for place in places]
    ways = hand_ways([*hands, None, open_hand(9.0, 9.0, 100.0)], [0, 1, 2, 3, 4])
    want: list[tuple[float, float] | None] = [(10.0, 4.0), (20.0, 0.0), (30.0, -4.0), None, None]
    for way, wanted in zip(ways, want, strict=True):
        assert (way is None) == (wanted is None)
        if way is not None and wanted is not None:
            assert way == pytest.approx(wanted, abs=1e-3)
    assert hand_ways(hands[:2], [0, 1000]) == [None, None]


def over(alpha: np.ndarray, other: np.ndarray) -> float:
    return float(np.minimum(alpha, other).sum() / np.maximum(alpha, other).sum())


def hand_matte(regions: HandRegions) -> np.ndarray:
    likely = cv2.resize(regions.likely, (2 * SIZE, 2 * SIZE), interpolation=cv2.INTER_NEAREST)
    return np.asarray(np.round(255.0 * likely), np.uint8)


def test_what_moves_covers_as_long_as_it_is_there() -> None:
    regions = hand_regions([open_hand(80.0, 130.0, 60.0)], size=SIZE)
    sharp = hand_matte(regions)
    soft = swept(sharp, regions, np.ones((SIZE, SIZE), bool), np.array([48.0, 24.0]))
    wanted = np.mean(
        [
            cv2.warpAffine(sharp, np.array([[1.0, 0.0, 24.0 * part], [0.0, 1.0, 12.0 * part]]), sharp.shape[::-1])
            for part in (np.arange(41) + 0.5) / 41 - 0.5
        ],
        axis=0,
    )
    inner = (slice(30, -30), slice(30, -30))
    assert np.abs(soft[inner].astype(float) - wanted[inner]).max() < 16.0
    assert over(soft[inner] / 255.0, wanted[inner] / 255.0) > 0.97
    assert over(sharp[inner] / 255.0, wanted[inner] / 255.0) < 0.9


def test_what_is_still_or_no_hand_keeps_its_edge() -> None:
    regions = hand_regions([open_hand(80.0, 130.0, 60.0)], size=SIZE)
    sharp, inside = hand_matte(regions), np.ones((SIZE, SIZE), bool)
    for way in (None, np.zeros(2), np.array([3.0, 0.0])):
        assert np.array_equal(swept(sharp, regions, inside, way), sharp)
    none = hand_regions([], size=SIZE)
    assert np.array_equal(swept(sharp, none, inside, WAY), sharp)
    ball = sharp.copy()
    cv2.circle(ball, (30, 20), 10, 255, -1)
    assert np.array_equal(swept(ball, regions, inside, WAY)[5:36, 15:46], ball[5:36, 15:46])


def test_a_hand_beside_the_face_sweeps_into_it() -> None:
    regions = hand_regions([open_hand(80.0, 130.0, 60.0)], size=SIZE)
    inside = np.zeros((SIZE, SIZE), bool)
    inside[:, 95:] = True  # of the face; the matte is known there alone
    sharp = hand_matte(regions) * np.repeat(np.repeat(inside, 2, axis=0), 2, axis=1)
    whole = swept(hand_matte(regions), regions, np.ones_like(inside), WAY)
    part = swept(sharp, regions, inside, WAY)
    assert np.abs(part[:, 200:].astype(int) - whole[:, 200:]).max() < 40
    assert over(part[:, 192:] / 255.0, whole[:, 192:] / 255.0) > 0.9


def scene(*, off: tuple[float, float]) -> tuple[HandRegions, HandRegions, FaceView, FloatArray]:
    """A hand as found and as it is, a view of a face of spots under it, and what the known face does not explain."""
    random = np.random.default_rng(2)
    true = hand_regions([open_hand(80.0, 140.0, 60.0)], size=SIZE)
    found = hand_regions([open_hand(80.0 + off[0], 140.0 + off[1], 60.0)], size=SIZE)
    rows, columns = (part.ravel().astype(np.int32) for part in np.mgrid[20:140, 20:140])
    face = cv2.GaussianBlur(random.standard_normal((SIZE, SIZE, 3)).astype(np.float32), (0, 0), 3.0) * 3.0 - 1.0
    soft = blur_along(true.likely, MotionBlur(15.0, 0.0))[..., None]
    noise = random.normal(0.0, 0.02, (SIZE, SIZE, 3))
    picture = (face + soft * (np.array([-0.9, 0.1, 0.0]) - face) + noise).astype(np.float32)
    at = (rows, columns)
    count = len(rows)
    view = FaceView(
        size=SIZE,
        rows=rows,
        columns=columns,
        uv=np.zeros((count, 2), np.float32),
        basis=np.zeros((count, 9), np.float32),
        facing=np.ones(count, np.float32),
        log=picture[at],
    )
    return found, true, view, (picture - face)[at]


@pytest.mark.parametrize("off", [(8.0, 4.0), (-6.0, -8.0)])
def test_a_moving_hand_is_put_where_the_picture_shows_it(off: tuple[float, float]) -> None:
    found, true, view, left = scene(off=off)
    known = np.ones(len(left), np.float32)
    put = settled(found, WAY, view, left, left / np.float32(0.1), known)
    before, after = over(found.likely, true.likely), over(put.likely, true.likely)
    assert before < 0.8
    assert after > 0.9


def test_a_hand_that_is_right_still_or_unseen_stays() -> None:
    found, _, view, left = scene(off=(0.0, 0.0))
    known = np.ones(len(left), np.float32)
    spreads = left / np.float32(0.1)
    assert settled(found, WAY, view, left, spreads, known) is found
    astray = scene(off=(8.0, 4.0))[0]
    assert settled(astray, np.zeros(2), view, left, spreads, known) is astray
    assert settled(astray, None, view, left, spreads, known) is astray
    assert settled(astray, WAY, view, left, spreads, np.zeros_like(known)) is astray
    beside = hand_regions([open_hand(-200.0, 90.0, 60.0)], size=SIZE)
    assert settled(beside, WAY, view, left, spreads, known) is beside
