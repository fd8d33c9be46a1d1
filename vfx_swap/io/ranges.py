"""Frame ranges: the one parser of the project, by fileseq.

Grammar: `1001`, `1001-1010`, `1001-1010x2` (every second), `1001-1010y3` (all but every third),
`1001-1010:3` (filled in by halving steps), joined by commas; negative frames as `-5--1`. A frame that
stands twice counts once.
"""

from __future__ import annotations

from collections.abc import Iterable

import fileseq
from fileseq.exceptions import FileSeqException, MaxSizeException

from vfx_swap.errors import FrameRangeError

__all__ = ["format_frames", "parse_frames"]

_MEND = "Write it like 1001-1010, 1001-1010x2 or 1001,1005-1008"


def parse_frames(text: str) -> tuple[int, ...]:
    """Frames of a range, in rising order, each once.

    Args:
        text: such as `1001-1010x2,1020`.

    Raises:
        FrameRangeError: it does not parse, is empty, or holds frames that are not whole numbers.
    """
    # fileseq takes any Unicode digit for \\d and shows its grammar as a regular expression: keep both in.
    if not text.strip() or not text.isascii():
        fault = "not plain digits" if text.strip() else "empty"
        raise FrameRangeError(f"frame range {text!r} is {fault}", mend=_MEND)
    if any(not part.strip() for part in text.split(",")):
        raise FrameRangeError(f"frame range {text!r} has a comma with nothing beside it", mend=_MEND)
    try:
        frames = list(fileseq.FrameSet(text))
    except MaxSizeException as error:
        raise FrameRangeError(f"frame range {text!r} holds more than ten million frames", mend=_MEND) from error
    except (FileSeqException, ValueError, IndexError, ArithmeticError) as error:
        raise FrameRangeError(f"frame range {text!r} does not parse", mend=_MEND) from error
    if any(not isinstance(frame, int) for frame in frames):
        raise FrameRangeError(f"frame range {text!r} holds parts of frames", mend="Use whole frame numbers")
    if not frames:
        raise FrameRangeError(f"frame range {text!r} holds no frame", mend=_MEND)
    return tuple(sorted({int(frame) for frame in frames}))


def format_frames(frames: Iterable[int]) -> str:
    """The shortest range text of fileseq for these frames; `parse_frames` reads it back.

    An empty iterable gives an empty text.
    """
    return str(fileseq.framesToFrameRange(sorted(set(frames)), sort=False, zfill=0, compress=False))
