"""The demo: a plate from a public-domain portrait, swapped, measured, and laid out to look at.

Everything is written into one folder that can be moved: the shot file names its files beside it, so that
`vfx-swap render` does the swap again from there.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from datetime import date
from pathlib import Path

import numpy as np

from vfx_swap import __version__
from vfx_swap.arrays import FloatArray
from vfx_swap.colour.ocio import ColourConfig
from vfx_swap.errors import CancelledError
from vfx_swap.io.atomic import atomic_write
from vfx_swap.models.default import FaceModels
from vfx_swap.pipeline.consent import public_domain_consent
from vfx_swap.pipeline.demo_pictures import DEMO_COLOUR_SPACE, DemoReport, SeenFrames, write_demo_pictures
from vfx_swap.pipeline.demo_portraits import HOPPER, portrait_path
from vfx_swap.pipeline.demo_shot import DemoShot, make_demo_shot
from vfx_swap.pipeline.engines import texture_builder
from vfx_swap.pipeline.identity import TextureBuilder, build_identity, save_identity
from vfx_swap.pipeline.progress import Cancelled, Progress, ProgressEvent, never_cancelled, no_progress
from vfx_swap.pipeline.qc import FrameQuality, Metrics, measure_sequence
from vfx_swap.pipeline.shot import ShotReport, Tools, render_shot
from vfx_swap.pipeline.shot_frames import read_pairs
from vfx_swap.pipeline.today import local_today
from vfx_swap.settings import load_shot
from vfx_swap.types import Embedding, Frame, Identity

__all__ = ["DemoReport", "run_demo"]

_SHOT_NAME = "demo.shot.toml"
_IDENTITY = Path("identities") / "hopper.identity"
_SHOT_FILE = """\
schema = "vfx_swap/shot.1"
name = "demo"
plate = "plate/demo_plate.####.exr"
output = "swap/demo_swap.####.exr"
frames = "{first}-{last}"
colour_space = "ACEScg"
engine = "reprojection"

[[cast]]
position = "largest"
identity = "identities/hopper.identity"
strength = 1.0

