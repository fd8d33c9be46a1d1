"""What a chunk says while it works, as JSON objects: progress and errors, there and back.

They are the lines of `vfx-swap render --json` (docs/command-line.md); over a socket and a Ray cluster the same
objects travel.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias, get_args

from vfx_swap.errors import FrameFailure, FramesFailedError, Problem, SettingsError, VfxSwapError, WorkerDiedError

# typing.get_args needs the aliases themselves; progress imports nothing heavy.
from vfx_swap.pipeline.progress import Happening, ProgressEvent, Stage

__all__ = ["Line", "error_fields", "error_from", "progress_fields", "progress_from"]

Line: TypeAlias = Mapping[str, Any]
"""One JSON object with `event`. Any: parsed JSON, checked where it is used."""


def error_fields(error: VfxSwapError) -> dict[str, object]:
    """What a line `error` says of an error of the tree."""
    fields: dict[str, object] = {
        "kind": type(error).__name__,
        "what": error.what,
        "where": error.where,
        "mend": error.mend,
        "exit_code": error.exit_code,
    }
    if isinstance(error, FramesFailedError):
        fields["failures"] = [{"frame": one.frame, "reason": one.reason} for one in error.failures]
    if isinstance(error, SettingsError):
        fields["problems"] = [
            {"key": one.key, "what": one.what, "mend": one.mend, "line": one.line} for one in error.problems
        ]
    return fields


def error_from(line: Line) -> VfxSwapError:
    """The error that a line `error` tells of; one of no known kind is the worker's own fault: WorkerDiedError."""
    what, where, mend = str(line.get("what")), line.get("where"), line.get("mend")
    kind = _kinds().get(str(line.get("kind")), WorkerDiedError)
    try:
        if kind is FramesFailedError:
            failures = [FrameFailure(int(one["frame"]), str(one["reason"])) for one in line["failures"]]
            return FramesFailedError(failures, where=where, mend=mend)
        if kind is SettingsError:
            problems = [Problem(one["key"], one["what"], one["mend"], one["line"]) for one in line["problems"]]
            return SettingsError(problems, where=where)
    except (KeyError, TypeError, ValueError):
        return WorkerDiedError(f"a worker's last line does not read: {what}", where=where)
    return kind(what, where=where, mend=mend)


def _kinds() -> dict[str, type[VfxSwapError]]:
    """Every class of the tree by its name."""
    found: dict[str, type[VfxSwapError]] = {}
    open_classes: list[type[VfxSwapError]] = [VfxSwapError]
    while open_classes:
        kind = open_classes.pop()
        found[kind.__name__] = kind
        open_classes.extend(kind.__subclasses__())
    return found


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
