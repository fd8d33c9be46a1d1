"""Leases of shared memory: what a client says of places in it is checked, and none outlives its stream."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.service.frame_calls import BYTES, opening, refused, run, sent, slot
from tests.service.pixel_server import PixelServer, TurningWorker, memory_files, serving, until
from vfx_swap.client.retry import error_of_call
from vfx_swap.errors import BusyError, LimitError, ProtocolError, RefusedError, VfxSwapError
from vfx_swap.service import wire
from vfx_swap.service.shared_files import SharedFiles


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
