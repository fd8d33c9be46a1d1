"""Kernels on a torch device: the twins of `models.kernels.NUMPY`, one by one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.geometry.resample import Filter, reduction
from vfx_swap.geometry.warps import footprint, invert_matrix
from vfx_swap.light.harmonics import HarmonicLight
from vfx_swap.models.kernels import Kernels
from vfx_swap.models.torch_kernels import comp, filters, grain, light, motion, pyramid, raster, warps
from vfx_swap.models.torch_kernels.device import open_torch
from vfx_swap.models.torch_kernels.namespace import TorchNamespace
from vfx_swap.types import Warp, Window

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["torch_kernels"]


def torch_kernels(index: int | None) -> Kernels:
    """Kernels on a GPU.

    Args:
        index: the GPU's number; None: torch on the CPU, for tests and measurements.

    Raises:
        DeviceError: torch or the GPU is not there.
    """
    xp = TorchNamespace(open_torch(index))

    def cut_crop(
        rgb: FloatArray, *, data_window: Window, warp: Warp, colour_space: str, resample: Filter = "cubic"
    ) -> warps.TorchCrop:
        # What interpolation and its low-pass reach of the plate goes to the device, and no more.
        scale = reduction(invert_matrix(warp.matrix))
        part = footprint(warp, data_window, margin=4 + math.ceil(3.0 * scale))
        part = data_window if part.is_empty else part
        near = xp.asarray(rgb[part.slices(data_window)])
        return warps.cut_crop(near, data_window=part, warp=warp, colour_space=colour_space, resample=resample)

    def rasterise(positions: FloatArray, triangles: np.ndarray, *, height: int, width: int) -> raster.TorchRaster:
        corners = xp.asarray(triangles).long()
        return raster.rasterise(xp.asarray(positions), corners, height=height, width=width)

    def fit_light(colours: FloatArray, normals: FloatArray, weights: FloatArray, *, rounds: int = 10) -> HarmonicLight:
        fit = light.fit_light(xp.asarray(colours), xp.asarray(normals), xp.asarray(weights), rounds=rounds)
        return HarmonicLight(brightness=_plain(fit.brightness), colour=_plain(fit.colour), mean=float(fit.mean))

    return Kernels(
        device="torch" if index is None else f"cuda:{index}",
        arithmetic="torch" if index is None else "cuda",
        xp=xp,
        array=xp.asarray,
        plain=_plain,
        sample=warps.sample,
        sample_pyramid=pyramid.sample_pyramid,
        cut_crop=cut_crop,
        lay_back=warps.lay_back,
        increment_crop=warps.increment_crop,
        rasterise=rasterise,
        blur=filters.blur,
        grow=filters.grow,
        fit_light=fit_light,
        grade=light.grade,
        lay_grain=grain.lay_grain,
        compare_detail=motion.compare_detail,
        blur_along=motion.blur_along,
        expand_matte=comp.expand_matte,
        comp_over=comp.comp_over,
        comp_increment=comp.comp_increment,
    )


def _plain(tensor: Tensor) -> np.ndarray:
    array: np.ndarray = tensor.cpu().numpy()
    return array
