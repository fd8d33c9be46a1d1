"""A rendered shot read back: plate, swap and matte of each frame, as measured and shown."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.colour.ocio import ColourConfig
from vfx_swap.io.paths import FramePattern
from vfx_swap.io.picture import Picture
from vfx_swap.io.read import read_picture
from vfx_swap.pipeline.frames import to_frame
from vfx_swap.types import Frame

__all__ = ["matte_of", "read_pairs"]

_MATTE_CHANNEL = re.compile(r"matte\.\d+\.A")


def matte_of(picture: Picture) -> FloatArray | None:
    """The union of the matte layers of a rendered frame, (height, width) 0 to 1; None when it carries none."""
    found: FloatArray | None = None
    for part in picture.parts:
        for name in part.channels:
            if _MATTE_CHANNEL.search(name):
                matte = part.channel(name).astype(np.float32)
                found = matte if found is None else np.maximum(found, matte)
    return found


def read_pairs(
    plate: str, swap: str, *, frames: tuple[int, ...], config: ColourConfig, colour_space: str
) -> Iterator[tuple[Frame, Frame, FloatArray]]:
    """Plate, swap and matte, frame by frame.

    A swap without matte layers counts as matted where any bit differs, which hides nothing but changes
    outside the matte.

    Args:
        plate: pattern of the plate.
        swap: pattern of the rendered frames.
        frames: which.
        config: OCIO config.
        colour_space: of both files.

    Raises:
        InputError: a frame is not there or cannot be read.
    """
    before, after = FramePattern.parse(plate), FramePattern.parse(swap)
    for number in frames:
        pictures = read_picture(before.path(number)), read_picture(after.path(number))
        own, swapped = (
            to_frame(picture, number=number, config=config, colour_space=colour_space) for picture in pictures
        )
        matte = matte_of(pictures[1])
        if matte is None:
            matte = (own.rgb.view(np.uint32) != swapped.rgb.view(np.uint32)).any(axis=-1).astype(np.float32)
        yield own, swapped, matte
