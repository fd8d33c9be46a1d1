"""Exposure for networks: whole stops, from what is lit, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vfx_swap.colour.exposure import FACE_LUMA, exposure_gain, face_exposure_stops
from vfx_swap.colour.ocio import LINEAR_REC709, load_config

SAME = np.eye(3)


def flat(value: float, shape: tuple[int, int] = (12, 20)) -> np.ndarray:
    return np.full((*shape, 3), value, dtype=np.float32)


@pytest.mark.parametrize(("value", "stops"), [(0.21, 0), (0.16, 0), (0.28, 0), (0.0021, 7), (3.36, -4), (0.05, 2)])
def test_brings_the_median_near_the_target(value: float, stops: int) -> None:
    assert face_exposure_stops(flat(value), to_lin709=SAME) == stops


@settings(deadline=None)
@given(st.floats(-15.0, 15.0))
def test_lands_within_half_a_stop(stops: float) -> None:
    value = FACE_LUMA * 2.0**stops
    landed = value * exposure_gain(face_exposure_stops(flat(value, (2, 2)), to_lin709=SAME))
    assert abs(np.log2(landed / FACE_LUMA)) <= 0.5 + 1e-5


def test_broken_and_black_pixels_do_not_count() -> None:
    rgb = flat(0.05)
    rgb[:4] = 0.0
    rgb[4], rgb[5], rgb[6], rgb[7] = np.nan, np.inf, -3.0, -np.inf
    assert face_exposure_stops(rgb, to_lin709=SAME) == 2


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_nothing_to_go_by(value: float) -> None:
    assert face_exposure_stops(flat(value), to_lin709=SAME) == 0


def test_only_the_weighed_part_counts_and_extremes_are_limited() -> None:
    rgb = flat(10.0)
    rgb[:, :5] = 0.21
    weight = np.zeros(rgb.shape[:2], dtype=np.float32)
    weight[:, :5] = 1.0
    assert face_exposure_stops(rgb, to_lin709=SAME, weight=weight) == 0
    assert face_exposure_stops(flat(1e-20), to_lin709=SAME) == 20


@pytest.mark.parametrize(("channel", "weight"), [(0, 0.2126), (1, 0.7152), (2, 0.0722)])
def test_luma_is_that_of_rec709(channel: int, weight: float) -> None:
    """A pure Rec.709 primary in ACEScg has the luma of that primary, whatever the space."""
    config = load_config(environ={})
    primary = np.zeros((4, 4, 3), dtype=np.float32)
    primary[..., channel] = 0.21 / weight
    acescg = config.convert(primary, source=LINEAR_REC709, destination="ACEScg") * np.float32(8.0)
    assert face_exposure_stops(acescg, to_lin709=config.matrix(source="ACEScg", destination=LINEAR_REC709)) == -3


def test_gain_is_a_power_of_two() -> None:
    assert (exposure_gain(3), exposure_gain(-2), exposure_gain(0)) == (8.0, 0.25, 1.0)
    for wrong in (0.5, True, "1"):
        with pytest.raises(TypeError, match="whole number"):
            exposure_gain(wrong)  # type: ignore[arg-type]
