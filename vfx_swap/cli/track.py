"""`vfx-swap track`: the analyse pass alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vfx_swap.cli.session import DebugOption, JsonOption, MissingFrames, running, stop_requests

__all__ = ["track"]


def track(
    *,
    plate: Annotated[str, typer.Option(metavar="P", help="The plate: name.####.exr, one picture, or a movie.")],
    out: Annotated[Path, typer.Option(metavar="T.json", help="The tracks file.")],
    frames: Annotated[str, typer.Option(metavar="RANGE", help="Such as 1001-1024; absent: all.")] = "",
    colour_space: Annotated[str | None, typer.Option(metavar="NAME", help="The plate's OCIO colour space.")] = None,
    missing: Annotated[MissingFrames, typer.Option(help="What a missing frame becomes.")] = "error",
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Find and follow every face of a plate, and write the tracks file.

    Called NAME.tracks.json beside the output, it is what `swap` and `render` work from, edits included.
    """
    with running(json=json, debug=debug) as console:
        from vfx_swap.pipeline.shot import track_plate

        with stop_requests(console) as cancelled, console.progress() as progress:
            tracks = track_plate(
                plate,
                out=out,
                frames=frames,
                colour_space=colour_space,
                missing=missing,
                progress=progress,
                cancelled=cancelled,
            )
        for one in tracks.tracks:
            seen = sorted(one.faces)
            console.event("track", id=one.id, first=seen[0], last=seen[-1], faces=len(seen))
            console.say(f"track {one.id}: {len(seen)} faces, frames {seen[0]} to {seen[-1]}")
        console.event("done", out=out, tracks=len(tracks.tracks), failed=len(tracks.failures))
        count = len(tracks.tracks)
        console.say(f"{count} track{'s' if count != 1 else ''} written to {out}" if count else f"no face found: {out}")
