"""What moving a frame costs: 4K half frames to a server and back, by path, slots and chunks, against TCP and memcpy.

    scripts/bench transport [--rounds 7] [--frames 6] [--size 3840x2160] [--plain-malloc] [--json]

Client and server are two processes. The server's worker is in its front and gives every frame back as it came (one copy
in memory), so that the way is measured and not the work. All ways are taken in turn in every round, and the middle of
the rounds' ratios to a raw TCP loopback counts; that one sends a frame, waits for it whole, and sends the next, into
memory that is there already. By path only names travel; the worker copies the file's bytes, and no EXR is coded.

Both processes keep freed memory (`service.malloc`), as `vfx-swap serve` does; `--plain-malloc` leaves glibc as it is.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from rich.console import Console
from rich.table import Table

from tests.service.authority import Authority
from tests.service.crews import FakeCrew
from vfx_swap.client.connecting import Connection, open_channel
from vfx_swap.client.frame_values import FrameSettings, PlateFrame, Transport
from vfx_swap.client.frames import process_frames
from vfx_swap.client.stubs import Stubs
from vfx_swap.service.admission import AnyPath
from vfx_swap.service.listening import bind, server_options
from vfx_swap.service.malloc import keep_freed_memory
from vfx_swap.service.pool import OpenFiles, ref_from_json
from vfx_swap.service.serve.streams import ADD_STREAMS, open_streams
from vfx_swap.service.settings import Limits, ServerSettings, SharedMemory, Tls
from vfx_swap.service.tls import CertificateSource, server_credentials
from vfx_swap.service.work import OnEvent, Task
from vfx_swap.types import Window

__all__ = ["main"]

BASE = "raw TCP loopback"
WARM = 8
"""Frames of a stream before time is taken: every slot and lane was used by then."""
WAYS: dict[str, tuple[str, Transport, bool]] = {
    "slots, planes as views": ("tcp", "slots", True),
    "slots, planes copied": ("tcp", "slots", False),
    "path": ("tcp", "path", False),
    "chunks, TCP": ("tcp", "chunks", False),
    "chunks, Unix socket": ("unix", "chunks", False),
    "chunks, TLS": ("tls", "chunks", False),
}
"""Name -> listener, transport, whether planes are views."""
LOOPBACK = "127.0.0.1:0"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="scripts/bench transport", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--frames", type=int, default=6, help="of one measurement")
    parser.add_argument("--window", type=int, default=4, help="frames under way at once")
    parser.add_argument("--size", default="3840x2160")
    parser.add_argument("--plain-malloc", action="store_true", help="leave glibc's malloc as it is")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if not given.plain_malloc:
        keep_freed_memory()
    if given.serve is not None:
        asyncio.run(_serve(given.serve, window=given.window))
        return
    width, height = (int(part) for part in given.size.split("x"))
    pixels = np.random.default_rng(1).standard_normal((height, width, 3)).astype(np.float16)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [sys.executable, "-m", "scripts.benchmarks.transport", "--serve", name, "--window", str(given.window)]
        server = subprocess.Popen(
            command + ["--plain-malloc"] * given.plain_malloc, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
        )
        try:
            at = json.loads((server.stdout or sys.stdin).readline())
            clock = _Clock(server.pid)
            found = asyncio.run(_rounds(at, pixels, folder, clock, rounds=given.rounds, frames=given.frames))
        finally:
            server.communicate("")
    megabytes = pixels.nbytes / 1e6
    _tell(found, 2 * megabytes, title=f"{given.size} half, {megabytes:.0f} MB", as_json=given.json)


@dataclass(frozen=True)
class _Took:
    """A frame there and back."""

    seconds: float
    cpu: float
    """Seconds of CPU, client and server together."""


class _Clock:
    """Time by the clock, and CPU time of this process and the server's."""

    def __init__(self, server: int) -> None:
        self._server = Path(f"/proc/{server}/stat")
        self._began = (0.0, 0.0)

    def start(self) -> None:
        """Time counts from now."""
        self._began = (time.perf_counter(), self._cpu())

    def a_frame(self, frames: int) -> _Took:
        """Since the start, divided among so many frames."""
        seconds, cpu = self._began
        return _Took((time.perf_counter() - seconds) / frames, (self._cpu() - cpu) / frames)

    def _cpu(self) -> float:
        fields = self._server.read_text().rpartition(")")[2].split()
        return time.process_time() + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _tell(found: Mapping[str, list[_Took]], megabytes: float, *, title: str, as_json: bool) -> None:
    table = Table(title=f"there and back, {title}")
    for heading in ("way", "x raw TCP", "least", "most", "x in CPU time", "MB/s", "s a frame", "s of CPU"):
        table.add_column(heading, justify="left" if heading == "way" else "right")
    rows = {}
    for name, values in found.items():
        ratios = sorted(base.seconds / one.seconds for base, one in zip(found[BASE], values, strict=True))
        cpu = statistics.median(base.cpu / one.cpu for base, one in zip(found[BASE], values, strict=True))
        seconds, spent = (statistics.median(getattr(one, key) for one in values) for key in ("seconds", "cpu"))
        middle = statistics.median(ratios)
        rows[name] = {"ratio": middle, "cpu_ratio": cpu, "seconds": seconds, "cpu_seconds": spent}
        cells = [f"{one:.2f}" for one in (middle, ratios[0], ratios[-1], cpu)]
        table.add_row(name, *cells, f"{megabytes / seconds:.0f}", f"{seconds:.3f}", f"{spent:.3f}")
    if as_json:
        print(json.dumps(rows))
    else:
        Console(width=120).print(table)


