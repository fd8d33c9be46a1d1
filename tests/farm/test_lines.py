"""Errors and progress there and back, as objects of JSON."""

from __future__ import annotations

import json

import pytest

from vfx_swap.errors import (
    CannotRunError,
    FrameFailure,
    FramesFailedError,
    Problem,
    SettingsError,
    VfxSwapError,
    WorkerDiedError,
)
from vfx_swap.farm.lines import error_fields, error_from, progress_fields, progress_from
from vfx_swap.pipeline.progress import ProgressEvent


def kinds(kind: type[VfxSwapError]) -> set[type[VfxSwapError]]:
    return {kind}.union(*(kinds(below) for below in kind.__subclasses__()))


KINDS = {kind.__name__: kind for kind in kinds(VfxSwapError) - {FramesFailedError, SettingsError}}


@pytest.mark.parametrize("kind", [KINDS[name] for name in sorted(KINDS)])
def test_every_error_of_the_tree_comes_back(kind: type[VfxSwapError]) -> None:
    error = kind("it broke", where="here", mend="Mend it")
    back = error_from(json.loads(json.dumps(error_fields(error))))
    assert (type(back), back.what, back.where, back.mend) == (kind, "it broke", "here", "Mend it")


def test_failures_and_problems_come_back() -> None:
    failed = FramesFailedError([FrameFailure(7, "torn"), FrameFailure(9, "gone")], where="sh010", mend="Copy them")
    back = error_from(json.loads(json.dumps(error_fields(failed))))
    assert isinstance(back, FramesFailedError)
    assert (back.failures, str(back)) == (failed.failures, str(failed))
    wrong = SettingsError([Problem("name", "is empty", "Give one", 3)], where="sh010.toml")
    again = error_from(json.loads(json.dumps(error_fields(wrong))))
    assert isinstance(again, SettingsError)
    assert (again.problems, str(again)) == (wrong.problems, str(wrong))


@pytest.mark.parametrize("kind", ["Unexpected", "FramesFailedError"])
def test_what_is_no_error_of_ours_is_the_worker_s_own(kind: str) -> None:
    back = error_from({"event": "error", "kind": kind, "what": "KeyError: 3"})
    assert isinstance(back, WorkerDiedError)
    assert isinstance(back, CannotRunError)
    assert "KeyError: 3" in back.what


def test_progress_comes_back() -> None:
    event = ProgressEvent("render", "frame", 3, 24, 1003, "", {"faces": 1, "confidence": 0.5}, {"swap": 0.25})
    assert progress_from(json.loads(json.dumps(progress_fields(event)))) == event
    bare = ProgressEvent("analyse", "note", message="looking again")
    assert progress_from(progress_fields(bare)) == bare


@pytest.mark.parametrize("line", [{"event": "done"}, {"event": "chunk", "stage": "render"}, {"event": "frame"}])
def test_other_lines_are_no_progress(line: dict[str, str]) -> None:
    assert progress_from(line) is None
