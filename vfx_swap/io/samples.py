"""From float32 colour back to a file's own samples."""

from __future__ import annotations

import numpy as np

from vfx_swap.arrays import FloatArray

__all__ = ["convert_samples", "place", "to_samples"]

HALF_MAX = 65504.0
"""Largest finite half (IEEE 754 binary16)."""


def to_samples(values: FloatArray, *, dtype: np.dtype[np.generic], bits: int) -> np.ndarray:
    """Samples of a file's type for float values.

    Half: finite values beyond +-65504 become +-65504 (a plain cast makes them inf); NaN and inf stay.
    Integers: 0 to 1 is rounded to the nearest of 2**bits levels and clamped, NaN becomes 0; fewer bits
    than the type has are spread over it by repeating them (10 bits: `v << 6 | v >> 4`), which is how
    OpenImageIO holds 10- and 12-bit DPX.

    Args:
        values: any shape.
        dtype: float16, float32, float64, uint8 or uint16.
        bits: bits that count in an integer sample; not used for floats.
    """
    if dtype == np.float16:
        safe = np.where(np.isfinite(values), np.clip(values, -HALF_MAX, HALF_MAX), values)
        return safe.astype(np.float16)
    if dtype.kind == "f":
        return values.astype(dtype)
    levels = (1 << bits) - 1
    finite = np.clip(np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=1.0, neginf=0.0), 0.0, 1.0)
    codes = np.rint(finite * levels).astype(np.uint32)
    width = dtype.itemsize * 8
    spread = codes if bits == width else (codes << (width - bits)) | (codes >> (2 * bits - width))
    return spread.astype(dtype)


def convert_samples(native: np.ndarray, *, dtype: np.dtype[np.generic], bits: int) -> np.ndarray:
    """A whole channel in another type: the same array when the type is the same already."""
    if native.dtype == dtype:
        return native
    if native.dtype.kind == "f":
        return to_samples(native.astype(np.float32), dtype=dtype, bits=bits)
    scaled = native.astype(np.float32) / np.float32(np.iinfo(native.dtype).max)
    return to_samples(scaled, dtype=dtype, bits=bits)


def place(plate: np.ndarray, rgb: FloatArray, matte: FloatArray, *, bits: int) -> np.ndarray:
    """The plate's samples with `rgb` where the matte is above 0; all others keep their bits.

    A NaN in the matte counts as 0. A NaN in `rgb` keeps an integer plate's sample, which has no NaN.

    Args:
        plate: (height, width, 3) native samples.
        rgb: (height, width, 3).
        matte: (height, width).
        bits: as in `to_samples`.
    """
    result = plate.copy()
    covered = matte > 0.0
    rows, columns = np.flatnonzero(covered.any(axis=1)), np.flatnonzero(covered.any(axis=0))
    if rows.size:
        # Only the rectangle around the matte is converted: a face is a small part of most frames.
        box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        inside = covered[box][..., np.newaxis]
        if plate.dtype.kind != "f":
            inside = inside & ~np.isnan(rgb[box])
        result[box] = np.where(inside, to_samples(rgb[box], dtype=plate.dtype, bits=bits), plate[box])
    return result
