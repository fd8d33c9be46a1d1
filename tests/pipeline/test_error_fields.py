"""Errors there and back, as objects of JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vfx_swap import errors
from vfx_swap.errors import (
    BusyError,
    FrameFailure,
    FramesFailedError,
    Problem,
    SettingsError,
    VfxSwapError,
    WorkerDiedError,
)
from vfx_swap.pipeline.error_fields import error_fields, error_from

KINDS = [
    kind
    for name in errors.__all__
    if isinstance(kind := getattr(errors, name), type) and issubclass(kind, VfxSwapError)
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_crosses_whole(kind: type[VfxSwapError]) -> None:
    error: VfxSwapError
    if kind is SettingsError:
        error = SettingsError([Problem("cast[0].track", "is no track", "Look", 3), Problem("", "x")], where="a.toml")
    elif kind is FramesFailedError:
        error = FramesFailedError([FrameFailure(4, "torn"), FrameFailure(7, "gone")], where="sh", mend="Mend it")
    elif kind is BusyError:
        error = BusyError("full", retry_seconds=2.5, where="queue", mend="Later")
    else:
        error = kind("it broke at 3", where="frame 3", mend="Mend it")
    came = error_from(json.loads(json.dumps(error_fields(error))))
    assert type(came) is kind
    assert vars(came) == vars(error)
    assert str(came) == str(error)


def test_an_error_that_is_not_ours_says_its_type() -> None:
    came = error_from(error_fields(ZeroDivisionError("division by zero")))
    assert type(came) is VfxSwapError
    assert came.what == "ZeroDivisionError: division by zero"


@pytest.mark.parametrize("said", [None, 3, {}, {"kind": "SettingsError", "what": "x"}, {"kind": "FramesFailedError"}])
def test_an_error_that_does_not_read_is_one_all_the_same(said: Any) -> None:
    assert type(error_from(said)) is VfxSwapError
    other = error_from(said, otherwise=WorkerDiedError)
    assert type(other) is WorkerDiedError


def test_a_class_that_is_not_known_here_keeps_its_words() -> None:
    came = error_from({"event": "error", "kind": "Unexpected", "what": "KeyError: 3"}, otherwise=WorkerDiedError)
    assert (type(came), came.what) == (WorkerDiedError, "KeyError: 3")
