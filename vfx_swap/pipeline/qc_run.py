"""Quality control of a shot or a sequence, from files to report: page, JSON and CSV."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from vfx_swap.colour.ocio import ColourConfig, load_config
from vfx_swap.errors import FrameRangeError, UsageError
from vfx_swap.io.ranges import format_frames, parse_frames
from vfx_swap.models.default import FaceModels, load_face_models
from vfx_swap.pipeline.progress import Cancelled, Progress, ProgressEvent, never_cancelled, no_progress
from vfx_swap.pipeline.qc_judge import QcVerdict, judge
from vfx_swap.pipeline.qc_page import qc_page
from vfx_swap.pipeline.qc_pictures import frames_to_show, make_pictures
from vfx_swap.pipeline.qc_read import QcFiles
from vfx_swap.pipeline.qc_scan import QcFrame, scan_frames
from vfx_swap.pipeline.qc_subject import QcSubject, is_shot_file, subject_of_sequence, subject_of_shot
from vfx_swap.pipeline.qc_tables import csv_text, json_document, json_text, write_text
from vfx_swap.pipeline.shot_tracks import ModelsOnDemand

__all__ = ["DEFAULT_PICTURES", "QcReport", "QcRequest", "run_qc"]

DEFAULT_PICTURES = 48
"""Frames of a report that have pictures."""


@dataclass(frozen=True)
class QcRequest:
    """What is asked for."""

    what: str
    """A shot file, or rendered frames: `name.####.exr`, one picture, a movie."""
    out: Path
    """The page; JSON and CSV get its name with other endings."""
    plate: str | None = None
    """Of rendered frames without a shot file."""
    identity: Path | None = None
    """Who went in, for rendered frames without a shot file."""
    frames: str | None = None
    """Only these; of a shot file, frames of the shot."""
    pictures: int = DEFAULT_PICTURES


@dataclass(frozen=True, eq=False)
class QcReport:
    """What was found, and where it is written."""

    subject: QcSubject
    frames: tuple[QcFrame, ...]
    verdict: QcVerdict
    page: Path
    json: Path
    csv: Path


def run_qc(
    request: QcRequest,
    *,
    progress: Progress = no_progress,
    cancelled: Cancelled = never_cancelled,
    load_models: Callable[[], AbstractContextManager[FaceModels]] = load_face_models,
    config: ColourConfig | None = None,
) -> QcReport:
    """Measure, judge and write the report.

    Args:
        request: what is asked for.
        progress: told of every frame.
        cancelled: asked between frames.
        load_models: the face models.
        config: OCIO config; None: the one in use.

    Raises:
        UsageError, InputError: the shot file, the frames or the plate are not fit to be looked at.
        CannotRunError: a model cannot run.
        OutputError: the report cannot be written.
        CancelledError: stopped; nothing was written.
    """
    _check(request)
    colours = load_config() if config is None else config
    with load_models() as models:
        subject = _subject(request, config=colours, models=models)
        for note in subject.notes:
            progress(ProgressEvent("qc", "warning", message=note))
        with QcFiles(subject, config=colours) as files:
            for note in files.notes:
                progress(ProgressEvent("qc", "warning", message=note))
            scan = scan_frames(subject, files, models=models, config=colours, progress=progress, cancelled=cancelled)
            frames = tuple(scan)
            verdict = judge(frames, subject.limits)
            progress(ProgressEvent("qc", "note", message="writing the report"))
            wanted = frames_to_show(frames, verdict, most=request.pictures)
            pictures = make_pictures(frames, wanted, files, config=colours, progress=progress, cancelled=cancelled)
            notes = (*subject.notes, *files.notes)
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    report = QcReport(
        subject, frames, verdict, request.out, request.out.with_suffix(".json"), request.out.with_suffix(".csv")
    )
    names = {"JSON": report.json.name, "CSV": report.csv.name}
    page = qc_page(subject, frames, verdict, pictures, made=made, files=names, notes=notes)
    document = json_document(replace(subject, notes=notes), frames, verdict, made=made)
    write_text(report.json, json_text(document))
    write_text(report.csv, csv_text(frames, verdict))
    write_text(report.page, page)
    return report


def _check(request: QcRequest) -> None:
    if request.out.suffix.lower() not in (".html", ".htm"):
        raise UsageError("the report is a page", where=request.out, mend="Give --out NAME.html")
    if is_shot_file(request.what) and (request.plate or request.identity):
        what = "--plate and --identity are for frames without a shot file: the shot file names them"
        raise UsageError(what, where=request.what, mend="Leave them out")


def _subject(request: QcRequest, *, config: ColourConfig, models: FaceModels) -> QcSubject:
    if not is_shot_file(request.what):
        return subject_of_sequence(request.what, plate=request.plate, identity=request.identity, frames=request.frames)
    with ModelsOnDemand(lambda: nullcontext(models)) as on_demand:
        subject = subject_of_shot(Path(request.what), config=config, models=on_demand)
    if request.frames is None:
        return subject
    wanted = tuple(sorted(set(parse_frames(request.frames))))
    strange = sorted(set(wanted) - set(subject.frames))
    if strange:
        mend = f"The shot has frames {format_frames(subject.frames)}"
        raise FrameRangeError(f"not frames of the shot: {format_frames(strange)}", where=request.what, mend=mend)
    return replace(subject, frames=wanted)
