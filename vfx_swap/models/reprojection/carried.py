"""What the swapped face keeps of the plate: highlights on skin, pores, and the inside of the mouth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from vfx_swap.arrays import Array
from vfx_swap.light.harmonics import LUMA
from vfx_swap.models.kernels import NUMPY, Kernels
from vfx_swap.models.reprojection.soft import smoothstep

__all__ = ["Worn", "cast_shadows", "finer_detail", "highlights"]

HIGHLIGHT_FROM = 1.15
"""Luminance over the fitted light above which the plate's skin is taken to show a highlight."""
BURNT = (2.0, 4.0)
"""Luminance over the fitted light between which it is a highlight though it no longer looks like skin."""
SHADOW_FROM, SHADOW_SIGMA = 0.85, 0.03
"""Luminance under the fitted light below which the plate's skin lies in a cast shadow, and the blur, in face heights,
that it is read with: wrinkles and stubble are no shadows."""
SHADOW_LEAST = 0.2
"""Bound on how dark one is taken to be."""
FINEST = 0.6
"""Standard deviation, in pixels of a photograph, under which it holds no detail."""
FINE_MOST = 0.15
"""Bound, in log luminance, on the plate's detail that is carried over."""


@dataclass(frozen=True, eq=False)
class Worn:
    """The plate, read at the performer's skin that the swapped face's pixels stand for."""

    rgb: Array
    """(h, w, 3) scene-linear."""
    raster: Any
    """Of the swapped face."""
    at: Array | None
    """(k, 2) where in the plate that skin is; None: under the pixel itself."""
    kernels: Kernels = NUMPY
    """Of the device that all of them lie on."""

    def read(self, picture: Array) -> Array:
        """Values (k[, c]) of a picture in the plate's pixels."""
        if self.at is None:
            return picture[self.raster.rows, self.raster.columns]
        return self.kernels.sample(picture, self.at)

    def sharp(self, which: Array) -> Array:
        """(n, 3) the plate itself at some of the pixels, as sharp as it is."""
        if self.at is None:
            return self.rgb[self.raster.rows[which], self.raster.columns[which]]
        return self.kernels.sample(self.rgb, self.at[which], cubic=True)


def finer_detail(worn: Worn, skin: Array, *, photographed_pixels: float, height: float) -> Array:
    """(k, 1) a factor: the plate's pores where its face is larger than the identity's photographs show it.

    Only detail finer than the photographs hold: it has no likeness, and without it skin looks like wax.

    Args:
        worn: the plate.
        skin: (k,) 1 on skin, 0 on features and what is in front.
        photographed_pixels: height of the face in the largest photograph.
        height: of the face in the plate, in pixels.
    """
    kernels, xp = worn.kernels, worn.kernels.xp
    sigma = FINEST * height / max(photographed_pixels, 1.0)
    if sigma < 0.5:
        return xp.ones((len(worn.raster.rows), 1), dtype=np.float32)
    luminance = xp.log(xp.maximum(worn.rgb @ kernels.array(np.asarray(LUMA, dtype=np.float32)), 1e-4))
    fine = worn.read(luminance - kernels.blur(luminance, sigma))
    return xp.exp(FINE_MOST * xp.tanh(fine / FINE_MOST) * skin)[:, None]


def highlights(worn: Worn, light: Array, skin: Array, *, height: float) -> Array:
    """(k, 3) the plate's own speculars: what stands over its fitted light, on and around skin.

    Args:
        worn: the plate.
        light: (k, 3) scene-linear colour of mean skin there.
        skin: (k,) 1 on skin.
        height: of the face in pixels.
    """
    kernels, xp = worn.kernels, worn.kernels.xp
    weights = kernels.array(np.asarray(LUMA, dtype=np.float32))
    plate = worn.read(kernels.blur(worn.rgb, 0.004 * height))
    bright = plate @ weights
    expected = xp.maximum(light @ weights, 1e-6)
    over = xp.maximum(bright - HIGHLIGHT_FROM * expected, 0.0)
    # The highlight's colour is the plate's minus the skin under it.
    colour = xp.maximum(plate - light, 0.0)
    colour /= xp.maximum(colour @ weights, 1e-6)[:, None]
    burnt = smoothstep(bright / expected, *BURNT) * (skin > 0.0)
    return colour * (over * xp.maximum(skin, burnt))[:, None]


def cast_shadows(worn: Worn, light: Array, skin: Array, *, height: float) -> Array:
    """(k, 1) a factor: shadows that lie on the plate's skin and that no light from afar explains.

    Args:
        worn: the plate.
        light: (k, 3) scene-linear colour of mean skin there.
        skin: (k,) 1 on skin, 0 on features and what is in front.
        height: of the face in pixels.
    """
    kernels, xp = worn.kernels, worn.kernels.xp
    weights = kernels.array(np.asarray(LUMA, dtype=np.float32))
    bright = worn.read(kernels.blur(worn.rgb, SHADOW_SIGMA * height)) @ weights
    share = xp.clip(bright / xp.maximum(SHADOW_FROM * (light @ weights), 1e-6), SHADOW_LEAST, 1.0)
    return (1.0 + (share - 1.0) * skin)[:, None]
