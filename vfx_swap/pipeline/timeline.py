"""Regenerate a double's face in an editor's timeline.

    read -> plan (which clips, which frames of which plate) -> faces found and cast -> every stretch rendered once
         -> a timeline whose clips carry the original and the swapped media

Everything that can be refused is refused before a frame is rendered. Renders stand in one folder a stretch, with the
plate's own frame numbers, so that the same command goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, Protocol

from vfx_swap.errors import FrameFailure, FramesFailedError, Problem, SettingsError
from vfx_swap.pipeline.prepare import check_cast
from vfx_swap.pipeline.progress import Cancelled, Progress, ProgressEvent, never_cancelled, no_progress
from vfx_swap.pipeline.shot import Tools, render_shot
from vfx_swap.pipeline.shot_tracks import ModelsOnDemand
from vfx_swap.pipeline.timeline_cast import cast_stretch, performers_of
from vfx_swap.pipeline.timeline_file import write_edit
from vfx_swap.pipeline.timeline_plan import EditPlan, Left, Stretch
from vfx_swap.pipeline.timeline_write import next_key, set_references

__all__ = ["Counts", "EditReport", "RenderStretch", "Rendered", "render_edit"]


class Counts(Protocol):
    """What a render tells of its frames."""

    @property
    def rendered(self) -> Sequence[int]:
        """Frames rendered."""
        ...

    @property
    def skipped(self) -> Sequence[int]:
        """Frames that were current."""
        ...

    @property
    def warnings(self) -> Sequence[str]:
        """What was told, each once."""
        ...


RenderStretch = Callable[..., Counts]
"""Renders a shot: `(shot, *, overwrite, progress, cancelled)`, here or on a server."""


@dataclass(frozen=True, eq=False)
class Rendered:
    """A stretch that was rendered whole."""

    stretch: Stretch
    frames: int
    skipped: int
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class EditReport:
    """What became of a timeline."""

    out: Path
    key: str
    """Name of the swapped media reference."""
    rendered: tuple[Rendered, ...]
    left: tuple[Left, ...]
    """Clips that stay as they were, and why."""

    @property
    def clips(self) -> tuple[str, ...]:
        """The clips that carry swapped media."""
        return tuple(place for one in self.rendered for place in one.stretch.places)


@dataclass(eq=False)
class _Work:
    """What is to be rendered, and what came of it so far."""

    cast: list[Stretch] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    done: list[Rendered] = field(default_factory=list)
    failures: list[FrameFailure] = field(default_factory=list)


def render_edit(
    plan: EditPlan,
    *,
    edit: Path,
    out: Path,
    today: date,
    named: bool = False,
    active_only: bool = False,
    overwrite: bool = False,
    device: str = "cpu",
    render: RenderStretch | None = None,
    progress: Progress = no_progress,
    cancelled: Cancelled = never_cancelled,
    tools: Tools = Tools(),
) -> EditReport:
    """Render what was planned and write the new timeline.

    Args:
        plan: what `plan_edit` made of it; its timeline is changed.
        edit: its file, for messages.
        out: the new timeline.
        today: the day that consent is checked for.
        named: the clips were asked for by name, so one without a cast face is a problem; else it is left as it is.
        active_only: clips carry the swapped media alone.
        overwrite: render frames even where they are current.
        device: where frames are swapped.
        render: how a stretch is rendered; None: in this process.
        progress: told of every frame.
        cancelled: asked between frames.
        tools: what to work with.

    Raises:
        RefusedError: consent; nothing was read of any plate.
        SettingsError: a clip whose faces cannot be cast, every one named; no frame was rendered.
        InputError, UsageError, CannotRunError, OutputError: as `render_shot`.
        FramesFailedError: frames failed; the timeline is written, the clips that show them are as they were.
        CancelledError: stopped; frames that were written are kept, no timeline is written.
    """
    for stretch in plan.stretches:
        check_cast(stretch.shot, today=today)
    work = _Work(left=list(plan.left))
    _find_faces(plan, work, edit=edit, named=named, tools=tools, progress=progress, cancelled=cancelled)

    def here(shot: Any, **more: Any) -> Counts:
        return render_shot(shot, device=device, today=today, tools=tools, **more)

    _render_all(work, render or here, overwrite=overwrite, progress=progress, cancelled=cancelled)
    root, key = plan.root, next_key(plan.root)
    for one in work.done:
        set_references(one.stretch, root, key=key, edit=edit, out=out, active_only=active_only)
    write_edit(root, out)
    if work.failures:
        mend = f"{out} is written, with these clips as they were. Mend what is named and run again"
        raise FramesFailedError(work.failures, where=edit, mend=mend)
    return EditReport(out, key, tuple(work.done), tuple(work.left))


def _find_faces(
    plan: EditPlan,
    work: _Work,
    *,
    edit: Path,
    named: bool,
    tools: Tools,
    progress: Progress,
    cancelled: Cancelled,
) -> None:
    """Fill `work.cast`, and `work.left` with the clips in which nobody of the cast is seen.

    Raises:
        SettingsError: clips whose faces cannot be cast, or that were asked for and show nobody of the cast.
    """
    problems: list[Problem] = []
    if not plan.stretches:
        return
    config = tools.load_config()
    with ModelsOnDemand(tools.load_models) as models:
        looks = performers_of(plan.stretches[0].shot, config=config, models=models, progress=progress)
        for index, stretch in enumerate(plan.stretches):
            _note(progress, "analyse", f"faces of {stretch.shot.name} ({index + 1} of {len(plan.stretches)})")
            cast = cast_stretch(
                stretch.shot,
                looks,
                config=config,
                models=models,
                tools=tools,
                progress=progress,
                cancelled=cancelled,
            )
            if cast is not None:
                work.cast.append(replace(stretch, shot=cast))
                continue
            reason = "shows nobody of the cast"
            if named:
                mend = "Give another photograph, or leave the clip out"
                problems += [Problem(place, reason, mend) for place in stretch.places]
            else:
                work.left += [Left(place, reason) for place in stretch.places]
    if problems:
        raise SettingsError(problems, where=edit)


def _render_all(
    work: _Work, render: RenderStretch, *, overwrite: bool, progress: Progress, cancelled: Cancelled
) -> None:
    """Render every stretch; frames that fail are counted in `work.failures`, and the others go on."""
    total, before = sum(_length(one) for one in work.cast), 0
    for index, stretch in enumerate(work.cast):
        _note(progress, "render", f"{stretch.shot.name} ({index + 1} of {len(work.cast)}): {', '.join(stretch.places)}")
        own = _Offset(progress, before, total)
        try:
            report = render(stretch.shot, overwrite=overwrite, progress=own, cancelled=cancelled)
        except FramesFailedError as error:
            name = stretch.shot.name
            work.failures += [FrameFailure(one.frame, f"{name}: {one.reason}") for one in error.failures]
            work.left += [Left(place, f"{len(error.failures)} frames failed") for place in stretch.places]
        else:
            counts = len(report.rendered) + len(report.skipped), len(report.skipped)
            work.done.append(Rendered(stretch, *counts, tuple(report.warnings)))
        before += _length(stretch)


@dataclass(frozen=True)
class _Offset:
    """Progress of one stretch, counted within all of them."""

    tell: Progress
    before: int
    total: int

    def __call__(self, event: ProgressEvent, /) -> None:
        if event.stage == "render" and event.total:
            event = replace(event, done=self.before + event.done, total=self.total)
            if event.what in ("started", "finished"):  # of the part, not of the whole
                return
        self.tell(event)


def _length(stretch: Stretch) -> int:
    return stretch.span.last - stretch.span.first + 1


def _note(progress: Progress, stage: Any, text: str) -> None:
    progress(ProgressEvent(stage, "note", message=text))
