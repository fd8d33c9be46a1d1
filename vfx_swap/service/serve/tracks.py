"""TrackService: the analyse pass alone, of a plate that the server reads, or of frames that are sent."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from vfx_swap.errors import LimitError, ProtocolError
from vfx_swap.io.paths import FramePattern
from vfx_swap.io.ranges import format_frames
from vfx_swap.service import wire
from vfx_swap.service.codec import Chunk
from vfx_swap.service.frame_stream import BYTES_PER_PIXEL, StreamTools, next_message
from vfx_swap.service.sent_frames import Receiving, sent_frame
from vfx_swap.service.serve.stream_parts import (
    FramePlaces,
    Scratch,
    client_of,
    deadline_of,
    first_message,
    kind_of,
    priority_of,
    run_task,
)
from vfx_swap.service.settings import CHUNK_BYTES
from vfx_swap.service.spool import spool_frame
from vfx_swap.service.work import Task

__all__ = ["TrackServicer"]

Response = wire.track.TrackPlateResponse
RECEIVED = "received"


class TrackServicer(wire.track_grpc.TrackServiceServicer):
    """Tracks of plates.

    Args:
        tools: what all streams share.
        places: which paths are taken.
        scratch: where frames that are sent lie until their faces are found.
    """

    def __init__(self, tools: StreamTools, *, places: FramePlaces, scratch: Scratch) -> None:
        self._tools = tools
        self._places = places
        self._scratch = scratch

    async def TrackPlate(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Response]:
        """Take frames in where the server cannot read the plate, find the faces, and send the tracks file."""
        messages = aiter(requests)
        asked = await first_message(messages, "session", limits=self._tools.limits)
        if bool(asked.plate) == bool(asked.frame_count):
            raise ProtocolError("a session of tracking says a plate, or how many frames will be sent")
        session = Scratch.new_name()
        output = await asyncio.to_thread(self._places.writable, asked.output) if asked.output else None
        with self._scratch.folder(session) as folder:
            await asyncio.to_thread(folder.mkdir, mode=0o700)
            body: dict[str, Any] = {"colour_space": asked.colour_space or None, "missing": _missing(asked.missing)}
            yield Response(ready=wire.track.TrackSessionReady(window=self._tools.limits.frames_in_flight))
            if asked.plate:
                plate = await asyncio.to_thread(self._places.readable_pattern, asked.plate)
                body |= {"plate": plate, "frames": asked.frames, "out": str(output or folder / "tracks.json")}
            else:
                numbers: list[int] = []
                self._tools.lanes.begin()
                try:
                    async for number in self._receive(asked.frame_count, messages, folder):
                        numbers.append(number)
                        yield Response(progress=_progress(len(numbers), asked.frame_count, number, RECEIVED))
                finally:
                    await self._tools.lanes.end()
                    self._tools.files.forget()
                plate = str(folder / "plate.####.exr")
                body |= {"plate": plate, "frames": format_frames(numbers), "out": str(folder / "tracks.json")}
            task = Task(
                id=session,
                kind="analyse",
                body=body,
                client=client_of(context),
                priority=priority_of(asked.priority),
                deadline=deadline_of(context),
            )
            async for progress in self._analyse(task):
                yield Response(progress=progress)
            made = Path(body["out"])
            if not asked.plate:
                made = await asyncio.to_thread(_as_sent, made, output or folder / "sent.json", asked.plate_digest)
            async for response in _file(made):
                yield response

    async def _receive(self, count: int, messages: AsyncIterator[Any], folder: Path) -> AsyncIterator[int]:
        """Numbers of frames, each as it is kept.

        Raises:
            ProtocolError: what comes is no frame in chunks, or they do not rise, or are fewer.
            BusyError: nothing comes in the middle of a frame.
            LimitError: frames, or one of them, are more than the server takes.
            DiskFullError: there is no room for them.
        """
        limits = self._tools.limits
        if count > limits.frames_per_job:
            raise LimitError(f"{count} frames; {limits.frames_per_job} are taken")
        last: int | None = None
        for _ in range(count):
            message = await next_message(messages)
            if kind_of(message) != "frame":
                raise ProtocolError(f"{kind_of(message)}, where one of {count} frames was to come")
            frame = sent_frame(message.frame, limits)
            if frame.transport != "chunks":
                raise ProtocolError(f"frame {frame.number} does not come in chunks", mend="Say the plate's path")
            if last is not None and frame.number <= last:
                raise ProtocolError(f"frame {frame.number} after frame {last}", mend="Send them in rising order")
            last = frame.number
            pixels = frame.window.width * frame.window.height
            lane = await self._tools.lanes.take(cost=frame.size + BYTES_PER_PIXEL * pixels)
            try:
                receiving = Receiving(frame, lane.sent.write)
                while isinstance(message := await next_message(messages, within=limits.stall_seconds), Chunk):
                    receiving.take(message)
                if kind_of(message) != "end":
                    raise ProtocolError(f"{kind_of(message)} within frame {frame.number}")
                fault = receiving.end(message.end)
                if fault is not None:
                    raise fault
                self._tools.metrics.moved("chunks", "in", count=frame.size)
                array = self._tools.files.read(lane.pixels(frame.shape, frame.dtype))
                path = FramePattern.parse(folder / "plate.####.exr").path(frame.number)
                await asyncio.to_thread(spool_frame, array, frame, path, free_disk_bytes=limits.free_disk_bytes)
                del array
            finally:
                await self._tools.lanes.give(lane)
            yield frame.number

    async def _analyse(self, task: Task) -> AsyncIterator[wire.track.TrackProgress]:
        """What is told of the analyse pass while it runs."""
        events: asyncio.Queue[Mapping[str, Any] | None] = asyncio.Queue()
        running = asyncio.create_task(run_task(self._tools.crew, task, on_event=events.put_nowait))
        running.add_done_callback(lambda _: events.put_nowait(None))
        try:
            while (event := await events.get()) is not None:
                warning = event.get("what") == "warning"
                text = str(event.get("message", ""))
                yield _progress(event.get("done", 0), event.get("total", 0), event.get("frame"), text, warning=warning)
            await running
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(running, return_exceptions=True)


def _progress(
    done: int, total: int, frame: int | None, message: str, *, warning: bool = False
) -> wire.track.TrackProgress:
    return wire.track.TrackProgress(done=done, total=total, frame=frame, message=message, warning=warning)


def _missing(number: int) -> str:
    if number == wire.shot.MISSING_UNSPECIFIED:
        return "error"
    if number not in wire.shot.Missing.values():
        raise ProtocolError(f"no rule for missing frames is {number}")
    return wire.shot.Missing.Name(number).removeprefix("MISSING_").lower()


def _as_sent(made: Path, to: Path, plate_digest: str) -> Path:
    """A tracks file that says the client's plate in place of our working files."""
    from vfx_swap.pipeline.tracks_file import load_tracks, save_tracks

    save_tracks(replace(load_tracks(made), plate="sent frame by frame", plate_digest=plate_digest), to)
    return to


async def _file(path: Path) -> AsyncIterator[Response]:
    size, sha = 0, hashlib.sha256()
    with path.open("rb") as file:  # of ours; what is read goes by a thread
        while data := await asyncio.to_thread(file.read, CHUNK_BYTES):
            size += len(data)
            sha.update(data)
            yield Response(tracks=wire.frames.TracksChunk(data=data))
    yield Response(end=wire.track.TracksEnd(size=size, sha256=sha.hexdigest()))
