"""Mattes that somebody drew or keyed: one channel of a picture a frame, its own data window, linear coverage.

A matte needs no colour: a roto's EXR may hold alpha alone, a PNG one grey channel. Integers are coverage as they stand,
divided by the largest value of their type: no transfer curve is taken off.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.errors import InputError, MissingInputError, UnsupportedImageError, UsageError
from vfx_swap.io.near import file_near, sequences_near
from vfx_swap.io.paths import FramePattern
from vfx_swap.io.picture import Part
from vfx_swap.io.read import read_parts
from vfx_swap.types import Window

__all__ = ["DrawnMatte", "MatteFrames", "MissingMatte", "open_mattes", "read_matte"]

MissingMatte: TypeAlias = Literal["error", "hold", "none"]
"""What a frame without a file is: an error, the last one before it (before the first, the first), or no matte."""
ALPHAS = ("a", "alpha")
"""Last words of the channels that are taken where none is named."""


@dataclass(frozen=True, eq=False)
class DrawnMatte:
    """One frame's matte."""

    coverage: FloatArray
    """(height, width) of the data window, 0 to 1; NaN of the file is 0."""
    data_window: Window
    """Outside of it there is nothing: 0."""
    display_window: Window
    path: Path

    def laid(self, window: Window, *, display: Window) -> FloatArray:
        """The matte over a window of a plate: (height, width), 0 where it has no pixels.

        Args:
            window: plate pixels.
            display: the plate's display window; the matte's lies on it corner on corner.

        Raises:
            InputError: the two display windows differ in size.
        """
        own = self.display_window
        if (own.width, own.height) != (display.width, display.height):
            what = f"is {own.width}x{own.height}, the plate {display.width}x{display.height}"
            raise InputError(what, where=self.path, mend="Draw or write the matte at the plate's size")
        across, down = display.x - own.x, display.y - own.y
        stored = self.data_window
        placed = Window(stored.x + across, stored.y + down, stored.width, stored.height)
        shared = placed.intersect(window)
        out = np.zeros((window.height, window.width), np.float32)
        if not shared.is_empty:
            out[shared.slices(window)] = self.coverage[shared.slices(placed)]
        return out

    def digest(self) -> str:
        """SHA-256 of coverage and windows: the same matte, whatever its file."""
        sha = hashlib.sha256(repr((self.data_window, self.display_window)).encode())
        sha.update(np.ascontiguousarray(self.coverage).data)
        return sha.hexdigest()


def read_matte(path: str | os.PathLike[str], *, channel: str | None = None) -> DrawnMatte:
    """Read a matte.

    Args:
        path: any still that `read_picture` reads, with colour or without.
        channel: full name, such as `A` or `roto.hand.A`, in any part; None: the first alpha, else the first channel.

    Raises:
        MissingInputError: there is no such file.
        UnreadableImageError: empty, truncated, a folder, or not a picture.
        UnsupportedImageError: no channel of that name; deep data, volumes, mip levels; samples that are no coverage.
    """
    file = Path(path)
    parts = read_parts(file)
    part, name = _find(parts, channel, file)
    native = part.channel(name)
    if native.dtype.kind == "f":
        with np.errstate(over="ignore", invalid="ignore"):
            values = native.astype(np.float32)
    elif native.dtype in (np.uint8, np.uint16):
        values = native.astype(np.float32) / np.float32(np.iinfo(native.dtype).max)
    else:
        mend = "Write the matte as half, float, or 8 or 16 bits"
        raise UnsupportedImageError(f"channel {name!r} holds {native.dtype.name}", where=file, mend=mend)
    coverage = np.clip(np.nan_to_num(values, nan=0.0, posinf=1.0, neginf=0.0), 0.0, 1.0).astype(np.float32)
    return DrawnMatte(coverage, part.data_window, part.display_window, file)


def _find(parts: Sequence[Part], channel: str | None, file: Path) -> tuple[Part, str]:
    named = [(part, name) for part in parts for name in part.channels]
    if channel is None:
        alphas = [one for one in named if one[1].rpartition(".")[2].lower() in ALPHAS]
        return (alphas or named)[0]
    for one in named:
        if one[1] == channel:
            return one
    there = ", ".join(dict.fromkeys(name for _, name in named))
    raise UnsupportedImageError(f"no channel {channel!r}", where=file, mend=f"It has {there}")


class MatteFrames:
    """A matte for every frame. Made by `open_mattes`."""

    def __init__(self, pattern: FramePattern, *, channel: str | None, missing: MissingMatte) -> None:
        self.pattern = pattern
        self.existing = pattern.frames_on_disk()
        """Frames that are there, rising; empty for one picture, which holds for all."""
        self._channel = channel
        self._missing: MissingMatte = missing

    def absent(self, frames: Sequence[int]) -> tuple[int, ...]:
        """Those of `frames` that cannot be read under the policy."""
        if self.pattern.kind == "still" or self._missing != "error":
            return ()
        have = set(self.existing)
        return tuple(frame for frame in frames if frame not in have)

    def read(self, frame: int) -> DrawnMatte | None:
        """A frame's matte; None where there is none and the policy says so.

        Raises:
            MissingInputError: there is no such frame, and the policy is `error`.
            InputError: it cannot be read, or lacks the channel.
        """
        near: int | None = frame
        if self.pattern.kind == "sequence" and frame not in self.existing and self._missing != "error":
            before = max((have for have in self.existing if have < frame), default=self.existing[0])
            near = before if self._missing == "hold" else None
        return None if near is None else read_matte(self.pattern.path(near), channel=self._channel)


def open_mattes(
    text: str | os.PathLike[str], *, channel: str | None = None, missing: MissingMatte = "error"
) -> MatteFrames:
    """Open mattes: look at what is there, decode nothing yet.

    Args:
        text: a sequence (`roto.####.exr` and its other spellings) or one picture, which holds for all frames.
        channel: as in `read_matte`.
        missing: what `MatteFrames.read` does about a frame without a file.

    Raises:
        MissingInputError: no such file, or no frame of that name.
        UnsupportedImageError: a movie, whose compression leaves no matte clean.
        UsageError: an empty path or an unknown policy.
    """
    if missing not in get_args(MissingMatte):
        raise UsageError(f"missing = {missing!r} is no policy", mend="Use error, hold or none")
    pattern = FramePattern.parse(text)
    if pattern.kind == "movie":
        raise UnsupportedImageError("a movie is no matte", where=pattern.text, mend="Write it as EXR, TIFF or PNG")
    frames = MatteFrames(pattern, channel=channel, missing=missing)
    if pattern.kind == "sequence" and not frames.existing:
        mend = sequences_near(pattern.text) or "Check the path and the number of digits"
        raise MissingInputError("no frame of this name is there", where=pattern.text, mend=mend)
    if pattern.kind == "still" and not pattern.path(0).is_file():
        mend = file_near(pattern.text) or sequences_near(pattern.text) or "Check the path"
        raise MissingInputError("there is no such file", where=pattern.text, mend=mend)
    return frames
