"""Settings kept on the clip: in a marker's custom data on the timeline, and in the result's third-party metadata.

Both are read back. A clip that was swapped before offers its settings again, and a job that was under way when Resolve
closed is found by them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from vfx_swap_resolve.calls import maybe

if TYPE_CHECKING:
    from fusionscript import MediaPoolItem, TimelineItem

__all__ = ["SCHEMA", "recall", "remember", "stamp"]

SCHEMA = "vfx_swap/resolve.1"
_KEY = "vfx_swap"
_COLOUR: Final = "Cyan"
_FRAMES_TRIED = 8
"""Another marker may stand on the first frame."""


def recall(item: TimelineItem) -> dict[str, Any]:
    """What was remembered on a clip; empty where nothing was."""
    found = _marker(item)
    return {} if found is None else found[1]


def remember(item: TimelineItem, values: dict[str, Any]) -> bool:
    """Keep values on a clip in place of those before.

    Returns:
        Whether they are there, read back.
    """
    wanted = {"schema": SCHEMA, **values}
    text = json.dumps(wanted, sort_keys=True)
    known = _marker(item)
    if known is not None:
        item.UpdateMarkerCustomData(known[0], text)
        if recall(item) == wanted:
            return True
        item.DeleteMarkerAtFrame(known[0])
    note = str(values.get("note", ""))
    for frame in range(_FRAMES_TRIED):
        item.AddMarker(float(frame), _COLOUR, "Vfx Swap", note, 1.0, text)
        if recall(item) == wanted:
            return True
    return False


def stamp(media: MediaPoolItem, values: dict[str, Any]) -> bool:
    """Write values into a media's metadata; whether they are there, read back."""
    text = json.dumps({"schema": SCHEMA, **values}, sort_keys=True)
    media.SetThirdPartyMetadata(_KEY, text)
    return media.GetThirdPartyMetadata(_KEY) == text


def _marker(item: TimelineItem) -> tuple[float, dict[str, Any]] | None:
    for frame, marker in sorted((maybe(item.GetMarkers()) or {}).items()):
        try:
            values = json.loads(marker.get("customData") or "")
        except ValueError:
            continue
        if isinstance(values, dict) and values.get("schema") == SCHEMA:
            return frame, values
    return None
