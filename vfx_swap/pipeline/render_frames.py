"""Render frames in order, with reading, swapping and writing of neighbours overlapped.

A frame's pixels are a function of its plate picture and of the plan alone: what runs beside what, which
frames are asked for and in how many processes never shows in a bit of the output.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from vfx_swap.errors import CannotRunError, DiskFullError, InputError, OutputError, RefusedError, VfxSwapError
from vfx_swap.pipeline.progress import Cancelled
from vfx_swap.pipeline.render_log import FrameRow, RenderLog
from vfx_swap.pipeline.render_plan import RenderPlan, frame_digest, swapped_at_once
from vfx_swap.pipeline.render_steps import (
    ReadFrame,
    SwappedFrame,
    read_frame,
    read_input,
    swap_read,
    timestamp,
    write_swapped,
)
from vfx_swap.pipeline.usage import header_uses, use_on_record
from vfx_swap.settings import file_sha256

if TYPE_CHECKING:
    from vfx_swap.io.outputs import Output

__all__ = ["FrameOutcome", "is_current_movie", "remove_stale", "render_frames"]

QUEUE_DEPTH = 2
"""Frames read ahead, and frames waiting to be written: enough to hide the disk, little memory."""
STALE_SECONDS = 600.0
"""Age from which a temporary file belongs to nobody: no frame takes so long to write."""
FATAL = (CannotRunError, DiskFullError, RefusedError)
"""Errors that every later frame would meet too: they end the render."""


@dataclass(frozen=True, eq=False)
class FrameOutcome:
    """What became of one frame."""

    frame: int
    row: FrameRow | None
    """Its row in the log; None when it was skipped because its output is current."""
    error: Exception | None = None
    """What went wrong, where something did."""


_Write: TypeAlias = "Future[FrameRow | None]"
_Swap: TypeAlias = "Future[SwappedFrame | None]"


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
        OutputError: the log cannot be written, or the facility's ledger.
    """
    with use_on_record(header_uses(plan.header), shot=plan.shot.name, frames=plan.frames) as done:
        for outcome in _rendered(plan, log=log, cancelled=cancelled):
            if outcome.row is not None and outcome.error is None:
                done.append(outcome.frame)
            yield outcome


def _rendered(plan: RenderPlan, *, log: RenderLog, cancelled: Cancelled) -> Iterator[FrameOutcome]:
    """What `render_frames` does, beside the ledger."""
    known, numbers = dict(log.rows), iter(plan.frames)
    reads: deque[tuple[int, Future[ReadFrame]]] = deque()
    swaps: deque[tuple[int, _Swap]] = deque()
    writes: deque[tuple[int, _Write]] = deque()
    reader, writer = ThreadPoolExecutor(1, "vfx-swap-read"), ThreadPoolExecutor(1, "vfx-swap-write")
    at_once = swapped_at_once(plan)
    swapper = ThreadPoolExecutor(at_once, "vfx-swap-swap")
    try:
        while not cancelled():
            while len(reads) < QUEUE_DEPTH and (number := next(numbers, None)) is not None:
                reads.append((number, reader.submit(read_frame, plan, number, known.get(number))))
            if not reads:
                break
            number, reading = reads.popleft()
            swaps.append((number, swapper.submit(_swap, plan, number, reading)))
            if len(swaps) >= at_once:
                writes.append(_handed_over(plan, *swaps.popleft(), writer=writer, log=log))
            while writes and (len(writes) > QUEUE_DEPTH or writes[0][1].done()):
                yield _settle(plan, *writes.popleft(), log=log)
        while swaps or writes:
            if swaps:
                writes.append(_handed_over(plan, *swaps.popleft(), writer=writer, log=log))
            while writes and (not swaps or len(writes) > QUEUE_DEPTH or writes[0][1].done()):
                yield _settle(plan, *writes.popleft(), log=log)
    finally:
        reader.shutdown(wait=True, cancel_futures=True)
        swapper.shutdown(wait=True, cancel_futures=True)
        writer.shutdown(wait=True)  # what is swapped is worth writing, whatever ended the loop


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
        return all(not cancelled() and read_input(plan, n)[2] == rows[n].input_digest for n in plan.frames)
    except InputError:
        return False


def _swap(plan: RenderPlan, number: int, reading: Future[ReadFrame]) -> SwappedFrame | None:
    """None where the output is current."""
    read = reading.result()
    return None if read.current else swap_read(plan, number, read)


def _handed_over(
    plan: RenderPlan, number: int, swapping: _Swap, *, writer: ThreadPoolExecutor, log: RenderLog
) -> tuple[int, _Write]:
    """Wait for a swap and hand the writing over; what goes wrong is kept in the future."""
    done: _Write = Future()
    try:
        swapped = swapping.result()
        if swapped is not None:
            return number, writer.submit(_write, plan, number, swapped, log)
        done.set_result(None)
    except Exception as error:  # noqa: BLE001  # the frame fails, the others go on
        done.set_exception(error)
    return number, done


def _write(plan: RenderPlan, number: int, swapped: SwappedFrame, log: RenderLog) -> FrameRow:
    """Write a frame and put it on record at once: a process that is killed has the least to do again."""
    row = write_swapped(plan, number, swapped)
    try:
        log.append(row)
    except OutputError as error:
        raise _NotOnRecordError from error
    return row


class _NotOnRecordError(Exception):
    """A row that cannot be kept; its cause is why. No fault of the frame's: it ends the render."""


def _settle(plan: RenderPlan, number: int, writing: _Write, *, log: RenderLog) -> FrameOutcome:
    """Wait for a frame; one that failed goes on record here."""
    try:
        return FrameOutcome(number, writing.result())
    except FATAL:
        raise
    except _NotOnRecordError as error:
        raise error.__cause__ or error from None
    except Exception as error:  # noqa: BLE001  # whatever it was, it is this frame's failure and is named
        row = _failed_row(plan, number, error)
        log.append(row)
        return FrameOutcome(number, row, error)


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
        finished=timestamp(),
        device=plan.kernels.device,
        arithmetic=plan.kernels.arithmetic,
        error=reason,
    )
