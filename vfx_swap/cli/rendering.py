"""What `swap` and `render` share: run a shot with progress, Ctrl-C and a summary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from vfx_swap.cli.provenance import tell_signed
from vfx_swap.cli.session import stop_requests
from vfx_swap.pipeline.today import local_today

if TYPE_CHECKING:
    from vfx_swap.cli.console import Console
    from vfx_swap.farm.request import ChunkReport
    from vfx_swap.pipeline.provenance_shot import Signer
    from vfx_swap.pipeline.shot import ShotReport
    from vfx_swap.settings import Shot

__all__ = ["RESUME", "SignOption", "run_shot", "sign_rendered", "signer_for", "tell_report"]

SignOption = Annotated[
    bool, typer.Option("--sign", help="Sign what was written (C2PA), with the facility file's certificate.")
]

RESUME = "Run the same command again to go on: frames already written are kept"


def run_shot(console: Console, shot: Shot, *, frames: Sequence[int] | None, overwrite: bool, device: str) -> None:
    """Render a shot and tell what was done.

    Raises:
        VfxSwapError: as `render_shot` does.
    """
    from vfx_swap.pipeline.shot import render_shot

    with stop_requests(console) as cancelled, console.progress() as progress:
        report = render_shot(
            shot,
            frames=frames,
            overwrite=overwrite,
            device=device,
            today=local_today(),
            progress=progress,
            cancelled=cancelled,
        )
    tell_report(console, report)


def signer_for(shot: Shot) -> Signer:
    """Who signs what a shot's render writes, found before a frame is rendered.

    Raises:
        UsageError: the facility file names no certificate, or what is written cannot be signed.
        CannotRunError: c2pa-python is not installed.
        Others as `load_credential`.
    """
    from vfx_swap.pipeline.provenance_shot import facility_signer, require_signable
    from vfx_swap.settings.facility import load_facility

    require_signable(shot)
    return facility_signer(load_facility())


def sign_rendered(console: Console, shot: Shot, signer: Signer) -> None:
    """Sign all that a shot's render wrote, and tell of it.

    Raises:
        VfxSwapError: as `sign_shot`; what was rendered stays.
    """
    from vfx_swap.pipeline.provenance_shot import sign_shot

    for path in sign_shot(shot, signer, today=local_today()):
        tell_signed(console, path)


def tell_report(console: Console, report: ShotReport | ChunkReport) -> None:
    """Tell what was done."""
    console.event(
        "done",
        name=report.name,
        output=report.output,
        rendered=len(report.rendered),
        skipped=len(report.skipped),
        without_face=list(report.without_face),
        warnings=list(report.warnings),
        log=report.log,
        tracks=report.tracks,
    )
    console.say(f"{_frames(len(report.rendered))} rendered to {report.output}")
    if report.skipped:
        console.say(f"{_frames(len(report.skipped))} skipped: already rendered from the same inputs")
    if report.without_face:
        console.say(f"{_frames(len(report.without_face))} without a cast face: written as the plate")
    console.say(f"tracks: {report.tracks}")
    console.say(f"log: {report.log}")


def _frames(count: int) -> str:
    return f"{count} frame{'s' if count != 1 else ''}"