async def _rounds(
    at: Mapping[str, str], pixels: np.ndarray, folder: Path, clock: _Clock, *, rounds: int, frames: int
) -> dict[str, list[_Took]]:
    """Way -> what a frame took in each round. One round before is not counted."""
    plate = folder / "plate.exr"
    plate.write_bytes(pixels.tobytes())  # once, before anything is measured
    connections = {
        "tcp": Connection(at["tcp"]),
        "unix": Connection(at["unix"]),
        "tls": Connection(at["tls"], ca=folder / "ca.pem", tls=True),
    }
    channels = {name: open_channel(connection) for name, connection in connections.items()}
    raw = _Raw(at["raw"], pixels)
    taken: dict[str, list[_Took]] = {"memcpy": [], BASE: [], **{name: [] for name in WAYS}}
    try:
        for index in range(rounds + 1):
            found = {
                "memcpy": _timed(lambda: _memcpy(pixels), clock, frames),
                BASE: _timed(raw.there_and_back, clock, frames),
            }
            for name, (channel, transport, views) in WAYS.items():
                stubs = Stubs.of_channel(channels[channel])
                found[name] = await _stream(
                    stubs, pixels, plate, folder, clock, transport=transport, views=views, frames=frames
                )
            if index:
                for name, value in found.items():
                    taken[name].append(value)
    finally:
        raw.close()
        for channel in channels.values():
            await channel.close()
    return taken


def _timed(once: Callable[[], None], clock: _Clock, frames: int) -> _Took:
    clock.start()
    for _ in range(frames):
        once()
    return clock.a_frame(frames)


_SPACE: dict[int, np.ndarray] = {}


def _memcpy(pixels: np.ndarray) -> None:
    """There and back."""
    space = _SPACE.setdefault(pixels.nbytes, np.ones_like(pixels))
    np.copyto(space, pixels)
    np.copyto(space, pixels)


class _Raw:
    """The client of the raw loopback."""

    def __init__(self, address: str, pixels: np.ndarray) -> None:
        host, _, port = address.rpartition(":")
        self._socket = socket.create_connection((host, int(port)))
        self._socket.sendall(pixels.nbytes.to_bytes(8, "big"))
        self._data = pixels.reshape(-1).view(np.uint8).data
        self._back = memoryview(bytearray(len(self._data)))

    def there_and_back(self) -> None:
        self._socket.sendall(self._data)
        _receive(self._socket, self._back)

    def close(self) -> None:
        self._socket.close()


def _receive(connection: socket.socket, into: memoryview) -> bool:
    filled = 0
    while filled < len(into):
        count = connection.recv_into(into[filled:])
        if not count:
            return False
        filled += count
    return True


