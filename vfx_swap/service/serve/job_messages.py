"""Jobs and their events as messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vfx_swap.errors import SettingsError
from vfx_swap.service import wire
from vfx_swap.service.frame_answers import metric_messages
from vfx_swap.service.job_records import EventRecord, JobRecord
from vfx_swap.service.jobs_store import JobStore
from vfx_swap.service.shot_message import values_to_message

__all__ = ["OPERATIONS", "event_message", "job_message", "operation"]

OPERATIONS = "operations/"
"""What stands before a job's id in an operation's name."""


def job_message(record: JobRecord, store: JobStore) -> wire.shots.Job:
    """A job as it stands; the frames that failed are read from the store."""
    message = wire.shots.Job(
        id=record.id,
        request_id=record.request_id,
        owner=record.owner,
        shot=_shot(record.request.shot),
        state=f"JOB_STATE_{record.state.upper()}",
        priority=f"PRIORITY_{record.request.priority.upper()}",
        frames_total=sum(record.counts.values()),
        frames_rendered=record.counts.get("rendered", 0),
        frames_skipped=record.counts.get("skipped", 0),
        last_event=record.last_event,
    )
    message.create_time.FromMicroseconds(int(record.created * 1e6))
    message.update_time.FromMicroseconds(int(record.updated * 1e6))
    for number, text in store.frames(record.id, "failed") if record.counts.get("failed") else ():
        message.frames_failed.add(frame=number).error.ParseFromString(text or b"")
    if record.error:
        message.error.ParseFromString(record.error)
    return message


def operation(record: JobRecord, store: JobStore) -> wire.operations.Operation:
    """A job as a long-running operation: metadata a Job, response a RenderResult, or its error."""
    message = wire.operations.Operation(name=f"{OPERATIONS}{record.id}", done=record.ended)
    message.metadata.Pack(job_message(record, store))
    if record.state == "succeeded":
        message.response.Pack(_result(record.result))
    elif record.ended and record.error:
        message.error.ParseFromString(record.error)
    elif record.state == "cancelled":
        message.error.code, message.error.message = wire.code.CANCELLED, "the job was cancelled"
    return message


def event_message(event: EventRecord) -> wire.shots.JobEvent:
    """An event of a job."""
    body = event.body
    message = wire.shots.JobEvent(
        number=event.number,
        kind=f"EVENT_KIND_{event.kind.upper()}",
        frame=body.get("frame"),
        done=body.get("done", 0),
        total=body.get("total", 0),
        message=body.get("message", ""),
        metrics=metric_messages(body.get("metrics", {})),
    )
    message.time.FromMicroseconds(int(event.at * 1e6))
    if event.error:
        message.error.ParseFromString(event.error)
    return message


def _shot(values: Mapping[str, Any]) -> wire.shot.Shot:
    """A job's shot. Of one that an older version took, with keys that are none any more, its name: a list of jobs must
    not fail over it. What is wrong is told by the job itself, when it goes on.
    """
    try:
        return values_to_message(values)
    except SettingsError:
        return wire.shot.Shot(name=str(values.get("name", "")))


def _result(result: Mapping[str, Any]) -> wire.shots.RenderResult:
    return wire.shots.RenderResult(
        output=result.get("output", ""),
        tracks=result.get("tracks", ""),
        log=result.get("log", ""),
        rendered=result.get("rendered", ()),
        skipped=result.get("skipped", ()),
        without_face=result.get("without_face", ()),
        warnings=result.get("warnings", ()),
    )
