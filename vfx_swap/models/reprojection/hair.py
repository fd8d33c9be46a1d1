"""Hair and caps over a face: what is no skin and hangs in from the face's outline."""

from __future__ import annotations

import cv2
import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.models.reprojection.atlas import Atlas
from vfx_swap.models.reprojection.skin import SkinFit
from vfx_swap.models.reprojection.soft import blur, grow, smoothstep

__all__ = ["hair_over", "hanging"]

HANGS, OUTLINE = 0.1, 0.06
"""Share from which a thing hangs together, and the region `edge` under which it touches the outline."""
INSIDE, FOREHEAD = (0.6, 1.0), (0.28, 0.34)
"""The region `edge` from which, and the rows (of the UV's side) below which, only a lock is hair."""
MOUTH = (0.55, 0.65)
"""Rows below which a beard is more likely."""
LOCK = 0.07
"""Width from which what hangs in is a lock and no brow, as a fraction of the UV's side: bushy ones have 0.05."""
BROW_ENDS = (0.17, 0.22)
"""Distance from the middle, likewise, between which locks begin to pass over a brow: its inner part lies under none."""
STRANDS = 0.03
"""How far a lock's strands stand out of it, likewise."""
DARK = (2.0, 4.0)
"""Spreads of log luminance under skin's from which a lock is hair: what is brighter may be a lamp's highlight."""


def hair_over(bare: FloatArray, fit: SkinFit, atlas: Atlas) -> FloatArray:
    """(size, size) 0 to 1: hair and caps over the face.

    Near the outline anything that hangs in; farther in, where bushy brows, moles and stubble are no skin either and are
    not left standing, what is as wide as a lock and dark.

    Args:
        bare: (size, size) 0 to 1: how surely there is no skin.
        fit: of the face's skin.
        atlas: of the picture.
    """
    size = atlas.size
    row = np.asarray(np.arange(size) / size, dtype=np.float32)[:, None]
    middle = smoothstep(atlas.regions["edge"], *INSIDE) * smoothstep(row, *FOREHEAD)
    fringe = bare * (1.0 - atlas.regions["guard"]) * (1.0 - middle)
    dark = np.asarray(bare * smoothstep(blur(atlas.picture(-fit.distance[:, 2]), 0.004 * size), *DARK), np.float32)
    hair = np.maximum(fringe, dark * _locks(dark, atlas)) * (1.0 - smoothstep(row, *MOUTH))
    return np.asarray(hair * hanging(hair, atlas), dtype=np.float32)


def _locks(dark: FloatArray, atlas: Atlas) -> FloatArray:
    """(size, size) 0 to 1 about dark things as wide as a lock; of features they pass over the ends of brows alone."""
    size = atlas.size
    features = np.clip(2.0 * sum(atlas.regions[name] for name in ("eyes", "brows")), 0.0, 1.0)
    aside = np.abs(np.asarray(np.arange(size) / size - 0.5, dtype=np.float32))
    solid = (dark * (1.0 - atlas.regions["guard"]) > 0.5).astype(np.uint8)
    # Beside the mesh nothing is seen: a lock goes on there.
    solid[atlas.regions["edge"] <= 0.0] = 1
    side = 2 * round(0.5 * LOCK * size) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    wide = cv2.morphologyEx(solid, cv2.MORPH_OPEN, disc).astype(np.float32)
    about = np.clip(blur(grow(wide, STRANDS * size), 0.5 * STRANDS * size), 0.0, 1.0)
    return np.asarray(about * (1.0 - features * (1.0 - smoothstep(aside, *BROW_ENDS))), dtype=np.float32)


def hanging(things: FloatArray, atlas: Atlas) -> FloatArray:
    """(size, size) 1 on those things (size, size), 0 to 1, that hang together with the outline of the face; soft."""
    size = atlas.size
    _, labels = cv2.connectedComponents((things > HANGS).astype(np.uint8))
    found = np.unique(labels[atlas.regions["edge"] < OUTLINE])
    hangs = np.isin(labels, found[found > 0]).astype(np.float32)
    return np.clip(blur(grow(hangs, 0.008 * size), 0.004 * size), 0.0, 1.0)
