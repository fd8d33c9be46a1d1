"""Files here, workers elsewhere: what is written is what a local render writes, to the last byte."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.pipeline.shot_fakes import ALL, SHOT_FILE, TODAY, make_shot, rows_of, tools
from tests.service.quick_server import quick_server
from vfx_swap.cli.app import run
from vfx_swap.pipeline.shot import render_shot
from vfx_swap.settings import Shot, load_shot


def files_of(shot: Shot) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(Path(shot.output).parent.glob("*.exr"))}


def test_a_shot_that_the_server_cannot_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here = tmp_path / "here"
    make_shot(here)
    text = SHOT_FILE + '[write]\nlayers = ["matte", "patch"]\n'
    (here / "sh010.toml").write_text(text, encoding="utf-8")
    out = load_shot(here / "sh010.toml")
    local = out.model_copy(update={"output": str(here / "local" / "swap.####.exr")})
    render_shot(local, today=TODAY, tools=tools())
    with quick_server(tmp_path / "elsewhere") as server:
        assert run(["render", str(here / "sh010.toml"), "--server", server.address, "--stream"]) == 0
        assert "6 frames rendered" in capsys.readouterr().out
        assert files_of(out) == files_of(local)
        rows = rows_of(Path(out.output).parent)
        assert [(number, row["error"]) for number, row in sorted(rows.items())] == [(number, None) for number in ALL]
        # Again: the tracks are there, and the server has the identity.
        assert run(["render", str(here / "sh010.toml"), "--server", server.address, "--stream", "--frames", "2-3"]) == 0
        said = capsys.readouterr()
        assert "tracks reused" in said.err
        assert "is now identities/" not in said.err
        (here / "plates" / "plate.0004.exr").write_bytes(b"no picture")
        assert run(["render", str(here / "sh010.toml"), "--server", server.address, "--stream"]) in (1, 2)
        assert "plate.0004.exr" in capsys.readouterr().err


def test_mattes_of_the_user_s_own_are_refused_before_anything_is_sent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here = tmp_path / "here"
    make_shot(here)
    assert cv2.imwrite(str(here / "roto.png"), np.zeros((8, 8), np.uint8))
    for text, named in (
        ('holdout_matte = "roto.png"', "matte.holdout_matte cannot go"),
        (
            'holdout_matte = "roto.png"\ngarbage_matte = "roto.png"',
            "matte.holdout_matte and matte.garbage_matte cannot",
        ),
    ):
        (here / "sh010.toml").write_text(f"{SHOT_FILE}[matte]\n{text}\n", encoding="utf-8")
        out = load_shot(here / "sh010.toml")
        with quick_server(tmp_path / "elsewhere") as server:
            assert run(["render", str(here / "sh010.toml"), "--server", server.address, "--stream"]) == 2
        said = " ".join(capsys.readouterr().err.split())
        assert named in said
        assert "roto.png" in said
        assert "without --stream" in said
        assert files_of(out) == {}
        assert not list(Path(out.output).parent.glob("*.tracks.json"))


def test_what_does_not_go_with_streaming(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["render", "a.toml", "--stream"]) == 2
    assert run(["render", "a.toml", "--server", "127.0.0.1:1", "--stream", "--overwrite"]) == 2
    assert run(["parse", "--plate", "a.exr", "--out", "b.exr", "--server", "127.0.0.1:1", "--overwrite"]) == 2
    assert "--server" in capsys.readouterr().err
