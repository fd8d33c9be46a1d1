"""What commands that talk to a server share: the options that say which, and a render on it."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vfx_swap.cli.session import stop_requests

if TYPE_CHECKING:
    from vfx_swap.cli.console import Console
    from vfx_swap.client import Client, Connection
    from vfx_swap.client.values import Job, JobEvent, RenderReport
    from vfx_swap.pipeline.progress import ProgressEvent
    from vfx_swap.settings import Draft

__all__ = [
    "ServerOption",
    "as_progress",
    "connection_to",
    "job_fields",
    "render_remotely",
    "tell_job",
    "tell_remote",
    "with_server",
]

ServerOption = Annotated[
    str,
    typer.Option(
        "--server",
        metavar="ADDRESS",
        envvar="VFX_SWAP_SERVER",
        help="HOST:PORT or unix:/path of a server; the environment says the token and certificates (docs/service.md).",
    ),
]
DEFAULT_SERVER = "127.0.0.1:50051"
_WHAT = {
    "frame_done": "frame",
    "frame_skipped": "skipped",
    "frame_failed": "failed",
    "warning": "warning",
    "note": "note",
}


def connection_to(address: str) -> Connection:
    """Where to connect to, with what the environment says.

    Raises:
        MissingInputError: a token or certificate file is not there.
    """
    from vfx_swap.client import Connection

    return Connection.from_environment(address or DEFAULT_SERVER)


def with_server(address: str) -> Client:
    """A client of a server.

    Raises:
        UsageError: the address is none.
        MissingInputError: a token or certificate file is not there.
    """
    from vfx_swap.client import connect

    return connect(connection_to(address))


def as_progress(event: JobEvent) -> ProgressEvent | None:
    """A job's event as a local render would have told it; None where it would not."""
    from vfx_swap.pipeline.progress import ProgressEvent

    if event.kind == "rendering":
        return ProgressEvent("render", "started", event.done, event.total)
    if event.kind == "finished":
        return ProgressEvent("render", "finished", event.done, event.total)
    what = _WHAT.get(event.kind)
    if what is None:
        return None
    message = event.message or ("" if event.error is None else _reason(event))
    stage = "render" if event.kind.startswith("frame") else "analyse"
    return ProgressEvent(stage, what, event.done, event.total, event.frame, message, dict(event.metrics))  # type: ignore[arg-type]  # words of Happening


def _reason(event: JobEvent) -> str:
    from vfx_swap.errors import FramesFailedError

    error = event.error
    return error.failures[0].reason if isinstance(error, FramesFailedError) and error.failures else str(error)


def render_remotely(
    console: Console, shot_file: Path, *, server: str, frames: str | None, overwrite: bool, detach: bool
) -> None:
    """Render a shot on a server and tell what was done; with `detach`, only submit it.

    What the server finds wrong with the shot is told with the lines of the file.

    Raises:
        VfxSwapError: as the server says.
    """
    from vfx_swap.errors import SettingsError
    from vfx_swap.settings import draft_shot

    draft = draft_shot(shot_file)
    if not draft.values:  # no TOML: nothing to send
        draft.result()
    try:
        _render(console, _sent(draft), server=server, frames=frames, overwrite=overwrite, detach=detach)
    except SettingsError as error:
        known = replace(draft, problems=()).with_problems(*error.problems)
        raise SettingsError(known.problems, where=shot_file) from error


def _sent(draft: Draft) -> dict[str, Any]:
    """The values to send: `identities/NAME` is the server's own where no such file is here."""

    def own(identity: Any) -> Any:
        if not isinstance(identity, str) or os.path.exists(identity):
            return identity
        relative = os.path.relpath(identity, draft.folder)
        return relative if re.fullmatch(r"identities/[A-Za-z0-9._-]+", relative) else identity

    values = dict(draft.values)
    if isinstance(values.get("cast"), list):
        values["cast"] = [
            {**one, "identity": own(one["identity"])} if isinstance(one, dict) and "identity" in one else one
            for one in values["cast"]
        ]
    return values


def _render(
    console: Console, shot: dict[str, Any], *, server: str, frames: str | None, overwrite: bool, detach: bool
) -> None:
    with with_server(server) as client:
        if detach:
            job = client.submit(shot, frames=frames or "", overwrite=overwrite)
            tell_job(console, job)
            console.say(f"vfx-swap jobs watch {job.id} follows it")
            return
        with stop_requests(console) as cancelled, console.progress() as progress:

            def tell(event: JobEvent) -> None:
                known = as_progress(event)
                if known is not None:
                    progress(known)

            report = client.render(
                shot,
                frames=frames or "",
                overwrite=overwrite,
                progress=tell,
                cancelled=cancelled,
                priority="interactive",
            )
    tell_remote(console, report, name=str(shot.get("name", "")))


def tell_remote(console: Console, report: RenderReport, *, name: str) -> None:
    """Tell what a server did."""
    console.event(
        "done",
        name=name,
        job=report.job,
        output=report.output,
        rendered=len(report.rendered),
        skipped=len(report.skipped),
        without_face=list(report.without_face),
        warnings=list(report.warnings),
        tracks=report.tracks,
    )
    current = f", {len(report.skipped)} were current" if report.skipped else ""
    console.say(f"{len(report.rendered)} frames rendered to {report.output}{current}")
    if report.without_face:
        console.say(f"{len(report.without_face)} frames without a cast face: written as the plate")


def job_fields(job: Job) -> dict[str, object]:
    """A job as JSON."""
    return {
        "id": job.id,
        "name": job.shot.get("name"),
        "state": job.state,
        "owner": job.owner,
        "frames_total": job.frames_total,
        "frames_rendered": job.frames_rendered,
        "frames_skipped": job.frames_skipped,
        "frames_failed": [{"frame": one.frame, "reason": one.reason} for one in job.failed],
        "created": job.created.isoformat(),
        "updated": job.updated.isoformat(),
        "output": job.shot.get("output"),
        "error": None if job.error is None else str(job.error),
    }


def tell_job(console: Console, job: Job) -> None:
    """One line of a job."""
    console.event("job", **job_fields(job))
    done = job.frames_rendered + job.frames_skipped
    frames = f"{done}/{job.frames_total}" if job.frames_total else "-"
    failed = f", {len(job.failed)} failed" if job.failed else ""
    console.say(f"{job.id}  {job.state:10} {frames:>9}{failed}  {job.owner}  {job.shot.get('name', '')}")
