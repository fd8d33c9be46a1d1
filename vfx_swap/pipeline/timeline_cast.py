"""Who of the cast is seen in a stretch of a plate: the performers of photographs, or a face at a place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from vfx_swap.colour.display import to_display
from vfx_swap.colour.ocio import LINEAR_REC709, ColourConfig
from vfx_swap.io.paths import FramePattern
from vfx_swap.pipeline.casting import embed_performer
from vfx_swap.pipeline.identity import read_photograph
from vfx_swap.pipeline.progress import Cancelled, Progress, ProgressEvent
from vfx_swap.pipeline.render_log import output_trouble
from vfx_swap.pipeline.shot import Tools, track_plate
from vfx_swap.pipeline.shot_tracks import ModelsOnDemand, cast_shot
from vfx_swap.pipeline.tracks_file import Tracks
from vfx_swap.settings import Shot
from vfx_swap.types import Embedding

__all__ = ["Looks", "cast_stretch", "performers_of"]


@dataclass(frozen=True, eq=False)
class Looks:
    """What the performers' photographs show."""

    embeddings: Mapping[str, Embedding]
    """By path of the photograph."""
    same_person_below: float
    """The recogniser's threshold; 0 where there are no photographs."""


def performers_of(shot: Shot, *, config: ColourConfig, models: ModelsOnDemand, progress: Progress) -> Looks:
    """Look at the performers' photographs, once for a whole timeline.

    Raises:
        NoFaceError: no face in a photograph.
        InputError: a photograph cannot be read.
        CannotRunError: a model is missing.
    """

    def warn(text: str) -> None:
        progress(ProgressEvent("analyse", "warning", message=text))

    photographs = [cast.performer for cast in shot.cast if cast.performer is not None]
    embeddings = {}
    for photograph in dict.fromkeys(photographs):
        linear = read_photograph(Path(photograph), config=config, colour_space=None, warn=warn)
        image = to_display(linear, config=config, colour_space=LINEAR_REC709)
        embeddings[photograph] = embed_performer(image, models=models(), where=photograph)
    return Looks(embeddings, models().recogniser.same_person_below if embeddings else 0.0)


def cast_stretch(
    shot: Shot,
    looks: Looks,
    *,
    config: ColourConfig,
    models: ModelsOnDemand,
    tools: Tools,
    progress: Progress,
    cancelled: Cancelled,
) -> Shot | None:
    """Find and follow the faces of a stretch, and cast those that are seen.

    Args:
        shot: the stretch, with the whole cast.
        looks: what the photographs show.
        config: OCIO config.
        models: loaded when they are first needed.
        tools: what to work with.
        progress: told of every frame.
        cancelled: asked between frames.

    Returns:
        The same shot, cast by track; None where nobody of the cast is seen.

    Raises:
        InputError, UsageError: plate or tracks are not fit, or a photograph cannot tell two tracks apart.
        CannotRunError: a model is missing.
        OutputError: the tracks cannot be written.
        CancelledError: stopped.
    """
    folder = FramePattern.parse(shot.output).folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_trouble(error, where=folder, doing="making the output folder") from error
    tracks = track_plate(
        shot.plate,
        out=folder / f"{shot.name}.tracks.json",
        frames=shot.frames,
        colour_space=shot.colour_space,
        missing=shot.missing,
        progress=progress,
        cancelled=cancelled,
        tools=replace(tools, load_models=lambda: nullcontext(models())),
    )
    seen = [cast for cast in shot.cast if _is_seen(cast.performer, tracks, looks)]
    if not seen or not tracks.tracks:
        return None
    present = shot.model_copy(update={"cast": tuple(seen)})
    owners = cast_shot(present, tracks, config=config, models=models, progress=progress)
    by_track = [
        cast.model_copy(update={"performer": None, "position": None, "track": track}) for track, cast in owners.items()
    ]
    return present.model_copy(update={"cast": tuple(by_track)})


def _is_seen(performer: str | None, tracks: Tracks, looks: Looks) -> bool:
    if performer is None:
        return bool(tracks.tracks)
    wanted = looks.embeddings[performer]
    near: Sequence[Embedding] = [
        track.embedding for track in tracks.tracks if track.embedding.recogniser == wanted.recogniser
    ]
    return any(one.distance(wanted) < looks.same_person_below for one in near)
