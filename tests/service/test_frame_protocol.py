"""What a client may not say: each breach ends the stream with its reason, and frees all that the stream held."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.service.pixel_server import PixelServer, TurningWorker, frame_pixels, memory_files, serving, session, until
from vfx_swap.client.retry import error_of_call
from vfx_swap.errors import (
    BusyError,
    DeadlineError,
    LimitError,
    ProtocolError,
    RefusedError,
    UnreadableImageError,
    VfxSwapError,
)
from vfx_swap.service import wire
from vfx_swap.service.codec import Chunk, checksum
from vfx_swap.service.shared_files import SharedFiles
from vfx_swap.service.shot_message import values_to_message
from vfx_swap.service.status import error_from_status

LONG = 30.0
"""Seconds after which a test that hangs fails."""
Request = wire.frames.ProcessFramesRequest
PIXELS = frame_pixels(1)
BYTES = PIXELS.tobytes()


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), LONG))


def opening(**more: Any) -> Any:
    shot = values_to_message(session())
    return Request(session=wire.frames.FrameSession(**{"shot": shot, "mode": "FRAME_MODE_STILLS", **more}))


def header(number: int = 1, *, size: int = len(BYTES), width: int = 48, height: int = 32, **more: Any) -> Any:
    window = wire.pixels.Window(width=width, height=height)
    how = more or {"inline": wire.pixels.InlinePixels(size=size)}
    return Request(
        frame=wire.pixels.FrameHeader(
            frame=number, data_window=window, display_window=window, pixel_type="PIXEL_TYPE_HALF", **how
        )
    )


def slot(lease: str, index: int = 0, *, sequence: int = 1, offset: int = 0, size: int = len(BYTES)) -> Any:
    place = wire.pixels.SlotPixels(lease_id=lease, slot=index, sequence=sequence, offset=offset, size=size)
    return header(slot=place)


def end(number: int = 1, crc: int | None = None) -> Any:
    return Request(end=wire.pixels.FrameEnd(frame=number, crc32c=crc))


def whole(number: int = 1) -> list[Any]:
    return [header(number), Chunk(number, 0, 0, BYTES), end(number, checksum(BYTES))]


async def sent(
    server: PixelServer, messages: list[Any], *, linger: asyncio.Event | None = None, **how: Any
) -> list[Any]:
    """What comes back; with `linger` the client's side stays open until it is set."""

    async def requests() -> AsyncIterator[Any]:
        for message in messages:
            yield message
        if linger is not None:
            await linger.wait()

    return [answer async for answer in server.stubs.frames.ProcessFrames(requests(), **how)]


