"""Against a known answer: 0 for the true swap itself, 1 for the plate left alone, and each fault in its own number."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scipy import ndimage

from vfx_swap.arrays import FloatArray
from vfx_swap.pipeline.demo_portraits import portrait_landmarks
from vfx_swap.pipeline.qc_truth import (
    TrueError,
    face_parts,
    face_region,
    holdout_iou,
    left_to_plate,
    registered,
    true_error,
)

SHAPE = (240, 220)
POINTS = ((portrait_landmarks()[:468, :2] - np.array([190.0, 70.0])) * 1.6 + np.array([40.0, 30.0])).astype(np.float32)
HEIGHT = float(np.linalg.norm(POINTS[10] - POINTS[152]))
FACE = face_region(POINTS, shape=SHAPE, inset=0.0, mouth=True)


def _skin(seed: int) -> FloatArray:
    """Skin-coloured light with features, another face for another seed."""
    random = np.random.default_rng(seed)
    features = ndimage.gaussian_filter(random.normal(size=SHAPE), 4.0)
    features = 2.0 ** (0.5 * features / features.std())
    return np.asarray(features[..., None] * np.array([0.4, 0.28, 0.2]), dtype=np.float32)


PLATE, TRUE = _skin(1), _skin(2)


def _measured(swap: FloatArray, *, weight: FloatArray = FACE) -> TrueError:
    found = true_error(PLATE, swap, TRUE, weight, face_height_pixels=HEIGHT, parts=face_parts(POINTS, shape=SHAPE))
    assert found is not None
    return found


def test_the_true_swap_has_no_error_and_the_plate_all_of_it() -> None:
    right, nothing = _measured(TRUE), _measured(PLATE)
    assert right.ratio == 0.0
    assert right.colour == pytest.approx(0.0, abs=1e-6)
    assert right.done == pytest.approx(1.0)
    assert right.stray == pytest.approx(0.0, abs=1e-6)
    assert nothing.ratio == 1.0
    assert nothing.after_gain_stops == nothing.plate_after_gain_stops > 0.0
    assert nothing.feature_stops == nothing.plate_feature_stops > 0.0
    assert nothing.colour == nothing.plate_colour
    assert nothing.done == 0.0
    assert nothing.stray == 0.0


def test_half_the_way_is_half_done() -> None:
    half = np.sqrt((PLATE + 0.01) * (TRUE + 0.01)) - 0.01
    found = _measured(half.astype(np.float32))
    assert found.done == pytest.approx(0.5, abs=0.02)
    assert found.ratio == pytest.approx(0.5, abs=0.03)


def test_a_light_error_is_light_and_a_gain() -> None:
    found = _measured(TRUE * np.float32(2.0))
    assert found.gain_stops == pytest.approx(1.0, abs=0.1)
    assert found.after_gain_stops < 0.05
    assert found.light_stops > 0.8
    assert found.feature_stops < 0.1
    assert found.colour == pytest.approx(0.0, abs=0.3)


def test_a_misplaced_feature_is_a_feature_error() -> None:
    found = _measured(np.roll(TRUE, 6, axis=1))
    assert found.feature_stops > 2.0 * found.light_stops
    assert abs(found.gain_stops) < 0.1
    assert found.stray is not None
    assert found.stray > 0.3


def test_another_hue_is_a_colour_error_alone() -> None:
    tinted = TRUE * np.array([1.25, 0.9, 0.9], dtype=np.float32)
    luma = np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)
    tinted *= ((TRUE @ luma) / (tinted @ luma))[..., None]
    found = _measured(tinted)
    assert found.stops < 0.01
    assert found.colour > 4.0
    assert found.plate_colour == pytest.approx(0.0, abs=0.3)


def test_grain_weighs_little_and_hostile_pixels_nothing_outside_the_face() -> None:
    noisy = TRUE + np.random.default_rng(3).normal(0.0, 0.004, TRUE.shape).astype(np.float32)
    noisy[0, 0] = np.nan
    noisy[0, 1] = np.inf
    found = _measured(noisy)
    assert found.stops < 0.06 * found.plate_stops


def test_what_is_hidden_does_not_count() -> None:
    wrong = TRUE.copy()
    wrong[:, :110] = 3.0
    hidden = FACE.copy()
    hidden[:, :120] = 0.0
    spoilt = _measured(wrong)
    assert spoilt.stops > spoilt.plate_stops
    assert _measured(wrong, weight=hidden).stops < 0.01
    assert true_error(PLATE, TRUE, TRUE, np.zeros(SHAPE, np.float32), face_height_pixels=HEIGHT) is None


def test_parts_share_the_face_and_name_where_the_error_is() -> None:
    parts = face_parts(POINTS, shape=SHAPE)
    assert list(parts) == ["eyes", "brows", "mouth", "nose", "outline", "skin"]
    np.testing.assert_array_equal(sum(parts.values()), FACE)
    spoilt = TRUE.copy()
    mouth = parts["mouth"] > 0
    spoilt[mouth] = PLATE[mouth]
    regions = _measured(spoilt).regions
    assert max(regions, key=lambda name: regions[name].share) == "mouth"
    assert regions["mouth"].share > 0.8
    assert regions["mouth"].stops == pytest.approx(regions["mouth"].plate_stops, rel=0.1)
    assert sum(region.share for region in regions.values()) == pytest.approx(1.0, abs=1e-3)


def _hand(x: int, y: int) -> FloatArray:
    drawn = np.zeros(SHAPE, np.float32)
    cv2.circle(drawn, (x, y), 25, 1.0, -1)
    return np.asarray(ndimage.gaussian_filter(drawn, 1.5), dtype=np.float32)


def test_an_exact_holdout_is_one_and_none_is_zero() -> None:
    region = face_region(POINTS, shape=SHAPE)
    hand = _hand(*(int(value) for value in POINTS[205]))
    ones = np.ones(SHAPE, np.float32)
    near = 0.04 * HEIGHT
    assert holdout_iou(ones - hand, hand, region=region, near_pixels=near) == pytest.approx(1.0)
    assert holdout_iou(ones, hand, region=region, near_pixels=near) == pytest.approx(0.0, abs=1e-6)
    shifted = np.roll(hand, 10, axis=1)
    moved = holdout_iou(ones - shifted, hand, region=region, near_pixels=near)
    assert moved is not None
    assert 0.4 < moved < 0.85
    # Far from the hand is another metric's business.
    forehead = ones - hand
    forehead[: int(POINTS[9, 1])] = 0.0
    assert holdout_iou(forehead, hand, region=region, near_pixels=near) == pytest.approx(1.0)
    assert holdout_iou(ones, hand * 0.0, region=region, near_pixels=near) is None


def test_another_thing_in_front_does_not_count_against_a_holdout() -> None:
    region = face_region(POINTS, shape=SHAPE)
    x, y = (int(value) for value in POINTS[205])
    hand, microphone = _hand(x, y), _hand(x + 30, y)
    matte = np.asarray(1.0 - np.maximum(hand, microphone), dtype=np.float32)
    alone = holdout_iou(matte, hand, region=region, near_pixels=0.2 * HEIGHT)
    told = holdout_iou(matte, hand, region=region, near_pixels=0.2 * HEIGHT, others=microphone)
    assert alone is not None
    assert alone < 0.75
    assert told == pytest.approx(1.0, abs=0.01)


def test_what_is_left_of_the_visible_face() -> None:
    region = face_region(POINTS, shape=SHAPE)
    half = np.ones(SHAPE, np.float32) * 0.75
    assert left_to_plate(half, FACE, region=region) == pytest.approx(0.25)
    assert left_to_plate(half, np.zeros(SHAPE, np.float32), region=region) is None


def test_the_region_leaves_edge_and_mouth_out_and_goes_on_past_the_border() -> None:
    whole, inner = FACE, face_region(POINTS, shape=SHAPE)
    assert inner.sum() < 0.95 * whole.sum()
    assert (inner <= whole).all()
    mouth = POINTS[[13, 14]].mean(axis=0).astype(int)
    assert whole[mouth[1], mouth[0]] == 1.0
    assert inner[mouth[1], mouth[0]] == 0.0
    # Cut through the middle of the face: the cut is no edge of it.
    cut = POINTS - np.array([POINTS[4, 0], 0.0], dtype=np.float32)
    row = int(POINTS[6, 1])
    assert face_region(cut, shape=SHAPE)[row, 0] == 1.0


def test_registering_takes_misplaced_features_away_and_nothing_else() -> None:
    shift = np.array([4.0, -3.0], dtype=np.float32)
    off = np.roll(TRUE, (-3, 4), axis=(0, 1))
    mended = _measured(registered(off, POINTS + shift, onto=POINTS))
    unmended = _measured(off)
    inner = face_region(POINTS, shape=SHAPE, inset=0.05, mouth=True)
    assert mended.stops < 0.3 * unmended.stops
    assert _measured(registered(off, POINTS + shift, onto=POINTS), weight=inner).stops < 0.02
    still = registered(TRUE * np.float32(1.5), POINTS, onto=POINTS)
    np.testing.assert_allclose(still, TRUE * np.float32(1.5), rtol=1e-5)
