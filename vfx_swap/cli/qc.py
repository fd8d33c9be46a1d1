"""`vfx-swap qc`: is it good enough, and if not, which frame and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vfx_swap.cli.session import DebugOption, JsonOption, running, stop_requests

if TYPE_CHECKING:
    from vfx_swap.cli.console import Console
    from vfx_swap.pipeline.qc_run import QcReport

__all__ = ["qc"]

FAILED_EXIT = 1
"""As for a render with frames that failed: a farm's task fails."""


def qc(
    *,
    what: Annotated[
        str, typer.Argument(metavar="SHOT_OR_SEQUENCE", help="A shot file, or rendered frames: name.####.exr, a movie.")
    ],
    out: Annotated[Path, typer.Option(metavar="REPORT.html", help="The page; .json and .csv are written beside it.")],
    plate: Annotated[
        str | None, typer.Option(metavar="P", help="Of rendered frames; absent: as the tracks file beside them says.")
    ] = None,
    identity: Annotated[
        Path | None, typer.Option(metavar="I", help="Of rendered frames: the pack of who went in, to judge likeness.")
    ] = None,
    frames: Annotated[str | None, typer.Option(metavar="RANGE", help="Only these.")] = None,
    pictures: Annotated[int, typer.Option(metavar="N", min=0, max=500, help="Frames that have pictures.")] = 48,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Measure a rendered shot against its plate, and write a report that opens in any browser, offline.

    The limits are those of the table qc in the shot file. Exit code 1 where it fails them.
    """
    with running(json=json, debug=debug, resume="Run the same command again") as console:
        from vfx_swap.pipeline.qc_run import QcRequest, run_qc

        request = QcRequest(what, out.absolute(), plate, identity, frames, pictures)
        with stop_requests(console) as cancelled, console.progress() as progress:
            report = run_qc(request, progress=progress, cancelled=cancelled)
        _tell(console, report)
        if not report.verdict.passed:
            raise typer.Exit(FAILED_EXIT)


def _tell(console: Console, report: QcReport) -> None:
    verdict = report.verdict
    failing = [one.frame for one in verdict.frames if one.failed]
    console.event(
        "done",
        name=report.subject.name,
        passed=verdict.passed,
        reasons=list(verdict.reasons),
        failing=failing,
        not_measured=list(verdict.not_measured),
        page=report.page,
        json=report.json,
        csv=report.csv,
    )
    console.say(f"{report.subject.name}: {'passed' if verdict.passed else 'FAILED'}")
    for reason in verdict.reasons:
        console.say(f"  {reason}")
    if verdict.not_measured:
        console.say(f"  not measured: {', '.join(verdict.not_measured)}")
    console.say(f"report: {report.page}")
