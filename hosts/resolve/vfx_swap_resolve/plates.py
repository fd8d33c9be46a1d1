"""A clip's plate: its own files, or a render of it with handles through a pinned preset.

Handles are no render setting: Resolve keeps them in the preset, so the preset is exported, its `NumFramesOfHandles`
set, and brought in again under a name that says so. What was rendered is counted on disk.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from vfx_swap_resolve.calls import ResolveError, maybe, only_track
from vfx_swap_resolve.clips import Clip

if TYPE_CHECKING:
    from fusionscript import Project, Resolve, Timeline

__all__ = ["PRESET", "Plate", "referenced", "rendered"]

PRESET = "VfxSwap Plate"
"""Render preset that the studio saves once: individual clips, EXR half, source resolution, no audio."""
_HANDLES = re.compile(r"(<NumFramesOfHandles>)\s*\d+\s*(</NumFramesOfHandles>)")
_NUMBERED = re.compile(r"^(.*?)(\d+)(\.[A-Za-z0-9]+)$")
_INDIVIDUAL_CLIPS: Final = 0
_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Plate:
    """Frames of files that stand for a clip and its handles."""

    pattern: str
    first: int
    """File frame of the first handle."""
    last: int
    head: int
    """Handles before the clip's first frame."""
    tail: int

    @property
    def count(self) -> int:
        """Frames, handles included."""
        return self.last - self.first + 1


def referenced(clip: Clip, *, handles: int) -> Plate:
    """The clip's own files.

    Raises:
        ResolveError: it has none, or its speed was changed.
    """
    render = "Choose the rendered plate"
    if not clip.pattern:
        raise ResolveError(f"{clip.name!r} has no files of its own (a compound, a title, a generator)", mend=render)
    if clip.retimed:
        what = f"{clip.name!r} is retimed, or its rate is not the timeline's, and scripts cannot read how"
        raise ResolveError(what, mend=render)
    head, tail = min(handles, clip.left), min(handles, clip.right)
    return Plate(clip.pattern, clip.first - head, clip.last + tail, head, tail)


def rendered(
    resolve: Resolve,
    project: Project,
    timeline: Timeline,
    clip: Clip,
    *,
    folder: str,
    handles: int,
    preset: str = PRESET,
    wait: Callable[[float], Any] = time.sleep,
) -> Plate:
    """Render a clip and its handles into an empty folder, as Resolve shows it, ungraded only if the preset says so.

    Args:
        resolve: the application.
        project: the open project.
        timeline: the timeline.
        clip: what to render.
        folder: where to; made here, must be empty.
        handles: wanted on both sides; Resolve gives the same on both, so as many as the shorter side has.
        preset: name of the studio's preset.
        wait: called with seconds between looks at the render.

    Raises:
        ResolveError: no such preset, a render that failed, or another number of frames than was asked for.
    """
    both = 0 if clip.retimed else min(handles, clip.left, clip.right)
    os.makedirs(folder, exist_ok=True)
    if os.listdir(folder):
        raise ResolveError(f"the folder {folder} is not empty", mend="A new version gets a new folder: try again")
    _load(project, _pinned(resolve, project, preset, both, folder))
    with only_track(timeline, clip.track), _render_mode(project):
        _run(project, clip, folder, wait)
    return _found(folder, clip, both)


def _pinned(resolve: Resolve, project: Project, preset: str, handles: int, folder: str) -> str:
    """Name of the preset with so many handles, made where it is not there."""
    names = _presets(project)
    if preset not in names:
        mend = f"Save one on the Deliver page as {preset!r}: individual clips, EXR half, no audio (docs/resolve.md)"
        raise ResolveError(f"there is no render preset {preset!r}", mend=mend)
    name = f"{preset} h{handles}"
    if name in names:
        return name
    parent = os.path.dirname(os.path.abspath(folder))
    file = os.path.join(parent, f"{name}.xml")
    resolve.ExportRenderPreset(preset, file)
    if not os.path.isfile(file):
        raise ResolveError(f"Resolve did not export the preset {preset!r}", mend=f"Is {parent} writable?")
    try:
        with open(file, encoding="utf-8") as stream:
            text = stream.read()
        changed, count = _HANDLES.subn(rf"\g<1>{handles}\g<2>", text)
        if count == 0:
            raise ResolveError(f"the preset {preset!r} holds no number of handles", mend="Save it as individual clips")
        with open(file, "w", encoding="utf-8") as stream:
            stream.write(changed)
        resolve.ImportRenderPreset(file)
    finally:
        os.remove(file)
    if name not in _presets(project):
        raise ResolveError(f"Resolve did not take the preset {name!r}", mend=f"Save it by hand with {handles} handles")
    return name


