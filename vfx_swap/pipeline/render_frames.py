"""Render frames in order, with reading, swapping and writing of neighbours overlapped.

A frame's pixels are a function of its plate picture and of the plan alone: what runs beside what, which
frames are asked for and in how many processes never shows in a bit of the output.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import CancelledError as FutureCancelled
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.colour.ocio import LINEAR_REC709
from vfx_swap.errors import (
    CannotRunError,
    DiskFullError,
    InputError,
    OutputError,
    RefusedError,
    TracksError,
    VfxSwapError,
)
from vfx_swap.pipeline.frames import from_frame, to_frame
from vfx_swap.pipeline.progress import Cancelled
from vfx_swap.pipeline.render_log import FrameRow, RenderLog
from vfx_swap.pipeline.swap import CastFace
from vfx_swap.settings import file_sha256

if TYPE_CHECKING:
    from vfx_swap.colour.ocio import ColourConfig
    from vfx_swap.io.outputs import Output
    from vfx_swap.io.picture import Picture
    from vfx_swap.io.plates import Plate
    from vfx_swap.settings import Shot
    from vfx_swap.types import Frame, SwapResult, Track

__all__ = [
    "HEADER_NAME",
    "CastTrack",
    "FrameOutcome",
    "RenderPlan",
    "SwapFrame",
    "frame_digest",
    "is_current_movie",
    "remove_stale",
    "render_frames",
]

HEADER_NAME = "vfx_swap/render"
QUEUE_DEPTH = 2
"""Frames read ahead, and frames waiting to be written: enough to hide the disk, little memory."""
LARGEST_FACE = 2.0
"""Size of a face over the plate's longer side; in the closest of close-ups it is about 1."""
STALE_SECONDS = 600.0
"""Age from which a temporary file belongs to nobody: no frame takes so long to write."""
FATAL = (CannotRunError, DiskFullError, RefusedError)
"""Errors that every later frame would meet too: they end the render."""


class SwapFrame(Protocol):
    """One frame's swap: a pure function."""

    def __call__(self, frame: Frame, cast: Sequence[CastFace], *, shot: Shot, want_patch: bool) -> SwapResult:
        """The frame with every cast face swapped."""
        ...


@dataclass(frozen=True, eq=False)
class CastTrack:
    """A track and who goes in, ready to swap."""

    track: Track
    swapper: Any
    """A `Swapper`; of what it prepares only itself knows."""
    prepared: Any
    """What the swapper made of the identity."""
    strength: float
    performer: FloatArray | None
    """(478, 3) neutral shape of the track, where faces are reshaped; every frame depends on it."""
    identity_sha256: str


@dataclass(frozen=True, eq=False)
class RenderPlan:
    """All that is settled before the first frame."""

    shot: Shot
    plate: Plate
    output: Output
    frames: tuple[int, ...]
    config: ColourConfig
    colour_space: str
    """Of the plate's file."""
    cast: tuple[CastTrack, ...]
    base_digest: str
    """Digest of settings, identities, engine, models and colour: of all but plate and faces."""
    header: Mapping[str, object]
    """What the header of every frame says, beside the frame's own digest. Nothing of the day or the machine."""
    swap_frame: SwapFrame
    overwrite: bool = False
    """True renders frames even where their output is current."""


@dataclass(frozen=True, eq=False)
class FrameOutcome:
    """What became of one frame."""

    frame: int
    row: FrameRow | None
    """Its row in the log; None when it was skipped because its output is current."""
    error: Exception | None = None
    """What went wrong, where something did."""


@dataclass(frozen=True, eq=False)
class _Read:
    """A plate frame, read and weighed."""

    picture: Picture
    digest: str
    current: bool
    """True when the output on disk is what a render would give."""
    seconds: float


@dataclass(frozen=True, eq=False)
class _Swapped:
    """A frame before it is written."""

    read: _Read
    frame: Frame
    matte: FloatArray
    layers: Mapping[str, FloatArray]
    metrics: Mapping[str, float | int | str]
    seconds: float


_Write: TypeAlias = "Future[FrameRow | None]"


