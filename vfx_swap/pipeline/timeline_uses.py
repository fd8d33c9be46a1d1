"""Which clips of a timeline are seen, and which of their frames: through trims, nests, transitions and speed changes.

OpenTimelineIO's conventions: a clip's `source_range` starts at the first frame it shows and lasts as long as the clip
does in its track, whatever its speed (`LinearTimeWarp`: "adjusting the time_scalar does not affect the duration of the
item"); a transition's `in_offset` lies before the cut, its `out_offset` after it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from vfx_swap.errors import InputError

__all__ = ["SLACK", "Use", "speed_of", "uses_in"]

SLACK = 0.05
"""Frames by which rounded times may be off."""
_EMPTY_SECONDS = 1e-6


@dataclass(frozen=True, eq=False)
class Use:
    """A clip, and what of it is seen."""

    clip: Any = field(repr=False)
    track: tuple[str, str]
    """Of the top: its name, and its number among the picture tracks from 1, as `V1`."""
    place: str
    """For messages: track, number and name."""
    first: int
    """First frame seen, in frames of the clip's own rate from the start of its source range; negative where a
    transition shows frames before it."""
    last: int
    """Last frame seen."""
    marks: frozenset[str]
    """Names and colours of the markers on it, in lower case."""
    refused: str = ""
    """Why what it stands in cannot be followed; empty where it can."""

    @property
    def name(self) -> str:
        """As the editor calls it."""
        return str(self.clip.name)


@dataclass(frozen=True)
class _Window:
    """A stretch of a composition's time, in seconds, half-open."""

    low: float
    high: float

    def within(self, low: float, high: float) -> _Window | None:
        """The common part; None where there is none."""
        low, high = max(self.low, low), min(self.high, high)
        return _Window(low, high) if high - low > _EMPTY_SECONDS else None


_EVERYTHING = _Window(-math.inf, math.inf)


@dataclass(frozen=True)
class _Mark:
    """A marker of a composition, in that composition's time."""

    low: float
    high: float
    words: frozenset[str]


def uses_in(timeline: Any, *, whole_tracks: bool = False) -> Iterator[Use]:
    """The clips of a timeline's picture tracks that are seen, in order. Muted tracks and disabled clips are not.

    Args:
        timeline: OpenTimelineIO's.
        whole_tracks: True for EDLs, whose adapter keeps the record timecode in the tracks' trims.

    Raises:
        OTIOError: OpenTimelineIO cannot say how long something is.
    """
    stack = timeline.tracks
    trimmed = stack.trimmed_range()
    low = trimmed.start_time.to_seconds()
    window = _Window(low, low + trimmed.duration.to_seconds())
    marks = _marks(stack)
    number = 0
    for track in stack:
        if getattr(track, "kind", None) != "Video":
            continue
        number += 1
        if not track.enabled:
            continue
        label = str(track.name) or f"V{number}"
        inner = window.within(0.0, track.duration().to_seconds())
        if inner is not None:
            below = _EVERYTHING if whole_tracks else _through(track, inner, start=0.0)
            names, over = (label, f"V{number}"), _shifted(track, marks, start=0.0)
            yield from _walk(track, below, names, label, over, _refusal(track, label))


def _walk(
    composition: Any, window: _Window, track: tuple[str, str], place: str, marks: Sequence[_Mark], refused: str
) -> Iterator[Use]:
    import opentimelineio as otio

    everything = [*marks, *_marks(composition)]
    count = 0
    ranges = composition.range_of_all_children()
    for index, child in enumerate(composition):
        if isinstance(child, otio.schema.Transition):
            continue
        count += 1
        if isinstance(child, otio.schema.Gap) or not child.enabled:
            continue
        if isinstance(child, otio.schema.Track) and child.kind != "Video":
            continue
        start = ranges[child].start_time.to_seconds()
        end = start + ranges[child].duration.to_seconds()
        before, after = _overlaps(composition, index)
        seen = window.within(start - before, end + after)
        if seen is None:
            continue
        if isinstance(child, otio.schema.Clip):
            here = f"{place}, clip {count} {str(child.name)!r}"
            words = _on(everything, start, end) | _own_words(child)
            first, last = _frames_seen(child, seen, start)
            yield Use(child, track, here, first, last, words, refused)
        else:
            inner_track = isinstance(child, otio.schema.Track)
            here = f"{place}, " + (child.name or f"V{count}" if inner_track else f"nest {count} {str(child.name)!r}")
            below = _through(child, seen, start=start)
            over = _shifted(child, everything, start=start)
            yield from _walk(child, below, track, here, over, refused or _refusal(child, here))


