"""Plate and result of a frame read back for quality control, with the mattes that the result keeps, if it keeps any."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Self, TypeAlias

import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.colour.decide import decide_colour_space
from vfx_swap.colour.ocio import ColourConfig
from vfx_swap.errors import InputError, MissingInputError, VfxSwapError
from vfx_swap.io.picture import Picture
from vfx_swap.io.plates import Plate, open_plate
from vfx_swap.pipeline.frames import to_frame
from vfx_swap.pipeline.qc_subject import QcSubject
from vfx_swap.settings import file_sha256
from vfx_swap.types import Frame

__all__ = ["FrameStatus", "QcFiles", "QcPair", "UnfitError"]

FrameStatus: TypeAlias = Literal["measured", "missing", "failed", "unreadable", "unlike", "no plate"]
_MATTE_CHANNEL = re.compile(r"matte\.(\d+)\.A$")
_LOSSY = frozenset({"jpeg", "webp", "jpegxl", "jpeg2000", "movie"})
"""Formats in which every pixel may change when it is written."""


class UnfitError(Exception):
    """A frame that cannot be looked at: its status, and why."""

    def __init__(self, status: FrameStatus, why: str) -> None:
        self.status: FrameStatus = status
        self.why = why
        super().__init__(why)


@dataclass(frozen=True, eq=False)
class QcPair:
    """Plate and result of one frame, of one window and colour space, scene-linear."""

    plate: Frame
    swap: Frame
    mattes: Mapping[int, FloatArray] = field(default_factory=dict)
    """Track id -> (height, width) matte, of the layers that the result keeps."""
    lossy: bool = False
    """True where pixels change by being written: then nothing tells what was changed on purpose."""
    remarks: tuple[str, ...] = ()

    @property
    def union(self) -> FloatArray | None:
        """(height, width) the largest of the mattes; None without layers."""
        return np.maximum.reduce(list(self.mattes.values())) if self.mattes else None

    @property
    def changed(self) -> FloatArray:
        """(height, width) 1 where any bit differs from the plate's."""
        before, after = (np.ascontiguousarray(one.rgb).view(np.uint32) for one in (self.plate, self.swap))
        different: FloatArray = (before != after).any(axis=-1).astype(np.float32)
        return different


class QcFiles:
    """Plate and result, opened. Use it in `with`."""

    def __init__(self, subject: QcSubject, *, config: ColourConfig) -> None:
        """
        Raises:
            MissingInputError: there is no plate, or nothing at all of the result where it is a movie.
            ColourSpaceError: the colour space does not exist.
        """
        self._subject, self._config = subject, config
        self.plate = open_plate(subject.plate, missing="black" if subject.missing == "black" else "hold")
        self.notes: list[str] = []
        self._result: Plate | None = None
        try:
            self._result = open_plate(subject.output)
        except InputError as error:
            self.notes.append(f"nothing of the result can be opened: {error}")
        self.colour_space = self._decided()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.plate.close()
        if self._result is not None:
            self._result.close()

    @property
    def is_movie(self) -> bool:
        """True where the result is one file."""
        return self._result is not None and self._result.movie is not None

    def _decided(self) -> str:
        for number in self._subject.frames:
            try:
                hints = self.plate.read(number).colour_hints
            except InputError:
                continue
            found = decide_colour_space(
                self._config, user=self._subject.colour_space, hints=hints, kind=self.plate.kind
            )
            self.notes += found.warnings
            return found.name
        raise MissingInputError("no frame of the plate can be read", where=self._subject.plate, mend="Give --plate")

    def read(self, number: int) -> QcPair:
        """Plate and result of a frame.

        Raises:
            UnfitError: the frame is missing, failed, damaged, or of another size than the plate's.
        """
        before = self._plate_picture(number)
        after, remarks = self._result_picture(number)
        windows = before.data_window, after.data_window
        if windows[0] != windows[1]:
            size = [f"{one.width}x{one.height} at {one.x}, {one.y}" for one in windows]
            raise UnfitError("unlike", f"the result is {size[1]}, the plate {size[0]}: they cannot be compared")
        try:
            own, swapped = (
                to_frame(one, number=number, config=self._config, colour_space=self.colour_space)
                for one in (before, after)
            )
        except VfxSwapError as error:
            raise UnfitError("unreadable", error.what) from error
        return QcPair(own, swapped, _mattes(after), _is_lossy(before, after), remarks)

    def _plate_picture(self, number: int) -> Picture:
        if number not in self.plate.existing and self._subject.missing == "error":
            raise UnfitError("no plate", f"the plate has no frame {number}")
        try:
            return self.plate.read(number)
        except InputError as error:
            raise UnfitError("no plate", f"the plate {error.what}") from error

    def _result_picture(self, number: int) -> tuple[Picture, tuple[str, ...]]:
        row = self._subject.rows.get(number)
        if row is not None and row.error is not None:
            raise UnfitError("failed", f"the render failed: {row.error}")
        at = self._place(number)
        if self._result is None or at not in self._result.existing:
            raise UnfitError("missing", "it was not rendered" if row is None else "it was rendered, and is gone")
        try:
            picture = self._result.read(at)
        except InputError as error:
            raise UnfitError("unreadable", f"the result {error.what}") from error
        digest = None if row is None or self.is_movie else row.output_digest
        if digest and file_sha256(self._result.path(at)) != digest:
            return picture, ("the file is not the one on record: it was changed after it was rendered",)
        return picture, ()

    def _place(self, number: int) -> int:
        """The frame's number in the result: a movie counts from 1 whatever the plate's numbers are."""
        if self._result is None or self._result.pattern.kind == "sequence":
            return number
        return self._subject.order.get(number, 0)


def _mattes(picture: Picture) -> dict[int, FloatArray]:
    found: dict[int, FloatArray] = {}
    for part in picture.parts:
        for name in part.channels:
            if (track := _MATTE_CHANNEL.search(name)) is not None:
                matte = np.nan_to_num(part.channel(name).astype(np.float32), nan=0.0, posinf=1.0, neginf=0.0)
                found[int(track[1])] = matte
    return found


def _is_lossy(plate: Picture, result: Picture) -> bool:
    return result.format in _LOSSY or plate.native_rgb.dtype != result.native_rgb.dtype
