"""Transfer functions: known values, negatives, what is not finite, and OpenColorIO's own curve beside ours."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vfx_swap.arrays import FloatArray
from vfx_swap.colour.ocio import load_config
from vfx_swap.colour.transfer import (
    LUMA_REC709,
    SOFT_CLIP_KNEE,
    apply_matrix,
    luma_rec709,
    soft_clip,
    soft_clip_inverse,
    srgb_eotf,
    srgb_eotf_inverse,
)

Curve = Callable[[FloatArray], FloatArray]


def f32(*values: float) -> FloatArray:
    return np.array(values, dtype=np.float32)


def ramp() -> FloatArray:
    stops = 2.0 ** np.linspace(-14.0, 9.0, 600)
    return np.concatenate([-stops[::-1], [0.0], stops]).astype(np.float32)


@pytest.mark.parametrize(
    ("curve", "given_", "expected"),
    [
        # IEC 61966-2-1; 0.18 worked out by hand: 1.055 * 0.18 ** (1 / 2.4) - 0.055
        (srgb_eotf_inverse, f32(0.0, 0.0031308, 0.18, 1.0), f32(0.0, 0.04045, 0.46135613, 1.0)),
        (srgb_eotf, f32(0.0, 0.04045, 0.46135613, 1.0), f32(0.0, 0.0031308, 0.18, 1.0)),
        (srgb_eotf_inverse, f32(-0.18, 4.0), f32(-0.46135613, 1.824796)),
        # knee 0.8: 0.9 is half the room over it, so 0.8 + 0.2 * (0.5 / 1.5)
        (soft_clip, f32(-3.0, 0.0, 0.8, 0.9, 1.0), f32(-3.0, 0.0, 0.8, 0.8666667, 0.9)),
    ],
)
def test_known_values(curve: Curve, given_: FloatArray, expected: FloatArray) -> None:
    np.testing.assert_allclose(curve(given_), expected, rtol=2e-5, atol=1e-7)


@pytest.mark.parametrize("curve", [srgb_eotf, srgb_eotf_inverse, soft_clip, soft_clip_inverse])
def test_keeps_type_shape_nan_and_direction(curve: Curve) -> None:
    values = ramp()[: 1200 // 12 * 12].reshape(10, -1, 3)
    result = curve(values)
    assert result.dtype == np.float32
    assert result.shape == values.shape
    assert np.isnan(curve(f32(np.nan))).all()
    assert (np.diff(curve(np.linspace(-2.0, 0.999, 5000, dtype=np.float32))) >= 0.0).all()


@pytest.mark.parametrize(
    ("curve", "at_inf"),
    [(srgb_eotf, np.inf), (srgb_eotf_inverse, np.inf), (soft_clip, 1.0), (soft_clip_inverse, np.inf)],
)
def test_infinity(curve: Curve, at_inf: float) -> None:
    assert curve(f32(np.inf))[0] == at_inf
    assert curve(f32(-np.inf))[0] == -np.inf


def test_srgb_there_and_back() -> None:
    values = ramp()
    # measured 4e-7 relative, x 2
    np.testing.assert_allclose(srgb_eotf(srgb_eotf_inverse(values)), values, rtol=1e-6, atol=1e-9)


def test_srgb_agrees_with_opencolorio() -> None:
    values = np.abs(ramp())[: 1200 // 3 * 3].reshape(1, -1, 3)
    theirs = load_config(environ={}).convert(values, source="lin_rec709_scene", destination="srgb_rec709_scene")
    # OCIO gives the toe the slope that joins the curve without a step, IEC 61966-2-1 prints 12.92: measured 1e-5
    # in the toe, 2e-7 relative above it.
    np.testing.assert_allclose(srgb_eotf_inverse(values), theirs, rtol=1e-6, atol=1.2e-5)


def test_soft_clip_is_the_identity_below_the_knee_bit_for_bit() -> None:
    values = f32(-5.0, -0.0, 1e-30, 0.18, 0.5, SOFT_CLIP_KNEE)
    assert soft_clip(values).tobytes() == values.tobytes()


def test_soft_clip_meets_its_knee_smoothly() -> None:
    step = np.float32(1e-3)
    below, at, above = soft_clip(np.array([0.8 - step, 0.8, 0.8 + step], dtype=np.float32))
    assert (above - at) == pytest.approx(at - below, rel=0.01)


@settings(deadline=None)
@given(st.floats(0.0, 30.0, width=32))
def test_soft_clip_inverse(light: float) -> None:
    there = soft_clip(f32(light))
    assert 0.0 <= there[0] <= 1.0
    assert soft_clip_inverse(there)[0] == pytest.approx(light, rel=2e-3, abs=1e-6)


def test_luma_of_white_is_one_and_weights_sum() -> None:
    assert sum(LUMA_REC709) == pytest.approx(1.0)
    assert luma_rec709(np.ones((2, 3, 3), dtype=np.float32)) == pytest.approx(np.ones((2, 3)))
    assert luma_rec709(f32(0.0, 1.0, 0.0))[()] == pytest.approx(0.7152)


def test_matrix_rows_give_outputs_and_bits_do_not_depend_on_size() -> None:
    rng = np.random.default_rng(7)
    matrix = rng.normal(size=(3, 3))
    rgb = rng.normal(size=(33, 65, 3)).astype(np.float32)
    result = apply_matrix(rgb, matrix)
    np.testing.assert_allclose(result, rgb.astype(np.float64) @ matrix.T, rtol=1e-5, atol=1e-5)
    assert apply_matrix(np.ascontiguousarray(rgb[5:6, 7:8]), matrix).tobytes() == result[5:6, 7:8].tobytes()
