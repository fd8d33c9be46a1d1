"""Engines side by side: the same frames with every engine that is here, around the faces, in one picture."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from vfx_swap.colour.display import auto_exposure_stops, to_display
from vfx_swap.colour.ocio import LINEAR_REC709, ColourConfig
from vfx_swap.colour.transfer import apply_matrix
from vfx_swap.errors import CannotRunError, IdentityError, UsageError, VfxSwapError
from vfx_swap.io.atomic import atomic_write
from vfx_swap.io.paths import FramePattern
from vfx_swap.io.plates import open_plate
from vfx_swap.pipeline.contact_sheet import to_bytes
from vfx_swap.pipeline.engines import engine_ids
from vfx_swap.pipeline.progress import Cancelled, Progress, ProgressEvent, never_cancelled, no_progress
from vfx_swap.pipeline.shot import Tools, render_shot
from vfx_swap.pipeline.shot_plate import ShotPlate, open_shot_plate
from vfx_swap.pipeline.validate import open_values
from vfx_swap.settings import Shot

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["MOST_FRAMES", "Comparison", "compare_engines", "lay_out"]

MOST_FRAMES = 4
"""Rows of the picture; of a longer range so many are taken, evenly spread."""
ROW_HEIGHT = 512
MARGIN = 0.25
"""What is shown around the changed pixels, as a fraction of their extent."""
_PICTURES = (".png", ".jpg", ".jpeg")
_GAP, _LINE, _TEXT = 8, 30, (222, 222, 222)


@dataclass(frozen=True)
class Comparison:
    """What was laid out."""

    path: str
    engines: tuple[str, ...]
    """Columns, after the plate's."""
    frames: tuple[int, ...]
    left_out: Mapping[str, VfxSwapError]
    """Engines that cannot swap this here, and why."""


def compare_engines(
    values: Mapping[str, Any],  # Any: as `open_values` takes them
    *,
    config: ColourConfig,
    today: date,
    device: str = "cpu",
    progress: Progress = no_progress,
    cancelled: Cancelled = never_cancelled,
    tools: Tools = Tools(),
) -> Comparison:
    """Swap some frames with every engine that is here and write one picture of all.

    Args:
        values: of a shot, its engine not looked at; its output is the picture, PNG or JPEG.
        config: OCIO config.
        today: the day that consent is checked for.
        device: where frames are swapped.
        progress: told of every frame.
        cancelled: asked between frames.
        tools: what to work with.

    Raises:
        UsageError: the output is no picture, or no engine can swap this.
        VfxSwapError: as `render_shot` does; an engine that alone cannot run is left out, with its reason.
    """
    target = Path(str(values["output"]))
    if target.suffix.lower() not in _PICTURES:
        raise UsageError("a comparison is one picture", where=target, mend="Write a .png")
    extension = _extension(str(values["plate"]))
    done: list[str] = []
    left_out: dict[str, VfxSwapError] = {}
    with tempfile.TemporaryDirectory(prefix="vfx-swap-compare-") as folder:
        shots = {
            engine: open_values(
                {**values, "engine": engine, "output": f"{folder}/{engine}.####{extension}"}, config=config
            )
            for engine in engine_ids()
        }
        plate = _opened(next(iter(shots.values())), config)
        frames = _spread(plate.shot_frames, MOST_FRAMES)
        for engine, shot in shots.items():
            progress(ProgressEvent("render", "note", message=f"engine {engine}"))
            try:
                render_shot(
                    shot, frames=frames, today=today, device=device, progress=progress, cancelled=cancelled, tools=tools
                )
                done.append(engine)
            except (CannotRunError, IdentityError) as error:
                left_out[engine] = error
        if not done:
            raise next(iter(left_out.values()))
        rows = _rows(plate, [shots[engine].output for engine in done], frames)
    data = io.BytesIO()
    lay_out(["plate", *done], rows).save(data, format="PNG" if target.suffix.lower() == ".png" else "JPEG")
    with atomic_write(target) as temporary:
        temporary.write_bytes(data.getvalue())
    return Comparison(str(target), tuple(done), frames, left_out)


