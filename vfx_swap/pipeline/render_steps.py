"""One frame on its way through a render: read and weighed, swapped, written.

The steps of neighbouring frames overlap (`render_frames`); nothing that one frame leaves is seen by another.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.colour.ocio import LINEAR_REC709
from vfx_swap.errors import InputError, TracksError
from vfx_swap.geometry.warps import sampled
from vfx_swap.pipeline.drawn import Drawn, input_digest, over, read_drawn
from vfx_swap.pipeline.frame_layers import surface_layers, surface_windows
from vfx_swap.pipeline.frames import from_frame, to_frame
from vfx_swap.pipeline.regions import parse_frame, region_layers
from vfx_swap.pipeline.render_log import FrameRow
from vfx_swap.pipeline.render_plan import RenderPlan, SwapPlan, camera_at, frame_digest, travel_at
from vfx_swap.pipeline.swap import CastFace
from vfx_swap.settings import file_sha256
from vfx_swap.types import Window

if TYPE_CHECKING:
    from vfx_swap.io.picture import Picture
    from vfx_swap.types import Frame, SwapResult

__all__ = [
    "ReadFrame",
    "SwappedFrame",
    "frame_header",
    "read_frame",
    "read_input",
    "swap_read",
    "timestamp",
    "write_swapped",
]

HEADER_NAME = "vfx_swap/render"
LARGEST_FACE = 2.0
"""Size of a face over the plate's longer side; in the closest of close-ups it is about 1."""


@dataclass(frozen=True, eq=False)
class ReadFrame:
    """A plate frame, read and weighed."""

    picture: Picture
    digest: str
    current: bool
    """True when the output on disk is what a render would give."""
    seconds: float
    drawn: Drawn | None = None
    """The user's own mattes, over the plate's data window."""


@dataclass(frozen=True, eq=False)
class SwappedFrame:
    """A frame before it is written."""

    read: ReadFrame
    frame: Frame
    """The part of the plate that faces touch, as its data window says; so for matte and layers."""
    matte: FloatArray
    layers: Mapping[str, FloatArray]
    metrics: Mapping[str, float | int | str]
    seconds: float
    header: Mapping[str, str] = field(default_factory=dict)
    """What layers want said of them."""


def read_frame(plan: RenderPlan, number: int, row: FrameRow | None) -> ReadFrame:
    """Read a frame and weigh it: what it is known by, and whether its output is current.

    Raises:
        InputError: it cannot be read.
    """
    start = time.perf_counter()
    picture, drawn, digest = read_input(plan, number)
    current = not plan.overwrite and row is not None and _is_current(plan, number, row, digest)
    return ReadFrame(picture, digest, current, time.perf_counter() - start, drawn)


def read_input(plan: RenderPlan, number: int) -> tuple[Picture, Drawn | None, str]:
    """What a frame is made from: the plate's picture, the user's own mattes, and what the two are known by.

    Raises:
        InputError: one cannot be read.
    """
    picture = plan.plate.read(number)
    drawn = read_drawn(plan, number, picture)
    return picture, drawn, input_digest(picture, drawn)


def _is_current(plan: RenderPlan, number: int, row: FrameRow, input_digest: str) -> bool:
    path = plan.output.path(number)
    if row.error is not None or not row.output_digest or row.output != path.name:
        return False
    if row.input_digest != input_digest or row.settings_digest != frame_digest(plan, number):
        return False
    try:
        return file_sha256(path) == row.output_digest
    except InputError:  # gone, or not to be read: it is rendered again
        return False


def swap_read(plan: SwapPlan, number: int, read: ReadFrame) -> SwappedFrame:
    """Swap every cast face of a frame that was read.

    Raises:
        TracksError: a face is larger than any camera sees.
    """
    start = time.perf_counter()
    linear = plan.config.scene_linear_for(plan.colour_space)
    to_rec709 = plan.config.matrix(source=linear, destination=LINEAR_REC709)
    cast = [
        CastFace(
            track_id=one.track.id,
            face=one.track.faces[number],
            swapper=one.swapper,
            prepared=one.prepared,
            strength=one.strength,
            to_rec709=to_rec709,
            kernels=plan.kernels,
            travel=travel_at(one, number),
            camera=camera_at(one, number),
            relight=one.relight,
            light=one.lights.get(number),
        )
        for one in plan.cast
        if number in one.track.faces
    ]
    plate = read.picture.data_window
    for one in cast:
        _check_size(one, number, plate)
    window = _touched(cast, plate)
    if plan.parsing is not None:
        window = _around([window, *plan.parsing.windows(number, plate)], plate)
    if plan.surface is not None:
        here = [one.face for one in cast]
        window = _around([window, *surface_windows(here, plate, wanted=plan.shot.write.layers)], plate)
    frame = to_frame(read.picture, number=number, config=plan.config, colour_space=plan.colour_space, window=window)
    wanted = plan.shot.write.layers
    cast = over(cast, read.drawn, window=frame.data_window, inside=plate)
    seen = cast and not window.is_empty
    result = plan.swap_frame(frame, cast, shot=plan.shot, want_patch="patch" in wanted) if seen else None
    matte = np.zeros(frame.rgb.shape[:2], np.float32) if result is None else result.matte
    metrics: dict[str, float | int | str] = {"faces": len(cast), "matte_pixels": int(np.count_nonzero(matte))}
    if cast:
        metrics["confidence"] = round(min(one.face.confidence for one in cast), 4)
        metrics["bridged"] = sum(one.face.bridged for one in cast)
    layers, says = _layers(plan, matte, result), dict[str, str]()
    layers |= _surface(plan, frame, cast)
    if plan.parsing is not None:
        regions = parse_frame(frame, plan.parsing, config=plan.config)
        more, says = region_layers(regions, plan.parsing, window=frame.data_window, wanted=wanted)
        layers |= more
        metrics |= {"parsed": len(regions)} if cast else {"faces": len(regions)}
    swapped = frame if result is None else result.frame
    return SwappedFrame(read, swapped, matte, layers, metrics, time.perf_counter() - start, says)


