"""Frame ranges: the one parser of the project, by fileseq.

Grammar: `1001`, `1001-1010`, `1001-1010x2` (every second), `1001-1010y3` (all but every third),
`1001-1010:3` (filled in by halving steps), joined by commas; negative frames as `-5--1`. A frame that
stands twice counts once.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable

import fileseq
from fileseq.exceptions import FileSeqException

from vfx_swap.errors import FrameRangeError
from vfx_swap.settings.messages import shorten

__all__ = ["format_frames", "parse_frames"]

MOST = 1_000_000
"""Frames that a range may span: eleven hours at 24 frames a second."""
_DIGITS = 18
"""More make no frame number."""
_PART = re.compile(r"(-?\d+)-(-?\d+)(?:x(\d+))?")
_MEND = "Write it like 1001-1010, 1001-1010x2 or 1001,1005-1008"


def parse_frames(text: str, *, most: int = MOST) -> tuple[int, ...]:
    """Frames of a range, in rising order, each once.

    Args:
        text: such as `1001-1010x2,1020`.
        most: frames that its parts may span together; asked before they are counted out, which takes time and memory.

    Raises:
        FrameRangeError: it does not parse, is empty, or holds frames that are not whole numbers.
    """
    # fileseq takes any Unicode digit for \\d and shows its grammar as a regular expression: keep both in.
    shown = shorten(text)
    if not text.strip() or not text.isascii():
        fault = "not plain digits" if text.strip() else "empty"
        raise FrameRangeError(f"frame range {shown} is {fault}", mend=_MEND)
    if any(not part.strip() for part in text.split(",")):
        raise FrameRangeError(f"frame range {shown} has a comma with nothing beside it", mend=_MEND)
    if _span(text) > most:
        raise FrameRangeError(f"frame range {shown} spans more than {most} frames", mend=_MEND)
    try:
        frames = list(fileseq.FrameSet(text))
    except (FileSeqException, ValueError, IndexError, ArithmeticError) as error:
        raise FrameRangeError(f"frame range {shown} does not parse", mend=_MEND) from error
    if any(not isinstance(frame, int) for frame in frames):
        raise FrameRangeError(f"frame range {shown} holds parts of frames", mend="Use whole frame numbers")
    if not frames:
        raise FrameRangeError(f"frame range {shown} holds no frame", mend=_MEND)
    return tuple(sorted({int(frame) for frame in frames}))


def _span(text: str) -> int:
    """How many frames the parts of a range count at most; 0 for what is no range."""
    count = 0
    for first, last, step in _PART.findall(text):
        if max(len(first), len(last), len(step)) > _DIGITS:
            return sys.maxsize
        count += abs(int(last) - int(first)) // max(1, int(step or 1)) + 1
    return count


def format_frames(frames: Iterable[int]) -> str:
    """The shortest range text of fileseq for these frames; `parse_frames` reads it back.

    An empty iterable gives an empty text.
    """
    return str(fileseq.framesToFrameRange(sorted(set(frames)), sort=False, zfill=0, compress=False))
