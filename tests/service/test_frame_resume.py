"""A stream that breaks goes on with the first frame that was not answered; what cannot help is not tried again."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.service.pixel_server import PixelServer, TurningWorker, frame_pixels, serving, session, until
from vfx_swap.client.frame_values import FrameSettings, PlateFrame, StreamedFrame, Transport
from vfx_swap.client.frames import process_frames
from vfx_swap.client.retry import Patience
from vfx_swap.errors import ProtocolError, ServerUnreachableError, UsageError
from vfx_swap.types import Window

LONG = 30.0
SETTINGS = FrameSettings(shot=session(), mode="stills", colour_space="ACEScg")
WINDOW = Window(0, 0, 48, 32)


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), LONG))


def plate(number: int) -> PlateFrame:
    return PlateFrame(number, frame_pixels(number), WINDOW, WINDOW)


class Breaking:
    """A stub whose streams break after so many answers, as if the server went away."""

    def __init__(self, stub: Any, *, after: list[int]) -> None:
        self._stub = stub
        self._after = after
        self.streams = 0

    async def AllocateFrameSlots(self, request: Any) -> Any:  # noqa: N802
        return await self._stub.AllocateFrameSlots(request)

    async def ProcessFrames(self, requests: Any) -> AsyncIterator[Any]:  # noqa: N802
        self.streams += 1
        left = self._after.pop(0) if self._after else None
        call = self._stub.ProcessFrames(requests)
        try:
            async for answer in call:
                if left == 0:
                    raise ServerUnreachableError("it went away")
                left = None if left is None else left - 1
                yield answer
        finally:
            call.cancel()


async def all_of(stub: Any, numbers: list[int], transport: Transport = "chunks", **more: Any) -> list[StreamedFrame]:
    patience = Patience(tries=4, first_seconds=0.001)
    stream = process_frames(stub, SETTINGS, numbers, read=plate, transport=transport, patience=patience, **more)
    return [frame async for frame in stream]


@pytest.mark.parametrize("transport", ["chunks", "slots"])
@pytest.mark.parametrize("after", [[0], [1], [2], [3], [4], [6], [7], [1, 1, 4]])
def test_every_frame_comes_once_and_in_order(tmp_path: Path, after: list[int], transport: Transport) -> None:
    async def test() -> None:
        async with serving(tmp_path) as server:
            stub = Breaking(server.stubs.frames, after=list(after))
            numbers = list(range(1, 8))
            frames = await all_of(stub, numbers, transport)
            assert [frame.number for frame in frames] == numbers
            for frame in frames:
                wanted = frame_pixels(frame.number).astype("float32")[::-1]
                assert frame.planes["rgb"].tobytes() == wanted.tobytes()
            assert stub.streams == len(after) + 1

    run(test)


def test_patience_ends_when_nothing_is_answered(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path) as server:
            stub = Breaking(server.stubs.frames, after=[1] * 99)
            with pytest.raises(ServerUnreachableError, match="it went away"):
                await all_of(stub, [1, 2])
            assert stub.streams == 4

    run(test)


def test_damaged_answers_are_asked_for_again(tmp_path: Path) -> None:
    class Damaging(Breaking):
        async def ProcessFrames(self, requests: Any) -> AsyncIterator[Any]:  # noqa: N802
            async for answer in self._stub.ProcessFrames(requests):
                if hasattr(answer, "WhichOneof") and answer.WhichOneof("message") == "end" and self._after:
                    self._after.pop()
                    answer.end.crc32c ^= 1
                yield answer

    async def test() -> None:
        async with serving(tmp_path) as server:
            frames = await all_of(Damaging(server.stubs.frames, after=[0, 0]), [1, 2, 3, 4, 5])
            assert sorted(frame.number for frame in frames) == [1, 2, 3, 4, 5]
            assert all(frame.error is None for frame in frames)

    run(test)


def test_what_is_wrong_here_is_told_and_not_tried_again(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path) as server:
            asked: Counter[int] = Counter()

            def odd(number: int) -> PlateFrame:
                asked[number] += 1
                return PlateFrame(number, frame_pixels(number), Window(0, 0, 47, 32), WINDOW)

            [frame] = [one async for one in process_frames(server.stubs.frames, SETTINGS, [1], read=odd)]
            assert isinstance(frame.error, UsageError)
            assert asked == {1: 1}

            def broken(number: int) -> PlateFrame:
                raise ZeroDivisionError

            with pytest.raises(ZeroDivisionError):
                [one async for one in process_frames(server.stubs.frames, SETTINGS, [1], read=broken)]

    run(test)


def test_a_stream_that_is_left_ends_on_the_server(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path, TurningWorker(waits=frozenset({3}))) as server:
            stream = process_frames(server.stubs.frames, SETTINGS, [1, 2, 3], read=plate)
            assert (await anext(stream)).number == 1
            await stream.aclose()
            await until(lambda: _closed(server))

    run(test)


def _closed(server: PixelServer) -> bool:
    return bool(server.crew.tasks) and server.crew.tasks[-1].kind == "close"


def test_a_server_that_answers_out_of_turn_is_not_believed(tmp_path: Path) -> None:
    class Mixing(Breaking):
        async def ProcessFrames(self, requests: Any) -> AsyncIterator[Any]:  # noqa: N802
            async for answer in self._stub.ProcessFrames(requests):
                if hasattr(answer, "WhichOneof") and answer.WhichOneof("message") == "frame":
                    answer.frame.frame += 1
                yield answer

    async def test() -> None:
        async with serving(tmp_path) as server:
            with pytest.raises(ProtocolError, match="out of turn"):
                await all_of(Mixing(server.stubs.frames, after=[]), [1, 2])

    run(test)
