"""Flicker by the plate's own motion: what changes in a swap from frame to frame where the plate does not.

Optical flow of the plate lays each frame on the one before it, plate and swap alike: the mouth that opens and the head
that turns are the performer's in both, and go out. `qc_pixels.flicker` lays a whole face by one similarity instead.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage

from vfx_swap.arrays import FloatArray

__all__ = ["FlowSample", "flow_changes", "plate_flow"]

GRAIN_BLUR = 0.004
"""Of face height: finer change than this is grain, and has its own number."""
BACK_PIXELS = 1.0
"""Flow forth and back must meet within this: where it does not, something is hidden or shown anew."""
FOLLOWED = 0.5
"""Share of the face that flow must follow. Less, as into and out of a frame that a knocked camera blurred, and what is
left is where two different things happen to look alike: the numbers would say nothing of either picture."""
LEAST_PIXELS = 64
STOPS_SHOWN = (-6.0, 3.0)
"""Log luminance that the flow is worked out in, as 8 bits."""


@dataclass(frozen=True, eq=False)
class FlowSample:
    """One frame, everything of the same window of the plate."""

    frame: int
    plate: FloatArray
    """(height, width) log luminance, as `qc_pixels.log_luminance` gives it."""
    swap: FloatArray
    """(height, width) log luminance."""
    matte: FloatArray
    """(height, width) 0 to 1."""


def plate_flow(first: FloatArray, second: FloatArray) -> FloatArray:
    """(height, width, 2) where each pixel of the first picture is in the second, as an offset in pixels.

    Dense inverse search (T. Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016).

    Args:
        first: (height, width) log luminance.
        second: (height, width) of the same size.
    """
    low, high = STOPS_SHOWN
    shown = [
        np.asarray(np.clip((one - low) / (high - low), 0.0, 1.0) * 255.0, dtype=np.uint8) for one in (first, second)
    ]
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow: FloatArray = np.asarray(search.calc(shown[0], shown[1], None), dtype=np.float32)
    return flow


def flow_changes(a: FlowSample, b: FlowSample, *, face_height_pixels: float) -> tuple[float, float] | None:
    """Mean change of swap and of plate between two neighbouring frames, in stops, inside both mattes.

    Returns:
        Swap's and plate's; None where flow follows less than half of the skin that both frames show, or hardly any.
    """
    if min(a.plate.shape) < 16:
        return None
    sigma = GRAIN_BLUR * face_height_pixels
    smooth = [ndimage.gaussian_filter(one, sigma) for one in (a.plate, b.plate, a.swap, b.swap)]
    forth, back = plate_flow(smooth[0], smooth[1]), plate_flow(smooth[1], smooth[0])
    y, x = np.mgrid[: a.plate.shape[0], : a.plate.shape[1]].astype(np.float32)
    at = x + forth[..., 0], y + forth[..., 1]

    def laid(picture: FloatArray) -> FloatArray:
        moved: FloatArray = cv2.remap(picture, at[0], at[1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        return moved

    meet = np.hypot(*(forth[..., axis] + laid(np.ascontiguousarray(back[..., axis])) for axis in (0, 1)))
    both = (a.matte > 0.5) & (laid(b.matte) > 0.5)
    inside = both & (meet < BACK_PIXELS)
    if np.count_nonzero(inside) < max(LEAST_PIXELS, FOLLOWED * np.count_nonzero(both)):
        return None

    def change(one: FloatArray, other: FloatArray) -> float:
        difference = (laid(other) - one)[inside]
        return float(np.mean(np.abs(difference - np.median(difference))))

    return change(smooth[2], smooth[3]), change(smooth[0], smooth[1])
