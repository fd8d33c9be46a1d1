"""`vfx-swap worker`: a process that keeps models loaded, for farms that start one command a chunk."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vfx_swap.cli.rendering import RESUME, tell_report
from vfx_swap.cli.session import DebugOption, DeviceOption, JsonOption, running, stop_requests
from vfx_swap.errors import UsageError, WorkerDiedError

if TYPE_CHECKING:
    from vfx_swap.cli.console import Console
    from vfx_swap.farm.lines import Line
    from vfx_swap.farm.request import ChunkRequest
    from vfx_swap.pipeline.progress import Cancelled, Progress, ProgressEvent

__all__ = ["worker_app"]

worker_app = typer.Typer(
    name="worker", help="A process that keeps models loaded, for farms that start one command a chunk."
)

SocketOption = Annotated[Path, typer.Option("--socket", metavar="PATH", help="The Unix socket it listens on.")]
IdleOption = Annotated[
    float, typer.Option("--idle", metavar="SECONDS", min=1.0, help="It ends when nobody asks for so long.")
]


@worker_app.command("run")
def run_here(
    *, socket: SocketOption, idle: IdleOption = 3600.0, json: JsonOption = False, debug: DebugOption = False
) -> None:
    """Be a worker until asked to end, by `worker stop` or SIGTERM."""
    with running(json=json, debug=debug) as console:
        from vfx_swap.farm.warm import WarmRenderer
        from vfx_swap.farm.worker import serve_chunks

        renderer = WarmRenderer()
        with stop_requests(console) as cancelled:
            console.event("listening", socket=socket)
            serve_chunks(socket, renderer, idle_seconds=idle, cancelled=cancelled)
        renderer.close()
        console.event("done")


@worker_app.command("start")
def start(
    *, socket: SocketOption, idle: IdleOption = 3600.0, json: JsonOption = False, debug: DebugOption = False
) -> None:
    """Start a worker that stays, and wait until it listens."""
    with running(json=json, debug=debug) as console:
        from vfx_swap.farm.worker import start_worker

        # As this command was called, whatever program that is.
        program = sys.orig_argv[: len(sys.orig_argv) - len(sys.argv) + 1]
        pid = start_worker(socket, [*program, "worker", "run", "--socket", str(socket), "--idle", str(idle)])
        console.event("done", socket=socket, pid=pid)
        console.say(f"worker: {socket}")


@worker_app.command("stop")
def stop(*, socket: SocketOption, json: JsonOption = False, debug: DebugOption = False) -> None:
    """End a worker after the chunk in hand; one that is not there is no mistake."""
    with running(json=json, debug=debug) as console:
        from vfx_swap.farm.worker import stop_worker

        there = stop_worker(socket)
        console.event("done", stopped=there)
        console.say("stopped" if there else f"no worker listens at {socket}")


@worker_app.command("render")
def render_there(
    *,
    shot: Annotated[Path, typer.Argument(metavar="SHOT.toml", help="The shot file.")],
    socket: Annotated[
        Path | None, typer.Option("--socket", metavar="PATH", help="The worker's; without one it is rendered here.")
    ] = None,
    frames: Annotated[str | None, typer.Option(metavar="RANGE", help="Only these of the shot's frames.")] = None,
    tracks_only: Annotated[bool, typer.Option("--tracks-only", help="Make the tracks, render nothing.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Render frames even where they are current.")] = False,
    openjd: Annotated[
        bool, typer.Option("--openjd", help="Tell progress as Open Job Description's sessions read it.")
    ] = False,
    device: DeviceOption = "cpu",
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Render a chunk on a worker; where none listens, here. Files, words and exit codes are those of `render`."""
    with running(json=json, debug=debug, resume=RESUME) as console:
        from vfx_swap.farm.request import ChunkRequest
        from vfx_swap.io.ranges import parse_frames

        if tracks_only and (frames is not None or overwrite):
            raise UsageError("--tracks-only renders nothing: --frames and --overwrite do not go with it")
        wanted = () if tracks_only else None if frames is None else parse_frames(frames)
        request = ChunkRequest(str(shot.absolute()), wanted, device, overwrite)
        with stop_requests(console) as cancelled, console.progress() as progress:
            lines = _rendered(console, request, socket, cancelled=cancelled)
            last = _told(lines, _for_openjd(console, progress) if openjd else progress)
        _tell_end(console, last)


def _rendered(console: Console, request: ChunkRequest, socket: Path | None, *, cancelled: Cancelled) -> Iterator[Line]:
    from vfx_swap.farm.worker import hand_over, is_listening

    if socket is not None and is_listening(socket):
        return hand_over(socket, request, cancelled=cancelled)
    if socket is not None:
        console.note(f"no worker listens at {socket}: rendering here")
    from vfx_swap.farm.warm import WarmRenderer

    return WarmRenderer().lines(request, cancelled=cancelled)


def _told(lines: Iterator[Line], progress: Progress) -> Line:
    """Pass progress on; the last line."""
    from vfx_swap.farm.lines import progress_from

    last: Line = {}
    for line in lines:
        last = line
        event = progress_from(line)
        if event is not None:
            progress(event)
    return last


def _tell_end(console: Console, last: Line) -> None:
    """Tell what was done, or raise what went wrong."""
    from vfx_swap.farm.request import report_from
    from vfx_swap.pipeline.error_fields import error_from

    if last.get("event") == "error":
        raise error_from(last, otherwise=WorkerDiedError)
    if "report" in last:
        tell_report(console, report_from(last))
    else:
        console.event("done", tracks=last.get("tracks"))
        console.say(f"tracks: {last.get('tracks')}")


def _for_openjd(console: Console, progress: Progress) -> Progress:
    """Progress also as lines that a session of Open Job Description takes from stdout.

    How Jobs Are Run: "Messages from Running Actions" (specification 2023-09): `openjd_progress`, `openjd_status`.
    """

    def tell(event: ProgressEvent) -> None:
        progress(event)
        if event.total > 0 and event.what in ("frame", "skipped", "failed"):
            console.say(f"openjd_progress: {100.0 * event.done / event.total:.1f}")
            console.say(f"openjd_status: {event.stage}, frame {event.frame}")

    return tell