async def _stream(
    stubs: Stubs,
    pixels: np.ndarray,
    plate: Path,
    folder: Path,
    clock: _Clock,
    *,
    transport: Transport,
    views: bool,
    frames: int,
) -> _Took:
    """What a frame takes once memory was used once: neither opening a session nor first pages are measured."""
    height, width = pixels.shape[:2]
    window = Window(0, 0, width, height)

    def read(number: int) -> PlateFrame:
        if transport == "path":
            return PlateFrame(number, path=str(plate))
        return PlateFrame(number, pixels, window, window)

    shot: dict[str, object] = {"name": "bench", "cast": [{"position": "all", "identity": "/none.identity"}]}
    if transport == "path":
        shot["output"] = str(folder / "out.####.exr")
    settings = FrameSettings(shot=shot, mode="stills", colour_space="ACEScg")
    numbers = range(1, frames + WARM + 1)
    count = 0
    how: dict[str, Any] = {"read": read, "transport": transport, "views": views}
    async for frame in process_frames(stubs.frames, settings, numbers, **how):
        if frame.error is not None:
            raise SystemExit(str(frame.error))
        count += 1
        if count == WARM:
            clock.start()
    return clock.a_frame(frames)


async def _serve(folder: Path, *, window: int) -> None:
    """The server's process: says where it listens, and ends when its stdin does."""
    authority = Authority()
    authority.write(folder / "ca.pem")
    certificate, key = authority.server(folder)
    tls = Tls(certificate=str(certificate), key=str(key))
    limits = Limits(frames_in_flight=window, frame_memory_bytes=1 << 33)
    base: dict[str, Any] = {"state": str(folder / "state"), "limits": limits}
    base["shared_memory"] = SharedMemory(enabled=True, bytes=1 << 33)
    plain = ServerSettings(listen=(LOOPBACK, f"unix:{folder / 'sockets' / 's'}"), **base)
    secure = ServerSettings(listen=(LOOPBACK,), tls=tls, **base)
    streams = open_streams(plain, FakeCrew(_Echo()), admit=dict, places=AnyPath())
    await streams.start()
    at, servers = {"raw": _raw_server()}, []
    for settings, credentials in ((plain, None), (secure, server_credentials(CertificateSource(tls)))):
        server = grpc.aio.server(options=server_options(settings))
        for name, servicer in streams.servicers.items():
            ADD_STREAMS[name](servicer, server)
        bound = bind(server, settings=settings, credentials=credentials)
        names = ("tcp", "unix") if credentials is None else ("tls",)
        at |= {name: str(address) for name, address in zip(names, bound, strict=True)}
        await server.start()
        servers.append(server)
    print(json.dumps(at), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for server in servers:
        await server.stop(None)
    await streams.stop()


class _Echo:
    """Gives frames back as they came."""

    def __init__(self) -> None:
        self._files = OpenFiles()

    def __call__(self, task: Task, _: OnEvent) -> Awaitable[Mapping[str, Any]]:
        return asyncio.to_thread(self._do, task)

    def _do(self, task: Task) -> dict[str, Any]:
        if task.kind != "swap":
            return {}
        [asked] = task.body["frames"]
        done = {"number": asked["number"], "window": asked.get("window", [0, 0, 0, 0])}
        if "path" in asked:
            shutil.copyfile(asked["path"], asked["output"])
            return {"frames": [{**done, "output": asked["output"]}]}
        pixels = self._files.read(ref_from_json(asked["pixels"]))
        refs = self._files.lay(ref_from_json(asked["out"]), {"rgb": pixels})
        return {"frames": [{**done, "planes": {name: ref.to_json() for name, ref in refs.items()}}]}


def _raw_server() -> str:
    """Echoes frames of the size that is sent first; address."""
    listening = socket.create_server(("127.0.0.1", 0))

    def echo() -> None:
        connection, _ = listening.accept()
        with connection:
            size = memoryview(bytearray(8))
            _receive(connection, size)
            held = memoryview(bytearray(int.from_bytes(size, "big")))
            while _receive(connection, held):
                connection.sendall(held)

    threading.Thread(target=echo, daemon=True).start()
    return f"127.0.0.1:{listening.getsockname()[1]}"


if __name__ == "__main__":
    main()
