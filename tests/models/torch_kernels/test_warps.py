"""Sampling, cutting and laying back on a device agree with geometry's; whole pixels keep their bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.models.torch_kernels.agreement import assert_near, bits, on
from vfx_swap.arrays import FloatArray
from vfx_swap.geometry import sample as plain_sample
from vfx_swap.geometry import warps as plain
from vfx_swap.geometry.pyramid import Pyramid, make_pyramid, sample_pyramid
from vfx_swap.geometry.resample import Filter
from vfx_swap.models.torch_kernels.pyramid import sample_pyramid as torch_pyramid
from vfx_swap.models.torch_kernels.warps import TorchCrop, cut_crop, increment_crop, lay_back, sample
from vfx_swap.types import Crop, Warp, Window

WINDOW = Window(5, -3, 97, 131)
TOLERANCE = 2e-5
"""Of the largest value; measured: 4e-6 on the CPU, where the cubic's nine samples stand for sixteen."""


def plate(*, bad: bool) -> FloatArray:
    rgb = np.random.default_rng(0).uniform(-0.1, 2.0, (131, 97, 3)).astype(np.float32)
    if bad:
        rgb[20, 30], rgb[60, 60, 1], rgb[80, 10] = np.nan, np.inf, -np.inf
    return rgb


def similarity(scale: float, angle: float, x: float, y: float, width: int, height: int) -> Warp:
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    return Warp(np.array([[cos, -sin, x], [sin, cos, y]]), width, height)


WARPS = {
    "whole": similarity(1.0, 0.0, -20.0, -10.0, 60, 70),
    "over the border": similarity(1.0, 0.0, 30.0, 40.0, 60, 70),
    "quarter turn": Warp(np.array([[0.0, -1.0, 90.0], [1.0, 0.0, -3.0]]), 50, 60),
    "outside": similarity(1.0, 0.0, -900.0, -900.0, 9, 9),
    "enlarged": similarity(1.3, 0.3, -20.0, -10.0, 80, 90),
    "reduced": similarity(0.31, 0.2, -3.0, -2.0, 40, 50),
}
EXACT = ("whole", "over the border", "quarter turn", "outside")


@pytest.mark.parametrize("bad", [False, True], ids=["finite", "not finite"])
@pytest.mark.parametrize("name", WARPS)
@pytest.mark.parametrize("resample", ["cubic", "linear"])
def test_cut_and_laid_back(name: str, resample: Filter, bad: bool, device: Any) -> None:
    warp, rgb = WARPS[name], plate(bad=bad)
    wanted = plain.cut_crop(rgb, data_window=WINDOW, warp=warp, colour_space="x", resample=resample)
    got = cut_crop(on(device, rgb), data_window=WINDOW, warp=warp, colour_space="x", resample=resample)
    tolerance = 0.0 if name in EXACT else TOLERANCE
    assert_near(got.rgb, wanted.rgb, tolerance=tolerance)
    assert_near(got.alpha, wanted.alpha, tolerance=tolerance)
    if name in EXACT:
        np.testing.assert_array_equal(bits(got.rgb), bits(wanted.rgb))
    soft = wanted.alpha * np.float32(0.7)
    laid = plain.lay_back(Crop(wanted.rgb, soft, warp, "x"), data_window=WINDOW, resample=resample)
    colour, alpha = on(device, wanted.rgb, soft)
    back = lay_back(TorchCrop(colour, alpha, warp, "x"), data_window=WINDOW, resample=resample)
    assert_near(back[0], laid[0], tolerance=tolerance)
    assert_near(back[1], laid[1], tolerance=tolerance)


def test_an_increment_is_the_same_to_the_bit(device: Any) -> None:
    warp = similarity(1.0, 0.0, -5.0, 3.0, 97, 131)
    before, after, alpha = plate(bad=True), plate(bad=False) * np.float32(1.5), np.ones((131, 97), np.float32)
    after[30:40] = before[30:40]
    wanted = plain.increment_crop(Crop(before, alpha, warp, "x"), Crop(after, alpha, warp, "x"))
    first, second, ones = on(device, before, after, alpha)
    got = increment_crop(TorchCrop(first, ones, warp, "x"), TorchCrop(second, ones, warp, "x"))
    np.testing.assert_array_equal(bits(got.rgb), bits(wanted.rgb))
    with pytest.raises(ValueError, match="two versions of one crop"):
        increment_crop(TorchCrop(first, ones, warp, "x"), TorchCrop(second, ones, warp, "y"))


def test_a_texture_is_read_at_the_size_of_its_pixels(device: Any) -> None:
    rng = np.random.default_rng(3)
    pyramid = make_pyramid(rng.random((128, 128, 3), dtype=np.float32))
    uv, footprint = rng.random((500, 2), dtype=np.float32), (2.0 ** rng.uniform(-2.0, 6.0, 500)).astype(np.float32)
    moved = Pyramid(tuple(on(device, level) for level in pyramid.levels))
    for used in (footprint, np.full(500, 3.0, np.float32)):
        wanted = sample_pyramid(pyramid, uv, used)
        assert_near(torch_pyramid(moved, *on(device, uv, used)), wanted, tolerance=TOLERANCE)


@pytest.mark.parametrize("cubic", [False, True])
def test_scattered_samples(cubic: bool, device: Any) -> None:
    """Outside the picture, too."""
    xy = (np.random.default_rng(1).random((20, 30, 2)) * [120.0, 150.0] - 10.0).astype(np.float32)
    for picture in (plate(bad=False), plate(bad=False)[..., 0]):
        wanted = plain_sample.sample(picture, xy, cubic=cubic)
        assert_near(sample(*on(device, picture, xy), cubic=cubic), wanted, tolerance=TOLERANCE)
    none = np.zeros((0, 2), np.float32)
    assert sample(*on(device, plate(bad=False), none)).shape == plain_sample.sample(plate(bad=False), none).shape
