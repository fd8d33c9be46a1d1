"""`vfx-swap qc` as it is typed: what it writes, what it says, and how it exits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.qc_shots import fake_models, make_files
from vfx_swap.cli.app import run


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    import vfx_swap.pipeline.qc_run as module

    real = module.run_qc

    def with_quick_models(request: Any, **more: Any) -> Any:
        return real(request, load_models=fake_models, **more)

    monkeypatch.setattr(module, "run_qc", with_quick_models)


def test_a_shot_that_passes_exits_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shot = make_files(tmp_path, frames=(1, 2, 3))
    assert run(["qc", str(shot), "--out", str(tmp_path / "qc.html"), "--pictures", "2"]) == 0
    said = capsys.readouterr()
    assert "sh010: passed" in said.out
    assert (tmp_path / "qc.html").read_text().count('<button type="button" data-frame') >= 2
    assert (tmp_path / "qc.json").exists()
    assert (tmp_path / "qc.csv").exists()


def test_a_shot_that_fails_exits_1_and_says_why_to_a_farm(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shot = make_files(tmp_path, frames=(1, 2, 3))
    (tmp_path / "out/swap.0002.exr").unlink()
    assert run(["qc", str(shot), "--out", str(tmp_path / "qc.html"), "--json"]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["event"] for line in lines if line.get("stage") == "qc" and line["event"] in ("frame", "failed")] == [
        "frame",
        "failed",
        "frame",
    ]
    assert next(line for line in lines if line["event"] == "failed")["frame"] == 2
    done = lines[-1]
    assert (done["event"], done["passed"], done["failing"]) == ("done", False, [2])
    assert done["reasons"] == ["1 frame missing: 2"]
    assert Path(done["page"]).exists()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--out", "qc.txt"], "the report is a page"),
        (["--out", "qc.html", "--frames", "9"], "not frames of the shot"),
        (["--out", "qc.html", "--plate", "p.####.exr"], "the shot file names them"),
    ],
)
def test_mistakes_exit_2_before_anything_is_written(
    more: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shot = make_files(tmp_path, frames=(1, 2))
    monkeypatch.chdir(tmp_path)
    assert run(["qc", str(shot), *more]) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.glob("qc.*"))


def test_what_is_not_there_exits_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["qc", str(tmp_path / "no.toml"), "--out", str(tmp_path / "qc.html")]) == 2
    assert run(["qc", str(tmp_path / "no.####.exr"), "--out", str(tmp_path / "qc.html"), "--plate", "x.#.exr"]) == 2
    assert "no frame of this name is there" in capsys.readouterr().err
