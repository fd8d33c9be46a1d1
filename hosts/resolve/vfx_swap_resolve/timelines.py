"""Timelines that `vfx-swap timeline` wrote, brought into the project."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from vfx_swap_resolve.calls import ResolveError, maybe

if TYPE_CHECKING:
    from fusionscript import Project, Timeline

__all__ = ["import_timeline"]


def import_timeline(project: Project, path: str) -> Timeline:
    """Import an OTIO file under a name that is free: Resolve gives None for one that exists.

    Raises:
        ResolveError: no timeline came of it.
    """
    before = _names(project)
    stem = os.path.splitext(os.path.basename(path))[0]
    name = next(one for one in (stem, *(f"{stem} {number}" for number in range(2, 1000))) if one not in before)
    options: Any = {"timelineName": name, "importSourceClips": True}
    project.GetMediaPool().ImportTimelineFromFile(path, options)
    for index in range(1, (maybe(project.GetTimelineCount()) or 0) + 1):
        timeline = maybe(project.GetTimelineByIndex(index))
        if timeline is not None and timeline.GetName() == name:
            return timeline
    mend = "Write it with `vfx-swap timeline --active-only`, and see that its media are there"
    raise ResolveError(f"Resolve did not import {path}", mend=mend)


def _names(project: Project) -> set[str]:
    found = (
        maybe(project.GetTimelineByIndex(index)) for index in range(1, (maybe(project.GetTimelineCount()) or 0) + 1)
    )
    return {timeline.GetName() for timeline in found if timeline is not None}
