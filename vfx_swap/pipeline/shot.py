"""A shot from settings to files: consent, tracks, casting, every frame in order, what is on record.

The order is the promise: consent is checked before anything of the plate is read, all that can be refused
is refused before a frame is rendered, and a frame whose output is current is not rendered again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Protocol

from vfx_swap.colour.ocio import ColourConfig, load_config
from vfx_swap.errors import CancelledError, FrameFailure, FramesFailedError, UnsupportedImageError
from vfx_swap.io.outputs import Output, open_output
from vfx_swap.io.plates import MissingPolicy
from vfx_swap.models.default import FaceModels, load_face_models
from vfx_swap.models.devices import open_kernels
from vfx_swap.models.kernels import Kernels
from vfx_swap.pipeline.engines import Engine, open_engine
from vfx_swap.pipeline.frame_layers import with_layers
from vfx_swap.pipeline.progress import Cancelled, Progress, ProgressEvent, never_cancelled, no_progress
from vfx_swap.pipeline.render_frames import FrameOutcome, is_current_movie, remove_stale, render_frames
from vfx_swap.pipeline.render_log import FrameRow, RenderLog
from vfx_swap.pipeline.render_plan import CastTrack, RenderPlan, SwapFrame
from vfx_swap.pipeline.shot_cast import checked, consenting_identities, prepare_cast
from vfx_swap.pipeline.shot_digest import RENDER_REVISION, base_digest, shot_header
from vfx_swap.pipeline.shot_plate import ShotPlate, open_shot_plate
from vfx_swap.pipeline.shot_tracks import (
    AnalysePlate,
    ModelsOnDemand,
    analyse_plate,
    cast_shot,
    default_digests,
    shot_tracks,
)
from vfx_swap.pipeline.swap import swap_frame
from vfx_swap.pipeline.tracks_file import Tracks
from vfx_swap.settings import Shot, file_sha256
from vfx_swap.types import Identity

__all__ = ["RENDER_REVISION", "OpenEngine", "ShotReport", "Told", "Tools", "render_shot", "run_plan", "track_plate"]

RESUME = "Run the same command again to go on: frames already written are kept"


@dataclass(frozen=True)
class ShotReport:
    """What a render did."""

    name: str
    output: str
    """As the settings give it."""
    log: Path
    tracks: Path
    rendered: tuple[int, ...] = ()
    skipped: tuple[int, ...] = ()
    """Frames whose output was current."""
    without_face: tuple[int, ...] = ()
    """Rendered frames in which no cast face is seen: written as the plate."""
    warnings: tuple[str, ...] = ()


class OpenEngine(Protocol):
    """Engines by the name that a shot gives."""

    def __call__(self, shot: Shot, *, config: ColourConfig, kernels: Kernels) -> Engine:
        """The engine; CannotRunError where it cannot run here."""
        ...


@dataclass(frozen=True, eq=False)
class Tools:
    """What a render works with; the defaults are the real ones, tests bring quick ones."""

    swap_frame: SwapFrame = swap_frame
    open_engine: OpenEngine = open_engine
    open_kernels: Callable[[str], Kernels] = open_kernels
    load_models: Callable[[], AbstractContextManager[FaceModels]] = load_face_models
    model_digests: Callable[[], dict[str, str]] = default_digests
    load_config: Callable[[], ColourConfig] = load_config
    analyse: AnalysePlate = analyse_plate


@dataclass(eq=False)
class Told:
    """Warnings said so far, each told once."""

    progress: Progress
    said: dict[str, None] = field(default_factory=dict)
    looked_for: str = "cast face"

    def warn(self, text: str, *, frame: int | None = None, done: int = 0, total: int = 0) -> None:
        """Tell of it, the first time."""
        if text not in self.said:
            self.said[text] = None
            self.progress(ProgressEvent("render", "warning", done, total, frame, text))


def render_shot(
    shot: Shot,
    *,
    frames: Sequence[int] | None = None,
    overwrite: bool = False,
    device: str = "cpu",
    today: date,
    progress: Progress = no_progress,
    cancelled: Cancelled = never_cancelled,
    tools: Tools = Tools(),
) -> ShotReport:
    """Render a shot, or some frames of it.

    Args:
        shot: the settings.
        frames: the frames wanted, of the shot's; None: all of them. Tracks are always the whole shot's, so
            that a frame has the same bits whatever range it is rendered in.
        overwrite: True renders frames even where their output is current.
        device: where frames are swapped (`models.devices`); faces are found and followed on the CPU all the same.
        today: the day that consent is checked for.
        progress: told of every frame, in this thread.
        cancelled: asked between frames; True stops once the frames in hand are written.
        tools: what to work with.

    Raises:
        RefusedError: consent is missing, expired, or of another scope; nothing was read of the plate.
        UsageError, InputError: settings, plate, identity or tracks are not fit; no frame was rendered.
        NoFaceError: a cast face is nowhere in the shot.
        CannotRunError: a model or device is missing.
        FramesFailedError: some frames failed; the others are written.
        OutputError: the output cannot be written at all.
        CancelledError: stopped; the frames written stay.
    """
    identities = consenting_identities(shot, today=today)
    config = tools.load_config()
    engine = checked(tools.open_engine(shot, config=config, kernels=tools.open_kernels(device)), identities)
    plate = open_shot_plate(
        shot.plate,
        frames=shot.frames,
        missing=shot.missing,
        colour_space=shot.colour_space,
        config=config,
        wanted=frames,
    )
    told = Told(progress)
    for warning in plate.warnings:
        told.warn(warning)
    with ExitStack() as stack:
        stack.enter_context(plate.plate)
        output = _open_output(shot, plate)
        log = stack.enter_context(RenderLog(folder=output.path(plate.frames[0]).parent, name=shot.name))
        remove_stale(output)
        stack.enter_context(output)  # after the log: a movie is finished before the log is merged
        models = stack.enter_context(ModelsOnDemand(tools.load_models))
        path = log.folder / f"{shot.name}.tracks.json"
        tracks = _tracks(plate, path, models, tools, progress, cancelled)
        owners = cast_shot(shot, tracks, config=config, models=models, progress=progress)
        cast = prepare_cast(owners, tracks, identities, engine, plate, lighting=shot.lighting)
        plan = _plan(shot, plate, output, cast, engine, identities, swap_frame=tools.swap_frame, overwrite=overwrite)
        return run_plan(with_layers(plan, device=device), log, path, told, cancelled)


def _open_output(shot: Shot, plate: ShotPlate) -> Output:
    output = open_output(shot.output, plate=plate.plate, layers=bool(shot.write.layers))
    if plate.plate.kind == "float" and not output.takes_float:
        kind = "a movie" if output.is_movie else output.pattern.extension
        what = f"a plate of float light does not fit into {kind}: it would be clipped at white"
        raise UnsupportedImageError(what, where=shot.output, mend="Write EXR (or TIFF, which holds floats)")
    return output


def _tracks(
    plate: ShotPlate, path: Path, models: ModelsOnDemand, tools: Tools, progress: Progress, cancelled: Cancelled
) -> Tracks:
    return shot_tracks(
        plate,
        path=path,
        models=models,
        digests=tools.model_digests(),
        progress=progress,
        cancelled=cancelled,
        analyse_with=tools.analyse,
    )


def track_plate(
    plate: str,
    *,
    out: Path,
    frames: str = "",
    colour_space: str | None = None,
    missing: MissingPolicy = "error",
    progress: Progress = no_progress,
    cancelled: Cancelled = never_cancelled,
    tools: Tools = Tools(),
) -> Tracks:
    """The analyse pass alone: find and follow every face of a plate, and write the tracks file.

    Args:
        plate: a frame pattern, one picture or a movie.
        out: the tracks file; current tracks in it are kept, edits included.
        frames: the range; empty: every frame of the plate.
        colour_space: OCIO name; None: from the header, else by kind of file.
        missing: what a frame that is not on disk becomes.
        progress: told of every frame.
        cancelled: asked between frames.
        tools: what to work with.

    Raises:
        InputError, UsageError: plate, range or tracks file are not fit.
        CannotRunError: a model or device is missing.
        OutputError: the tracks cannot be written.
        CancelledError: stopped; nothing was written.
    """
    opened = open_shot_plate(
        plate, frames=frames, missing=missing, colour_space=colour_space, config=tools.load_config()
    )
    for warning in opened.warnings:
        progress(ProgressEvent("analyse", "warning", message=warning))
    with opened.plate, ModelsOnDemand(tools.load_models) as models:
        return _tracks(opened, out, models, tools, progress, cancelled)


def _plan(
    shot: Shot,
    plate: ShotPlate,
    output: Output,
    cast: tuple[CastTrack, ...],
    engine: Engine,
    identities: Mapping[str, Identity],
    *,
    swap_frame: SwapFrame,
    overwrite: bool,
) -> RenderPlan:
    return RenderPlan(
        shot=shot,
        plate=plate.plate,
        output=output,
        frames=plate.frames,
        config=plate.config,
        colour_space=plate.colour_space,
        cast=cast,
        base_digest=base_digest(shot, engine, plate.config, colour_space=plate.colour_space),
        header=shot_header(identities, engine),
        swap_frame=swap_frame,
        kernels=engine.kernels,
        overwrite=overwrite,
    )


@dataclass(eq=False)
class _Tally:
    """What became of the frames so far."""

    rendered: list[FrameRow] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)
    failures: list[FrameFailure] = field(default_factory=list)
    first_error: Exception | None = None

    @property
    def count(self) -> int:
        return len(self.rendered) + len(self.skipped) + len(self.failures)

    def add(self, outcome: FrameOutcome, *, told: Told, total: int) -> None:
        """Count a frame and tell of it."""
        row, number = outcome.row, outcome.frame
        if row is None:
            self.skipped.append(number)
            told.progress(ProgressEvent("render", "skipped", self.count, total, number))
        elif row.error is not None:
            self.failures.append(FrameFailure(number, row.error))
            self.first_error = self.first_error or outcome.error
            told.progress(ProgressEvent("render", "failed", self.count, total, number, row.error))
        else:
            self.rendered.append(row)
            for warning in row.warnings:
                told.warn(warning, frame=number, done=self.count, total=total)
            if not row.metrics.get("faces"):
                told.warn(
                    f"no {told.looked_for} in frame {number}: the plate as it is",
                    frame=number,
                    done=self.count,
                    total=total,
                )
            done = ProgressEvent("render", "frame", self.count, total, number, metrics=row.metrics, seconds=row.seconds)
            told.progress(done)


def run_plan(plan: RenderPlan, log: RenderLog, tracks: Path, told: Told, cancelled: Cancelled) -> ShotReport:
    """Render what is planned and tell of every frame; errors as `render_shot` says."""
    total, tally = len(plan.frames), _Tally()
    told.progress(ProgressEvent("render", "started", total=total))
    if plan.output.is_movie and is_current_movie(plan, log.rows, cancelled=cancelled):
        outcomes = iter([FrameOutcome(number, None) for number in plan.frames])
    else:
        # A movie is one file: where one frame is new, all of it is written anew.
        plan = replace(plan, overwrite=plan.overwrite or plan.output.is_movie)
        outcomes = render_frames(plan, log=log, cancelled=cancelled)
    for outcome in outcomes:
        tally.add(outcome, told=told, total=total)
    if tally.count < total:
        kept = "" if plan.output.is_movie else f"; {len(tally.rendered) + len(tally.skipped)} are written"
        raise CancelledError(f"stopped after {tally.count} of {total} frames{kept}", mend=RESUME)
    told.progress(ProgressEvent("render", "finished", total, total))
    if tally.failures:
        mend = "Mend what is named and run again: only these frames are rendered"
        if plan.output.is_movie:
            mend = "No movie was written: it would lack these frames. Mend what is named and run again"
        raise FramesFailedError(tally.failures, where=plan.shot.name, mend=mend) from tally.first_error
    if plan.output.is_movie and tally.rendered:
        plan.output.close()
        digest = file_sha256(plan.output.path(plan.frames[0]))
        for row in tally.rendered:
            log.append(replace(row, output_digest=digest))
    return ShotReport(
        name=plan.shot.name,
        output=plan.shot.output,
        log=log.path,
        tracks=tracks,
        rendered=tuple(row.frame for row in tally.rendered),
        skipped=tuple(tally.skipped),
        without_face=tuple(row.frame for row in tally.rendered if not row.metrics.get("faces")),
        warnings=tuple(told.said),
    )
