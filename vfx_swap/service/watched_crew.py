"""A crew whose work is counted and traced: what every task took goes to the metrics, its trace goes with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from vfx_swap.service.metrics import Metrics
from vfx_swap.service.tracing import trace_headers
from vfx_swap.service.work import Crew, DeviceState, OnEvent, Running, Task, no_events

__all__ = ["WatchedCrew"]


class WatchedCrew:
    """Another crew, with eyes on it (protocol `Crew`).

    Args:
        crew: does the work.
        metrics: where it is counted.
    """

    def __init__(self, crew: Crew, *, metrics: Metrics) -> None:
        self._crew = crew
        self._metrics = metrics

    async def start(self) -> None:
        """As `Crew.start`."""
        await self._crew.start()

    async def stop(self, *, grace_seconds: float) -> None:
        """As `Crew.stop`."""
        await self._crew.stop(grace_seconds=grace_seconds)

    @property
    def queued(self) -> int:
        """As `Crew.queued`."""
        return self._crew.queued

    def devices(self) -> tuple[DeviceState, ...]:
        """As `Crew.devices`."""
        return self._crew.devices()

    def submit(self, task: Task, *, on_event: OnEvent = no_events) -> Running:
        """As `Crew.submit`. The body is given `trace`: the W3C headers of who asks, where there are any."""
        headers = trace_headers()
        if headers:
            task = replace(task, body={**task.body, "trace": headers})
        return _Watched(self._crew.submit(task, on_event=on_event), task=task, metrics=self._metrics)


class _Watched:
    """A task that runs; its answer is counted when it is first taken."""

    def __init__(self, running: Running, *, task: Task, metrics: Metrics) -> None:
        self.id = running.id
        self._running = running
        self._task = task
        self._metrics: Metrics | None = metrics

    async def result(self) -> Mapping[str, Any]:
        answer = await self._running.result()
        metrics, self._metrics = self._metrics, None
        if metrics is not None:
            metrics.answered(self._task.kind, answer, model=self._task.model)
        return answer

    def cancel(self) -> None:
        self._running.cancel()