[lighting]
match = "plate"
[grain]
match = "plate"
[matte]
feather = 0.05
[write]
layers = ["matte"]
"""


def run_demo(
    out: Path,
    *,
    frames: int = 24,
    progress: Progress = no_progress,
    cancelled: Cancelled = never_cancelled,
    today: date | None = None,
    size: tuple[int, int] = (1920, 1080),
    texture: TextureBuilder | None = None,
    tools: Tools = Tools(),
) -> DemoReport:
    """The main job on the embedded default.

    Args:
        out: folder for everything; made when it is not there. A second run keeps frames that are current.
        frames: of the shot.
        progress: told of every frame of every stage.
        cancelled: asked between frames.
        today: the day the consent is checked for; None: the day it is here.
        size: of the plate, width and height.
        texture: makes the identity's skin texture; None: the default engine's.
        tools: what the render works with.

    Raises:
        CancelledError: stopped; what is written stays.
        VfxSwapError: as `render_shot` does.
    """
    start = time.perf_counter()
    out = out.absolute()
    plate = _make_plate(out, frames=frames, size=size, progress=progress, cancelled=cancelled)
    shot_file = out / _SHOT_NAME
    settings = _SHOT_FILE.format(first=plate.frames[0], last=plate.frames[-1])
    _write_text(shot_file, settings)
    config = tools.load_config()
    seen = SeenFrames(frozenset(_frames_to_show(plate)))
    with tools.load_models() as models:
        identity = _make_identity(out, models=models, config=config, texture=texture, progress=progress)
        rendered = render_shot(
            load_shot(shot_file),
            today=local_today() if today is None else today,
            progress=progress,
            cancelled=cancelled,
            tools=dataclasses.replace(tools, load_models=lambda: nullcontext(models)),
        )
        quality, rows = _measure(
            plate,
            rendered,
            seen,
            models=models,
            config=config,
            identity=identity.embeddings.get(models.recogniser.id),
            progress=progress,
            cancelled=cancelled,
        )
    report = _report(out, plate, rendered, size=size, quality=quality)
    _write_quality(report, rows)
    progress(ProgressEvent("demo", "note", message="writing the contact sheet, the movie and the page"))
    write_demo_pictures(report, seen=seen, config=config, blurred_frame=plate.blurred_frame, settings=settings)
    progress(ProgressEvent("demo", "finished", frames, frames))
    return dataclasses.replace(report, seconds=time.perf_counter() - start)


def _report(out: Path, plate: DemoShot, rendered: ShotReport, *, size: tuple[int, int], quality: Metrics) -> DemoReport:
    return DemoReport(
        page=out / "index.html",
        contact_sheet=out / "contact_sheet.png",
        movie=out / "before_after.mp4",
        quality_file=out / "quality.json",
        shot_file=out / _SHOT_NAME,
        plate=plate.pattern,
        output=rendered.output,
        identity=out / _IDENTITY,
        tracks=rendered.tracks,
        log=rendered.log,
        frames=len(plate.frames),
        size=size,
        seconds=0.0,
        quality=quality,
        warnings=rendered.warnings,
    )


def _make_plate(out: Path, *, frames: int, size: tuple[int, int], progress: Progress, cancelled: Cancelled) -> DemoShot:
    progress(ProgressEvent("demo", "note", message="making the plate from a public-domain portrait"))
    progress(ProgressEvent("demo", "started", 0, frames))

    def drawn(done: int, total: int) -> None:
        _stop_if(cancelled)
        progress(ProgressEvent("demo", "frame", done, total))

    return make_demo_shot(out / "plate", frames=frames, width=size[0], height=size[1], progress=drawn)


def _make_identity(
    out: Path, *, models: FaceModels, config: ColourConfig, texture: TextureBuilder | None, progress: Progress
) -> Identity:
    progress(ProgressEvent("identity", "note", message=f"building the identity of {HOPPER.person}"))
    identity = build_identity(
        name="hopper",
        references=[portrait_path(HOPPER)],
        consent=public_domain_consent(performer=HOPPER.person, statement=HOPPER.statement),
        models=models,
        config=config,
        texture_builder=texture_builder() if texture is None else texture,
    )
    return save_identity(identity, out / _IDENTITY)


def _frames_to_show(plate: DemoShot) -> Sequence[int]:
    """First, the first third, the blurred one, and the last."""
    numbers = plate.frames
    return sorted({numbers[0], numbers[len(numbers) // 3], plate.blurred_frame, numbers[-1]})


def _measure(
    plate: DemoShot,
    report: ShotReport,
    seen: SeenFrames,
    *,
    models: FaceModels,
    config: ColourConfig,
    identity: Embedding | None,
    progress: Progress,
    cancelled: Cancelled,
) -> tuple[Metrics, tuple[FrameQuality, ...]]:
    total = len(plate.frames)

    def watched() -> Iterator[tuple[Frame, Frame, FloatArray]]:
        pairs = read_pairs(
            plate.pattern, report.output, frames=plate.frames, config=config, colour_space=DEMO_COLOUR_SPACE
        )
        for done, (before, after, matte) in enumerate(pairs, start=1):
            _stop_if(cancelled)
            progress(ProgressEvent("qc", "frame", done, total, before.number))
            seen.numbers.append(before.number)
            rows, columns = np.flatnonzero(matte.any(axis=1)), np.flatnonzero(matte.any(axis=0))
            if rows.size:
                seen.centres[before.number] = (float(columns.mean()), float(rows.mean()))
            if before.number in seen.wanted:
                seen.pictures[before.number] = (before, after, matte)
            yield before, after, matte

    progress(ProgressEvent("qc", "started", 0, total))
    measured = measure_sequence(watched(), models=models, config=config, identity=identity)
    progress(ProgressEvent("qc", "finished", total, total))
    return measured


def _write_quality(report: DemoReport, rows: Sequence[FrameQuality]) -> None:
    def known(metrics: Metrics) -> Mapping[str, float]:
        return {name: value for name, value in dataclasses.asdict(metrics).items() if value is not None}

    document = {
        "schema": "vfx_swap/quality.1",
        "version": __version__,
        "shot": known(report.quality),
        "frames": [{"frame": row.frame, **known(row.metrics)} for row in rows],
    }
    _write_text(report.quality_file, json.dumps(document, indent=1) + "\n")


def _write_text(path: Path, text: str) -> None:
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _stop_if(cancelled: Cancelled) -> None:
    if cancelled():
        raise CancelledError(
            "the demo was stopped", mend="Run the same command again: frames already rendered are kept"
        )
