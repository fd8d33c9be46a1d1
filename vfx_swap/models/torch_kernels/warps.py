"""Sampling, cutting a crop and laying it back, on a device. Twins: `geometry.sample` and `geometry.warps`.

Conventions are theirs. Positions are worked out in double precision and rounded to single where the
numpy twins hand them to OpenCV.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vfx_swap.geometry.resample import EXACT, Filter, low_pass_kernel, reduction
from vfx_swap.geometry.warps import footprint, invert_matrix
from vfx_swap.models.torch_kernels.filters import separable
from vfx_swap.types import Crop, Warp, Window

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["TorchCrop", "cut_crop", "increment_crop", "lay_back", "sample"]

_KEYS = -0.75
"""Free parameter of OpenCV's bicubic kernel (Keys 1981)."""


@dataclass(frozen=True, eq=False, repr=False)
class TorchCrop(Crop):
    """A crop whose arrays are tensors on a device."""

    rgb: Tensor
    alpha: Tensor

    def __post_init__(self) -> None:
        """Nothing is checked: shapes come from the twins."""

    def __repr__(self) -> str:
        return f"TorchCrop({'x'.join(map(str, self.rgb.shape))} on {self.rgb.device}, {self.colour_space!r})"


def sample(picture: Tensor, xy: Tensor, *, cubic: bool = False) -> Tensor:
    """A picture's values at points. Twin: `geometry.sample.sample`.

    Args:
        picture: (height, width) or (height, width, c), finite.
        xy: (..., 2) columns and rows.
        cubic: bicubic (Keys, a = -0.75).

    Returns:
        (...) or (..., c).
    """
    pixels = picture[..., None] if picture.ndim == 2 else picture
    x, y = xy[..., 0].reshape(-1), xy[..., 1].reshape(-1)
    out = _bicubic(pixels, x, y) if cubic else _bilinear(pixels, x, y)
    return out.reshape(*xy.shape[:-1], *picture.shape[2:])


def cut_crop(
    rgb: Tensor, *, data_window: Window, warp: Warp, colour_space: str, resample: Filter = "cubic"
) -> TorchCrop:
    """Cut a crop out of a plate. Twin: `geometry.warps.cut_crop`.

    Args:
        rgb: (height, width, 3) of the data window.
        data_window: where `rgb` lies, plate pixels.
        warp: plate pixels to crop pixels, and the crop's size.
        colour_space: of `rgb`.
        resample: interpolation.
    """
    back = invert_matrix(warp.matrix)
    back[:, 2] -= (data_window.x, data_window.y)
    x, y = _grid(back, warp.width, warp.height, like=rgb)
    cut = _resample(rgb, x, y, scale=reduction(back), resample=resample)
    return TorchCrop(cut, _inside(x, y, data_window.width, data_window.height), warp, colour_space)


def lay_back(
    crop: TorchCrop, *, data_window: Window, only: Window | None = None, resample: Filter = "cubic"
) -> tuple[Tensor, Tensor]:
    """Lay a crop back into the plate's pixels. Twin: `geometry.warps.lay_back`.

    Returns:
        rgb (height, width, 3) and alpha (height, width), of the data window or `only`; both 0 outside the crop.
    """
    if only is not None:
        # A GPU is as quick with all of it.
        at = only.intersect(data_window).slices(data_window)
        whole, cover = lay_back(crop, data_window=data_window, resample=resample)
        return whole[at], cover[at]
    rgb = crop.rgb.new_zeros((data_window.height, data_window.width, 3))
    alpha = crop.rgb.new_zeros((data_window.height, data_window.width))
    window = footprint(crop.warp, data_window)
    if window.is_empty or not crop.alpha.numel():
        return rgb, alpha
    forward = crop.warp.matrix.copy()
    forward[:, 2] += forward[:, :2] @ np.array([window.x, window.y], dtype=np.float64)
    x, y = _grid(forward, window.width, window.height, like=rgb)
    scale = reduction(forward)
    at = window.slices(data_window)
    inside = _inside(x, y, crop.warp.width, crop.warp.height)
    laid = _resample(crop.alpha[..., None], x, y, scale=scale, resample="linear")[..., 0] * inside
    alpha[at] = laid.clamp(0.0, 1.0)
    coloured = _resample(crop.rgb, x, y, scale=scale, resample=resample)
    rgb[at] = coloured.where(inside[..., None] > 0.0, 0.0)
    return rgb, alpha


def increment_crop(before: TorchCrop, after: TorchCrop) -> TorchCrop:
    """What a swapper changed. Twin: `geometry.warps.increment_crop`.

    Raises:
        ValueError: the two are not the same crop.
    """
    same = np.array_equal(before.warp.matrix, after.warp.matrix) and before.rgb.shape == after.rgb.shape
    if not same or before.colour_space != after.colour_space:
        raise ValueError(f"an increment needs two versions of one crop, got {before!r} and {after!r}")
    change = after.rgb - before.rgb
    return TorchCrop(change.where(change.isfinite(), 0.0), after.alpha, after.warp, after.colour_space)


def _grid(matrix: np.ndarray, width: int, height: int, *, like: Tensor) -> tuple[Tensor, Tensor]:
    import torch

    columns = torch.arange(width, dtype=torch.float64, device=like.device)
    rows = torch.arange(height, dtype=torch.float64, device=like.device)[:, None]
    (a, b, c), (d, e, f) = matrix.tolist()
    return a * columns + (b * rows + c), d * columns + (e * rows + f)


def _inside(x: Tensor, y: Tensor, width: int, height: int) -> Tensor:
    import torch

    across = torch.minimum(x + 1.0, width - x)
    down = torch.minimum(y + 1.0, height - y)
    cover = torch.minimum(across, down).clamp(0.0, 1.0)
    return cover.where(cover <= 1.0 - EXACT, 1.0).where(cover >= EXACT, 0.0).float()


