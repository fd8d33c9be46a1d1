"""Y'CbCr and R'G'B'."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfx_swap.io.yuv import KR_KB, YuvPlanes, change_under, from_rgb, to_rgb


def planes(
    bits: int, across: int, down: int, *, matrix: int = 1, full: bool = False, seed: int = 0, odd: int = 0
) -> YuvPlanes:
    """Any codes at all, legal or not."""
    random = np.random.default_rng(seed)
    height, width = 8 + odd, 12 + odd
    chroma = (-(-height // (1 + down)), -(-width // (1 + across)))
    y, u, v = (random.integers(0, 1 << bits, shape).astype(np.uint16) for shape in ((height, width), chroma, chroma))
    return YuvPlanes(y, u, v, None, bits, across, down, matrix, full)


def flat(y: int, u: int, v: int, *, bits: int = 8, matrix: int = 1, full: bool = False) -> YuvPlanes:
    one = [np.full((2, 2), code, np.uint16) for code in (y, u, v)]
    return YuvPlanes(one[0], one[1], one[2], None, bits, 0, 0, matrix, full)


@pytest.mark.parametrize(
    ("got", "rgb"),
    [
        (flat(16, 128, 128), (0, 0, 0)),
        (flat(235, 128, 128), (1, 1, 1)),
        (flat(254, 128, 128), (238 / 219,) * 3),
        (flat(64, 512, 512, bits=10), (0, 0, 0)),
        (flat(940, 512, 512, bits=10), (1, 1, 1)),
        (flat(255, 128, 128, full=True), (1, 1, 1)),
        (flat(63, 102, 240), (1, 0, 0)),  # BT.709 red in 8 bits
        (flat(81, 90, 240, matrix=6), (1, 0, 0)),  # BT.601 red
        (flat(250, 409, 960, bits=10), (1, 0, 0)),  # BT.709 red in 10 bits
    ],
)
def test_known_codes(got: YuvPlanes, rgb: tuple[float, float, float]) -> None:
    assert to_rgb(got)[0, 0] == pytest.approx(rgb, abs=0.01)


@given(
    st.sampled_from([8, 10, 12]), st.sampled_from([(0, 0), (1, 0), (1, 1)]), st.sampled_from(sorted(KR_KB)),
    st.booleans(), st.integers(0, 1000), st.integers(0, 1),
)  # fmt: skip
def test_colour_that_did_not_change_keeps_every_code(
    bits: int, sampling: tuple[int, int], matrix: int, full: bool, seed: int, odd: int
) -> None:
    plate = planes(bits, *sampling, matrix=matrix, full=full, seed=seed, odd=odd)
    rgb = to_rgb(plate)
    got = change_under(plate, rgb, np.ones(rgb.shape[:2], np.float32))
    for name in ("y", "u", "v"):
        assert np.array_equal(getattr(got, name), getattr(plate, name)), name


@pytest.mark.parametrize("sampling", [(0, 0), (1, 0), (1, 1)])
def test_codes_away_from_the_matte_are_the_plates(sampling: tuple[int, int]) -> None:
    plate = planes(10, *sampling)
    rgb = np.full((8, 12, 3), np.nan, np.float32)
    rgb[2:4, 4:8] = 0.5
    matte = np.zeros((8, 12), np.float32)
    matte[2:4, 4:8] = 1.0
    got = change_under(plate, rgb, matte)
    assert np.array_equal(got.y[matte == 0], plate.y[matte == 0])
    across, down = sampling
    far = np.ones(plate.u.shape, bool)
    far[(2 >> down) : (4 >> down) + 1, (4 >> across) - 1 : (8 >> across) + 1] = False
    assert np.array_equal(got.u[far], plate.u[far])
    if sampling == (0, 0):
        assert to_rgb(got)[2:4, 4:8] == pytest.approx(0.5, abs=0.002)


@given(st.integers(0, 500))
def test_full_sampling_returns_its_colour(seed: int) -> None:
    rgb = np.random.default_rng(seed).random((4, 6, 3)).astype(np.float32)
    back = to_rgb(from_rgb(rgb, like=planes(10, 0, 0)))
    assert np.abs(back - rgb).max() < 0.002


@pytest.mark.parametrize("odd", [0, 1])
@pytest.mark.parametrize("sampling", [(1, 0), (1, 1)])
def test_even_colour_survives_halved_chroma(sampling: tuple[int, int], odd: int) -> None:
    like = planes(10, *sampling, odd=odd)
    rgb = np.broadcast_to(np.array([0.8, 0.3, 0.1], np.float32), (*like.y.shape, 3)).copy()
    codes = from_rgb(rgb, like=like)
    assert codes.u.shape == like.u.shape
    assert np.abs(to_rgb(codes) - rgb).max() < 0.003


def test_codes_are_clamped_and_alpha_is_carried() -> None:
    alpha = np.full((8, 12), 77, np.uint16)
    like = replace(planes(8, 0, 0), alpha=alpha)
    rgb = np.full((8, 12, 3), 9.0, np.float32)
    rgb[0] = np.nan
    codes = from_rgb(rgb, like=like)
    assert codes.y.max() == 255
    assert (codes.y[0] == 16).all()
    assert codes.alpha is alpha
