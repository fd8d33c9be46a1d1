"""The comp: where the matte is 0 the output is the plate, bit for bit, NaN and inf included."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp

from vfx_swap.arrays import FloatArray
from vfx_swap.comp.over import comp_increment, comp_over

any_rgb = hnp.arrays(np.uint32, (5, 8, 3)).map(lambda bits: bits.view(np.float32))
any_matte = hnp.arrays(np.uint32, (5, 8)).map(lambda bits: bits.view(np.float32))


def same_bits(first: FloatArray, second: FloatArray) -> np.ndarray:
    same: np.ndarray = np.ascontiguousarray(first).view(np.uint32) == np.ascontiguousarray(second).view(np.uint32)
    return same


@settings(deadline=None, max_examples=200)
@given(any_rgb, any_rgb, any_matte)
def test_the_plates_bits_stay_where_the_matte_is_zero(plate: FloatArray, face: FloatArray, matte: FloatArray) -> None:
    with np.errstate(invalid="ignore"):
        outside = ~(matte > 0.0)
        whole = (matte >= 1.0)[..., np.newaxis] & np.isfinite(face)
    result = comp_over(plate, face, matte)
    assert same_bits(result, plate)[outside].all()
    assert (result == face)[whole].all()
    assert same_bits(comp_increment(plate, face, matte), plate)[outside].all()


@settings(deadline=None, max_examples=100)
@given(any_rgb, any_matte)
def test_the_same_face_and_no_increment_change_no_bit(plate: FloatArray, matte: FloatArray) -> None:
    assert same_bits(comp_over(plate, plate.copy(), matte), plate).all()
    assert same_bits(comp_increment(plate, np.zeros_like(plate), matte), plate).all()
    assert same_bits(comp_increment(plate, -np.zeros_like(plate), matte), plate).all()


def plain(plate: FloatArray, change: FloatArray, matte: FloatArray, *, increment: bool) -> FloatArray:
    """Both comps pixel by pixel, as their descriptions say."""
    out = plate.copy()
    with np.errstate(invalid="ignore", over="ignore"):
        for place in zip(*np.nonzero(matte > 0.0), strict=True):
            amount = min(matte[place], np.float32(1.0))
            for channel in range(3):
                own, new = plate[place][channel], change[place][channel]
                mixed = own + amount * (new if increment else new - own)
                mixed = new if amount >= 1.0 and not increment else mixed
                said = new != 0.0 and np.isfinite(new) if increment else new != own and np.isfinite(mixed)
                out[place][channel] = mixed if said else own
    return out


@settings(deadline=None, max_examples=100)
@given(any_rgb, any_rgb, any_matte)
def test_agrees_with_the_plain_twin(plate: FloatArray, face: FloatArray, matte: FloatArray) -> None:
    corner = matte.copy()
    corner[:2], corner[:, :3] = 0.0, 0.0  # what is worked on is a rectangle
    for shown in (matte, corner, np.zeros_like(matte)):
        for comp, increment in ((comp_over, False), (comp_increment, True)):
            wanted = plain(plate, face, shown, increment=increment)
            got = comp(plate, face, shown)
            assert (same_bits(got, wanted) | (np.isnan(got) & np.isnan(wanted))).all()


@settings(deadline=None, max_examples=100)
@given(any_rgb, any_rgb, any_matte)
def test_nothing_breaks_that_was_whole(plate: FloatArray, face: FloatArray, matte: FloatArray) -> None:
    assert np.isfinite(comp_over(plate, face, matte)[np.isfinite(plate)]).all()


def test_it_mixes() -> None:
    plate = np.full((1, 5, 3), 2.0, dtype=np.float32)
    face = np.full((1, 5, 3), 4.0, dtype=np.float32)
    matte = np.array([[0.0, 0.25, 1.0, 7.0, -1.0]], dtype=np.float32)
    assert comp_over(plate, face, matte)[0, :, 0].tolist() == [2.0, 2.5, 4.0, 4.0, 2.0]
    assert comp_increment(plate, face, matte)[0, :, 0].tolist() == [2.0, 3.0, 6.0, 6.0, 2.0]


def test_an_increment_that_says_nothing() -> None:
    """Adding zero would turn -0 into 0; adding what is not finite would break the plate."""
    plate = np.array([[[-0.0] * 3, [1.0] * 3, [1.0] * 3, [np.inf] * 3]], dtype=np.float32)
    increment = np.array([[[0.0] * 3, [np.nan] * 3, [np.inf] * 3, [0.0] * 3]], dtype=np.float32)
    assert same_bits(comp_increment(plate, increment, np.ones((1, 4), dtype=np.float32)), plate).all()


def test_what_is_not_finite() -> None:
    plate = np.array([[[np.nan] * 3, [np.inf] * 3, [1.0] * 3, [np.nan] * 3]], dtype=np.float32)
    face = np.array([[[0.5] * 3, [0.5] * 3, [np.nan] * 3, [0.5] * 3]], dtype=np.float32)
    matte = np.array([[0.5, 0.5, 1.0, 1.0]], dtype=np.float32)
    mixed = comp_over(plate, face, matte)[0, :, 0]
    assert np.isnan(mixed[0])
    assert mixed[1] == np.inf
    assert mixed[2] == 1.0
    assert mixed[3] == 0.5


def test_inputs_are_left_alone_and_must_agree() -> None:
    plate, face, matte = np.ones((3, 4, 3), np.float32), np.zeros((3, 4, 3), np.float32), np.ones((3, 4), np.float32)
    for array in (plate, face, matte):
        array.setflags(write=False)
    assert (comp_over(plate, face, matte) == 0.0).all()
    assert (plate == 1.0).all()
    with pytest.raises(ValueError, match="matte"):
        comp_over(plate, face, matte.T)
    with pytest.raises(TypeError, match="face"):
        comp_over(plate, face.astype(np.float64), matte)
