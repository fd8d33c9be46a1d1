"""A worker's own handlers in the test's process, behind a crew that runs every task at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from tests.pipeline.shot_fakes import TODAY
from vfx_swap.pipeline.shot import Tools
from vfx_swap.service.handlers.table import WorkerHandlers
from vfx_swap.service.link import Message
from vfx_swap.service.work import OnEvent, Task
from vfx_swap.service.worker import Work

__all__ = ["RealHandlers"]


class RealHandlers:
    """What a worker does, one task at a time, in a thread."""

    def __init__(self, tools: Tools) -> None:
        self.handlers = WorkerHandlers("cpu", tools=tools)
        self._one = asyncio.Lock()

    async def __call__(self, task: Task, on_event: OnEvent) -> Mapping[str, Any]:
        loop = asyncio.get_running_loop()
        body = json.loads(json.dumps({"today": TODAY.isoformat(), **task.body}))

        def tell(event: Message) -> None:
            loop.call_soon_threadsafe(on_event, event)

        work = Work(task.id, task.kind, body, tell, lambda: False)
        async with self._one:
            [answer] = await asyncio.to_thread(self.handlers.run, [work])
        if isinstance(answer, BaseException):
            raise answer
        stats = {f"{name}_seconds": value for name, value in work.seconds.items()}
        told: Mapping[str, Any] = json.loads(json.dumps({**answer, "stats": stats}))
        return told

    def close(self) -> None:
        """Let go of what a worker holds."""
        self.handlers.close()
