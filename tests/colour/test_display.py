"""Pictures for detectors: safe on any plate, readable at any exposure."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp

from vfx_swap.arrays import FloatArray
from vfx_swap.colour.display import to_display
from vfx_swap.colour.ocio import LINEAR_REC709, load_config
from vfx_swap.colour.transfer import srgb_eotf_inverse
from vfx_swap.errors import ColourSpaceError

CONFIG = load_config(environ={})
any_plates = hnp.arrays(np.uint32, (6, 5, 3)).map(lambda bits: bits.view(np.float32))


def photograph(gain: float = 1.0) -> FloatArray:
    rng = np.random.default_rng(1)
    return (rng.lognormal(np.log(0.16), 0.8, (60, 90, 3)) * gain).astype(np.float32)


@settings(deadline=None, max_examples=150)
@given(any_plates)
def test_any_bits_give_a_picture(plate: FloatArray) -> None:
    for exposure in (None, 0.0, -3.5):
        shown = to_display(plate, config=CONFIG, colour_space="ACEScg", exposure=exposure).rgb
        assert np.isfinite(shown).all()


def test_nan_is_black_and_inf_is_white() -> None:
    plate = photograph()
    plate[3, 4], plate[5, 6] = np.nan, np.inf
    plate[7, 8, 0] = np.inf
    plate[9, 9] = -np.inf
    shown = to_display(plate, config=CONFIG, colour_space="ACEScg").rgb
    assert (shown[3, 4] == 0.0).all()
    assert shown[5, 6] == pytest.approx(1.0)
    assert shown[7, 8] == pytest.approx(1.0)
    assert (shown[9, 9] == 0.0).all()
    clean = to_display(photograph(), config=CONFIG, colour_space="ACEScg").rgb
    np.testing.assert_allclose(shown[20:], clean[20:], atol=0.01)


def test_an_ordinary_photograph_keeps_its_light() -> None:
    linear = np.minimum(photograph(), np.float32(0.8))
    shown = to_display(linear, config=CONFIG, colour_space=LINEAR_REC709).rgb
    np.testing.assert_allclose(shown, srgb_eotf_inverse(linear), atol=2e-6)


@pytest.mark.parametrize("stops", [-10, -5, 4, 9])
def test_dark_and_bright_plates_come_to_mid_tones(stops: int) -> None:
    plate = photograph(2.0**stops)
    plate[:20] = 0.0  # a black border must not count
    shown = to_display(plate, config=CONFIG, colour_space="ACEScg").rgb[20:]
    assert 0.35 < float(np.median(shown)) < 0.55


def test_a_given_exposure_is_taken() -> None:
    plate = np.full((4, 4, 3), 0.1, dtype=np.float32)
    shown = to_display(plate, config=CONFIG, colour_space=LINEAR_REC709, exposure=1.0).rgb
    assert shown == pytest.approx(float(srgb_eotf_inverse(np.array([0.2], dtype=np.float32))[0]), abs=1e-5)


def test_nothing_is_changed_and_display_spaces_are_refused() -> None:
    plate = photograph()
    before = plate.tobytes()
    to_display(plate, config=CONFIG, colour_space="ACEScg")
    assert plate.tobytes() == before
    with pytest.raises(ColourSpaceError):
        to_display(plate, config=CONFIG, colour_space="srgb_rec709_scene")


@pytest.mark.parametrize("shape", [(0, 0, 3), (1, 1, 3), (3, 2, 3)])
def test_small_pictures(shape: tuple[int, int, int]) -> None:
    assert to_display(np.full(shape, 0.2, dtype=np.float32), config=CONFIG, colour_space="ACEScg").rgb.shape == shape
