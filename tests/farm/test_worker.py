"""A warm renderer behind a socket: the chunk command's work, files and errors, without its start."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.farm.fakes import quick_program, shot_file
from tests.pipeline.shot_fakes import ALL, digests_of, make_shot, render, slow_swap, tools
from vfx_swap.errors import CannotRunError, ProtocolError, UsageError, WorkerDiedError
from vfx_swap.farm.request import ChunkRequest, report_from
from vfx_swap.farm.warm import WarmRenderer
from vfx_swap.farm.worker import hand_over, is_listening, serve_chunks, start_worker, stop_worker
from vfx_swap.models.kernels import NUMPY
from vfx_swap.pipeline.error_fields import error_from


@pytest.fixture
def at() -> Iterator[Path]:
    """Where a socket can be: names of pytest's folders may be too long for one."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "w.sock"


@pytest.fixture
def serve(at: Path) -> Iterator[Callable[..., threading.Thread]]:
    threads: list[threading.Thread] = []

    def begin(renderer: WarmRenderer, *, idle: float = 30.0) -> threading.Thread:
        run = {"idle_seconds": idle, "cancelled": lambda: False}
        thread = threading.Thread(target=serve_chunks, args=(at, renderer), kwargs=run)
        thread.start()
        threads.append(thread)
        while not is_listening(at):
            threading.Event().wait(0.01)
        return thread

    yield begin
    stop_worker(at)
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()


def ask(at: Path, request: ChunkRequest, cancelled: Callable[[], bool] = lambda: False) -> list[Mapping[str, Any]]:
    return list(hand_over(at, request, cancelled=cancelled))


def test_chunks_are_the_bits_of_one_run_and_load_things_once(
    at: Path, serve: Callable[..., object], tmp_path: Path
) -> None:
    render(make_shot(tmp_path / "whole"))
    loaded: list[str] = []

    def kernels(device: str) -> Any:
        loaded.append(device)
        return NUMPY

    path = shot_file(tmp_path / "farm")
    serve(WarmRenderer(tools(open_kernels=kernels)))
    tracks = ask(at, ChunkRequest(str(path), ()))[-1]
    assert tracks == {"event": "done", "tracks": str(tmp_path / "farm" / "out" / "sh010.tracks.json")}
    for frames in ((4, 5, 6), (1, 2, 3)):
        lines = ask(at, ChunkRequest(str(path), frames))
        assert [line["frame"] for line in lines if line["event"] == "frame"] == list(frames)
        assert report_from(lines[-1]).rendered == frames
    assert loaded == ["cpu"]
    assert digests_of(tmp_path / "farm" / "out") == digests_of(tmp_path / "whole" / "out")
    assert report_from(ask(at, ChunkRequest(str(path), None))[-1]).skipped == ALL


