"""A plate: a still, a sequence or a movie, frame by frame, with what to do about missing frames."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, TypeAlias, get_args

from vfx_swap.errors import InputError, MissingInputError, UnsupportedImageError, UsageError
from vfx_swap.io.movies import FIRST_FRAME, MovieReader
from vfx_swap.io.near import file_near, sequences_near
from vfx_swap.io.paths import FramePattern
from vfx_swap.io.picture import Picture, PictureKind, black_like
from vfx_swap.io.ranges import format_frames
from vfx_swap.io.read import read_picture
from vfx_swap.io.stills import WRITE_FORMATS

__all__ = ["MissingPolicy", "Plate", "open_plate"]

MissingPolicy: TypeAlias = Literal["error", "hold", "black"]

_FORMS = "Give name.####.exr, one picture, or a movie"
STRANGERS = 4
"""Frames of another format than their extension that are passed over before one is taken as what the plate is."""


@dataclass(frozen=True)
class _Probe:
    """What one frame says of all; its pixels are let go."""

    kind: PictureKind
    fps: object
    """The header's `FramesPerSecond`, as OpenImageIO gives it."""

    @classmethod
    def of(cls, picture: Picture) -> _Probe:
        return cls(picture.kind, picture.rgb_part.spec.getattribute("FramesPerSecond"))


class Plate:
    """Frames to read. Made by `open_plate`; for a movie it holds a decoder, so close it or use it in a `with`.

    Frame numbers are those of the file names; a still is frame 1, a movie's first frame is 1.
    """

    def __init__(self, pattern: FramePattern, *, missing: MissingPolicy, movie: MovieReader | None) -> None:
        self.pattern = pattern
        self.missing: MissingPolicy = missing
        self.movie = movie
        """The reader of a movie, else None."""
        self.existing: tuple[int, ...] = _existing(pattern, movie)
        """Frames that are there, rising."""
        self._probe: _Probe | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Plate({self.pattern.text!r}, {format_frames(self.existing)})"

    def close(self) -> None:
        """Let go of a movie's file."""
        if self.movie is not None:
            self.movie.close()

    @property
    def frames(self) -> tuple[int, ...]:
        """Frames to work on, rising: those that exist, and with `hold` or `black` the gaps between them too."""
        if self.missing == "error":
            return self.existing
        return tuple(range(self.existing[0], self.existing[-1] + 1))

    @property
    def kind(self) -> PictureKind:
        """`float`, `integer` or `movie`, by the first frame that can be read.

        Raises:
            InputError: none can.
        """
        return "movie" if self.movie is not None else self._known().kind

    @property
    def fps(self) -> Fraction | None:
        """Frames a second of a movie, or as the first readable still's header has it; None where nothing says.

        Raises:
            InputError: no frame can be read.
        """
        if self.movie is not None:
            return self.movie.fps
        stated = self._known().fps
        if isinstance(stated, tuple) and len(stated) == 2 and stated[1]:
            return Fraction(int(stated[0]), int(stated[1]))
        return Fraction(stated).limit_denominator(1001) if isinstance(stated, int | float) and stated > 0 else None

    def path(self, frame: int) -> Path:
        """The file a frame is, or would be, in."""
        return self.pattern.path(frame)

    def absent(self, frames: Iterable[int]) -> tuple[int, ...]:
        """Those of `frames` that cannot be read under the policy, because there is no file."""
        have = set(self.frames)
        return tuple(frame for frame in frames if frame not in have)

    def read(self, frame: int) -> Picture:
        """One frame.

        A missing frame is an error, or, as the policy says, the last one before it (`hold`; before the
        first, the first), or black in all channels. A frame that is there but damaged is always an error.

        Raises:
            MissingInputError: there is no such frame, and the policy is `error`.
            UnreadableImageError: it is truncated or damaged.
            UnsupportedImageError: it holds what cannot be carried through, or is integer among frames of float
                light or the other way round: one colour space cannot hold for both.
        """
        if frame in self.existing or self.missing == "error":
            return self._of_one_kind(self._read(frame), frame)
        near = max((have for have in self.existing if have < frame), default=self.existing[0])
        picture = self._of_one_kind(self._read(near), near)
        if self.missing == "hold":
            return replace(picture, warnings=(*picture.warnings, f"frame {frame} is missing: frame {near} is held"))
        return replace(black_like(picture), warnings=(*picture.warnings, f"frame {frame} is missing: black"))

    def _read(self, frame: int) -> Picture:
        if self.movie is not None:
            return self.movie.read(frame)
        if self.pattern.kind == "still" and frame != FIRST_FRAME:
            raise MissingInputError(f"a still has no frame {frame}", where=self.pattern.text, mend="It is frame 1")
        return read_picture(self.path(frame))

    def _of_one_kind(self, picture: Picture, frame: int) -> Picture:
        if self._probe is None and frame == self.existing[0] and not self._is_strange(picture):
            self._probe = _Probe.of(picture)  # what reading it once more would find
        if picture.kind != self.kind:
            what = f"is a {picture.format} picture of {picture.kind} samples in a sequence of {self.kind} samples"
            raise UnsupportedImageError(what, where=self.path(frame), mend="Render or copy it again")
        return picture

    def _is_strange(self, picture: Picture) -> bool:
        """True for a still of another format than its extension."""
        named = WRITE_FORMATS.get(self.pattern.extension)
        return self.movie is None and named not in (None, picture.format)

    def _known(self) -> _Probe:
        if self._probe is None:
            fault: InputError | None = None
            strange: list[_Probe] = []
            for frame in self.existing:
                try:
                    picture = self._read(frame)
                except InputError as error:
                    fault = fault or error
                    continue
                if self._is_strange(picture) and len(strange) < STRANGERS:
                    strange.append(_Probe.of(picture))  # a foreign file must not decide what the others are
                    continue
                self._probe = _Probe.of(picture)
                break
            if self._probe is None:
                if not strange:
                    raise fault or MissingInputError("has no frame", where=self.pattern.text)
                self._probe = strange[0]
        return self._probe


