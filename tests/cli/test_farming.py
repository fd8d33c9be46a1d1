"""`render --on` and `--tracks-only`: options that do not fit, and what the command tells."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.farm.fakes import quick_program, shot_file
from tests.pipeline.shot_fakes import ALL, digests_of
from vfx_swap.cli.app import run


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--workers", "2"], "go with --on"),
        (["--chunk", "2"], "go with --on"),
        (["--on", "local", "--address", "here:1"], "--address is a Ray cluster's"),
        (["--on", "ray", "--device", "cuda:1"], "cpu, cuda or auto"),
        (["--tracks-only", "--frames", "1-2"], "--tracks-only renders nothing"),
        (["--on", "local", "--workers", "0"], "--workers"),
        (["--on", "moon"], "moon"),
    ],
)
def test_options_that_do_not_fit_are_exit_2(
    tmp_path: Path, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["render", str(shot_file(tmp_path)), *arguments]) == 2
    assert says in capsys.readouterr().err


def test_a_movie_cannot_be_rendered_in_chunks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = shot_file(tmp_path)
    path.write_text(path.read_text().replace("out/swap.####.exr", "out/swap.mov"))
    assert run(["render", str(path), "--on", "local"]) == 2
    assert "a movie is one file" in capsys.readouterr().err


def quick(*arguments: object) -> tuple[int, list[dict[str, object]], str]:
    command = [*quick_program(), *(str(one) for one in arguments), "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_tracks_only_makes_the_tracks_and_no_frame(tmp_path: Path) -> None:
    code, lines, err = quick("render", shot_file(tmp_path), "--tracks-only")
    assert code == 0, err
    tracks = tmp_path / "out" / "sh010.tracks.json"
    assert lines[-1] == {"event": "done", "name": "sh010", "tracks": str(tracks), "frames": 6, "cast": [1]}
    assert tracks.is_file()
    assert digests_of(tmp_path / "out") == {}


def test_on_local_says_at_its_end_what_one_process_says(tmp_path: Path) -> None:
    """Its chunks are the real command: the plate has no face, which the analyse pass finds and the whole job says."""
    code, lines, err = quick("render", shot_file(tmp_path), "--on", "local", "--workers", "1", "--chunk", "4")
    assert code == 2, err
    assert [line["state"] for line in lines if line["event"] == "chunk"] == ["started", "failed"]
    assert lines[-1]["kind"] == "NoFaceError"
    assert [line["frame"] for line in lines if line["event"] == "frame"] == list(ALL)
