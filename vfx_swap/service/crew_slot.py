"""A worker's place in a crew: the process that fills it now, and what that has at hand."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from vfx_swap.service.link import Message

if TYPE_CHECKING:
    from vfx_swap.service.crew_process import WorkerProcess
    from vfx_swap.service.crew_task import TakenTask

__all__ = ["Slot"]

LOAD_SECONDS = 30.0
"""A device's load is over this long."""


class Slot:
    """A worker's place: the process that fills it now, and what it has at hand."""

    def __init__(self, index: int, device: str) -> None:
        self.index = index
        self.device = device
        self.process: WorkerProcess | None = None
        self.alive = False
        self.idle = False
        """It waits for work."""
        self.tasks: dict[str, TakenTask] = {}
        self.began = 0.0
        self.restarts = -1
        self.failed_starts = 0
        self.memory: Message = {}
        self.title = ""
        self.open: set[str] = set()
        """Affinities whose session is open in this process."""
        self.busy: deque[tuple[float, float]] = deque()
        """Spans of work, the latest last."""
        self.up: asyncio.Future[None] | None = None

    def load(self, now: float) -> float:
        """Share of the last seconds in which it worked, or what the device says."""
        said = float(self.memory.get("use", -1.0))
        if said >= 0.0:
            return said
        since = now - LOAD_SECONDS
        while self.busy and self.busy[0][1] < since:
            self.busy.popleft()
        spans = [*self.busy, *([(self.began, now)] if not self.idle and self.alive else [])]
        worked = sum(end - max(begin, since) for begin, end in spans)
        return min(1.0, max(0.0, worked / LOAD_SECONDS))
