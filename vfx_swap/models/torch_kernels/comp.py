"""Mattes and the comp on a device. Twins: `comp.matte` and `comp.over`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from vfx_swap.comp.matte import disc_halves

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["comp_increment", "comp_over", "expand_matte"]


def comp_over(plate: Tensor, face: Tensor, matte: Tensor) -> Tensor:
    """`plate + m (face - plate)` where the matte is above 0; the plate's very bits everywhere else.

    Twin: `comp.over.comp_over`, with its rules for what is not finite.

    Args:
        plate: (height, width, 3) scene-linear, unbounded.
        face: (height, width, 3), same space.
        matte: (height, width).
    """
    amount = matte.clamp(max=1.0)[..., None]
    mixed = face.where(amount >= 1.0, plate + amount * (face - plate))
    use = (amount > 0.0) & (face != plate) & mixed.isfinite()
    return mixed.where(use, plate)


def comp_increment(plate: Tensor, increment: Tensor, matte: Tensor) -> Tensor:
    """`plate + m * increment` where both are not 0; else the plate's bits. Twin: `comp.over.comp_increment`."""
    amount = matte.clamp(max=1.0)[..., None]
    use = (amount > 0.0) & (increment != 0.0) & increment.isfinite()
    return (plate + amount * increment).where(use, plate)


def expand_matte(matte: Tensor, pixels: float) -> Tensor:
    """Grow (positive) or shrink (negative) a matte (height, width) by a distance. Twin: `comp.matte.expand_matte`."""
    if pixels == 0.0:
        return matte
    size = abs(pixels)
    low, share = math.floor(size), size - math.floor(size)
    out = _moved(matte, low, grow=pixels > 0.0)
    if share > 0.0:
        out = out + share * (_moved(matte, low + 1, grow=pixels > 0.0) - out)
    return out.clamp(0.0, 1.0)


def _moved(matte: Tensor, radius: int, *, grow: bool) -> Tensor:
    """Greatest (or least) value within a disc; outside the picture there is no matte."""
    import torch

    if radius == 0:
        return matte
    framed = torch.nn.functional.pad(matte, (radius, radius, radius, radius))
    return _over_disc(framed, radius, torch.maximum if grow else torch.minimum)


def _over_disc(framed: Tensor, radius: int, choose: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """`choose` over the disc around each pixel of a picture framed by `radius` pixels; the frame comes off."""
    height, width = framed.shape[0] - 2 * radius, framed.shape[1] - 2 * radius
    runs = [framed]
    while 2 ** len(runs) <= 2 * radius + 1:  # runs[k] is over 2^k pixels, from the one it stands at to the right
        step = 2 ** (len(runs) - 1)
        runs.append(choose(runs[-1][:, :-step], runs[-1][:, step:]))
    out = framed[radius : radius + height, radius : radius + width]
    for offset, half in enumerate(disc_halves(radius)):
        run = (2 * half + 1).bit_length() - 1
        first, last = radius - half, radius + half + 1 - 2**run
        row = choose(runs[run][:, first : first + width], runs[run][:, last : last + width])
        for start in {radius - offset, radius + offset}:
            out = choose(out, row[start : start + height])
    return out