async def refused(server: PixelServer, messages: list[Any]) -> VfxSwapError:
    """How the stream ends; the client does not close it."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await sent(server, messages, linger=asyncio.Event())
    return error_of_call(caught.value)


def window(number: int, side: int) -> Any:
    return header(number, width=side, height=side, size=side * side * 6)


BREACHES: dict[str, tuple[list[Any], str]] = {
    "a frame before the session": (whole(), "begins with its session"),
    "a chunk before the session": ([Chunk(1, 0, 0, b"x")], "begins with a chunk"),
    "an empty message": ([Request()], "begins with an empty message"),
    "a second session": ([opening(), opening()], "session after the session"),
    "tracks after frames": (
        [opening(), Request(tracks=wire.frames.TracksChunk(data=b"x"))],
        "tracks after the session",
    ),
    "no mode": ([opening(mode=0)], "no mode"),
    "tracks in stills": ([opening(tracks_size=4)], "4 bytes of tracks in a session of stills"),
    "no tracks in tracks": ([opening(mode="FRAME_MODE_TRACKS")], "0 bytes of tracks"),
    "fewer tracks": (
        [
            opening(mode="FRAME_MODE_TRACKS", tracks_size=9),
            Request(tracks=wire.frames.TracksChunk(data=b"abc")),
            header(),
        ],
        "9 bytes of tracks were announced, and 3 came",
    ),
    "more tracks": (
        [opening(mode="FRAME_MODE_TRACKS", tracks_size=2), Request(tracks=wire.frames.TracksChunk(data=b"abc"))],
        "3 bytes of tracks, after 0 of 2",
    ),
    "a chunk that was not announced": ([opening(), Chunk(1, 0, 0, b"x")], "not announced"),
    "a chunk out of order": ([opening(), header(), Chunk(1, 0, 64, b"x" * 64)], "after 0 came"),
    "a chunk twice": ([opening(), header(), Chunk(1, 0, 0, b"x" * 64), Chunk(1, 0, 0, b"x" * 64)], "after 64 came"),
    "a chunk of another frame": ([opening(), header(), Chunk(2, 0, 0, b"x")], "within frame 1"),
    "a chunk of another plane": ([opening(), header(), Chunk(1, 1, 0, b"x")], "plane 1"),
    "a chunk too many": ([opening(), header(), Chunk(1, 0, 0, BYTES + b"x")], "which has 9216"),
    "an empty chunk": ([opening(), header(), Chunk(1, 0, 0, b"")], "a chunk of 0 bytes"),
    "a chunk of more than a megabyte": (
        [opening(), window(1, 600), Chunk(1, 0, 0, bytes((1 << 20) + 1))],
        "a chunk of 1048577 bytes",
    ),
    "an end that comes early": ([opening(), header(), Chunk(1, 0, 0, b"x" * 64), end()], "after 64 of 9216"),
    "an end of another frame": ([opening(), header(), Chunk(1, 0, 0, BYTES), end(2)], "end of frame 2"),
    "an end of nothing": ([opening(), end()], "not announced"),
    "a frame within a frame": ([opening(), header(), header(2)], "before frame 1 has ended"),
    "no transport": ([opening(), Request(frame=wire.pixels.FrameHeader(frame=1))], "how its pixels come"),
    "no type": (
        [opening(), Request(frame=wire.pixels.FrameHeader(frame=1, inline=wire.pixels.InlinePixels(size=1)))],
        "pixels of type 0",
    ),
    "an empty window": ([opening(), header(width=0)], "data window of frame 1 is 0x32"),
    "a negative window": ([opening(), header(height=-4)], "48x-4"),
    "a size that windows do not make": ([opening(), header(size=7)], "announces 7 bytes"),
    "an empty path": ([opening(), header(path=wire.pixels.PathPixels())], "a path of 0 characters"),
    "a slot without a lease": ([opening(), slot("")], "named no lease"),
    "a lease that is not": ([opening(lease_id="nope")], "no lease 'nope'"),
}


@pytest.mark.parametrize("breach", BREACHES)
def test_a_breach_ends_the_stream_with_its_reason(tmp_path: Path, breach: str) -> None:
    messages, words = BREACHES[breach]

    async def test() -> None:
        async with serving(tmp_path) as server:
            error = await refused(server, messages)
            assert isinstance(error, ProtocolError)
            assert words in str(error)
            await server.streams.scratch.settled()
            assert memory_files(server) == []
            assert list(server.scratch.iterdir()) == []

    run(test)


@pytest.mark.parametrize(
    ("messages", "limits", "words"),
    [
        ([opening(), window(1, 65)], {"frame_side": 64}, "65x65"),
        ([opening(), window(1, 48)], {"frame_pixels": 2000}, "48x48"),
        ([opening(), window(1, 2048)], {"frame_memory_bytes": 1 << 26}, "all frames together"),
        ([opening(colour_space="x" * 5000)], {"header_bytes": 4096}, "4096 are taken"),
        ([opening(mode="FRAME_MODE_TRACKS", tracks_size=1 << 17)], {"upload_bytes": 1 << 16}, "tracks file of 131072"),
    ],
)  # fmt: skip
def test_what_is_larger_than_taken_is_refused(tmp_path: Path, messages: Any, limits: Any, words: str) -> None:
    async def test() -> None:
        async with serving(tmp_path, **limits) as server:
            error = await refused(server, messages)
            assert isinstance(error, LimitError)
            assert words in str(error)

    run(test)


def test_a_message_larger_than_the_server_takes_does_not_reach_us(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path) as server:
            raw = server.channel.stream_stream("/vfx_swap.v1.FrameService/ProcessFrames")

            async def requests() -> AsyncIterator[bytes]:
                yield bytes((1 << 20) + 65537)

            with pytest.raises(grpc.aio.AioRpcError) as caught:
                [one async for one in raw(requests())]
            assert caught.value.code() in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNKNOWN)
            assert len(await sent(server, [opening(), *whole()])) > 1

    run(test)


def test_a_stream_that_ends_within_a_frame_says_so(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path) as server:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await sent(server, [opening(), header(), Chunk(1, 0, 0, b"x" * 64)])
            assert "in the middle of frame 1" in str(error_of_call(caught.value))

    run(test)


def test_damaged_bytes_are_the_frames_own_fault(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path) as server:
            damaged = [header(1), Chunk(1, 0, 0, BYTES), end(1, checksum(BYTES) ^ 1)]
            unchecked = [header(3), Chunk(3, 0, 0, BYTES), end(3)]
            answers = await sent(server, [opening(), *damaged, *whole(2), *unchecked])
            results = {one.frame.frame: one.frame for one in answers if not isinstance(one, Chunk) and one.frame.frame}
            error = error_from_status(results[1].error)
            assert isinstance(error, UnreadableImageError)
            assert "arrived damaged" in str(error)
            assert results[2].HasField("done")
            assert results[3].HasField("done")

    run(test)


def test_no_more_frames_than_were_granted(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path, TurningWorker(waits=frozenset({1, 2, 3})), frames_in_flight=2) as server:
            error = await refused(server, [opening(), *whole(1), *whole(2), *whole(3)])
            assert isinstance(error, ProtocolError)
            assert "frame 3 is one more than the 2 that were granted" in str(error)
            await server.streams.scratch.settled()
            assert server.worker.stopped == 2
            assert memory_files(server) == []

    run(test)


async def lease(server: PixelServer, *, slots: int = 2, size: int = 1 << 16) -> Any:
    request = wire.frames.AllocateFrameSlotsRequest(slot_size=size, slots=slots)
    return await server.stubs.frames.AllocateFrameSlots(request)


SLOT_BREACHES: dict[str, tuple[Callable[[str], list[Any]], str]] = {
    "another lease": (lambda mine: [slot("f" * 32)], "is not this stream's"),
    "a slot that is not there": (lambda mine: [slot(mine, 2)], "slot 2 of a lease that has 2"),
    "a stale sequence": (lambda mine: [slot(mine, sequence=0)], "sequence 0 of slot 0"),
    "a slot under way": (lambda mine: [slot(mine), slot(mine, sequence=2)], "still under way"),
    "bytes past the slot": (lambda mine: [slot(mine, offset=(1 << 16) - 64)], "of a slot of 65536"),
    "bytes far past the slot": (lambda mine: [slot(mine, offset=(1 << 63) + 64)], "of a slot of 65536"),
    "bytes between lines": (lambda mine: [slot(mine, offset=3)], "multiples of 64"),
    "a size that windows do not make": (lambda mine: [slot(mine, size=64)], "announces 64 bytes"),
}


def fill(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(BYTES)


@pytest.mark.parametrize("breach", SLOT_BREACHES)
def test_places_in_shared_memory_are_not_believed(tmp_path: Path, breach: str) -> None:
    messages, words = SLOT_BREACHES[breach]

    async def test() -> None:
        async with serving(tmp_path, TurningWorker(waits=frozenset({1}))) as server:
            mine = await lease(server)
            error = await refused(server, [opening(lease_id=mine.lease_id), *messages(mine.lease_id)])
            assert isinstance(error, ProtocolError)
            assert words in str(error)
            await server.streams.scratch.settled()
            assert memory_files(server) == []

    run(test)


def test_a_stale_sequence_of_an_answered_slot_is_refused(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path) as server:
            mine, answered = await lease(server), asyncio.Event()
            await asyncio.to_thread(fill, Path(mine.path))

            async def requests() -> AsyncIterator[Any]:
                yield opening(lease_id=mine.lease_id)
                yield slot(mine.lease_id, sequence=5)
                await answered.wait()
                yield slot(mine.lease_id, sequence=5)
                await asyncio.Event().wait()

            call = server.stubs.frames.ProcessFrames(requests())
            assert (await call.read()).WhichOneof("message") == "ready"
            [first, *_] = (await call.read()).frame.done.planes
            assert (first.slot.sequence, first.slot.offset) == (5, 9216)
            answered.set()
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call.read()
            assert "sequence 5 of slot 0, which was used with 5" in str(error_of_call(caught.value))

    run(test)


def test_a_lease_is_one_streams_alone(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path) as server:
            mine, linger = await lease(server), asyncio.Event()
            assert Path(mine.path).stat().st_mode & 0o777 == 0o600  # noqa: ASYNC240
            first = asyncio.create_task(sent(server, [opening(lease_id=mine.lease_id)], linger=linger))
            await until(lambda: bool(server.crew.tasks))
            error = await refused(server, [opening(lease_id=mine.lease_id)])
            assert "is free for this stream" in str(error)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await server.stubs.frames.ReleaseFrameSlots(
                    wire.frames.ReleaseFrameSlotsRequest(lease_id=mine.lease_id)
                )
            assert "ends with the stream" in str(error_of_call(caught.value))
            linger.set()
            await first
            await server.streams.scratch.settled()
            assert memory_files(server) == []
            assert "is free for this stream" in str(await refused(server, [opening(lease_id=mine.lease_id)]))

    run(test)


def test_leases_end_in_time_and_when_given_back(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path, lease_seconds=1.0) as server:
            late, given = await lease(server), await lease(server)
            assert late.time_to_live.ToSeconds() == 1
            assert len(memory_files(server)) == 2
            await server.stubs.frames.ReleaseFrameSlots(wire.frames.ReleaseFrameSlotsRequest(lease_id=given.lease_id))
            assert len(memory_files(server)) == 1
            await until(lambda: not memory_files(server))
            assert server.streams.leases.total == 0

    run(test)


@pytest.mark.parametrize(
    ("size", "slots", "kind"),
    [(0, 1, VfxSwapError), (64, 0, VfxSwapError), (64, 65, VfxSwapError), (1 << 28, 2, LimitError)],
)
def test_leases_that_are_not_given(tmp_path: Path, size: int, slots: int, kind: type[VfxSwapError]) -> None:
    async def test() -> None:
        async with serving(tmp_path) as server:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await lease(server, size=size, slots=slots)
            assert isinstance(error_of_call(caught.value), kind)

    run(test)


def test_shared_memory_is_off_unless_asked_for_and_ends_somewhere(tmp_path: Path) -> None:
    async def test() -> None:
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
        async with serving(tmp_path / "a", shared=False) as server:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await lease(server)
            assert isinstance(error_of_call(caught.value), RefusedError)
        async with serving(tmp_path / "b") as server:
            await lease(server, size=1 << 27, slots=1)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await lease(server, size=1 << 27, slots=2)
            busy = error_of_call(caught.value)
            assert isinstance(busy, BusyError)
            assert busy.retry_seconds == 5.0

    run(test)


def submitted(server: PixelServer, count: int) -> bool:
    return len(server.crew.tasks) >= count


def test_a_client_that_is_gone_leaves_nothing(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path, TurningWorker(waits=frozenset({1}))) as server:
            for messages, tasks in (
                ([opening(), *whole(1)], 2),
                ([opening(), header(), Chunk(1, 0, 0, b"x" * 640)], 1),
            ):
                server.crew.tasks.clear()
                call = asyncio.create_task(sent(server, messages, linger=asyncio.Event()))
                await until(partial(submitted, server, tasks))
                call.cancel()
                await asyncio.gather(call, return_exceptions=True)
                await until(lambda: server.crew.tasks[-1].kind == "close")
                await server.streams.scratch.settled()
                assert memory_files(server) == []
            assert server.worker.stopped == 1

    run(test)


def test_a_deadline_reaches_the_tasks_and_ends_them(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path, TurningWorker(waits=frozenset({1}))) as server:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await sent(server, [opening(), *whole(1)], linger=asyncio.Event(), timeout=1.0)
            assert isinstance(error_of_call(caught.value), DeadlineError)
            await until(lambda: bool(server.worker.stopped))
            deadlines = {task.kind: task.deadline for task in server.crew.tasks}
            assert deadlines["open"] is not None
            assert deadlines["swap"] is not None

    run(test)


def test_a_slow_reader_holds_its_own_frames_and_nobody_elses(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path, frames_in_flight=2) as server:
            big = [window(n, 600) for n in (1, 2)]
            data = bytes(600 * 600 * 6)

            async def requests() -> AsyncIterator[Any]:
                yield opening()
                for number, head in enumerate(big, 1):
                    yield head
                    for offset in range(0, len(data), 1 << 20):
                        yield Chunk(number, 0, offset, data[offset : offset + (1 << 20)])
                    yield end(number)
                await asyncio.Event().wait()

            slow = server.stubs.frames.ProcessFrames(requests())
            assert (await slow.read()).WhichOneof("message") == "ready"
            await until(lambda: len(server.crew.tasks) == 3)
            answers = await sent(server, [opening(), *whole(7)])
            assert any(not isinstance(one, Chunk) and one.frame.frame == 7 for one in answers)
            assert server.streams.tools.lanes.total <= 3 * 600 * 600 * 22 + 48 * 32 * 22
            slow.cancel()
            await until(lambda: not memory_files(server))

    run(test)


def test_what_a_killed_server_left_is_swept_up(tmp_path: Path) -> None:
    left, other = SharedFiles(root=tmp_path), SharedFiles(root=tmp_path)
    left.start()
    kept = left.make(size=10)
    os.close(left._lock)  # as if the process were gone
    other.start()
    living = other.make(size=10)
    third = SharedFiles(root=tmp_path)
    third.start()
    assert not kept.path.exists()
    assert living.path.exists()
    assert living.path.parent.parent.stat().st_mode & 0o777 == 0o700
    other.stop()
    third.stop()
    assert not living.path.exists()


def test_a_folder_of_somebody_else_is_not_used(tmp_path: Path) -> None:
    (tmp_path / f"vfx-swap-{os.geteuid()}").mkdir(mode=0o755)
    with pytest.raises(VfxSwapError, match="not a folder of this user alone"):
        SharedFiles(root=tmp_path).start()