def _surface(plan: SwapPlan, frame: Frame, cast: Sequence[CastFace]) -> dict[str, FloatArray]:
    """Layers of the faces' surface, where any are asked for."""
    if plan.surface is None:
        return {}
    drawn = next((one.drawn for one in cast), None)
    return surface_layers(
        plan.surface,
        frame,
        {one.track_id: one.face for one in cast},
        tracks=[one.track.id for one in plan.cast],
        wanted=plan.shot.write.layers,
        holdout=plan.shot.matte.holdout,
        hidden=None if drawn is None else drawn.holdout,
    )


def _touched(cast: Sequence[CastFace], plate: Window) -> Window:
    """The part of the plate that any face's crop is cut from or laid into: the rest is not even converted."""
    return _around([sampled(one.swapper.warp_for(one.face), plate) for one in cast], plate)


def _around(parts: Sequence[Window], plate: Window) -> Window:
    """The least window that holds all parts; an empty one of the plate where all are empty."""
    parts = [part for part in parts if not part.is_empty]
    if not parts:
        return Window(plate.x, plate.y, 0, 0)
    left, top = min(part.x for part in parts), min(part.y for part in parts)
    return Window(left, top, max(part.right for part in parts) - left, max(part.bottom for part in parts) - top)


def _check_size(cast: CastFace, number: int, window: Window) -> None:
    """Refuse a face that no camera sees: its crop would take all memory.

    Raises:
        TracksError: the face is `LARGEST_FACE` times as wide or high as the plate; edited by hand.
    """
    size = float(np.ptp(cast.face.points[:, :2], axis=0).max())
    plate = max(window.width, window.height)
    if size > LARGEST_FACE * plate:
        what = f"the face of track {cast.track_id} is {size:.0f} pixels large, in a plate of {plate}"
        raise TracksError(what, where=f"frame {number}", mend="Mend it in the tracks file, or delete that file")


def _layers(plan: SwapPlan, matte: FloatArray, result: SwapResult | None) -> dict[str, FloatArray]:
    """The layers asked for, by channel name; the same channels in every frame, zero where a face is absent."""
    wanted = plan.shot.write.layers
    layers: dict[str, FloatArray] = {}
    zero = np.zeros_like(matte)
    if "matte" in wanted:
        mattes = {} if result is None else result.track_mattes
        layers |= {f"matte.{one.track.id}.A": mattes.get(one.track.id, zero) for one in plan.cast}
    if "patch" in wanted:
        patch = None if result is None else result.patch
        layers |= {f"patch.{name}": zero if patch is None else patch[..., i].copy() for i, name in enumerate("RGBA")}
    return layers


def write_swapped(plan: RenderPlan, number: int, swapped: SwappedFrame) -> FrameRow:
    """Write a swapped frame; its row for the log.

    Raises:
        OutputError: it cannot be written.
    """
    start, read = time.perf_counter(), swapped.read
    settings = frame_digest(plan, number)
    rgb = from_frame(swapped.frame, matte=swapped.matte, config=plan.config, colour_space=plan.colour_space)
    report = plan.output.write(
        number,
        read.picture,
        rgb=rgb,
        matte=swapped.matte,
        layers=swapped.layers,
        header=frame_header(plan, number, swapped),
        window=swapped.frame.data_window,
    )
    write_seconds = time.perf_counter() - start
    seconds = {"read": read.seconds, "swap": swapped.seconds, "write": write_seconds}
    return FrameRow(
        frame=number,
        output=plan.output.path(number).name,
        input_digest=read.digest,
        settings_digest=settings,
        output_digest=report.sha256 or None,
        finished=timestamp(),
        seconds={part: round(value, 4) for part, value in seconds.items()},
        metrics=swapped.metrics,
        device=plan.kernels.device,
        arithmetic=plan.kernels.arithmetic,
        warnings=tuple(report.warnings),
    )


def frame_header(plan: SwapPlan, number: int, swapped: SwappedFrame) -> dict[str, str]:
    """What a frame's file says of it: attribute -> text."""
    said = {**plan.header, "settings_digest": frame_digest(plan, number)}
    return {HEADER_NAME: json.dumps(said, sort_keys=True), **swapped.header}


def timestamp() -> str:
    """Now, as rows of the log say it."""
    return datetime.now(UTC).isoformat(timespec="microseconds")
