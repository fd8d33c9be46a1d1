"""`render --server` and `jobs` against a server of quick tools, by the command line's own entry."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.shot_fakes import ALL, SHOT_FILE, make_shot
from tests.service.servers import served_from_a_thread
from vfx_swap.cli.app import run

SECONDS = 60.0


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    make_shot(tmp_path / "show")
    (tmp_path / "show" / "sh010.toml").write_text(SHOT_FILE, encoding="utf-8")
    with served_from_a_thread(tmp_path / "show") as address:
        yield address


def said(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_shot_is_rendered_on_the_server(served: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shot = tmp_path / "show" / "sh010.toml"
    assert run(["render", str(shot), "--server", served, "--json"]) == 0
    events = said(capsys)
    assert events[-1]["event"] == "done"
    assert events[-1]["rendered"] == len(ALL)
    assert len(list((tmp_path / "show" / "out").glob("*.exr"))) == len(ALL)
    assert run(["render", str(shot), "--server", served]) == 0
    assert "6 were current" in capsys.readouterr().out


def test_problems_are_told_with_the_lines_of_the_file(
    served: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shot = tmp_path / "show" / "sh010.toml"
    shot.write_text(SHOT_FILE + "strength = 7.0\n", encoding="utf-8")
    assert run(["render", str(shot), "--server", served]) == 2
    line = SHOT_FILE.count("\n") + 1
    assert f"line {line}: cast[0].strength" in capsys.readouterr().err


def test_jobs_are_submitted_listed_watched_and_shown(
    served: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VFX_SWAP_SERVER", served)
    assert run(["render", str(tmp_path / "show" / "sh010.toml"), "--detach", "--json"]) == 0
    job = said(capsys)[0]["id"]
    assert run(["jobs", "watch", job]) == 0
    assert "succeeded" in capsys.readouterr().out
    assert run(["jobs", "list"]) == 0
    assert job in capsys.readouterr().out
    assert run(["jobs", "show", job, "--json"]) == 0
    assert said(capsys)[0]["frames_rendered"] == len(ALL)
    assert run(["jobs", "resume", job]) == 2
    assert run(["jobs", "cancel", job]) == 0
    assert run(["jobs", "show", "nothing"]) == 2
    assert run(["jobs", "list", "--state", "dancing"]) == 2


def test_a_job_that_failed_ends_the_watch_with_its_code(
    served: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "show" / "plates" / "plate.0003.exr").write_bytes(b"no picture")
    shot = str(tmp_path / "show" / "sh010.toml")
    assert run(["render", shot, "--server", served]) == 1
    assert "frame 3" in capsys.readouterr().err
    assert run(["jobs", "list", "--server", served, "--state", "failed", "--json"]) == 0
    job = said(capsys)[0]["id"]
    assert run(["jobs", "watch", job, "--server", served]) == 1


def test_no_server_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["jobs", "list", "--server", "127.0.0.1:1"]) == 4
    assert "127.0.0.1:1" in capsys.readouterr().err
    assert run(["jobs", "list", "--server", "nowhere"]) == 2


def test_what_does_not_go_together_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shot = str(make_shot(tmp_path).name)
    assert run(["render", shot, "--detach"]) == 2
    assert run(["render", shot, "--server", "127.0.0.1:1", "--on", "local"]) == 2
    assert "--server" in capsys.readouterr().err
