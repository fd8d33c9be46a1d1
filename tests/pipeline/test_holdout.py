from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.pipeline.test_swap import Painter, bits, cast, check, face_at, frame, plate, shot
from vfx_swap.arrays import FloatArray
from vfx_swap.pipeline.holdout import front_in_crop, front_in_plate
from vfx_swap.pipeline.swap import swap_frame
from vfx_swap.types import Crop, Front, Warp, Window

WINDOW = Window(10, 20, 60, 44)
GREY = np.full((44, 60, 3), 0.2, np.float32)


def block(*, step: float = 1.0, left: float = 10.0, top: float = 20.0, word: str = "hand") -> Front:
    """Plate pixels 30 to 39 by 30 to 49, when `step` is 1."""
    matte = np.zeros((44, 60), np.uint8)
    matte[10:20, 20:40] = 255
    return Front(left=left, top=top, step=step, mattes={word: matte})


def test_a_matte_lies_where_its_face_was_analysed() -> None:
    laid = front_in_plate(block(), words=["hand"], rgb=GREY, window=WINDOW)
    assert laid is not None
    want = np.zeros((44, 60), np.float32)
    want[10:20, 20:40] = 1.0
    np.testing.assert_array_equal(laid, want)


def test_a_window_elsewhere_sees_the_same_pixels() -> None:
    whole = front_in_plate(block(), words=["hand"], rgb=GREY, window=WINDOW)
    part = front_in_plate(block(), words=["hand"], rgb=GREY[5:30, 15:50], window=Window(25, 25, 35, 25))
    assert whole is not None
    assert part is not None
    np.testing.assert_array_equal(part, whole[5:30, 15:50])


@pytest.mark.parametrize("words", [[], ["glasses"], ["hair"]])
def test_what_no_word_names_is_not_held_out(words: list[str]) -> None:
    assert front_in_plate(block(), words=words, rgb=GREY, window=WINDOW) is None
    assert front_in_plate(None, words=["hand"], rgb=GREY, window=WINDOW) is None


def test_two_mattes_are_one() -> None:
    hand = block()
    both = replace(hand, mattes={"hand": hand.mattes["hand"], "glasses": hand.mattes["hand"][::-1].copy()})
    laid = front_in_plate(both, words=["hand", "glasses"], rgb=GREY, window=WINDOW)
    assert laid is not None
    assert laid[15, 30] == laid[44 - 16, 30] == 1.0


def test_a_coarse_matte_is_drawn_to_the_plate_s_edge() -> None:
    """One pixel of the matte is four of the plate; the thing itself ends two plate pixels farther right."""
    rgb = np.full((120, 160, 3), 0.3, np.float32)
    rgb[:, :82] = (0.02, 0.03, 0.05)
    rgb *= np.random.default_rng(0).uniform(0.97, 1.03, rgb.shape).astype(np.float32)
    matte = np.zeros((30, 40), np.uint8)
    matte[:, :20] = 255
    front = Front(left=1.5, top=1.5, step=4.0, mattes={"hand": matte})
    laid = front_in_plate(front, words=["hand"], rgb=rgb, window=Window(0, 0, 160, 120))
    assert laid is not None
    wide = laid[20:100]
    assert wide[:, 74:81].min() > 0.75
    assert wide[:, 84:90].max() < 0.3


def test_a_crop_sees_it_through_its_warp() -> None:
    covered = np.zeros((44, 60), np.float32)
    covered[10:20, 20:40] = 1.0
    warp = Warp(np.array([[2.0, 0.0, -40.0], [0.0, 2.0, -50.0]]), 60, 50)
    crop = Crop(np.zeros((50, 60, 3), np.float32), np.ones((50, 60), np.float32), warp, "ACEScg")
    seen = front_in_crop(covered, WINDOW, crop)
    # Crop pixel (40, 20) is plate pixel (40, 35), covered; (10, 20) is (25, 35), not.
    assert seen[20, 40] == 1.0
    assert seen[20, 10] == 0.0


def with_block(word: str = "hand") -> tuple[FloatArray, Front]:
    matte = np.zeros((12, 12), np.uint8)
    matte[2:10, 2:10] = 255
    return plate(), Front(left=24.0, top=16.0, step=1.0, mattes={word: matte})


@pytest.mark.parametrize("scale", [1.0, 1.6], ids=["whole pixels", "resampled"])
@pytest.mark.parametrize("grain", [False, True])
def test_every_engine_leaves_what_is_in_front_to_the_plate(scale: float, grain: bool) -> None:
    rgb, front = with_block()
    source = frame(rgb)
    face = face_at(30.0, 22.0, 34.0)
    bare = swap_frame(source, [cast(1, face, Painter(scale=scale))], shot=shot(grain=grain), want_patch=False)
    held = swap_frame(
        source, [cast(1, replace(face, front=front), Painter(scale=scale))], shot=shot(grain=grain), want_patch=False
    )
    check(held, source)
    inside = np.s_[18:26, 26:34]
    assert bare.matte[inside].min() > 0.9
    assert held.matte[inside].max() == 0.0
    assert np.array_equal(bits(held.frame.rgb[inside]), bits(rgb[inside]))
    assert held.matte[22, 20] == bare.matte[22, 20] > 0.9


def test_a_grown_matte_does_not_creep_over_it() -> None:
    rgb, front = with_block()
    face = replace(face_at(30.0, 22.0, 34.0), front=front)
    held = swap_frame(frame(rgb), [cast(1, face)], shot=shot(expand=6.0), want_patch=False)
    assert held.matte[18:26, 26:34].max() == 0.0


def test_what_is_soft_by_its_motion_is_not_drawn_to_edges() -> None:
    """A ramp of twelve pixels of the matte, four of the plate each, over a plate with an edge beneath it."""
    rgb = np.full((120, 160, 3), 0.3, np.float32)
    rgb[:, :82] = (0.02, 0.03, 0.05)
    matte = np.zeros((30, 40), np.uint8)
    matte[:] = np.round(255.0 * np.clip((26.0 - np.arange(40)) / 12.0, 0.0, 1.0)).astype(np.uint8)
    front = Front(left=0.0, top=0.0, step=4.0, mattes={"hand": matte})
    laid = front_in_plate(front, words=["hand"], rgb=rgb, window=Window(0, 0, 160, 120))
    assert laid is not None
    ramp = np.clip((104.0 - np.arange(160)) / 48.0, 0.0, 1.0)
    np.testing.assert_allclose(laid[60], ramp, atol=0.03)
