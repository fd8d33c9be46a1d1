"""What streams of frames, parsing and tracking have in common: who calls, how they begin, what must be cleared away."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import grpc

from vfx_swap.errors import BusyError, LimitError, ProtocolError
from vfx_swap.service import wire
from vfx_swap.service.calls import current_call
from vfx_swap.service.codec import Chunk, ChunkCodec
from vfx_swap.service.frame_stream import FrameStream, next_message
from vfx_swap.service.settings import CHUNK_BYTES, Limits
from vfx_swap.service.slots import SlotLeases
from vfx_swap.service.work import Crew, Priority, Task

__all__ = [
    "FramePlaces",
    "Scratch",
    "add_frames",
    "add_parse",
    "add_tracks",
    "client_of",
    "deadline_of",
    "first_message",
    "held",
    "kind_of",
    "mode_of",
    "priority_of",
    "receive_tracks",
    "run_task",
    "submit_surely",
]

Message = Any
"""A message or a `Chunk`: what `ChunkCodec.decode` gives, and the door lets in."""
_MODES: dict[int, str] = {wire.frames.FRAME_MODE_TRACKS: "tracks", wire.frames.FRAME_MODE_STILLS: "stills"}


class FramePlaces(Protocol):
    """Says which paths of frames are taken; `roots.Roots` is one."""

    def readable(self, path: str, /) -> Path:
        """A file that may be read; PathRefusedError where it may not."""
        ...

    def readable_pattern(self, text: str, /) -> str:
        """A plate that may be read; PathRefusedError where it, or a frame of it, may not."""
        ...

    def writable(self, path: str, /) -> Path:
        """A file that may be written; PathRefusedError where it may not."""
        ...


class Scratch:
    """Working files of streams, and the clearing away at their end, which outlives the call that it is for.

    Args:
        root: folder that is the server's alone; what an earlier server left in it goes.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._ending: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Make the folder, empty."""
        shutil.rmtree(self._root, ignore_errors=True)
        self._root.mkdir(mode=0o700, parents=True)

    async def settled(self) -> None:
        """Wait until what ended is cleared away."""
        while self._ending:
            await asyncio.gather(*self._ending, return_exceptions=True)

    async def stop(self) -> None:
        """Wait until all is cleared away."""
        await self.settled()
        shutil.rmtree(self._root, ignore_errors=True)

    @staticmethod
    def new_name() -> str:
        """A name that no stream had before."""
        return uuid.uuid4().hex

    @contextlib.contextmanager
    def folder(self, name: str) -> Iterator[Path]:
        """A stream's own folder, which is gone afterwards; it is made by who writes into it."""
        folder = self._root / name
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    async def finish(self, work: Coroutine[Any, Any, None]) -> None:
        """Run to the end, even where the call is cancelled while it waits."""
        task = asyncio.create_task(work)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        await asyncio.shield(task)


@contextlib.asynccontextmanager
async def held(
    stream: FrameStream,
    messages: AsyncIterator[Message],
    asked: Any,
    *,
    client: str,
    leases: SlotLeases,
    scratch: Scratch,
) -> AsyncIterator[str | None]:
    """All that a stream holds, for as long as it lives: its lease, its tracks, its frames under way.

    Args:
        stream: not yet begun.
        messages: the client's; those of the tracks are taken.
        asked: the message that opened it: FrameSession or ParseSession.
        client: who calls.
        leases: shared memory of clients.
        scratch: where the tracks lie, and what outlives the call clears away.

    Yields:
        Path of the tracks file; None where none was sent.

    Raises:
        ProtocolError, LimitError: as `SlotLeases.take` and `receive_tracks`.
    """

    async def clear() -> None:
        await stream.close()
        if stream.lease is not None:
            leases.end(stream.lease)
        stream.tools.files.forget()

    with scratch.folder(stream.id) as folder:
        try:
            if asked.lease_id:
                stream.lease = leases.take(asked.lease_id, owner=client, stream=stream.id)
            yield await receive_tracks(messages, asked.tracks_size, folder=folder, limits=stream.tools.limits)
        finally:
            await scratch.finish(clear())


async def first_message(messages: AsyncIterator[Message], kind: str, *, limits: Limits) -> Any:
    """The message that opens a stream.

    Raises:
        ProtocolError: the stream begins with something else, or ends before.
        BusyError: nothing comes.
        LimitError: it is larger than the server takes.
    """
    message = await next_message(messages, within=limits.stall_seconds)
    said = kind_of(message)
    if said != kind:
        raise ProtocolError(f"a stream begins with its {kind}; this one begins with {said}")
    opened = getattr(message, kind)
    if opened.ByteSize() > limits.header_bytes:
        raise LimitError(f"a {kind} of {opened.ByteSize()} bytes; {limits.header_bytes} are taken")
    return opened


