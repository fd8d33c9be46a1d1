"""A picture as its file holds it: every part and channel in native bits, and the colour seen in it.

Nothing is converted when a picture is read. `Picture.rgb()` makes a float copy for the work; what is
written afterwards starts from the native pixels again, so that what was not touched keeps its bits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from vfx_swap.arrays import FloatArray, frozen
from vfx_swap.errors import UnsupportedImageError
from vfx_swap.io.layout import RgbLayout
from vfx_swap.io.yuv import YuvPlanes
from vfx_swap.types import ColourHints, Window

__all__ = ["Block", "Part", "Picture", "PictureKind", "Spec", "black_like"]

Spec: TypeAlias = Any
"""An OpenImageIO ImageSpec: the library ships no types. Read it, copy it, never change one that is stored."""
PictureKind: TypeAlias = Literal["float", "integer", "movie"]

_VOLATILE = frozenset({"openexr:chunkCount", "oiio:subimages", "oiio:RowsPerChunk"})


@dataclass(frozen=True, eq=False)
class Block:
    """Neighbouring channels of one pixel type."""

    names: tuple[str, ...]
    pixels: np.ndarray
    """(height, width, len(names)) in the file's own type, read-only."""


@dataclass(frozen=True, eq=False)
class Part:
    """One part of an EXR, one page of a TIFF, or the whole of any other picture."""

    name: str
    """The part's name; empty where the format has none."""
    spec: Spec
    blocks: tuple[Block, ...]

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of all channels, in the order of the file as OpenImageIO gives it."""
        return tuple(name for block in self.blocks for name in block.names)

    @property
    def data_window(self) -> Window:
        """The pixels that are stored."""
        return Window(self.spec.x, self.spec.y, self.spec.width, self.spec.height)

    @property
    def display_window(self) -> Window:
        """The pixels meant to be seen."""
        spec = self.spec
        return Window(spec.full_x, spec.full_y, spec.full_width, spec.full_height)

    def channel(self, name: str) -> np.ndarray:
        """(height, width) of one channel, native type.

        Raises:
            KeyError: there is none of that name.
        """
        for block in self.blocks:
            if name in block.names:
                return block.pixels[..., block.names.index(name)]
        raise KeyError(name)

    def stack(self, names: tuple[str, ...]) -> np.ndarray:
        """(height, width, len(names)) of these channels, in numpy's common type of theirs; a view where it can be."""
        for block in self.blocks:
            for first in range(len(block.names) - len(names) + 1):
                if block.names[first : first + len(names)] == names:
                    return block.pixels[..., first : first + len(names)]
        return np.stack([self.channel(name) for name in names], axis=-1)


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture, whole. Made by `read_picture` and by movies."""

    path: Path
    """The file it came from."""
    format: str
    """OpenImageIO's name of the format it was read as (`openexr`, `dpx`, ...), or `movie`."""
    parts: tuple[Part, ...]
    layout: RgbLayout
    """Where red, green, blue and alpha are."""
    kind: PictureKind
    colour_hints: ColourHints = field(default_factory=ColourHints)
    yuv: YuvPlanes | None = None
    """The samples as a movie holds them; None for stills and movies of RGB."""
    warnings: tuple[str, ...] = ()
    """What reading found worth saying; also in the report of every write from it."""

    def __repr__(self) -> str:
        window = self.data_window
        return f"Picture({self.path.name!r}, {self.format}, {window.width}x{window.height}, {len(self.parts)} parts)"

    @property
    def rgb_part(self) -> Part:
        """The part that holds red, green and blue."""
        return self.parts[self.layout.part]

    @property
    def data_window(self) -> Window:
        """The pixels stored in the part that holds RGB."""
        return self.rgb_part.data_window

    @property
    def display_window(self) -> Window:
        """The pixels meant to be seen."""
        return self.rgb_part.display_window

    @property
    def is_float(self) -> bool:
        """True where RGB is stored as half, float or double: by default scene-linear and unbounded."""
        return self.kind == "float"

    @property
    def native_rgb(self) -> np.ndarray:
        """(height, width, 3) of the data window, in the file's pixel type."""
        return self.rgb_part.stack(self.layout.rgb)

    @property
    def bits(self) -> int:
        """Bits of a colour sample as stored in the file: 10 for a 10-bit DPX, though it is held in 16."""
        width = int(self.native_rgb.dtype.itemsize) * 8
        stated = int(self.rgb_part.spec.get_int_attribute("oiio:BitsPerSample", width))
        return stated if 0 < stated < width else width

    def rgb(self, window: Window | None = None) -> FloatArray:
        """(height, width, 3) float32 copy of the data window, or of a window within it, in the file's own encoding.

        Halves and floats as they are, NaN and inf included, premultiplied where the format is (EXR);
        integers divided by the largest value of their type, so 0 to 1; movies as R'G'B' where 0 is black
        and 1 is nominal white, beyond which a limited-range movie may reach.
        """
        native = self.native_rgb
        return _as_float(native if window is None else native[window.slices(self.data_window)])

    @property
    def alpha(self) -> FloatArray | None:
        """(height, width) float32, integers scaled to 0 to 1; None where there is none."""
        name = self.layout.alpha
        return None if name is None else _as_float(self.rgb_part.channel(name))

    def digest(self) -> str:
        """SHA-256 of all pixels, names, windows and attributes: the same picture, whatever its file's compression.

        Compression and what OpenImageIO adds on reading are left out.
        """
        sha = hashlib.sha256()
        for part in self.parts:
            sha.update(repr((part.name, part.data_window, part.display_window)).encode())
            for name, value in _attributes(part.spec):
                sha.update(f"{name}={value!r};".encode())
            for block in part.blocks:
                sha.update(repr((block.names, block.pixels.dtype.str)).encode())
                sha.update(np.ascontiguousarray(block.pixels).data)
        return sha.hexdigest()


def _attributes(spec: Spec) -> Iterator[tuple[str, object]]:
    found = {str(item.name): item.value for item in spec.extra_attribs}
    for name in sorted(found):
        if name not in _VOLATILE and name != "compression":
            value = found[name]
            # Blobs come as arrays, whose repr drops the middle.
            yield name, value.tobytes() if isinstance(value, np.ndarray) else value


def _as_float(native: np.ndarray) -> FloatArray:
    if native.dtype.kind == "f":
        with np.errstate(over="ignore", invalid="ignore"):
            return native.astype(np.float32)
    if native.dtype in (np.uint8, np.uint16):
        return native.astype(np.float32) / np.float32(np.iinfo(native.dtype).max)
    raise UnsupportedImageError(
        f"colour is stored as {native.dtype.name}, which no swap can be put into",
        mend="Convert the plate to half or float EXR, or to 8- or 16-bit integers",
    )


def black_like(picture: Picture) -> Picture:
    """The same picture with every channel 0, for a missing frame under `missing = "black"`."""
    parts = tuple(
        replace(part, blocks=tuple(Block(block.names, frozen(np.zeros_like(block.pixels))) for block in part.blocks))
        for part in picture.parts
    )
    return replace(picture, parts=parts, yuv=None)
