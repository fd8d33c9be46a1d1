"""Where a sequence or a movie starts on the clock: the timecode of its first frame."""

from __future__ import annotations

import re

import OpenImageIO as oiio

from vfx_swap.io.plates import Plate

__all__ = ["first_timecode", "frames_of_timecode"]

_TIMECODE = re.compile(r"(\d{1,2}):(\d{2}):(\d{2})([:;.])(\d{2,3})")
_DROP_MINUTES = 10
"""SMPTE ST 12-1: drop-frame counting leaves out numbers at the start of every minute but each tenth."""


def first_timecode(plate: Plate) -> str:
    """Timecode of a plate's first frame, as `01:00:00:00`; empty where the files carry none.

    Of EXR and DPX the header's `smpte:TimeCode`, of movies the tag of the stream or of the file.
    """
    if plate.movie is not None:
        return str(plate.movie.stream.metadata.get("timecode") or plate.movie.file_tags.get("timecode") or "")
    opened = oiio.ImageInput.open(str(plate.path(plate.existing[0])))
    if opened is None:
        oiio.geterror()  # taken away, else OpenImageIO keeps it for the next
        return ""
    try:
        return str(opened.spec().get_string_attribute("smpte:TimeCode"))
    finally:
        opened.close()


def frames_of_timecode(text: str, *, fps: float) -> int | None:
    """Frames from 00:00:00:00, drop-frame counted where it is written with `;`; None where it is no timecode.

    Args:
        text: as `01:00:00:00`, or `01:00:00;00` for drop-frame.
        fps: frames a second; 23.976 counts as 24, 29.97 as 30, 59.94 as 60, as timecode does.
    """
    match = _TIMECODE.fullmatch(text.strip())
    if match is None:
        return None
    hours, minutes, seconds, frames = (int(match[group]) for group in (1, 2, 3, 5))
    base = round(fps)
    count = ((hours * 60 + minutes) * 60 + seconds) * base + frames
    if match[4] == ";" and base % 30 == 0:
        whole = hours * 60 + minutes
        count -= base // 15 * (whole - whole // _DROP_MINUTES)
    return count
