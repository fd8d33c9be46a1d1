"""A crew that renders nothing: what it does of a task is a function, so that tests say what goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from vfx_swap.errors import BusyError, CancelledError
from vfx_swap.service.work import DeviceState, OnEvent, Task, no_events

__all__ = ["FakeCrew", "Handler", "frame_event"]

Handler = Callable[[Task, OnEvent], Awaitable[Mapping[str, Any]]]


def frame_event(number: int, *, what: str = "frame", message: str = "", faces: int = 1) -> dict[str, Any]:
    """What a worker tells of a frame."""
    return {"stage": "render", "what": what, "frame": number, "message": message, "metrics": {"faces": faces}}


@dataclass(eq=False)
class FakeRunning:
    """A task of the fake crew."""

    id: str
    work: asyncio.Task[Mapping[str, Any]]

    async def result(self) -> Mapping[str, Any]:
        """What the handler gave."""
        try:
            return await asyncio.shield(self.work)
        except asyncio.CancelledError:
            if self.work.cancelled():
                raise CancelledError("the task was cancelled") from None
            raise

    def cancel(self) -> None:
        """Stop it."""
        self.work.cancel()


@dataclass(eq=False)
class FakeCrew:
    """Runs every task at once, in the loop."""

    handler: Handler
    workers: int = 2
    busy: int = 0
    """So many submissions are refused first."""
    tasks: list[Task] = field(default_factory=list)
    queued: int = 0

    async def start(self) -> None:
        """Nothing to start."""

    async def stop(self, *, grace_seconds: float) -> None:
        """Nothing to stop."""

    def submit(self, task: Task, *, on_event: OnEvent = no_events) -> FakeRunning:
        """Run a task."""
        if self.busy:
            self.busy -= 1
            raise BusyError("the queue is full", retry_seconds=0.01)
        self.tasks.append(task)

        async def work() -> Mapping[str, Any]:
            return await self.handler(task, on_event)

        return FakeRunning(task.id, asyncio.create_task(work()))

    def devices(self) -> tuple[DeviceState, ...]:
        """As many CPUs as wanted."""
        return tuple(
            DeviceState("cpu", index, "a CPU", 0, 0, 0.0, (), alive=True, queued=0, running=0, restarts=0, pid=0)
            for index in range(self.workers)
        )
