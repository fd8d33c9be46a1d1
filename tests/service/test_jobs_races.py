"""Jobs asked for from several sides at once, by callers who go away, and on a disk that is full."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.service.crews import FakeCrew, frame_event
from tests.service.test_jobs import FRAMES, asked, ended, error_of, run, worker
from vfx_swap.errors import DiskFullError, RequestConflictError
from vfx_swap.service import jobs
from vfx_swap.service.jobs import JobRunner
from vfx_swap.service.jobs_store import JobStore
from vfx_swap.service.work import OnEvent, Task


def test_of_two_who_resume_one_does(tmp_path: Path) -> None:
    rendered: list[int] = []
    fail = [True]

    def on(number: int) -> None:
        if fail[0]:
            raise DiskFullError("the disk is full")

    async def test(runner: JobRunner, store: JobStore, crew: FakeCrew) -> None:
        job = (await runner.submit(asked(), owner="ann")).id
        assert (await ended(runner, store, job)).state == "failed"
        fail[0] = False
        results = await asyncio.gather(*(runner.resume(job) for _ in range(5)), return_exceptions=True)
        assert sum(isinstance(one, RequestConflictError) for one in results) == 4
        assert (await ended(runner, store, job)).state == "succeeded"
        assert runner.running <= 1

    run(tmp_path, worker(rendered, on=on), test)
    assert sorted(rendered) == list(FRAMES)


def test_a_second_cancel_does_not_hurry_the_first(tmp_path: Path) -> None:
    written = threading.Event()

    async def work(task: Task, tell: OnEvent) -> Mapping[str, Any]:
        if task.kind == "analyse":
            return {"frames": list(FRAMES), "tracks": ""}
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.2)  # the frame in hand
            tell(frame_event(task.body["frames"][0]))
            written.set()
        return {}

    async def test(runner: JobRunner, store: JobStore, crew: FakeCrew) -> None:
        job = (await runner.submit(asked(chunk_size=10), owner="ann")).id
        async for event in runner.watch(job):
            if event.kind == "rendering":
                break
        while len(crew.tasks) < 2:  # noqa: ASYNC110  # what is waited for has no event
            await asyncio.sleep(0.01)
        first = asyncio.create_task(runner.cancel(job))
        await asyncio.sleep(0.05)
        second = await runner.cancel(job)
        assert written.is_set()
        assert (second.state, (await first).state) == ("cancelled", "cancelled")
        assert second.counts == {"rendered": 1, "waiting": 9}

    run(tmp_path, work, test)


def test_a_job_whose_client_went_away_while_it_was_taken_in_is_begun(tmp_path: Path) -> None:
    rendered: list[int] = []

    async def test(runner: JobRunner, store: JobStore, crew: FakeCrew) -> None:
        add, begun, go = store.add, asyncio.Event(), threading.Event()
        loop = asyncio.get_running_loop()

        def slow(*given: Any, **named: Any) -> Any:
            done = add(*given, **named)
            loop.call_soon_threadsafe(begun.set)
            go.wait(10.0)
            return done

        store.add = slow  # type: ignore[method-assign]  # the disk takes its time
        asking = asyncio.create_task(runner.submit(asked(), owner="ann", request_id="one"))
        await begun.wait()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        go.set()
        store.add = add  # type: ignore[method-assign]
        again = await runner.submit(asked(), owner="ann", request_id="one")
        assert (await ended(runner, store, again.id)).state == "succeeded"

    run(tmp_path, worker(rendered), test)
    assert sorted(rendered) == list(FRAMES)


def test_a_state_disk_that_is_full_is_waited_for_and_the_job_then_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "KEEP_AGAIN_SECONDS", 0.01)
    rendered: list[int] = []

    async def test(runner: JobRunner, store: JobStore, crew: FakeCrew) -> None:
        real, full, refused = store._event, [True], [0]

        def event(job: str, kind: str, *more: Any) -> None:
            if full[0] and kind != "queued":
                refused[0] += 1
                raise DiskFullError("the jobs cannot be kept: database or disk is full")
            real(job, kind, *more)

        store._event = event  # type: ignore[method-assign, assignment]  # it says no more than that
        job = (await runner.submit(asked(), owner="ann")).id
        while refused[0] < 4:  # noqa: ASYNC110  # as above
            await asyncio.sleep(0.01)
        assert (await asyncio.wait_for(runner.cancel(job), 5.0)).state == "queued"  # answered at once, not in an hour
        full[0] = False
        record = await ended(runner, store, job)
        assert record.state == "failed"
        assert isinstance(error_of(record), DiskFullError)
        await runner.resume(job)
        assert (await ended(runner, store, job)).state == "succeeded"

    run(tmp_path, worker(rendered), test)


def test_nothing_is_kept_of_jobs_that_have_ended(tmp_path: Path) -> None:
    async def test(runner: JobRunner, store: JobStore, crew: FakeCrew) -> None:
        for _ in range(3):
            job = (await runner.submit(asked(), owner="ann")).id
            await ended(runner, store, job)
            await ended(runner, store, job)  # looked at when all was over
        assert [runner._bells, runner._told, runner._cancelled, runner._ending] == [{}, {}, set(), set()]

    run(tmp_path, worker([]), test)
