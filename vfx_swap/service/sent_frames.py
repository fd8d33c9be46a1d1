"""What clients say of the frames they send, believed only after it was checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from vfx_swap.errors import LimitError, ProtocolError, UnreadableImageError, VfxSwapError
from vfx_swap.service import wire
from vfx_swap.service.codec import Chunk, checksum
from vfx_swap.service.pool import Buffer, PixelDtype
from vfx_swap.service.settings import CHUNK_BYTES, Limits
from vfx_swap.types import Window

__all__ = ["PIXEL_TYPES", "Receiving", "SentFrame", "Transport", "sent_frame", "window_message"]

Transport: TypeAlias = Literal["path", "shared_memory", "chunks"]
PIXEL_TYPES: dict[int, PixelDtype] = {
    wire.pixels.PIXEL_TYPE_HALF: "float16",
    wire.pixels.PIXEL_TYPE_FLOAT: "float32",
    wire.pixels.PIXEL_TYPE_UINT8: "uint8",
    wire.pixels.PIXEL_TYPE_UINT16: "uint16",
}
"""Number on the wire -> numpy's name."""
FARTHEST = 1 << 30
"""Pixels that a window may lie from the origin: an EXR's own limit is near 2**31."""
PATH_BYTES = 4096


@dataclass(frozen=True, eq=False)
class SentFrame:
    """A frame's header, checked."""

    number: int
    transport: Transport
    window: Window = Window(0, 0, 0, 0)
    """Pixels that are sent; empty by path, where the file says."""
    display: Window = Window(0, 0, 0, 0)
    dtype: PixelDtype = "float16"
    size: int = 0
    """Bytes of pixels; 0 by path."""
    path: str = ""
    slot: wire.pixels.SlotPixels | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the pixels: (height, width, 3)."""
        return self.window.height, self.window.width, 3


def sent_frame(header: wire.pixels.FrameHeader, limits: Limits) -> SentFrame:
    """A header's frame.

    Raises:
        ProtocolError: the header does not say what one says, or not the same in all its places.
        LimitError: the frame is larger than the server takes.
    """
    kind, number = header.WhichOneof("transport"), header.frame
    if kind is None:
        raise ProtocolError(f"frame {number} does not say how its pixels come")
    if kind == "path":
        path = header.path.path
        if not path or len(path.encode()) > PATH_BYTES:
            raise ProtocolError(f"frame {number} comes by a path of {len(path)} characters")
        return SentFrame(number, "path", path=path)
    dtype = PIXEL_TYPES.get(header.pixel_type)
    if dtype is None:
        raise ProtocolError(f"frame {number} has pixels of type {header.pixel_type}")
    window = _window(header.data_window, f"data window of frame {number}")
    display = _window(header.display_window, f"display window of frame {number}")
    if max(window.width, window.height) > limits.frame_side or window.width * window.height > limits.frame_pixels:
        what = f"frame {number} has {window.width}x{window.height} pixels"
        raise LimitError(what, mend=f"A side may have {limits.frame_side}, a frame {limits.frame_pixels}")
    size = window.width * window.height * 3 * np.dtype(dtype).itemsize
    said = header.inline.size if kind == "inline" else header.slot.size
    if said != size:
        raise ProtocolError(f"frame {number} announces {said} bytes, where windows and type make {size}")
    if kind == "inline":
        return SentFrame(number, "chunks", window, display, dtype, size)
    return SentFrame(number, "shared_memory", window, display, dtype, size, slot=header.slot)


def _window(box: wire.pixels.Window, what: str) -> Window:
    if box.width < 1 or box.height < 1 or max(box.width, box.height, abs(box.x), abs(box.y)) > FARTHEST:
        raise ProtocolError(f"the {what} is {box.width}x{box.height} at {box.x}, {box.y}")
    return Window(box.x, box.y, box.width, box.height)


class Receiving:
    """A frame that comes in chunks: every one in its place, none twice, none too many.

    Args:
        frame: as it was announced.
        write: takes bytes and their offset.
    """

    def __init__(self, frame: SentFrame, write: Callable[[Buffer, int], None]) -> None:
        self.frame = frame
        self._write = write
        self._received = 0
        self._crc = 0
        self._fault: VfxSwapError | None = None

    def take(self, chunk: Chunk) -> None:
        """The next chunk.

        Raises:
            ProtocolError: it is not.
        """
        frame, size = self.frame, len(chunk.data)
        if chunk.frame != frame.number or chunk.plane != 0:
            raise ProtocolError(f"a chunk of frame {chunk.frame}, plane {chunk.plane}, within frame {frame.number}")
        if not 0 < size <= CHUNK_BYTES:
            raise ProtocolError(f"a chunk of {size} bytes", mend=f"1 to {CHUNK_BYTES} are taken")
        if chunk.offset != self._received or self._received + size > frame.size:
            what = f"bytes {chunk.offset} to {chunk.offset + size} of frame {frame.number}"
            raise ProtocolError(f"{what}, which has {frame.size}, after {self._received} came")
        if self._fault is None:
            try:
                self._write(chunk.data, chunk.offset)
            except VfxSwapError as error:  # memory is full: the frame fails, the rest of it is read over
                self._fault = error
        self._received += size
        self._crc = checksum(chunk.data, self._crc)

    def end(self, end: wire.pixels.FrameEnd) -> VfxSwapError | None:
        """All is said to have come. What is wrong with the frame, if anything is.

        Raises:
            ProtocolError: it is another frame's end, or bytes are missing.
        """
        frame = self.frame
        if end.frame != frame.number:
            raise ProtocolError(f"the end of frame {end.frame} within frame {frame.number}")
        if self._received != frame.size:
            raise ProtocolError(f"frame {frame.number} ends after {self._received} of {frame.size} bytes")
        if self._fault is None and end.HasField("crc32c") and end.crc32c != self._crc:
            what = f"arrived damaged: its checksum is {self._crc:08x}, and {end.crc32c:08x} was announced"
            self._fault = UnreadableImageError(what, where=f"frame {frame.number}", mend="Send it again")
        return self._fault


def window_message(window: Window) -> wire.pixels.Window:
    """A window as the wire has it."""
    return wire.pixels.Window(x=window.x, y=window.y, width=window.width, height=window.height)
