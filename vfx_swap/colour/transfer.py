"""Transfer functions, the soft clip and luma, in float32, on arrays of any shape.

Every function keeps what scene-linear pixels bring: negatives are mirrored about zero, values above 1
go on up the same curve, inf stays inf and NaN stays NaN. Nothing is clamped unless its name says so.
"""

from __future__ import annotations

import numpy as np

from vfx_swap.arrays import FloatArray

__all__ = [
    "LUMA_REC709",
    "SOFT_CLIP_KNEE",
    "apply_matrix",
    "luma_rec709",
    "soft_clip",
    "soft_clip_inverse",
    "srgb_eotf",
    "srgb_eotf_inverse",
]

LUMA_REC709 = (0.2126, 0.7152, 0.0722)
"""Weights of R, G, B in relative luminance, ITU-R BT.709-6 item 3.2."""

SOFT_CLIP_KNEE = 0.8
"""Linear light up to which the soft clip is the identity."""

_LINEAR_LIMIT = 0.0031308
_ENCODED_LIMIT = 0.04045


def srgb_eotf_inverse(linear: FloatArray) -> FloatArray:
    """Linear light to sRGB code value, IEC 61966-2-1:1999 (Amendment 1:2003 for negatives: odd symmetry).

    | domain | any real; [0, 1] is display black to display white |
    | range  | any real; [0, 1] for [0, 1]; 0.18 -> 0.461356      |
    """
    size = np.abs(linear)
    with np.errstate(invalid="ignore", over="ignore"):
        curve = np.float32(1.055) * np.power(size, np.float32(1.0 / 2.4)) - np.float32(0.055)
        encoded = np.where(size <= np.float32(_LINEAR_LIMIT), size * np.float32(12.92), curve)
        return np.copysign(encoded, linear).astype(np.float32, copy=False)


def srgb_eotf(encoded: FloatArray) -> FloatArray:
    """SRGB code value to linear light, IEC 61966-2-1:1999; the inverse of `srgb_eotf_inverse`.

    | domain | any real; [0, 1] is display black to display white |
    | range  | any real; [0, 1] for [0, 1]; 0.461356 -> 0.18      |
    """
    size = np.abs(encoded)
    with np.errstate(invalid="ignore", over="ignore"):
        curve = np.power((size + np.float32(0.055)) / np.float32(1.055), np.float32(2.4))
        linear = np.where(size <= np.float32(_ENCODED_LIMIT), size / np.float32(12.92), curve)
        return np.copysign(linear, encoded).astype(np.float32, copy=False)


def soft_clip(linear: FloatArray, *, knee: float = SOFT_CLIP_KNEE) -> FloatArray:
    """Bend light above the knee so that it approaches 1: `k + (1 - k) t / (1 + t)`, `t = (x - k) / (1 - k)`.

    The identity (bit for bit) up to the knee, slope 1 at it, monotonic.

    | domain | any real, inf included                  |
    | range  | up to 1 (reached by inf); NaN stays NaN |

    Args:
        linear: light, 1 is display white.
        knee: in [0, 1).
    """
    room = np.float32(1.0 - knee)
    with np.errstate(invalid="ignore", over="ignore"):
        over = np.maximum(linear - np.float32(knee), np.float32(0.0)) / room
        # 1 / (1 + 1/t) form would divide by zero at the knee; this one only fails at inf, set below.
        bent = np.float32(knee) + room * (over / (np.float32(1.0) + over))
        bent = np.where(np.isposinf(over), np.float32(1.0), bent)
        return np.where(linear > np.float32(knee), bent, linear).astype(np.float32, copy=False)


def soft_clip_inverse(bent: FloatArray, *, knee: float = SOFT_CLIP_KNEE) -> FloatArray:
    """The inverse of `soft_clip`; 1 and above go to inf.

    Never use it on a network's answer: near 1 the slightest noise becomes any brightness at all.

    | domain | any real up to 1 |
    | range  | any real         |
    """
    room = np.float32(1.0 - knee)
    with np.errstate(invalid="ignore", divide="ignore"):
        part = (bent - np.float32(knee)) / room
        linear = np.float32(knee) + room * (part / np.maximum(np.float32(1.0) - part, np.float32(0.0)))
        return np.where(bent > np.float32(knee), linear, bent).astype(np.float32, copy=False)


def luma_rec709(linear: FloatArray) -> FloatArray:
    """Relative luminance of linear Rec.709 light, ITU-R BT.709-6: (..., 3) to (...)."""
    red, green, blue = (np.float32(weight) for weight in LUMA_REC709)
    with np.errstate(invalid="ignore", over="ignore"):
        luma: FloatArray = red * linear[..., 0] + green * linear[..., 1] + blue * linear[..., 2]
    return luma


def apply_matrix(rgb: FloatArray, matrix: np.ndarray) -> FloatArray:
    """`matrix @ rgb` for every pixel, in float32.

    Term by term and not by BLAS: the bits then depend on neither the thread count nor the picture's size.

    Args:
        rgb: (..., 3).
        matrix: (3, 3), rows give the outputs.
    """
    rows = np.asarray(matrix, dtype=np.float32)
    out = np.empty_like(rgb)
    with np.errstate(invalid="ignore", over="ignore"):
        for row in range(3):
            out[..., row] = rows[row, 0] * rgb[..., 0] + rows[row, 1] * rgb[..., 1] + rows[row, 2] * rgb[..., 2]
    return out
