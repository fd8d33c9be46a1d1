"""Telling skin from what is not: light is fitted to skin, and what the light cannot explain is not skin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.light.harmonics import LUMA, HarmonicLight, fit_light
from vfx_swap.models.reprojection.atlas import Atlas
from vfx_swap.models.reprojection.soft import blur, grow, smoothstep

__all__ = ["SkinFit", "fit_skin", "in_shade", "sheen", "spectacle_rims", "thin_parts"]

SPREAD_LEAST = (0.06, 0.08, 0.15)
SPREAD_MOST = (0.12, 0.20, 0.30)
"""Bounds on the robust spread of skin in log R/G, log B/G and log luminance."""
OUTLIER = 4.5
"""Distance, in spreads, at which a sample is skin with a probability of one half."""
BLACK = -4.5
"""Spreads of log luminance under which a texel behind a lens is a frame and not a shadow."""
DOUBTFUL = 0.65
"""Probability of skin under which a texel may belong to a frame."""
GLARE = 1.8
"""Spreads of log luminance over which a texel behind a lens is a reflection."""
SHEEN = (0.3, 1.2)
"""Spreads of log luminance over which skin shines."""
SHADE_HUE = (2.0, 3.5)
"""Spreads of colour within which what is darker than skin may be skin in a cast shadow, as of a brim."""
SHADE_DARK = (-10.0, -7.0)
"""Spreads of log luminance under which it is not."""
THICK = 0.1
"""Width from which a part of a pair of spectacles is none, as a fraction of the UV's side: hair that touches it."""
LINE = 0.55
"""Spreads of log luminance by which a fine line stands off its surroundings."""
THIN = 0.65
"""How much of a fine line in the ring of a lens is rim: some are wrinkles."""
LENS = (0.12, 0.16)
"""Distances from the middle of an eye, as fractions of the UV's side, between which lenses end."""


@dataclass(frozen=True, eq=False)
class SkinFit:
    """What a picture shows of a face's skin, at the covered texels of an atlas."""

    light: HarmonicLight
    shade: FloatArray
    """(k, 3) scene-linear colour of mean skin under that light."""
    relative: FloatArray
    """(k, 3) the picture over `shade`: 1 is mean skin."""
    skin: FloatArray
    """(k,) 0 to 1: how much like skin."""
    distance: FloatArray
    """(k, 3) signed, in spreads: log R/G, log B/G, log luminance."""