def _resample(picture: Tensor, x: Tensor, y: Tensor, *, scale: float, resample: Filter) -> Tensor:
    """A picture (h, w, c) at positions x, y; the border repeats; not-finite pixels do not spread."""
    if not x.numel() or not picture.numel():
        return picture.new_zeros((*x.shape, picture.shape[2]))
    region, x, y = _region(picture, x, y, pad=3 + math.ceil(3.0 * scale))
    nearest_x, nearest_y = x.round(), y.round()
    off = max(float((x - nearest_x).abs().max()), float((y - nearest_y).abs().max()))
    if off < EXACT and scale < 1.0 + EXACT:
        return _gather(region, nearest_x, nearest_y)
    good = region.isfinite()
    if bool(good.all()):
        return _interpolate(_blur(region, scale), x, y, resample)
    sound = _blur(region.where(good, 0.0), scale)
    held = _interpolate(sound, x, y, "linear")
    share = _interpolate(_blur(good.float(), scale), x, y, "linear")
    plain = held / share.clamp(min=1e-6)
    nearest = _gather(region, nearest_x, nearest_y)
    sharp = _interpolate(sound, x, y, resample)
    return sharp.where(share > 1.0 - 1e-6, plain).where(nearest.isfinite(), nearest)


def _region(picture: Tensor, x: Tensor, y: Tensor, *, pad: int) -> tuple[Tensor, Tensor, Tensor]:
    """The part of a picture that positions reach, and the positions in it."""
    height, width = picture.shape[:2]
    low_x, high_x, low_y, high_y = (float(edge) for edge in (x.min(), x.max(), y.min(), y.max()))
    left, right = (min(max(edge, 0), width - 1) for edge in (math.floor(low_x) - pad, math.ceil(high_x) + pad))
    top, bottom = (min(max(edge, 0), height - 1) for edge in (math.floor(low_y) - pad, math.ceil(high_y) + pad))
    return picture[top : bottom + 1, left : right + 1], x - left, y - top


def _blur(region: Tensor, scale: float) -> Tensor:
    kernel = low_pass_kernel(scale)
    return region if kernel is None else separable(region, kernel.astype(np.float32), border="replicate")


def _gather(region: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Whole pixels, bits copied, the border repeated."""
    return region[_index(y, region.shape[0]), _index(x, region.shape[1])]


def _index(at: Tensor, length: int) -> Tensor:
    return at.clamp(0, length - 1).long()


def _interpolate(region: Tensor, x: Tensor, y: Tensor, resample: Filter) -> Tensor:
    """Bilinear, or Catmull-Rom held within the four pixels around the sample."""
    height, width = region.shape[:2]
    if resample == "linear":
        return _bilinear(region, x.clamp(0.0, width - 1.0).float(), y.clamp(0.0, height - 1.0).float())
    x, y = x.clamp(0.0, width - 1.0), y.clamp(0.0, height - 1.0)
    base_x, base_y = x.floor(), y.floor()
    across, down = _catmull_rom(x - base_x), _catmull_rom(y - base_y)
    out = region.new_zeros((*x.shape, region.shape[2]))
    for step_y, weight_y in zip((-1, 0, 1, 2), down, strict=True):
        for step_x, weight_x in zip((-1, 0, 1, 2), across, strict=True):
            weight = (weight_x * weight_y).float()[..., None]
            out += weight * _gather(region, base_x + step_x, base_y + step_y)
    four = [_gather(region, base_x + right, base_y + below) for below in (0, 1) for right in (0, 1)]
    low, high = four[0].minimum(four[1]), four[0].maximum(four[1])
    for one in four[2:]:
        low, high = low.minimum(one), high.maximum(one)
    return out.clamp(low, high)


def _catmull_rom(t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Weights of the four pixels along an axis (Keys 1981, a = -0.5)."""
    before = ((-0.5 * t + 1.0) * t - 0.5) * t
    first = (1.5 * t - 2.5) * t * t + 1.0
    second = ((-1.5 * t + 2.0) * t + 0.5) * t
    after = (0.5 * t - 0.5) * t * t
    return before, first, second, after


def _bilinear(region: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """(..., c) at float32 positions, the border repeated."""
    base_x, base_y = x.floor(), y.floor()
    right, below = (x - base_x)[..., None], (y - base_y)[..., None]
    upper = _gather(region, base_x, base_y) * (1.0 - right) + _gather(region, base_x + 1, base_y) * right
    lower = _gather(region, base_x, base_y + 1) * (1.0 - right) + _gather(region, base_x + 1, base_y + 1) * right
    return upper * (1.0 - below) + lower * below


def _bicubic(region: Tensor, x: Tensor, y: Tensor) -> Tensor:
    base_x, base_y = x.floor(), y.floor()
    out = region.new_zeros((*x.shape, region.shape[2]))
    across, down = _keys(x - base_x), _keys(y - base_y)
    for step_y, weight_y in zip((-1, 0, 1, 2), down, strict=True):
        for step_x, weight_x in zip((-1, 0, 1, 2), across, strict=True):
            out += (weight_x * weight_y)[..., None] * _gather(region, base_x + step_x, base_y + step_y)
    return out


def _keys(t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Weights of the four pixels along an axis, as OpenCV's interpolateCubic."""
    a = _KEYS
    before = ((a * (t + 1.0) - 5.0 * a) * (t + 1.0) + 8.0 * a) * (t + 1.0) - 4.0 * a
    first = ((a + 2.0) * t - (a + 3.0)) * t * t + 1.0
    u = 1.0 - t
    second = ((a + 2.0) * u - (a + 3.0)) * u * u + 1.0
    return before, first, second, 1.0 - before - first - second
