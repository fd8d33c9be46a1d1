"""`parse`: regions of the faces of frames that come one by one."""

from __future__ import annotations

from dataclasses import replace

from vfx_swap.colour.decide import decide_colour_space
from vfx_swap.errors import ProtocolError
from vfx_swap.io.picture import Picture
from vfx_swap.io.sent import OnePicture
from vfx_swap.pipeline.analyse import AnalyseSettings
from vfx_swap.pipeline.parse import RegionLayer, parse_plan
from vfx_swap.pipeline.progress import never_cancelled, no_progress
from vfx_swap.pipeline.regions import open_parsing
from vfx_swap.pipeline.render_plan import SwapPlan
from vfx_swap.pipeline.render_steps import ReadFrame, SwappedFrame, swap_read
from vfx_swap.pipeline.shot_plate import ShotPlate
from vfx_swap.pipeline.tracks_file import load_tracks, rounded_track
from vfx_swap.service.handlers.frames import work_on
from vfx_swap.service.handlers.held import Held, text_of
from vfx_swap.service.link import Message
from vfx_swap.service.worker import Work
from vfx_swap.types import Track

__all__ = ["parse"]


def parse(held: Held, work: Work) -> Message:
    """Find the regions of every face of some frames, by the tracks that are given or of each frame by itself.

    Raises:
        UsageError, InputError: parser or tracks are not fit.
        CannotRunError: a model is missing.
        CancelledError: stopped between two frames.
    """
    body, tools = work.body, held.warm.tools
    mode = body.get("mode")
    if mode not in ("tracks", "stills"):
        raise ProtocolError(f"frames are parsed by tracks or as stills, not by {mode!r}")
    config, engine = tools.load_config(), body.get("parser") or None
    layers: tuple[RegionLayer, ...] = ("cryptomatte",) if body.get("cryptomatte") else ("regions",)
    followed = load_tracks(text_of(body, "tracks")).tracks if mode == "tracks" else None
    # Before a face is looked for: a parser that is not there is known at once.
    parsing = open_parsing(engine, tracks=followed or (), device=held.device)

    def swap(number: int, picture: Picture) -> tuple[SwapPlan, SwappedFrame]:
        decision = decide_colour_space(
            config, user=body.get("colour_space"), hints=picture.colour_hints, kind=picture.kind
        )
        space = decision.name
        by = parsing
        if followed is None:
            plate = ShotPlate(OnePicture(number, picture), (number,), (number,), config, space)
            by = replace(parsing, tracks=_faces_of(held, plate))
        plan = parse_plan(
            name=str(body.get("name") or "frames"),
            plate=f"{number}.exr",
            out=f"{number}.exr",
            layers=layers,
            parsing=by,
            config=config,
            colour_space=space,
            tools=tools,
        )
        return plan, swap_read(plan, number, ReadFrame(picture, digest="", current=False, seconds=0.0))

    return {"frames": work_on(held, work, swap, layers_only=True)}


def _faces_of(held: Held, plate: ShotPlate) -> tuple[Track, ...]:
    """The faces of one frame, rounded as a tracks file would hold them."""
    tools = held.warm.tools
    with tools.load_models() as models:
        made = tools.analyse(
            plate, models=models, progress=no_progress, cancelled=never_cancelled, settings=AnalyseSettings()
        )
    return tuple(sorted((rounded_track(track) for track in made.tracks), key=lambda track: track.id))