def lay_out(columns: Sequence[str], rows: Sequence[tuple[str, Sequence[np.ndarray]]]) -> Image:
    """Pictures in rows and columns, each row at one height.

    Args:
        columns: their headings.
        rows: label, then (height, width, 3) uint8 sRGB for every column, of one size within a row.
    """
    from PIL import Image, ImageDraw, ImageFont

    scaled = [(label, [_at_height(one, ROW_HEIGHT) for one in pictures]) for label, pictures in rows]
    across = [max(pictures[index].shape[1] for _, pictures in scaled) for index in range(len(columns))]
    width = sum(across) + _GAP * (len(columns) + 1)
    sheet = Image.new("RGB", (width, _LINE + len(rows) * (ROW_HEIGHT + _LINE + _GAP)), (24, 24, 26))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=20)
    left = _GAP
    for name, wide in zip(columns, across, strict=True):
        draw.text((left, 4), name, font=font, fill=_TEXT)
        left += wide + _GAP
    for index, (label, pictures) in enumerate(scaled):
        top, left = _LINE + index * (ROW_HEIGHT + _LINE + _GAP), _GAP
        draw.text((left, top + 2), label, font=font, fill=_TEXT)
        for picture, wide in zip(pictures, across, strict=True):
            sheet.paste(Image.fromarray(picture), (left, top + _LINE))
            left += wide + _GAP
    return sheet


def _extension(plate: str) -> str:
    """What frames are written as: what the plate is, where that can hold frames."""
    with open_plate(plate) as opened:
        return ".png" if opened.kind == "movie" else FramePattern.parse(plate).extension


def _opened(shot: Shot, config: ColourConfig) -> ShotPlate:
    return open_shot_plate(
        shot.plate, frames=shot.frames, missing=shot.missing, colour_space=shot.colour_space, config=config
    )


def _rows(plate: ShotPlate, swaps: Sequence[str], frames: Sequence[int]) -> list[tuple[str, list[np.ndarray]]]:
    with ExitStack() as stack:
        stack.enter_context(plate.plate)
        opened = [open_shot_plate(one, colour_space=plate.colour_space, config=plate.config) for one in swaps]
        for one in opened:
            stack.enter_context(one.plate)
        return [(f"frame {number}", _row(number, plate, opened)) for number in frames]


def _spread(numbers: Sequence[int], count: int) -> tuple[int, ...]:
    if len(numbers) <= count:
        return tuple(numbers)
    return tuple(numbers[round(index * (len(numbers) - 1) / (count - 1))] for index in range(count))


def _row(number: int, plate: ShotPlate, swaps: Sequence[ShotPlate]) -> list[np.ndarray]:
    """The plate and every swap around the pixels that any engine changed, all at one exposure."""
    frames = [one.read(number) for one in (plate, *swaps)]
    before = frames[0].rgb
    changed = np.zeros(before.shape[:2], bool)
    for one in frames[1:]:
        changed |= np.nan_to_num(np.abs(one.rgb - before)).max(axis=-1) > 0.0
    at = _around(changed)
    linear = frames[0].colour_space
    to_rec709 = plate.config.matrix(source=linear, destination=LINEAR_REC709)
    stops = auto_exposure_stops(apply_matrix(np.nan_to_num(before, posinf=0.0, neginf=0.0), to_rec709))
    return [
        to_bytes(
            to_display(
                np.ascontiguousarray(one.rgb[at]), config=plate.config, colour_space=linear, exposure=stops,
                shoulder=True,
            )
        )
        for one in frames
    ]  # fmt: skip


def _around(changed: np.ndarray) -> tuple[slice, slice]:
    """The changed pixels with a margin; all where nothing changed."""
    slices = []
    for axis in (1, 0):
        found = np.flatnonzero(changed.any(axis=axis))
        length = changed.shape[1 - axis]
        if not found.size:
            return slice(0, changed.shape[0]), slice(0, changed.shape[1])
        margin = round(MARGIN * (found[-1] - found[0] + 1))
        slices.append(slice(max(0, int(found[0]) - margin), min(length, int(found[-1]) + margin + 1)))
    return slices[0], slices[1]


def _at_height(picture: np.ndarray, height: int) -> np.ndarray:
    width = max(1, round(picture.shape[1] * height / picture.shape[0]))
    how = cv2.INTER_AREA if height < picture.shape[0] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (width, height), interpolation=how))
