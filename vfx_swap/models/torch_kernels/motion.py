"""Motion blur on a device: seen in the plate, put on the swap. Twin: `comp.motion`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from vfx_swap.comp import motion as plain
from vfx_swap.comp.distance import distance_inside
from vfx_swap.comp.motion import MotionBlur, Travel
from vfx_swap.models.torch_kernels.device import to_device
from vfx_swap.models.torch_kernels.filters import convolve, gaussian
from vfx_swap.models.torch_kernels.grain import quantile

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["blur_along", "compare_detail", "measure_motion_blur"]


def measure_motion_blur(plate: Tensor, face: Tensor, weight: Tensor, *, travel: Travel | None = None) -> MotionBlur:
    """The motion blur that the plate has and the face lacks. Twin: `comp.motion.measure_motion_blur`.

    Spectra are made here; the search among them, which is small, is the twin's.

    Args:
        plate: (height, width, 3) scene-linear, finite.
        face: (height, width, 3) the swap in the same place.
        weight: (height, width) both are compared where it is at least one half.
        travel: of the face, in these pixels; None: not known.
    """
    spectra = compare_detail(plate, face, weight)
    return plain.NONE if spectra is None else plain.find_blur(spectra, travel=travel)


def compare_detail(plate: Tensor, face: Tensor, weight: Tensor) -> plain.Spectra | None:
    """Power of two pictures of one place, by direction and fineness. Twin: `comp.motion.compare_detail`.

    Args:
        plate: (height, width, 3) scene-linear, finite.
        face: (height, width, 3) the other.
        weight: (height, width) both are compared where it is at least one half.
    """
    shown = (weight >= 0.5).cpu().numpy()
    at = plain.compared_part(shown)
    return None if at is None else _compare(plate[at], face[at], shown[at], min(shown[at].shape))


def blur_along(picture: Tensor, blur: MotionBlur) -> Tensor:
    """A picture (height, width[, c]) blurred along a line, borders repeated. Twin: `comp.motion.blur_along`."""
    if blur.length_pixels < 0.05:
        return picture
    return convolve(picture, plain.line_kernel(blur), border="replicate")


def _compare(plate: Tensor, face: Tensor, shown: np.ndarray, side: int) -> plain.Spectra:
    import torch

    device = plate.device
    distance = distance_inside(np.pad(shown, 1))
    rise = (to_device(distance[1:-1, 1:-1], device) / (plain.TAPER * side)).clamp(0.0, 1.0)
    window = rise * rise * (3.0 - 2.0 * rise)
    of_plate, of_face = (_power(rgb, window, broad=plain.BROAD * side) for rgb in (plate, face))
    y = torch.fft.fftfreq(shown.shape[0], dtype=torch.float64, device=device)[:, None]
    x = torch.fft.rfftfreq(shown.shape[1], dtype=torch.float64, device=device)[None]
    frequency, angle = torch.hypot(x, y), torch.atan2(y, x.expand(len(y), -1))
    lowest, count = plain.LOWEST / side, len(plain.band_frequencies(side))
    used = (frequency >= lowest) & (frequency < plain.HIGHEST)
    fine = ((frequency[used] / lowest).log() / math.log(plain.HIGHEST / lowest) * count).long().clamp(0, count - 1)
    sector = (angle[used] / math.pi * plain.SECTORS + 0.5).floor().long() % plain.SECTORS
    values = torch.stack([torch.ones_like(of_plate[used]), of_plate[used], of_face[used]], dim=1)
    sums = values.new_zeros((plain.SECTORS * count, 3)).index_add_(0, sector * count + fine, values)
    points, plate_power, face_power = sums.T.reshape(3, plain.SECTORS, count).cpu().numpy()
    levels = tuple(float(quantile(of_plate[(frequency >= a) & (frequency < b)], 0.5)) for a, b in plain.GRAIN_BANDS)
    return plain.make_spectra(points, plate_power, face_power, grain_levels=levels, side=side)


def _power(rgb: Tensor, window: Tensor, *, broad: float) -> Tensor:
    """Power spectrum of detail relative to its surroundings."""
    import torch

    luma = rgb.clamp(min=0.0).double() @ rgb.new_tensor(plain.LUMA, dtype=torch.float64)
    middle = quantile(luma, 0.5).clamp(min=1e-6)
    luma, floor = luma.minimum(plain.GLARE * middle), 0.05 * middle
    detail = (luma / (gaussian(luma.float(), broad) + floor)).clamp(max=4.0)
    detail = (detail - (detail * window).sum() / window.sum().clamp(min=1e-9)) * window
    return torch.fft.rfft2(detail).abs() ** 2
