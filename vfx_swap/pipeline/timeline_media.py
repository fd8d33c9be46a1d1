"""A clip's media as a plate: which file frame stands at which time of the clip, and what a use needs of it.

Times are counted in frames. Rates that differ by less than `SAME_RATE` are one rate written in two ways (23.976,
24000/1001, 23.98): converting between them by seconds would be a frame off after some hours of timecode.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from vfx_swap.errors import InputError, VfxSwapError
from vfx_swap.io.paths import MOVIE_SUFFIXES, FramePattern
from vfx_swap.io.plates import Plate, open_plate
from vfx_swap.io.timecode import first_timecode, frames_of_timecode
from vfx_swap.pipeline.timeline_uses import SLACK, Use, speed_of

__all__ = ["ORIGINAL", "Media", "Span", "media_of", "plate_reference", "span_of"]

ORIGINAL = "original"
"""Key of the media reference that a clip had before anything was swapped."""
SAME_RATE = 2e-4
"""Relative: 23.98 is 1.7e-4 from 24000/1001, 24 is 1e-3."""
_RANGE = re.compile(r"\[(\d+)-(\d+)\]")
"""As Resolve and cineon-minded tools write a sequence: name.[1001-1100].exr."""
_LAST_NUMBER = re.compile(r"(\d+)(?!.*\d)")


@dataclass(frozen=True)
class Span:
    """File frames, both ends included."""

    first: int
    last: int

    def padded(self, frames: int, *, existing: frozenset[int]) -> Span:
        """With handles, as far as there are files without a gap."""
        first, last = self.first, self.last
        while first > self.first - frames and first - 1 in existing:
            first -= 1
        while last < self.last + frames and last + 1 in existing:
            last += 1
        return Span(first, last)


@dataclass(frozen=True, eq=False)
class Media:
    """The plate behind a clip."""

    pattern: FramePattern
    existing: frozenset[int]
    """File frames that are there."""
    first: int
    """File frame at `origin`."""
    origin: float
    """Time of that frame in the clip's source time, in frames at `rate`."""
    rate: float
    """Frames a second of `origin`."""
    fps: float
    """File frames a second."""
    url: str
    """The reference as it was written."""

    @property
    def plate(self) -> str:
        """As the shot file writes it."""
        return self.pattern.text

    @property
    def is_still(self) -> bool:
        """One picture for all times."""
        return self.pattern.kind == "still"

    def frame_at(self, value: float, rate: float) -> float:
        """File frame, with its fraction, at a time of the clip.

        Args:
            value: the time, in frames.
            rate: frames a second of `value`.
        """
        if self.is_still:
            return float(self.first)
        since = value * _ratio(self.rate, rate) - self.origin
        return self.first + since * _ratio(self.fps, self.rate)

    def value_of(self, frame: int) -> float:
        """Time of a file frame, in frames at `rate`."""
        return self.origin + (frame - self.first) * _ratio(self.rate, self.fps)


def _ratio(rate: float, other: float) -> float:
    """`rate / other`, exactly 1 where both mean the same."""
    return 1.0 if abs(rate - other) <= SAME_RATE * other else rate / other


def plate_reference(clip: Any) -> Any:
    """The media a clip had before anything was swapped: its original where it has one, else the active one."""
    references = clip.media_references()
    return references.get(ORIGINAL, clip.media_reference)


def media_of(use: Use, *, folder: Path, ranges_hold: bool = True) -> Media:
    """The plate behind a use.

    Args:
        use: the clip.
        folder: where the timeline lies, which relative paths start from.
        ranges_hold: False for EDLs, whose media "available" is the stretch that the event itself uses.

    Raises:
        InputError: it has none that can be worked on; the message says why, as what follows the clip's name.
    """
    import opentimelineio as otio

    reference = plate_reference(use.clip)
    if isinstance(reference, otio.schema.GeneratorReference):
        raise InputError(f"is made by the generator {reference.generator_kind!r}, not from files")
    if isinstance(reference, otio.schema.ImageSequenceReference):
        return _of_sequence(reference, use, folder, ranges_hold=ranges_hold)
    if isinstance(reference, otio.schema.ExternalReference) and reference.target_url:
        return _of_file(reference, use, folder, ranges_hold=ranges_hold)
    raise InputError("has no media: its reference is missing")


def _of_sequence(reference: Any, use: Use, folder: Path, *, ranges_hold: bool) -> Media:
    if reference.frame_step != 1:
        raise InputError(f"plays every {reference.frame_step}th file of its sequence (frame_step), which is not done")
    base = str(reference.target_url_base)
    digits = "#" * max(1, int(reference.frame_zero_padding))
    where = _path(base, folder) / f"{reference.name_prefix}{digits}{reference.name_suffix}"
    plate = _opened(str(where))
    rate, existing, first = float(reference.rate), frozenset(plate.existing), int(reference.start_frame)
    available = reference.available_range if ranges_hold else None
    if available is None:
        clock = float(use.clip.trimmed_range().start_time.rate)
        origin, first = _guessed_origin(plate, use, clock=clock)
    else:
        origin, clock = float(available.start_time.value), float(available.start_time.rate)
    return Media(plate.pattern, existing, first, origin, clock, rate, base)


