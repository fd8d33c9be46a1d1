"""The tracks of a shot: reused while they are current, made once even when chunks start together; and the casting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from vfx_swap.colour.display import to_display
from vfx_swap.colour.ocio import LINEAR_REC709, ColourConfig
from vfx_swap.errors import CancelledError, TracksError
from vfx_swap.models.default import FACE_ARCHITECTURES, FaceModels
from vfx_swap.models.face_light import FaceSurface
from vfx_swap.models.registry import load_registry
from vfx_swap.pipeline.analyse import AnalyseSettings, analyse, display_for, read_each
from vfx_swap.pipeline.camera_look import read_camera
from vfx_swap.pipeline.casting import CastBy, cast_tracks, embed_performer
from vfx_swap.pipeline.face_lights import read_lights, smooth_lights
from vfx_swap.pipeline.front import find_fronts
from vfx_swap.pipeline.identity import read_photograph
from vfx_swap.pipeline.progress import Cancelled, Progress, ProgressEvent
from vfx_swap.pipeline.render_log import folder_lock
from vfx_swap.pipeline.shot_plate import ShotPlate
from vfx_swap.pipeline.tracks_file import Tracks, load_tracks, save_tracks, tracks_are_current
from vfx_swap.settings import Cast, Shot
from vfx_swap.types import Embedding, Frame

__all__ = ["AnalysePlate", "ModelsOnDemand", "analyse_plate", "cast_shot", "default_digests", "shot_tracks"]


class AnalysePlate(Protocol):
    """The analyse pass over a whole shot."""

    def __call__(
        self,
        plate: ShotPlate,
        *,
        models: FaceModels,
        progress: Progress,
        cancelled: Cancelled,
        settings: AnalyseSettings,
    ) -> Tracks:
        """Tracks of every face; their two digests are filled in by the caller."""
        ...


class ModelsOnDemand:
    """Face models that load when they are first asked for, and are closed at the end of the block."""

    def __init__(self, load: Callable[[], AbstractContextManager[FaceModels]]) -> None:
        self._load = load
        self._held = ExitStack()
        self._models: FaceModels | None = None

    def __enter__(self) -> Self:
        """Loads nothing yet."""
        return self

    def __call__(self) -> FaceModels:
        """The models.

        Raises:
            CannotRunError: a model file or a device is missing.
        """
        if self._models is None:
            self._models = self._held.enter_context(self._load())
        return self._models

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the models, if they were loaded."""
        self._held.close()


def default_digests() -> dict[str, str]:
    """Card id/file name -> SHA-256 for the default face models, from their cards: as `FaceModels.digests`, unloaded."""
    registry = load_registry(architectures=FACE_ARCHITECTURES)
    cards = [registry.default_card(task) for task in ("detect", "landmarks", "recognise", "hands")]
    return {f"{card.id}/{file.name}": file.sha256 for card in cards for file in card.file}


def shot_tracks(
    plate: ShotPlate,
    *,
    path: Path,
    models: ModelsOnDemand,
    digests: Mapping[str, str],
    progress: Progress,
    cancelled: Cancelled,
    settings: AnalyseSettings = AnalyseSettings(),
    analyse_with: AnalysePlate | None = None,
) -> Tracks:
    """The tracks of the whole shot: those on disk while they are current, edits included, else made anew.

    Chunks of one shot that start together wait here for the first of them, and then share its tracks.

    Args:
        plate: the opened plate.
        path: the tracks file.
        models: loaded only when there is something to analyse.
        digests: of the models, as in `FaceModels.digests`.
        progress: told of every frame.
        cancelled: asked between frames.
        settings: of the analyse pass.
        analyse_with: the analyse pass; None: `analyse_plate`.

    Raises:
        TracksError: the file on disk is no tracks file, or one edited by hand that is of other frames.
        CancelledError: stopped; nothing was written.
        CannotRunError: a model cannot run.
        OutputError: the tracks cannot be written.
    """
    known = plate.fingerprint()
    wanted = settings.digest(models=digests)
    with folder_lock(path.with_name(f".{path.stem}.lock"), cancelled=cancelled):
        if path.exists():
            tracks = load_tracks(path)
            if tracks_are_current(tracks, plate_digest=known, settings_digest=wanted):
                edited = ", with its edits" if tracks.edited else ""
                progress(ProgressEvent("analyse", "note", message=f"tracks reused{edited}: {path}"))
                return tracks
            if tracks.edited:
                raise TracksError(
                    "this tracks file was edited by hand, but the plate, its frames or the models have changed since",
                    where=path,
                    mend="Put them back, or move the file away to analyse again without the edits",
                )
        run = analyse_plate if analyse_with is None else analyse_with
        made = run(plate, models=models(), progress=progress, cancelled=cancelled, settings=settings)
        aside = save_tracks(replace(made, plate_digest=known, settings_digest=wanted), path)
        if aside is not None:  # somebody worked on the file while the plate was analysed, which takes minutes
            progress(ProgressEvent("analyse", "note", message=f"tracks edited meanwhile are kept, not used: {aside}"))
        # Read back: what is rendered now and what another chunk renders from the file are the same bits.
        return load_tracks(path)


