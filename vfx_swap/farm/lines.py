"""What a chunk says while it works, as JSON objects: its progress, there and back; errors are `error_fields`.

They are the lines of `vfx-swap render --json` (docs/command-line.md); over a socket and a Ray cluster the same
objects travel.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias, get_args

# typing.get_args needs the aliases themselves; progress imports nothing heavy.
from vfx_swap.pipeline.progress import Happening, ProgressEvent, Stage

__all__ = ["Line", "progress_fields", "progress_from"]

Line: TypeAlias = Mapping[str, Any]
"""One JSON object with `event`. Any: parsed JSON, checked where it is used."""


def progress_fields(event: ProgressEvent) -> dict[str, object]:
    """What a line says of one event of long work."""
    fields: dict[str, object] = {"event": event.what, "stage": event.stage, "done": event.done, "total": event.total}
    if event.frame is not None:
        fields["frame"] = event.frame
    if event.message:
        fields["message"] = event.message
    if event.metrics:
        fields["metrics"] = dict(event.metrics)
    if event.seconds:
        fields["seconds"] = dict(event.seconds)
    return fields


def progress_from(line: Line) -> ProgressEvent | None:
    """The event that a line tells of; None for a line of another sort."""
    if line.get("event") not in get_args(Happening) or line.get("stage") not in get_args(Stage):
        return None
    what: Happening = line["event"]
    stage: Stage = line["stage"]
    frame = line.get("frame")
    return ProgressEvent(
        stage,
        what,
        done=int(line.get("done", 0)),
        total=int(line.get("total", 0)),
        frame=frame if isinstance(frame, int) else None,
        message=str(line.get("message", "")),
        metrics=dict(line.get("metrics") or {}),
        seconds=dict(line.get("seconds") or {}),
    )
