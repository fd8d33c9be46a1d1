"""A result on the Fusion page: a Loader in the clip's composition, read back. Not tried in real Resolve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vfx_swap_resolve.calls import ResolveError, maybe
from vfx_swap_resolve.clips import Clip
from vfx_swap_resolve.results import Placed, Result, import_result

if TYPE_CHECKING:
    from fusionscript import Project

__all__ = ["load_in_comp"]

_ANYWHERE = -32768
"""Fusion's own word for: beside the active tool."""


def load_in_comp(project: Project, clip: Clip, result: Result) -> Placed:
    """Add a Loader with the result to the clip's composition; the clip shows it once the artist connects it.

    Raises:
        ResolveError: there is no composition, or it did not take the Loader.
    """
    media, warnings = import_result(project, clip, result)
    comp: Any = None  # the stubs know nothing of what is in one
    if maybe(clip.item.GetFusionCompCount()):
        comp = maybe(clip.item.GetFusionCompByIndex(1))
    if comp is None:
        comp = maybe(clip.item.AddFusionComp())
    if comp is None:
        raise ResolveError(f"{clip.name!r} has no Fusion composition", mend="Open the clip on the Fusion page once")
    path = result.pattern
    if "#" in path:
        digits = path.count("#")
        path = path.replace("#" * digits, str(result.first).zfill(digits))
    comp.Lock()
    try:
        loader = comp.AddTool("Loader", _ANYWHERE, _ANYWHERE)
        if loader is None:
            raise ResolveError("Fusion made no Loader", mend="Add one by hand, the result is in the media pool")
        loader.SetAttrs({"TOOLS_Name": "VfxSwap"})
        loader.SetInput("Clip", path)
        # A Loader counts from the composition's start; the clip begins after the handles.
        loader.SetInput("ClipTimeStart", result.head)
        loader.SetInput("ClipTimeEnd", result.head + clip.duration - 1)
        shown = loader.GetInput("Clip")
    finally:
        comp.Unlock()
    if shown != path:
        raise ResolveError(f"the Loader shows {shown!r}, not {path!r}", mend="Set its file by hand")
    return Placed("loader", f"a Loader in the composition of {clip.name!r}", media, clip.item, tuple(warnings))