def analyse_plate(
    plate: ShotPlate,
    *,
    models: FaceModels,
    progress: Progress,
    cancelled: Cancelled,
    settings: AnalyseSettings,
) -> Tracks:
    """Run the analyse pass over the whole shot.

    Raises:
        CancelledError: stopped.
        CannotRunError: a model cannot run.
    """

    def read(number: int) -> Frame:
        if cancelled():
            raise CancelledError("stopped in the analyse pass", mend="Run the same command again")
        return plate.read(number)

    display = display_for(plate.config)
    tracks = analyse(
        read_each(plate.shot_frames, read=read),
        models=models,
        display=display,
        settings=settings,
        plate=plate.plate.pattern.text,
        total=len(plate.shot_frames),
        progress=progress,
    )
    if not tracks.tracks:
        return tracks
    # A landmarker of another mesh has no canonical one: then nothing can be said of what is in front.
    mesh = getattr(models.landmarker, "mesh", None)
    if mesh is None:
        return tracks
    progress(ProgressEvent("analyse", "note", message="looking at every face again for what lies in front of it"))
    again = read_each(tracks.frames, read=read)
    tracks = find_fronts(tracks, again, display=display, hands=models.hands, mesh=mesh)
    progress(ProgressEvent("analyse", "note", message="reading the light on every face"))
    # Once more: light is not read off what lies in front, which is known only now.
    lit = read_lights(
        tracks.tracks, read_each(tracks.frames, read=read), surface=FaceSurface(mesh), config=plate.config
    )
    lights = {track.id: smooth_lights(track, lit[track.id], cuts=tracks.cuts) for track in tracks.tracks}
    tracks = replace(tracks, lights=lights)
    again = read_each(tracks.frames, read=read)
    return replace(tracks, camera=read_camera(tracks.tracks, again, numbers=tracks.frames, cuts=tracks.cuts))


def cast_shot(
    shot: Shot, tracks: Tracks, *, config: ColourConfig, models: ModelsOnDemand, progress: Progress
) -> dict[int, Cast]:
    """Track id -> casting, for every track that is cast, in order of ids.

    Raises:
        NoFaceError: no face in the shot, or none in a performer's photograph.
        TracksError: a track or a performer that is not in the shot.
        UsageError: two castings claim one track, or a photograph cannot tell two tracks apart.
        InputError: a photograph cannot be read.
    """

    def warn(text: str) -> None:
        progress(ProgressEvent("analyse", "warning", message=text))

    def embed(photograph: str) -> Embedding:
        linear = read_photograph(Path(photograph), config=config, colour_space=None, warn=warn)
        image = to_display(linear, config=config, colour_space=LINEAR_REC709)
        return embed_performer(image, models=models(), where=photograph)

    wanted = [
        CastBy(
            performer=None if cast.performer is None else embed(cast.performer),
            track=cast.track,
            position=cast.position,
            name=cast.performer or f"cast[{index}]",
        )
        for index, cast in enumerate(shot.cast)
    ]
    by_looks = any(cast.performer is not None for cast in shot.cast)
    threshold = models().recogniser.same_person_below if by_looks else 0.0
    owners = cast_tracks(tracks, wanted, same_person_below=threshold)
    return {track_id: shot.cast[index] for track_id, index in owners.items()}
