"""`vfx-swap render`: a shot, as its file says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vfx_swap.cli.farming import FarmOptions, Where, render_on
from vfx_swap.cli.remote import ServerOption, render_remotely
from vfx_swap.cli.rendering import RESUME, SignOption, run_shot, sign_rendered, signer_for
from vfx_swap.cli.session import DebugOption, DeviceOption, JsonOption, running, stop_requests
from vfx_swap.cli.streaming import stream_remotely
from vfx_swap.errors import UsageError
from vfx_swap.pipeline.today import local_today

if TYPE_CHECKING:
    from vfx_swap.cli.console import Console
    from vfx_swap.settings import Shot

__all__ = ["render"]


def render(
    *,
    shot: Annotated[Path, typer.Argument(metavar="SHOT.toml", help="The shot file.")],
    frames: Annotated[
        str | None, typer.Option(metavar="RANGE", help="Only these of the shot's frames; tracks are the whole shot's.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Render frames even where they are current.")] = False,
    tracks_only: Annotated[
        bool, typer.Option("--tracks-only", help="Check consent, find and follow the faces, render nothing.")
    ] = False,
    on: Annotated[Where | None, typer.Option(help="In chunks: on processes here, or on a Ray cluster.")] = None,
    workers: Annotated[int | None, typer.Option(metavar="N", min=1, help="With --on: chunks at a time.")] = None,
    chunk: Annotated[int | None, typer.Option(metavar="N", min=1, help="With --on: frames a chunk.")] = None,
    address: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="With --on ray: the cluster; else one is started here.")
    ] = None,
    server: ServerOption = "",
    detach: Annotated[bool, typer.Option("--detach", help="With --server: submit the shot, do not wait.")] = False,
    stream: Annotated[
        bool, typer.Option("--stream", help="With --server: send the frames, write the results here.")
    ] = False,
    sign: SignOption = False,
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

        if on is None and (workers, chunk, address) != (None, None, None):
            raise UsageError("--workers, --chunk and --address go with --on", mend="Say --on local, or --on ray")
        _require_fit(on, sign=sign, server=server, tracks_only=tracks_only, frames=frames, overwrite=overwrite)
        if server:
            if on is not None or tracks_only or device != "cpu":
                what = "--on, --tracks-only and --device do not go with --server: the server has its own workers"
                raise UsageError(what, mend="Leave them out")
            _remotely(console, shot, server=server, frames=frames, overwrite=overwrite, detach=detach, stream=stream)
            return
        if detach or stream:
            raise UsageError("--detach and --stream go with --server", mend="Say --server ADDRESS")
        settings = open_shot(shot, config=load_config())
        wanted = None if frames is None else parse_frames(frames)
        if tracks_only:
            _prepare(console, settings)
            return
        signer = signer_for(settings) if sign else None
        if on is None:
            run_shot(console, settings, frames=wanted, overwrite=overwrite, device=device)
        else:
            spread = FarmOptions(on, workers=workers, chunk=chunk, address=address)
            render_on(console, shot, settings, spread, frames=wanted, overwrite=overwrite, device=device)
        if signer is not None:
            sign_rendered(console, settings, signer)


def _require_fit(
    on: Where | None, *, sign: bool, server: str, tracks_only: bool, frames: str | None, overwrite: bool
) -> None:
    """
    Raises:
        UsageError: options that ask for a part of the shot, with one that is about all of it.
    """
    if tracks_only and (on is not None or frames is not None or overwrite):
        raise UsageError("--tracks-only renders nothing: --on, --frames and --overwrite do not go with it")
    if sign and (server or tracks_only or frames is not None):
        what = "--sign signs the whole shot: --frames, --tracks-only and --server do not go with it"
        raise UsageError(what, mend="Sign when all is rendered: vfx-swap provenance sign SHOT.toml")


def _remotely(
    console: Console, shot: Path, *, server: str, frames: str | None, overwrite: bool, detach: bool, stream: bool
) -> None:
    if not stream:
        render_remotely(console, shot, server=server, frames=frames, overwrite=overwrite, detach=detach)
        return
    if detach or overwrite:
        raise UsageError("--detach and --overwrite do not go with --stream", mend="Leave them out")
    stream_remotely(console, shot, server=server, frames=frames)


def _prepare(console: Console, shot: Shot) -> None:
    from vfx_swap.pipeline.prepare import prepare_shot

    with stop_requests(console) as cancelled, console.progress() as progress:
        done = prepare_shot(shot, today=local_today(), progress=progress, cancelled=cancelled)
    console.event("done", name=shot.name, tracks=done.tracks, frames=len(done.frames), cast=list(done.cast))
    console.say(f"tracks: {done.tracks}")
