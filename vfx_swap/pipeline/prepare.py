"""The first step of a shot that is rendered in chunks: all that can be refused is refused, and the tracks are made.

Chunks that start together would wait for the first of them to analyse; a farm's machines have better to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from vfx_swap.colour.ocio import ColourConfig
from vfx_swap.errors import UsageError
from vfx_swap.io.paths import FramePattern
from vfx_swap.pipeline.consent import check_consent
from vfx_swap.pipeline.identity_file import load_identity
from vfx_swap.pipeline.progress import Cancelled, Progress, never_cancelled, no_progress
from vfx_swap.pipeline.render_log import output_trouble
from vfx_swap.pipeline.shot import Tools, track_plate
from vfx_swap.pipeline.shot_plate import open_shot_plate
from vfx_swap.pipeline.shot_tracks import ModelsOnDemand, cast_shot
from vfx_swap.settings import Shot

__all__ = ["Prepared", "check_cast", "frames_for_chunks", "output_folder", "prepare_shot"]


@dataclass(frozen=True)
class Prepared:
    """What stands ready."""

    tracks: Path
    frames: tuple[int, ...]
    """Every frame of the shot."""
    cast: tuple[int, ...]
    """Ids of the tracks that are cast."""


def prepare_shot(
    shot: Shot,
    *,
    today: date,
    progress: Progress = no_progress,
    cancelled: Cancelled = never_cancelled,
    tools: Tools = Tools(),
) -> Prepared:
    """Check consent, find and follow faces, cast them; render nothing. Current tracks are kept, edits included.

    Needs no device: faces are found on the CPU. Arguments are those of `render_shot`.

    Raises:
        RefusedError: consent is missing, expired, or of another scope; nothing was read of the plate.
        UsageError, InputError: settings, plate, identity or tracks are not fit.
        NoFaceError: a cast face is nowhere in the shot.
        CannotRunError: a model is missing.
        OutputError: the tracks cannot be written.
        CancelledError: stopped.
    """
    check_cast(shot, today=today)
    path = output_folder(shot) / f"{shot.name}.tracks.json"
    tracks = track_plate(
        shot.plate,
        out=path,
        frames=shot.frames,
        colour_space=shot.colour_space,
        missing=shot.missing,
        progress=progress,
        cancelled=cancelled,
        tools=tools,
    )
    with ModelsOnDemand(tools.load_models) as models:
        owners = cast_shot(shot, tracks, config=tools.load_config(), models=models, progress=progress)
    return Prepared(tracks=path, frames=tracks.frames, cast=tuple(owners))


def check_cast(shot: Shot, *, today: date) -> None:
    """Refuse a shot that casts an identity which does not consent to it.

    Raises:
        RefusedError: consent is missing, expired, or of another scope.
        InputError: a pack cannot be read.
    """
    for pack in dict.fromkeys(cast.identity for cast in shot.cast):
        check_consent(load_identity(pack), today=today, shot_name=shot.name, pack=pack)


def output_folder(shot: Shot) -> Path:
    """The folder of the shot's output, made where it is not there: where tracks and log stand.

    Raises:
        OutputError: it cannot be made.
    """
    folder = FramePattern.parse(shot.output).folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_trouble(error, where=folder, doing="making the output folder") from error
    return folder


def frames_for_chunks(shot: Shot, *, config: ColourConfig, wanted: Sequence[int] | None = None) -> tuple[int, ...]:
    """The frames of a shot that is to be rendered in chunks, in order.

    Args:
        shot: the settings.
        config: OCIO config.
        wanted: the frames asked for; None: every frame of the shot.

    Raises:
        UsageError: the output is a movie; frames that are not the shot's.
        InputError: the plate is not fit.
    """
    if FramePattern.parse(shot.output).kind == "movie":
        what = "a movie is one file, its frames cannot be rendered apart"
        raise UsageError(what, where=shot.output, mend="Write a sequence, or render it in one process")
    plate = open_shot_plate(
        shot.plate,
        frames=shot.frames,
        missing=shot.missing,
        colour_space=shot.colour_space,
        config=config,
        wanted=wanted,
    )
    with plate.plate:
        return plate.frames