def frame_digest(plan: RenderPlan, number: int) -> str:
    """SHA-256 of all that decides a frame's pixels and header beside the plate's picture."""
    faces = [_face_key(cast, number) for cast in plan.cast if number in cast.track.faces]
    # A matte layer of every cast track is in every frame, its face seen or not.
    mattes = [cast.track.id for cast in plan.cast] if "matte" in plan.shot.write.layers else []
    text = json.dumps([plan.base_digest, faces, mattes], separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _face_key(cast: CastTrack, number: int) -> list[object]:
    face = cast.track.faces[number]
    sha = hashlib.sha256(np.ascontiguousarray(face.points).tobytes())
    sha.update(np.ascontiguousarray(face.expression).tobytes())
    if cast.performer is not None:
        sha.update(np.ascontiguousarray(cast.performer).tobytes())
    pose = face.pose
    numbers = (pose.yaw_degrees, pose.pitch_degrees, pose.roll_degrees, face.confidence, cast.strength)
    return [cast.track.id, cast.identity_sha256, sha.hexdigest(), face.bridged, *(repr(float(n)) for n in numbers)]


def render_frames(plan: RenderPlan, *, log: RenderLog, cancelled: Cancelled) -> Iterator[FrameOutcome]:
    """Render the plan's frames in order and put each on record.

    Args:
        plan: what to render.
        log: the open render log.
        cancelled: asked before each frame; True ends the iteration once the frames in hand are written.

    Yields:
        What became of each frame, in order.

    Raises:
        CannotRunError, DiskFullError, RefusedError: every later frame would fail alike. What was written
            before is on record.
        OutputError: the log cannot be written.
    """
    known, numbers = dict(log.rows), iter(plan.frames)
    reads: deque[tuple[int, Future[_Read]]] = deque()
    writes: deque[tuple[int, _Write]] = deque()
    reader, writer = ThreadPoolExecutor(1, "vfx-swap-read"), ThreadPoolExecutor(1, "vfx-swap-write")
    try:
        while not cancelled():
            while len(reads) < QUEUE_DEPTH and (number := next(numbers, None)) is not None:
                reads.append((number, reader.submit(_read, plan, number, known.get(number))))
            if not reads:
                break
            number, reading = reads.popleft()
            writes.append((number, _swap_and_write(plan, number, reading, writer)))
            # What is written goes on record at once: a process that is killed has the least to do again.
            while writes and (len(writes) > QUEUE_DEPTH or writes[0][1].done()):
                yield _settle(plan, *writes.popleft(), log=log)
        while writes:
            yield _settle(plan, *writes.popleft(), log=log)
    finally:
        reader.shutdown(wait=True, cancel_futures=True)
        writer.shutdown(wait=True)  # what is swapped is worth writing, whatever ended the loop
        _keep_written(writes, log)


def _keep_written(writes: deque[tuple[int, _Write]], log: RenderLog) -> None:
    """Put on record what was written before the render ended early."""
    for _, writing in writes:
        with suppress(Exception, FutureCancelled):
            row = writing.result()
            if row is not None:
                log.append(row)


def remove_stale(output: Output) -> None:
    """Remove half-written frames that a killed render left, once nobody can be writing them any more."""
    pattern = output.pattern
    begins, ends = f".{pattern.prefix}", f".tmp{pattern.extension}"
    with suppress(OSError):
        for path in pattern.folder.iterdir():
            if path.name.startswith(begins) and path.name.lower().endswith(ends):
                with suppress(OSError):
                    if time.time() - path.stat().st_mtime > STALE_SECONDS:
                        path.unlink()


def is_current_movie(plan: RenderPlan, rows: Mapping[int, FrameRow], *, cancelled: Cancelled) -> bool:
    """Whether a movie on disk is what a render would give: one frame that differs makes all of it anew."""
    if plan.overwrite or not all(number in rows and rows[number].output_digest for number in plan.frames):
        return False
    try:
        digest = file_sha256(plan.output.path(plan.frames[0]))
        for number in plan.frames:
            row = rows[number]
            if row.output_digest != digest or row.settings_digest != frame_digest(plan, number):
                return False
        return all(not cancelled() and plan.plate.read(n).digest() == rows[n].input_digest for n in plan.frames)
    except InputError:
        return False


def _read(plan: RenderPlan, number: int, row: FrameRow | None) -> _Read:
    start = time.perf_counter()
    picture = plan.plate.read(number)
    digest = picture.digest()
    current = not plan.overwrite and row is not None and _is_current(plan, number, row, digest)
    return _Read(picture, digest, current, time.perf_counter() - start)


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


def _swap_and_write(plan: RenderPlan, number: int, reading: Future[_Read], writer: ThreadPoolExecutor) -> _Write:
    """Swap here, hand the writing over; what goes wrong is kept in the future."""
    done: _Write = Future()
    try:
        read = reading.result()
        if not read.current:
            return writer.submit(_write, plan, number, _swap(plan, number, read))
        done.set_result(None)
    except Exception as error:  # noqa: BLE001  # the frame fails, the others go on
        done.set_exception(error)
    return done


def _swap(plan: RenderPlan, number: int, read: _Read) -> _Swapped:
    start = time.perf_counter()
    frame = to_frame(read.picture, number=number, config=plan.config, colour_space=plan.colour_space)
    to_rec709 = plan.config.matrix(source=frame.colour_space, destination=LINEAR_REC709)
    cast = [
        CastFace(
            track_id=one.track.id,
            face=one.track.faces[number],
            swapper=one.swapper,
            prepared=one.prepared,
            strength=one.strength,
            to_rec709=to_rec709,
        )
        for one in plan.cast
        if number in one.track.faces
    ]
    for one in cast:
        _check_size(one, frame)
    wanted = plan.shot.write.layers
    result = plan.swap_frame(frame, cast, shot=plan.shot, want_patch="patch" in wanted) if cast else None
    matte = np.zeros(frame.rgb.shape[:2], np.float32) if result is None else result.matte
    metrics: dict[str, float | int | str] = {"faces": len(cast), "matte_pixels": int(np.count_nonzero(matte))}
    if cast:
        metrics["confidence"] = round(min(one.face.confidence for one in cast), 4)
        metrics["bridged"] = sum(one.face.bridged for one in cast)
    layers = _layers(plan, matte, result)
    swapped = frame if result is None else result.frame
    return _Swapped(read, swapped, matte, layers, metrics, time.perf_counter() - start)


def _check_size(cast: CastFace, frame: Frame) -> None:
    """Refuse a face that no camera sees: its crop would take all memory.

    Raises:
        TracksError: the face is `LARGEST_FACE` times as wide or high as the plate; edited by hand.
    """
    size = float(np.ptp(cast.face.points[:, :2], axis=0).max())
    plate = max(frame.data_window.width, frame.data_window.height)
    if size > LARGEST_FACE * plate:
        what = f"the face of track {cast.track_id} is {size:.0f} pixels large, in a plate of {plate}"
        raise TracksError(what, where=f"frame {frame.number}", mend="Mend it in the tracks file, or delete that file")


def _layers(plan: RenderPlan, matte: FloatArray, result: SwapResult | None) -> dict[str, FloatArray]:
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


def _write(plan: RenderPlan, number: int, swapped: _Swapped) -> FrameRow:
    start, read = time.perf_counter(), swapped.read
    settings = frame_digest(plan, number)
    rgb = from_frame(swapped.frame, matte=swapped.matte, config=plan.config, colour_space=plan.colour_space)
    report = plan.output.write(
        number,
        read.picture,
        rgb=rgb,
        matte=swapped.matte,
        layers=swapped.layers,
        header={HEADER_NAME: json.dumps({**plan.header, "settings_digest": settings}, sort_keys=True)},
    )
    write_seconds = time.perf_counter() - start
    seconds = {"read": read.seconds, "swap": swapped.seconds, "write": write_seconds}
    return FrameRow(
        frame=number,
        output=plan.output.path(number).name,
        input_digest=read.digest,
        settings_digest=settings,
        output_digest=report.sha256 or None,
        finished=_now(),
        seconds={part: round(value, 4) for part, value in seconds.items()},
        metrics=swapped.metrics,
        warnings=tuple(report.warnings),
    )


def _settle(plan: RenderPlan, number: int, writing: _Write, *, log: RenderLog) -> FrameOutcome:
    """Wait for a frame and put it on record."""
    failure: Exception | None = None
    try:
        row = writing.result()
    except FATAL:
        raise
    except Exception as error:  # noqa: BLE001  # whatever it was, it is this frame's failure and is named
        row, failure = _failed_row(plan, number, error), error
    if row is not None:
        log.append(row)
    return FrameOutcome(number, row, failure)


def _failed_row(plan: RenderPlan, number: int, error: Exception) -> FrameRow:
    path = plan.output.path(number)
    reason = str(error) if isinstance(error, VfxSwapError) else f"{type(error).__name__}: {error}".rstrip(": ")
    if path.exists() and not isinstance(error, OutputError):
        reason += f" (the file {path.name} from an earlier render is still there)"
    return FrameRow(
        frame=number,
        output=path.name,
        input_digest="",
        settings_digest=frame_digest(plan, number),
        output_digest=None,
        finished=_now(),
        error=reason,
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
