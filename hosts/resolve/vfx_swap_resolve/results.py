"""A result back in Resolve: imported into its own bin, then a take of the clip, or a clip on a track above.

Neither booleans nor returned items are believed. A take is there when the count of takes has risen and the clip shows
the result from the right frame; a placement is there when the track holds it, at the frame and as long as it has to
be. Whether an end frame is counted in, and whether a sequence's first frame is 0 or its file number, differs between
versions: each way is tried, measured, and taken back where it is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vfx_swap_resolve.calls import ResolveError, maybe, whole_number
from vfx_swap_resolve.clips import Clip

if TYPE_CHECKING:
    from fusionscript import Folder, MediaPool, MediaPoolItem, Project, Resolve, Timeline, TimelineItem

__all__ = ["BIN", "Placed", "Result", "add_take", "import_result", "lay_above", "place"]

BIN = "Vfx Swap"
TRACK = "Vfx Swap"
_COLOUR = ("Input Color Space", "IDT", "Input LUT", "Data Level")
"""Of a clip's properties: how its code values are read."""


@dataclass(frozen=True)
class Result:
    """A rendered sequence or movie."""

    pattern: str
    """With `#` for digits; a path for movies and stills."""
    first: int
    last: int
    head: int
    """Handles before the clip's first frame."""
    same_files: bool
    """Whether it was made of the clip's own files, so that it is read in the same colour space."""

    @property
    def count(self) -> int:
        """Frames, handles included."""
        return self.last - self.first + 1


@dataclass(frozen=True)
class Placed:
    """Where a result stands now."""

    kind: str
    """`take` or `track`."""
    where: str
    """For the artist."""
    media: MediaPoolItem = field(repr=False)
    item: TimelineItem = field(repr=False)
    warnings: tuple[str, ...] = ()


def place(
    resolve: Resolve, project: Project, timeline: Timeline, clip: Clip, result: Result, *, kind: str = "take"
) -> Placed:
    """Import a result and show it in a clip's place: as a take, else, or when asked for, on a track above.

    Raises:
        ResolveError: it cannot be imported, or neither way worked; the timeline is as it was.
    """
    media, warnings = import_result(project, clip, result)
    if kind == "take":
        if add_take(clip, media, result):
            count = clip.item.GetTakesCount()
            return Placed("take", f"take {count} of {clip.name!r}", media, clip.item, tuple(warnings))
        warnings.append("Resolve took no take here: the result lies on a track above")
    item, track = lay_above(resolve, project, timeline, clip, media, result)
    return Placed("track", f"video track {track}, above {clip.name!r}", media, item, tuple(warnings))


def import_result(project: Project, clip: Clip, result: Result) -> tuple[MediaPoolItem, list[str]]:
    """Bring the files into our bin; the bin that was current is current again.

    Returns:
        The new item, and what could not be carried over.

    Raises:
        ResolveError: Resolve did not take the files, or sees another number of frames.
    """
    pool = project.GetMediaPool()
    before = maybe(pool.GetCurrentFolder())
    folder = _bin(pool)
    pool.SetCurrentFolder(folder)
    if _id(pool.GetCurrentFolder()) != _id(folder):  # ImportMedia knows the current bin alone
        raise ResolveError(f"the bin {BIN!r} cannot be opened", mend="Make it in the media pool, and try again")
    try:
        known = {_id(one) for one in maybe(folder.GetClipList()) or []}
        wanted: Any = [_import_info(result)]
        pool.ImportMedia(wanted)
        new = [one for one in maybe(folder.GetClipList()) or [] if _id(one) not in known]
    finally:
        if before is not None:
            pool.SetCurrentFolder(before)
    if len(new) != 1:
        what = f"Resolve imported {len(new)} clips of {result.pattern}, not one"
        raise ResolveError(what, mend="Are the files complete, and of a kind that this Resolve reads?")
    frames = whole_number(new[0].GetClipProperty("Frames"))
    if frames is not None and frames != result.count:
        pool.DeleteClips(new)
        raise ResolveError(f"Resolve sees {frames} frames of {result.pattern}, not {result.count}", mend="Render again")
    return new[0], _carry(clip, new[0], result)


def _import_info(result: Result) -> Any:
    if "#" not in result.pattern:
        return result.pattern
    digits = result.pattern.count("#")
    path = result.pattern.replace("#" * digits, f"%0{digits}d")
    return {"FilePath": path, "StartIndex": result.first, "EndIndex": result.last}


def _bin(pool: MediaPool) -> Folder:
    root = pool.GetRootFolder()
    for _ in range(2):
        found = next((one for one in maybe(root.GetSubFolderList()) or [] if one.GetName() == BIN), None)
        if found is not None:
            return found
        pool.AddSubFolder(root, BIN)
    raise ResolveError(f"the bin {BIN!r} cannot be made", mend="Is the project read-only?")


