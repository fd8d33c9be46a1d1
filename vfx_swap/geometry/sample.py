"""Sampling a picture at scattered points."""

from __future__ import annotations

import cv2
import numpy as np

from vfx_swap.arrays import FloatArray

__all__ = ["sample"]

ROW = 4096
"""Points are laid out in rows of this length: OpenCV's remap takes no side above 32767."""


def sample(picture: FloatArray, xy: FloatArray, *, cubic: bool = False) -> FloatArray:
    """A picture's values at points, by bilinear or bicubic interpolation.

    Convention: x right, y down, pixel centres at integers; outside, the border repeats.

    Args:
        picture: (height, width) or (height, width, c), finite.
        xy: (..., 2) columns and rows.
        cubic: bicubic (Keys, a = -0.75, as OpenCV); may overshoot by some per cent at hard edges.

    Returns:
        (...) or (..., c) float32.
    """
    if picture.ndim == 3 and picture.shape[2] not in (1, 3, 4):
        # Of other numbers of channels OpenCV 5.0.0 rounds the fraction of a pixel to 1/32.
        return np.stack([sample(picture[..., one], xy, cubic=cubic) for one in range(picture.shape[2])], axis=-1)
    flat = np.ascontiguousarray(xy.reshape(-1, 2), dtype=np.float32)
    count = len(flat)
    # OpenCV takes no empty map: no points still make one row.
    rows = max(1, -(-count // ROW))
    padded = np.zeros((rows * ROW, 2), dtype=np.float32)
    padded[:count] = flat
    maps = padded.reshape(rows, ROW, 2)
    out = cv2.remap(
        np.ascontiguousarray(picture),
        maps,
        None,
        cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    channels = picture.shape[2:]
    return np.asarray(out.reshape(rows * ROW, *channels)[:count].reshape(*xy.shape[:-1], *channels), dtype=np.float32)
