"""An output: a still, a sequence or a movie, written frame by frame."""

from __future__ import annotations

import os
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.errors import UnsupportedImageError, UsageError
from vfx_swap.io.movie_writer import MOVIE_CODECS, MovieCodec, MovieWriter
from vfx_swap.io.movies import FIRST_FRAME
from vfx_swap.io.paths import FramePattern
from vfx_swap.io.picture import Picture
from vfx_swap.io.plates import Plate
from vfx_swap.io.stills import FLOAT_FORMATS, WRITE_FORMATS, format_of
from vfx_swap.io.write import WriteReport, write_picture
from vfx_swap.types import Window

__all__ = ["DEFAULT_FPS", "Output", "open_output"]

DEFAULT_FPS = Fraction(24)
"""Of a movie made from stills that do not say."""

_WRITTEN_MOVIES = (".mp4", ".mov")
_NO_LAYERS: Mapping[str, FloatArray] = {}
_NO_HEADER: Mapping[str, str] = {}


class Output:
    """Where frames go. Made by `open_output`. A movie exists only once it is closed; stills at once.

    Used in a `with`, an exception aborts a movie that is half written.
    """

    def __init__(self, pattern: FramePattern, *, plate: Plate, fps: Fraction, codec: MovieCodec | None) -> None:
        self.pattern = pattern
        self._plate = plate
        self._fps = fps
        self._codec: MovieCodec | None = codec
        self._movie: MovieWriter | None = None
        self._first: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is None:
            self.close()
        else:
            self.abort()

    @property
    def is_movie(self) -> bool:
        """True where frames cannot be rendered apart, nor resumed: one file holds all."""
        return self.pattern.kind == "movie"

    @property
    def takes_float(self) -> bool:
        """True where light above white is held: EXR and TIFF."""
        return WRITE_FORMATS.get(self.pattern.extension) in FLOAT_FORMATS

    def path(self, frame: int) -> Path:
        """The file of a frame."""
        return self.pattern.path(frame)

    def write(
        self,
        frame: int,
        picture: Picture,
        *,
        rgb: FloatArray,
        matte: FloatArray,
        layers: Mapping[str, FloatArray] = _NO_LAYERS,
        header: Mapping[str, str] = _NO_HEADER,
        window: Window | None = None,
    ) -> WriteReport:
        """Write one frame: `write_picture`, or the next frame of a movie.

        Args:
            frame: its number; a movie's must rise.
            picture: the plate's frame.
            rgb: (height, width, 3) in the plate's encoding.
            matte: (height, width) 0 to 1; only where it is above 0 does `rgb` count.
            layers: see `write_picture`; EXR only.
            header: see `write_picture`; a movie's is not written.
            window: see `write_picture`.

        Raises:
            UnsupportedImageError: layers for what is no EXR, float light for integers.
            UsageError: a second frame for a still; a movie's frames out of order.
            OutputError: it cannot be written.
        """
        if self.is_movie:
            whole = picture.data_window
            return self._write_movie(frame, picture, _laid(rgb, window, whole), _laid(matte, window, whole), layers)
        if self.pattern.kind == "still" and self._first not in (None, frame):
            raise UsageError(
                f"frames {self._first} and {frame} would be the same file",
                where=self.pattern.text,
                mend="Write name.####",
            )
        report = write_picture(
            self.path(frame), picture, rgb=rgb, matte=matte, layers=layers, header=header, window=window
        )
        self._first = frame
        return report

    def close(self) -> None:
        """Finish a movie and give it its name; nothing to do for stills.

        Raises:
            DiskFullError: no room left.
            OutputError: it cannot be written.
        """
        movie, self._movie = self._movie, None
        if movie is not None:
            movie.close()

    def abort(self) -> None:
        """Drop a movie that is half written; stills stay."""
        movie, self._movie = self._movie, None
        if movie is not None:
            movie.abort()

    def _write_movie(
        self, frame: int, picture: Picture, rgb: FloatArray, matte: FloatArray, layers: Mapping[str, FloatArray]
    ) -> WriteReport:
        if layers:
            raise UnsupportedImageError(
                f"layers {', '.join(layers)} do not fit into a movie", where=self.pattern.text, mend="Write EXR"
            )
        reader = self._plate.movie
        if reader is None:
            first = frame if self._first is None else self._first
            seconds = Fraction(frame - first) / self._fps
        else:
            seconds = reader.seconds(frame)
        if self._movie is None:
            self._first = frame
            self._movie = MovieWriter(
                self.path(frame),
                first=picture,
                fps=self._fps,
                codec=self._codec,
                plate=reader,
                start_seconds=seconds,
                from_start=frame == FIRST_FRAME,
            )
        warnings = self._movie.write(picture, rgb=rgb, matte=matte, seconds=seconds)
        return WriteReport(tuple(dict.fromkeys(warnings)), "")


def _laid(values: FloatArray, window: Window | None, whole: Window) -> FloatArray:
    """A window's values among zeros."""
    if window is None or window == whole:
        return values
    out = np.zeros((whole.height, whole.width, *values.shape[2:]), np.float32)
    out[window.slices(whole)] = values
    return out


def open_output(
    text: str | os.PathLike[str],
    *,
    plate: Plate,
    layers: bool = False,
    fps: Fraction | None = None,
    codec: MovieCodec | None = None,
) -> Output:
    """Choose where frames go; nothing is written yet.

    Args:
        text: a still, a sequence or an mp4 or mov.
        plate: what is worked on; its files are never written over.
        layers: layers will be written, so anything but EXR is refused now.
        fps: of a movie; by default the plate's, else 24.
        codec: of a movie; by default chosen as `MovieWriter` says.

    Raises:
        UsageError: the output is the plate, or a codec that does not exist.
        UnsupportedImageError: a format that is not written, layers for what is no EXR.
    """
    pattern = FramePattern.parse(text)
    if codec is not None and codec not in MOVIE_CODECS:
        raise UsageError(f"codec {codec!r} is not known", mend=f"Use one of {', '.join(MOVIE_CODECS)}")
    if pattern.kind == "movie":
        if pattern.extension not in _WRITTEN_MOVIES:
            raise UnsupportedImageError(
                f"movies ending in {pattern.extension} are not written", where=pattern.text, mend="Use .mp4 or .mov"
            )
        rate = fps or plate.fps or DEFAULT_FPS
    else:
        format_of(pattern.path(FIRST_FRAME))
        rate = DEFAULT_FPS
    if layers and pattern.extension != ".exr":
        raise UnsupportedImageError("layers need EXR", where=pattern.text, mend="Write EXR, or leave the layers out")
    _refuse_plate(pattern, plate)
    return Output(pattern, plate=plate, fps=rate, codec=codec)


def _refuse_plate(pattern: FramePattern, plate: Plate) -> None:
    """Writing over the plate would lose it, and change under the reader what later frames are made from."""
    for frame in plate.existing:
        ours, theirs = pattern.path(frame), plate.path(frame)
        if os.path.realpath(ours) == os.path.realpath(theirs) or (ours.exists() and ours.samefile(theirs)):
            raise UsageError(f"the output would write over the plate's {theirs}", mend="Choose another name or folder")