def _carry(clip: Clip, media: MediaPoolItem, result: Result) -> list[str]:
    """The clip's rate and, where the files are of one kind, its colour, read back."""
    if clip.media is None:
        return []
    lost = []
    for name in ("FPS", *(_COLOUR if result.same_files else ())):
        value = clip.media.GetClipProperty(name)
        if not value or media.GetClipProperty(name) == value:
            continue
        media.SetClipProperty(name, value)
        if media.GetClipProperty(name) != value:
            lost.append(f"{name} could not be set to {value}: set it by hand in Clip Attributes")
    return lost


def _windows(clip: Clip, result: Result) -> Iterator[tuple[int, int]]:
    """Start and end frames that may mean the clip's part of the result."""
    for first in (result.head, result.first + result.head):
        yield first, first + clip.duration - 1
        yield first, first + clip.duration


def add_take(clip: Clip, media: MediaPoolItem, result: Result) -> bool:
    """Add the result as a take and select it; never finalised, so that the editor keeps both.

    Returns:
        Whether the clip shows it now, measured. Where not, the takes are as they were.
    """
    item = clip.item
    selected = maybe(item.GetSelectedTakeIndex()) or 0
    for start, end in _windows(clip, result):
        before = maybe(item.GetTakesCount()) or 0
        item.AddTake(media, start, end)
        count = maybe(item.GetTakesCount()) or 0
        if count <= before:
            return False  # no take was added: other numbers would not change that
        item.SelectTakeByIndex(count)
        if item.GetSelectedTakeIndex() == count and _shows(item, media, clip, result):
            return True
        item.DeleteTakeByIndex(count)
        if selected:
            item.SelectTakeByIndex(selected)
    return False


def lay_above(
    resolve: Resolve, project: Project, timeline: Timeline, clip: Clip, media: MediaPoolItem, result: Result
) -> tuple[TimelineItem, int]:
    """Lay the result on a track above the clip, at its frames.

    Returns:
        The new clip and its track.

    Raises:
        ResolveError: Resolve placed nothing that fits; what was tried is taken away again.
    """
    track, made = _free_track(timeline, clip)
    pool = project.GetMediaPool()
    measured = "nothing"
    for start, end in _windows(clip, result):
        known = {_id(one) for one in maybe(timeline.GetItemListInTrack("video", track)) or []}
        # One clip a call: what an errored call placed may be gone when the project is saved.
        info = {
            "mediaPoolItem": media,
            "startFrame": start,
            "endFrame": end,
            "mediaType": 1,
            "trackIndex": track,
            "recordFrame": clip.start,
        }
        told: Any = [info]
        pool.AppendToTimeline(told)
        new = [one for one in maybe(timeline.GetItemListInTrack("video", track)) or [] if _id(one) not in known]
        if len(new) == 1 and new[0].GetStart(False) == clip.start and _shows(new[0], media, clip, result):
            return new[0], track
        if new:
            measured = f"{new[0].GetDuration(False)} frames from {new[0].GetStart(False)}"
            _delete(resolve, timeline, new)
    if made:
        timeline.DeleteTrack("video", track)
    what = f"Resolve placed {measured} in place of {clip.duration} from {clip.start}"
    raise ResolveError(what, mend=f"The result is in the bin {BIN!r}: lay it on by hand")


def _shows(item: TimelineItem, media: MediaPoolItem, clip: Clip, result: Result) -> bool:
    """Whether an item shows the result's frames in the clip's place."""
    shown = maybe(item.GetMediaPoolItem())
    return (
        shown is not None
        and shown.GetMediaId() == media.GetMediaId()
        and item.GetDuration(False) == clip.duration
        and item.GetLeftOffset(False) == result.head
    )


def _free_track(timeline: Timeline, clip: Clip) -> tuple[int, bool]:
    """A track of ours above the clip with room for it, else a new one; an overlap would push clips out."""
    count = maybe(timeline.GetTrackCount("video")) or 0
    for index in range(clip.track + 1, count + 1):
        if timeline.GetTrackName("video", index) == TRACK and not timeline.GetIsTrackLocked("video", index):
            items = maybe(timeline.GetItemListInTrack("video", index)) or []
            if not any(_overlaps(one, clip) for one in items):
                return index, False
    timeline.AddTrack("video", {"index": count + 1})
    if timeline.GetTrackCount("video") != count + 1:
        raise ResolveError("Resolve made no new video track", mend="Add one above the clip, named Vfx Swap")
    timeline.SetTrackName("video", count + 1, TRACK)
    return count + 1, True


def _overlaps(item: TimelineItem, clip: Clip) -> bool:
    start, end = whole_number(item.GetStart(False)), whole_number(item.GetEnd(False))
    return start is None or end is None or (start < clip.start + clip.duration and end > clip.start)


def _delete(resolve: Resolve, timeline: Timeline, items: list[TimelineItem]) -> None:
    """Take clips away again; Resolve does that on the Edit page alone."""
    page = maybe(resolve.GetCurrentPage())
    if page != "edit":
        resolve.OpenPage("edit")
    timeline.DeleteClips(items, False)
    if page and page != "edit":
        resolve.OpenPage(page)


def _id(thing: Any | None) -> str:
    return "" if thing is None else str(thing.GetUniqueId())
