"""Jobs: chunks, failures, cancelling, and going on after the server was gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.service.crews import FakeCrew, Handler, frame_event
from vfx_swap.errors import (
    BusyError,
    ConsentExpiredError,
    DiskFullError,
    FrameRangeError,
    FramesFailedError,
    JobMissingError,
    OutputError,
    RequestConflictError,
    WorkerDiedError,
)
from vfx_swap.service import wire
from vfx_swap.service.job_records import JobRecord, JobRequest
from vfx_swap.service.jobs import JobLimits, JobRunner
from vfx_swap.service.jobs_store import JobStore
from vfx_swap.service.status import error_from_status
from vfx_swap.service.work import OnEvent, Task

FRAMES = tuple(range(1001, 1011))
SHOT = {"name": "sh010", "plate": "/p/a.####.exr", "output": "/r/a.####.exr", "cast": [{"identity": "/lead.identity"}]}


def admit(values: Mapping[str, Any]) -> dict[str, Any]:
    """Everything is allowed."""
    return dict(values)


def asked(**more: Any) -> JobRequest:
    return JobRequest(shot=SHOT, **more)


def worker(rendered: list[int], *, on: Callable[[int], None] = lambda number: None) -> Handler:
    async def work(task: Task, tell: OnEvent) -> Mapping[str, Any]:
        if task.kind == "analyse":
            return {"frames": list(FRAMES), "tracks": "/r/sh010.tracks.json"}
        for number in task.body["frames"]:
            on(number)
            rendered.append(number)
            tell(frame_event(number))
            await asyncio.sleep(0)
        return {}

    return work


def run(
    tmp_path: Path,
    handler: Handler,
    test: Callable[[JobRunner, JobStore, FakeCrew], Coroutine[Any, Any, None]],
    *,
    allow: Callable[[Mapping[str, Any]], dict[str, Any]] = admit,
    jobs: int = 100,
    busy: int = 0,
) -> None:
    async def within() -> None:
        store, crew = JobStore(tmp_path / "state" / "jobs.sqlite"), FakeCrew(handler, busy=busy)
        runner = JobRunner(store, crew, admit=allow, limits=JobLimits(jobs=jobs))
        await runner.start()
        try:
            await asyncio.wait_for(test(runner, store, crew), 30)
        finally:
            await runner.stop()
            store.close()

    asyncio.run(within())


async def ended(runner: JobRunner, store: JobStore, job: str) -> JobRecord:
    async for _ in runner.watch(job):
        pass
    return store.get(job)


def error_of(record: JobRecord) -> BaseException:
    return error_from_status(wire.status.Status.FromString(record.error or b""))


def test_every_frame_is_rendered_once_and_told_in_order(tmp_path: Path) -> None:
    rendered: list[int] = []

    async def test(runner: JobRunner, store: JobStore, crew: FakeCrew) -> None:
        job = await runner.submit(asked(chunk_size=3), owner="ann")
        events = [event async for event in runner.watch(job.id)]
        record = store.get(job.id)
        assert record.state == "succeeded"
        assert record.counts == {"rendered": len(FRAMES)}
        assert record.result["rendered"] == list(FRAMES)
        assert [event.number for event in events] == list(range(1, len(events) + 1))
        kinds = [event.kind for event in events]
        assert kinds[:3] == ["queued", "analysing", "rendering"]
        assert kinds[3:] == ["frame_done"] * len(FRAMES) + ["finished"]
        assert [event.body["done"] for event in events if event.kind == "frame_done"] == list(range(1, 11))
        assert [len(task.body["frames"]) for task in crew.tasks if task.kind == "render"] == [3, 3, 3, 1]

    run(tmp_path, worker(rendered), test)
    assert sorted(rendered) == list(FRAMES)


def test_what_every_chunk_says_is_told_once(tmp_path: Path) -> None:
    async def work(task: Task, tell: OnEvent) -> Mapping[str, Any]:
        tell({"stage": "analyse", "what": "note", "message": "tracks reused"})
        tell({"stage": "render", "what": "warning", "message": "no grain to match"})
        return {"frames": list(FRAMES), "tracks": ""} if task.kind == "analyse" else {}

    async def test(runner: JobRunner, store: JobStore, crew: FakeCrew) -> None:
        job = await runner.submit(asked(chunk_size=2), owner="ann")
        record = await ended(runner, store, job.id)
        events = [event.kind for event in store.events(job.id, after=0)]
        assert (events.count("note"), events.count("warning")) == (1, 1)
        assert record.result["warnings"] == ["no grain to match"]

    run(tmp_path, work, test)


def test_a_busy_crew_is_waited_for(tmp_path: Path) -> None:
    async def test(runner: JobRunner, store: JobStore, crew: FakeCrew) -> None:
        job = await runner.submit(asked(), owner="ann")
        assert (await ended(runner, store, job.id)).state == "succeeded"

    run(tmp_path, worker([]), test, busy=3)


def test_the_same_request_is_one_job(tmp_path: Path) -> None:
    async def test(runner: JobRunner, store: JobStore, crew: FakeCrew) -> None:
        first = await runner.submit(asked(), owner="ann", request_id="r1")
        again = await runner.submit(asked(), owner="ann", request_id="r1")
        other = await runner.submit(asked(), owner="bob", request_id="r1")
        assert again.id == first.id
        assert other.id != first.id
        with pytest.raises(RequestConflictError, match="r1"):
            await runner.submit(asked(overwrite=True), owner="ann", request_id="r1")

    run(tmp_path, worker([]), test)


def test_a_range_is_of_the_shot(tmp_path: Path) -> None:
    rendered: list[int] = []

    async def test(runner: JobRunner, store: JobStore, crew: FakeCrew) -> None:
        good = await runner.submit(asked(frames="1003-1004"), owner="ann")
        assert (await ended(runner, store, good.id)).result["rendered"] == [1003, 1004]
        bad = await runner.submit(asked(frames="1009-1012"), owner="ann")
        error = error_of(await ended(runner, store, bad.id))
        assert isinstance(error, FrameRangeError)
        assert "1011-1012" in error.what

    run(tmp_path, worker(rendered), test)
    assert rendered == [1003, 1004]


def test_a_movie_is_one_chunk(tmp_path: Path) -> None:
    async def test(runner: JobRunner, store: JobStore, crew: FakeCrew) -> None:
        job = await runner.submit(JobRequest(shot={**SHOT, "output": "/r/a.mov"}, chunk_size=2), owner="ann")
        await ended(runner, store, job.id)
        assert [len(task.body["frames"]) for task in crew.tasks if task.kind == "render"] == [10]

    run(tmp_path, worker([]), test)


def test_failed_frames_are_named_and_resumed_alone(tmp_path: Path) -> None:
    rendered: list[int] = []
    broken = {1002, 1007}

    async def work(task: Task, tell: OnEvent) -> Mapping[str, Any]:
        if task.kind == "analyse":
            return {"frames": list(FRAMES), "tracks": ""}
        for number in task.body["frames"]:
            if number in broken:
                tell(frame_event(number, what="failed", message=f"a.{number}.exr is truncated"))
            else:
                rendered.append(number)
                tell(frame_event(number))
        return {}

    async def test(runner: JobRunner, store: JobStore, crew: FakeCrew) -> None:
        job = await runner.submit(asked(chunk_size=4), owner="ann")
        record = await ended(runner, store, job.id)
        error = error_of(record)
        assert record.state == "failed"
        assert isinstance(error, FramesFailedError)
        assert [(one.frame, one.reason) for one in error.failures] == [
            (1002, "a.1002.exr is truncated"),
            (1007, "a.1007.exr is truncated"),
        ]
        assert record.counts == {"rendered": 8, "failed": 2}
        broken.clear()
        rendered.clear()
        assert (await runner.resume(job.id)).state in ("queued", "analysing", "rendering")
        assert (await ended(runner, store, job.id)).state == "succeeded"
        assert rendered == [1002, 1007]
        with pytest.raises(RequestConflictError, match="succeeded"):
            await runner.resume(job.id)

    run(tmp_path, work, test)


def test_a_full_disk_ends_the_job_and_says_so(tmp_path: Path) -> None:
    async def work(task: Task, tell: OnEvent) -> Mapping[str, Any]:
        if task.kind == "analyse":
            return {"frames": list(FRAMES), "tracks": ""}
        if 1005 in task.body["frames"]:
            raise DiskFullError("the disk is full", where="/r/a.1005.exr", mend="Make room")
        await asyncio.sleep(60)  # the others are cancelled, not waited for
        return {}

    async def test(runner: JobRunner, store: JobStore, crew: FakeCrew) -> None:
        job = await runner.submit(asked(chunk_size=2), owner="ann")
        record = await ended(runner, store, job.id)
        error = error_of(record)
        assert record.state == "failed"
        assert isinstance(error, DiskFullError)
        assert (error.where, error.mend) == ("/r/a.1005.exr", "Make room")

    run(tmp_path, work, test)


def test_the_frame_a_worker_dies_of_is_found(tmp_path: Path) -> None:
    rendered: list[int] = []

    def deadly(number: int) -> None:
        if number == 1004:
            raise WorkerDiedError("the worker died twice")

    async def test(runner: JobRunner, store: JobStore, crew: FakeCrew) -> None:
        job = await runner.submit(asked(chunk_size=5), owner="ann")
        record = await ended(runner, store, job.id)
        assert [number for number, _ in store.frames(job.id, "failed")] == [1004]
        assert record.counts == {"rendered": 9, "failed": 1}

    run(tmp_path, worker(rendered, on=deadly), test)
    assert sorted(rendered) == [number for number in FRAMES if number != 1004]


def test_cancel_keeps_what_is_done_and_resume_goes_on(tmp_path: Path) -> None:
    rendered: list[int] = []
    gate = asyncio.Event()

    async def work(task: Task, tell: OnEvent) -> Mapping[str, Any]:
        if task.kind == "analyse":
            return {"frames": list(FRAMES), "tracks": ""}
        for number in task.body["frames"]:
            if number > 1004:
                await gate.wait()
            rendered.append(number)
            tell(frame_event(number))
        return {}

    async def test(runner: JobRunner, store: JobStore, crew: FakeCrew) -> None:
        job = await runner.submit(asked(chunk_size=1), owner="ann")
        async for event in runner.watch(job.id):
            if event.body.get("done") == 4:
                break
        record = await runner.cancel(job.id)
        assert record.state == "cancelled"
        assert record.counts == {"rendered": 4, "waiting": 6}
        assert (await runner.cancel(job.id)).state == "cancelled"
        gate.set()
        await runner.resume(job.id)
        assert (await ended(runner, store, job.id)).state == "succeeded"

    run(tmp_path, work, test)
    assert sorted(rendered) == list(FRAMES)


def test_a_stopped_server_goes_on_where_it_was(tmp_path: Path) -> None:
    rendered: list[int] = []
    jobs: list[str] = []
    hold = [True]

    async def work(task: Task, tell: OnEvent) -> Mapping[str, Any]:
        if task.kind == "analyse":
            return {"frames": list(FRAMES), "tracks": ""}
        for number in task.body["frames"]:
            if number > 1003 and hold[0]:
                await asyncio.Event().wait()
            rendered.append(number)
            tell(frame_event(number))
        return {}

    async def first(runner: JobRunner, store: JobStore, crew: FakeCrew) -> None:
        jobs.append((await runner.submit(asked(chunk_size=1), owner="ann")).id)
        async for event in runner.watch(jobs[0]):
            if event.body.get("done") == 3:
                return

    async def second(runner: JobRunner, store: JobStore, crew: FakeCrew) -> None:
        assert (await ended(runner, store, jobs[0])).state == "succeeded"

    run(tmp_path, work, first)
    hold[0] = False
    run(tmp_path, work, second)
    assert sorted(rendered) == list(FRAMES)


def test_consent_is_asked_for_before_every_chunk(tmp_path: Path) -> None:
    asks = [0]

    def allow(values: Mapping[str, Any]) -> dict[str, Any]:
        asks[0] += 1
        if asks[0] > 4:  # at submit, before the analyse pass, before two chunks
            raise ConsentExpiredError("the consent record ended yesterday", where="/lead.identity")
        return dict(values)

    async def test(runner: JobRunner, store: JobStore, crew: FakeCrew) -> None:
        job = await runner.submit(asked(chunk_size=1), owner="ann")
        record = await ended(runner, store, job.id)
        assert record.state == "failed"
        assert isinstance(error_of(record), ConsentExpiredError)

    run(tmp_path, worker([]), test, allow=allow)


def test_too_many_jobs_are_refused(tmp_path: Path) -> None:
    async def work(task: Task, tell: OnEvent) -> Mapping[str, Any]:
        await asyncio.Event().wait()
        return {}

    async def test(runner: JobRunner, store: JobStore, crew: FakeCrew) -> None:
        await runner.submit(asked(), owner="ann")
        with pytest.raises(BusyError) as caught:
            await runner.submit(asked(), owner="ann")
        assert caught.value.retry_seconds > 0

    run(tmp_path, work, test, jobs=1)


def test_what_should_not_happen_ends_the_job_alone(tmp_path: Path) -> None:
    async def work(task: Task, tell: OnEvent) -> Mapping[str, Any]:
        raise ZeroDivisionError("division by zero")

    async def test(runner: JobRunner, store: JobStore, crew: FakeCrew) -> None:
        job = await runner.submit(asked(), owner="ann")
        record = await ended(runner, store, job.id)
        assert record.state == "failed"
        assert "ZeroDivisionError" in str(error_of(record))

    run(tmp_path, work, test)


def test_a_store_is_one_server_s(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs.sqlite")
    with pytest.raises(OutputError, match="another server"):
        JobStore(tmp_path / "jobs.sqlite")
    store.close()
    JobStore(tmp_path / "jobs.sqlite").close()


def test_pages_are_whole_and_newest_first(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs.sqlite")
    ids = [store.add(asked(frames=str(number)), owner="ann")[0].id for number in range(7)]
    store.add(asked(), owner="bob")
    found: list[str] = []
    token = ""
    while True:
        page, token = store.page(owner="ann", size=3, before=token)
        found += [one.id for one in page]
        if not token:
            break
    assert found == ids[::-1]
    store.turn(ids[0], "failed")
    assert [one.id for one in store.page(owner="ann", states=("failed",))[0]] == [ids[0]]
    with pytest.raises(JobMissingError):
        store.get("nothing")
    store.close()


def test_ended_jobs_are_forgotten_in_time(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs.sqlite")
    old, young = store.add(asked(), owner="ann")[0], store.add(asked(), owner="ann")[0]
    store.turn(old.id, "succeeded")
    assert store.prune(before=store.get(old.id).updated + 1.0) == 1
    assert [one.id for one in store.unfinished()] == [young.id]
    assert store.events(old.id, after=0) == ()
    store.close()


def test_a_rendered_frame_is_not_made_skipped(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs.sqlite")
    job = store.add(asked(), owner="ann")[0].id
    store.expect(job, [1, 2])
    store.frame(job, 1, "rendered")
    store.frame(job, 1, "skipped")
    store.frame(job, 2, "skipped")
    assert store.get(job).counts == {"rendered": 1, "skipped": 1}
    store.close()
