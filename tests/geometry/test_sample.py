from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vfx_swap.arrays import FloatArray
from vfx_swap.geometry.sample import ROW, sample


def ramp(height: int = 9, width: int = 11) -> FloatArray:
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return np.stack([x, y, 2.0 * x - 3.0 * y], axis=-1).astype(np.float32)


@given(st.floats(0.0, 10.0, width=32), st.floats(0.0, 8.0, width=32))
@settings(max_examples=200, deadline=None)
def test_linear_is_exact_at_fractions(x: float, y: float) -> None:
    got = sample(ramp(), np.array([[x, y]], np.float32))[0]
    assert np.allclose(got, [x, y, 2.0 * x - 3.0 * y], atol=1e-5)


def test_linear_mixes_as_bilinear_does() -> None:
    picture = np.array([[0.0, 1.0], [10.0, 100.0]], np.float32)
    at = np.array([[0.3, 0.7]], np.float32)
    assert sample(picture, at)[0] == pytest.approx(0.3 * 0.3 * 1.0 + 0.7 * 0.7 * 10.0 + 0.3 * 0.7 * 100.0, abs=1e-4)


@pytest.mark.parametrize("cubic", [False, True])
def test_pixel_centres_give_the_pixel(cubic: bool) -> None:
    picture = np.random.default_rng(0).random((7, 5, 3), np.float32)
    y, x = np.mgrid[:7, :5].astype(np.float32)
    assert np.array_equal(sample(picture, np.stack([x, y], axis=-1), cubic=cubic), picture)


def test_cubic_keeps_constants_and_is_nearer_to_a_wave_than_linear() -> None:
    x = np.arange(64, dtype=np.float32)
    wave = np.tile(np.sin(0.6 * x), (8, 1)).astype(np.float32)
    at = np.stack([np.linspace(4, 58, 500), np.full(500, 4.0)], axis=1).astype(np.float32)
    true = np.sin(0.6 * at[:, 0])
    errors = [float(np.abs(sample(wave, at, cubic=cubic) - true).max()) for cubic in (False, True)]
    # Measured 0.045 and 0.024: Keys with a = -0.75, fractions in steps of 1/32.
    assert errors[1] < 0.03 < errors[0]
    flat = np.full((8, 64), 3.0, np.float32)
    assert np.allclose(sample(flat, at, cubic=True), 3.0, atol=1e-5)


@pytest.mark.parametrize("cubic", [False, True])
def test_outside_the_border_repeats(cubic: bool) -> None:
    picture = ramp()
    at = np.array([[-50.0, -50.0], [500.0, 4.0], [5.0, 1e5], [1e5, 1e5]], np.float32)
    wanted = picture[[0, 4, 8, 8], [0, 10, 5, 10]]
    assert np.allclose(sample(picture, at, cubic=cubic), wanted, atol=1e-5)


def test_more_points_than_opencv_takes_in_a_row() -> None:
    count = 3 * 32767 + 5
    x = np.linspace(0.0, 10.0, count).astype(np.float32)
    got = sample(ramp()[..., 0], np.stack([x, np.zeros_like(x)], axis=1))
    assert got.shape == (count,)
    assert np.allclose(got, x, atol=1e-5)


@pytest.mark.parametrize("count", [0, 1, ROW - 1, ROW, ROW + 1])
def test_any_number_of_points(count: int) -> None:
    at = np.full((count, 2), 2.0, np.float32)
    assert np.all(sample(ramp(), at) == np.array([2.0, 2.0, -2.0], np.float32))
    assert sample(ramp(), at).shape == (count, 3)


@pytest.mark.parametrize("cubic", [False, True])
def test_each_channel_is_read_as_it_is_alone(cubic: bool) -> None:
    """OpenCV rounds the place to 1/32 of a pixel where there are two."""
    rng = np.random.default_rng(2)
    picture, at = rng.random((20, 30, 2), np.float32), (rng.random((200, 2)) * 19.0).astype(np.float32)
    got = sample(picture, at, cubic=cubic)
    for channel in range(2):
        assert np.allclose(got[:, channel], sample(picture[..., channel], at, cubic=cubic), atol=1e-6)


@pytest.mark.parametrize("channels", [(), (1,), (2,), (3,), (4,)])
def test_shapes_and_channels(channels: tuple[int, ...]) -> None:
    picture = np.random.default_rng(1).random((6, 8, *channels), np.float32)
    at = np.zeros((2, 5, 2), np.float32) + np.array([3.0, 4.0], np.float32)
    got = sample(picture, at)
    assert got.shape == (2, 5, *channels)
    assert got.dtype == np.float32
    assert np.array_equal(got[1, 2], picture[4, 3])
