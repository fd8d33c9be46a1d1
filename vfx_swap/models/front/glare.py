"""Reflections on the lenses of spectacles: the light that they add to the face behind them.

skin about the lenses --light fitted--> what skin there should be --> what is paler or brighter has a reflection over it
-> carried under brows, lids and irises, whose colours say nothing, up to the edges of the picture
"""

from __future__ import annotations

import cv2
import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.comp.distance import distance_inside
from vfx_swap.geometry.sample import sample
from vfx_swap.light.harmonics import LUMA
from vfx_swap.models.front.curves import resampled
from vfx_swap.models.front.rigid import Rims
from vfx_swap.models.front.view import linear_light, log_light
from vfx_swap.models.front.walker import walk
from vfx_swap.models.reprojection.atlas import Atlas
from vfx_swap.models.reprojection.skin import fit_skin
from vfx_swap.models.reprojection.soft import blur, grow, smoothstep

__all__ = ["lens_glare"]

PALER = (0.16, 0.36)
"""Reflection over the light of the skin behind it, told by colour: less is the colour of lids, more is believed."""
BRIGHTER = (0.35, 0.8)
"""The same told by brightness, whatever its colour."""
FULL = (0.7, 0.95)
"""Linear light of a picture that burns out."""
STRANGE = 0.6
"""Paler or darker than skin by that much, something beside the rims is none."""
BESIDE = (4.0, 10.0)
"""Half widths of a rim past the lens between which it is looked at."""
REACH = 5.0
"""Half widths of a rim over which skin past it tells of skin behind the lens."""
GLINT = (2.6, 4.0)
"""The same over a brow or an eye: whites of eyes are brighter than skin."""
BURNT = (0.85, 1.0)
"""Display light from which the picture is full, and all of it a reflection where some is."""
EDGE = (0.12, 0.10, 0.10)
"""Steps, in log luminance and colours, at which a reflection may end under a brow or an eye."""
OFF = 1.2
"""In a picture of features, where the face ends."""
EYE = 0.012
"""How far about an eye lids, lashes and whites mix, as a fraction of the UV's side."""
UNSURE = 0.005
"""Weight of there being no reflection over a brow or an eye, against that of skin's colour."""
LEAST = 0.02
"""Share of a lens under which a reflection is none."""
MOST = 3.0
"""Times the light of skin that is told apart; a brighter reflection is all there is anyhow."""


def lens_glare(rgb: FloatArray, rims: Rims, positions: FloatArray, facing: FloatArray, atlas: Atlas) -> FloatArray:
    """(n, n) 0 to 1: the share of the picture's linear light that lenses reflect; 0 off the lenses.

    Args:
        rgb: (n, n, 3) display-referred, [0, 1].
        rims: their lines in its pixels.
        positions: (v, 3) fine vertices of the face, in its pixels.
        facing: (v,) z of their normals.
        atlas: of the face mesh.
    """
    lens = _lenses(rims, rgb.shape[0])
    out = np.zeros(rgb.shape[:2], dtype=np.float32)
    if not lens.any():
        return out
    light = linear_light(rgb)
    skin, features = _behind(blur(light, 0.7), lens, positions, facing, atlas)
    luma = np.asarray(LUMA, np.float32)
    dim = np.maximum(skin @ luma, 1e-4)
    lens = lens * (features < OFF)
    if not lens.any():
        return out
    wanted, bright = _added(light, skin, _beside(lens, features, rims.half), reach=REACH * rims.half)
    weight = (1.0 - np.clip(features, 0.0, 1.0)) * lens
    # Where colour says nothing there is none, if not all about it says otherwise.
    glint = 0.3 * smoothstep(bright, *GLINT)
    wanted = np.where(np.maximum(weight, glint) > UNSURE, wanted, 0.0)
    weight = np.maximum(np.maximum(weight, glint), UNSURE) * lens
    guide = np.asarray(log_light(rgb) / np.asarray(EDGE, np.float32), np.float32)
    rows, columns = (np.flatnonzero((lens > 0.0).any(axis=axis)) for axis in (1, 0))
    at = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    filled = MOST * walk(
        np.asarray(wanted[at] / MOST, np.float32), np.asarray(weight[at], np.float32), (guide[at],), lens[at] > 0.0
    )
    share = filled * dim[at] / np.maximum(light[at] @ luma, 1e-4)
    share = np.maximum(share, smoothstep(rgb[at].max(axis=-1), *BURNT) * smoothstep(filled, 0.2, 0.6))
    out[at] = np.clip(share, 0.0, 1.0) * lens[at]
    if float(out.sum()) < LEAST * float(lens.sum()):
        out[:] = 0.0
    return out


