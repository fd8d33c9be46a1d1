"""`render --stream` and `parse --server`: files here, workers on a server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from vfx_swap.cli.remote import tell_remote, with_server
from vfx_swap.cli.session import stop_requests
from vfx_swap.errors import UsageError

if TYPE_CHECKING:
    from vfx_swap.cli.console import Console

__all__ = ["parse_remotely", "stream_remotely"]


def stream_remotely(console: Console, shot_file: Path, *, server: str, frames: str | None) -> None:
    """Send a shot's frames to a server and write the results here.

    Raises:
        SettingsError: every problem of the shot file.
        VfxSwapError: as the server says.
    """
    from vfx_swap.client.streaming import stream_shot
    from vfx_swap.colour.ocio import load_config
    from vfx_swap.io.ranges import parse_frames
    from vfx_swap.pipeline.validate import open_shot

    config = load_config()
    with with_server(server) as client:
        shot = open_shot(shot_file, config=config, engines=client.options().engines)
        wanted = None if frames is None else parse_frames(frames)
        with stop_requests(console) as cancelled, console.progress() as progress:
            report = client.run(
                lambda inner: stream_shot(
                    inner, shot, config=config, frames=wanted, progress=progress, cancelled=cancelled
                )
            )
    tell_remote(console, report, name=shot.name)


def parse_remotely(
    console: Console, plate: str, *, out: str, server: str, regions: bool, cryptomatte: bool, **how: Any
) -> None:
    """Find the regions of a plate's faces on a server and write them here.

    Raises:
        UsageError: both kinds of layers at once.
        VfxSwapError: as the server says.
    """
    from vfx_swap.client.streaming import stream_parse
    from vfx_swap.colour.ocio import load_config

    if regions and cryptomatte:
        raise UsageError("a server gives regions or Cryptomatte, one at a time", mend="Leave one of the two out")
    config = load_config()
    with with_server(server) as client, stop_requests(console) as cancelled, console.progress() as progress:
        report = client.run(
            lambda inner: stream_parse(
                inner,
                plate,
                out=out,
                config=config,
                cryptomatte=cryptomatte,
                progress=progress,
                cancelled=cancelled,
                **how,
            )
        )
    tell_remote(console, report, name=Path(out).name)