async def receive_tracks(messages: AsyncIterator[Message], size: int, *, folder: Path, limits: Limits) -> str | None:
    """The tracks file that follows a session: its path; None where none was announced.

    Raises:
        ProtocolError: something else comes, or not so many bytes.
        BusyError: nothing comes any more.
        LimitError: it is larger than the server takes.
    """
    if not size:
        return None
    if size > limits.upload_bytes:
        raise LimitError(f"a tracks file of {size} bytes; {limits.upload_bytes} are taken")
    await asyncio.to_thread(folder.mkdir, mode=0o700, exist_ok=True)
    path, received = folder / "tracks.json", 0
    with path.open("wb") as file:  # of ours, on our own disk; what is written goes by a thread
        while received < size:
            message = await next_message(messages, within=limits.stall_seconds)
            if kind_of(message) != "tracks":
                raise ProtocolError(f"{size} bytes of tracks were announced, and {received} came")
            data = message.tracks.data
            if not 0 < len(data) <= min(CHUNK_BYTES, size - received):
                raise ProtocolError(f"{len(data)} bytes of tracks, after {received} of {size}")
            await asyncio.to_thread(file.write, data)
            received += len(data)
    return str(path)


def kind_of(message: Message) -> str:
    """Which of its oneof a message is, or words for what it is instead."""
    if message is None:
        return "nothing"
    if isinstance(message, Chunk):
        return "a chunk"
    return message.WhichOneof("message") or "an empty message"


def client_of(context: Any) -> str:
    """Who calls, for fairness and leases."""
    call = current_call()
    return str(context.peer()) if call is None else call.client


def deadline_of(context: Any) -> float | None:
    """When the call's time is over, by `time.monotonic`; None where it has no end."""
    remaining = context.time_remaining()
    return None if remaining is None else time.monotonic() + float(remaining)


def priority_of(number: int) -> Priority:
    """The wire's priority as a task's."""
    return "interactive" if number == wire.frames.PRIORITY_INTERACTIVE else "batch"


def mode_of(number: int, *, tracks_size: int) -> str:
    """The wire's mode as a task's.

    Raises:
        ProtocolError: there is no such mode, or the tracks do not go with it.
    """
    mode = _MODES.get(number)
    if mode is None:
        raise ProtocolError(f"no mode of a session is {number}", mend="Say FRAME_MODE_TRACKS or FRAME_MODE_STILLS")
    if (mode == "tracks") != (tracks_size > 0):
        raise ProtocolError(f"{tracks_size} bytes of tracks in a session of {mode}")
    return mode


async def run_task(crew: Crew, task: Task, **how: Any) -> Mapping[str, Any]:
    """A task's answer; the task is cancelled with who waits for it.

    Raises:
        VfxSwapError: as `Crew.submit` and `Running.result` say.
    """
    running = crew.submit(task, **how)
    try:
        return await running.result()
    except asyncio.CancelledError:
        running.cancel()
        raise


async def submit_surely(crew: Crew, make: Callable[[int], Task], *, tries: int = 5) -> None:
    """Run a task that must not be left out because a queue is full.

    Args:
        crew: the workers.
        make: the task of an attempt; ids are used once.
        tries: before it is given up.
    """
    for attempt in range(tries):
        try:
            await crew.submit(make(attempt)).result()
        except BusyError as error:
            await asyncio.sleep(error.retry_seconds)
        else:
            return


def add_frames(servicer: Any, server: Any) -> None:
    """Add FrameService, as generated code would, but for chunks, which go by `ChunkCodec`."""
    of = wire.frames
    _add(
        server,
        of.DESCRIPTOR.services_by_name["FrameService"].full_name,
        {
            "ProcessFrames": _stream(servicer.ProcessFrames, of.ProcessFramesRequest, of.ProcessFramesResponse),
            "AllocateFrameSlots": grpc.unary_unary_rpc_method_handler(
                servicer.AllocateFrameSlots,
                request_deserializer=of.AllocateFrameSlotsRequest.FromString,
                response_serializer=_plain,
            ),
            "ReleaseFrameSlots": grpc.unary_unary_rpc_method_handler(
                servicer.ReleaseFrameSlots,
                request_deserializer=of.ReleaseFrameSlotsRequest.FromString,
                response_serializer=_plain,
            ),
        },
    )


def add_parse(servicer: Any, server: Any) -> None:
    """Add ParseService; see `add_frames`."""
    of = wire.parse
    handler = _stream(servicer.ParseFrames, of.ParseFramesRequest, of.ParseFramesResponse)
    _add(server, of.DESCRIPTOR.services_by_name["ParseService"].full_name, {"ParseFrames": handler})


def add_tracks(servicer: Any, server: Any) -> None:
    """Add TrackService; see `add_frames`."""
    of = wire.track
    handler = _stream(servicer.TrackPlate, of.TrackPlateRequest, of.TrackPlateResponse)
    _add(server, of.DESCRIPTOR.services_by_name["TrackService"].full_name, {"TrackPlate": handler})


def _add(server: Any, service: str, handlers: Mapping[str, Any]) -> None:
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))


def _stream(behaviour: Any, request: Any, response: Any) -> Any:
    gives = ChunkCodec(response).encode if "chunk" in response.DESCRIPTOR.fields_by_name else _plain
    return grpc.stream_stream_rpc_method_handler(
        behaviour, request_deserializer=ChunkCodec(request).decode, response_serializer=gives
    )


def _plain(message: Any) -> bytes:
    raw: bytes = message.SerializeToString()
    return raw
