"""Plates whose frame numbers are burnt into the pixels, timelines over them, and a player that says what a viewer sees.

The player follows OpenTimelineIO's own arithmetic (`child_at_time`, `frame_for_time`), none of ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import opentimelineio as otio

from tests.pipeline.painted_faces import PaintedModels
from tests.pipeline.shot_fakes import HEIGHT, TODAY, WIDTH, face_at, make_identity, tools, write_exr
from vfx_swap.io.read import read_picture
from vfx_swap.pipeline.timeline import EditReport, render_edit
from vfx_swap.pipeline.timeline_file import read_edit
from vfx_swap.pipeline.timeline_plan import EditPlan, Selection, plan_edit
from vfx_swap.pipeline.tracks_file import Tracks
from vfx_swap.types import Embedding, Track

RT, TR = otio.opentime.RationalTime, otio.opentime.TimeRange
FILM = 24000 / 1001
BITS, CELL = 15, 4
FACE = (32.0, 20.0)
NOBODY = 0


def burnt(number: int, *, performer: int = 1) -> np.ndarray:
    """A half frame of noise with its number below the face, and who is in it."""
    pixels = np.random.default_rng(number).uniform(0.2, 1.0, (HEIGHT, WIDTH, 3)).astype(np.float16)
    for bit in range(BITS):
        pixels[40:44, bit * CELL : (bit + 1) * CELL] = (number >> bit) & 1
    for bit in range(2):
        pixels[44:48, bit * CELL : (bit + 1) * CELL] = (performer >> bit) & 1
    return pixels


def plate_of(folder: Path, frames: Iterable[int], *, performer: int = 1, name: str = "plate") -> Path:
    """EXR frames; returns their folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in frames:
        write_exr(folder / f"{name}.{number:04d}.exr", burnt(number, performer=performer))
    return folder


def _bits(rgb: np.ndarray, top: int, count: int) -> int:
    return sum(1 << bit for bit in range(count) if rgb[top + 2, bit * CELL + 2].mean() > 0.5)


def number_in(path: Path) -> int:
    """The frame number that is burnt into a picture."""
    return _bits(read_picture(path).rgb(), 40, BITS)


def is_swapped(path: Path, *, plate: Path) -> bool:
    """True where the face differs from the plate's frame of that number and nothing else does."""
    ours, theirs = read_picture(path).rgb(), read_picture(plate).rgb()
    x, y = int(FACE[0]), int(FACE[1])
    inside = np.zeros(ours.shape[:2], bool)
    inside[y - 6 : y + 6, x - 6 : x + 6] = True
    same = np.all(ours == theirs, axis=-1)
    assert same[~inside].all()
    return not same[inside].any()


def embedding_of(performer: int) -> Embedding:
    """As `PaintedRecogniser` gives it for that shade, whole and unhidden."""
    vector = np.zeros(4, np.float32)
    vector[performer] = 0.6
    return Embedding("painted-recogniser", vector)


def analyse_burnt(plate: Any, **_: Any) -> Tracks:
    """One face in the middle of every frame, of whom the frames name; none where they name nobody."""
    performer = _bits(plate.plate.read(plate.shot_frames[0]).rgb(), 44, 2)
    faces = {number: face_at(number, *FACE) for number in plate.shot_frames}
    track = Track(1, faces, embedding_of(performer))
    return Tracks(tracks=() if performer == NOBODY else (track,), frames=tuple(plate.shot_frames), failures=())


def quick_tools(**changes: Any) -> Any:
    """Quick tools that read who is burnt in."""
    return tools(**{"analyse": analyse_burnt, "load_models": lambda: nullcontext(PaintedModels()), **changes})


def sequence(
    folder: Path,
    first: int,
    count: int,
    *,
    start: float = 0.0,
    rate: float = 24.0,
    name: str = "plate",
    url: bool = True,
) -> Any:
    """A media reference to a plate whose first frame stands at `start` on the clock."""
    base = f"{folder}/"
    return otio.schema.ImageSequenceReference(
        target_url_base=otio.url_utils.url_from_filepath(base) + "/" if url else base,
        name_prefix=f"{name}.",
        name_suffix=".exr",
        start_frame=first,
        frame_step=1,
        rate=rate,
        frame_zero_padding=4,
        available_range=TR(RT(start, rate), RT(count, rate)),
    )


