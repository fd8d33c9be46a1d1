"""What quality control measures beside `qc_pixels` says 0 where nothing changed, and rises with the fault it is for."""

from __future__ import annotations

import numpy as np
import pytest

from tests.pipeline.qc_shots import matte_picture, plate_picture, points
from vfx_swap.colour.ocio import load_config
from vfx_swap.pipeline.qc_measures import (
    change_percent,
    clipped_percent,
    hull_matte,
    light_difference,
    luma_weights,
    matte_area_percent,
    not_finite_pixels,
)
from vfx_swap.pipeline.qc_pixels import log_luminance

WEIGHTS = (0.2722, 0.6741, 0.0537)


def test_light_is_told_apart_in_level_and_shading() -> None:
    plate, matte = plate_picture(1), matte_picture()
    log = log_luminance(plate, weights=WEIGHTS)
    same = light_difference(log, log, matte, face_height_pixels=100.0)
    assert same is not None
    assert (same.level_stops, same.shading_stops) == (0.0, 0.0)
    brighter = light_difference(log, log + 0.5, matte, face_height_pixels=100.0)
    assert brighter is not None
    assert brighter.level_stops == pytest.approx(0.5, abs=1e-5)
    assert brighter.shading_stops == pytest.approx(0.0, abs=1e-5)
    across = np.linspace(-1.0, 1.0, log.shape[1], dtype=np.float32)[None, :]
    turned = light_difference(log, log + across, matte, face_height_pixels=100.0)
    assert turned is not None
    assert turned.level_stops == pytest.approx(0.0, abs=0.05)
    assert 0.08 < turned.shading_stops < 0.5


def test_fine_differences_and_those_outside_the_matte_are_no_light() -> None:
    log, matte = log_luminance(plate_picture(1), weights=WEIGHTS), matte_picture()
    fine = np.random.default_rng(0).normal(0.0, 0.3, log.shape).astype(np.float32)
    found = light_difference(log, log + fine, matte, face_height_pixels=100.0)
    assert found is not None
    assert found.shading_stops < 0.03
    outside = light_difference(log, np.where(matte > 0.0, log, log + 3.0), matte, face_height_pixels=100.0)
    assert outside is not None
    assert (outside.level_stops, outside.shading_stops) == (0.0, 0.0)
    assert light_difference(log, log, matte * 0.5, face_height_pixels=100.0) is None


def test_clipped_pixels_are_counted_by_any_channel_inside_the_matte() -> None:
    rgb, matte = np.full((10, 10, 3), 0.5, np.float32), np.zeros((10, 10), np.float32)
    matte[:, :5] = 1.0
    assert clipped_percent(rgb, matte) == 0.0
    rgb[0, 0, 2], rgb[1, 0] = 1.0, np.inf
    rgb[2, 0] = np.nan
    rgb[:, 7] = 4.0
    assert clipped_percent(rgb, matte) == pytest.approx(4.0)
    assert clipped_percent(rgb, matte, white=0.5) == pytest.approx(98.0)
    assert clipped_percent(rgb, matte * 0.5) is None


def test_broken_pixels_count_where_the_plate_is_whole() -> None:
    plate = np.ones((4, 4, 3), np.float32)
    swap = plate.copy()
    assert not_finite_pixels(plate, swap) == 0
    swap[0, 0, 1], swap[1, 1], swap[2, 2] = np.nan, np.inf, -np.inf
    plate[1, 1, 0] = np.nan
    assert not_finite_pixels(plate, swap) == 2


def test_the_matte_s_area_does_not_depend_on_the_face_s_size() -> None:
    small, large = np.zeros((50, 50), np.float32), np.zeros((100, 100), np.float32)
    small[10:30, 10:30], large[20:60, 20:60] = 0.5, 0.5
    assert matte_area_percent(small, face_height_pixels=20.0) == pytest.approx(50.0)
    assert matte_area_percent(large, face_height_pixels=40.0) == pytest.approx(50.0)
    assert matte_area_percent(small, face_height_pixels=0.0) is None


def test_a_change_of_size_is_the_same_there_and_back() -> None:
    assert change_percent(50.0, 40.0) == change_percent(40.0, 50.0) == pytest.approx(20.0)
    assert change_percent(0.0, 3.0) == 100.0
    assert change_percent(0.0, 0.0) == 0.0


def test_luminance_is_that_of_the_space() -> None:
    weights = luma_weights("ACEScg", config=load_config())
    assert weights == pytest.approx(WEIGHTS, abs=0.006)
    assert sum(weights) == pytest.approx(1.0, abs=1e-4)


def test_the_hull_of_landmarks_is_a_matte_with_a_soft_edge() -> None:
    matte = hull_matte(points()[:, :2], shape=(160, 160), feather_pixels=6.0)
    x, y = points()[:468, :2].mean(axis=0).astype(int)
    assert matte[y, x] == 1.0
    assert matte[2, 2] == 0.0
    assert ((matte > 0.0) & (matte < 1.0)).sum() > 200
    assert set(np.unique(hull_matte(points()[:, :2], shape=(160, 160), feather_pixels=0.0))) == {0.0, 1.0}
