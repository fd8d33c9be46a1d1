"""Between a plate's picture and the frame the swap works on: file encoding to scene-linear light, and back."""

from __future__ import annotations

import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.colour.ocio import ColourConfig
from vfx_swap.io.picture import Picture
from vfx_swap.types import Frame, Window

__all__ = ["from_frame", "to_frame"]


def to_frame(
    picture: Picture, *, number: int, config: ColourConfig, colour_space: str, window: Window | None = None
) -> Frame:
    """A plate's picture as a frame.

    Scene-linear plates pass through untouched, in their own primaries; others are converted into the
    config's scene-linear space.

    Args:
        picture: as read from the plate.
        number: the frame's number.
        config: OCIO config.
        colour_space: the space the file's values are in.
        window: the part of the data window that is wanted, and made the frame's data window; None: all of it.

    Raises:
        ColourSpaceError: the config does not know the space, or no way from it to scene-linear light.
        UnsupportedImageError: the picture's pixel type cannot be worked on.
    """
    linear = config.scene_linear_for(colour_space)
    rgb = picture.rgb(window)
    if not config.is_scene_linear(colour_space):
        rgb = config.convert(rgb, source=colour_space, destination=linear)
    return Frame(
        number=number,
        rgb=rgb,
        data_window=picture.data_window if window is None else window,
        display_window=picture.display_window,
        colour_space=linear,
    )


def from_frame(frame: Frame, *, matte: FloatArray, config: ColourConfig, colour_space: str) -> FloatArray:
    """A frame's pixels in the encoding of the plate's file, for writing.

    Only what lies in the bounding box of the matte is converted: elsewhere the file keeps the plate's bits,
    and what is returned there is of no meaning.

    Args:
        frame: a frame in the scene-linear space that `to_frame` gave it.
        matte: (height, width) 0 to 1; where it is above 0 pixels are written.
        config: OCIO config.
        colour_space: the space of the file.

    Returns:
        (height, width, 3) of the data window; the frame's own array for a scene-linear file.

    Raises:
        ColourSpaceError: no way back to the file's space.
    """
    if config.is_scene_linear(colour_space):
        return frame.rgb
    out = np.zeros_like(frame.rgb)
    rows, columns = np.flatnonzero(matte.any(axis=1)), np.flatnonzero(matte.any(axis=0))
    if rows.size:
        box = (slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1))
        out[box] = config.convert(
            np.ascontiguousarray(frame.rgb[box]), source=frame.colour_space, destination=colour_space
        )
    return out
