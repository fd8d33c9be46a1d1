"""What no reference shows of an identity's skin: mirrored, filled from around it, and given pores."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from vfx_swap.arrays import FloatArray
from vfx_swap.light.harmonics import LUMA
from vfx_swap.models.reprojection.atlas import Atlas
from vfx_swap.models.reprojection.soft import blur, grow, masked_blur, smoothstep

__all__ = ["filled_texture", "lips_apart", "under_the_nose"]

OVERHANG, UNLIKE = 0.03, (0.15, 0.4)
"""How far below its base a nose may hang in a photograph, as a fraction of the side, and the log luminance over or
under the skin around between which it shows there."""
SEAM = (0.008, 0.016)
"""Distance from the line between the lips, as fractions of the side, between which they are drawn from further out."""
LINE, LINE_DARKNESS = 0.0015, -1.6
"""Half the width of that line, as a fraction of the side, and its log luminance under mean skin."""

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


def under_the_nose(luminance: FloatArray, trust: FloatArray, atlas: Atlas) -> FloatArray:
    """Log luminance (size, size) with skin right below the nose, where photographs show its tip and that tip's shadow.

    A long nose hangs before the lip; on a performer with another it would be a bright rim and a dark spot.
    """
    size = atlas.size
    nose = np.clip(2.0 * atlas.regions["nostrils"], 0.0, 1.0)
    row = np.asarray(np.arange(size) / size, dtype=np.float32)[:, None]
    base = float(atlas.loops["nostrils"][:, 1].max())
    below = smoothstep(row, base - 0.03, base - 0.01) * (nose < 1.0)
    near = blur(grow(nose, OVERHANG * size), 0.004 * size)
    zone = np.asarray(
        np.clip(near * below, 0.0, 1.0) * (1.0 - np.clip(3.0 * atlas.regions["lips"], 0.0, 1.0)), np.float32
    )
    around = np.asarray(trust * (1.0 - np.clip(2.0 * near, 0.0, 1.0)), dtype=np.float32)
    around *= 1.0 - np.clip(3.0 * blur(atlas.regions["lips"], 0.004 * size), 0.0, 1.0)
    skin = masked_blur(luminance[..., None], around, 0.015 * size)[..., 0]
    # Whole spots and rims go: half of one leaves its outline.
    unlike = smoothstep(np.abs(luminance - skin), *UNLIKE) * (zone > 0.0)
    unlike = np.clip(2.0 * blur(grow(np.asarray(unlike, np.float32), 0.01 * size), 0.006 * size), 0.0, 1.0)
    return np.asarray(luminance + zone * unlike * (skin - luminance), dtype=np.float32)


def lips_apart(luminance: FloatArray, colour: FloatArray, atlas: Atlas) -> tuple[FloatArray, FloatArray]:
    """Log luminance (size, size) and colour (size, size, 3) with clean lips and a thin dark line between them.

    Lips that were photographed shut have the shadow of their seam on both, which opens with the performer's mouth;
    photographed open they have teeth there, which shut with it.
    """
    size = atlas.size
    away = distance_transform_edt(~_line(atlas)).astype(np.float32) / np.float32(size)
    lips = np.clip(1.5 * atlas.regions["lips"], 0.0, 1.0)
    clean = np.asarray(lips * smoothstep(away, *SEAM), dtype=np.float32)
    share = lips * (1.0 - smoothstep(away, *SEAM))
    near, wide = (masked_blur(np.dstack([luminance, colour]), clean, sigma * size) for sigma in (0.01, 0.03))
    known = np.clip(4.0 * blur(clean, 0.01 * size), 0.0, 1.0)[..., None]
    lip = wide + known * (near - wide)
    luminance = luminance + share * (lip[..., 0] - luminance)
    colour = colour + share[..., None] * (lip[..., 1:] - colour)
    line = 1.0 - smoothstep(away, LINE, 3.0 * LINE)
    return np.asarray(luminance + line * (LINE_DARKNESS - luminance), dtype=np.float32), np.asarray(colour, np.float32)


def _line(atlas: Atlas) -> NDArray[np.bool_]:
    """(size, size) the line between the lips, from corner to corner: inside them there is hardly a texel."""
    drawn = np.zeros((atlas.size, atlas.size), np.uint8)
    corners = np.round(atlas.loops["mouth"] * np.float32(atlas.size) - np.float32(0.5)).astype(np.int32)
    cv2.fillPoly(drawn, [corners], 1)
    cv2.polylines(drawn, [corners], isClosed=True, color=1)
    return np.asarray(drawn > 0)


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
