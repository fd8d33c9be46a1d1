"""One clip's swap: plate, render, result in its place. Begun, looked at now and then, finished: nothing blocks."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from vfx_swap_resolve import memory
from vfx_swap_resolve.calls import ResolveError, current_timeline, maybe
from vfx_swap_resolve.clips import Clip, flagged, under_playhead
from vfx_swap_resolve.fusion_page import load_in_comp
from vfx_swap_resolve.plates import Plate, referenced, rendered
from vfx_swap_resolve.results import Placed, Result, place
from vfx_swap_resolve.settings import Settings

if TYPE_CHECKING:
    from fusionscript import Project, Resolve, Timeline

    from vfx_swap_resolve.link import Link

__all__ = ["App", "Work", "begin", "chosen", "open_app", "take_up"]

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_MOVIES = (".mp4", ".mov", ".m4v", ".mkv", ".mxf", ".avi")


@dataclass(frozen=True)
class App:
    """What is open."""

    resolve: Resolve
    project: Project
    timeline: Timeline


@dataclass
class Work:
    """A swap under way."""

    app: App
    clip: Clip
    settings: Settings
    result: Result
    job: Any
    kept: str = ""
    """Id of the job that is remembered on the clip."""

    @property
    def finished(self) -> bool:
        """Whether the render has ended, well or not."""
        return bool(self.job.finished)

    def look(self) -> str:
        """Take in what came since, and say how it stands, in a sentence."""
        self.job.pump()
        if self.job.id and self.job.id != self.kept:  # known once the server has taken it
            self.kept = self.job.id
            memory.remember(self.clip.item, _record(self, state="running"))
        return f"{self.clip.name}: {self.job.sentence()}"

    def cancel(self) -> None:
        """End the render after the frame in hand."""
        self.job.cancel()

    def finish(self) -> Placed:
        """Bring the result into the timeline.

        Raises:
            AgentError: the render did not end well.
            ResolveError: Resolve did not take the result.
        """
        self.job.result()
        if self.settings.place == "loader":
            placed = load_in_comp(self.app.project, self.clip, self.result)
        else:
            placed = place(
                self.app.resolve, self.app.project, self.app.timeline, self.clip, self.result, kind=self.settings.place
            )
        values = _record(self, state="done")
        kept = memory.remember(self.clip.item, values)
        stamped = memory.stamp(placed.media, values)
        lost = () if kept and stamped else ("Resolve did not keep the settings on the clip",)
        warnings = (*placed.warnings, *self.job.warnings, *lost)
        return Placed(placed.kind, placed.where, placed.media, placed.item, warnings)


def open_app(resolve: Resolve | None) -> App:
    """What is on screen.

    Raises:
        ResolveError: no Resolve Studio, no project, no timeline.
    """
    if resolve is None:
        mend = "Start this from Workspace > Scripts; the free edition has no scripts (docs/resolve.md)"
        raise ResolveError("Resolve does not answer", mend=mend)
    if "studio" not in str(resolve.GetProductName()).lower():
        mend = "Export the timeline as OTIO and use `vfx-swap timeline`"
        raise ResolveError("this is the free edition, which scripts cannot work in", mend=mend)
    project = maybe(resolve.GetProjectManager().GetCurrentProject())
    if project is None:
        raise ResolveError("no project is open", mend="Open one")
    return App(resolve, project, current_timeline(project))


def chosen(app: App, settings: Settings) -> list[Clip]:
    """The clips to swap.

    Raises:
        ResolveError: there is none.
    """
    return flagged(app.timeline, settings.flag) if settings.which == "flagged" else [under_playhead(app.timeline)]


def begin(app: App, clip: Clip, settings: Settings, link: Link, *, wait: Callable[[float], Any] = time.sleep) -> Work:
    """Find or render the plate, and start the swap.

    Raises:
        ResolveError: the clip or the plate is not fit.
        AgentError: there is no agent.
    """
    if not settings.identity:
        raise ResolveError("no identity is chosen", mend="Choose who goes in")
    folder = _new_folder(clip, settings)
    name = os.path.basename(folder)
    if settings.plate == "render":
        plate = rendered(
            app.resolve, app.project, app.timeline, clip,
            folder=os.path.join(folder, "plate"), handles=settings.handles, preset=settings.preset, wait=wait,
        )  # fmt: skip
    else:
        plate = referenced(clip, handles=settings.handles)
    result = _result(plate, folder, name, same_files=settings.plate != "render")
    who = {"performer": settings.performer} if settings.performer else {"position": "largest"}
    shot = link.shot(
        name=name, plate=plate.pattern, output=result.pattern, cast={**who, "identity": settings.identity},
        knobs=settings.knobs,
    )  # fmt: skip
    work = Work(app, clip, settings, result, link.job(shot, frames=f"{plate.first}-{plate.last}"))
    memory.remember(clip.item, _record(work, state="running"))
    return work


def take_up(app: App, clip: Clip, link: Link) -> Work | None:
    """The swap of a clip that was under way when Resolve closed; None where there is none.

    Raises:
        AgentError: there is no agent.
    """
    known = memory.recall(clip.item)
    if known.get("state") != "running" or not isinstance(known.get("job"), dict):
        return None
    try:
        result = Result(**known["result"])
    except (KeyError, TypeError):
        return None
    return Work(app, clip, Settings.of(known.get("settings", {})), result, link.restored(known["job"]))


def _record(work: Work, *, state: str) -> dict[str, Any]:
    return {
        "state": state,
        "note": f"{os.path.basename(os.path.dirname(work.result.pattern))}",
        "settings": work.settings.values(),
        "result": asdict(work.result),
        "job": work.job.record(),
    }


def _new_folder(clip: Clip, settings: Settings) -> str:
    """A folder that is not there yet, made: `sh010_swap_v003`; nothing is ever written over."""
    beside = os.path.dirname(clip.pattern) if clip.pattern else os.path.expanduser("~")
    base = settings.folder or os.path.join(beside, "vfx_swap")
    name = _UNSAFE.sub("_", os.path.splitext(clip.name)[0]).strip("._") or "clip"
    for number in range(1, 10000):
        folder = os.path.join(base, f"{name}_swap_v{number:03d}")
        try:
            os.makedirs(folder)
        except FileExistsError:
            continue
        except OSError as error:
            why = error.strerror or str(error)
            raise ResolveError(f"{folder} cannot be made: {why}", mend="Choose another folder") from error
        return folder
    raise ResolveError(f"{base} holds 9999 versions of {name}", mend="Choose another folder")


def _result(plate: Plate, folder: str, name: str, *, same_files: bool) -> Result:
    suffix = os.path.splitext(plate.pattern)[1]
    if "#" in plate.pattern:
        digits = max(4, plate.pattern.count("#"))
        pattern = os.path.join(folder, f"{name}.{'#' * digits}{suffix}")
        return Result(pattern, plate.first, plate.last, plate.head, same_files)
    if suffix.lower() not in _MOVIES:
        raise ResolveError(f"{plate.pattern} is one picture", mend="Choose the rendered plate")
    written = suffix if suffix.lower() in (".mp4", ".mov") else ".mov"
    return Result(os.path.join(folder, f"{name}{written}"), 1, plate.count, plate.head, same_files)
