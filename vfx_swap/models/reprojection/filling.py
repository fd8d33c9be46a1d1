"""What no reference shows of an identity's skin: mirrored, filled from around it, and given pores."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import distance_transform_edt

from vfx_swap.arrays import FloatArray
from vfx_swap.light.harmonics import LUMA
from vfx_swap.models.reprojection.atlas import Atlas
from vfx_swap.models.reprojection.soft import blur, masked_blur, smoothstep

__all__ = ["filled_texture"]

DETAIL_SCALE = 0.012
"""Scale, as a fraction of the side, of the detail that is reflected into what is filled."""
REFLECTED_REACH, REFLECTED_MOST = 0.08, 0.06
"""How far it is reflected, as a fraction of the side, and its bound: a fold beside a rim is no texture of skin."""
FILL_SIGMAS = (0.006, 0.012, 0.025, 0.05, 0.1)
"""Blurs, as fractions of the side, that fill what no reference shows, finest first."""


def filled_texture(relative: FloatArray, trust: FloatArray, atlas: Atlas) -> FloatArray:
    """Texels without trust, from the mirrored side, then from their surroundings, finest first."""
    size = atlas.size
    mirrored, mirrored_trust = relative[:, ::-1], trust[:, ::-1] * 0.999
    use_mirror = (1.0 - trust) * smoothstep(mirrored_trust, 0.5, 1.0) * (1.0 - atlas.regions["guard"])
    total = relative * trust[..., None] + mirrored * use_mirror[..., None]
    cover = trust + use_mirror
    eyes = np.clip(blur(atlas.regions["eyes"], 0.006 * size) * 3.0, 0.0, 1.0)
    spread_from = trust * (1.0 - eyes * blur(1.0 - trust, 0.01 * size))
    brows = np.clip(blur(atlas.regions["brows"], 0.01 * size) * 3.0, 0.0, 1.0)
    spread_from *= 1.0 - brows * np.clip(3.0 * blur(1.0 - trust, 0.02 * size), 0.0, 1.0)
    for sigma in FILL_SIGMAS:
        mean = masked_blur(relative, spread_from, sigma * size)
        amount = (1.0 - cover) * np.clip(blur(spread_from, sigma * size) * 3.0, 0.0, 1.0)
        total = total + mean * amount[..., None]
        cover = cover + amount
    filled = total / np.maximum(cover, 1e-3)[..., None]
    made_up = (1.0 - np.clip(trust + use_mirror, 0.0, 1.0)) * (1.0 - eyes)
    detail = _reflected_detail(relative, trust * (1.0 - atlas.regions["guard"]), size)
    return np.asarray(filled * np.exp(detail * made_up)[..., None], dtype=np.float32)


def _reflected_detail(relative: FloatArray, trust: FloatArray, size: int) -> FloatArray:
    """(size, size) log luminance of pores and wrinkles where none is known: that beyond the nearest edge, reflected.

    A patch without detail shows its outline, as a filled rim of spectacles does.
    """
    luminance = np.log(np.maximum(relative @ np.asarray(LUMA, np.float32), 1e-3))
    fine = luminance - masked_blur(luminance[..., None], trust, DETAIL_SCALE * size)[..., 0]
    known = trust > 0.9
    if not known.any():
        return np.zeros_like(fine)
    row, column = np.mgrid[:size, :size]
    nearest_row, nearest_column = distance_transform_edt(~known, return_distances=False, return_indices=True)
    across = np.clip(2 * nearest_row - row, 0, size - 1), np.clip(2 * nearest_column - column, 0, size - 1)
    away = np.hypot(row - nearest_row, column - nearest_column).astype(np.float32) / size
    reach = 1.0 - smoothstep(away, 0.5 * REFLECTED_REACH, REFLECTED_REACH)
    return np.asarray(REFLECTED_MOST * np.tanh(fine[across] / REFLECTED_MOST) * trust[across] * reach, dtype=np.float32)
