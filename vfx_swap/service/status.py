"""Errors of ours as gRPC's rich status, and back: one table, made from the error tree.

What stands on the wire (google.rpc.Status, after https://google.aip.dev/193): the class's gRPC code, the sentence, one
ErrorInfo whose reason is the class's name in capitals, whose domain is `vfx_swap` and whose metadata holds what, where
and mend; BadRequest with a violation for every problem of settings; PreconditionFailure with one for every frame
that failed; RetryInfo where trying again later helps.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from vfx_swap import errors
from vfx_swap.errors import (
    BusyError,
    FrameFailure,
    FramesFailedError,
    Problem,
    SettingsError,
    VfxSwapError,
)
from vfx_swap.service import wire

__all__ = ["DOMAIN", "REASONS", "error_from_status", "error_to_status", "status_of_code"]

DOMAIN = "vfx_swap"
FRAME_FAILED = "FRAME_FAILED"
UNEXPECTED = "UNEXPECTED"
TEXT_BYTES = 1500
"""Of one text. A status travels in HTTP/2 trailers, which clients take up to 8 KiB of by default."""
DETAILS_BYTES = 5000
"""Of all details together; lists are shortened to it, and say so."""


def _reason(kind: type[VfxSwapError]) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.__name__.removesuffix("Error")).upper()


def _tree(kind: type[VfxSwapError] = VfxSwapError) -> Iterator[type[VfxSwapError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _tree(below)


REASONS: dict[str, type[VfxSwapError]] = {
    _reason(kind): kind for kind in _tree() if kind.__module__ == errors.__name__ and kind is not VfxSwapError
}
"""ErrorInfo.reason -> class; both ways of the table."""

_BY_CODE: dict[str, type[VfxSwapError]] = {
    "CANCELLED": errors.CancelledError,
    "DEADLINE_EXCEEDED": errors.DeadlineError,
    "INVALID_ARGUMENT": errors.ProtocolError,
    "OUT_OF_RANGE": errors.LimitError,
    "PERMISSION_DENIED": errors.RefusedError,
    "RESOURCE_EXHAUSTED": errors.BusyError,
    "UNAUTHENTICATED": errors.UnauthenticatedError,
    "UNAVAILABLE": errors.ServerUnreachableError,
    "UNIMPLEMENTED": errors.ProtocolError,
}
"""What stands for a status without a reason that is known here: gRPC's own, a proxy's, a newer server's."""


def error_to_status(error: BaseException) -> wire.status.Status:
    """The status of an error; of one that is not ours, INTERNAL with its type and text."""
    if not isinstance(error, VfxSwapError):
        text = _cut(f"{type(error).__name__}: {error}".rstrip(": "))
        info = wire.error_details.ErrorInfo(reason=UNEXPECTED, domain=DOMAIN, metadata={"what": text})
        return _status("INTERNAL", text, [info])
    metadata = {"what": _cut(_first_line(error))}
    for key, value in (("where", error.where), ("mend", error.mend)):
        if value is not None:
            metadata[key] = _cut(value)
    info = wire.error_details.ErrorInfo(reason=_reason(type(error)), domain=DOMAIN, metadata=metadata)
    details: list[Any] = [info]
    if isinstance(error, SettingsError):
        details.append(_violations(error.problems))
    if isinstance(error, FramesFailedError):
        details.append(_failures(error.failures))
    if isinstance(error, BusyError):
        retry = wire.error_details.RetryInfo()
        retry.retry_delay.FromNanoseconds(int(error.retry_seconds * 1e9))
        details.append(retry)
    return _status(error.grpc_status, _cut(str(error)), details)


def error_from_status(status: wire.status.Status) -> VfxSwapError:
    """The error of a status: of its class, with all that was said."""
    details = {one.type_url.rsplit("/", 1)[-1]: one for one in status.details}
    info = wire.error_details.ErrorInfo()
    if "google.rpc.ErrorInfo" not in details or not details["google.rpc.ErrorInfo"].Unpack(info):
        return status_of_code(wire.code.Code.Name(status.code), status.message)
    what, where, mend = (info.metadata.get(key) for key in ("what", "where", "mend"))
    kind = REASONS.get(info.reason) if info.domain == DOMAIN else None
    if kind is None:
        return status_of_code(wire.code.Code.Name(status.code), what or status.message, where=where, mend=mend)
    if kind is SettingsError:
        return SettingsError(_problems(details), where=where)
    if kind is FramesFailedError:
        return FramesFailedError(_failed(details), where=where, mend=mend)
    if kind is BusyError:
        return BusyError(what or "busy", retry_seconds=_retry_seconds(details), where=where, mend=mend)
    return kind(what or status.message, where=where, mend=mend)


def status_of_code(code: str, text: str, *, where: str | None = None, mend: str | None = None) -> VfxSwapError:
    """The error for a bare code such as `UNAVAILABLE`: what gRPC itself, or a proxy, says."""
    kind = _BY_CODE.get(code, errors.CannotRunError)
    return kind(text or code.lower().replace("_", " "), where=where, mend=mend)


def _status(code: str, text: str, details: list[Any]) -> wire.status.Status:
    status = wire.status.Status(code=wire.code.Code.Value(code), message=text)
    for one in details:
        status.details.add().Pack(one)
    return status


def _first_line(error: VfxSwapError) -> str:
    """What happened; lists of problems and frames travel in details of their own."""
    return error.what.splitlines()[0] if isinstance(error, SettingsError | FramesFailedError) else error.what


def _cut(text: str) -> str:
    whole = text.encode("utf-8")
    if len(whole) <= TEXT_BYTES:
        return text
    return whole[: TEXT_BYTES - 3].decode("utf-8", errors="ignore") + "..."


def _violations(problems: tuple[Problem, ...]) -> wire.error_details.BadRequest:
    request = wire.error_details.BadRequest()
    for index, one in enumerate(problems):
        text = one.what if one.mend is None else f"{one.what}. {one.mend}"
        request.field_violations.add(field=one.key, description=_cut(text))
        if request.ByteSize() > DETAILS_BYTES:
            del request.field_violations[-1]
            request.field_violations.add(field="", description=f"and {len(problems) - index} more")
            break
    return request


def _failures(failures: tuple[FrameFailure, ...]) -> wire.error_details.PreconditionFailure:
    found = wire.error_details.PreconditionFailure()
    for index, one in enumerate(failures):
        found.violations.add(type=FRAME_FAILED, subject=str(one.frame), description=_cut(one.reason))
        if found.ByteSize() > DETAILS_BYTES:
            del found.violations[-1]
            found.violations.add(type=FRAME_FAILED, subject="", description=f"and {len(failures) - index} more")
            break
    return found


def _problems(details: dict[str, Any]) -> list[Problem]:
    request = wire.error_details.BadRequest()
    if "google.rpc.BadRequest" in details:
        details["google.rpc.BadRequest"].Unpack(request)
    return [Problem(one.field, one.description) for one in request.field_violations]


def _failed(details: dict[str, Any]) -> list[FrameFailure]:
    found = wire.error_details.PreconditionFailure()
    if "google.rpc.PreconditionFailure" in details:
        details["google.rpc.PreconditionFailure"].Unpack(found)
    return [FrameFailure(int(one.subject), one.description) for one in found.violations if one.subject]


def _retry_seconds(details: dict[str, Any]) -> float:
    retry = wire.error_details.RetryInfo()
    if "google.rpc.RetryInfo" in details:
        details["google.rpc.RetryInfo"].Unpack(retry)
    return float(retry.retry_delay.ToNanoseconds() / 1e9)
