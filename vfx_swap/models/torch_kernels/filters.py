"""Blurs, resizing and grown regions on a device. Twin of the cv2 calls made by the numpy code.

Pictures are tensors (height, width) or (height, width, c), float32, on any device; results are too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import cv2
import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.models.reprojection.soft import WIDE
from vfx_swap.models.torch_kernels.device import to_device

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["blur", "border_pad", "convolve", "gaussian", "grow", "resize_area", "resize_linear", "separable"]

_LEAST_SHARE = 1e-3
"""Part of a pixel under which OpenCV's area resize leaves it out (imgproc/src/resize.cpp, computeResizeAreaTab)."""


def gaussian(picture: Tensor, sigma: float) -> Tensor:
    """Gaussian blur, mirrored at the border. Twin: `cv2.GaussianBlur(picture, (0, 0), sigma)` of float32."""
    # Length of the kernel: as OpenCV's createGaussianKernels takes it for float pictures.
    length = round(sigma * 8.0 + 1.0) | 1
    kernel = cv2.getGaussianKernel(length, sigma, cv2.CV_32F)[:, 0]
    return separable(picture, kernel, border="reflect_101")


def blur(picture: Tensor, sigma: float) -> Tensor:
    """Gaussian blur; wide ones at reduced size. Twin: `models.reprojection.soft.blur`."""
    factor = int(sigma // WIDE)
    if factor < 2:
        return gaussian(picture, sigma)
    height, width = picture.shape[:2]
    small = resize_area(picture, -(-height // factor), -(-width // factor))
    return resize_linear(gaussian(small, sigma / factor), height, width)


def grow(region: Tensor, radius: float) -> Tensor:
    """A region (height, width) grown by a square brush. Twin: `models.reprojection.soft.grow`."""
    import torch

    reach = max(1, round(radius))
    return torch.nn.functional.max_pool2d(region[None, None], 2 * reach + 1, stride=1, padding=reach)[0, 0]


def separable(picture: Tensor, kernel: FloatArray, *, border: str) -> Tensor:
    """A picture under one odd kernel along both axes. Twin: `cv2.sepFilter2D` and `cv2.GaussianBlur`.

    Args:
        picture: (height, width[, c]).
        kernel: (n,) float32, n odd.
        border: as `border_pad`.
    """
    import torch

    radius = len(kernel) // 2
    taps = to_device(kernel, picture.device)[None, None]
    planes = _planes(border_pad(picture, radius, border=border))
    planes = torch.nn.functional.conv2d(planes, taps[:, :, None, :])
    planes = torch.nn.functional.conv2d(planes, taps[:, :, :, None])
    return _picture(planes, picture)


def convolve(picture: Tensor, kernel: FloatArray, *, border: str) -> Tensor:
    """A picture under a square kernel, correlated. Twin: `cv2.filter2D`.

    A large kernel goes through the Fourier transform in double precision, as OpenCV's does in single.

    Args:
        picture: (height, width[, c]).
        kernel: (n, n) float32, n odd.
        border: as `border_pad`.
    """
    import torch

    radius = len(kernel) // 2
    planes = _planes(border_pad(picture, radius, border=border))
    taps = to_device(kernel, picture.device)
    if len(kernel) <= 11:
        return _picture(torch.nn.functional.conv2d(planes, taps[None, None]), picture)
    height, width = planes.shape[-2:]
    spectrum = torch.fft.rfft2(planes.double()) * torch.fft.rfft2(taps.double(), s=(height, width)).conj()
    whole = torch.fft.irfft2(spectrum, s=(height, width))
    return _picture(whole[..., : picture.shape[0], : picture.shape[1]].float(), picture)


def border_pad(picture: Tensor, radius: int, *, border: str) -> Tensor:
    """A picture with `radius` pixels more on each side.

    Args:
        picture: (height, width[, c]).
        radius: pixels.
        border: `replicate` aaa|abcd|ddd, `reflect` cba|abcd|dcb, `reflect_101` dcb|abcd|cba; names and
            patterns are OpenCV's.
    """
    folds: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
        "replicate": _replicate,
        "reflect": partial(_mirror, edge=1),
        "reflect_101": partial(_mirror, edge=0),
    }
    for axis in (0, 1):
        length = picture.shape[axis]
        at = folds[border](np.arange(-radius, length + radius), length)
        picture = picture.index_select(axis, to_device(at, picture.device))
    return picture


def _replicate(at: np.ndarray, length: int) -> np.ndarray:
    return np.asarray(np.clip(at, 0, length - 1))


def _mirror(at: np.ndarray, length: int, *, edge: int) -> np.ndarray:
    """Indices folded back into the picture as often as it takes; `edge` 1 repeats the outermost pixel."""
    period = max(2 * length - 2 + 2 * edge, 1)
    folded = np.mod(at, period)
    return np.asarray(np.minimum(folded, period - edge - folded))


def resize_area(picture: Tensor, height: int, width: int) -> Tensor:
    """A smaller picture by means over areas. Twin: `cv2.resize(..., interpolation=cv2.INTER_AREA)`."""
    return _resized(picture, height, width, _area_weights)


def resize_linear(picture: Tensor, height: int, width: int) -> Tensor:
    """A picture of another size, bilinear. Twin: `cv2.resize(..., interpolation=cv2.INTER_LINEAR)`."""
    return _resized(picture, height, width, _linear_weights)


def _resized(picture: Tensor, height: int, width: int, weights: Callable[[int, int], FloatArray]) -> Tensor:
    down, across = (
        to_device(weights(old, new), picture.device)
        for old, new in zip(picture.shape[:2], (height, width), strict=True)
    )
    planes = _planes(picture)
    return _picture(down @ (planes @ across.T), picture)


def _area_weights(old: int, new: int) -> FloatArray:
    """(new, old) how much of each pixel lies in each wider one."""
    scale = old / new
    out = np.zeros((new, old), dtype=np.float64)
    for index in range(new):
        start, end = index * scale, min((index + 1) * scale, float(old))
        cell = min(scale, old - start)
        first, last = math.ceil(start), min(math.floor(end), old - 1)
        first = min(first, last)
        out[index, first:last] = 1.0 / cell
        if first - start > _LEAST_SHARE:
            out[index, first - 1] = (first - start) / cell
        if end - last > _LEAST_SHARE:
            out[index, last] = min(end - last, 1.0, cell) / cell
    return out.astype(np.float32)


def _linear_weights(old: int, new: int) -> FloatArray:
    """(new, old) bilinear weights, pixel centres at halves, the border repeated."""
    at = np.clip((np.arange(new) + 0.5) * (old / new) - 0.5, 0.0, old - 1.0)
    low = np.minimum(np.floor(at).astype(int), max(old - 2, 0))
    share = at - low
    out = np.zeros((new, old), dtype=np.float64)
    out[np.arange(new), low] += 1.0 - share
    out[np.arange(new), np.minimum(low + 1, old - 1)] += share
    return out.astype(np.float32)


def _planes(picture: Tensor) -> Tensor:
    """(c, 1, height, width)."""
    return (picture[None] if picture.ndim == 2 else picture.permute(2, 0, 1))[:, None].contiguous()


def _picture(planes: Tensor, like: Tensor) -> Tensor:
    """Planes (c, 1, height, width) as a picture with as many axes as `like`."""
    return planes[0, 0] if like.ndim == 2 else planes[:, 0].permute(1, 2, 0).contiguous()
