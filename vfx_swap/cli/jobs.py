"""`vfx-swap jobs`: shots on a server, as they stand."""

from __future__ import annotations

from typing import Annotated

import typer

from vfx_swap.cli.remote import ServerOption, as_progress, job_fields, tell_job, with_server
from vfx_swap.cli.session import DebugOption, JsonOption, running

__all__ = ["jobs_app"]

jobs_app = typer.Typer(help="Shots on a server: list, show, watch, cancel, resume.")
JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="Id of a job, as `jobs list` gives it.")]


@jobs_app.command("list")
def list_jobs(
    *,
    server: ServerOption = "",
    state: Annotated[
        list[str] | None,
        typer.Option(metavar="STATE", help="Only these: queued, analysing, rendering, succeeded, failed, cancelled."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, the newest.")] = 50,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """List jobs, newest first."""
    from typing import get_args

    from vfx_swap.client.values import JobState
    from vfx_swap.errors import UsageError

    with running(json=json, debug=debug) as console:
        for word in state or ():
            if word not in get_args(JobState):
                raise UsageError(f"{word!r} is no state of a job", mend=f"Use one of: {', '.join(get_args(JobState))}")
        with with_server(server) as client:
            jobs = client.jobs(states=state or (), limit=limit)  # type: ignore[arg-type]  # looked at above
        for job in jobs:
            tell_job(console, job)
        console.event("done", jobs=len(jobs))
        if not jobs:
            console.say("no jobs")


@jobs_app.command("show")
def show_job(
    *, job: JobArgument, server: ServerOption = "", json: JsonOption = False, debug: DebugOption = False
) -> None:
    """Show one job: its shot, where it stands, what failed."""
    with running(json=json, debug=debug) as console, with_server(server) as client:
        found = client.job(job)
        console.event("job", **job_fields(found), shot=found.shot)
        for key, value in job_fields(found).items():
            if value and key != "frames_failed":
                console.say(f"{key:15} {value}")
        for failure in found.failed:
            console.say(f"{'failed':15} frame {failure.frame}: {failure.reason}")
        console.event("done", jobs=1)


@jobs_app.command("watch")
def watch_job(
    *,
    job: JobArgument,
    server: ServerOption = "",
    after: Annotated[int, typer.Option(min=0, metavar="N", help="Only events after this number.")] = 0,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Follow a job to its end. Ctrl-C stops following; the job goes on."""
    goes_on = "The job goes on: watch it again"
    with running(json=json, debug=debug, resume=goes_on) as console, with_server(server) as client:
        with console.progress() as progress:
            for event in client.watch(job, after=after):
                known = as_progress(event)
                if known is not None:
                    progress(known)
        found = client.job(job)
        tell_job(console, found)
        if found.state != "succeeded":
            client.result(job)  # raises what it ended with


@jobs_app.command("cancel")
def cancel_job(
    *, job: JobArgument, server: ServerOption = "", json: JsonOption = False, debug: DebugOption = False
) -> None:
    """End a job; frames in hand are finished, what is written stays."""
    with running(json=json, debug=debug) as console, with_server(server) as client:
        tell_job(console, client.cancel(job))


@jobs_app.command("resume")
def resume_job(
    *, job: JobArgument, server: ServerOption = "", json: JsonOption = False, debug: DebugOption = False
) -> None:
    """Go on with a job that failed or was cancelled: only the frames that are missing are rendered."""
    with running(json=json, debug=debug) as console, with_server(server) as client:
        tell_job(console, client.resume(job))
