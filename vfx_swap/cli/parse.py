"""`vfx-swap parse`: the regions of faces as mattes."""

from __future__ import annotations

from typing import Annotated

import typer

from vfx_swap.cli.remote import ServerOption
from vfx_swap.cli.rendering import RESUME, tell_report
from vfx_swap.cli.session import DebugOption, DeviceOption, JsonOption, MissingFrames, running, stop_requests
from vfx_swap.cli.streaming import parse_remotely
from vfx_swap.errors import UsageError

__all__ = ["parse"]


def parse(
    *,
    plate: Annotated[str, typer.Option(metavar="P", help="The plate: name.####.exr, one picture, or a movie.")],
    out: Annotated[str, typer.Option(metavar="O", help="EXR: name.####.exr or one picture.")],
    frames: Annotated[str, typer.Option(metavar="RANGE", help="Such as 1001-1024 or 1-100x2; absent: all.")] = "",
    cryptomatte: Annotated[
        bool, typer.Option("--cryptomatte", help="Cryptomatte in place of one layer a region.")
    ] = False,
    regions: Annotated[bool, typer.Option("--regions", help="With --cryptomatte: the layers too.")] = False,
    engine: Annotated[
        str | None, typer.Option(metavar="CARD", help="The parser: a card's id; absent: by landmarks and light.")
    ] = None,
    colour_space: Annotated[str | None, typer.Option(metavar="NAME", help="The plate's OCIO colour space.")] = None,
    missing: Annotated[MissingFrames, typer.Option(help="What a missing frame becomes.")] = "error",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Write frames even where they are current.")] = False,
    server: ServerOption = "",
    device: DeviceOption = "cpu",
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Write the regions of every face: skin, brows, eyes, nose, mouth, lips, hair and spectacles, as soft mattes.

    The plate goes along unchanged. Frames already written from the same inputs are skipped.
    """
    with running(json=json, debug=debug, resume=RESUME) as console:
        from vfx_swap.pipeline.parse import RegionLayer, parse_plate

        if server:
            _check_remote(overwrite=overwrite, device=device)
            parse_remotely(
                console, plate, out=out, server=server, regions=regions, cryptomatte=cryptomatte, frames=frames,
                colour_space=colour_space, missing=missing, parser=engine or "",
            )  # fmt: skip
            return
        layers: list[RegionLayer] = ["cryptomatte"] if cryptomatte else []
        layers += ["regions"] if regions or not cryptomatte else []
        with stop_requests(console) as cancelled, console.progress() as progress:
            report = parse_plate(
                plate,
                out=out,
                layers=layers,
                frames=frames,
                colour_space=colour_space,
                missing=missing,
                engine=engine,
                overwrite=overwrite,
                device=device,
                progress=progress,
                cancelled=cancelled,
            )
        tell_report(console, report)


def _check_remote(*, overwrite: bool, device: str) -> None:
    if overwrite or device != "cpu":
        what = "--overwrite and --device do not go with --server: it has its own workers, and writes every frame"
        raise UsageError(what, mend="Leave them out")
