"""Clips of a timeline: the one under the playhead or those with a flag, and which frames of which files they show.

`GetEnd` is exclusive. `GetSourceStartFrame` can be a frame off, so the left offset says where a clip begins; source
frames serve to notice a change of speed, which the scripting interface does not tell.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vfx_swap_resolve.calls import ResolveError, maybe, whole_number

if TYPE_CHECKING:
    from fusionscript import MediaPoolItem, Timeline, TimelineItem

__all__ = ["FLAGS", "Clip", "describe", "flagged", "under_playhead"]

FLAGS = (
    "Blue", "Cyan", "Green", "Yellow", "Red", "Pink", "Purple", "Fuchsia", "Rose", "Lavender", "Sky", "Mint", "Lemon",
    "Sand", "Cocoa", "Cream",
)  # fmt: skip
"""As Resolve calls its flags."""
_RANGE = re.compile(r"\[(\d+)-(\d+)\]")
_SAME_RATE = 2e-4
"""Relative: 23.976 is written as 23.976, 23.98 and 24000/1001."""


@dataclass(frozen=True)
class Clip:
    """A clip as it stands in the timeline."""

    item: TimelineItem = field(repr=False)
    media: MediaPoolItem | None = field(repr=False)
    name: str
    track: int
    start: int
    """First frame in the timeline."""
    duration: int
    left: int
    """Frames that the media has before the clip's first."""
    right: int
    """And after its last."""
    pattern: str
    """The media's files as vfx-swap writes them; empty for compounds and other clips without files."""
    first: int
    """File frame that the clip shows first; a movie's first frame is 1."""
    retimed: bool
    """Whether its speed was changed, or its rate is another than the timeline's."""

    @property
    def last(self) -> int:
        """File frame that the clip shows last, where it is not retimed."""
        return self.first + self.duration - 1


def under_playhead(timeline: Timeline) -> Clip:
    """The picture clip under the playhead.

    Raises:
        ResolveError: there is none, or it cannot be worked on.
    """
    item = maybe(timeline.GetCurrentVideoItem())
    if item is None:
        raise ResolveError("no clip is under the playhead", mend="Move the playhead over a clip of a video track")
    return describe(item, timeline)


def flagged(timeline: Timeline, colour: str) -> list[Clip]:
    """Every picture clip with a flag, from the bottom track up.

    Raises:
        ResolveError: there is none.
    """
    found: list[Clip] = []
    for index in range(1, (maybe(timeline.GetTrackCount("video")) or 0) + 1):
        items = maybe(timeline.GetItemListInTrack("video", index)) or []
        found += [describe(item, timeline) for item in items if colour in (maybe(item.GetFlagList()) or [])]
    if not found:
        raise ResolveError(f"no clip has a {colour} flag", mend="Flag the clips with Mark > Flags, or pick another")
    return found


def describe(item: TimelineItem, timeline: Timeline) -> Clip:
    """What a timeline item shows.

    Raises:
        ResolveError: Resolve does not tell where it lies.
    """
    name = item.GetName() or "clip"
    start, end = whole_number(item.GetStart(False)), whole_number(item.GetEnd(False))
    kind, track = maybe(item.GetTrackTypeAndIndex()) or ("", 0)
    if start is None or end is None or end <= start or kind != "video":
        raise ResolveError(f"Resolve does not tell where {name!r} lies", mend="Select a clip of a video track")
    media = maybe(item.GetMediaPoolItem())
    pattern, first = ("", 1) if media is None else _files(media)
    left = max(0, whole_number(item.GetLeftOffset(False), 0) or 0)
    right = max(0, whole_number(item.GetRightOffset(False), 0) or 0)
    retimed = _differs(media, timeline) or _is_retimed(item, media, left + end - start + right, end - start)
    return Clip(item, media, name, track, start, end - start, left, right, pattern, first + left, retimed)


def _files(media: MediaPoolItem) -> tuple[str, int]:
    """Pattern of a media's files, and the number of the first."""
    path = _text(media, "File Path")
    match = _RANGE.search(path)
    if match is not None:
        return path.replace(match[0], "#" * len(match[1])), int(match[1])
    return path, 1


def _is_retimed(item: TimelineItem, media: MediaPoolItem | None, reach: int, duration: int) -> bool:
    """Whether the frames do not add up: from handle to handle the media's, in the clip the source's."""
    frames = None if media is None else whole_number(media.GetClipProperty("Frames"))
    if frames and abs(frames - reach) > 1:
        return True
    first, last = whole_number(item.GetSourceStartFrame()), whole_number(item.GetSourceEndFrame())
    # The first may be a frame off, the last counted in or not, by version: two frames say nothing.
    return first is not None and last is not None and abs((last - first) - duration) > 2


def _differs(media: MediaPoolItem | None, timeline: Timeline) -> bool:
    own, theirs = _rate(None if media is None else _text(media, "FPS")), _rate(timeline.GetSetting("timelineFrameRate"))
    return own is not None and theirs is not None and abs(own - theirs) > _SAME_RATE * theirs


def _rate(value: Any) -> float | None:
    try:
        rate = float(value)
    except (TypeError, ValueError):
        return None
    return rate if rate > 0 else None


def _text(media: MediaPoolItem, name: str) -> str:
    value = maybe(media.GetClipProperty(name))
    return "" if value is None else str(value)
