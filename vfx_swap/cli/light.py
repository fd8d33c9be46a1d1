"""`vfx-swap light`: the plate's light as files for hosts, and one frame under the shot's light settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vfx_swap.cli.session import DebugOption, DeviceOption, JsonOption, running, stop_requests
from vfx_swap.errors import UsageError
from vfx_swap.pipeline.today import local_today

__all__ = ["light"]


def light(
    *,
    shot: Annotated[Path, typer.Argument(metavar="SHOT.toml", help="The shot file.")],
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="light.json or light.exr (a pattern: every frame's); else a picture.")
    ],
    track: Annotated[int | None, typer.Option(metavar="ID", help="Whose light; else the first that is cast.")] = None,
    frame: Annotated[int | None, typer.Option(metavar="N", help="Which frame's HDRI; else the middle one's.")] = None,
    preview: Annotated[
        int | None, typer.Option(metavar="FRAME", help="Swap this frame alone; --out is a PNG or JPEG, plate and swap.")
    ] = None,
    device: DeviceOption = "cpu",
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Write the light on a performer as a latlong HDRI or as a key light with keys; or preview one frame.

    The plate is analysed where its tracks are not there yet, beside the shot's output.
    """
    with running(json=json, debug=debug) as console:
        from vfx_swap.colour.ocio import load_config
        from vfx_swap.pipeline.shot_light import preview_light, solve_light, write_light
        from vfx_swap.pipeline.validate import open_shot

        settings = open_shot(shot, config=load_config())
        if preview is not None:
            if track is not None or frame is not None:
                raise UsageError("--track and --frame do not go with --preview", mend="Leave them out")
            made = preview_light(settings, preview, out, today=local_today(), device=device)
            console.event("done", out=made, frame=preview)
            console.say(f"frame {preview}, plate and swap: {made}")
            return
        with stop_requests(console) as cancelled, console.progress() as progress:
            found = solve_light(settings, track=track, progress=progress, cancelled=cancelled)
        written = write_light(found, out, frame=frame)
        for one in found.key_frames():
            console.event(
                "key",
                frame=one.frame,
                azimuth_degrees=round(one.azimuth_degrees, 2),
                elevation_degrees=round(one.elevation_degrees, 2),
                intensity=round(one.intensity, 4),
                even=round(one.even, 4),
            )
            where = f"azimuth {one.azimuth_degrees:.0f}, elevation {one.elevation_degrees:.0f} degrees"
            console.say(f"frame {one.frame}: key at {where}, {one.intensity:.2f} beside {one.even:.2f} from all around")
        console.event("done", out=out, files=len(written), track=found.track.id)
        console.say(f"light of track {found.track.id}: {out}")
