"""`vfx-swap demo`: the main job on the embedded default."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vfx_swap.cli.session import DebugOption, JsonOption, running, stop_requests

__all__ = ["demo"]

DEMO_FOLDER = Path("vfx-swap-demo")
DEMO_FRAMES = 24


def demo(
    *,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for all that the demo writes.")] = DEMO_FOLDER,
    frames: Annotated[int, typer.Option(min=1, max=240, metavar="N", help="Frames of the shot.")] = DEMO_FRAMES,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Make an ACEScg EXR shot from a public-domain portrait, swap its face, and show the result.

    Needs no downloads. Writes the plate, the swap, tracks, a contact sheet, a movie and a page to look at.
    """
    resume = "Run the same command again: frames already rendered are kept"
    with running(json=json, debug=debug, resume=resume) as console:
        from dataclasses import asdict

        from vfx_swap.pipeline.demo import run_demo

        with stop_requests(console) as cancelled, console.progress() as progress:
            report = run_demo(out, frames=frames, progress=progress, cancelled=cancelled)
        console.event("done", **asdict(report))
        console.say(str(report))
