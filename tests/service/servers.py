"""A whole server whose workers are this process, with quick tools instead of models; and clients of it, both ways."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.pipeline.shot_fakes import TODAY, tools
from tests.service.crews import FakeCrew, Handler
from vfx_swap.client import AsyncClient, Connection, open_client
from vfx_swap.client.retry import Patience
from vfx_swap.client.stubs import Stubs
from vfx_swap.errors import CancelledError, FramesFailedError
from vfx_swap.pipeline.progress import ProgressEvent
from vfx_swap.pipeline.shot import Tools, render_shot
from vfx_swap.service.access import LOCAL
from vfx_swap.service.admission import AnyPath
from vfx_swap.service.serve.core import open_core
from vfx_swap.service.serve.server import Server
from vfx_swap.service.settings import RootFolders, ServerSettings
from vfx_swap.service.work import OnEvent, Task
from vfx_swap.settings import Shot

__all__ = ["WAYS", "client_of", "pipeline_handler", "served_from_a_thread", "settings_of"]

SECONDS = 60.0
WAYS = ("in process", "over the wire")
QUICK = Patience(tries=4, first_seconds=0.01, longest_seconds=0.05)


def pipeline_handler(quick: Tools | None = None) -> Handler:
    """Does what a worker does, in a thread of this process."""
    own = quick or tools()

    async def work(task: Task, tell: OnEvent) -> Mapping[str, Any]:
        loop, stop = asyncio.get_running_loop(), threading.Event()
        shot = Shot.model_validate(task.body["shot"])

        def progress(event: ProgressEvent) -> None:
            loop.call_soon_threadsafe(tell, {**vars(event), "metrics": dict(event.metrics)})

        def run() -> Mapping[str, Any]:
            if task.kind == "analyse":
                # The tracks are made once; no frame is asked for.
                from vfx_swap.pipeline.shot import track_plate

                path = Path(shot.output).parent / f"{shot.name}.tracks.json"
                path.parent.mkdir(parents=True, exist_ok=True)
                made = track_plate(shot.plate, out=path, frames=shot.frames, progress=progress, tools=own)
                return {"tracks": str(path), "frames": list(made.frames)}
            try:
                report = render_shot(
                    shot,
                    frames=task.body["frames"],
                    overwrite=task.body["overwrite"],
                    today=TODAY,
                    progress=progress,
                    cancelled=stop.is_set,
                    tools=own,
                )
            except FramesFailedError as error:
                return {"failures": [{"frame": one.frame, "reason": one.reason} for one in error.failures]}
            return {"rendered": list(report.rendered)}

        running = loop.run_in_executor(None, run)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            stop.set()
            with contextlib.suppress(CancelledError):
                await running
            raise

    return work


def settings_of(folder: Path, **more: Any) -> ServerSettings:
    """Of a server on a free port, which works in this folder."""
    roots = RootFolders(read=(str(folder),), write=(str(folder),))
    given = {"listen": ("127.0.0.1:0",), "state": str(folder.parent / f"{folder.name}-state"), "roots": roots}
    return ServerSettings(**{**given, **more})


@contextlib.asynccontextmanager
async def client_of(
    way: str, folder: Path, *, crew: FakeCrew | None = None, today: Callable[[], Any] = lambda: TODAY, **more: Any
) -> AsyncIterator[AsyncClient]:
    """A client of a server of its own, in this process or over the wire."""
    crew = crew or FakeCrew(pipeline_handler())
    settings = settings_of(folder, **more)
    if way == "in process":
        core = open_core(settings, crew, places=AnyPath(), who=lambda: LOCAL, today=today)
        await core.start()
        nothing = dict.fromkeys(Stubs.__dataclass_fields__)
        client = AsyncClient(Stubs.of_servicers({**nothing, **core.servicers}), close=core.stop, patience=QUICK)
        async with client:
            yield client
        return
    server = Server(settings, crew, today=today)
    await server.start()
    try:
        async with open_client(Connection(str(server.addresses[0])), patience=QUICK) as client:
            yield client
    finally:
        await server.stop(grace_seconds=1.0)


@contextlib.contextmanager
def served_from_a_thread(folder: Path, quick: Tools | None = None) -> Iterator[str]:
    """The address of a server of quick tools that works in this folder, in a thread with a loop of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        server = Server(settings_of(folder), FakeCrew(pipeline_handler(quick)), today=lambda: TODAY)
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(SECONDS)
        yield str(server.addresses[0])
        asyncio.run_coroutine_threadsafe(server.stop(grace_seconds=1.0), loop).result(SECONDS)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(SECONDS)
        loop.close()
