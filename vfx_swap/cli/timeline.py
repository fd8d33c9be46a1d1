"""`vfx-swap timeline`: a double's face in an editor's timeline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vfx_swap.cli.option_names import told_by_options
from vfx_swap.cli.remote import ServerOption, as_progress, with_server
from vfx_swap.cli.session import DebugOption, DeviceOption, JsonOption, running, stop_requests
from vfx_swap.cli.swap import cast_tables, given
from vfx_swap.cli.timeline_options import (
    ActiveOnlyOption,
    AllFacesOption,
    CastOption,
    ClipOption,
    ColourSpaceOption,
    EditArgument,
    EngineOption,
    FpsOption,
    HandlesOption,
    IdentityOption,
    LayerOption,
    LeaveRefusedOption,
    MarkerOption,
    MediaOption,
    MetadataOption,
    MissingOption,
    OutOption,
    OverwriteOption,
    ParserOption,
    PixelBoostOption,
    PlanOption,
    ReshapeOption,
    StrengthOption,
    TrackOption,
)
from vfx_swap.errors import UsageError
from vfx_swap.pipeline.today import local_today

if TYPE_CHECKING:
    from vfx_swap.cli.console import Console
    from vfx_swap.client import Client
    from vfx_swap.client.values import JobEvent, RenderReport
    from vfx_swap.pipeline.progress import Cancelled, Progress
    from vfx_swap.pipeline.timeline import EditReport, RenderStretch
    from vfx_swap.pipeline.timeline_plan import EditPlan
    from vfx_swap.settings import Shot

__all__ = ["timeline"]

RESUME = "Run the same command again to go on: frames already written are kept, the timeline is written at the end"


def timeline(
    *,
    edit: EditArgument,
    out: OutOption,
    cast: CastOption = None,
    identity: IdentityOption = None,
    all_faces: AllFacesOption = False,
    track: TrackOption = None,
    marker: MarkerOption = None,
    metadata: MetadataOption = None,
    clip: ClipOption = None,
    handles: HandlesOption = 8,
    media: MediaOption = None,
    active_only: ActiveOnlyOption = False,
    leave_refused: LeaveRefusedOption = False,
    plan: PlanOption = False,
    fps: FpsOption = None,
    engine: EngineOption = None,
    pixel_boost: PixelBoostOption = None,
    parser: ParserOption = None,
    strength: StrengthOption = None,
    reshape: ReshapeOption = None,
    colour_space: ColourSpaceOption = None,
    missing: MissingOption = "error",
    layer: LayerOption = None,
    overwrite: OverwriteOption = False,
    server: ServerOption = "",
    device: DeviceOption = "cpu",
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Swap the face of a performer in the clips of an editor's timeline, and write a timeline that shows it.

    Each clip's frames are rendered once, with handles, even where several clips use them. Without --track,
    --marker, --metadata or --clip, every clip in which the cast is seen is taken.
    """
    with running(json=json, debug=debug, resume=RESUME) as console:
        from vfx_swap.pipeline.timeline_plan import Selection

        who = cast_tables(identity, cast or [], all_faces=all_faces)
        values = _values(
            [{**one, **given(strength=strength, reshape=reshape)} for one in who], missing, layer,
            given(pixel_boost=pixel_boost, parser=parser), given(engine=engine, colour_space=colour_space),
        )  # fmt: skip
        selection = Selection(tracks=track or (), markers=marker or (), metadata=metadata or (), clips=clip or ())
        _check(edit, out, server=server, device=device)
        with told_by_options(identity="--cast" if cast else "--identity"):
            planned = _planned(
                edit, out, media, values, selection=selection, handles=handles, leave=leave_refused, fps=fps,
                server=server,
            )  # fmt: skip
        _tell_plan(console, planned)
        if plan:
            return
        report = _render(
            console, planned, edit=edit, out=out, named=not selection.is_empty, overwrite=overwrite,
            active_only=active_only or out.suffix.lower() != ".otio", server=server, device=device,
        )  # fmt: skip
        _tell(console, report)


