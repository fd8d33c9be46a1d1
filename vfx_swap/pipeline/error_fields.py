"""Errors as objects of JSON, there and back: in `--json` lines, for host adapters, between processes and machines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vfx_swap.errors import (
    BusyError,
    FrameFailure,
    FramesFailedError,
    Problem,
    SettingsError,
    VfxSwapError,
)

__all__ = ["error_fields", "error_from"]


def error_fields(error: BaseException) -> dict[str, object]:
    """All that an error says; of one that is not ours its type and text, under no kind."""
    if not isinstance(error, VfxSwapError):
        return {"kind": "", "what": f"{type(error).__name__}: {error}".rstrip(": ")}
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
    if isinstance(error, BusyError):
        fields["retry_seconds"] = error.retry_seconds
    return fields


def error_from(said: Any, *, otherwise: type[VfxSwapError] = VfxSwapError) -> VfxSwapError:
    """The error that `error_fields` told of, class and all.

    Args:
        said: parsed JSON of any kind; nothing of it is believed.
        otherwise: the class of what is none of ours, or does not read.
    """
    if not isinstance(said, dict):
        return otherwise(f"an error that does not read: {said!r}"[:200])
    what, where, mend = str(said.get("what", "")), said.get("where"), said.get("mend")
    kind = {one.__name__: one for one in _tree(VfxSwapError)}.get(str(said.get("kind")), otherwise)
    try:
        if issubclass(kind, SettingsError):
            return kind([Problem(**one) for one in said["problems"]], where=where)
        if issubclass(kind, FramesFailedError):
            failures = [FrameFailure(int(one["frame"]), str(one["reason"])) for one in said["failures"]]
            return kind(failures, where=where, mend=mend)
        if issubclass(kind, BusyError):
            return kind(what, retry_seconds=float(said["retry_seconds"]), where=where, mend=mend)
    except (KeyError, TypeError, ValueError):
        return otherwise(f"an error that does not read: {what}", where=where, mend=mend)
    return kind(what, where=where, mend=mend)


def _tree(kind: type[VfxSwapError]) -> Iterator[type[VfxSwapError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _tree(below)
