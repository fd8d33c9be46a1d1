"""Plates are tracked by path, or from frames that are sent: faces are found in the very same pixels."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from tests.pipeline.shot_fakes import tools, write_plate
from tests.service.pixel_server import PixelServer, TurningWorker, frame_pixels, memory_files, serving, until
from tests.service.real_handlers import RealHandlers
from vfx_swap.client import tracks as client
from vfx_swap.client.frame_values import plate_frame
from vfx_swap.client.retry import error_of_call
from vfx_swap.errors import DiskFullError, InputError, LimitError, PathRefusedError, ProtocolError, UnreadableImageError
from vfx_swap.io.plates import open_plate
from vfx_swap.io.read import read_picture
from vfx_swap.pipeline.shot import track_plate
from vfx_swap.pipeline.tracks_file import Tracks, load_tracks, save_tracks
from vfx_swap.service import wire
from vfx_swap.service.codec import Chunk, checksum
from vfx_swap.service.sent_frames import PIXEL_TYPES
from vfx_swap.service.work import OnEvent
from vfx_swap.types import Window

LONG = 30.0
Request = wire.track.TrackPlateRequest
NUMBERS: dict[str, Any] = {dtype: number for number, dtype in PIXEL_TYPES.items()}


class Tracking(TurningWorker):
    """Writes a tracks file that names the frames it saw, and keeps what it read of them."""

    def _analyse(self, body: Mapping[str, Any], on_event: OnEvent) -> dict[str, Any]:
        self.pictures = {
            path.name: read_picture(path) for path in sorted(Path(body["plate"]).parent.glob("plate.*.exr"))
        }
        on_event({"what": "frame", "done": 1, "total": 2, "frame": 7, "message": "looking"})
        on_event({"what": "warning", "done": 2, "total": 2, "frame": None, "message": "it is dark"})
        save_tracks(Tracks((), frames=(7, 9), plate=body["plate"], plate_digest="of our files"), body["out"])
        return {"tracks": body["out"], "frames": [7, 9]}


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), LONG))


def opening(**more: Any) -> Any:
    return Request(session=wire.track.TrackSession(**more))


def frame(number: int, dtype: str = "float16", *, crc: int | None = None, **header: Any) -> list[Any]:
    data = frame_pixels(number, dtype=dtype).tobytes()
    given = wire.pixels.FrameHeader(
        frame=number,
        data_window=wire.pixels.Window(x=-3, y=5, width=48, height=32),
        display_window=wire.pixels.Window(width=60, height=50),
        pixel_type=NUMBERS[dtype],
        **(header or {"inline": wire.pixels.InlinePixels(size=len(data))}),
    )
    end = wire.pixels.FrameEnd(frame=number, crc32c=checksum(data) if crc is None else crc)
    return [
        Request(frame=given),
        Chunk(number, 0, 0, data[:4000]),
        Chunk(number, 0, 4000, data[4000:]),
        Request(end=end),
    ]


async def tracked(server: PixelServer, messages: list[Any]) -> tuple[list[Any], bytes]:
    """What is told on the way, and the tracks file."""

    async def requests() -> AsyncIterator[Any]:
        for message in messages:
            yield message

    answers = [answer async for answer in server.stubs.track.TrackPlate(requests())]
    data = b"".join(answer.tracks.data for answer in answers)
    assert answers[0].WhichOneof("message") == "ready"
    assert answers[-1].end.size == len(data)
    assert answers[-1].end.sha256 == hashlib.sha256(data).hexdigest()
    return [answer.progress for answer in answers if answer.HasField("progress")], data


@pytest.mark.parametrize("dtype", list(NUMBERS))
def test_frames_that_are_sent_are_looked_at_as_they_are(tmp_path: Path, dtype: str) -> None:
    async def test() -> None:
        worker = Tracking()
        async with serving(tmp_path, worker) as server:
            session = opening(frame_count=2, colour_space="ACEScg", plate_digest="of the client's plate")
            progress, data = await tracked(server, [session, *frame(7, dtype), *frame(9, dtype)])
            kept = [(one.message, one.done, one.total, one.frame) for one in progress[:2]]
            assert kept == [("received", 1, 2, 7), ("received", 2, 2, 9)]
            assert [(one.message, one.warning) for one in progress[2:]] == [("looking", False), ("it is dark", True)]
            assert list(worker.pictures) == ["plate.0007.exr", "plate.0009.exr"]
            picture = worker.pictures["plate.0009.exr"]
            assert picture.data_window == Window(-3, 5, 48, 32)
            assert picture.display_window == Window(0, 0, 60, 50)
            pixels = frame_pixels(9, dtype=dtype)
            scale = 1.0 if pixels.dtype.kind == "f" else np.iinfo(pixels.dtype).max
            assert picture.rgb().tobytes() == (pixels.astype(np.float32) / np.float32(scale)).tobytes()
            assert server.worker.bodies[0]["frames"] == "7,9"
            assert server.worker.bodies[0]["colour_space"] == "ACEScg"
            (tmp_path / "back.json").write_bytes(data)
            tracks = load_tracks(tmp_path / "back.json")
            assert (tracks.plate_digest, tracks.frames) == ("of the client's plate", (7, 9))
            assert str(tmp_path) not in data.decode()
            assert list(server.scratch.iterdir()) == []
            await until(lambda: not memory_files(server))

    run(test)


def test_a_plate_by_path_is_written_beside_it_and_sent(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path, Tracking()) as server:
            out = tmp_path / "shot.tracks.json"
            session = opening(
                plate=str(tmp_path / "plate.####.exr"), frames="1-9", output=str(out), missing="MISSING_HOLD"
            )
            _, data = await tracked(server, [session])
            assert await asyncio.to_thread(out.read_bytes) == data
            body = server.worker.bodies[0]
            assert (body["plate"], body["frames"], body["missing"]) == (str(tmp_path / "plate.####.exr"), "1-9", "hold")

    run(test)


BREACHES: dict[str, tuple[list[Any], type[Exception], str]] = {
    "neither path nor frames": ([opening()], ProtocolError, "says a plate, or how many"),
    "both": ([opening(plate="/p.####.exr", frame_count=2)], ProtocolError, "says a plate, or how many"),
    "too many frames": ([opening(frame_count=101)], LimitError, "101 frames; 100 are taken"),
    "another folder": ([opening(plate="/etc/p.####.exr")], PathRefusedError, "outside"),
    "another folder for tracks": ([opening(frame_count=1, output="/etc/t.json")], PathRefusedError, "outside"),
    "fewer frames": ([opening(frame_count=2), *frame(7)], ProtocolError, "nothing, where one of 2 frames"),
    "frames that fall": ([opening(frame_count=2), *frame(7), *frame(7)], ProtocolError, "frame 7 after frame 7"),
    "a frame by path": (
        [opening(frame_count=1), frame(7, path=wire.pixels.PathPixels(path="/x.exr"))[0]],
        ProtocolError,
        "does not come in chunks",
    ),
    "half a frame": ([opening(frame_count=1), *frame(7)[:2]], ProtocolError, "nothing within frame 7"),
    "an early end": ([opening(frame_count=1), *frame(7)[:2], frame(7)[3]], ProtocolError, "after 4000 of 9216"),
    "damaged bytes": ([opening(frame_count=1), *frame(7, crc=5)], UnreadableImageError, "arrived damaged"),
}


@pytest.mark.parametrize("breach", BREACHES)
def test_a_breach_ends_the_stream_and_leaves_nothing(tmp_path: Path, breach: str) -> None:
    messages, kind, words = BREACHES[breach]

    async def test() -> None:
        async with serving(tmp_path, Tracking(), frames_per_job=100) as server:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await tracked(server, messages)
            error = error_of_call(caught.value)
            assert isinstance(error, kind)
            assert words in str(error)
            await until(lambda: not list(server.scratch.iterdir()))
            await until(lambda: not memory_files(server))

    run(test)


def test_a_full_disk_is_said_before_it_is_full(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path, Tracking(), free_disk_bytes=1 << 50) as server:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await tracked(server, [opening(frame_count=1), *frame(7)])
            assert isinstance(error_of_call(caught.value), DiskFullError)

    run(test)


def test_tracks_of_frames_that_are_sent_are_those_of_the_plate(tmp_path: Path) -> None:
    plate = open_plate(write_plate(tmp_path / "plate", (3, 4, 5)))
    made = track_plate(str(plate.pattern.text), out=tmp_path / "local.json", colour_space="ACEScg", tools=tools())
    told: list[tuple[int, int, str]] = []

    async def test() -> None:
        async with serving(tmp_path, RealHandlers(tools())) as server:
            sent = await client.track_frames(
                server.stubs.track,
                plate.frames,
                read=lambda number: plate_frame(number, plate.read(number)),
                colour_space="ACEScg",
                plate_digest=made.plate_digest,
                progress=lambda *step: told.append(step),
            )
            read = await client.track_plate(server.stubs.track, str(plate.pattern.text), colour_space="ACEScg")
            local = (tmp_path / "local.json").read_bytes()
            assert read == local
            assert [line for line in sent.splitlines() if b'"plate"' not in line] == [
                line for line in local.splitlines() if b'"plate"' not in line
            ]
            assert told[:3] == [(1, 3, "received"), (2, 3, "received"), (3, 3, "received")]

            def broken(number: int) -> Any:
                raise InputError("cannot be read", where=f"frame {number}")

            with pytest.raises(InputError, match="cannot be read"):
                await client.track_frames(server.stubs.track, (1, 2), read=broken, colour_space="ACEScg")
            with pytest.raises(PathRefusedError):
                await client.track_plate(server.stubs.track, "/etc/plate.####.exr")

    run(test)
