"""A crew of quick workers around a test, and the tasks it is given."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from tests.pipeline.shot_fakes import ALL, make_shot
from tests.service.quick_worker import quick_command
from vfx_swap.service.crew import CrewSettings, LocalCrew
from vfx_swap.service.work import Task

__all__ = ["TODAY", "chunk", "task", "until", "values_of", "with_crew"]

TODAY = "2026-06-01"
NUMBERS = itertools.count()


def task(kind: Any, body: Mapping[str, Any], **more: Any) -> Task:
    """A task of a name of its own."""
    return Task(f"{kind}-{next(NUMBERS)}", kind, body, more.pop("client", "ann"), **more)


def values_of(folder: Path, **more: Any) -> dict[str, Any]:
    """A shot in a folder, as its file's values."""
    return make_shot(folder, **more).model_dump(mode="json", by_alias=True, exclude_none=True)


def chunk(values: Mapping[str, Any], frames: tuple[int, ...] = ALL, *, overwrite: bool = False, **more: Any) -> Task:
    """A chunk of a shot."""
    body = {"shot": values, "frames": list(frames), "today": TODAY, "overwrite": overwrite}
    return task("render", body, **more)


def with_crew(
    work: Callable[[LocalCrew], Awaitable[Any]],
    *,
    workers: int = 1,
    command: tuple[str, ...] | None = None,
    **more: Any,
) -> Any:
    """Run something with a crew that is started before and stopped after."""
    settings: dict[str, Any] = {"devices": ("cpu",) * workers, "command": command or quick_command(), **more}

    async def run() -> Any:
        crew = LocalCrew(CrewSettings(**settings))
        await crew.start()
        try:
            return await asyncio.wait_for(work(crew), 120)
        finally:
            await crew.stop(grace_seconds=20)

    return asyncio.run(run())


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something is so."""
    for _ in range(30000):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came to be")
