"""SimSwap's way back into the frame, and a whole frame through its pipeline.

Faults that are kept, because the pictures show them (our own swappers have none of them):
    the box is eroded by 40 and blurred by 41 pixels *of the frame*: a face whose crop covers fewer than about 40 is
    not replaced at all, one of 60 only to 0.8;
    the template is chosen frame by frame (`align.track_template` mends it);
    values are cut off to whole numbers and not rounded: every frame loses half a level;
    light is mixed as 8-bit display values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import cv2
import numpy as np

from vfx_swap.models.simswap_compat.align import AlignMode, align, crop_bgr
from vfx_swap.models.simswap_compat.parse import crop_mask, parser_input

__all__ = ["Generator", "Labeller", "compat_frame", "frame_mask", "laid_back"]

Generator: TypeAlias = Callable[[np.ndarray], np.ndarray]
"""A crop (3, S, S) float32 RGB in [0, 1] to the swapped crop, of the same kind."""
Labeller: TypeAlias = Callable[[np.ndarray], np.ndarray]
"""What `parser_input` gives to (512, 512) labels, 0 to 18."""

ERODED, BLURRED = 40, 41
"""Frame pixels."""
BOX_FROM = 20
"""Level of the box, laid back, over which it is whole."""


def compat_frame(
    frame: np.ndarray,
    faces: Sequence[np.ndarray],
    *,
    generator: Generator | Sequence[Generator],
    parser: Labeller | None = None,
    size: int = 224,
    mode: AlignMode = "None",
) -> np.ndarray:
    """A frame with every face swapped, as SimSwap writes it, without its logo.

    Args:
        frame: (h, w, 3) uint8 BGR.
        faces: five points each, (5, 2) frame pixels; later faces lie over earlier ones.
        generator: with the identity in it; or one for each face.
        parser: finds the regions (`--use_mask`); None: all of the crop is replaced.
        size: of the crop, 224 or 512.
        mode: of alignment; SimSwap uses `ffhq` with 512.

    Raises:
        NoFaceError: the points of a face fall together.
    """
    out = frame.astype(np.float64)
    generators = [generator] * len(faces) if callable(generator) else generator
    for points, paints in zip(faces, generators, strict=True):
        matrix = align(points, size=size, mode=mode).matrix
        crop = crop_bgr(frame, matrix, size=size)
        swapped = paints(_rgb_planes(crop))[::-1].transpose(1, 2, 0)
        mask = None if parser is None else crop_mask(parser(parser_input(crop)), size=size)
        if mask is not None:
            under = _rgb_planes(crop)[::-1].transpose(1, 2, 0)
            swapped = swapped * mask[..., None] + under * (np.float32(1.0) - mask[..., None])
        laid = 255.0 * laid_back(np.ascontiguousarray(swapped), matrix, shape=frame.shape[:2])
        box = frame_mask(matrix, size=size, shape=frame.shape[:2])[..., None]
        out = box * laid + (1.0 - box) * out
    return out.astype(np.uint8)


def laid_back(crop: np.ndarray, matrix: np.ndarray, *, shape: tuple[int, int]) -> np.ndarray:
    """A crop in the frame's pixels (h, w), 0 elsewhere; `matrix` (2, 3) is the one that cut it."""
    back = np.linalg.inv(np.vstack([matrix, [0.0, 0.0, 1.0]]))[:2]
    return np.asarray(cv2.warpAffine(crop, back, (shape[1], shape[0]), flags=cv2.INTER_LINEAR, borderValue=0.0))


def frame_mask(matrix: np.ndarray, *, size: int, shape: tuple[int, int]) -> np.ndarray:
    """(h, w) float64, 0 to 1: the crop's box in the frame, eroded and blurred by a fixed count of frame pixels."""
    box = laid_back(np.full((size, size), 255.0), matrix, shape=shape)
    box[box > BOX_FROM] = 255.0
    box = cv2.erode(box, np.ones((ERODED, ERODED), np.uint8), iterations=1)
    return np.asarray(cv2.GaussianBlur(box, (BLURRED, BLURRED), 0) / 255.0)


def _rgb_planes(crop_bgr: np.ndarray) -> np.ndarray:
    """(3, S, S) float32 RGB in [0, 1]."""
    return np.ascontiguousarray((crop_bgr[..., ::-1].astype(np.float32) / np.float32(255.0)).transpose(2, 0, 1))
