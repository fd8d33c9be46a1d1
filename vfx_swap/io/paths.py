"""Paths of stills, sequences and movies.

Spellings of a frame number, in the last component of the path only: `name.####.exr` and `name.@@@@.exr`
(one sign is one digit), `name.%04d.exr`, `name.$F4.exr`, all by fileseq (PAD_STYLE_HASH1), and
`name.<frame>.exr`, which we read as four digits. Where a name has several, the last one counts. Anything
else in a name, `%s` or a line break or `..` included, stands for itself.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import fileseq
from fileseq.utils import pad

from vfx_swap.errors import UsageError

__all__ = ["MOVIE_SUFFIXES", "FramePattern", "PathKind"]

PathKind: TypeAlias = Literal["still", "sequence", "movie"]

MOVIE_SUFFIXES = frozenset({".mp4", ".mov", ".m4v", ".mkv", ".mxf", ".avi"})
"""Files that are opened as movies; mp4 and mov are also written."""

_TOKEN = re.compile(r"<frame>|#+|@+|%0?\d*d|\$F\d*")
_FRAME_WORD_DIGITS = 4
_NUMBER = re.compile(r"-?[0-9]+")


@dataclass(frozen=True)
class FramePattern:
    """Where the frames of a plate or an output are."""

    text: str
    """As it was given."""
    kind: PathKind
    folder: Path
    prefix: str
    """The name before the number; for stills and movies the whole name."""
    padding: int
    """Least number of digits, the minus sign of a negative frame counted in; 0 for stills and movies."""
    suffix: str

    @classmethod
    def parse(cls, text: str | os.PathLike[str]) -> FramePattern:
        """Read a path. Looks at no disk, except that a file of exactly this name is a still, whatever signs it holds.

        Raises:
            UsageError: empty, ends in a slash, or holds a zero byte.
        """
        plain = os.fspath(text)
        if not plain or "\0" in plain:
            raise UsageError(
                f"path {plain!r} is empty or holds a zero byte", mend="Give a file, such as plate.####.exr"
            )
        folder, name = os.path.split(plain)
        if name in ("", ".", ".."):
            raise UsageError(f"path {plain!r} is a folder", mend="Give a file, such as plate.####.exr")
        movie = os.path.splitext(name)[1].lower() in MOVIE_SUFFIXES
        tokens = [] if movie else list(_TOKEN.finditer(name))
        if not tokens or _is_file(plain):
            return cls(plain, "movie" if movie else "still", Path(folder), name, 0, "")
        token = tokens[-1]
        return cls(plain, "sequence", Path(folder), name[: token.start()], _digits(token[0]), name[token.end() :])

    @property
    def name(self) -> str:
        """Name without number and extension, for the files beside a sequence: `plate` for `plate.####.exr`."""
        stem = self.prefix if self.kind == "sequence" else Path(self.prefix).stem
        return stem.rstrip("._- ") or "frames"

    @property
    def extension(self) -> str:
        """Lower-case extension with its dot."""
        return Path(f"x{self.suffix}" if self.kind == "sequence" else self.prefix).suffix.lower()

    def path(self, frame: int) -> Path:
        """The file of a frame; the one file of a still or a movie for any frame."""
        if self.kind != "sequence":
            return self.folder / self.prefix
        return self.folder / f"{self.prefix}{pad(frame, self.padding)}{self.suffix}"

    def frames_on_disk(self) -> tuple[int, ...]:
        """Frames that exist, rising: files and links to files, not folders; empty for stills and movies.

        Only names with exactly this padding count: `name.7.exr` is no frame of `name.####.exr`.
        """
        return tuple(frame for frame, padded in self._numbers() if padded == pad(frame, self.padding))

    def other_paddings(self) -> tuple[Path, ...]:
        """Files that would be frames if they were padded otherwise, for a message that helps."""
        return tuple(
            self.folder / f"{self.prefix}{padded}{self.suffix}"
            for frame, padded in self._numbers()
            if padded != pad(frame, self.padding)
        )

    def _numbers(self) -> list[tuple[int, str]]:
        if self.kind != "sequence":
            return []
        found: list[tuple[int, str]] = []
        try:
            with os.scandir(self.folder) as entries:
                for entry in entries:
                    number = self._number(entry.name)
                    # Path, unlike a DirEntry, takes a link that leads in a circle for a dead one.
                    if number is not None and Path(entry.path).is_file():
                        found.append((int(number), number))
        except OSError:  # not there, no folder, not ours to read, links that lead in a circle
            return []
        return sorted(found)

    def _number(self, name: str) -> str | None:
        if len(name) <= len(self.prefix) + len(self.suffix):
            return None
        if not (name.startswith(self.prefix) and name.endswith(self.suffix)):
            return None
        middle = name[len(self.prefix) : len(name) - len(self.suffix)]
        return middle if _NUMBER.fullmatch(middle) and len(middle) < 12 else None


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except OSError:  # a name longer than the file system takes
        return False


def _digits(token: str) -> int:
    if token == "<frame>":  # noqa: S105  # a placeholder, no secret
        return _FRAME_WORD_DIGITS
    # Only the placeholder goes through fileseq: it refuses or misreads names that hold signs of its own.
    return int(fileseq.FileSequence(f"f.{token}.x", pad_style=fileseq.PAD_STYLE_HASH1).zfill())
