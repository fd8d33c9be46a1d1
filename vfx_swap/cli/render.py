"""`vfx-swap render`: a shot, as its file says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vfx_swap.cli.rendering import RESUME, run_shot
from vfx_swap.cli.session import DebugOption, DeviceOption, JsonOption, running

__all__ = ["render"]


def render(
    *,
    shot: Annotated[Path, typer.Argument(metavar="SHOT.toml", help="The shot file.")],
    frames: Annotated[
        str | None, typer.Option(metavar="RANGE", help="Only these of the shot's frames; tracks are the whole shot's.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Render frames even where they are current.")] = False,
    device: DeviceOption = "cpu",
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Render a shot; a frame already written from the same inputs is skipped, any other is rendered.

    Ranges of one shot can be rendered by several machines at once, into the same folder: the bits are those
    of one run.
    """
    with running(json=json, debug=debug, resume=RESUME) as console:
        from vfx_swap.colour.ocio import load_config
        from vfx_swap.io.ranges import parse_frames
        from vfx_swap.pipeline.validate import open_shot

        settings = open_shot(shot, config=load_config())
        wanted = None if frames is None else parse_frames(frames)
        run_shot(console, settings, frames=wanted, overwrite=overwrite, device=device)