def test_what_goes_wrong_is_told_and_the_worker_lives(at: Path, serve: Callable[..., object], tmp_path: Path) -> None:
    def breaks(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("by zero")

    path = shot_file(tmp_path)
    serve(WarmRenderer(tools(open_kernels=breaks)))
    missing = ask(at, ChunkRequest(str(tmp_path / "none.toml"), None))[-1]
    assert (missing["kind"], missing["exit_code"]) == ("MissingInputError", 2)
    strange = error_from(ask(at, ChunkRequest(str(path), (99,)))[-1], otherwise=WorkerDiedError)
    assert isinstance(strange, WorkerDiedError)
    assert "ZeroDivisionError: by zero" in strange.what
    assert is_listening(at)


def test_a_stop_ends_the_chunk_after_the_frame_in_hand(at: Path, serve: Callable[..., object], tmp_path: Path) -> None:
    path = shot_file(tmp_path)
    serve(WarmRenderer(tools(swap_frame=slow_swap(0.2))))
    heard: list[Mapping[str, Any]] = []
    for line in hand_over(
        at, ChunkRequest(str(path), None), cancelled=lambda: any(one["event"] == "frame" for one in heard)
    ):
        heard.append(line)  # noqa: PERF402  # what is heard so far decides
    assert heard[-1]["kind"] == "CancelledError"
    assert 1 <= len(digests_of(tmp_path / "out")) < 6


def test_a_client_that_goes_away_ends_its_chunk_and_the_next_one_is_served(
    at: Path, serve: Callable[..., object], tmp_path: Path
) -> None:
    path = shot_file(tmp_path)
    serve(WarmRenderer(tools(swap_frame=slow_swap(0.2))))
    lines = hand_over(at, ChunkRequest(str(path), None), cancelled=lambda: False)
    while next(lines)["event"] != "frame":
        pass
    lines.close()  # type: ignore[attr-defined]
    report = report_from(ask(at, ChunkRequest(str(path), None))[-1])
    assert report.skipped
    assert report.rendered
    assert len(report.skipped) + len(report.rendered) == 6


@pytest.mark.parametrize(
    "sent",
    [b"nonsense\n", b"[1]\n", b"{}\n", b'{"shot": "x", "frames": ["a"], "device": "cpu", "overwrite": false}\n', b"{"],
)
def test_what_is_no_request_is_said_and_the_worker_lives(at: Path, serve: Callable[..., object], sent: bytes) -> None:
    serve(WarmRenderer(tools()))
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(at))
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        answer = json.loads(client.makefile().readline())
    assert isinstance(error_from(answer), ProtocolError)
    assert is_listening(at)


def test_the_socket_is_its_user_s_alone_and_one_worker_s(at: Path, serve: Callable[..., object]) -> None:
    serve(WarmRenderer(tools()))
    assert stat.S_IMODE(at.stat().st_mode) == 0o600
    with pytest.raises(UsageError, match="listens there already"):
        serve_chunks(at, WarmRenderer(tools()), idle_seconds=1.0, cancelled=lambda: False)


def test_what_a_killed_worker_left_is_taken_away(at: Path, serve: Callable[..., object]) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(at))
    assert at.exists()
    assert not is_listening(at)
    serve(WarmRenderer(tools()))
    assert is_listening(at)


def test_a_worker_that_nobody_asks_ends(at: Path) -> None:
    serve_chunks(at, WarmRenderer(tools()), idle_seconds=0.2, cancelled=lambda: False)
    assert not at.exists()


def test_a_path_too_long_for_a_socket_is_refused(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 120)
    with pytest.raises(UsageError, match="at most 100 bytes"):
        start_worker(long, ["true"])


def test_a_worker_that_does_not_start_says_its_last_words(at: Path) -> None:
    with pytest.raises(CannotRunError, match="no room"):
        start_worker(at, ["sh", "-c", "echo no room; exit 3"])


def vfx(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [*quick_program(), *(str(one) for one in arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def test_a_worker_of_the_command_line_is_started_used_killed_and_done_without(at: Path, tmp_path: Path) -> None:
    path = shot_file(tmp_path)
    started = vfx("worker", "start", "--socket", at, "--json")
    assert started.returncode == 0, started.stderr
    pid = json.loads(started.stdout)["pid"]
    done = vfx("worker", "render", path, "--frames", "1-3", "--socket", at, "--openjd")
    assert done.returncode == 0, done.stderr
    assert "openjd_progress: 33.3\nopenjd_status: render, frame 1\n" in done.stdout
    assert "3 frames rendered" in done.stdout
    os.kill(pid, signal.SIGKILL)
    here = vfx("worker", "render", path, "--socket", at, "--json")
    assert here.returncode == 0
    assert "rendering here" in here.stderr
    last = json.loads(here.stdout.splitlines()[-1])
    assert (last["event"], last["rendered"], last["skipped"]) == ("done", 3, 3)
    assert vfx("worker", "stop", "--socket", at).stdout == f"no worker listens at {at}\n"


def test_requests_travel_as_they_are() -> None:
    request = ChunkRequest("/s/sh010.toml", (1, 2), "cuda", True)
    assert ChunkRequest.from_json(json.loads(json.dumps(request.__dict__))) == request
    whole = replace(request, frames=None)
    assert ChunkRequest.from_json(json.loads(json.dumps(whole.__dict__))) == whole
