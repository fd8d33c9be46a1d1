"""A server's messages as values."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Literal, cast

from vfx_swap.client.values import (
    DeviceInfo,
    IdentityInfo,
    Job,
    JobEvent,
    JobState,
    ModelInfo,
    OptionInfo,
    Options,
    RenderReport,
    ServerInfo,
)
from vfx_swap.errors import FrameFailure, FramesFailedError, VfxSwapError
from vfx_swap.service import wire
from vfx_swap.service.shot_message import shot_values
from vfx_swap.service.status import error_from_status

__all__ = ["event_of", "identity_of", "job_of", "model_of", "options_of", "report_of", "server_of"]


def job_of(message: wire.shots.Job) -> Job:
    """A job."""
    return Job(
        id=message.id,
        request_id=message.request_id,
        owner=message.owner,
        shot=shot_values(message.shot),
        state=cast("JobState", _word(wire.shots.JobState.Name(message.state), "JOB_STATE_")),
        created=_time(message.create_time),
        updated=_time(message.update_time),
        frames_total=message.frames_total,
        frames_rendered=message.frames_rendered,
        frames_skipped=message.frames_skipped,
        failed=tuple(FrameFailure(one.frame, _reason(one.error)) for one in message.frames_failed),
        error=_error(message),
        last_event=message.last_event,
    )


def event_of(message: wire.shots.JobEvent) -> JobEvent:
    """An event of a job."""
    return JobEvent(
        number=message.number,
        time=_time(message.time),
        kind=_word(wire.shots.EventKind.Name(message.kind), "EVENT_KIND_"),
        frame=message.frame if message.HasField("frame") else None,
        done=message.done,
        total=message.total,
        message=message.message,
        metrics={one.name: one.text if one.HasField("text") else one.number for one in message.metrics},
        error=_error(message),
    )


def report_of(operation: wire.operations.Operation) -> RenderReport:
    """What a job that has ended did.

    Raises:
        VfxSwapError: it failed, or was cancelled.
    """
    if operation.HasField("error"):
        raise error_from_status(operation.error)
    result = wire.shots.RenderResult()
    operation.response.Unpack(result)
    return RenderReport(
        job=operation.name.rpartition("/")[2],
        output=result.output,
        tracks=result.tracks,
        rendered=tuple(result.rendered),
        skipped=tuple(result.skipped),
        without_face=tuple(result.without_face),
        warnings=tuple(result.warnings),
    )


def identity_of(message: wire.identities.Identity) -> IdentityInfo:
    """An identity."""
    state = _word(wire.identities.ConsentState.Name(message.consent_state), "CONSENT_STATE_")
    return IdentityInfo(
        name=message.name,
        sha256=message.sha256,
        references=message.references,
        consent_id=message.consent_id,
        consent_state=cast("Literal['valid', 'expired', 'not_yet']", state),
        expires=_time(message.expire_time) if message.HasField("expire_time") else None,
        scope=message.scope,
        warnings=tuple(message.warnings),
    )


def model_of(message: wire.models.Model) -> ModelInfo:
    """A model."""
    return ModelInfo(
        id=message.id,
        task=message.task,
        licence=message.licence,
        paid_work_allowed=message.paid_work_allowed,
        present=message.present,
        loaded_on=tuple(message.loaded_on),
    )


def options_of(message: wire.models.DescribeOptionsResponse) -> Options:
    """Knobs."""
    return Options(tuple(message.engines), tuple(_option(one) for one in message.options))


def server_of(message: wire.server.GetServerInfoResponse) -> ServerInfo:
    """A server."""
    return ServerInfo(
        version=message.version,
        protocols=tuple(message.protocols),
        devices=tuple(_device(one) for one in message.devices),
        shared_memory=message.shared_memory,
        roots=tuple(message.roots),
        who=message.who,
        roles=tuple(message.roles),
        draining=message.draining,
        chunk_bytes=message.limits.chunk_bytes,
        frame_pixels=message.limits.frame_pixels,
        frames_in_flight=message.limits.frames_in_flight,
    )


def _option(message: wire.models.Option) -> OptionInfo:
    return OptionInfo(
        key=message.key,
        kind=cast("Any", _word(wire.models.OptionKind.Name(message.kind), "OPTION_KIND_")),
        label=message.label,
        help=message.help,
        minimum=message.minimum if message.HasField("minimum") else None,
        maximum=message.maximum if message.HasField("maximum") else None,
        choices=tuple(message.choices),
        default=json.loads(message.default_json) if message.default_json else None,
        unit=message.unit,
        engines=tuple(message.engines),
    )


def _device(message: wire.server.Device) -> DeviceInfo:
    return DeviceInfo(
        name=message.name,
        index=message.index,
        memory_total_bytes=message.memory_total_bytes,
        memory_free_bytes=message.memory_free_bytes,
        load=message.load,
        models=tuple(message.models),
        queued=message.queued,
        running=message.running,
        alive=message.alive,
        restarts=message.restarts,
    )


def _word(name: str, prefix: str) -> str:
    return name.removeprefix(prefix).lower()


def _time(message: Any) -> datetime:
    return cast("datetime", message.ToDatetime(tzinfo=UTC))


def _error(message: Any) -> VfxSwapError | None:
    return error_from_status(message.error) if message.HasField("error") else None


def _reason(status: wire.status.Status) -> str:
    error = error_from_status(status)
    if isinstance(error, FramesFailedError) and len(error.failures) == 1:
        return error.failures[0].reason
    return str(error)
