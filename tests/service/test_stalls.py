"""Clients that stop in the middle: what they hold is wanted by others, so they are sent away and come again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.service.frame_calls import end, header, opening, run, sent, whole, window
from tests.service.pixel_server import memory_files, serving, until
from vfx_swap.client.retry import error_of_call, is_worth_retrying
from vfx_swap.errors import BusyError
from vfx_swap.service import wire
from vfx_swap.service.codec import Chunk


def stalled(*messages: Any) -> AsyncIterator[Any]:
    """Says this much, then nothing, and does not go away."""

    async def requests() -> AsyncIterator[Any]:
        for message in messages:
            yield message
        await asyncio.Event().wait()

    return requests()


@pytest.mark.parametrize(
    "messages",
    [
        (),
        (opening(mode="FRAME_MODE_TRACKS", tracks_size=9),),
        (opening(), header()),
        (opening(), header(), Chunk(1, 0, 0, b"x" * 64)),
    ],
    ids=["before the session", "in the tracks", "before the pixels", "in the pixels"],
)
def test_silence_where_more_was_to_come_ends_the_stream(tmp_path: Path, messages: tuple[Any, ...]) -> None:
    async def test() -> None:
        async with serving(tmp_path, stall_seconds=1.0) as server:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                async for _ in server.stubs.frames.ProcessFrames(stalled(*messages)):
                    pass
            error = error_of_call(caught.value)
            assert isinstance(error, BusyError)
            assert "nothing came for 1 seconds" in error.what
            assert is_worth_retrying(error)
            await until(lambda: not memory_files(server))

    run(test)


def test_silence_between_frames_is_nobodys_business(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path, stall_seconds=1.0) as server:

            async def requests() -> AsyncIterator[Any]:
                for message in (opening(), *whole(1)):
                    yield message
                await asyncio.sleep(1.5)
                for message in whole(2):
                    yield message

            answers = [one async for one in server.stubs.frames.ProcessFrames(requests())]
            done = [one.frame.frame for one in answers if not isinstance(one, Chunk) and one.HasField("frame")]
            assert done == [1, 2]

    run(test)


def test_who_takes_no_answer_is_sent_away_and_others_get_the_memory(tmp_path: Path) -> None:
    side, one = 1500, 1500 * 1500 * 22
    data = bytes(side * side * 6)

    def frame(number: int) -> list[Any]:
        chunks = [Chunk(number, 0, at, data[at : at + (1 << 20)]) for at in range(0, len(data), 1 << 20)]
        return [window(number, side), *chunks, end(number)]

    async def test() -> None:
        async with serving(tmp_path, stall_seconds=1.0, frame_memory_bytes=max(1 << 26, one + 1000)) as server:
            slow = server.stubs.frames.ProcessFrames(stalled(opening(), *frame(1)))
            assert (await slow.read()).WhichOneof("message") == "ready"  # and reads no more
            await until(lambda: len(server.crew.tasks) == 2)
            answers = await sent(server, [opening(), *frame(7)])
            assert any(not isinstance(one, Chunk) and one.frame.frame == 7 for one in answers)
            slow.cancel()
            await until(lambda: not memory_files(server))

    run(test)


def test_tracking_does_not_wait_for_ever_either(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path, stall_seconds=1.0) as server:
            head = header().frame
            asked = wire.track.TrackPlateRequest(session=wire.track.TrackSession(frame_count=2))
            messages = (asked, wire.track.TrackPlateRequest(frame=head))
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                async for _ in server.stubs.track.TrackPlate(stalled(*messages)):
                    pass
            assert "nothing came" in error_of_call(caught.value).what
            await until(lambda: not memory_files(server))
            assert list(server.scratch.iterdir()) == []

    run(test)
