"""Scene-linear plates as pictures to look at, for detectors, landmarkers and contact sheets."""

from __future__ import annotations

import math

import numpy as np

from vfx_swap.arrays import FloatArray, check_array
from vfx_swap.colour.exposure import EXPOSURE_LIMIT_STOPS
from vfx_swap.colour.ocio import LINEAR_REC709, ColourConfig
from vfx_swap.colour.transfer import apply_matrix, luma_rec709, soft_clip, srgb_eotf_inverse
from vfx_swap.types import ModelImage

__all__ = ["auto_exposure_stops", "to_display"]

_KEY = 0.18
_DEAD_ZONE_STOPS = 1.5
_EXPOSED = 0.5
_PHOTOGRAPH = 2.0
"""Light up to here comes from a photograph, resampled perhaps; a scene has more."""
FITS = 1.0 + 1e-4
"""White, and what rounding adds to it."""
_LARGEST = float(np.finfo(np.float32).max)


def auto_exposure_stops(linear: FloatArray) -> float:
    """Stops that bring a whole picture to a mid key; 0 for one that is near it already.

    The key is the log-average luminance of the finite, positive pixels (Reinhard et al. 2002, eq. 1),
    without the darkest, which black borders and mattes would otherwise fill.

    Args:
        linear: (height, width, 3) linear Rec.709.

    Returns:
        Stops; exactly 0 within one and a half stops of the key, so that ordinary photographs keep their light.
    """
    luma = luma_rec709(linear[::4, ::4])
    lit = luma[np.isfinite(luma) & (luma > 0.0)]
    if not lit.size:
        return 0.0
    bright = float(np.percentile(lit, 99.0))
    if bright > _EXPOSED and float(lit.max()) <= _PHOTOGRAPH:
        return 0.0  # a photograph that fills the display's range was exposed by its maker
    lit = lit[lit > bright * 1e-3]
    stops = math.log2(_KEY / float(np.exp(np.mean(np.log(lit.astype(np.float64))))))
    if abs(stops) <= _DEAD_ZONE_STOPS:
        return 0.0
    return max(-float(EXPOSURE_LIMIT_STOPS), min(float(EXPOSURE_LIMIT_STOPS), stops))


def to_display(
    rgb: FloatArray,
    *,
    config: ColourConfig,
    colour_space: str,
    exposure: float | None = None,
    shoulder: bool | None = None,
) -> ModelImage:
    """A scene-linear picture as an sRGB one: exposure, soft clip, sRGB encoding. One way only.

    Safe on any plate: NaN and negatives become 0, inf and overflow 1. A picture without light above white is
    not clipped at all, so that a photograph keeps its code values.

    Args:
        rgb: (height, width, 3) scene-linear, unbounded.
        config: OCIO config.
        colour_space: scene-linear space of `rgb`.
        exposure: in stops; None: chosen by `auto_exposure_stops`. Give 0 for pictures that are compared.
        shoulder: soft clip (True) or plain clip (False) of what is above white; None: a soft clip where the
            picture has light above white. Give one of the two for pictures that are compared.

    Raises:
        ColourSpaceError: unknown space, or one that is not linear.
    """
    check_array("rgb", rgb, shape=(None, None, 3))
    matrix = config.matrix(source=colour_space, destination=LINEAR_REC709)
    clean = np.nan_to_num(rgb, nan=0.0, posinf=_LARGEST, neginf=0.0)
    linear = apply_matrix(clean, matrix)
    stops = auto_exposure_stops(linear) if exposure is None else exposure
    with np.errstate(over="ignore", invalid="ignore"):
        # An inf pixel is white, whatever the matrix made of its other channels.
        linear = np.where(np.isposinf(rgb).any(axis=-1, keepdims=True), np.float32(np.inf), linear)
        linear = np.nan_to_num(linear * np.float32(2.0**stops), nan=np.inf, posinf=np.inf, neginf=0.0)
    lit = np.maximum(linear, np.float32(0.0))
    # A photograph fits the display: it is shown as it is. Only light above white needs the shoulder.
    soft = float(lit.max(initial=0.0)) > FITS if shoulder is None else shoulder
    encoded = srgb_eotf_inverse(soft_clip(lit) if soft else np.minimum(lit, np.float32(1.0)))
    return ModelImage(np.clip(encoded, np.float32(0.0), np.float32(1.0)))
