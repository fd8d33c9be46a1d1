"""Every error of the tree crosses the wire whole, and what gRPC itself says becomes one of ours."""

from __future__ import annotations

import grpc
import pytest
from grpc_status import rpc_status

from vfx_swap import errors
from vfx_swap.errors import BusyError, FrameFailure, FramesFailedError, Problem, SettingsError, VfxSwapError
from vfx_swap.service import wire
from vfx_swap.service.status import REASONS, error_from_status, error_to_status, status_of_code

TRAILER_BYTES = 8192
"""What gRPC takes of trailers by default."""


def tree(kind: type[VfxSwapError] = VfxSwapError) -> list[type[VfxSwapError]]:
    return [kind, *(below for one in kind.__subclasses__() for below in tree(one))]


OURS = [one for one in tree() if one.__module__ == errors.__name__ and one is not VfxSwapError]
PLAIN = [one for one in OURS if one not in (SettingsError, FramesFailedError)]


def crossed(error: BaseException) -> VfxSwapError:
    return error_from_status(wire.status.Status.FromString(error_to_status(error).SerializeToString()))


def test_the_table_names_every_class_once() -> None:
    assert set(REASONS.values()) == set(OURS)
    assert len(REASONS) == len(OURS)
    assert REASONS["CONSENT_EXPIRED"] is errors.ConsentExpiredError


@pytest.mark.parametrize("kind", PLAIN, ids=lambda kind: kind.__name__)
def test_class_and_words_cross(kind: type[VfxSwapError]) -> None:
    given = kind("frame 7 is äöü", where="/plates/a.0007.exr", mend="Render it again")
    found = crossed(given)
    assert type(found) is kind
    assert (found.what, found.where, found.mend) == (given.what, given.where, given.mend)


@pytest.mark.parametrize("kind", OURS, ids=lambda kind: kind.__name__)
def test_the_code_is_the_class_s(kind: type[VfxSwapError]) -> None:
    error = {
        SettingsError: SettingsError([Problem("a", "b")]),
        FramesFailedError: FramesFailedError([FrameFailure(1, "x")]),
    }.get(kind) or kind("what")
    status = rpc_status.to_status(error_to_status(error))
    assert status.code is grpc.StatusCode[kind.grpc_status]
    kinds = [one.type_url for one in error_to_status(error).details]
    assert len(set(kinds)) == len(kinds)
    assert kinds[0].endswith("google.rpc.ErrorInfo")


def test_problems_cross_as_violations() -> None:
    given = SettingsError([Problem("lighting.tint", "9 is above 1", "Use -1 to 1"), Problem("cast", "is missing")])
    found = crossed(given)
    assert isinstance(found, SettingsError)
    assert [(one.key, one.what) for one in found.problems] == [
        ("lighting.tint", "9 is above 1. Use -1 to 1"),
        ("cast", "is missing"),
    ]


def test_failed_frames_cross_by_number() -> None:
    given = FramesFailedError([FrameFailure(1003, "is truncated"), FrameFailure(-2, "no")], where="sh010", mend="Mend")
    found = crossed(given)
    assert isinstance(found, FramesFailedError)
    assert found.failures == given.failures
    assert (found.where, found.mend) == ("sh010", "Mend")


def test_busy_says_when() -> None:
    found = crossed(BusyError("the queue is full", retry_seconds=2.5))
    assert isinstance(found, BusyError)
    assert found.retry_seconds == 2.5


@pytest.mark.parametrize(
    "error",
    [
        FramesFailedError([FrameFailure(number, "x" * 3000) for number in range(5000)]),
        SettingsError([Problem(f"cast[{index}]", "ü" * 900) for index in range(2000)]),
        errors.OutputError("w" * 100_000, where="p" * 100_000, mend="m" * 100_000),
    ],
    ids=["frames", "problems", "words"],
)
def test_a_long_error_fits_into_trailers(error: VfxSwapError) -> None:
    trailers = rpc_status.to_status(error_to_status(error)).trailing_metadata
    size = sum(len(key) + len(value) for key, value in trailers)
    message = len(error_to_status(error).message.encode()) * 3  # percent-encoded at worst
    assert size * 4 / 3 + message < 2 * TRAILER_BYTES
    assert type(crossed(error)) is type(error)


def test_what_was_cut_is_counted() -> None:
    given = FramesFailedError([FrameFailure(number, "y" * 100) for number in range(1000)])
    [failures] = [one for one in error_to_status(given).details if "PreconditionFailure" in one.type_url]
    found = wire.error_details.PreconditionFailure()
    failures.Unpack(found)
    assert found.violations[-1].description == f"and {1000 - (len(found.violations) - 1)} more"


def test_what_is_not_ours_is_internal_and_tells_its_type() -> None:
    status = error_to_status(ZeroDivisionError("division by zero"))
    assert status.code == wire.code.INTERNAL
    assert "ZeroDivisionError" in status.message
    assert isinstance(error_from_status(status), VfxSwapError)


def test_a_reason_of_a_newer_server_falls_back_to_its_code() -> None:
    status = error_to_status(errors.ConsentScopeError("not for this film", where="sh010"))
    info = wire.error_details.ErrorInfo(reason="CONSENT_WITHDRAWN", domain="vfx_swap", metadata={"what": "withdrawn"})
    status.details[0].Pack(info)
    found = error_from_status(status)
    assert isinstance(found, errors.RefusedError)
    assert found.what == "withdrawn"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("UNAVAILABLE", errors.ServerUnreachableError),
        ("DEADLINE_EXCEEDED", errors.DeadlineError),
        ("UNAUTHENTICATED", errors.UnauthenticatedError),
        ("RESOURCE_EXHAUSTED", errors.BusyError),
        ("CANCELLED", errors.CancelledError),
    ],
)
def test_what_grpc_says_is_one_of_ours(code: str, kind: type[VfxSwapError]) -> None:
    assert type(status_of_code(code, "failed to connect")) is kind


def test_every_code_of_grpc_has_an_error() -> None:
    for code in grpc.StatusCode:
        if code is not grpc.StatusCode.OK:
            assert status_of_code(code.name, "").exit_code in (2, 3, 4, 130)
