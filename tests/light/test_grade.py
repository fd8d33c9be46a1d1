from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfx_swap.light.grade import grade, light_gain, planckian_xy
from vfx_swap.light.harmonics import LUMA

luma = np.asarray(LUMA)


@pytest.mark.parametrize(
    ("kelvin", "x", "y"),
    [
        # CIE 15:2018: illuminant A (2856 K) lies on the locus; the others are the Planckian locus as tabulated
        # in Wyszecki and Stiles, Color Science (1982), table 1(3.11).
        (2856.0, 0.4476, 0.4074),
        (2000.0, 0.5267, 0.4133),
        (3000.0, 0.4369, 0.4041),
        (4000.0, 0.3805, 0.3768),
        (5000.0, 0.3451, 0.3516),
        (6504.0, 0.3135, 0.3237),
        (10000.0, 0.2807, 0.2884),
        (20000.0, 0.2565, 0.2577),
    ],
)
def test_black_bodies_of_the_tables(kelvin: float, x: float, y: float) -> None:
    assert planckian_xy(1e6 / kelvin) == pytest.approx((x, y), abs=8e-4)


@pytest.mark.parametrize("kelvin", [2222.0, 4000.0])
def test_the_pieces_of_the_fit_meet(kelvin: float) -> None:
    below, above = planckian_xy(1e6 / (kelvin - 0.01)), planckian_xy(1e6 / (kelvin + 0.01))
    assert below == pytest.approx(above, abs=3e-4)


def test_colder_and_warmer_than_the_fit_are_held() -> None:
    assert planckian_xy(0.0) == planckian_xy(-100.0) == planckian_xy(1e6 / 25000.0)
    assert planckian_xy(5000.0) == planckian_xy(1e6 / 1667.0)


def gain(stops: float = 0.0, mired: float = 0.0, tint: float = 0.0) -> np.ndarray:
    return light_gain(exposure_stops=stops, temperature_mired=mired, tint=tint)


def test_neutral_settings_are_exactly_one() -> None:
    assert np.array_equal(gain(), np.ones(3))


@pytest.mark.parametrize("stops", [-10, -3, -1, 1, 2, 7])
def test_exposure_is_an_exact_power_of_two(stops: int) -> None:
    assert np.array_equal(gain(stops), np.full(3, 2.0**stops))


@given(st.floats(1.0, 300.0))
def test_warmer_raises_red_over_blue_and_cooler_lowers_it(mired: float) -> None:
    red, green, blue = gain(mired=mired)
    assert red > green > blue > 0.0
    cool = gain(mired=-min(mired, 100.0))
    assert cool[0] < cool[1] < cool[2]


@given(st.floats(-300.0, 300.0), st.floats(-2.0, 2.0), st.floats(-4.0, 4.0))
def test_luminance_of_a_neutral_is_kept_but_for_exposure(mired: float, tint: float, stops: float) -> None:
    assert luma @ gain(stops, mired, tint) == pytest.approx(2.0**stops, rel=1e-9)
    assert np.isfinite(gain(stops, mired, tint)).all()


def test_tint_takes_stops_of_green_away() -> None:
    magenta, green = gain(tint=1.0), gain(tint=-0.5)
    assert magenta[0] == magenta[2] == pytest.approx(2.0 * magenta[1])
    assert green[1] == pytest.approx(green[0] * 2.0**0.5)


def test_a_known_temperature_gives_its_white() -> None:
    # From 6504 K to 2856 K: ratio of the two whites in linear Rec.709, from their tabulated chromaticities.
    to_709 = np.array(
        [[3.2404542, -1.5371385, -0.4985314], [-0.969266, 1.8760108, 0.041556], [0.0556434, -0.2040259, 1.0572252]]
    )
    whites = [to_709 @ [x / y, 1.0, (1 - x - y) / y] for x, y in ((0.4476, 0.4074), (0.3135, 0.3237))]
    ratio = whites[0] / whites[1]
    assert np.allclose(gain(mired=1e6 / 2856.0 - 1e6 / 6504.0), ratio / (luma @ ratio), atol=0.01)


AP1_TO_709 = np.array(
    [
        [1.7050510, -0.6217921, -0.0832588],
        [-0.1302564, 1.1408048, -0.0105483],
        [-0.0240034, -0.1289690, 1.1529724],
    ]
)
"""ACEScg to linear Rec.709 with the Bradford adaptation of ACES' white, rows rounded to sum to 1."""


@pytest.mark.parametrize(("mired", "tint"), [(80.0, 0.0), (-60.0, 0.3), (0.0, -0.5)])
def test_the_grade_is_the_same_light_in_any_primaries(mired: float, tint: float) -> None:
    plate = np.random.default_rng(0).uniform(-0.1, 4.0, (7, 5, 3)).astype(np.float32)
    factors = gain(1.0, mired, tint)
    in_709 = plate.astype(np.float64) @ AP1_TO_709.T * factors
    graded = grade(plate, gain=factors, to_rec709=AP1_TO_709)
    assert graded.dtype == np.float32
    assert np.allclose(graded @ AP1_TO_709.T, in_709, rtol=1e-5, atol=1e-5)
    # The shortcut of factors on the plate's own channels is another light.
    assert not np.allclose(graded, plate * factors, rtol=0.02)
    assert np.array_equal(grade(plate, gain=factors), plate * factors.astype(np.float32))


def test_stops_alone_are_exact_in_any_primaries() -> None:
    plate = np.random.default_rng(0).uniform(-0.1, 4.0, (7, 5, 3)).astype(np.float32)
    assert np.array_equal(grade(plate, gain=gain(2.0), to_rec709=AP1_TO_709), plate * np.float32(4.0))