def open_plate(text: str | os.PathLike[str], *, missing: MissingPolicy = "error") -> Plate:
    """Open a plate: look at what is there, decode nothing yet.

    Args:
        text: a still, `name.####.exr` and its other spellings (`paths`), or a movie.
        missing: what `Plate.read` does about a frame without a file.

    Raises:
        MissingInputError: no such file, or no frame of that name.
        UnreadableImageError: a movie that is damaged.
        UsageError: an empty path or an unknown policy.
    """
    if missing not in get_args(MissingPolicy):
        raise UsageError(f"missing = {missing!r} is no policy", mend="Use error, hold or black")
    if os.path.isdir(text):
        raise MissingInputError("is a folder", where=text, mend=sequences_near(text) or _FORMS)
    pattern = FramePattern.parse(text)
    movie = MovieReader(pattern.path(FIRST_FRAME)) if pattern.kind == "movie" else None
    plate = Plate(pattern, missing=missing, movie=movie)
    if plate.existing:
        return plate
    if pattern.kind == "sequence":
        others = pattern.other_paddings()
        padded = f"{others[0].name} is padded otherwise: write the number as it is there" if others else None
        mend = padded or sequences_near(pattern.text) or "Check the path"
        raise MissingInputError("no frame of this name is there", where=pattern.text, mend=mend)
    mend = file_near(pattern.text) or sequences_near(pattern.text) or "Check the path"
    raise MissingInputError("there is no such file", where=pattern.text, mend=mend)


def _existing(pattern: FramePattern, movie: MovieReader | None) -> tuple[int, ...]:
    if movie is not None:
        return tuple(movie.frames)
    if pattern.kind == "sequence":
        return pattern.frames_on_disk()
    return (FIRST_FRAME,) if pattern.path(FIRST_FRAME).exists() else ()
