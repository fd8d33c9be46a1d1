"""How Resolve is asked: what came of it is read back, since most of its failures are a silent False or None."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from fusionscript import Project, Timeline

__all__ = ["ResolveError", "current_timeline", "has_method", "maybe", "only_track", "whole_number"]

Value = TypeVar("Value")


class ResolveError(Exception):
    """What went wrong, and what the artist can do."""

    def __init__(self, what: str, *, mend: str = "") -> None:
        self.what = what
        self.mend = mend
        super().__init__(f"{what}. {mend}" if mend else what)


def maybe(value: Value) -> Value | None:
    """What Resolve answered: the stubs promise a value where it may give None."""
    return value


def has_method(thing: object, name: str) -> bool:
    """Whether Resolve's object knows a method: `hasattr` says yes to everything, only `dir` tells."""
    return name in dir(thing)


def whole_number(value: Any, default: int | None = None) -> int | None:
    """A number out of what Resolve gives: numbers, texts such as "24.0", empty texts."""
    try:
        return round(float(value))
    except (TypeError, ValueError):
        return default


def current_timeline(project: Project | None) -> Timeline:
    """The timeline on screen.

    Raises:
        ResolveError: no project or no timeline is open.
    """
    timeline = None if project is None else maybe(project.GetCurrentTimeline())
    if timeline is None:
        raise ResolveError("no timeline is open", mend="Open one on the Edit page")
    return timeline


@contextmanager
def only_track(timeline: Timeline, track: int) -> Iterator[None]:
    """Switch every other picture track off for the block, and back as they were.

    Raises:
        ResolveError: a track cannot be switched; those switched before are as they were.
    """
    before = {index: timeline.GetIsTrackEnabled("video", index) for index in _tracks(timeline)}
    try:
        for index in before:
            _switch(timeline, index, on=index == track)
        yield
    finally:
        for index, on in before.items():
            timeline.SetTrackEnable("video", index, on)


def _tracks(timeline: Timeline) -> range:
    return range(1, (maybe(timeline.GetTrackCount("video")) or 0) + 1)


def _switch(timeline: Timeline, index: int, *, on: bool) -> None:
    timeline.SetTrackEnable("video", index, on)
    if bool(timeline.GetIsTrackEnabled("video", index)) != on:
        word = "on" if on else "off"
        raise ResolveError(f"video track {index} cannot be switched {word}", mend="Is it locked?")
