"""The array work of a swap on one device: numpy's on the CPU, torch's on a GPU, under the same names.

The swapper and the journey of a frame are written once, against a `Kernels`. Plain arithmetic is written with
operators and with `xp`, which is numpy or what stands for it; everything else is a field here, and each field of
`NUMPY` has a torch twin that is tested against it (`torch_kernels`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from vfx_swap.arrays import Array
from vfx_swap.comp.grain_levels import lay_grain
from vfx_swap.comp.matte import expand_matte
from vfx_swap.comp.motion import MotionBlur, Spectra, blur_along, compare_detail
from vfx_swap.comp.over import comp_increment, comp_over
from vfx_swap.geometry.pyramid import Pyramid, sample_pyramid
from vfx_swap.geometry.raster import rasterise
from vfx_swap.geometry.sample import sample
from vfx_swap.geometry.warps import cut_crop, increment_crop, lay_back
from vfx_swap.light.grade import grade
from vfx_swap.light.harmonics import HarmonicLight, fit_light
from vfx_swap.models.reprojection.soft import blur, grow

__all__ = ["NUMPY", "Kernels"]


@dataclass(frozen=True, eq=False)
class Kernels:
    """Functions over arrays of one device. Arguments and results are those of the numpy function named."""

    device: str
    """`cpu`, or `cuda:N`."""
    arithmetic: str
    """Whose rounding results have, for digests: results of one kind have the same bits on machines of one kind."""
    xp: Any
    """numpy, or functions of its names for arrays of this device."""
    array: Callable[[np.ndarray], Array]
    """To the device; does nothing where it is there."""
    plain: Callable[[Array], np.ndarray]
    """Back to numpy."""
    sample: Callable[..., Array]
    """`geometry.sample.sample`"""
    sample_pyramid: Callable[[Pyramid, Array, Array], Array]
    """`geometry.pyramid.sample_pyramid`, whose levels are arrays of this device"""
    cut_crop: Callable[..., Any]
    """`geometry.warps.cut_crop`; takes the plate from numpy, whole, and moves what it needs."""
    lay_back: Callable[..., tuple[Array, Array]]
    """`geometry.warps.lay_back`"""
    increment_crop: Callable[..., Any]
    """`geometry.warps.increment_crop`"""
    rasterise: Callable[..., Any]
    """`geometry.raster.rasterise`; takes the mesh from numpy."""
    blur: Callable[[Array, float], Array]
    """`models.reprojection.soft.blur`"""
    grow: Callable[[Array, float], Array]
    """`models.reprojection.soft.grow`"""
    fit_light: Callable[..., HarmonicLight]
    """`light.harmonics.fit_light`; takes numpy arrays and gives a numpy light, worked out on the device."""
    grade: Callable[..., Array]
    """`light.grade.grade`"""
    lay_grain: Callable[..., Array]
    """`comp.grain_levels.lay_grain`"""
    compare_detail: Callable[[Array, Array, Array], Spectra | None]
    """`comp.motion.compare_detail`; gives numpy's spectra, which are small."""
    blur_along: Callable[[Array, MotionBlur], Array]
    """`comp.motion.blur_along`"""
    expand_matte: Callable[[Array, float], Array]
    """`comp.matte.expand_matte`"""
    comp_over: Callable[[Array, Array, Array], Array]
    """`comp.over.comp_over`"""
    comp_increment: Callable[[Array, Array, Array], Array]
    """`comp.over.comp_increment`"""


def _same(array: Array) -> Array:
    return array


NUMPY = Kernels(
    device="cpu",
    arithmetic="numpy",
    xp=np,
    array=_same,
    plain=_same,
    sample=sample,
    sample_pyramid=sample_pyramid,
    cut_crop=cut_crop,
    lay_back=lay_back,
    increment_crop=increment_crop,
    rasterise=rasterise,
    blur=blur,
    grow=grow,
    fit_light=fit_light,
    grade=grade,
    lay_grain=lay_grain,
    compare_detail=compare_detail,
    blur_along=blur_along,
    expand_matte=expand_matte,
    comp_over=comp_over,
    comp_increment=comp_increment,
)
"""The plain twin of all others, and what runs where no device is named."""
