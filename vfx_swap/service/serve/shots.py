"""ShotService and google.longrunning.Operations: whole shots as jobs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, get_args

from vfx_swap.errors import JobMissingError, LimitError, UsageError
from vfx_swap.io.ranges import parse_frames
from vfx_swap.service import wire
from vfx_swap.service.access import Who
from vfx_swap.service.job_records import JobRecord, JobRequest, JobState
from vfx_swap.service.jobs import JobRunner
from vfx_swap.service.jobs_store import JobStore
from vfx_swap.service.serve.job_messages import OPERATIONS, event_message, job_message, operation
from vfx_swap.service.shot_message import shot_values

__all__ = ["OperationsServicer", "ShotServicer"]

PAGE = 50
LARGEST_PAGE = 200
LONGEST_ID = 128
LAST_EVENT = (1 << 63) - 1
"""The largest number that SQLite holds; no job has so many events."""


class _Jobs:
    """What both services know: the jobs that who asks may see."""

    def __init__(self, jobs: JobRunner, store: JobStore, *, who: Callable[[], Who]) -> None:
        self._jobs = jobs
        self._store = store
        self._who = who

    async def seen(self, job: str) -> JobRecord:
        """A job that who asks may see.

        Raises:
            JobMissingError: there is none, or it is another's: which of the two is not told.
        """
        record, owner = await asyncio.to_thread(self._store.get, job), self._only()
        if owner is not None and record.owner != owner:
            raise JobMissingError(f"there is no job {job!r}", mend="`vfx-swap jobs list` shows those there are")
        return record

    def _only(self) -> str | None:
        """Whose jobs alone are seen: an artist's own. Admins, and those who only watch, see everybody's."""
        who = self._who()
        return who.name if who.may("render") and not who.may("admin") else None

    async def page(
        self, *, size: int, token: str, states: tuple[JobState, ...] = ()
    ) -> tuple[tuple[JobRecord, ...], str]:
        """Jobs that who asks may see, newest first."""
        size = min(size, LARGEST_PAGE) if size > 0 else PAGE  # signed, as Google's own message has it
        return await asyncio.to_thread(self._store.page, owner=self._only(), states=states, size=size, before=token)


class ShotServicer(wire.shots_grpc.ShotServiceServicer):
    """Jobs: submit, watch, cancel, resume, list.

    Args:
        jobs: runs them.
        store: holds them.
        prepare: a shot's values as sent -> the settings that are worked on: paths mapped and allowed, identities of the
            server found, all checked as a shot file is. Asked in a thread.
        who: who asks, within a call.
    """

    def __init__(
        self,
        jobs: JobRunner,
        store: JobStore,
        *,
        prepare: Callable[[Mapping[str, Any]], dict[str, Any]],
        who: Callable[[], Who],
    ) -> None:
        self._jobs = jobs
        self._store = store
        self._prepare = prepare
        self._who = who
        self._known = _Jobs(jobs, store, who=who)

    async def SubmitShot(self, request: wire.shots.SubmitShotRequest, context: Any) -> wire.operations.Operation:
        """A job, or the one that this request id made before."""
        if len(request.request_id) > LONGEST_ID:
            raise LimitError(f"a request id of {len(request.request_id)} characters", mend="Use a UUID")
        if request.frames:
            await asyncio.to_thread(parse_frames, request.frames, most=self._jobs.limits.frames)
        values = await asyncio.to_thread(self._prepare, shot_values(request.shot))
        asked = JobRequest(
            shot=values,
            frames=request.frames,
            chunk_size=request.chunk_size,
            priority="interactive" if request.priority == wire.frames.PRIORITY_INTERACTIVE else "batch",
            overwrite=request.overwrite,
        )
        record = await self._jobs.submit(asked, owner=self._who().name, request_id=request.request_id)
        return await asyncio.to_thread(operation, record, self._store)

    async def GetJob(self, request: wire.shots.GetJobRequest, context: Any) -> wire.shots.GetJobResponse:
        """A job as it stands."""
        return wire.shots.GetJobResponse(job=await self._message(await self._known.seen(request.id)))

    async def ListJobs(self, request: wire.shots.ListJobsRequest, context: Any) -> wire.shots.ListJobsResponse:
        """Jobs of who asks, newest first."""
        states = tuple(_state(number) for number in dict.fromkeys(request.states))
        records, token = await self._known.page(size=request.page_size, token=request.page_token, states=states)
        jobs = [await self._message(one) for one in records]
        return wire.shots.ListJobsResponse(jobs=jobs, next_page_token=token)

    async def CancelJob(self, request: wire.shots.CancelJobRequest, context: Any) -> wire.shots.CancelJobResponse:
        """End a job; frames in hand are finished."""
        await self._known.seen(request.id)
        return wire.shots.CancelJobResponse(job=await self._message(await self._jobs.cancel(request.id)))

    async def ResumeJob(self, request: wire.shots.ResumeJobRequest, context: Any) -> wire.shots.ResumeJobResponse:
        """Go on with a job that failed or was cancelled."""
        await self._known.seen(request.id)
        return wire.shots.ResumeJobResponse(job=await self._message(await self._jobs.resume(request.id)))

    async def WatchJob(
        self, request: wire.shots.WatchJobRequest, context: Any
    ) -> AsyncIterator[wire.shots.WatchJobResponse]:
        """Every event from a number on, until the job has ended. A slow reader costs no memory: events wait on disk."""
        await self._known.seen(request.id)
        async for event in self._jobs.watch(request.id, after=min(request.after, LAST_EVENT)):
            yield wire.shots.WatchJobResponse(event=event_message(event))

    async def _message(self, record: JobRecord) -> wire.shots.Job:
        return await asyncio.to_thread(job_message, record, self._store)


class OperationsServicer(wire.operations_grpc.OperationsServicer):
    """The standard face of jobs, for clients that know long-running operations and not us."""

    def __init__(self, jobs: JobRunner, store: JobStore, *, who: Callable[[], Who]) -> None:
        self._jobs = jobs
        self._store = store
        self._known = _Jobs(jobs, store, who=who)

    async def GetOperation(self, request: Any, context: Any) -> wire.operations.Operation:
        """A job as it stands."""
        return await self._message(await self._known.seen(_id(request.name)))

    async def ListOperations(self, request: Any, context: Any) -> wire.operations.ListOperationsResponse:
        """Jobs of who asks, newest first."""
        if request.filter:
            raise UsageError("filters are not known here", mend="ShotService.ListJobs takes states")
        records, token = await self._known.page(size=request.page_size, token=request.page_token)
        found = [await self._message(one) for one in records]
        return wire.operations.ListOperationsResponse(operations=found, next_page_token=token)

    async def CancelOperation(self, request: Any, context: Any) -> wire.empty.Empty:
        """End a job; frames in hand are finished."""
        await self._known.seen(_id(request.name))
        await self._jobs.cancel(_id(request.name))
        return wire.empty.Empty()

    async def WaitOperation(self, request: Any, context: Any) -> wire.operations.Operation:
        """A job when it has ended, or as it stands when the time given is over."""
        job = _id(request.name)
        record = await self._known.seen(job)
        seconds = request.timeout.ToSeconds() if request.HasField("timeout") else None

        async def ended() -> None:
            async for _ in self._jobs.watch(job, after=record.last_event):
                pass

        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ended(), seconds)
        return await self._message(await self._known.seen(job))

    async def _message(self, record: JobRecord) -> wire.operations.Operation:
        return await asyncio.to_thread(operation, record, self._store)


def _id(name: str) -> str:
    if not name.startswith(OPERATIONS):
        raise JobMissingError(f"there is no operation {name!r}", mend=f"Names are {OPERATIONS}ID")
    return name.removeprefix(OPERATIONS)


def _state(number: int) -> JobState:
    for name in get_args(JobState):
        if wire.shots.JobState.Value(f"JOB_STATE_{name.upper()}") == number:
            state: JobState = name
            return state
    raise UsageError(f"no state of a job is {number}")