def _refusal(item: Any, place: str) -> str:
    try:
        speed_of(item)
    except InputError as error:
        return f"stands in {place}, which {error}"
    return ""


def _frames_seen(clip: Any, seen: _Window, start: float) -> tuple[int, int]:
    """First and last, in frames of the clip's rate from its start."""
    rate = clip.trimmed_range().start_time.rate
    first = math.floor((seen.low - start) * rate + SLACK)
    return first, max(first, math.ceil((seen.high - start) * rate - SLACK) - 1)


def _overlaps(composition: Any, index: int) -> tuple[float, float]:
    """Seconds that the transitions around a child show of it outside its own range."""
    import opentimelineio as otio

    before = composition[index - 1] if index > 0 else None
    after = composition[index + 1] if index + 1 < len(composition) else None
    return (
        before.in_offset.to_seconds() if isinstance(before, otio.schema.Transition) else 0.0,
        after.out_offset.to_seconds() if isinstance(after, otio.schema.Transition) else 0.0,
    )


def speed_of(item: Any) -> float:
    """Source frames a frame: 1 plain, 0 a freeze, negative backwards.

    Raises:
        InputError: a change of time that is no constant speed, with its name.
    """
    import opentimelineio as otio

    speed = 1.0
    for effect in item.effects:
        if not isinstance(effect, otio.schema.TimeEffect) or not getattr(effect, "enabled", True):
            continue
        if not isinstance(effect, otio.schema.LinearTimeWarp):
            named = effect.effect_name or effect.name or type(effect).__name__
            raise InputError(f"has the time effect {named!r}, which is no constant speed")
        scalar = float(effect.time_scalar)
        if not math.isfinite(scalar):
            raise InputError(f"has a speed of {scalar}")
        speed *= scalar
    return speed


def _through(item: Any, seen: _Window, *, start: float) -> _Window:
    """What is seen of a nested composition, in its own time."""
    trimmed = item.trimmed_range()
    origin, length = trimmed.start_time.to_seconds(), trimmed.duration.to_seconds()
    try:
        speed = speed_of(item)
    except InputError:  # its clips are refused
        return _Window(origin, origin + length)
    low, high = (seen.low - start) * speed, (seen.high - start) * speed
    if speed < 0.0:  # played from its start or from its end: both readings exist, see `timeline_media`
        return _Window(origin + high, origin + max(-high, length))
    frame = 1.0 / trimmed.start_time.rate
    return _Window(origin + low, origin + max(high, low + frame))


def _marks(item: Any) -> list[_Mark]:
    found = []
    for marker in item.markers:
        low = marker.marked_range.start_time.to_seconds()
        length = marker.marked_range.duration.to_seconds()
        found.append(_Mark(low, low + max(length, 2 * _EMPTY_SECONDS), _words(marker)))
    return found


def _shifted(item: Any, marks: Sequence[_Mark], *, start: float) -> list[_Mark]:
    """Markers of a parent that lie over a child, in the child's time."""
    length = item.trimmed_range().duration.to_seconds()
    over = [mark for mark in marks if mark.low < start + length and mark.high > start]
    return [
        _Mark(inner.low, inner.high, mark.words)
        for mark in over
        for inner in [_through(item, _Window(mark.low, mark.high), start=start)]
    ]


def _on(marks: Sequence[_Mark], low: float, high: float) -> frozenset[str]:
    return frozenset().union(*(mark.words for mark in marks if mark.low < high and mark.high > low))


def _own_words(clip: Any) -> frozenset[str]:
    return frozenset().union(*(_words(marker) for marker in clip.markers))


def _words(marker: Any) -> frozenset[str]:
    return frozenset(str(word).strip().lower() for word in (marker.name, marker.color) if word)
