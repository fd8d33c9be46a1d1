"""Clips that carry their original media and the swapped one, under the same clock, so that either can be shown."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

from vfx_swap.io.paths import FramePattern
from vfx_swap.pipeline.timeline_file import timelines_of
from vfx_swap.pipeline.timeline_media import ORIGINAL, Media, plate_reference
from vfx_swap.pipeline.timeline_plan import Stretch

__all__ = ["TIMELINE_SCHEMA", "next_key", "set_references"]

TIMELINE_SCHEMA = "vfx_swap/timeline.1"
_KEY = re.compile(r"vfx_swap_v(\d+)")


def next_key(root: Any) -> str:
    """Name for the new media references: `vfx_swap_v001`, or one above the highest that a clip carries."""
    highest = 0
    for timeline in timelines_of(root):
        for clip in timeline.find_clips():
            found = [_KEY.fullmatch(key) for key in clip.media_references()]
            highest = max([highest, *(int(match[1]) for match in found if match)])
    return f"vfx_swap_v{highest + 1:03d}"


def set_references(stretch: Stretch, root: Any, *, key: str, edit: Path, out: Path, active_only: bool) -> None:
    """Give the clips of a stretch the swapped media.

    Args:
        stretch: what was rendered.
        root: the timelines.
        key: name of the new reference.
        edit: the timeline that was read, which relative paths start from.
        out: the timeline that is written, which relative paths start from there.
        active_only: the swapped media alone, under OpenTimelineIO's default name; the original's path goes into
            the metadata.
    """
    import opentimelineio as otio

    for use, media in stretch.uses:
        clip = use.clip
        swapped = _reference(stretch, clip, media, edit=edit, out=out)
        default = otio.schema.Clip.DEFAULT_MEDIA_KEY
        if active_only:
            swapped.metadata["vfx_swap"]["original"] = media.url
            clip.set_media_references({default: swapped}, default)
            continue
        original = plate_reference(clip)
        others = {name: one for name, one in clip.media_references().items() if one is not original}
        others.pop(default, None)
        clip.set_media_references({**others, ORIGINAL: original, key: swapped}, key)
    for timeline in timelines_of(root):
        timeline.metadata["vfx_swap"] = {"schema": TIMELINE_SCHEMA, "reference": key}


def _reference(stretch: Stretch, clip: Any, media: Media, *, edit: Path, out: Path) -> Any:
    import opentimelineio as otio

    shot, span, original = stretch.shot, stretch.span, plate_reference(clip)
    pattern = FramePattern.parse(shot.output)
    start = media.value_of(span.first) if not media.is_still else media.origin
    count = media.value_of(span.last + 1) - media.value_of(span.first) if not media.is_still else 1.0
    available = otio.opentime.TimeRange(
        otio.opentime.RationalTime(start, media.rate), otio.opentime.RationalTime(count, media.rate)
    )
    metadata = {
        "vfx_swap": {
            "schema": TIMELINE_SCHEMA,
            "shot": shot.name,
            "engine": shot.engine,
            "identities": sorted({Path(cast.identity).stem for cast in shot.cast}),
            "plate": media.plate,
        }
    }
    if pattern.kind == "sequence":
        return otio.schema.ImageSequenceReference(
            target_url_base=_written(f"{pattern.folder}/", media, edit=edit, out=out),
            name_prefix=pattern.prefix,
            name_suffix=pattern.suffix,
            start_frame=span.first,
            frame_step=1,
            rate=float(getattr(original, "rate", media.fps)),  # as it was written
            frame_zero_padding=pattern.padding,
            available_range=available,
            metadata=metadata,
        )
    url = _written(str(pattern.path(1)), media, edit=edit, out=out)
    if media.is_still and original.available_range is not None:
        available = original.available_range
    return otio.schema.ExternalReference(target_url=url, available_range=available, metadata=metadata)


def _written(path: str, media: Media, *, edit: Path, out: Path) -> str:
    """A path as the original is written: a URL, a plain path, or a path from the timeline's own folder."""
    from opentimelineio import url_utils

    if media.url.lower().startswith("file:"):
        # OpenTimelineIO writes no escapes; where the original has some, its reader expects them.
        url = str(url_utils.url_from_filepath(path)) + ("/" if path.endswith("/") else "")
        return quote(url, safe="/:") if "%" in media.url else url
    if os.path.isabs(media.url) or not media.url or edit.suffix.lower() == ".edl":
        return path
    relative = os.path.relpath(path, out.parent.absolute())
    return f"{relative}/" if path.endswith("/") else relative
