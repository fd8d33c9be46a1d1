"""What the swapped face keeps of the plate: highlights on skin, pores, and the inside of the mouth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vfx_swap.arrays import FloatArray
from vfx_swap.geometry.raster import Raster
from vfx_swap.geometry.sample import sample
from vfx_swap.light.harmonics import LUMA
from vfx_swap.models.reprojection.soft import blur, smoothstep

__all__ = ["Worn", "finer_detail", "highlights"]

HIGHLIGHT_FROM = 1.5
"""Luminance over the fitted light above which the plate's skin is taken to show a highlight."""
BURNT = (2.0, 4.0)
"""Luminance over the fitted light between which it is a highlight though it no longer looks like skin."""
FINEST = 0.6
"""Standard deviation, in pixels of a photograph, under which it holds no detail."""
FINE_MOST = 0.15
"""Bound, in log luminance, on the plate's detail that is carried over."""


@dataclass(frozen=True, eq=False)
class Worn:
    """The plate, read at the performer's skin that the swapped face's pixels stand for."""

    rgb: FloatArray
    """(h, w, 3) scene-linear."""
    raster: Raster
    """Of the swapped face."""
    at: FloatArray | None
    """(k, 2) where in the plate that skin is; None: under the pixel itself."""

    def read(self, picture: FloatArray) -> FloatArray:
        """Values (k[, c]) of a picture in the plate's pixels."""
        if self.at is None:
            return picture[self.raster.rows, self.raster.columns]
        return sample(picture, self.at)

    def sharp(self, which: NDArray[np.intp]) -> FloatArray:
        """(n, 3) the plate itself at some of the pixels, as sharp as it is."""
        if self.at is None:
            return self.rgb[self.raster.rows[which], self.raster.columns[which]]
        return sample(self.rgb, self.at[which], cubic=True)


def finer_detail(worn: Worn, skin: FloatArray, *, photographed_pixels: float, height: float) -> FloatArray:
    """(k, 1) a factor: the plate's pores where its face is larger than the identity's photographs show it.

    Only detail finer than the photographs hold: it has no likeness, and without it skin looks like wax.

    Args:
        worn: the plate.
        skin: (k,) 1 on skin, 0 on features and what is in front.
        photographed_pixels: height of the face in the largest photograph.
        height: of the face in the plate, in pixels.
    """
    sigma = FINEST * height / max(photographed_pixels, 1.0)
    if sigma < 0.5:
        return np.ones((len(worn.raster.rows), 1), dtype=np.float32)
    luminance = np.log(np.maximum(worn.rgb @ np.asarray(LUMA, dtype=np.float32), 1e-4))
    fine = worn.read(np.asarray(luminance - blur(luminance, sigma), dtype=np.float32))
    return np.asarray(np.exp(FINE_MOST * np.tanh(fine / FINE_MOST) * skin)[:, None], dtype=np.float32)


def highlights(worn: Worn, light: FloatArray, skin: FloatArray, *, height: float) -> FloatArray:
    """(k, 3) the plate's own speculars: what stands over its fitted light, on and around skin.

    Args:
        worn: the plate.
        light: (k, 3) scene-linear colour of mean skin there.
        skin: (k,) 1 on skin.
        height: of the face in pixels.
    """
    weights = np.asarray(LUMA, dtype=np.float32)
    plate = worn.read(blur(worn.rgb, 0.004 * height))
    bright = plate @ weights
    expected = np.maximum(light @ weights, 1e-6)
    over = np.maximum(bright - HIGHLIGHT_FROM * expected, 0.0)
    # The highlight's colour is the plate's minus the skin under it.
    colour = np.maximum(plate - light, 0.0)
    colour /= np.maximum(colour @ weights, 1e-6)[:, None]
    burnt = smoothstep(bright / expected, *BURNT) * (skin > 0.0)
    return np.asarray(colour * (over * np.maximum(skin, burnt))[:, None], dtype=np.float32)
