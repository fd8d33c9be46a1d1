"""Matte, comp, grain and motion blur on a device agree with comp's; the plate keeps its bits."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from tests.comp.painted import grainy, likeness
from tests.models.torch_kernels.agreement import assert_near, bits, on
from vfx_swap.arrays import FloatArray
from vfx_swap.comp import grain_levels as plain_grain
from vfx_swap.comp import motion as plain_motion
from vfx_swap.comp.matte import expand_matte as plain_expand
from vfx_swap.comp.motion import MotionBlur, Travel
from vfx_swap.comp.over import comp_increment as plain_increment
from vfx_swap.comp.over import comp_over as plain_over
from vfx_swap.models.torch_kernels.comp import comp_increment, comp_over, expand_matte
from vfx_swap.models.torch_kernels.grain import lay_grain, quantile
from vfx_swap.models.torch_kernels.motion import blur_along, measure_motion_blur

GRAIN_TOLERANCE = 4e-6
"""Of the largest value; measured: 4e-7 on the CPU."""


def plate() -> FloatArray:
    """Every kind of value, NaNs of two bit patterns and both zeros among them."""
    rng = np.random.default_rng(0)
    rgb = rng.uniform(-0.2, 3.0, (44, 60, 3)).astype(np.float32)
    spots = rng.random((44, 60))
    rgb[spots > 0.95], rgb[spots < 0.05], rgb[(spots > 0.5) & (spots < 0.53), 0] = np.nan, np.inf, -np.inf
    rgb.view(np.uint32)[(spots > 0.6) & (spots < 0.63)] = 0x7FC01234
    rgb[0, 0], rgb[0, 1] = -0.0, 0.0
    return rgb


def face_and_matte() -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(1)
    face, matte = rng.uniform(-0.2, 9.0, (44, 60, 3)), rng.uniform(-0.5, 1.5, (44, 60))
    face[rng.random((44, 60)) > 0.95], matte[rng.random((44, 60)) > 0.95] = np.nan, np.nan
    face[20:24] = plate()[20:24]
    return face.astype(np.float32), matte.astype(np.float32)


def test_the_comp_is_the_same_to_the_bit(device: Any) -> None:
    rgb, (face, matte) = plate(), face_and_matte()
    tensors = on(device, rgb, face, matte)
    for twin, plain in ((comp_over, plain_over), (comp_increment, plain_increment)):
        out = bits(twin(*tensors))
        np.testing.assert_array_equal(out, bits(plain(rgb, face, matte)))
        outside = ~(matte > 0.0)
        np.testing.assert_array_equal(out[outside], bits(rgb)[outside])
    assert np.array_equal(bits(tensors[0]), bits(rgb)), "the plate itself was changed"


@pytest.mark.parametrize("pixels", [0.0, 0.4, 1.0, 3.7, -2.5, -0.3, 40.0, -200.0])
def test_a_moved_matte_is_the_same_to_the_bit(pixels: float, device: Any) -> None:
    matte = np.zeros((60, 70), np.float32)
    matte[10:50, 30:] = 1.0
    matte = np.clip(cv2.GaussianBlur(matte, (0, 0), 3.0), 0.0, 1.0)
    assert_near(expand_matte(on(device, matte), pixels), plain_expand(matte, pixels), tolerance=0.0)
    empty = np.zeros((5, 6), np.float32)
    assert_near(expand_matte(on(device, empty), pixels), plain_expand(empty, pixels), tolerance=0.0)


@pytest.mark.parametrize("softness", [0.0, 0.6])
def test_grain_is_laid_on_alike(softness: float, device: Any) -> None:
    face, _ = likeness(256, 1)
    read = plain_grain.read_grain(grainy(face, 0.02, 2, softness))
    grain = plain_grain.pooled_grain([read])
    assert grain is not None
    face[3, 4], face[5, 6] = 0.0, -1.0
    laid = plain_grain.lay_grain(face, grain=grain, seed=7)
    assert_near(lay_grain(on(device, face), grain=grain, seed=7), laid, tolerance=GRAIN_TOLERANCE)
    assert not np.array_equal(laid, face)


def test_none_is_laid_where_there_is_none(device: Any) -> None:
    none = plain_grain.LevelGrain(np.zeros((len(plain_grain.LEVELS), 3, 3)), (0.0, 0.0, 0.0))
    tensor = on(device, likeness(64, 1)[0])
    assert lay_grain(tensor, grain=none, seed=1) is tensor


@pytest.mark.parametrize("length", [0.0, 3.0, 9.0, 41.0])
def test_a_blur_along_a_line(length: float, device: Any) -> None:
    face, weight = likeness(120, 3)
    face[40, 50] = 4.0
    blur = MotionBlur(length, 30.0)
    for picture in (face, weight):
        wanted = plain_motion.blur_along(picture, blur)
        assert_near(blur_along(on(device, picture), blur), wanted, tolerance=GRAIN_TOLERANCE)


@pytest.mark.parametrize(("length", "angle"), [(0.0, 0.0), (9.0, 0.0), (21.0, 60.0), (30.0, 150.0)])
def test_motion_is_read_alike(length: float, angle: float, device: Any) -> None:
    face, weight = likeness(300, 4)
    other, _ = likeness(300, 5)
    seen = grainy(plain_motion.blur_along(other, MotionBlur(length, angle)), 0.01, 6)
    wanted = plain_motion.measure_motion_blur(seen, face, weight)
    got = measure_motion_blur(*on(device, seen, face, weight))
    assert (wanted.length_pixels > 0.0) == (length > 0.0)
    assert got.length_pixels == pytest.approx(wanted.length_pixels, rel=1e-6)
    assert got.angle_degrees == pytest.approx(wanted.angle_degrees, abs=1e-6)
    seen = grainy(plain_motion.blur_along(other, MotionBlur(6.0, angle)), 0.03, 3)  # doubtful: the track decides
    x, y = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    for travel, believed in ((Travel(15.0 * x, 15.0 * y), True), (Travel(-15.0 * y, 15.0 * x), False)):
        wanted = plain_motion.measure_motion_blur(seen, face, weight, travel=travel)
        got = measure_motion_blur(*on(device, seen, face, weight), travel=travel)
        assert (wanted.length_pixels > 0.0) == believed
        assert got.length_pixels == pytest.approx(wanted.length_pixels, rel=1e-6)
        assert got.angle_degrees == pytest.approx(wanted.angle_degrees, abs=1e-6)
    small = on(device, seen[:20, :20], face[:20, :20], weight[:20, :20])
    assert measure_motion_blur(*small).length_pixels == 0.0


@pytest.mark.parametrize("count", [1, 2, 7, 100])
@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
def test_quantile(count: int, share: float, device: Any) -> None:
    values = np.random.default_rng(count).random(count)
    assert float(quantile(on(device, values), share)) == pytest.approx(np.quantile(values, share), rel=1e-12)
