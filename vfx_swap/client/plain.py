"""The client for code without an event loop: the same calls, each run to its end in a loop of its own thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Generator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Self, TypeVar

from vfx_swap.client.face import AsyncClient
from vfx_swap.client.values import IdentityInfo, Job, JobEvent, JobState, ModelInfo, Options, RenderReport, ServerInfo
from vfx_swap.settings import Shot

__all__ = ["Client"]

Value = TypeVar("Value")


class Client:
    """`AsyncClient` for plain code; every method is documented there. Used in a `with`, or closed.

    Args:
        make: opens the asynchronous client, in the loop that it will live in.
    """

    def __init__(self, make: Callable[[], Coroutine[Any, Any, AsyncClient]]) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="vfx-swap-client", daemon=True)
        self._thread.start()
        try:
            self._inner = self._run(make())
        except BaseException:
            self._stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection; jobs go on."""
        if self._loop.is_closed():
            return
        try:
            self._run(self._inner.close())
        finally:
            self._stop()

    def info(self) -> ServerInfo:
        """What the server is."""
        return self._run(self._inner.info())

    def submit(self, shot: Shot | Mapping[str, Any], **how: Any) -> Job:
        """Give a shot to the server."""
        return self._run(self._inner.submit(shot, **how))

    def render(self, shot: Shot | Mapping[str, Any], **how: Any) -> RenderReport:
        """Submit a shot and stay until it is done; `progress` is called in the client's own thread."""
        return self._run(self._inner.render(shot, **how))

    def job(self, job: str) -> Job:
        """A job as it stands."""
        return self._run(self._inner.job(job))

    def jobs(self, *, states: Sequence[JobState] = (), limit: int = 50) -> tuple[Job, ...]:
        """Jobs, newest first."""
        return self._run(self._inner.jobs(states=states, limit=limit))

    def cancel(self, job: str) -> Job:
        """End a job."""
        return self._run(self._inner.cancel(job))

    def resume(self, job: str) -> Job:
        """Go on with a job that failed or was cancelled."""
        return self._run(self._inner.resume(job))

    def result(self, job: str) -> RenderReport:
        """What a job that has ended did."""
        return self._run(self._inner.result(job))

    def watch(self, job: str, *, after: int = 0) -> Generator[JobEvent, None, None]:
        """Every event, until the job has ended."""
        events = self._inner.watch(job, after=after)
        try:
            while True:
                try:
                    yield self._run(_next(events))
                except StopAsyncIteration:
                    return
        finally:
            self._run(events.aclose())  # type: ignore[attr-defined]  # it is a generator

    def identities(self) -> tuple[IdentityInfo, ...]:
        """Identities that the server keeps."""
        return self._run(self._inner.identities())

    def identity(self, name: str) -> IdentityInfo:
        """One identity."""
        return self._run(self._inner.identity(name))

    def create_identity(self, name: str, files: Sequence[Path], **how: Any) -> IdentityInfo:
        """Build an identity on the server, or give it a pack."""
        return self._run(self._inner.create_identity(name, files, **how))

    def delete_identity(self, name: str) -> None:
        """Forget an identity."""
        self._run(self._inner.delete_identity(name))

    def models(self) -> tuple[ModelInfo, ...]:
        """Model cards on the server."""
        return self._run(self._inner.models())

    def options(self) -> Options:
        """Engines and knobs."""
        return self._run(self._inner.options())

    def load_model(self, model: str, *, device: str = "") -> tuple[str, ...]:
        """Load a model before it is needed."""
        return self._run(self._inner.load_model(model, device=device))

    def unload_model(self, model: str, *, device: str = "") -> None:
        """Free the memory that a model takes."""
        self._run(self._inner.unload_model(model, device=device))

    def run(self, work: Callable[[AsyncClient], Coroutine[Any, Any, Value]]) -> Value:
        """Any other work with the asynchronous client, such as `streaming.stream_shot`, to its end."""
        return self._run(work(self._inner))

    def _run(self, work: Coroutine[Any, Any, Value]) -> Value:
        """Run to the end; Ctrl-C cancels it first."""
        future: Future[Value] = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except KeyboardInterrupt:
            future.cancel()
            raise

    def _stop(self) -> None:
        asyncio.run_coroutine_threadsafe(_end_all(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _end_all() -> None:
    """End what the loop still does, so that nothing is left behind when it stops."""
    await asyncio.get_running_loop().shutdown_asyncgens()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _next(events: Any) -> JobEvent:
    event: JobEvent = await anext(events)
    return event
