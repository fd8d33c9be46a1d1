"""One stream of frames: takes them in as they are sent, has them worked on, and answers in the same order.

Two things go on at once, so that frames come in while others are worked on: a reader, which takes the client's messages
and submits what is whole, and the stream's own generator, which waits for the oldest frame and answers it. What breaks
the protocol ends the stream; what goes wrong with a frame is its answer.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from vfx_swap.errors import BusyError, ProtocolError, VfxSwapError
from vfx_swap.service.codec import Chunk
from vfx_swap.service.frame_answers import answer_messages, error_messages, seen_messages
from vfx_swap.service.lanes import Lane, Lanes
from vfx_swap.service.metrics import Metrics
from vfx_swap.service.pool import OpenFiles
from vfx_swap.service.sent_frames import Receiving, SentFrame, sent_frame
from vfx_swap.service.settings import Limits
from vfx_swap.service.slots import Lease
from vfx_swap.service.work import Crew, Ref, Running, Task

__all__ = ["FrameStream", "FrameWork", "StreamTools", "next_message"]

Value = TypeVar("Value")
BYTES_PER_PIXEL = 16
"""What comes back of a pixel, at most, as lanes are counted: rgb and matte as floats. Layers are of faces alone."""
UNKNOWN_PIXELS = 4096 * 2160
"""Of a frame that comes by path, as lanes are counted."""
LAYERS = 64
"""Channels that an answer may have of every pixel; a limit against a worker gone wild, no reservation."""


@dataclass(frozen=True, eq=False)
class StreamTools:
    """What streams of a server share."""

    crew: Crew
    lanes: Lanes
    files: OpenFiles
    limits: Limits
    metrics: Metrics


class FrameWork(Protocol):
    """What a stream does with its frames."""

    @property
    def engine(self) -> str:
        """Id of the model, for metrics."""
        ...

    async def task(self, frame: SentFrame, body: Mapping[str, Any]) -> Task:
        """The task of a frame.

        Args:
            frame: as it was sent.
            body: what the worker reads of it.

        Raises:
            PathRefusedError: it comes by a path that is not taken.
        """
        ...


@dataclass(eq=False)
class _Pending:
    """A frame under way."""

    frame: SentFrame
    lane: Lane | None = None
    running: Running | None = None
    error: VfxSwapError | None = None
    """Why it was not even submitted, or is not going to be."""


@dataclass(eq=False)
class FrameStream:
    """The frames of one stream."""

    tools: StreamTools
    respond: Callable[..., Any]
    """Makes a response: ProcessFramesResponse or ParseFramesResponse."""
    lease: Lease | None = None
    after: Callable[[], Awaitable[None]] | None = None
    """What is done when no frame is under way any more: closes the session."""
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    _pending: asyncio.Queue[_Pending | None] = field(default_factory=asyncio.Queue)
    _open: set[_Pending] = field(default_factory=set)
    _in_flight: int = 0
    _began: bool = False
    _receiving: tuple[Receiving, _Pending, Lane] | None = None

    async def answers(self, requests: AsyncIterator[Any], work: FrameWork) -> AsyncGenerator[Any]:
        """The answers to every frame that is sent; ends after the client has sent its last and all are answered.

        Raises:
            ProtocolError: a message that does not belong where it comes.
            LimitError: a frame larger than the server takes.
        """
        self.tools.lanes.begin()
        self._began = True
        reader = asyncio.create_task(self._read(requests, work))
        try:
            while True:
                pending = await _unless_failed(self._pending.get(), reader)
                if pending is None:
                    return
                async for message in self._answer(pending, reader):
                    yield message
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)

    async def close(self) -> None:
        """Cancel what is under way, wait until no worker touches its memory, and free it."""
        for pending in self._open:
            if pending.running is not None:
                pending.running.cancel()
        for pending in tuple(self._open):
            if pending.running is not None:
                await asyncio.gather(pending.running.result(), return_exceptions=True)
            await self._release(pending)
        if self._began:
            await self.tools.lanes.end()
        if self.after is not None:
            await self.after()

    async def _read(self, requests: AsyncIterator[Any], work: FrameWork) -> None:
        messages = aiter(requests)
        # Between frames a client takes its time; within one it holds memory.
        stall = self.tools.limits.stall_seconds
        while (message := await next_message(messages, within=stall if self._receiving else None)) is not None:
            if isinstance(message, Chunk):
                if self._receiving is None:
                    raise ProtocolError(f"a chunk of frame {message.frame}, which was not announced")
                self._receiving[0].take(message)
                continue
            kind = message.WhichOneof("message")
            if kind == "frame":
                await self._begin(message.frame, work)
            elif kind == "end":
                await self._end(message.end, work)
            else:
                raise ProtocolError(f"{kind or 'an empty message'} after the session was opened")
        if self._receiving is not None:
            raise ProtocolError(f"the stream ended in the middle of frame {self._receiving[0].frame.number}")
        self._pending.put_nowait(None)

    async def _begin(self, header: Any, work: FrameWork) -> None:
        if self._receiving is not None:
            raise ProtocolError(f"frame {header.frame} begins before frame {self._receiving[0].frame.number} has ended")
        if self._in_flight >= self.tools.limits.frames_in_flight:
            what = f"frame {header.frame} is one more than the {self.tools.limits.frames_in_flight} that were granted"
            raise ProtocolError(what, mend="Wait for answers: FrameSessionReady.window says how many may be under way")
        frame = sent_frame(header, self.tools.limits)
        if frame.transport == "shared_memory" and self.lease is None:
            raise ProtocolError(f"frame {frame.number} comes in a slot, and the session named no lease")
        self._in_flight += 1
        pending = _Pending(frame)
        self._open.add(pending)
        if frame.slot is not None and self.lease is not None:
            start, room = self.lease.begin(frame.slot, expected=frame.size)
            self.tools.metrics.moved("shared_memory", "in", count=frame.size)
            pixels = Ref(str(self.lease.file.path), start, frame.shape, frame.dtype)
            await self._submit(pending, work, {"pixels": pixels.to_json(), "out": room.to_json()})
            return
        count = frame.window.width * frame.window.height
        pending.lane = await self.tools.lanes.take(cost=frame.size + BYTES_PER_PIXEL * (count or UNKNOWN_PIXELS))
        if frame.transport == "chunks":
            self._receiving = (Receiving(frame, pending.lane.sent.write), pending, pending.lane)
            return
        room = pending.lane.room(self.tools.limits.frame_pixels * 4 * LAYERS)
        await self._submit(pending, work, {"path": frame.path, "out": room.to_json()})

    async def _end(self, end: Any, work: FrameWork) -> None:
        if self._receiving is None:
            raise ProtocolError(f"the end of frame {end.frame}, which was not announced")
        (receiving, pending, lane), self._receiving = self._receiving, None
        pending.error, frame = receiving.end(end), pending.frame
        self.tools.metrics.moved("chunks", "in", count=frame.size)
        if pending.error is not None:
            self._pending.put_nowait(pending)
            return
        room = lane.room(frame.window.width * frame.window.height * 4 * LAYERS)
        pixels = lane.pixels(frame.shape, frame.dtype)
        await self._submit(pending, work, {"pixels": pixels.to_json(), "out": room.to_json()})

    async def _submit(self, pending: _Pending, work: FrameWork, places: Mapping[str, Any]) -> None:
        frame = pending.frame
        body: dict[str, Any] = {"number": frame.number, **places}
        if frame.transport != "path":
            body |= {"window": _box(frame.window), "display": _box(frame.display)}
        try:
            pending.running = self.tools.crew.submit(await work.task(frame, body))
        except VfxSwapError as error:
            pending.error = error
        self._pending.put_nowait(pending)

    async def _answer(self, pending: _Pending, reader: asyncio.Task[None]) -> AsyncIterator[Any]:
        """A frame's messages. Its place in the window is free before the last is sent: the client may act on it."""
        frame = pending.frame
        try:
            if pending.running is None:
                raise pending.error or ProtocolError(f"frame {frame.number} was not submitted")
            answer = await _unless_failed(pending.running.result(), reader)
            [done] = answer["frames"]
            if done.get("seen"):
                messages = seen_messages(frame.number)
            elif "error" in done:
                messages = error_messages(frame.number, done["error"])
            else:
                messages = answer_messages(
                    frame, done, stats=answer.get("stats", {}), files=self.tools.files, lease=self.lease
                )
        except VfxSwapError as error:
            if reader.done() and not reader.cancelled() and reader.exception() is error:
                raise
            self.tools.metrics.refused(error)
            messages = error_messages(frame.number, error)
        held = None
        for message in messages:
            if held is not None:
                yield self._response(held, frame)
            held = message
        self._in_flight -= 1
        yield self._response(held, frame)
        await self._release(pending)

    def _response(self, message: Any, frame: SentFrame) -> Any:
        if isinstance(message, Chunk):
            self.tools.metrics.moved("chunks", "out", count=len(message.data))
            return message
        name, value = message
        if name == "frame" and self.lease is not None and frame.slot is not None:
            count = sum(plane.slot.size for plane in value.done.planes)
            self.tools.metrics.moved("shared_memory", "out", count=count)
            # The client may use the slot anew as soon as it reads this.
            self.lease.end(frame.slot.slot)
        return self.respond(**{name: value})

    async def _release(self, pending: _Pending) -> None:
        self._open.discard(pending)
        lane, pending.lane = pending.lane, None
        if lane is not None:
            await self.tools.lanes.give(lane)


async def next_message(messages: AsyncIterator[Any], *, within: float | None = None) -> Any:
    """A client's next message; None at the end.

    Args:
        messages: the client's.
        within: seconds that it may take; None: any time.

    Raises:
        BusyError: it took longer: what it holds is wanted by others.
    """
    try:
        async with asyncio.timeout(within):
            return await anext(messages, None)
    except TimeoutError as error:
        what = f"nothing came for {within:g} seconds, where more was to come"
        raise BusyError(what, retry_seconds=1.0, mend="Send it again, whole") from error


async def _unless_failed(wanted: Coroutine[Any, Any, Value] | Awaitable[Value], reader: asyncio.Task[None]) -> Value:
    """What is waited for; or the reader's error, as soon as there is one."""
    waiting = asyncio.ensure_future(wanted)
    try:
        if not reader.done():
            await asyncio.wait({waiting, reader}, return_when=asyncio.FIRST_COMPLETED)
        if reader.done() and not reader.cancelled() and (error := reader.exception()) is not None:
            raise error
        return await waiting
    finally:
        waiting.cancel()


def _box(window: Any) -> list[int]:
    return [window.x, window.y, window.width, window.height]
