"""Parse a plate: the regions of every face, written as layers over the plate, with nothing swapped.

A render with no casting: the same reading, writing, resuming and log, the same tracks file beside the frames.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Literal, TypeAlias

from vfx_swap import __version__
from vfx_swap.colour.ocio import ColourConfig
from vfx_swap.errors import UnsupportedImageError
from vfx_swap.io.outputs import open_output
from vfx_swap.io.paths import FramePattern
from vfx_swap.io.plates import MissingPolicy
from vfx_swap.pipeline.progress import Cancelled, Progress, never_cancelled, no_progress
from vfx_swap.pipeline.regions import Parsing, open_parsing
from vfx_swap.pipeline.render_frames import remove_stale
from vfx_swap.pipeline.render_log import RenderLog
from vfx_swap.pipeline.render_plan import RenderPlan, SwapPlan
from vfx_swap.pipeline.shot import ShotReport, Told, Tools, run_plan
from vfx_swap.pipeline.shot_plate import ShotPlate, open_shot_plate
from vfx_swap.pipeline.shot_tracks import ModelsOnDemand, shot_tracks
from vfx_swap.settings import Cast, Shot
from vfx_swap.settings.shot import Write

__all__ = ["RegionLayer", "parse_plan", "parse_plate"]

RegionLayer: TypeAlias = Literal["regions", "cryptomatte"]


def parse_plate(
    plate: str,
    *,
    out: str,
    layers: Sequence[RegionLayer] = ("regions",),
    frames: str = "",
    wanted: Sequence[int] | None = None,
    colour_space: str | None = None,
    missing: MissingPolicy = "error",
    engine: str | None = None,
    overwrite: bool = False,
    device: str = "cpu",
    progress: Progress = no_progress,
    cancelled: Cancelled = never_cancelled,
    tools: Tools = Tools(),
) -> ShotReport:
    """Write the regions of every face of a plate.

    Args:
        plate: a frame pattern, one picture or a movie.
        out: EXR, one picture or a pattern.
        layers: `regions`, `cryptomatte` or both.
        frames: the range; empty: every frame of the plate.
        wanted: the frames to write of that range; None: all. Tracks are the whole range's.
        colour_space: OCIO name; None: from the header, else by kind of file.
        missing: what a frame that is not on disk becomes.
        engine: id of a parser's card; None: the default.
        overwrite: True writes frames even where they are current.
        device: `cpu`, `cuda`, `cuda:N` or `auto`, for parsers that are networks.
        progress: told of every frame.
        cancelled: asked between frames.
        tools: what to work with.

    Raises:
        UsageError, InputError: plate, output or range are not fit, or there is no such parser.
        CannotRunError: a model or device is missing.
        FramesFailedError, OutputError, CancelledError: as `render_shot` has them.
    """
    # Before the faces are looked for: a parser that is not there is known at once.
    open_parsing(engine, tracks=(), device=device)
    opened = open_shot_plate(
        plate,
        frames=frames,
        missing=missing,
        colour_space=colour_space,
        config=tools.load_config(),
        wanted=wanted,
    )
    told = Told(progress, looked_for="face")
    for warning in opened.warnings:
        told.warn(warning)
    return _written(
        opened, out, layers, engine, told, overwrite=overwrite, device=device, cancelled=cancelled, tools=tools
    )


def _written(
    opened: ShotPlate,
    out: str,
    layers: Sequence[RegionLayer],
    engine: str | None,
    told: Told,
    *,
    overwrite: bool,
    device: str,
    cancelled: Cancelled,
    tools: Tools,
) -> ShotReport:
    name = FramePattern.parse(out).name
    with ExitStack() as stack:
        stack.enter_context(opened.plate)
        output = open_output(out, plate=opened.plate, layers=True)
        if output.is_movie:
            raise UnsupportedImageError("regions are layers of EXR", where=out, mend="Write name.####.exr")
        log = stack.enter_context(RenderLog(folder=output.path(opened.frames[0]).parent, name=name))
        remove_stale(output)
        models = stack.enter_context(ModelsOnDemand(tools.load_models))
        path = log.folder / f"{name}.tracks.json"
        tracks = shot_tracks(
            opened,
            path=path,
            models=models,
            digests=tools.model_digests(),
            progress=told.progress,
            cancelled=cancelled,
            analyse_with=tools.analyse,
        )
        parsing = open_parsing(engine, tracks=tracks.tracks, device=device)
        swaps = parse_plan(
            name=name,
            plate=opened.plate.pattern.text,
            out=output.pattern.text,
            layers=layers,
            parsing=parsing,
            config=opened.config,
            colour_space=opened.colour_space,
            tools=tools,
        )
        plan = RenderPlan(**vars(swaps), plate=opened.plate, output=output, frames=opened.frames, overwrite=overwrite)
        return run_plan(plan, log, path, told, cancelled)


def parse_plan(
    *,
    name: str,
    plate: str,
    out: str,
    layers: Sequence[RegionLayer],
    parsing: Parsing,
    config: ColourConfig,
    colour_space: str,
    tools: Tools = Tools(),
) -> SwapPlan:
    """What frames are parsed by: a plan of swaps in which nobody goes in.

    Args:
        name: of the shot.
        plate: as settings have it.
        out: as settings have it.
        layers: `regions`, `cryptomatte` or both.
        parsing: what finds the regions, and whose.
        config: OCIO config.
        colour_space: of the frames' values.
        tools: what to work with.
    """
    return SwapPlan(
        shot=_shot(plate, out, name, layers),
        config=config,
        colour_space=colour_space,
        cast=(),
        base_digest=_base_digest(config, colour_space, layers, parsing.decides),
        header={
            "schema": "vfx_swap/header.1",
            "version": __version__,
            "engine": parsing.parser.id,
            "models": dict(parsing.digests),
            "identities": [],
        },
        swap_frame=tools.swap_frame,
        parsing=parsing,
    )


def _shot(plate: str, out: str, name: str, layers: Sequence[RegionLayer]) -> Shot:
    """What the frames' steps look up of a shot. Its casting is never read: nobody goes in."""
    nobody = Cast(position="all", identity="nobody")
    return Shot(name=name[:128], plate=plate, output=out, cast=(nobody,), write=Write(layers=tuple(layers)))


def _base_digest(config: ColourConfig, colour_space: str, layers: Sequence[RegionLayer], decides: list[object]) -> str:
    """Digest of all but plate and faces."""
    linear = config.scene_linear_for(colour_space)
    seen = [
        "parse",
        __version__,
        sorted(layers),
        decides,
        colour_space,
        config.digest,
        config.conversion_digest(source=colour_space, destination=linear),
    ]
    return hashlib.sha256(json.dumps(seen).encode()).hexdigest()
