"""Make-up and paint on the performer: kept on the identity's face when a shot asks for it.

Paint is colour that light on skin does not explain. It is read in UV, so it stays where the performer wears it;
the identity's own detail stays on top of it. Dropped, which is the rule, it is outlier to the light's fit and
leaves no trace.
"""

from __future__ import annotations

import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.models.reprojection.atlas import Atlas
from vfx_swap.models.reprojection.skin import SkinFit
from vfx_swap.models.reprojection.soft import blur, grow, smoothstep

__all__ = ["kept_makeup"]

PAINT = (3.0, 5.0)
"""Distance of colour from skin, in its own spreads, between which a texel is taken for paint (blush and eye shadow
lie at 3 to 6, lipstick and face paint beyond)."""
SMOOTH = 0.004
"""Blur of what is read, as a fraction of the UV's side: pores and grain are the identity's."""
LIMIT = 3.0
"""Bound, in log, on how far paint may be from the identity's skin."""


def kept_makeup(
    relative: FloatArray, fit: SkinFit, rims: FloatArray, texture: FloatArray, atlas: Atlas, *, share: float
) -> FloatArray:
    """(size, size, 3) log gain that puts the performer's make-up on the identity's texture.

    Args:
        relative: (size, size, 3) the plate over the light on mean skin, in the texture's primaries.
        fit: of the plate's skin.
        rims: (size, size) 1 on spectacles, which are no make-up.
        texture: (size, size, 3) the identity's, relative to mean skin.
        atlas: whose texels they are.
        share: 0 drops it, 1 keeps it whole.
    """
    size = atlas.size
    colour = atlas.picture(np.asarray(np.hypot(fit.distance[:, 0], fit.distance[:, 1]), dtype=np.float32))
    paint = smoothstep(blur(colour, SMOOTH * size), *PAINT)
    eyes = np.clip(2.0 * blur(atlas.regions["eyes"], 0.004 * size), 0.0, 1.0)
    inside = smoothstep(atlas.regions["edge"], 0.0, 0.1)
    other = np.maximum(
        np.maximum(eyes, atlas.regions["mouth"]), np.maximum(atlas.regions["brows"], grow(rims, 0.01 * size))
    )
    weight = np.asarray(share * paint * inside * (1.0 - np.clip(other, 0.0, 1.0)), dtype=np.float32)
    worn, own = (np.log(np.maximum(blur(picture, SMOOTH * size), 1e-3)) for picture in (relative, texture))
    return np.asarray(weight[..., None] * np.clip(worn - own, -LIMIT, LIMIT), dtype=np.float32)
