"""`vfx-swap serve` and `vfx-swap token`, as a user types them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.conftest import clean_environment
from vfx_swap.cli.app import run
from vfx_swap.service.access_file import TOKEN_PATTERN, load_access
from vfx_swap.service.notify import notify


def events(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def said(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = run([str(one) for one in arguments])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "show").mkdir()
    (tmp_path / "server.toml").write_text(
        'schema = "vfx_swap/server.1"\nstate = "state"\naccess = "access.toml"\n[roots]\nread = ["show"]\n'
    )
    return tmp_path


def test_a_token_is_made_listed_and_taken_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(capsys, "token", "add", "comp-01", "--role", "render", "--config", "server.toml")
    assert code == 0
    assert TOKEN_PATTERN.fullmatch(out.rstrip("\n")), "stdout is the token alone, to be piped into a vault"
    assert out.strip() not in err
    assert "shown this once" in err
    entry = load_access(folder / "access.toml").find_token(out.strip())
    assert entry is not None
    assert entry.name == "comp-01"
    said(capsys, "token", "add", "boss", "--role", "admin", "--expires", "2099-12-31", "--file", "access.toml")
    code, out, _ = said(capsys, "token", "list", "--config", "server.toml")
    assert code == 0
    assert [line.split() for line in out.splitlines()] == [
        ["token", "comp-01", "render"],
        ["token", "boss", "admin,", "until", "2099-12-31"],
    ]
    assert said(capsys, "token", "remove", "comp-01", "--file", "access.toml")[0] == 0
    _, out, _ = said(capsys, "token", "list", "--file", "access.toml", "--json")
    assert [one["event"] for one in events(out)] == ["token", "done"]
    assert events(out)[0] == {
        "event": "token", "name": "boss", "roles": ["admin"], "expires": "2099-12-31", "holds": True
    }  # fmt: skip


def test_with_json_the_token_stands_in_the_event_and_nowhere_else(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, err = said(
        capsys, "token", "add", "a", "--role", "render", "--role", "identities", "--file", "a.toml", "--json"
    )
    first, last = events(out)
    assert (first["name"], first["roles"], last["event"]) == ("a", ["render", "identities"], "done")
    assert TOKEN_PATTERN.fullmatch(str(first["token"]))
    assert str(first["token"]) not in err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["token", "add", "a", "--role", "king", "--file", "a.toml"], "there is no role 'king'. Roles: admin, render"),
        (["token", "add", "a", "--role", "watch"], "give one of --file and --config"),
        (["token", "add", "a", "--role", "watch", "--file", "a", "--config", "b"], "give one of --file and --config"),
        (["token", "add", "a", "--role", "watch", "--file", "a", "--expires", "soon"], "'soon' is no day"),
        (["token", "add", "a", "--role", "watch", "--file", "a", "--expires", "2020-01-01"], "would never hold"),
        (["token", "add", "a b", "--role", "watch", "--file", "a.toml"], "cannot be a name"),
        (["token", "list", "--file", "none.toml"], "there is no such access file"),
        (["token", "list", "--config", "none.toml"], "there is no such server file"),
        (["token", "add", "a", "--file", "a.toml"], "Missing option '--role'"),
        (["serve", "--check", "--config", "none.toml"], "there is no such server file"),
        (["serve", "--check", "--listen", "0.0.0.0:1", "--state", "s"], "which needs [tls]"),
        (["serve", "--listen", "nowhere", "--state", "s"], "'nowhere' is no address to listen on"),
        (["serve", "--check", "--device", "gpu,cpu", "--state", "s"], "'gpu' is no device"),
    ],
)
def test_wrong_use_is_told_and_ends_with_2(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: Sequence[str], says: str
) -> None:
    code, out, err = said(capsys, *arguments)
    assert (code, out) == (2, "")
    assert says in err
    assert sorted(path.name for path in folder.iterdir()) == ["server.toml", "show"]


def test_check_tells_what_holds(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, "token", "add", "comp-01", "--role", "render", "--config", "server.toml")
    arguments = ["serve", "--check", "--config", "server.toml", "--device", "cpu,cpu", "--root", "show"]
    code, out, err = said(capsys, *arguments, "--metrics", "127.0.0.1:9464")
    assert (code, err) == (0, "")
    rows = [line.split(maxsplit=1) for line in out.splitlines() if line]
    assert ["listen", "127.0.0.1:50051 (this machine; not encrypted)"] in rows
    assert ["devices", "cpu, cpu"] in rows
    assert ["access", str(folder / "access.toml")] in rows
    assert ["read", str(folder / "show")] in rows
    assert ["write", str(folder / "show")] in rows
    assert ["metrics", "http://127.0.0.1:9464/metrics"] in rows
    assert out.splitlines()[-1] == "server.toml is in order."
    assert not (folder / "state").exists(), "nothing was started"


def test_check_as_json_holds_all_settings(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(
        capsys, "serve", "--check", "--state", "s", "--listen", "unix:/run/x/s", "--device", "cpu", "--json"
    )
    first, last = events(out)
    assert (code, first["event"], last["event"]) == (0, "check", "done")
    settings = first["settings"]
    assert isinstance(settings, dict)
    assert (settings["schema"], settings["listen"]) == ("vfx_swap/server.1", ["unix:/run/x/s"])
    assert settings["state"] == str(folder / "s")
    assert first["notes"] == ["no paths are taken: there are no [roots]; frames that are sent are"]


def test_check_tells_every_problem_at_once_with_its_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "bad.toml").write_text('schema = "vfx_swap/server.1"\nlisten = ["x"]\ngrace = 3\n[limits]\njobs = 0\n')
    code, out, _ = said(capsys, "serve", "--check", "--config", "bad.toml", "--json")
    (error,) = events(out)
    assert code == 2
    problems = error["problems"]
    assert isinstance(problems, list)
    assert [(one["key"], one["line"]) for one in problems] == [("grace", 3), ("limits.jobs", 5)]


def test_a_process_manager_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not notify("READY=1")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        assert notify("READY=1")
        assert manager.recv(100) == b"READY=1"
    (tmp_path / "notify").unlink()
    assert not notify("STOPPING=1")


def test_it_serves_until_it_is_asked_to_stop(folder: Path) -> None:
    """The whole of it in a process: socket, health, SIGTERM, exit 0."""
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, "-m", "vfx_swap", "serve", "--json", "--listen", address, "--state", "state"]
    with subprocess.Popen(
        [*command, "--device", "cpu", "--read", "show"],
        cwd=folder, env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            first = json.loads(process.stdout.readline() or '{"event": "nothing"}')
            assert first == {"event": "serving", "listen": [address]}
            with grpc.insecure_channel(address) as channel:
                stub = health_pb2_grpc.HealthStub(channel)
                answer = stub.Check(health_pb2.HealthCheckRequest(service="vfx_swap.v1.ShotService"), timeout=30)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
            os.kill(process.pid, signal.SIGTERM)
            out, err = process.communicate(timeout=120)
        finally:
            process.kill()
    assert process.returncode == 0, err
    assert (folder / "state").stat().st_mode & 0o777 == 0o700
    assert run(["serve", "--check", "--state", "state", "--device", "cpu"]) == 0, "what it made is in order"
    assert events(out)[-1] == {"event": "done"}
    log = [line["message"] for line in events(err)]
    assert "every user of this machine may do everything: there is no access file" in log
    assert log[-1] == "down"
