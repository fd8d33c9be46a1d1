"""Around every command: errors to exit codes, Ctrl-C to a clean stop."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

import pytest
import typer

from vfx_swap import errors
from vfx_swap.cli.console import Console
from vfx_swap.cli.session import running, stop_requests


def make_error(kind: type[errors.VfxSwapError]) -> errors.VfxSwapError:
    if kind is errors.SettingsError:
        return errors.SettingsError([errors.Problem("plate", "is missing", "Name it", 3)], where="shot.toml")
    if kind is errors.FramesFailedError:
        return errors.FramesFailedError([errors.FrameFailure(1001, "truncated")], where="sh")
    return kind("what happened", where="here", mend="Do this")


NAMED: list[Any] = [getattr(errors, name) for name in errors.__all__]
RAISED = [kind for kind in NAMED if issubclass(kind, errors.VfxSwapError)]


@pytest.mark.parametrize("kind", RAISED)
@pytest.mark.parametrize("as_json", [True, False])
def test_every_error_has_its_exit_code_and_a_clean_message(
    kind: type[errors.VfxSwapError], as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as caught, running(json=as_json, debug=False):
        raise make_error(kind)
    assert caught.value.exit_code == kind.exit_code
    assert caught.value.exit_code in (1, 2, 3, 4, 130)
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    assert err.startswith("error: ")
    if not as_json:
        assert out == ""
        return
    event = json.loads(out)
    assert (event["event"], event["kind"], event["exit_code"]) == ("error", kind.__name__, kind.exit_code)


def test_frames_and_problems_are_told_one_by_one(capsys: pytest.CaptureFixture[str]) -> None:
    for kind, key in ((errors.FramesFailedError, "failures"), (errors.SettingsError, "problems")):
        with pytest.raises(typer.Exit), running(json=True, debug=False):
            raise make_error(kind)
        event = json.loads(capsys.readouterr().out)
        assert len(event[key]) == 1


def test_an_unexpected_error_is_an_apology_without_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as caught, running(json=True, debug=False):
        raise ZeroDivisionError("division by zero")
    assert caught.value.exit_code == 4
    out, err = capsys.readouterr()
    assert json.loads(out)["kind"] == "Unexpected"
    assert "sorry" in err
    assert "Traceback" not in err


def test_what_to_do_about_a_list_of_failures_stands_below_it(capsys: pytest.CaptureFixture[str]) -> None:
    failures = [errors.FrameFailure(1001, "truncated"), errors.FrameFailure(1002, "empty")]
    with pytest.raises(typer.Exit), running(json=False, debug=False):
        raise errors.FramesFailedError(failures, where="sh", mend="Mend them")
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["error: sh: 2 frames failed:", "  frame 1001: truncated", "  frame 1002: empty", "Mend them"]


def test_with_debug_an_unexpected_error_shows_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit), running(json=False, debug=True):
        raise ZeroDivisionError("division by zero")
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_command_with_130_and_says_how_to_go_on(
    number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as caught, running(json=True, debug=False, resume="Run it again"):
        os.kill(os.getpid(), number)
    assert caught.value.exit_code == 130
    out, err = capsys.readouterr()
    assert json.loads(out)["mend"] == "Run it again"
    assert err == "stopped. Run it again\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_a_wish_and_the_second_interrupts(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    seen: list[Any] = []

    def twice() -> None:
        with running(json=True, debug=False) as console, stop_requests(console) as cancelled:
            seen.append(cancelled())
            os.kill(os.getpid(), number)
            seen.append(cancelled())
            os.kill(os.getpid(), number)
            seen.append("never")

    with pytest.raises(typer.Exit) as caught:
        twice()
    assert seen == [False, True]
    assert caught.value.exit_code == 130
    assert signal.getsignal(number) is before


def test_a_reader_that_has_gone_ends_the_command_quietly(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def gone(*_: object, **__: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(Console, "say", gone)
    monkeypatch.setattr(os, "dup2", lambda *_: None)
    with pytest.raises(typer.Exit) as caught, running(json=False, debug=False) as console:
        console.say("anything")
    assert caught.value.exit_code == 141
    assert capsys.readouterr().err == ""
