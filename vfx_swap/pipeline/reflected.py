"""Light that lenses of spectacles add to a face: taken off the crop before a face goes in, put back over it after."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from vfx_swap.arrays import Array
from vfx_swap.light.harmonics import LUMA
from vfx_swap.models.kernels import Kernels
from vfx_swap.pipeline.holdout import front_in_crop, share_in_plate
from vfx_swap.types import Crop, Front, Window

__all__ = ["REFLECTION", "reflected_light"]

REFLECTION = "glare"
"""Key, among a front's mattes, of the share of the plate's light that lenses reflect."""


def reflected_light(
    front: Front | None, *, words: Collection[str], crop: Crop, window: Window, kernels: Kernels
) -> Array | None:
    """(height, width, 3) scene-linear: the part of a crop's light that lenses reflect.

    A weak reflection is nearly white, for all that it adds shows over skin's colour; of a strong one nothing else is
    seen, and it has the plate's colour. It never exceeds the plate's own light.

    Args:
        front: of the face.
        words: of `matte.holdout`: without `glasses` spectacles go, and what they reflect.
        crop: of the plate.
        window: plate pixels that the crop covers.
        kernels: whose arrays the crop is made of.

    Returns:
        None where nothing is reflected.
    """
    if front is None or "glasses" not in words or REFLECTION not in front.mattes or window.is_empty:
        return None
    share = share_in_plate(front, REFLECTION, window=window)
    if not share.any():
        return None
    xp = kernels.xp
    part = kernels.array(front_in_crop(share, window, crop))[..., None]
    # A pixel that is not finite is no light that could be taken off.
    plate = xp.where(xp.isfinite(crop.rgb), crop.rgb, 0.0)
    bright = (plate @ kernels.array(np.asarray(LUMA, dtype=np.float32)))[..., None]
    light = part * (part * plate + (1.0 - part) * bright)
    return xp.maximum(xp.minimum(light, plate), 0.0)
