"""Blurs and sizes on a device agree with OpenCV's on the CPU."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from tests.models.torch_kernels.agreement import assert_near, on
from vfx_swap.arrays import FloatArray
from vfx_swap.models.reprojection import soft
from vfx_swap.models.torch_kernels.filters import blur, convolve, gaussian, grow, resize_area, resize_linear, separable

TOLERANCE = 4e-6
"""Of the largest value; measured: 9e-7 on the CPU."""


def picture(*shape: int, seed: int = 0) -> FloatArray:
    """Light with a lamp in it: what is near the lamp must not lose its own precision."""
    rgb = np.random.default_rng(seed).random(shape, dtype=np.float32)
    rgb[shape[0] // 2, shape[1] // 2] = 4.0
    return rgb


@pytest.mark.parametrize("shape", [(61, 83, 3), (40, 30), (5, 3, 3), (1, 9)])
@pytest.mark.parametrize("sigma", [0.3, 1.0, 3.7, 7.9])
def test_gaussian(shape: tuple[int, ...], sigma: float, device: Any) -> None:
    plain = picture(*shape)
    assert_near(gaussian(on(device, plain), sigma), cv2.GaussianBlur(plain, (0, 0), sigma), tolerance=TOLERANCE)


@pytest.mark.parametrize("shape", [(131, 97, 3), (97, 131)])
@pytest.mark.parametrize("sigma", [0.5, 7.9, 8.1, 13.0, 60.0])
def test_blur_by_way_of_a_smaller_picture(shape: tuple[int, ...], sigma: float, device: Any) -> None:
    plain = picture(*shape)
    assert_near(blur(on(device, plain), sigma), soft.blur(plain, sigma), tolerance=TOLERANCE)


@pytest.mark.parametrize("size", [(33, 24), (32, 32), (64, 48), (11, 7), (1, 1)])
def test_resize(size: tuple[int, int], device: Any) -> None:
    plain, (height, width) = picture(64, 48, 3), size
    small = cv2.resize(plain, (width, height), interpolation=cv2.INTER_AREA)
    assert_near(resize_area(on(device, plain), height, width), small, tolerance=TOLERANCE)
    for height, width in (size, (130, 97)):
        other = cv2.resize(plain, (width, height), interpolation=cv2.INTER_LINEAR)
        assert_near(resize_linear(on(device, plain), height, width), other, tolerance=TOLERANCE)


@pytest.mark.parametrize("radius", [0.2, 1.5, 2.5, 9.0])
def test_a_grown_region_is_the_same_to_the_bit(radius: float, device: Any) -> None:
    region = np.where(picture(50, 40) > 0.98, picture(50, 40, seed=1), np.float32(0.0))
    assert_near(grow(on(device, region), radius), soft.grow(region, radius), tolerance=0.0)


@pytest.mark.parametrize("border", ["replicate", "reflect", "reflect_101"])
@pytest.mark.parametrize("side", [3, 11, 13, 41])
def test_convolve(side: int, border: str, device: Any) -> None:
    """A kernel that is not symmetric tells a correlation from a convolution."""
    kernel, plain = picture(side, side, seed=2), picture(50, 61, 3)
    kernel /= kernel.sum()
    code = {"replicate": cv2.BORDER_REPLICATE, "reflect": cv2.BORDER_REFLECT, "reflect_101": cv2.BORDER_REFLECT_101}
    wanted = cv2.filter2D(plain, -1, kernel, borderType=code[border])
    assert_near(convolve(on(device, plain), kernel, border=border), wanted, tolerance=TOLERANCE)
    line = kernel[:, 0] / kernel[:, 0].sum()
    wanted = cv2.sepFilter2D(plain, cv2.CV_32F, line, line, borderType=code[border])
    assert_near(separable(on(device, plain), line, border=border), wanted, tolerance=TOLERANCE)
