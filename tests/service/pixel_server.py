"""A server of pixels whose workers turn frames upside down: quick, exact, and in the test's own process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import numpy as np

from tests.service.crews import FakeCrew
from vfx_swap.client.stubs import Stubs
from vfx_swap.errors import InputError, PathRefusedError
from vfx_swap.pipeline.error_fields import error_fields
from vfx_swap.service.access_control import AccessControl
from vfx_swap.service.door import Door
from vfx_swap.service.listening import server_options
from vfx_swap.service.metrics import Metrics
from vfx_swap.service.pool import OpenFiles, ref_from_json
from vfx_swap.service.serve.streams import ADD_STREAMS, Streams, open_streams
from vfx_swap.service.settings import Limits, ServerSettings, SharedMemory
from vfx_swap.service.work import OnEvent, Task

__all__ = ["PixelServer", "TurningWorker", "frame_pixels", "memory_files", "serving", "session", "until"]

MESSAGE_BYTES = (1 << 20) + 65536


def frame_pixels(number: int, *, width: int = 48, height: int = 32, dtype: str = "float16") -> np.ndarray:
    """Noise that is another one in every frame."""
    rng = np.random.default_rng(number)
    if np.dtype(dtype).kind == "f":
        return (rng.standard_normal((height, width, 3)) * 10.0).astype(dtype)
    return rng.integers(0, np.iinfo(dtype).max, (height, width, 3), dtype=dtype, endpoint=True)


def session(**more: Any) -> dict[str, Any]:
    """Values of a shot."""
    return {"name": "shot", "cast": [{"position": "all", "identity": "/packs/lead.identity"}], **more}


@dataclass(eq=False)
class TurningWorker:
    """Turns frames upside down. Frames that tests name fail, wait for ever, or are only seen."""

    fails: frozenset[int] = frozenset()
    waits: frozenset[int] = frozenset()
    first: tuple[int, ...] = ()
    layers: tuple[str, ...] = ("matte.0.A",)
    bodies: list[Mapping[str, Any]] = field(default_factory=list)
    seen: list[int] = field(default_factory=list)
    files: OpenFiles = field(default_factory=OpenFiles)
    stopped: int = 0

    async def __call__(self, task: Task, on_event: OnEvent) -> Mapping[str, Any]:
        self.bodies.append(task.body)
        stats = {"queue_seconds": 0.25, "infer_seconds": 0.5, "batch_size": 1, "device": "cpu"}
        if task.kind in ("swap", "parse"):
            return {"frames": [await self._frame(one) for one in task.body["frames"]], "stats": stats}
        if task.kind == "open":
            return {"fit_frames": list(self.first), "layers": list(self.layers), "warnings": ["half of it is dark"]}
        if task.kind == "analyse":
            return await asyncio.to_thread(self._analyse, task.body, on_event)
        return {}

    async def _frame(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        number = asked["number"]
        if number in self.waits:
            try:
                await asyncio.Event().wait()
            finally:
                self.stopped += 1
        if number in self.fails:
            error = InputError("is of another plate", where=f"frame {number}")
            return {"number": number, "error": error_fields(error)}
        if number in self.first and number not in self.seen:
            self.seen.append(number)
            return {"number": number, "seen": True}
        if "path" in asked and asked["output"] is not None:
            await asyncio.to_thread(_turn_file, Path(asked["path"]), Path(asked["output"]))
            return {"number": number, "window": [0, 0, 4, 4], "output": asked["output"], "settings_digest": "aa"}
        pixels = frame_pixels(number) if "path" in asked else self.files.read(ref_from_json(asked["pixels"]))
        turned = np.ascontiguousarray(pixels[::-1].astype(np.float32))
        planes = {"rgb": turned, "matte": turned[..., 0].copy()}
        planes |= {name: turned[..., 1].copy() for name in self.layers}
        refs = self.files.lay(ref_from_json(asked["out"]), planes)
        height, width = pixels.shape[:2]
        return {
            "number": number,
            "window": [*asked.get("window", (0, 0))[:2], width, height],
            "planes": {name: ref.to_json() for name, ref in refs.items()},
            "metrics": {"faces": 2, "confidence": 0.75, "engine": "turning"},
            "header": {"vfx_swap/render": f'{{"frame": {number}}}'},
            "settings_digest": f"digest {number}",
            "warnings": ["upside down"],
        }

    def close(self) -> None:
        """Let go of mapped files."""
        self.files.close()

    def _analyse(self, body: Mapping[str, Any], on_event: OnEvent) -> dict[str, Any]:
        Path(body["out"]).write_text('{"made": true}' + " " * (1 << 20), encoding="utf-8")
        return {"tracks": body["out"], "frames": [1]}


def _turn_file(path: Path, to: Path) -> None:
    to.write_bytes(path.read_bytes()[::-1])


class Places:
    """One folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def readable(self, path: str) -> Path:
        if not path.startswith(str(self._folder)):
            raise PathRefusedError("it lies outside", where=path)
        return Path(path)

    def readable_pattern(self, text: str) -> str:
        return str(self.readable(text))

    def writable(self, path: str) -> Path:
        return self.readable(path)


@dataclass(frozen=True, eq=False)
class PixelServer:
    """A server, and a client's stubs for it."""

    streams: Streams
    crew: FakeCrew
    worker: TurningWorker
    stubs: Stubs
    channel: Any
    memory: Path
    scratch: Path


def memory_files(server: PixelServer) -> list[Path]:
    """Files of shared memory that are there, but for locks."""
    return [path for path in server.memory.rglob("*") if path.is_file() and path.name != "lock"]


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what another task does; the test's own time limit ends it."""
    while not condition():  # noqa: ASYNC110  # what is waited for has no event
        await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def serving(
    folder: Path,
    worker: Any = None,
    *,
    admit: Any = dict,
    shared: bool = True,
    lease_seconds: float = 60.0,
    unix: bool = False,
    **limits: Any,
) -> AsyncIterator[PixelServer]:
    """A server on loopback, its door included."""
    work = worker or TurningWorker()
    crew, memory, state = FakeCrew(work), folder / "memory", folder / "state"
    memory.mkdir()
    settings = ServerSettings(
        state=str(state),
        limits=Limits(**{"frame_memory_bytes": 1 << 28, "free_disk_bytes": 0, **limits}),
        shared_memory=SharedMemory(enabled=shared, bytes=1 << 28, lease_seconds=lease_seconds),
    )
    metrics = Metrics()
    streams = open_streams(settings, crew, admit=admit, places=Places(folder), metrics=metrics, memory=memory)
    stall = settings.limits.stall_seconds
    door = Door(access=AccessControl(None), metrics=metrics, streams_per_client=8, stall_seconds=stall)
    server = grpc.aio.server(interceptors=[door], options=server_options(settings))
    for name, servicer in streams.servicers.items():
        ADD_STREAMS[name](servicer, server)
    await streams.start()
    if unix:
        address = f"unix:{folder / 's'}"
        server.add_insecure_port(address)
    else:
        address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    options = (("grpc.max_receive_message_length", MESSAGE_BYTES), ("grpc.max_send_message_length", MESSAGE_BYTES))
    channel = grpc.aio.insecure_channel(address, options=options)
    try:
        yield PixelServer(streams, crew, work, Stubs.of_channel(channel), channel, memory, state / "streams")
    finally:
        await channel.close()
        await server.stop(None)
        await streams.stop()
        work.close()
