"""Pictures that come without a file: arrays with windows, as a `Picture` and as a plate of one frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenImageIO as oiio

from vfx_swap.arrays import frozen
from vfx_swap.errors import MissingInputError, UnsupportedImageError
from vfx_swap.io.layout import RgbLayout
from vfx_swap.io.paths import FramePattern
from vfx_swap.io.picture import Block, Part, Picture, PictureKind
from vfx_swap.io.plates import Plate
from vfx_swap.types import Window

__all__ = ["OnePicture", "picture_of"]

_FORMATS = {"float16": "half", "float32": "float", "uint8": "uint8", "uint16": "uint16"}
_RGB = ("R", "G", "B")


def picture_of(pixels: np.ndarray, *, window: Window, display: Window, name: str) -> Picture:
    """A picture of red, green and blue.

    Args:
        pixels: (height, width, 3), half, float, or 8 or 16 bits; not copied, and not to be changed any more.
        window: the pixels that are there, of that size.
        display: the pixels meant to be seen.
        name: what it is called in messages.

    Raises:
        UnsupportedImageError: another shape or type.
    """
    if pixels.shape != (window.height, window.width, 3) or pixels.dtype.name not in _FORMATS:
        what = f"pixels of {pixels.dtype.name} {pixels.shape} for a window of {window.width}x{window.height}"
        raise UnsupportedImageError(what, where=name, mend="Send R, G, B as half, float, or 8 or 16 bits")
    spec = oiio.ImageSpec(window.width, window.height, 3, _FORMATS[pixels.dtype.name])
    spec.x, spec.y = window.x, window.y
    spec.full_x, spec.full_y = display.x, display.y
    spec.full_width, spec.full_height = display.width, display.height
    kind: PictureKind = "float" if pixels.dtype.kind == "f" else "integer"
    part = Part("", spec, (Block(_RGB, frozen(pixels)),))
    return Picture(path=Path(name), format="openexr", parts=(part,), layout=RgbLayout(0, _RGB), kind=kind)


class OnePicture(Plate):
    """A plate of one frame that is in memory.

    Args:
        number: the frame's.
        picture: the frame.
    """

    def __init__(self, number: int, picture: Picture) -> None:
        # Plate's own looks at the disk.
        self.pattern = FramePattern.parse(str(picture.path))
        self.missing = "error"
        self.movie = None
        self.existing = (number,)
        self._probe = None
        self._picture = picture

    @property
    def kind(self) -> PictureKind:
        """As of the picture."""
        return self._picture.kind

    def path(self, frame: int) -> Path:  # noqa: ARG002  # whatever is asked for, there is one
        """The picture's file, where it has one."""
        return self._picture.path

    def read(self, frame: int) -> Picture:
        """The picture.

        Raises:
            MissingInputError: it is not this frame's.
        """
        if frame not in self.existing:
            raise MissingInputError(f"there is no frame {frame}", where=self._picture.path)
        return self._picture
