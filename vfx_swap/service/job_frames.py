"""Which frames a job renders, and in which chunks."""

from __future__ import annotations

from collections.abc import Sequence

from vfx_swap.errors import FrameRangeError
from vfx_swap.io.paths import FramePattern
from vfx_swap.io.ranges import format_frames, parse_frames
from vfx_swap.service.job_records import JobRequest

__all__ = ["cut", "wanted_frames"]


def wanted_frames(request: JobRequest, there: Sequence[int]) -> list[int]:
    """The frames of the shot that were asked for.

    Args:
        request: the job's.
        there: the shot's frames.

    Raises:
        FrameRangeError: frames that are not the shot's.
    """
    if not request.frames:
        return list(there)
    asked = parse_frames(request.frames)
    strange = sorted(set(asked) - set(there))
    if strange:
        what = f"not frames of the shot: {format_frames(tuple(strange))}"
        raise FrameRangeError(what, mend=f"The shot has frames {format_frames(tuple(there))}")
    return sorted(set(asked))


def cut(request: JobRequest, frames: Sequence[int], *, most: int, devices: int) -> list[tuple[int, ...]]:
    """The frames to render, in chunks; a movie or a still is one file and is not cut.

    Args:
        request: the job's, which may say how many frames a chunk has.
        frames: rising.
        most: frames of a chunk where the job does not say.
        devices: how many there are to share them.
    """
    size = request.chunk_size or max(1, min(most, -(-len(frames) // (2 * devices))))
    output = str(request.shot.get("output", ""))
    if not output or FramePattern.parse(output).kind != "sequence":
        size = max(1, len(frames))
    return [tuple(frames[first : first + size]) for first in range(0, len(frames), size)]