def fit_skin(
    rgb: FloatArray,
    normals: FloatArray,
    facing: FloatArray,
    atlas: Atlas,
    *,
    rounds: int = 3,
    visible: FloatArray | None = None,
    fit_light: Callable[..., HarmonicLight] = fit_light,
) -> SkinFit:
    """Fit light to a face's skin and grade every texel against it.

    Args:
        rgb: (k, 3) scene-linear at the covered texels, finite; values under 0 are taken as 0.
        normals: (k, 3) smoothed, light frame.
        facing: (k,) z of the true normals: 1 faces the camera, 0 and less is turned away.
        atlas: whose texels they are.
        rounds: of fit and regrade.
        visible: (k,) 0 where something is in front: no skin, whatever its colour. None: all is visible.
        fit_light: what fits the light: `light.harmonics.fit_light`, or a twin.
    """
    colour = np.maximum(rgb, 1e-4)
    trusted = (1.0 - atlas.region("guard")) * smoothstep(facing, 0.3, 0.6) * (atlas.region("edge") > 0.2)
    trusted = trusted if visible is None else trusted * visible
    if float(trusted.sum()) <= 0.0:
        trusted = np.maximum(atlas.region("edge"), np.float32(1e-3))
    weight = np.asarray(trusted, dtype=np.float32)
    stride = max(1, len(colour) // 60_000)
    for _ in range(rounds):
        light = fit_light(colour[::stride], normals[::stride], weight[::stride])
        shade = light.shade(normals)
        relative = np.asarray(colour / shade, dtype=np.float32)
        feature = _log_features(relative)
        core = feature[weight > 0.5 * float(weight.max())]
        middle = np.median(core, axis=0)
        spread = np.clip(1.4826 * np.median(np.abs(core - middle), axis=0), SPREAD_LEAST, SPREAD_MOST)
        distance = (feature - middle) / spread
        skin = 1.0 / (1.0 + (np.sqrt((distance**2).sum(axis=1)) / OUTLIER) ** 6)
        weight = np.asarray(trusted * skin + 1e-6, dtype=np.float32)
    return SkinFit(
        light=light,
        shade=shade,
        relative=relative,
        skin=np.asarray(skin if visible is None else skin * visible, dtype=np.float32),
        distance=distance.astype(np.float32),
    )


def _log_features(relative: FloatArray) -> np.ndarray:
    logs = np.log(np.clip(relative, 1e-3, 1e3))
    return np.stack([logs[:, 0] - logs[:, 1], logs[:, 2] - logs[:, 1], logs @ np.asarray(LUMA, np.float32)], axis=1)


def sheen(fit: SkinFit) -> FloatArray:
    """(k,) 0 to 1: brighter than skin and no more coloured, as the reflection of a lamp on it is."""
    red, blue, bright = fit.distance[:, 0], fit.distance[:, 1], fit.distance[:, 2]
    pale = (1.0 - smoothstep(red, 1.0, 2.5)) * smoothstep(blue, -2.5, -1.0)
    return np.asarray(smoothstep(bright, *SHEEN) * pale, dtype=np.float32)


def in_shade(fit: SkinFit, atlas: Atlas) -> FloatArray:
    """(k,) 0 to 1: skin that a cap's brim or a fringe shades: darker than the light explains, of skin's colour still.

    Read smoothly: the colour of single dark texels is noise, and dark hair speckled with skin would come of it.
    """
    distance = np.clip(fit.distance, -15.0, 15.0)
    sigma = 0.008 * atlas.size
    there = np.maximum(blur(atlas.picture(np.ones(len(distance), np.float32)), sigma), 1e-3)
    smooth = (blur(atlas.picture(distance), sigma) / there[..., None])[atlas.raster.rows, atlas.raster.columns]
    hue = np.maximum(np.hypot(smooth[:, 0], smooth[:, 1]), 0.6 * np.hypot(distance[:, 0], distance[:, 1]))
    shade = (1.0 - smoothstep(hue, *SHADE_HUE)) * smoothstep(smooth[:, 2], *SHADE_DARK) * (smooth[:, 2] < 0.0)
    return np.asarray(shade, dtype=np.float32)


def thin_parts(rims: FloatArray) -> FloatArray:
    """Rims (size, size) without what is too thick for them: dark hair that hangs together with a frame."""
    size = rims.shape[0]
    solid = cv2.morphologyEx((rims > 0.3).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    side = 2 * round(0.5 * THICK * size) + 1
    thick = cv2.morphologyEx(solid, cv2.MORPH_OPEN, np.ones((side, side), np.uint8))
    reach = 2 * round(0.016 * size) + 1
    thick = cv2.dilate(thick, np.ones((reach, reach), np.uint8))
    return np.where(thick > 0, np.float32(0.0), rims)


def spectacle_rims(fit: SkinFit, atlas: Atlas, *, whole: bool = False) -> FloatArray:
    """(size, size) 0 to 1 on the rims of spectacles, 0 everywhere when there are none.

    Rims are what no brow, wrinkle or lash is: one connected thing that is not skin, runs over the bridge
    of the nose and reaches past both eyes. Once found, black counts everywhere off the eye, and fine lines
    in the ring where lenses end; the skin behind the lens does not.
    """
    size = atlas.size
    darkness = atlas.picture(fit.distance[:, 2])
    eyes = blur(atlas.regions["eyes"], 0.004 * size) > 0.15
    frame = _frame(fit, darkness, eyes, atlas, surely=1.0 if whole else 0.5)
    if not frame.any():
        return frame.astype(np.float32)
    row, column = (np.mgrid[:size, :size].astype(np.float32) + 0.5) / np.float32(size)
    radius = np.full((size, size), np.inf, dtype=np.float32)
    eye_row = float(np.mean([atlas.loops[name][:, 1].mean() for name in ("eye_image_left", "eye_image_right")]))
    for name in ("eye_image_left", "eye_image_right"):
        middle = atlas.loops[name].mean(axis=0)
        radius = np.minimum(radius, np.hypot(column - middle[0], row - middle[1]))
    black = darkness < BLACK
    lines = np.abs(darkness - blur(darkness, 0.008 * size)) > LINE
    # Above the eyes the rim is the frame itself; brows and forehead lines are none of it.
    ring = (radius > LENS[0]) & (radius < LENS[1]) & (row > eye_row)
    near = grow(frame.astype(np.float32), 0.022 * size) > 0.0
    glare = (darkness > GLARE) & (radius < 1.3 * LENS[0])
    rims = np.where((frame & ((radius > LENS[0]) | black)) | glare, 1.0, np.where(ring & lines & near, THIN, 0.0))
    return np.asarray(np.where(eyes, 0.0, rims), dtype=np.float32)


def _frame(fit: SkinFit, darkness: FloatArray, eyes: np.ndarray, atlas: Atlas, *, surely: float) -> np.ndarray:
    """(size, size) the connected thing over the bridge, or nothing."""
    size = atlas.size
    row = np.arange(size)[:, None] / size
    skin = blur(atlas.picture(fit.skin, fill=1.0), 0.002 * size)
    brows = blur(atlas.regions["brows"], 0.004 * size) > 0.3
    found = ((skin < DOUBTFUL) & (row > 0.27) & (row < 0.52) & ~eyes & (~brows | (darkness < -3.5))).astype(np.uint8)
    side = 2 * max(1, round(0.008 * size)) + 1
    found = cv2.morphologyEx(found, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(found)
    bridge = labels[int(0.28 * size) : int(0.45 * size), int(0.49 * size) : int(0.51 * size)]
    frame = np.zeros((size, size), dtype=bool)
    for label in np.unique(bridge[bridge > 0]):
        left, width = boxes[label][cv2.CC_STAT_LEFT], boxes[label][cv2.CC_STAT_WIDTH]
        if width > 0.3 * size and left < 0.42 * size and left + width > 0.58 * size:
            frame |= labels == label
    # The other half, where it hangs together less: spectacles are symmetric.
    frame |= (found > 0) & (grow(frame[:, ::-1].astype(np.float32), 0.03 * size) > 0.0)
    return frame & (skin < surely)
