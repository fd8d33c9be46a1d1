"""What a client may not say: each breach ends the stream with its reason, and frees all that the stream held."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.service.frame_calls import BYTES, Request, end, header, opening, refused, run, sent, slot, whole, window
from tests.service.pixel_server import PixelServer, TurningWorker, memory_files, serving, until
from vfx_swap.client.retry import error_of_call
from vfx_swap.errors import (
    DeadlineError,
    LimitError,
    ProtocolError,
    UnreadableImageError,
)
from vfx_swap.service import wire
from vfx_swap.service.codec import Chunk, checksum
from vfx_swap.service.status import error_from_status

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