def _presets(project: Project) -> list[str]:
    """Names; Resolve lists texts or tables, by version."""
    found: list[Any] = list(maybe(project.GetRenderPresetList()) or [])
    return [str(one.get("PresetName", "")) if isinstance(one, dict) else str(one) for one in found]


def _load(project: Project, name: str) -> None:
    project.LoadRenderPreset(name)
    form: Any = maybe(project.GetCurrentRenderFormatAndCodec()) or {}
    if str(form.get("format", "")).lower() not in ("exr", "dpx", "tif", "tiff"):
        what = f"with the render preset {name!r} Resolve writes {form.get('format')!r}, not frames"
        raise ResolveError(what, mend="Load it on the Deliver page to see why; save it with EXR, RGB half")


@contextmanager
def _render_mode(project: Project) -> Iterator[None]:
    before = project.GetCurrentRenderMode()
    project.SetCurrentRenderMode(_INDIVIDUAL_CLIPS)
    if project.GetCurrentRenderMode() != _INDIVIDUAL_CLIPS:
        raise ResolveError("Resolve does not render individual clips here", mend="Set it on the Deliver page")
    try:
        yield
    finally:
        project.SetCurrentRenderMode(before)


def _run(project: Project, clip: Clip, folder: str, wait: Callable[[float], Any]) -> None:
    settings: Any = {
        "SelectAllFrames": False,
        "MarkIn": clip.start,
        "MarkOut": clip.start + clip.duration - 1,  # inclusive, unlike GetEnd
        "TargetDir": folder,
        "CustomName": "plate.",
        "ExportVideo": True,
        "ExportAudio": False,
    }
    project.SetRenderSettings(settings)
    job = maybe(project.AddRenderJob())
    if not job:
        raise ResolveError("Resolve made no render job", mend=f"Can it write to {folder}?")
    try:
        _check_job(project, job, settings)
        project.StartRendering([job], False)
        while project.IsRenderingInProgress():
            wait(_POLL_SECONDS)
        status: Any = maybe(project.GetRenderJobStatus(job)) or {}
        if status.get("JobStatus") != "Complete":
            reason = status.get("Error") or status.get("JobStatus") or "no status"
            raise ResolveError(f"Resolve's render of {clip.name!r} failed: {reason}", mend="Try it on the Deliver page")
    finally:
        project.DeleteRenderJob(job)


def _check_job(project: Project, job: str, settings: dict[str, Any]) -> None:
    """Settings lie over the loaded preset's, and may be dropped silently: what the job holds is what counts."""
    jobs: list[Any] = list(maybe(project.GetRenderJobList()) or [])
    held: dict[str, Any] = next((one for one in jobs if one.get("JobId") == job), {})
    for key in ("MarkIn", "MarkOut", "TargetDir"):
        if key in held and held[key] != settings[key]:
            what = f"Resolve's render job has {key} {held[key]!r}, not {settings[key]!r}"
            raise ResolveError(what, mend="Load the preset on the Deliver page and look at its range")


def _found(folder: str, clip: Clip, handles: int) -> Plate:
    """The sequence that is on disk now, if it is as long as it has to be."""
    numbers: dict[tuple[str, int, str], list[int]] = {}
    for name in os.listdir(folder):
        match = _NUMBERED.match(name)
        if match is not None:
            numbers.setdefault((match[1], len(match[2]), match[3]), []).append(int(match[2]))
    if len(numbers) != 1:
        raise ResolveError(
            f"{folder} holds {len(numbers)} sequences after the render, not one", mend="Check the preset"
        )
    [((prefix, digits, suffix), frames)] = numbers.items()
    frames.sort()
    wanted = clip.duration + 2 * handles
    if len(frames) != wanted or frames[-1] - frames[0] + 1 != wanted:
        what = f"Resolve rendered {len(frames)} frames of {clip.name!r}, {wanted} were asked for ({handles} handles)"
        raise ResolveError(what, mend="Check the preset's handles and its frame rate")
    pattern = os.path.join(folder, f"{prefix}{'#' * digits}{suffix}")
    return Plate(pattern, frames[0], frames[-1], handles, handles)