def _added(light: FloatArray, skin: FloatArray, beside: FloatArray, *, reach: float) -> tuple[FloatArray, FloatArray]:
    """What shows over skin, and does not go on past the rims as a highlight or a paler cheek does.

    Returns:
        (n, n) light added, over that of skin; (n, n) all light, over that of skin.
    """
    luma = np.asarray(LUMA, np.float32)
    dim = np.maximum(skin @ luma, 1e-4)
    smooth = cv2.bilateralFilter(light, 5, 0.08, 1.5)
    relative = smooth / np.maximum(skin, 1e-4)
    # White light over skin: red grows least, for skin has most of it, and blue most.
    paler = (relative[..., 2] - relative[..., 0]) / np.maximum(dim / skin[..., 2] - dim / skin[..., 0], 0.2)
    bright = np.asarray((smooth @ luma) / dim, np.float32)
    burnt = smoothstep(light.max(axis=-1), *FULL)
    told = np.clip(np.stack([paler, bright - 1.0, burnt], axis=-1), 0.0, MOST).astype(np.float32)
    # Hair and arms beside the rims are no skin.
    beside = np.asarray(beside * (paler < STRANGE) * (bright > 1.0 - STRANGE), np.float32)
    known = blur(beside, reach)
    own = blur(told * beside[..., None], reach) / np.maximum(known, 1e-4)[..., None]
    own *= np.clip(known / 0.02, 0.0, 1.0)[..., None]
    paler, over, _ = np.moveaxis(np.maximum(told - own, 0.0), -1, 0)
    wanted = np.maximum(paler * smoothstep(paler, *PALER), over * smoothstep(over, *BRIGHTER))
    # Beside skin that burns out, nothing can be said of brightness or colour.
    wanted = wanted * (1.0 - np.clip(2.0 * own[..., 2], 0.0, 1.0))
    return np.asarray(wanted, np.float32), bright


def _beside(lens: FloatArray, features: FloatArray, half: float) -> FloatArray:
    """(n, n) 1 on the skin just past the rims."""
    near, far = (grow(lens, share * half) for share in BESIDE)
    return np.asarray((features < 0.1) * (far - near), dtype=np.float32)


def _lenses(rims: Rims, size: int) -> FloatArray:
    """(size, size) 1 inside the rims, 0 from their inner edge on."""
    inside = np.zeros((size, size), np.uint8)
    for line in rims.lines:
        if line.rim:
            points = np.round(resampled(line.uv, 200, closed=line.closed) * 16.0).astype(np.int32)
            cv2.fillPoly(inside, [points], 1, cv2.LINE_8, 4)
    away = distance_inside(inside)
    return np.asarray(np.clip(away - rims.half, 0.0, 1.0), dtype=np.float32)


def _behind(
    light: FloatArray, lens: FloatArray, positions: FloatArray, facing: FloatArray, atlas: Atlas
) -> tuple[FloatArray, FloatArray]:
    """What the lenses have behind them.

    Returns:
        (n, n, 3) the linear light of skin there; (n, n) 0 on skin, 1 on brows and eyes, 2 off the face.
    """
    texels = atlas.at_texels(positions)[:, :2]
    normals = atlas.at_texels(atlas.mesh.normals(positions, rounds=30))
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
    toward = atlas.at_texels(facing[:, None])[:, 0]
    clear = 1.0 - np.clip(sample(cv2.dilate(lens, np.ones((7, 7), np.uint8)), texels), 0.0, 1.0)
    fit = fit_skin(sample(light, texels), normals, toward, atlas, visible=np.asarray(clear, np.float32))
    sure = (fit.skin > 0.8) & (clear > 0.9)
    tone = np.median(fit.relative[sure], axis=0) if sure.any() else np.ones(3)
    eyes, brows = (grow(atlas.regions[name], EYE * atlas.size) for name in ("eyes", "brows"))
    features = np.clip(2.0 * np.maximum(eyes, 0.5 * brows), 0.0, 1.0)[atlas.raster.rows, atlas.raster.columns]
    values = np.column_stack([fit.shade * tone, features])
    return _to_picture(np.asarray(values, np.float32), texels, toward, lens.shape[0])


def _to_picture(values: FloatArray, at: FloatArray, facing: FloatArray, size: int) -> tuple[FloatArray, FloatArray]:
    """Values at texels spread over the pixels where they lie; all are smooth there."""
    seen = (facing > 0.0) & (at >= 0.0).all(axis=1) & (at <= size - 1.0).all(axis=1)
    flat = np.round(at[seen, 1]).astype(np.int64) * size + np.round(at[seen, 0]).astype(np.int64)
    count = np.bincount(flat, minlength=size * size).reshape(size, size).astype(np.float32)
    sums = [np.bincount(flat, weights=values[seen, c], minlength=size * size) for c in range(values.shape[1])]
    total = np.stack(sums, axis=-1).reshape(size, size, -1).astype(np.float32)
    near = blur(count, 2.0)
    mean = blur(total, 2.0) / np.maximum(near, 1e-4)[..., None]
    return np.maximum(mean[..., :3], 1e-4), np.where(near > 1e-3, mean[..., 3], np.float32(2.0)).astype(np.float32)