def _of_file(reference: Any, use: Use, folder: Path, *, ranges_hold: bool) -> Media:
    url, available = str(reference.target_url), reference.available_range if ranges_hold else None
    path = _path(url, folder)
    text, first = str(path), 1
    one_file = path.suffix.lower() not in MOVIE_SUFFIXES and FramePattern.parse(path).kind == "still"
    moving = available is not None and available.duration.value > 1.5
    if one_file and not path.is_file() and (match := _RANGE.search(path.name)):
        text = str(path.with_name(path.name.replace(match[0], "#" * len(match[1]))))
        first = int(match[1])
    elif one_file and moving and (match := _LAST_NUMBER.search(path.stem)):
        # One file for many frames: editors name a sequence by its first file.
        name = f"{path.stem[: match.start()]}{'#' * len(match[1])}{path.stem[match.end() :]}{path.suffix}"
        text, first = str(path.with_name(name)), int(match[1])
    plate = _opened(text)
    with plate:
        if plate.pattern.kind == "sequence" and text == str(path):  # spelled with signs: it says no first frame
            first = plate.existing[0]
        clock = float(use.clip.trimmed_range().start_time.rate if available is None else available.start_time.rate)
        fps = float(plate.movie.fps) if plate.movie is not None and plate.movie.fps is not None else clock
        existing = frozenset(plate.existing)
        if available is not None:
            origin = float(available.start_time.value)
        else:
            origin, first = _guessed_origin(plate, use, clock=clock)
    return Media(plate.pattern, existing, first, origin, clock, fps, url)


def _guessed_origin(plate: Plate, use: Use, *, clock: float) -> tuple[float, int]:
    """(time, file frame) of the first frame where the timeline does not say.

    EDLs do not: their source times are the timecode in the files, else frame numbers, else counted from 0. The
    first of these under which the frames that are needed exist is taken.
    """
    existing = frozenset(plate.existing)
    first = plate.existing[0]
    origins = [float(first), 0.0]
    counted = frames_of_timecode(first_timecode(plate), fps=clock)
    if counted is not None:
        origins.insert(0, float(counted))
    for origin in origins:
        span = span_of(use, Media(plate.pattern, existing, first, origin, clock, clock, ""))
        if {span.first, span.last} <= existing:
            return origin, first
    return origins[0], first


def _opened(text: str) -> Plate:
    try:
        return open_plate(text)
    except VfxSwapError as error:
        at = "" if error.where is None else f"{error.where}: "
        raise InputError(f"has media that cannot be used: {at}{error.what}", mend=error.mend) from error


def _path(url: str, folder: Path) -> Path:
    """The path of a reference.

    OpenTimelineIO writes URLs without escapes, others with: what leads to files is taken. Its own
    `filepath_from_url` resolves escapes twice and ends a name at `#`.
    """
    if not url.lower().startswith("file:"):
        if "://" in url:
            raise InputError(f"has media at {url!r}, which is no file")
        return folder / url
    text = url[len("file:") :]
    if text.startswith("//"):
        host, slash, rest = text[2:].partition("/")
        text = f"{slash}{rest}" if host.lower() in ("", "localhost") else f"//{host}{slash}{rest}"
    for spelling in (text, unquote(text)):
        if Path(spelling).exists() or (not spelling.endswith("/") and FramePattern.parse(spelling).frames_on_disk()):
            return folder / spelling
    return folder / unquote(text)


def span_of(use: Use, media: Media) -> Span:
    """The file frames that a use needs, without handles.

    A clip that plays backwards is read in two ways in the trade: from the start of its source range downwards, as a
    linear map says, or from its end downwards to its start. Where files for both are there, both are rendered; the
    media that is written has the same clock, so either is right.

    Raises:
        InputError: a change of speed that cannot be followed.
    """
    spans = list(_readings(use, media))
    whole = [span for span in spans if {span.first, span.last} <= media.existing]
    chosen = whole or spans[:1]
    return Span(min(span.first for span in chosen), max(span.last for span in chosen))


def _readings(use: Use, media: Media) -> Iterator[Span]:
    speed = speed_of(use.clip)
    trimmed = use.clip.trimmed_range()
    start, rate = float(trimmed.start_time.value), float(trimmed.start_time.rate)
    steps = (use.first, use.last)
    yield _span([media.frame_at(start + step * speed, rate) for step in steps])
    if speed < 0.0:
        end = float(trimmed.duration.value) - 1.0
        yield _span([media.frame_at(start + (step - end) * speed, rate) for step in steps])


def _span(frames: list[float]) -> Span:
    return Span(math.floor(min(frames) + SLACK), math.ceil(max(frames) - SLACK))
