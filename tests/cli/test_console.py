"""What a command says: text for people, JSON lines for programs, progress for both."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from vfx_swap.cli.console import Console, Pace, duration, printable
from vfx_swap.pipeline.progress import ProgressEvent


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def make(*, json: bool = False, err: io.StringIO | None = None) -> tuple[Console, io.StringIO, io.StringIO]:
    out, err = io.StringIO(), err or io.StringIO()
    return Console(json=json, out=out, err=err), out, err


def test_text_goes_to_stdout_and_notes_to_stderr() -> None:
    console, out, err = make()
    console.say("result")
    console.note("on the way")
    console.event("done")
    assert (out.getvalue(), err.getvalue()) == ("result\n", "on the way\n")


def test_with_json_stdout_holds_objects_only() -> None:
    console, out, err = make(json=True)
    console.say("result")
    console.event("done", path=Path("a/b"), frames=(1, 2))
    assert json.loads(out.getvalue()) == {"event": "done", "path": "a/b", "frames": [1, 2]}
    assert err.getvalue() == "result\n"


@pytest.mark.parametrize("name", ["h\udce9las.exr", "a\nb", "\x1b[31mred", "日本"])
def test_any_file_name_is_one_ascii_line_of_json(name: str) -> None:
    console, out, _ = make(json=True)
    console.event("frame", path=name)
    text = out.getvalue()
    assert text.isascii()
    assert text.count("\n") == 1
    assert json.loads(text)["path"] == name


def test_control_characters_are_shown_and_not_obeyed() -> None:
    assert printable("a\x1b[31mb\rc\td\ne") == "a\\x1b[31mb\\rc\td\ne"


def test_bytes_that_are_no_text_are_shown_as_bytes() -> None:
    assert printable("h\udce9las") == "h\\xe9las"


def test_a_stream_that_knows_no_unicode_still_gets_the_text() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    Console(json=False, out=stream, err=io.StringIO()).say("plate é")
    assert raw.getvalue() == b"plate \\xe9\n"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (41.2, "42 s"), (60, "1 min 00 s"), (185, "3 min 05 s"), (7620, "2 h 07 min")]
)
def test_durations_read_well(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_the_pace_counts_work_and_not_what_was_skipped() -> None:
    now = [0.0]
    pace = Pace(clock=lambda: now[0])
    assert (pace.per_second, pace.seconds_left(done=0, total=10)) == (None, None)
    for what in ("skipped", "skipped", "frame", "failed"):
        pace.count(what)
    now[0] = 4.0
    assert (pace.per_second, pace.seconds_left(done=4, total=10)) == (0.5, 12.0)


def test_progress_without_a_terminal_is_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("vfx_swap.cli.console.time.monotonic", lambda: now[0])
    console, out, err = make()
    with console.progress() as progress:
        for done in range(1, 31):
            now[0] += 1.0
            progress(ProgressEvent("render", "frame", done, 30, 1000 + done))
    lines = err.getvalue().splitlines()
    assert out.getvalue() == ""
    assert 3 <= len(lines) <= 5
    assert "30/30 frames" in lines[-1]
    assert "frames/s" in lines[-1]


def test_progress_on_a_terminal_is_a_bar() -> None:
    err = Terminal()
    console, _, _ = make(err=err)
    with console.progress() as progress:
        progress(ProgressEvent("render", "frame", 1, 2, 1001))
        progress(ProgressEvent("render", "warning", 1, 2, 1001, "careful [red]"))
        progress(ProgressEvent("render", "frame", 2, 2, 1002))
    assert "render" in err.getvalue()
    assert "2/2" in err.getvalue()
    assert "careful [red]" in err.getvalue()


def test_warnings_and_failures_are_told_with_their_frame() -> None:
    console, _, err = make()
    with console.progress() as progress:
        progress(ProgressEvent("render", "failed", 1, 2, 1001, "truncated"))
        progress(ProgressEvent("render", "warning", message="no colour space"))
    failed, pace, warning = err.getvalue().splitlines()
    assert failed == "failed: frame 1001: truncated"
    assert pace.startswith("render: 1/2 frames")
    assert warning == "warning: no colour space"


def test_progress_for_programs_has_rate_and_time_left() -> None:
    console, out, _ = make(json=True)
    with console.progress() as progress:
        progress(ProgressEvent("render", "started", 0, 2))
        progress(ProgressEvent("render", "frame", 1, 2, 1001, metrics={"faces": 1}))
    first, second = (json.loads(line) for line in out.getvalue().splitlines())
    assert first == {"event": "started", "stage": "render", "done": 0, "total": 2}
    assert second["event"] == "frame"
    assert second["frame"] == 1001
    assert second["metrics"] == {"faces": 1}
    assert second["seconds_left"] >= 0.0
    assert second["frames_per_second"] > 0.0
