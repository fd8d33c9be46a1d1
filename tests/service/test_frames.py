"""Frames go to a server and come back, by path, slots and chunks; nothing of a stream is left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.service.pixel_server import PixelServer, TurningWorker, frame_pixels, memory_files, serving, session
from vfx_swap.client.frame_values import FrameSettings, PlateFrame, StreamedFrame, Transport
from vfx_swap.client.frames import parse_frames, process_frames
from vfx_swap.client.retry import Patience
from vfx_swap.errors import ConsentExpiredError, InputError, PathRefusedError
from vfx_swap.types import Window

LONG = 30.0
"""Seconds after which a test that hangs fails."""
PATIENCE = Patience(first_seconds=0.001)


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), LONG))


def plate(number: int, *, width: int = 48, height: int = 32, dtype: str = "float16") -> PlateFrame:
    pixels = frame_pixels(number, width=width, height=height, dtype=dtype)
    return PlateFrame(number, pixels, Window(-3, 5, width, height), Window(0, 0, width - 3, height + 5))


async def swapped(
    server: PixelServer, numbers: list[int], *, transport: Transport = "chunks", read: Any = plate, **more: Any
) -> list[StreamedFrame]:
    settings = FrameSettings(shot=more.pop("shot", session()), mode="stills", colour_space="ACEScg", **more)
    stream = process_frames(server.stubs.frames, settings, numbers, read=read, transport=transport, patience=PATIENCE)
    return [frame async for frame in stream]


def assert_turned(frame: StreamedFrame, dtype: str = "float16", **size: int) -> None:
    wanted = frame_pixels(frame.number, dtype=dtype, **size).astype(np.float32)[::-1]
    assert frame.error is None
    assert frame.planes["rgb"].tobytes() == wanted.tobytes()
    assert frame.planes["matte"].tobytes() == wanted[..., 0].tobytes()
    assert frame.planes["matte.0.A"].tobytes() == wanted[..., 1].tobytes()
    assert list(frame.planes) == ["rgb", "matte", "matte.0.A"]


@pytest.mark.parametrize("transport", ["chunks", "slots"])
@pytest.mark.parametrize("dtype", ["float16", "float32", "uint8", "uint16"])
def test_frames_come_back_in_order_and_whole(tmp_path: Path, transport: Transport, dtype: str) -> None:
    async def test() -> None:
        async with serving(tmp_path) as server:
            numbers = list(range(1001, 1010))
            frames = await swapped(server, numbers, transport=transport, read=lambda n: plate(n, dtype=dtype))
            assert [frame.number for frame in frames] == numbers
            for frame in frames:
                assert_turned(frame, dtype)
                assert frame.window == Window(-3, 5, 48, 32)
                assert frame.metrics == {"faces": 2.0, "confidence": 0.75, "engine": "turning"}
                assert frame.header == {"vfx_swap/render": f'{{"frame": {frame.number}}}'}
                assert frame.settings_digest == f"digest {frame.number}"
                assert frame.warnings == ("upside down",)
                assert frame.seconds["queue"] == 0.25
            [asked] = server.worker.bodies[1]["frames"]
            assert asked["window"] == [-3, 5, 48, 32]
            assert asked["display"] == [0, 0, 45, 37]
            assert server.worker.bodies[-1] == {"session": server.worker.bodies[0]["session"]}
            assert memory_files(server) == []

    run(test)


def test_a_frame_of_many_chunks(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path, unix=True) as server:
            size = {"width": 900, "height": 500}
            frames = await swapped(server, [1, 2, 3], read=lambda n: plate(n, dtype="float32", **size))
            for frame in frames:
                assert_turned(frame, "float32", **size)

    run(test)


def test_frames_by_path_are_written_where_the_session_has_an_output(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"plate.{number:04d}.exr").write_bytes(b"picture %d" % number)

    async def test() -> None:
        async with serving(tmp_path) as server:

            def read(number: int) -> PlateFrame:
                return PlateFrame(number, path=str(tmp_path / f"plate.{number:04d}.exr"))

            shot = session(output=str(tmp_path / "out.####.exr"))
            frames = await swapped(server, [1, 2], transport="path", read=read, shot=shot)
            assert [frame.output for frame in frames] == [str(tmp_path / f"out.000{n}.exr") for n in (1, 2)]
            assert (tmp_path / "out.0002.exr").read_bytes() == b"2 erutcip"
            [back] = await swapped(server, [2], transport="path", read=read)
            assert_turned(back)

    run(test)


def test_paths_outside_and_over_the_plate_are_the_frames_own_fault(tmp_path: Path) -> None:
    (tmp_path / "plate.0001.exr").write_bytes(b"1")

    async def test() -> None:
        async with serving(tmp_path) as server:
            shot = session(output=str(tmp_path / "plate.####.exr"))
            paths = {1: str(tmp_path / "plate.0001.exr"), 2: "/etc/passwd"}
            frames = await swapped(
                server, [1, 2], transport="path", shot=shot, read=lambda n: PlateFrame(n, path=paths[n])
            )
            assert "write over the plate" in str(frames[0].error)
            assert isinstance(frames[1].error, PathRefusedError)
            assert (tmp_path / "plate.0001.exr").read_bytes() == b"1"

    run(test)


@pytest.mark.parametrize("transport", ["chunks", "slots"])
def test_a_frame_that_fails_is_named_and_the_stream_lives(tmp_path: Path, transport: Transport) -> None:
    async def test() -> None:
        async with serving(tmp_path, TurningWorker(fails=frozenset({2}))) as server:

            def read(number: int) -> PlateFrame:
                if number == 3:
                    raise InputError("cannot be read", where="frame 3")
                return plate(number)

            frames = await swapped(server, [1, 2, 3, 4, 5, 6, 7, 8], transport=transport, read=read)
            failed = {frame.number: frame.error for frame in frames if frame.error is not None}
            assert set(failed) == {2, 3}
            assert str(failed[2]) == "frame 2: is of another plate"
            assert {frame.number for frame in frames} == set(range(1, 9))

    run(test)


def test_frames_to_be_seen_first_are_sent_first_and_again(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path, TurningWorker(first=(7, 3))) as server:
            frames = await swapped(server, [1, 2, 3])
            assert [frame.number for frame in frames] == [1, 2, 3]
            sent = [body["frames"][0]["number"] for body in server.worker.bodies if "frames" in body]
            assert sent == [7, 3, 1, 2, 3]

    run(test)


def test_a_session_that_consent_forbids_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    def admit(values: Any) -> dict[str, Any]:
        raise ConsentExpiredError("ended yesterday", where="lead.identity")

    async def test() -> None:
        async with serving(tmp_path, admit=admit) as server:
            with pytest.raises(ConsentExpiredError, match="ended yesterday"):
                await swapped(server, [1])
            assert server.crew.tasks == []

    run(test)


def test_a_full_queue_makes_frames_late_not_lost(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path) as server:
            read_of: list[int] = []

            def read(number: int) -> PlateFrame:
                read_of.append(number)
                if number == 2 and len(read_of) < 4:
                    server.crew.busy = 1
                return plate(number)

            frames = await swapped(server, [1, 2, 3], read=read)
            assert sorted(frame.number for frame in frames) == [1, 2, 3]
            assert all(frame.error is None for frame in frames)
            assert len(read_of) > 3

    run(test)


def test_planes_in_slots_can_be_looked_at_where_they_lie(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path) as server:
            settings = FrameSettings(shot=session(), mode="stills", colour_space="ACEScg")
            how: dict[str, Any] = {"read": plate, "transport": "slots", "views": True}
            numbers = list(range(1, 12))
            async for frame in process_frames(server.stubs.frames, settings, numbers, **how):
                assert not frame.planes["rgb"].flags.owndata
                assert_turned(frame)
                numbers.remove(frame.number)
            assert numbers == []
            assert memory_files(server) == []

    run(test)


def test_parsing_goes_the_same_way(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path, TurningWorker(layers=("regions.hair",))) as server:
            stream = parse_frames(
                server.stubs.parse, [1, 2], read=plate, name="sh010", cryptomatte=True, colour_space="ACEScg"
            )
            frames = [frame async for frame in stream]
            assert [list(frame.planes) for frame in frames] == [["rgb", "matte", "regions.hair"]] * 2
            body = server.worker.bodies[0]
            assert (body["name"], body["cryptomatte"], body["mode"]) == ("sh010", True, "stills")

    run(test)


def test_tracks_reach_the_worker_and_go_with_the_stream(tmp_path: Path) -> None:
    found: list[bytes] = []

    class Reading(TurningWorker):
        async def __call__(self, task: Any, on_event: Any) -> Any:
            if task.kind == "open":
                found.append(Path(task.body["tracks"]).read_bytes())  # noqa: ASYNC240
            return await super().__call__(task, on_event)

    async def test() -> None:
        async with serving(tmp_path, Reading()) as server:
            tracks = bytes(range(256)) * 9000
            settings = FrameSettings(shot=session(), tracks=tracks, colour_space="ACEScg")
            [_] = [one async for one in process_frames(server.stubs.frames, settings, [1], read=plate)]
            assert found == [tracks]
            assert server.worker.bodies[0]["mode"] == "tracks"
            assert list(server.scratch.iterdir()) == []

    run(test)
