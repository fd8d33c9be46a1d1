"""Blender as a subprocess: what happens when it is missing, stuck, broken or lying; a Python will do for it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from scripts.digital_doubles.blender import BlenderError, blender_python, run_blender
from tests.conftest import ROOT


@pytest.fixture
def not_blender(tmp_path: Path) -> Path:
    """A venv that looks as if it had Blender."""
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    starter = venv / "bin/python"
    starter.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    starter.chmod(0o755)
    (venv / "lib/python3.11/site-packages/bpy").mkdir(parents=True)
    return venv


@pytest.fixture
def job(tmp_path: Path) -> Path:
    folder = tmp_path / "job"
    folder.mkdir()
    np.savez(folder / "arrays.npz", nothing=np.zeros(1))
    return folder


def test_a_missing_venv_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(BlenderError, match="scripts/setup --doubles"):
        blender_python(tmp_path)


def test_a_stuck_blender_is_stopped(not_blender: Path, job: Path) -> None:
    (job / "job.json").write_text(json.dumps({"hang": True}))
    with pytest.raises(BlenderError, match="stopped: no picture for 1 s"):
        run_blender(venv=not_blender, folder=job, expected=["x"], seconds_per_picture=1.0, start_seconds=1.0)


def test_a_broken_blender_is_quoted(not_blender: Path, job: Path) -> None:
    (job / "job.json").write_text("{}")
    with pytest.raises(BlenderError, match=r"status 1 and 1 of 1 pictures missing(.|\n)*No module named 'bpy'"):
        run_blender(venv=not_blender, folder=job, expected=["x"], seconds_per_picture=60.0)


def test_a_picture_counts_only_when_its_file_is_there(not_blender: Path, job: Path) -> None:
    starter = not_blender / "bin/python"
    starter.write_text("#!/bin/sh\necho wrote x\nexit 0\n")
    with pytest.raises(BlenderError, match="status 0 and 1 of 1 pictures missing"):
        run_blender(venv=not_blender, folder=job, expected=["x"], seconds_per_picture=60.0)


def test_settings_of_the_user_do_not_reach_it(not_blender: Path, job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONSTARTUP", "evil")
    monkeypatch.setenv("BLENDER_SYSTEM_SCRIPTS", "evil")
    monkeypatch.setenv("OCIO", "evil")
    starter = not_blender / "bin/python"
    starter.write_text(f'#!/bin/sh\nenv > "{job}/environment"\ntouch "{job}/x.exr"\necho wrote x\n')
    told: list[str] = []
    run_blender(venv=not_blender, folder=job, expected=["x"], seconds_per_picture=60.0, wrote=told.append)
    assert told == ["x"]
    environment = (job / "environment").read_text()
    assert "evil" not in environment
    assert f"PYTHONPATH={ROOT}\n" in environment