def _values(
    cast: list[dict[str, Any]], missing: str, layers: list[str] | None, network: dict[str, Any], more: dict[str, Any]
) -> dict[str, Any]:
    """A shot's values for every clip."""
    return {"cast": cast, "missing": missing, "write": {"layers": layers or []}, "network": network, **more}


def _check(edit: Path, out: Path, *, server: str, device: str) -> None:
    from vfx_swap.pipeline.timeline_file import check_suffix

    check_suffix(out)
    if out.exists() and edit.exists() and out.samefile(edit):
        raise UsageError("the new timeline would take the place of the old one", where=out, mend="Give another --out")
    if server and device != "cpu":
        raise UsageError("--device does not go with --server: the server has its own workers", mend="Leave it out")


def _planned(
    edit: Path,
    out: Path,
    media: Path | None,
    values: Mapping[str, Any],
    *,
    selection: Any,
    handles: int,
    leave: bool,
    fps: float | None,
    server: str,
) -> EditPlan:
    from vfx_swap.colour.ocio import load_config
    from vfx_swap.pipeline.timeline_file import read_edit
    from vfx_swap.pipeline.timeline_plan import plan_edit

    return plan_edit(
        read_edit(edit, fps=fps),
        edit=edit,
        values=values,
        media_folder=media or out.with_name(f"{out.stem}_media"),
        selection=selection,
        handles=handles,
        leave_refused=leave,
        config=load_config(),
        engines=[values["engine"]] if server and "engine" in values else None,  # the server knows its own
    )


def _render(
    console: Console,
    planned: EditPlan,
    *,
    edit: Path,
    out: Path,
    named: bool,
    overwrite: bool,
    active_only: bool,
    server: str,
    device: str,
) -> EditReport:
    from vfx_swap.pipeline.timeline import render_edit

    with stop_requests(console) as cancelled, console.progress() as progress, _renderer(server) as render:
        return render_edit(
            planned,
            edit=edit,
            out=out,
            today=local_today(),
            named=named,
            active_only=active_only,
            overwrite=overwrite,
            device=device,
            render=render,
            progress=progress,
            cancelled=cancelled,
        )


@contextmanager
def _renderer(server: str) -> Iterator[RenderStretch | None]:
    """What renders a stretch: a server, or, as None, this process."""
    if not server:
        yield None
        return
    with with_server(server) as client:

        def render(shot: Shot, **more: Any) -> RenderReport:
            return _on_server(client, shot, **more)

        yield render


def _on_server(
    client: Client, shot: Shot, *, overwrite: bool, progress: Progress, cancelled: Cancelled
) -> RenderReport:
    def tell(event: JobEvent) -> None:
        known = as_progress(event)
        if known is not None:
            progress(known)

    return client.render(shot, overwrite=overwrite, progress=tell, cancelled=cancelled, priority="interactive")


def _tell_plan(console: Console, planned: EditPlan) -> None:
    for one in planned.stretches:
        shot, span = one.shot, one.span
        console.event(
            "stretch", name=shot.name, plate=shot.plate, output=shot.output, first=span.first, last=span.last,
            clips=list(one.places),
        )  # fmt: skip
        console.note(f"{shot.name}: frames {span.first}-{span.last} of {shot.plate} for {'; '.join(one.places)}")
    for left in planned.left:
        console.event("left", clip=left.place, reason=left.reason)
        console.note(f"left as it is: {left.place} {left.reason}")


def _tell(console: Console, report: EditReport) -> None:
    rendered = sum(one.frames - one.skipped for one in report.rendered)
    skipped = sum(one.skipped for one in report.rendered)
    console.event(
        "done",
        out=report.out,
        reference=report.key,
        clips=list(report.clips),
        rendered=rendered,
        skipped=skipped,
        left=[{"clip": one.place, "reason": one.reason} for one in report.left],
    )
    count, current = len(report.clips), f", {skipped} were current" if skipped else ""
    console.say(f"{rendered} frames rendered for {count} clip{'s' if count != 1 else ''}{current}")
    for one in report.left:
        console.say(f"left as it is: {one.place} {one.reason}")
    told = f"media reference {report.key}" if count else "as it was: no clip shows the cast"
    console.say(f"timeline: {report.out} ({told})")