def clip(
    name: str, reference: Any, start: float, count: float, *, rate: float = 24.0, speed: float | None = None
) -> Any:
    """A clip; `speed` 0 is a freeze frame."""
    made = otio.schema.Clip(name=name, media_reference=reference, source_range=TR(RT(start, rate), RT(count, rate)))
    if speed == 0.0:
        made.effects.append(otio.schema.FreezeFrame())
    elif speed is not None:
        made.effects.append(otio.schema.LinearTimeWarp(time_scalar=speed))
    return made


def gap(count: float, *, rate: float = 24.0) -> Any:
    """Nothing for a while."""
    return otio.schema.Gap(source_range=TR(RT(0, rate), RT(count, rate)))


def timeline_of(*tracks: Sequence[Any], start: float | None = None, rate: float = 24.0) -> Any:
    """Picture tracks from the bottom up."""
    made = otio.schema.Timeline("edit")
    if start is not None:
        made.global_start_time = RT(start, rate)
    for number, children in enumerate(tracks, 1):
        made.tracks.append(otio.schema.Track(f"V{number}", children=list(children), kind="Video"))
    return made


def values_of(folder: Path, **more: Any) -> dict[str, Any]:
    """A shot's values: the largest face becomes somebody."""
    pack = folder / "who.identity"
    if not pack.exists():
        make_identity(pack)
    return {"cast": [{"position": "largest", "identity": str(pack), "reshape": 0.0}], **more}


def planned(folder: Path, edit: Path, **more: Any) -> EditPlan:
    """Read and plan."""
    root = read_edit(edit, fps=more.pop("fps", None))
    values = more.pop("values", None) or values_of(folder)
    return plan_edit(root, edit=edit, values=values, media_folder=folder / "media", **more)


def run_edit(folder: Path, timeline: Any, *, today: date = TODAY, **more: Any) -> tuple[Any, EditReport]:
    """Write, read, plan and render a timeline with quick tools; returns the new timeline as read back."""
    edit, out = folder / "edit.otio", folder / "new.otio"
    otio.adapters.write_to_file(timeline, str(edit))
    how = {key: more.pop(key) for key in ("active_only", "cancelled", "tools", "progress", "overwrite") if key in more}
    selection = more.get("selection", Selection())
    plan = planned(folder, edit, **more)
    how.setdefault("tools", quick_tools())
    report = render_edit(plan, edit=edit, out=out, today=today, named=not selection.is_empty, **how)
    return otio.adapters.read_from_file(str(out)), report


def file_shown(clip_: Any, at: Any, key: str | None = None) -> Path:
    """The file that a clip shows at a time of its own, before its speed is counted in."""
    reference = clip_.media_references()[key or clip_.active_media_reference_key]
    start = clip_.trimmed_range().start_time
    speed = 1.0
    for effect in clip_.effects:
        speed *= effect.time_scalar
    moved = start + RT(round((at - start).value * speed, 6), at.rate)
    url = reference.target_url_for_image_number(reference.frame_for_time(moved) - reference.start_frame)
    return Path(str(otio.url_utils.filepath_from_url(url)))


def play(timeline: Any) -> list[tuple[Any, Any] | None]:
    """For every frame of a timeline, the clip on top and its time; None where nothing is seen. Transitions are cuts."""
    stack = timeline.tracks
    length = stack.duration()
    shown: list[tuple[Any, Any] | None] = []
    for index in range(round(length.value)):
        at = RT(index, length.rate)
        found = None
        for track in reversed(list(stack)):
            if track.kind == "Video" and track.enabled and at < track.duration():
                found = _at(track, at)
            if found is not None:
                break
        shown.append(found)
    return shown


def _at(item: Any, at: Any) -> tuple[Any, Any] | None:
    """The clip of a composition at its time."""
    if isinstance(item, otio.schema.Clip):
        return item, at
    if isinstance(item, otio.schema.Stack):
        for track in reversed(list(item)):
            if at < track.duration() and (found := _at(track, at)) is not None:
                return found
        return None
    child = item.child_at_time(at, shallow_search=True)
    if child is None or not isinstance(child, (otio.schema.Clip, otio.schema.Stack, otio.schema.Track)):
        return None
    return _at(child, item.transformed_time(at, child))
