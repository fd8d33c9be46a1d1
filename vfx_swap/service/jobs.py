"""Runs jobs: faces are found once, frames go out in chunks, and what became of each is on disk before it is told.

A job is a coroutine that can be ended at any moment: all it knows stands in the store, and a chunk that is rendered
again skips the frames that are current. So a server that was killed starts and goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from vfx_swap.errors import (
    BusyError,
    CancelledError,
    FrameFailure,
    FramesFailedError,
    LimitError,
    RequestConflictError,
    VfxSwapError,
    WorkerDiedError,
)
from vfx_swap.service import wire
from vfx_swap.service.job_frames import cut, wanted_frames
from vfx_swap.service.job_records import EventRecord, JobRecord, JobRequest, JobState
from vfx_swap.service.jobs_store import JobStore
from vfx_swap.service.status import error_from_status, error_to_status
from vfx_swap.service.work import Crew, Running, Task
from vfx_swap.settings.shot import DEFAULT_ENGINE

__all__ = ["JobLimits", "JobRunner"]

Value = TypeVar("Value")
LOG = logging.getLogger(__name__)
KEEP_AGAIN_SECONDS = 5.0
"""After this the end of a job is tried to be kept again."""


@dataclass(frozen=True)
class JobLimits:
    """How much a server takes on."""

    jobs: int = 1000
    """Jobs that have not ended, in all."""
    jobs_per_client: int = 100
    """The same, of one client."""
    frames: int = 100_000
    """Frames of a job."""
    chunk_frames: int = 24
    """Frames of a chunk at most, where a job does not say."""
    chunks_per_device: int = 2
    """Chunks of one job that are out at once, for each device: one rendering, one to come."""


class JobRunner:
    """The jobs of one server.

    Args:
        store: where they stand.
        crew: who renders.
        admit: a job's values -> those that a worker gets, identities of the server's in place; raises where they may
            not be worked on (any more): paths, consent. Asked in a thread, when a job is submitted and before every
            chunk.
        limits: how much is taken on.
        failed: told why a job ended that could not go on.
    """

    def __init__(
        self,
        store: JobStore,
        crew: Crew,
        *,
        admit: Callable[[Mapping[str, Any]], dict[str, Any]],
        limits: JobLimits = JobLimits(),
        failed: Callable[[Exception], None] | None = None,
    ) -> None:
        self._store = store
        self._crew = crew
        self._admit = admit
        self.limits = limits
        self._told: dict[str, set[str]] = {}
        """Job -> notes and warnings that were told, each once: every chunk says them anew."""
        self._failed = failed
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._cancelled: set[str] = set()
        self._ending: set[str] = set()  # their end is being kept
        self._resuming: set[str] = set()
        self._asked: set[asyncio.Task[JobRecord]] = set()
        self._bells: dict[str, asyncio.Event] = {}
        self._stopping = False

    async def start(self) -> None:
        """Go on with every job that has not ended."""
        for job in await asyncio.to_thread(self._store.unfinished):
            self._begin(job.id)

    async def stop(self) -> None:
        """Leave every job where it is: frames in hand are finished and on record, the next start goes on."""
        self._stopping = True
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*self._asked, return_exceptions=True)
        await asyncio.gather(*tasks, return_exceptions=True)
        for bell in self._bells.values():
            bell.set()

    @property
    def running(self) -> int:
        """Jobs that have not ended."""
        return len(self._tasks)

    async def submit(self, request: JobRequest, *, owner: str, request_id: str = "") -> JobRecord:
        """A new job, or the one that this request id made before.

        Raises:
            BusyError: there are as many jobs as this server takes.
            RequestConflictError: the request id stands for another shot.
            VfxSwapError: what `admit` says.
        """
        await asyncio.to_thread(self._admit, request.shot)
        if self._stopping:
            raise BusyError("the server is going down", retry_seconds=30.0, mend="Submit again when it is back")
        return await self._surely(self._submit_surely(request, owner=owner, request_id=request_id))

    async def _submit_surely(self, request: JobRequest, *, owner: str, request_id: str) -> JobRecord:
        job, new = await asyncio.to_thread(
            self._store.add,
            request,
            owner=owner,
            request_id=request_id,
            most=self.limits.jobs,
            most_of_owner=self.limits.jobs_per_client,
        )
        if new:
            self._begin(job.id)
        return job

    async def cancel(self, job: str) -> JobRecord:
        """End a job; frames in hand are finished, what is written stays. One that has ended stays as it is."""
        task = self._tasks.get(job)
        if task is not None and job not in self._ending:
            if job not in self._cancelled:  # else it is asked to end already, and must not be hurried out of that
                self._cancelled.add(job)
                task.cancel()
            await asyncio.wait([task])
        return await asyncio.to_thread(self._store.get, job)

    async def resume(self, job: str) -> JobRecord:
        """Go on with a job that failed or was cancelled.

        Raises:
            RequestConflictError: it succeeded, or is still at work.
        """
        record = await asyncio.to_thread(self._store.get, job)
        if record.state not in ("failed", "cancelled"):
            raise RequestConflictError(f"job {job} is {record.state}: there is nothing to resume")
        await asyncio.to_thread(self._admit, record.request.shot)
        return await self._surely(self._resume_surely(job))

    async def _resume_surely(self, job: str) -> JobRecord:
        if job in self._ending:  # its end is on disk, and its last steps are still to be made
            await asyncio.wait([self._tasks[job]])
        if job in self._tasks or job in self._resuming:
            raise RequestConflictError(f"job {job} was resumed already")
        self._resuming.add(job)
        try:
            await asyncio.to_thread(self._store.turn, job, "queued")
            self._begin(job)
        finally:
            self._resuming.discard(job)
        return await asyncio.to_thread(self._store.get, job)

    async def _surely(self, work: Coroutine[Any, Any, JobRecord]) -> JobRecord:
        """To the end, even where who asked goes away meanwhile: what stands in the store is begun."""
        task = asyncio.create_task(work)
        self._asked.add(task)
        task.add_done_callback(self._asked.discard)
        return await asyncio.shield(task)

    async def watch(self, job: str, *, after: int = 0) -> AsyncIterator[EventRecord]:
        """Every event after a number, and those to come, until the job has ended or the server goes down.

        Raises:
            JobMissingError: there is no such job.
        """
        while True:
            bell = self._bells.setdefault(job, asyncio.Event())
            record = await asyncio.to_thread(self._store.get, job)
            events = await asyncio.to_thread(self._store.events, job, after=after)
            for event in events:
                after = event.number
                yield event
            if not events:
                if record.ended or self._stopping:
                    self._ring(job)  # nobody rings any more, and bells must not gather
                    return
                await bell.wait()

    def _begin(self, job: str) -> None:
        if self._stopping:
            return  # the next start goes on with it
        task = asyncio.create_task(self._run(job), name=f"job {job}")
        self._tasks[job] = task
        task.add_done_callback(lambda _: self._tasks.pop(job, None))

    def _ring(self, job: str) -> None:
        """Wake who watches a job."""
        bell = self._bells.pop(job, None)
        if bell is not None:
            bell.set()

    async def _keep(self, job: str, change: Callable[..., Value], *values: Any, **named: Any) -> Value:
        """One change in the store, then the bell."""
        done = await asyncio.to_thread(change, job, *values, **named)
        self._ring(job)
        return done

    async def _run(self, job: str) -> None:
        """One job from where it stands to its end."""
        try:
            await self._render(job)
        except asyncio.CancelledError:
            if job in self._cancelled:
                await self._end(job, "cancelled", None)
        except Exception as error:
            if not isinstance(error, VfxSwapError):
                LOG.exception("job %s ended by what should not happen", job)
            if self._failed is not None:
                self._failed(error)
            await self._end(job, "failed", error)
        finally:
            self._cancelled.discard(job)
            self._ending.discard(job)
            self._told.pop(job, None)

    async def _end(self, job: str, state: JobState, error: Exception | None) -> None:
        """A job comes to its end. While that cannot be kept, the disk being full, it is tried again and again."""
        self._ending.add(job)
        said = None if error is None else error_to_status(error).SerializeToString()
        while True:
            try:
                return await self._keep(job, self._store.turn, state, error=said)
            except VfxSwapError as trouble:
                LOG.error("job %s is %s, which cannot be kept: %s (%s)", job, state, trouble, error)  # noqa: TRY400
            await asyncio.sleep(KEEP_AGAIN_SECONDS)

    async def _render(self, job: str) -> None:
        record = await asyncio.to_thread(self._store.get, job)
        await self._keep(job, self._store.turn, "analysing")
        values = await asyncio.to_thread(self._admit, record.request.shot)
        found = await self._ask(record, "analyse", {"shot": values})
        wanted = wanted_frames(record.request, found["frames"])
        if len(wanted) > self.limits.frames:
            what = f"{len(wanted)} frames, and a job of this server has at most {self.limits.frames}"
            raise LimitError(what, mend="Submit ranges of the shot as jobs of their own")
        devices = max(1, len(self._crew.devices()))
        await asyncio.to_thread(self._store.expect, job, wanted)
        await self._keep(job, self._store.turn, "rendering")
        waiting = await asyncio.to_thread(self._store.waiting, job)
        lanes = self.limits.chunks_per_device * devices
        todo = iter(cut(record.request, waiting, most=self.limits.chunk_frames, devices=devices))
        await _all([self._lane(record, todo) for _ in range(lanes)])
        await self._finish(record, str(found.get("tracks", "")))

    async def _lane(self, record: JobRecord, todo: Iterator[tuple[int, ...]]) -> None:
        """Render chunk after chunk."""
        for chunk in todo:
            await self._chunk(record, chunk)

    async def _chunk(self, record: JobRecord, chunk: Sequence[int]) -> None:
        """Render a chunk. A worker that dies of it twice shows which frame it dies of."""
        values = await asyncio.to_thread(self._admit, record.request.shot)
        body = {"shot": values, "frames": list(chunk), "overwrite": record.request.overwrite}
        try:
            await self._ask(record, "render", body)
            return
        except WorkerDiedError as error:
            left = sorted(set(chunk) & set(await asyncio.to_thread(self._store.waiting, record.id)))
            if len(left) < 2 or len(chunk) < 2:
                for number in left or chunk:
                    await self._keep_frame(record.id, number, "failed", message=str(error))
                return
        for number in left:
            await self._chunk(record, (number,))

    async def _ask(self, record: JobRecord, kind: Any, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """One task of a job, its events kept in the order in which they came. Waits while the crew is busy."""
        happened: asyncio.Queue[Mapping[str, Any] | None] = asyncio.Queue()
        task = Task(
            id=f"{record.id}-{uuid.uuid4().hex[:8]}",
            kind=kind,
            body=body,
            client=record.owner,
            priority=record.request.priority,
            model=str(record.request.shot.get("engine") or DEFAULT_ENGINE),
        )
        running = await self._submit(task, happened.put_nowait)
        keeping = asyncio.create_task(self._keep_events(record.id, happened))
        try:
            return await _answer(running)
        finally:
            happened.put_nowait(None)
            await keeping

    async def _submit(self, task: Task, on_event: Callable[[Mapping[str, Any]], None]) -> Running:
        while True:
            try:
                return self._crew.submit(task, on_event=on_event)
            except BusyError as error:
                await asyncio.sleep(min(30.0, max(0.05, error.retry_seconds)))

    async def _keep_events(self, job: str, happened: asyncio.Queue[Mapping[str, Any] | None]) -> None:
        states = {"frame": "rendered", "skipped": "skipped", "failed": "failed"}
        while (event := await happened.get()) is not None:
            what, frame = event.get("what"), event.get("frame")
            if event.get("stage") == "render" and what in states and frame is not None:
                metrics, message = event.get("metrics"), str(event.get("message", ""))
                await self._keep_frame(job, int(frame), states[what], message=message, metrics=metrics)
            elif what in ("warning", "note"):
                message, told = str(event.get("message", "")), self._told.setdefault(job, set())
                if message not in told:
                    told.add(message)
                    body = {"message": message, **({} if frame is None else {"frame": frame})}
                    await self._keep(job, self._store.event, what, body)

    async def _keep_frame(
        self, job: str, number: int, state: Any, *, message: str, metrics: Mapping[str, Any] | None = None
    ) -> None:
        error = None
        if state == "failed":
            error = error_to_status(FramesFailedError([FrameFailure(number, message)])).SerializeToString()
        await self._keep(job, self._store.frame, number, state, error=error, metrics=metrics)

    async def _finish(self, record: JobRecord, tracks: str) -> None:
        failed = await asyncio.to_thread(self._store.frames, record.id, "failed")
        result = await asyncio.to_thread(self._result, record, tracks)
        if failed:
            failures: list[FrameFailure] = []
            for number, text in failed:
                known = error_from_status(wire.status.Status.FromString(text or b""))
                reason = known.failures[0].reason if isinstance(known, FramesFailedError) else str(known)
                failures.append(FrameFailure(number, reason))
            raise FramesFailedError(
                failures,
                where=str(record.request.shot.get("name", "")),
                mend="Mend what is named and resume the job: only these frames are rendered",
            )
        await self._keep(record.id, self._store.turn, "succeeded", result=result)

    def _result(self, record: JobRecord, tracks: str) -> dict[str, Any]:
        without_face, warnings, after = list[int](), dict[str, None](), 0
        while events := self._store.events(record.id, after=after):
            for event in events:
                after = event.number
                if event.kind == "frame_done" and not event.body.get("metrics", {}).get("faces", 1):
                    without_face.append(int(event.body["frame"]))
                elif event.kind == "warning":
                    warnings[str(event.body["message"])] = None
        shot = record.request.shot
        return {
            "output": shot.get("output", ""),
            "tracks": tracks,
            "rendered": [number for number, _ in self._store.frames(record.id, "rendered")],
            "skipped": [number for number, _ in self._store.frames(record.id, "skipped")],
            "without_face": sorted(set(without_face)),
            "warnings": list(warnings),
            "seconds": round(max(0.0, time.time() - record.created), 3),  # clocks are set back now and then
        }


async def _answer(running: Running) -> Mapping[str, Any]:
    """A task's answer. Cancelled, the task is told, and its end is waited for: its frames in hand are on record."""
    waiting = asyncio.ensure_future(running.result())
    try:
        return await asyncio.shield(waiting)
    except asyncio.CancelledError:
        running.cancel()
        with contextlib.suppress(VfxSwapError):
            await waiting
        raise
    except CancelledError as error:
        # Nobody of ours cancelled it: the crew is going down. The job stays where it is.
        raise asyncio.CancelledError from error


async def _all(works: Sequence[Awaitable[None]]) -> None:
    """Wait for all; where one fails the others are cancelled and waited for, and it is raised."""
    tasks = [asyncio.ensure_future(one) for one in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        for one in tasks:
            one.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
