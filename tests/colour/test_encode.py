"""The way to a network and back: what is shown, what comes back, and whose bits stay."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from vfx_swap.arrays import FloatArray
from vfx_swap.colour.encode import GAIN_LIMIT, apply_increment, encode
from vfx_swap.colour.ocio import LINEAR_REC709, load_config
from vfx_swap.colour.transfer import apply_matrix, soft_clip, srgb_eotf, srgb_eotf_inverse
from vfx_swap.types import ModelImage

TO_709 = load_config(environ={}).matrix(source="ACEScg", destination=LINEAR_REC709)
FROM_709 = np.linalg.inv(TO_709)
SAME = np.eye(3)

# float16 bits of any kind: negatives, denormals, -0, inf, NaN, which is what a half plate may hold.
half_plates = hnp.arrays(np.uint16, (5, 7, 3)).map(lambda bits: bits.view(np.float16).astype(np.float32))
stops = st.integers(-12, 12)


def image(rgb: np.ndarray) -> ModelImage:
    return ModelImage(np.clip(rgb, 0.0, 1.0).astype(np.float32))


def grey(*levels: float) -> FloatArray:
    return np.repeat(np.array(levels, dtype=np.float32), 3).reshape(1, -1, 3)


@settings(deadline=None, max_examples=150)
@given(half_plates, stops)
def test_an_identity_network_leaves_every_bit(plate: FloatArray, exposure: int) -> None:
    encoded = encode(plate, to_lin709=TO_709, exposure_stops=exposure)
    back = apply_increment(plate, encoded, encoded.image, from_lin709=FROM_709)
    assert back.rgb.tobytes() == plate.tobytes()
    assert (back.changed, back.gain_limited) == (0.0, 0.0)


@settings(deadline=None, max_examples=100)
@given(half_plates, half_plates, stops)
def test_any_network_is_bounded_and_keeps_bits_where_it_says_nothing(
    plate: FloatArray, other: FloatArray, exposure: int
) -> None:
    encoded = encode(plate, to_lin709=SAME, exposure_stops=exposure)
    answer = image(np.nan_to_num(other, nan=0.5))
    rng = np.random.default_rng(0)
    matte = rng.choice(np.array([0.0, 0.5, 1.0, np.nan], dtype=np.float32), plate.shape[:2])
    back = apply_increment(plate, encoded, answer, from_lin709=SAME, matte=matte).rgb
    kept = ~(matte > 0.0) | ~np.isfinite(plate).all(axis=-1) | (answer.rgb == encoded.image.rgb).all(axis=-1)
    assert back[kept].tobytes() == plate[kept].tobytes()
    moved = np.abs(back[~kept].astype(np.float64) - plate[~kept])
    assert (moved <= GAIN_LIMIT * 2.0**-exposure * (1.0 + 1e-5) + 1e-6 * np.abs(plate[~kept])).all()


@settings(deadline=None, max_examples=100)
@given(half_plates, stops)
def test_what_is_shown_is_always_a_picture(plate: FloatArray, exposure: int) -> None:
    encoded = encode(plate, to_lin709=TO_709, exposure_stops=exposure)
    assert np.isfinite(encoded.image.rgb).all()
    assert np.isfinite(encoded.gain).all()
    assert (encoded.gain >= 1.0 - 1e-5).all()


def test_what_is_shown_is_the_formula() -> None:
    rgb = np.random.default_rng(5).uniform(0.0, 3.0, (8, 9, 3)).astype(np.float32)
    encoded = encode(rgb, to_lin709=TO_709, exposure_stops=-1)
    light = np.maximum(apply_matrix(rgb, TO_709) * np.float32(0.5), np.float32(0.0))
    np.testing.assert_array_equal(encoded.image.rgb, np.clip(srgb_eotf_inverse(soft_clip(light)), 0.0, 1.0))


def test_up_to_the_knee_the_gain_is_exactly_one() -> None:
    rgb = np.linspace(-1.0, 0.8, 3000, dtype=np.float32).reshape(10, 100, 3)
    assert (encode(rgb, to_lin709=SAME).gain == 1.0).all()
    assert (encode(rgb + np.float32(0.9), to_lin709=SAME).gain[-1] > 1.0).all()


def test_below_the_knee_the_answer_is_taken_whole() -> None:
    rng = np.random.default_rng(2)
    plate = rng.uniform(0.0, 0.4, (16, 16, 3)).astype(np.float32)
    plate = apply_matrix(plate, FROM_709)
    answer = image(rng.uniform(0.0, 1.0, plate.shape))
    back = apply_increment(plate, encode(plate, to_lin709=TO_709), answer, from_lin709=FROM_709)
    wanted = srgb_eotf(answer.rgb)
    # measured 3e-7
    np.testing.assert_allclose(apply_matrix(back.rgb, TO_709), wanted, atol=1e-6)
    assert back.changed == 1.0


@pytest.mark.parametrize("exposure", [-7, 0, 9])
def test_exposure_is_undone_exactly(exposure: int) -> None:
    """The same picture many stops away comes back as the same picture: multiplying by 2^n rounds nothing."""
    rng = np.random.default_rng(4)
    plate = rng.uniform(0.05, 2.0, (6, 6, 3)).astype(np.float32)
    answer = image(rng.uniform(0.0, 1.0, plate.shape))
    plain = apply_increment(plate, encode(plate, to_lin709=SAME), answer, from_lin709=SAME).rgb
    shifted = plate * np.float32(2.0**-exposure)
    encoded = encode(shifted, to_lin709=SAME, exposure_stops=exposure)
    back = apply_increment(shifted, encoded, answer, from_lin709=SAME).rgb
    np.testing.assert_array_equal(back * np.float32(2.0**exposure), plain)


def test_highlights_follow_a_tint_and_stay_bounded() -> None:
    plate = grey(0.5, 1.0, 2.0, 3.5, 50.0, 400.0)
    encoded = encode(plate, to_lin709=SAME)
    darker = image(srgb_eotf_inverse(encoded.shown * np.float32(0.9)))
    back = apply_increment(plate, encoded, darker, from_lin709=SAME)
    ratio = (back.rgb / plate)[0, :, 0]
    np.testing.assert_allclose(ratio[:4], 0.9, atol=0.006)
    assert (ratio[4:] > 0.98).all(), "far above white the plate's highlight stays, the network never saw it"
    assert (ratio < 1.0).all()
    assert back.gain_limited == pytest.approx(2 / 6)


def test_it_reports_what_it_could_not_carry() -> None:
    plate = grey(0.2, 0.5, 1.5, 30.0, 0.3, 0.4, 0.1, 0.6)
    plate[0, 4, 1] = -0.01
    plate[0, 5, 2] = np.nan
    plate[0, 6, 0] = np.inf
    carried = encode(plate, to_lin709=SAME).carried
    assert (carried.above, carried.below, carried.not_finite, carried.clipped) == (2 / 8, 1 / 8, 2 / 8, 5 / 8)
    assert encode(plate, to_lin709=SAME, exposure_stops=-5).carried.above == 0.0


def test_how_broken_pixels_are_shown() -> None:
    plate = np.full((1, 4, 3), 0.2, dtype=np.float32)
    plate[0, 0, 1], plate[0, 1, 0], plate[0, 2, 2] = np.nan, np.inf, -np.inf
    shown = encode(plate, to_lin709=TO_709).image.rgb[0]
    assert (shown[0] == 0.0).all()
    assert shown[1] == pytest.approx(1.0)
    assert (shown[2] == 0.0).all()
    assert (shown[3] > 0.3).all()


def test_the_matte_scales_the_increment() -> None:
    plate = grey(0.2, 0.2, 0.2, 0.2)
    encoded = encode(plate, to_lin709=SAME)
    answer = image(srgb_eotf_inverse(grey(0.4, 0.4, 0.4, 0.4)))
    matte = np.array([[0.0, 0.25, 1.0, 3.0]], dtype=np.float32)
    back = apply_increment(plate, encoded, answer, from_lin709=SAME, matte=matte).rgb
    np.testing.assert_allclose(back[0, :, 0], [0.2, 0.25, 0.4, 0.4], atol=1e-6)


def test_sizes_must_agree() -> None:
    plate = grey(0.2, 0.2)
    with pytest.raises(ValueError, match=r"answer\.rgb"):
        apply_increment(plate, encode(plate, to_lin709=SAME), image(grey(0.2)), from_lin709=SAME)


def test_an_empty_crop() -> None:
    empty = np.zeros((0, 0, 3), dtype=np.float32)
    encoded = encode(empty, to_lin709=SAME)
    assert encoded.carried.clipped == 0.0
    assert apply_increment(empty, encoded, encoded.image, from_lin709=SAME).rgb.shape == (0, 0, 3)
