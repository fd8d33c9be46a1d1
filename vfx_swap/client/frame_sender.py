"""The client's half of a stream of frames that goes up: session, tracks, and as many frames as the server granted."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vfx_swap.client.frame_slots import Slots
from vfx_swap.client.frame_values import PlateFrame, StreamedFrame
from vfx_swap.errors import UsageError, VfxSwapError
from vfx_swap.service import wire
from vfx_swap.service.codec import Chunk, checksum
from vfx_swap.service.sent_frames import PIXEL_TYPES, window_message

__all__ = ["CHUNK_BYTES", "Sender", "UnderWay", "checked_frame", "frame_messages"]

CHUNK_BYTES = 1 << 20
"""Of pixels in one message, and of a tracks file."""
_TYPES: dict[str, Any] = {dtype: number for number, dtype in PIXEL_TYPES.items()}


@dataclass(frozen=True, eq=False)
class UnderWay:
    """A frame that was sent and is not answered."""

    frame: PlateFrame
    only_seen: bool
    """Sent so that the engine sees it; it is sent again to be swapped."""
    slot: wire.pixels.SlotPixels | None = None


def frame_messages(
    request: Callable[..., Any], frame: PlateFrame, slot: wire.pixels.SlotPixels | None
) -> Iterator[Any]:
    """The messages of one frame.

    Args:
        request: makes a message.
        frame: to be sent.
        slot: where its pixels lie in shared memory; None: they go in chunks, or by path.
    """
    if frame.pixels is None:
        yield request(frame=wire.pixels.FrameHeader(frame=frame.number, path=wire.pixels.PathPixels(path=frame.path)))
        return
    header = wire.pixels.FrameHeader(
        frame=frame.number,
        data_window=window_message(frame.window),
        display_window=window_message(frame.display),
        pixel_type=_TYPES[frame.pixels.dtype.name],
    )
    if slot is not None:
        header.slot.CopyFrom(slot)
        yield request(frame=header)
        return
    data = np.ascontiguousarray(frame.pixels).reshape(-1).view(np.uint8).data
    header.inline.size = len(data)
    yield request(frame=header)
    crc = 0
    for offset in range(0, len(data), CHUNK_BYTES):
        part = data[offset : offset + CHUNK_BYTES]
        crc = checksum(part, crc)
        yield Chunk(frame.number, 0, offset, part)
    yield request(end=wire.pixels.FrameEnd(frame=frame.number, crc32c=crc))


def checked_frame(frame: PlateFrame) -> PlateFrame:
    """The frame.

    Raises:
        UsageError: pixels that the wire has no type for, or not of the window's size.
    """
    pixels, shape = frame.pixels, (frame.window.height, frame.window.width, 3)
    if pixels is not None and (pixels.dtype.name not in _TYPES or pixels.shape != shape):
        what = f"frame {frame.number} has pixels {pixels.dtype.name} {pixels.shape} in a window {shape}"
        raise UsageError(what, mend="Give (height, width, 3) of float16, float32, uint8 or uint16")
    return frame


@dataclass(eq=False)
class Sender:
    """What goes up in one attempt of a stream."""

    request: Callable[..., Any]
    session: Any
    """The session's message."""
    tracks: bytes
    todo: deque[int]
    """Frames to send, in order; shared with the attempts before and after."""
    read: Callable[[int], PlateFrame]
    slots: Slots | None = None
    under_way: deque[UnderWay] = field(default_factory=deque)
    """Sent and not answered, oldest first."""
    unread: deque[StreamedFrame] = field(default_factory=deque)
    """Frames that could not be read here."""
    fault: BaseException | None = None
    """Why sending stopped; raised by who waits for answers."""
    _window: int = 0
    _first: deque[int] = field(default_factory=deque)
    _go: asyncio.Event = field(default_factory=asyncio.Event)
    _reading: tuple[int, asyncio.Task[PlateFrame | StreamedFrame]] | None = None

    def granted(self, ready: wire.frames.FrameSessionReady) -> None:
        """The session is open."""
        self._window = max(1, ready.window if self.slots is None else min(ready.window, self.slots.count))
        self._first = deque(ready.first_frames)
        self._go.set()

    def answered(self, *, again: bool = False) -> None:
        """The oldest frame under way is answered, and there is room for another.

        Args:
            again: it has to be sent once more, after all others.
        """
        done = self.under_way.popleft()
        if again:
            self.todo.append(done.frame.number)
        if done.slot is not None and self.slots is not None:
            self.slots.free(done.slot.slot)
        self._go.set()

    async def messages(self) -> AsyncIterator[Any]:
        """All that is sent. Never raises, since gRPC would only log it: see `fault`."""
        try:
            yield self.request(session=self.session)
            for offset in range(0, len(self.tracks), CHUNK_BYTES):
                part = self.tracks[offset : offset + CHUNK_BYTES]
                yield self.request(tracks=wire.frames.TracksChunk(data=part))
            while (sent := await self._next()) is not None:
                for message in frame_messages(self.request, sent.frame, sent.slot):
                    yield message
        except Exception as error:  # noqa: BLE001  # raised again by who waits for the answers
            self.fault = error
        finally:
            if self._reading is not None:
                self._reading[1].cancel()

    async def _next(self) -> UnderWay | None:
        """The next frame, once there is room for it; None when all were sent and answered."""
        while True:
            if not self._window or len(self.under_way) >= self._window:
                await self._wait()
            elif self._first:
                read = await asyncio.to_thread(self._read, self._first.popleft())
                if isinstance(read, PlateFrame):  # one that cannot be read has nothing to show
                    return await self._place(read, only_seen=True)
            elif self.todo:
                read = await self._ahead(self.todo[0])
                if isinstance(read, PlateFrame):
                    sent = await self._place(read, only_seen=False)
                    self.todo.popleft()
                    return sent
                self.todo.popleft()
                self.unread.append(read)
            elif self.under_way:
                await self._wait()  # one of them may have to be sent again
            else:
                return None

    async def _place(self, frame: PlateFrame, *, only_seen: bool) -> UnderWay:
        slot = None
        if self.slots is not None and frame.pixels is not None:
            slot = await asyncio.to_thread(self.slots.fill, np.ascontiguousarray(frame.pixels))
        sent = UnderWay(frame, only_seen, slot)
        self.under_way.append(sent)
        return sent

    async def _ahead(self, number: int) -> PlateFrame | StreamedFrame:
        """A frame of those to do, read while the one before was sent; the next is begun."""
        reading, self._reading = self._reading, None
        ready = reading is not None and reading[0] == number
        read = await (reading[1] if reading is not None and ready else asyncio.to_thread(self._read, number))
        if len(self.todo) > 1:
            following = self.todo[1]
            self._reading = (following, asyncio.create_task(asyncio.to_thread(self._read, following)))
        return read

    def _read(self, number: int) -> PlateFrame | StreamedFrame:
        try:
            return checked_frame(self.read(number))
        except VfxSwapError as error:
            return StreamedFrame(number, error=error)

    async def _wait(self) -> None:
        self._go.clear()
        await self._go.wait()
