"""Frames that go to a server and come back swapped, as values that know nothing of the wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

import numpy as np

from vfx_swap.errors import ProtocolError, VfxSwapError
from vfx_swap.io.outputs import Output
from vfx_swap.io.picture import Picture
from vfx_swap.io.write import WriteReport
from vfx_swap.types import Window

__all__ = ["FrameSettings", "PlateFrame", "StreamedFrame", "Transport", "plate_frame"]

Transport: TypeAlias = Literal["path", "slots", "chunks"]
"""How pixels go: named by a path that the server reads, through shared memory, or in chunks of 1 MiB."""
NATIVE = ("float16", "float32", "uint8", "uint16")
"""Pixel types that are sent as they are."""


@dataclass(frozen=True, eq=False)
class PlateFrame:
    """A plate's frame to be sent."""

    number: int
    pixels: np.ndarray | None = None
    """(height, width, 3) half, float, 8 or 16 bits, in the plate's encoding; None by path."""
    window: Window = Window(0, 0, 0, 0)
    """The pixels' data window."""
    display: Window = Window(0, 0, 0, 0)
    path: str = ""
    """As the server reads it, or as it maps it; only by path."""
    picture: Picture | None = None
    """Where the pixels are from, for `StreamedFrame.write`."""


def plate_frame(number: int, picture: Picture) -> PlateFrame:
    """A picture's RGB, ready to be sent.

    Args:
        number: the frame's.
        picture: as read from a plate.
    """
    native = picture.native_rgb
    # What the wire has no type for, doubles and the planes of movies, goes as the floats that are worked on.
    pixels = native if native.dtype.name in NATIVE and picture.yuv is None else picture.rgb()
    return PlateFrame(
        number, np.ascontiguousarray(pixels), picture.data_window, picture.display_window, picture=picture
    )


@dataclass(frozen=True, eq=False)
class StreamedFrame:
    """A frame as the server answered it."""

    number: int
    window: Window = Window(0, 0, 0, 0)
    """The part of the plate that faces touch; all planes are of this size."""
    planes: Mapping[str, np.ndarray] = field(default_factory=dict)
    """`rgb` (height, width, 3) in the plate's encoding, `matte` (height, width), and layers by channel."""
    metrics: Mapping[str, float | str] = field(default_factory=dict)
    header: Mapping[str, str] = field(default_factory=dict)
    """Attributes for the EXR's header."""
    settings_digest: str = ""
    output: str = ""
    """The file that the server wrote; empty: none."""
    warnings: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    """Where its time went: queue, decode, infer, encode."""
    device: str = ""
    error: VfxSwapError | None = None
    """Why it failed; all else is then empty."""
    sent: PlateFrame | None = None
    """What it was made from."""

    def copied(self) -> StreamedFrame:
        """The same, with planes of its own."""
        return replace(self, planes={name: plane.copy() for name, plane in self.planes.items()})

    def write(self, output: Output) -> WriteReport:
        """Write the file that a local render would have written, to the last byte.

        Args:
            output: where frames go.

        Raises:
            VfxSwapError: the frame failed on the server.
            ProtocolError: no pixels came back, since the server wrote the file; or none were sent.
            OutputError: it cannot be written.
        """
        if self.error is not None:
            raise self.error
        if "rgb" not in self.planes or "matte" not in self.planes:
            raise ProtocolError(f"frame {self.number} came back without pixels", where=self.output or None)
        if self.sent is None or self.sent.picture is None:
            raise ProtocolError(f"frame {self.number} was not sent as a picture", mend="Use plate_frame")
        floats = {name: plane.astype(np.float32, copy=False) for name, plane in self.planes.items()}
        return output.write(
            self.number,
            self.sent.picture,
            rgb=floats.pop("rgb"),
            matte=floats.pop("matte"),
            layers=floats,
            header=self.header,
            window=self.window,
        )


@dataclass(frozen=True)
class FrameSettings:
    """What a stream of frames is about."""

    shot: Mapping[str, object]
    """Values of a shot file; `plate` is of no meaning, `output` only for frames by path."""
    mode: Literal["tracks", "stills"] = "tracks"
    """Faces from tracks: the bits are those of the rendered shot; or every frame a still."""
    tracks: bytes = b""
    """The tracks file."""
    colour_space: str = ""
    """OCIO name of the frames' values; needed where frames do not come by path."""
    priority: Literal["batch", "interactive"] = "batch"
