"""Steadiness of a matte: what changes in it from frame to frame along the plate's own motion, beside the true one.

A matte that boils changes where the thing under it only moves. Optical flow of the plate lays each frame's matte on the
one before; what the true matte changes by (a blur that grows, flow that is a little off) is measured the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.pipeline.qc_flow import plate_flow

__all__ = ["MatteSample", "MatteSteadiness", "matte_steadiness"]

MEETS = 1.5
"""Pixels within which flow forth and back must meet: where it does not, something is hidden or shown anew."""
FEWEST = 64
"""Pixels of the true matte below which two frames say nothing."""


@dataclass(frozen=True, eq=False)
class MatteSample:
    """One frame, everything of the same window of the plate."""

    frame: int
    plate: FloatArray
    """(height, width) log luminance, as `qc_pixels.log_luminance` gives it."""
    found: FloatArray
    """(height, width) 0 to 1."""
    true: FloatArray
    """(height, width) 0 to 1."""
    region: FloatArray
    """(height, width) 0 to 1: where mattes are judged."""


@dataclass(frozen=True)
class MatteSteadiness:
    """Means over pairs of frames, each as a share of the true matte's area."""

    found_change: float
    """Of the matte found, along the plate's motion."""
    true_change: float
    """Of the true matte, the same."""
    boil: float
    """Of the difference of the two: what the matte found does beside the true one. A matte that is always a little too
    wide has 0."""
    worst_boil: float
    """Of the worst pair."""
    pairs: int


def matte_steadiness(samples: Sequence[MatteSample]) -> MatteSteadiness | None:
    """How steady a matte is.

    Args:
        samples: frames in order; those that do not follow each other in number are not compared.

    Returns:
        None where no two neighbours hold enough of the true matte.
    """
    pairs = [_pair(a, b) for a, b in pairwise(samples) if b.frame == a.frame + 1]
    rows = np.array([row for row in pairs if row is not None], dtype=np.float64)
    if not len(rows):
        return None
    found, true, boil = (float(value) for value in rows.mean(axis=0))
    return MatteSteadiness(found, true, boil, worst_boil=float(rows[:, 2].max()), pairs=len(rows))


def _pair(a: MatteSample, b: MatteSample) -> tuple[float, float, float] | None:
    """Change of the matte found, of the true one, and of their difference."""
    area = 0.5 * float((a.true * a.region).sum(dtype=np.float64) + (b.true * b.region).sum(dtype=np.float64))
    if area < FEWEST or min(a.plate.shape) < 16:
        return None
    forth, back = plate_flow(a.plate, b.plate), plate_flow(b.plate, a.plate)
    y, x = np.mgrid[: a.plate.shape[0], : a.plate.shape[1]].astype(np.float32)

    def laid(picture: FloatArray) -> FloatArray:
        at = x + forth[..., 0], y + forth[..., 1]
        return np.asarray(cv2.remap(picture, *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)

    apart = np.hypot(*(forth[..., axis] + laid(np.ascontiguousarray(back[..., axis])) for axis in (0, 1)))
    weight = a.region * laid(b.region) * (apart < MEETS)
    found, true = laid(b.found) - a.found, laid(b.true) - a.true
    sums = [float((np.abs(one) * weight).sum(dtype=np.float64)) / area for one in (found, true, found - true)]
    return sums[0], sums[1], sums[2]
