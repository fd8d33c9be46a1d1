"""Sampling a texture without crackle, on a device. Twin: `geometry.pyramid`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vfx_swap.geometry.pyramid import SHARPER, Pyramid
from vfx_swap.models.torch_kernels.warps import sample

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["sample_pyramid"]


def sample_pyramid(pyramid: Pyramid, uv: Tensor, footprint: Tensor) -> Tensor:
    """The texture at points. Twin: `geometry.pyramid.sample_pyramid`.

    Args:
        pyramid: of the texture; its levels are tensors.
        uv: (k, 2) in 0..1, v down.
        footprint: (k,) texels of the finest level under a pixel's side.
    """
    top = len(pyramid.levels) - 1
    level = (footprint.clamp(min=1e-6).log2() - SHARPER).clamp(0.0, top)
    lower = level.long().clamp(max=max(top - 1, 0))
    share = (level - lower)[:, None]
    out = uv.new_zeros((len(uv), *pyramid.levels[0].shape[2:]))
    for index in lower.unique().tolist():
        here = (lower == index).nonzero()[:, 0]
        fine, coarse = pyramid.levels[index], pyramid.levels[min(index + 1, top)]
        mixed = _at(fine, uv[here])
        mixed += share[here] * (_at(coarse, uv[here]) - mixed)
        out[here] = mixed
    return out


def _at(level: Tensor, uv: Tensor) -> Tensor:
    return sample(level, uv * level.shape[0] - 0.5)
