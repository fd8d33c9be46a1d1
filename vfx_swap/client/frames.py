"""Frames swapped or parsed one by one on a server: sent as they are read, given back as they are answered.

A stream that breaks is opened again and goes on with the first frame that was not answered.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import grpc
import numpy as np

from vfx_swap.client.frame_sender import Sender
from vfx_swap.client.frame_slots import Slots, leased, slot_bytes
from vfx_swap.client.frame_values import FrameSettings, PlateFrame, StreamedFrame, Transport
from vfx_swap.client.retry import Patience, error_of_call, is_worth_retrying
from vfx_swap.errors import (
    BusyError,
    ProtocolError,
    ServerUnreachableError,
    UnreadableImageError,
    UsageError,
    VfxSwapError,
)
from vfx_swap.service import wire
from vfx_swap.service.codec import Chunk, Malformed, checksum
from vfx_swap.service.sent_frames import PIXEL_TYPES
from vfx_swap.service.shot_message import values_to_message
from vfx_swap.service.status import error_from_status
from vfx_swap.types import Window

__all__ = ["parse_frames", "process_frames"]

BROKEN_WRITE = "Internal error from Core"
"""What gRPC's client says where it was writing when the server's status came, in place of that status."""
SLOTS = 4
"""Slots that are asked for: as many frames as a server has under way for one stream."""


def process_frames(
    stub: Any,
    settings: FrameSettings,
    frames: Iterable[int],
    *,
    read: Callable[[int], PlateFrame],
    transport: Transport = "chunks",
    views: bool = False,
    slot_size: int = 0,
    patience: Patience | None = None,
) -> AsyncGenerator[StreamedFrame]:
    """Swap frames.

    Args:
        stub: of FrameService, as `Stubs.frames`.
        settings: the shot, its tracks, where faces come from.
        frames: numbers of the frames wanted.
        read: gives a frame; called in a thread, one frame ahead, and again for a frame that must be sent again.
        transport: how pixels go and come back. By `path` the server reads the file that `read` names.
        views: True leaves the planes of frames in slots where they lie, without a copy: they stand until the next frame
            is asked for.
        slot_size: bytes of a slot; 0: by the first frame, see `frame_slots.slot_bytes`.
        patience: for streams that break and frames that find a full queue.

    Yields:
        Every frame once, in the order of `frames`, but for those that had to be sent again; one that failed says why.

    Raises:
        VfxSwapError: the session is refused, or the server stays away.
    """
    shot = values_to_message(settings.shot)

    def session(lease_id: str) -> Any:
        return wire.frames.FrameSession(
            shot=shot,
            mode=f"FRAME_MODE_{settings.mode.upper()}",
            colour_space=settings.colour_space,
            tracks_size=len(settings.tracks),
            priority=f"PRIORITY_{settings.priority.upper()}",
            lease_id=lease_id,
        )

    what = _What(stub.ProcessFrames, wire.frames.ProcessFramesRequest, session, settings.tracks, views, slot_size)
    return _streamed(what, stub, deque(frames), read, transport, patience or Patience())


def parse_frames(
    stub: Any,
    frames: Iterable[int],
    *,
    read: Callable[[int], PlateFrame],
    frames_stub: Any = None,
    name: str = "frames",
    parser: str = "",
    cryptomatte: bool = False,
    tracks: bytes = b"",
    colour_space: str = "",
    transport: Transport = "chunks",
    patience: Patience | None = None,
) -> AsyncGenerator[StreamedFrame]:
    """Find the regions of faces in frames.

    Args:
        stub: of ParseService.
        frames: as `process_frames` has them.
        read: as `process_frames`.
        frames_stub: of FrameService, which leases slots; needed for that transport alone.
        name: of the shot; it seeds Cryptomatte's names.
        parser: id of a parser's card; empty: the default one.
        cryptomatte: Cryptomatte's layers, in place of one layer a region.
        tracks: the tracks file; empty: every frame is a still.
        colour_space: as `FrameSettings.colour_space`.
        transport: as `process_frames`.
        patience: as `process_frames`.

    Yields, Raises: as `process_frames`; layers are planes, and there is neither rgb nor matte.
    """

    def session(lease_id: str) -> Any:
        return wire.parse.ParseSession(
            name=name,
            parser=parser,
            cryptomatte=cryptomatte,
            mode="FRAME_MODE_TRACKS" if tracks else "FRAME_MODE_STILLS",
            colour_space=colour_space,
            tracks_size=len(tracks),
            priority="PRIORITY_BATCH",
            lease_id=lease_id,
        )

    what = _What(stub.ParseFrames, wire.parse.ParseFramesRequest, session, tracks)
    return _streamed(what, frames_stub, deque(frames), read, transport, patience or Patience())


@dataclass(frozen=True, eq=False)
class _What:
    """Which service is asked, and how."""

    method: Any
    request: Callable[..., Any]
    session: Callable[[str], Any]
    tracks: bytes
    views: bool = False
    slot_size: int = 0


async def _streamed(
    what: _What,
    leaser: Any,
    todo: deque[int],
    read: Callable[[int], PlateFrame],
    transport: Transport,
    patience: Patience,
) -> AsyncGenerator[StreamedFrame]:
    tries, again = 0, Counter[int]()
    while todo:
        sender: Sender | None = None
        try:
            async with AsyncExitStack() as stack:
                slots = None
                if transport == "slots":
                    size = what.slot_size or await asyncio.to_thread(_size, read, tuple(todo))
                    slots = stack.enter_context(await leased(leaser, size=size, slots=SLOTS))
                session = what.session("" if slots is None else slots.lease_id)
                sender = Sender(what.request, session, what.tracks, todo, read, slots)
                call = what.method(sender.messages())
                stack.callback(call.cancel) if hasattr(call, "cancel") else stack.push_async_callback(call.aclose)
                async for frame, came_back in _answers(call, sender):
                    tries = 0
                    if not came_back:
                        yield frame
                    elif frame.error is not None and _is_passing(frame) and again[frame.number] < patience.tries:
                        again[frame.number] += 1
                        await patience.sleep(patience.wait_seconds(again[frame.number], frame.error))
                        sender.answered(again=True)
                    elif what.views:
                        yield frame
                        sender.answered()
                    else:
                        own = frame if slots is None else frame.copied()
                        sender.answered()
                        yield own
            error: VfxSwapError = ServerUnreachableError("the server ended the stream before all frames were answered")
        except (grpc.aio.AioRpcError, VfxSwapError) as failed:
            error = failed if isinstance(failed, VfxSwapError) else _error_of(failed)
        if sender is not None:
            if sender.fault is not None:
                raise sender.fault
            # What was sent and not answered goes first.
            todo.extendleft(one.frame.number for one in reversed(sender.under_way) if not one.only_seen)
        if todo:
            tries += 1
            if tries >= patience.tries or not is_worth_retrying(error):
                raise error
            await patience.sleep(patience.wait_seconds(tries, error))


def _error_of(failed: Any) -> VfxSwapError:
    """As `error_of_call`; a stream that ended while something was being written says nothing but this."""
    if failed.code() == grpc.StatusCode.INTERNAL and failed.details() == BROKEN_WRITE:
        return ServerUnreachableError("the server ended the stream while a frame was being sent")
    return error_of_call(failed)


def _size(read: Callable[[int], PlateFrame], numbers: Iterable[int]) -> int:
    """Bytes of a slot for frames as large as the first that can be read."""
    for number in numbers:
        try:
            pixels = read(number).pixels
        except VfxSwapError:
            continue
        if pixels is None:
            raise UsageError("frames by path have no pixels for slots", mend="Use transport path")
        return slot_bytes(pixels)
    return 1  # every frame will say why


def _is_passing(frame: StreamedFrame) -> bool:
    """Whether sending it again may help: the queue was full, or its bytes were damaged on the way."""
    damaged = isinstance(frame.error, UnreadableImageError) and frame.sent is not None and frame.sent.pixels is not None
    return damaged or isinstance(frame.error, BusyError)


async def _answers(call: Any, sender: Sender) -> AsyncIterator[tuple[StreamedFrame, bool]]:
    """Frames as they are answered, and those that could not be read here; True where the server answered."""
    messages = aiter(call)
    while (message := await _next(messages, within=False)) is not None:
        kind = message.WhichOneof("message")
        if kind == "ready":
            sender.granted(message.ready)
            continue
        while sender.unread:
            yield sender.unread.popleft(), False
        if kind != "frame" or not sender.under_way or sender.under_way[0].frame.number != message.frame.frame:
            raise ProtocolError(f"the server sent {kind} out of turn")
        outcome = message.frame.WhichOneof("outcome")
        sent = sender.under_way[0].frame
        if outcome == "seen":
            sender.answered()
        elif outcome == "error":
            yield StreamedFrame(sent.number, error=error_from_status(message.frame.error), sent=sent), True
        elif outcome == "done":
            yield await _done(message.frame.done, sent, messages, sender.slots), True
        else:
            raise ProtocolError(f"the server does not say what became of frame {sent.number}")
    while sender.unread:
        yield sender.unread.popleft(), False


async def _next(messages: Any, *, within: bool) -> Any:
    """The next message; a chunk only within a frame. None at the end."""
    message = await anext(messages, None)
    if isinstance(message, Malformed):
        raise message.error
    if (message is None and within) or (isinstance(message, Chunk) and not within):
        raise ProtocolError("the server's stream ended within a frame" if within else "a chunk outside of a frame")
    return message


async def _done(done: wire.pixels.FrameDone, sent: PlateFrame, messages: Any, slots: Slots | None) -> StreamedFrame:
    window = Window(done.window.x, done.window.y, done.window.width, done.window.height)
    planes, inline = dict[str, np.ndarray](), list[np.ndarray]()
    for plane in done.planes:
        shape = (window.height, window.width, plane.channels)[: 3 if plane.channels > 1 else 2]
        if plane.WhichOneof("transport") == "slot":
            if slots is None:
                raise ProtocolError(f"plane {plane.name!r} came back in a slot that was never leased")
            planes[plane.name] = slots.plane(plane, shape)
            continue
        if plane.pixel_type not in PIXEL_TYPES:
            raise ProtocolError(f"plane {plane.name!r} has pixels of type {plane.pixel_type}")
        planes[plane.name] = np.empty(shape, PIXEL_TYPES[plane.pixel_type])
        inline.append(planes[plane.name])
        if plane.inline.size != planes[plane.name].nbytes:
            raise ProtocolError(f"plane {plane.name!r} has {plane.inline.size} bytes in a window {shape}")
    whole = not inline or await _fill(inline, sent.number, messages)
    if not whole:
        error = UnreadableImageError("came back damaged: its checksum differs", where=f"frame {sent.number}")
        return StreamedFrame(sent.number, error=error, sent=sent)
    timings = done.timings
    return StreamedFrame(
        number=sent.number,
        window=window,
        planes=planes,
        metrics={one.name: one.text if one.WhichOneof("value") == "text" else one.number for one in done.metrics},
        header=dict(done.header),
        settings_digest=done.settings_digest,
        output=done.output,
        warnings=tuple(done.warnings),
        seconds={name: getattr(timings, f"{name}_seconds") for name in ("queue", "decode", "infer", "encode")},
        device=timings.device,
        sent=sent,
    )


async def _fill(planes: list[np.ndarray], number: int, messages: Any) -> bool:
    """Take in the planes of a frame; whether their checksum is the one announced."""
    index = filled = crc = 0
    views = [plane.reshape(-1).view(np.uint8).data for plane in planes]
    while isinstance(chunk := await _next(messages, within=True), Chunk):
        while index < len(views) and filled == len(views[index]):
            index, filled = index + 1, 0
        end = chunk.offset + len(chunk.data)
        if (chunk.frame, chunk.plane, chunk.offset) != (number, index, filled) or end > len(views[index]):
            raise ProtocolError(f"a chunk of frame {chunk.frame}, plane {chunk.plane}, out of turn")
        views[index][filled:end] = chunk.data
        filled, crc = end, checksum(chunk.data, crc)
    rest = sum(len(view) for view in views[index:]) - filled
    if chunk.WhichOneof("message") != "end" or chunk.end.frame != number or rest:
        raise ProtocolError(f"frame {number} ended with {rest} bytes missing")
    return not chunk.end.HasField("crc32c") or int(chunk.end.crc32c) == crc
