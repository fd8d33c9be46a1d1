"""Float colour to a file's samples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.io.making import any_half, bits
from vfx_swap.io.samples import convert_samples, place, to_samples

HALF, WORD, BYTE = np.dtype(np.float16), np.dtype(np.uint16), np.dtype(np.uint8)


def test_half_saturates_finite_values_and_keeps_inf_and_nan() -> None:
    values = np.array([70000.0, -1e30, 65504.0, np.inf, -np.inf, np.nan, 1e-8, -0.0], np.float32)
    got = to_samples(values, dtype=HALF, bits=16)
    assert got.tolist()[:5] == [65504.0, -65504.0, 65504.0, np.inf, -np.inf]
    assert np.isnan(got[5])
    assert np.signbit(got[7])


def test_integers_are_rounded_and_clamped() -> None:
    values = np.array([-1.0, 0.0, 0.5, 1.0, 3.0, np.inf, -np.inf, np.nan], np.float32)
    assert to_samples(values, dtype=BYTE, bits=8).tolist() == [0, 0, 128, 255, 255, 255, 0, 0]
    assert to_samples(values, dtype=WORD, bits=16).tolist() == [0, 0, 32768, 65535, 65535, 65535, 0, 0]


@pytest.mark.parametrize("depth", [10, 12])
def test_fewer_bits_fill_the_type(depth: int) -> None:
    codes = np.arange(1 << depth, dtype=np.uint32)
    spread = ((codes << (16 - depth)) | (codes >> (2 * depth - 16))).astype(np.uint16)
    back = to_samples(spread.astype(np.float32) / np.float32(65535), dtype=WORD, bits=depth)
    assert np.array_equal(back, spread)


@pytest.mark.parametrize("dtype", [BYTE, WORD])
def test_every_integer_returns_through_float(dtype: np.dtype[np.generic]) -> None:
    top = (1 << (8 * dtype.itemsize)) - 1
    every = np.arange(top + 1).astype(dtype)
    assert np.array_equal(
        to_samples(every.astype(np.float32) / np.float32(top), dtype=dtype, bits=dtype.itemsize * 8), every
    )


def test_the_same_type_is_not_touched() -> None:
    native = any_half(2, 2, 1)
    assert convert_samples(native, dtype=HALF, bits=16) is native


@given(
    st.integers(0, 2**32 - 1),
    hnp.arrays(np.float32, (5, 7), elements=st.sampled_from([0.0, -0.5, 1e-30, 0.5, 1.0, np.nan, np.inf])),
)
def test_matte_zero_keeps_the_plates_bits_whatever_the_plate_and_the_colour(seed: int, matte: np.ndarray) -> None:
    plate = any_half(5, 7, 3, seed=seed)
    rgb = np.full((5, 7, 3), np.nan, np.float32)
    got = place(plate, rgb, matte, bits=16)
    inside = matte > 0
    assert np.array_equal(bits(got)[~inside], bits(plate)[~inside])
    assert np.isnan(got[inside]).all()


def test_colour_is_taken_whole_where_the_matte_is_above_zero() -> None:
    plate = np.zeros((1, 2, 3), np.uint8)
    rgb = np.full((1, 2, 3), 0.2, np.float32)
    got = place(plate, rgb, np.array([[0.01, 0.0]], np.float32), bits=8)
    assert got.tolist() == [[[51, 51, 51], [0, 0, 0]]]


def test_nan_keeps_an_integer_plates_sample() -> None:
    plate = np.full((1, 1, 3), 99, np.uint8)
    rgb = np.array([[[np.nan, 1.0, 0.0]]], np.float32)
    assert place(plate, rgb, np.ones((1, 1), np.float32), bits=8).tolist() == [[[99, 255, 0]]]
