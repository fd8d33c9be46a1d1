"""The agent, as an adapter starts it: a process, lines in, lines out."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import pytest

from tests.conftest import ROOT, clean_environment
from tests.pipeline.shot_fakes import ALL, make_shot, slow_swap, tools
from tests.service.servers import served_from_a_thread

SECONDS = 60.0


class Host:
    """What an adapter does."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-m", "vfx_swap", "agent", *arguments],
            cwd=ROOT,
            env={**clean_environment(), "PYTHONSAFEPATH": ""},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.lines: Queue[dict[str, Any]] = Queue()
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(json.loads(line))

    def send(self, text: str | bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text if isinstance(text, bytes) else text.encode() + b"\n")
        self.process.stdin.flush()

    def ask(self, number: int, request: str, **fields: Any) -> None:
        self.send(json.dumps({"id": number, "request": request, **fields}))

    def until(self, number: int | None) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """The answer to a request, and its events."""
        events: list[dict[str, Any]] = []
        while True:
            try:
                line = self.lines.get(timeout=SECONDS)
            except Empty:
                self.process.kill()
                raise AssertionError(self.process.communicate()[1].decode()) from None
            if line.get("id", "-") == number and ("ok" in line or "error" in line):
                return line, events
            events.append(line)

    def end(self) -> int:
        """Close stdin; the exit code."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            return self.process.wait(SECONDS)
        finally:
            self.process.kill()
            self.reader.join(SECONDS)
            self.process.stdout.close()
            self.process.stderr.close()


@contextlib.contextmanager
def agent(server: str) -> Iterator[Host]:
    """An agent that must end well."""
    host = Host("--server", server)
    try:
        yield host
    finally:
        code = host.end()
    assert code == 0


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    with served_from_a_thread(tmp_path / "show", tools(swap_frame=slow_swap(0.05))) as address:
        yield address


def test_hello_says_the_protocol_and_refuses_another() -> None:
    with agent("127.0.0.1:1") as host:
        host.ask(1, "hello", protocols=[1])
        answer, _ = host.until(1)
        assert answer["ok"]["protocol"] == 1
        assert answer["ok"]["server"] == "127.0.0.1:1"
        host.ask(2, "hello", protocols=[7])
        answer, _ = host.until(2)
        assert answer["error"]["kind"] == "ProtocolError"
        assert "adapter" in answer["error"]["mend"]
        host.ask(3, "shutdown")
        assert host.until(3)[0]["ok"] == {}


def test_a_server_that_is_not_there_is_an_answer() -> None:
    with agent("127.0.0.1:1") as host:
        host.ask(1, "info")
        assert host.until(1)[0]["error"]["kind"] == "ServerUnreachableError"


def test_a_bad_line_is_answered_and_the_agent_lives(served: str) -> None:
    lines: list[tuple[str, Any, str]] = [
        ("nonsense", None, "no JSON"),
        ("[1]", None, "an object"),
        ('{"id": 1}', 1, "`request`"),
        ('{"request": "info"}', None, "`id`"),
        ('{"id": true, "request": "info"}', True, "`id`"),
        ('{"id": 4, "request": "dance"}', 4, "no request 'dance'"),
        ('{"id": 5, "request": "render"}', 5, "`shot`"),
        ('{"id": 6, "request": "job"}', 6, "`job`"),
        ('{"id": 7, "request": "info", "x": "' + "y" * 1_100_000 + '"}', None, "1048576 bytes"),
        ('{"id": 8, "request": "info", "x": "' + "y" * 3_000_000 + '"}', None, "1048576 bytes"),
        ("\x00\xff", None, "no JSON"),
    ]
    with agent(served) as host:
        for line, number, said in lines:
            host.send(line)
            answer, _ = host.until(number)
            assert answer["error"]["kind"] == "ProtocolError", line[:80]
            assert said in answer["error"]["what"]
        host.ask(99, "info")
        assert host.until(99)[0]["ok"]["info"]["who"] == "local"


def test_a_shot_is_rendered_and_told_of(served: str, tmp_path: Path) -> None:
    shot = make_shot(tmp_path / "show")
    with agent(served) as host:
        host.ask(1, "render", shot=shot.model_dump(mode="json", by_alias=True, exclude_none=True))
        answer, events = host.until(1)
        assert answer["ok"]["report"]["rendered"] == list(ALL)
        assert events[0]["event"] == "job"
        assert sorted(event["frame"] for event in events if event["event"] == "frame_done") == list(ALL)
        host.ask(2, "jobs")
        assert [job["state"] for job in host.until(2)[0]["ok"]["jobs"]] == ["succeeded"]
    assert len(list(Path(shot.output).parent.glob("*.exr"))) == len(ALL)


def test_problems_of_a_shot_come_with_their_keys(served: str, tmp_path: Path) -> None:
    shot = make_shot(tmp_path / "show").model_dump(mode="json", by_alias=True, exclude_none=True)
    with agent(served) as host:
        host.ask(1, "submit", shot={**shot, "lighting": {"tnit": 1}})
        assert host.until(1)[0]["error"]["problems"][0]["key"] == "lighting.tnit"
        host.ask(2, "submit", shot={**shot, "lighting": {"tint": 9.0}})
        assert host.until(2)[0]["error"]["problems"][0]["key"] == "lighting.tint"


def test_stop_cancels_the_render_of_that_request_alone(served: str, tmp_path: Path) -> None:
    shot = make_shot(tmp_path / "show").model_dump(mode="json", by_alias=True, exclude_none=True)
    with agent(served) as host:
        host.ask(1, "render", shot=shot)
        while True:
            line = host.lines.get(timeout=SECONDS)
            if line.get("event") == "frame_done":
                break
        host.ask(2, "stop", stop=1)
        stopped, _ = host.until(2)
        assert stopped["ok"] == {"stopped": True}
        answer, _ = host.until(1)
        assert answer["error"]["kind"] == "CancelledError"
        host.ask(3, "jobs")
        assert [job["state"] for job in host.until(3)[0]["ok"]["jobs"]] == ["cancelled"]


def test_jobs_of_a_server_outlive_the_agent(served: str, tmp_path: Path) -> None:
    shot = make_shot(tmp_path / "show").model_dump(mode="json", by_alias=True, exclude_none=True)
    with agent(served) as host:
        host.ask(1, "render", shot=shot)
        while host.lines.get(timeout=SECONDS).get("event") != "frame_done":
            pass
    with agent(served) as later:
        later.ask(1, "jobs")
        [job] = later.until(1)[0]["ok"]["jobs"]
        later.ask(2, "watch", job=job["id"])
        assert later.until(2)[0]["ok"]["report"]["rendered"] == list(ALL)


def test_a_request_that_is_stopped_at_once_is_answered_all_the_same(served: str, tmp_path: Path) -> None:
    shot = make_shot(tmp_path / "show").model_dump(mode="json", by_alias=True, exclude_none=True)
    with agent(served) as host:
        host.ask(1, "hello", protocols=[1])
        host.until(1)
        both = [{"id": 2, "request": "render", "shot": shot}, {"id": 3, "request": "stop", "stop": 2}]
        host.send("".join(f"{json.dumps(one)}\n" for one in both).encode())  # in one write: read in one piece
        answer, _ = host.until(2)
        assert answer["error"]["kind"] == "CancelledError"


def test_a_job_for_a_farm_is_written_from_values(served: str, tmp_path: Path) -> None:
    folder = tmp_path / "show"
    shot = make_shot(folder).model_dump(mode="json", by_alias=True, exclude_none=True)
    with agent(served) as host:
        host.ask(1, "write_job", shot=shot, shot_file=str(folder / "sh010.toml"), frames="2-5", chunk=2)
        answer, _ = host.until(1)
        bundle = folder / "sh010_job"
        assert answer["ok"] == {
            "shot_file": str(folder / "sh010.toml"), "written": [str(bundle / "template.json")], "frames": 4
        }  # fmt: skip
        given = json.loads((bundle / "parameter_values.json").read_text(encoding="utf-8"))
        assert {"name": "ShotFile", "value": str(folder / "sh010.toml")} in given["parameterValues"]
        host.ask(2, "write_job", shot={**shot, "cast": [{"identity": "nobody"}]}, shot_file=str(folder / "b.toml"))
        assert host.until(2)[0]["error"]["kind"] == "SettingsError"
        for wrong in ({"chunk": 0}, {"shot_file": 3}):
            host.ask(3, "write_job", **{"shot_file": str(folder / "sh010.toml"), **wrong})
            assert host.until(3)[0]["error"]["kind"] == "ProtocolError"


def test_options_say_what_knobs_are_built_from(served: str) -> None:
    with agent(served) as host:
        host.ask(1, "options")
        options = host.until(1)[0]["ok"]
        assert options["engines"][0] == "reprojection"
        assert options["regions"][:2] == ["background", "skin"]
        knob = next(one for one in options["options"] if one["key"] == "lighting.exposure_stops")
        assert (knob["minimum"], knob["maximum"], knob["default"]) == (-20.0, 20.0, 0.0)
        host.ask(2, "identities")
        assert host.until(2)[0]["ok"] == {"identities": []}


def test_results_are_written_anew_for_compositors(served: str, tmp_path: Path) -> None:
    shot = make_shot(tmp_path / "show", layers=("matte", "patch"))
    wanted = str(tmp_path / "show/host/swap.####.exr")
    with agent(served) as host:
        host.ask(1, "render", shot=shot.model_dump(mode="json", by_alias=True, exclude_none=True), frames="2-3")
        assert "ok" in host.until(1)[0]
        host.ask(2, "host_layers", result=shot.output, to=wanted, frames="2-3")
        answer, events = host.until(2)
        assert answer["ok"] == {"layer": "vfx_swap", "passes": ["Image", "Matte", "Matte 1", "Patch"]}
        assert [event["frame"] for event in events] == [2, 3]
        host.ask(3, "host_layers", result=shot.output, to=wanted, frames="4")
        assert host.until(3)[0]["error"]["kind"] == "MissingInputError"
    assert sorted(path.name for path in (tmp_path / "show/host").iterdir()) == ["swap.0002.exr", "swap.0003.exr"]
