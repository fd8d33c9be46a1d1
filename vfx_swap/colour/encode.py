"""The way to a network and back: a bounded picture there, a bounded increment back.

    x = plate in linear Rec.709, times a power of two      (a copy: the plate itself is never converted)
    a = soft_clip(max(x, 0)),  P = OETF(a)                  P is what the network sees
    O = the network's answer,  b = EOTF(O)
    y = x + m g (b - a'),      g = clamp((x + eps) / (a' + eps), 1, 4),  a' = EOTF(P)

Only the increment `g (b - a')` goes back through the inverse exposure and matrix, and is added to the
plate's own values: where the network answers what it was shown, the plate keeps its bits, whatever they
are. Below the knee g is 1 and the answer is taken whole; above it the increment grows with the highlight
it stands on, and stays bounded. No saturating curve is ever inverted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from vfx_swap.arrays import FloatArray, check_array
from vfx_swap.colour.exposure import exposure_gain
from vfx_swap.colour.transfer import apply_matrix, soft_clip, srgb_eotf, srgb_eotf_inverse
from vfx_swap.types import ModelImage

__all__ = ["GAIN_EPSILON", "GAIN_LIMIT", "Carried", "Decoded", "Encoded", "apply_increment", "encode"]

GAIN_EPSILON = 0.01
"""Keeps the gain from running away in the dark, linear light."""
GAIN_LIMIT = 4.0
"""Largest gain: an increment on a highlight grows at most this much."""

_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Carried:
    """What an encoding could not show the network, as fractions of the pixels (0 to 1)."""

    above: float
    """Brighter than display white in some channel: shown compressed."""
    below: float
    """Negative in some channel (outside Rec.709, or noise): shown as 0."""
    not_finite: float
    """NaN or inf in some channel: NaN shown as 0, inf as white."""
    clipped: float
    """Any of the three."""


@dataclass(frozen=True, eq=False)
class Encoded:
    """A crop as a network sees it, with what the way back needs."""

    image: ModelImage
    """P."""
    shown: FloatArray
    """(height, width, 3) a': linear light that P stands for, in [0, 1]."""
    gain: FloatArray
    """(height, width, 3) g, in [1, 4]."""
    exposure_stops: int
    carried: Carried


@dataclass(frozen=True, eq=False)
class Decoded:
    """A plate with a network's answer in it."""

    rgb: FloatArray
    """(height, width, 3) in the plate's space; its very bits where nothing changed."""
    changed: float
    """Fraction of the pixels that changed."""
    gain_limited: float
    """Fraction of the pixels whose increment wanted more gain than the limit, in some channel."""


def encode(rgb: FloatArray, *, to_lin709: np.ndarray, exposure_stops: int = 0) -> Encoded:
    """Encode scene-linear light for a network. Never fails on a pixel: see `Carried`.

    Args:
        rgb: (height, width, 3) scene-linear, unbounded.
        to_lin709: (3, 3) matrix from its space to linear Rec.709.
        exposure_stops: whole stops applied first (`exposure.face_exposure_stops`), one value per shot.
    """
    check_array("rgb", rgb, shape=(None, None, 3))
    light = apply_matrix(rgb, to_lin709)
    with np.errstate(over="ignore", invalid="ignore"):
        light = light * np.float32(exposure_gain(exposure_stops))
    bad = ~np.isfinite(rgb)
    # The matrix smears a bad channel over the others (inf - inf is NaN): judge the pixel by what came in.
    white = (np.isposinf(rgb)).any(axis=-1, keepdims=True) & ~np.isnan(rgb).any(axis=-1, keepdims=True)
    light = np.where(bad.any(axis=-1, keepdims=True), np.where(white, np.float32(np.inf), np.float32(0.0)), light)
    light = np.nan_to_num(light, nan=0.0, posinf=_LARGEST, neginf=-_LARGEST)
    image = np.clip(srgb_eotf_inverse(soft_clip(np.maximum(light, np.float32(0.0)))), np.float32(0.0), np.float32(1.0))
    shown = srgb_eotf(image)
    epsilon = np.float32(GAIN_EPSILON)
    gain = (np.maximum(light, np.float32(0.0)) + epsilon) / (shown + epsilon)
    # Below the knee x and a' are one number up to the curve's rounding: the gain there is 1, exactly.
    gain = np.where(light <= np.float32(0.8), np.float32(1.0), gain)
    above, below, broken = (light > 1.0).any(-1), (light < 0.0).any(-1), bad.any(-1)
    carried = Carried(
        above=_fraction(above & ~broken),
        below=_fraction(below & ~broken),
        not_finite=_fraction(broken),
        clipped=_fraction(above | below | broken),
    )
    return Encoded(ModelImage(image), shown, gain, exposure_stops, carried)


def apply_increment(
    rgb: FloatArray, encoded: Encoded, answer: ModelImage, *, from_lin709: np.ndarray, matte: FloatArray | None = None
) -> Decoded:
    """Add what a network changed to the plate's own values: `X + M (m g (b - a') / 2^stops)`.

    Pixels that are not finite stay as they are: no increment means anything on them.

    Args:
        rgb: (height, width, 3) what was encoded, unbounded.
        encoded: from `encode`.
        answer: the network's, of the same size.
        from_lin709: (3, 3) matrix from linear Rec.709 to the space of `rgb`.
        matte: (height, width) m, 0 to 1; None: 1 everywhere.
    """
    check_array("rgb", rgb, shape=encoded.shown.shape)
    check_array("answer.rgb", answer.rgb, shape=encoded.shown.shape)
    gain = np.clip(encoded.gain, np.float32(1.0), np.float32(GAIN_LIMIT))
    step = gain * (srgb_eotf(answer.rgb) - encoded.shown)
    step = np.where(answer.rgb == encoded.image.rgb, np.float32(0.0), step)
    if matte is not None:
        check_array("matte", matte, shape=rgb.shape[:2])
        step = step * np.clip(np.nan_to_num(matte, nan=0.0), np.float32(0.0), np.float32(1.0))[..., np.newaxis]
    moved = (step != 0.0).any(axis=-1) & np.isfinite(rgb).all(axis=-1)
    increment = apply_matrix(step, from_lin709) / np.float32(exposure_gain(encoded.exposure_stops))
    with np.errstate(over="ignore", invalid="ignore"):
        out = np.where(moved[..., np.newaxis], rgb + increment, rgb)
    limited = moved & (encoded.gain > np.float32(GAIN_LIMIT)).any(axis=-1)
    return Decoded(out, _fraction(moved), _fraction(limited))


def _fraction(picked: Any) -> float:
    return float(picked.mean()) if picked.size else 0.0
