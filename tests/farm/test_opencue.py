"""A shot as an OpenCue job, by pyoutline's own serialiser, read back."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, clean_environment
from tests.farm.fakes import shot_file
from tests.farm.required import needs
from tests.pipeline.shot_fakes import make_shot
from vfx_swap.errors import UsageError
from vfx_swap.farm.opencue import job_specification
from vfx_swap.farm.openjd import Submission

pytestmark = pytest.mark.openjd


def submitted(folder: Path, *more: str) -> ET.Element:
    """The XML that the command writes. In a process of its own: pyoutline's modules warn of deprecated ones."""
    needs("outline", "openjd")
    command = [sys.executable, "-m", "vfx_swap", "submit", str(shot_file(folder)), "--opencue", str(folder / "job.xml")]
    environment = {**clean_environment(), "HOME": str(folder), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, *more], cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return ET.fromstring((folder / "job.xml").read_text())  # noqa: S314  # we wrote it


def layer(job: ET.Element, name: str) -> dict[str, str | None]:
    (found,) = (one for one in job.iter("layer") if one.get("name") == name)
    return {child.tag: child.text for child in found}


def test_two_layers_tracks_before_frames(tmp_path: Path) -> None:
    folder = tmp_path / "it's a folder"
    job = submitted(folder, "--chunk", "2", "--device", "cuda", "--gpu-memory", "8192", "--show", "film")
    assert (job.findtext("show"), job.findtext("shot")) == ("film", "sh010")
    tracks, frames = layer(job, "tracks"), layer(job, "render")
    path = str(folder / "sh010.toml")
    assert shlex.split(tracks["cmd"] or "") == ["vfx-swap", "render", path, "--tracks-only", "--json"]
    assert (tracks["range"], "gpus" in tracks) == ("1", False)
    words = ["vfx-swap", "render", path, "--frames", "#FRAMESPEC#", "--device", "cuda", "--json"]
    assert shlex.split(frames["cmd"] or "") == words
    assert {key: frames[key] for key in ("range", "chunk", "gpus", "gpu_memory")} == {
        "range": "1-6", "chunk": "2", "gpus": "1", "gpu_memory": "8192m"
    }  # fmt: skip
    (depend,) = job.iter("depend")
    assert depend.get("type") == "LAYER_ON_LAYER"
    assert (depend.findtext("deplayer"), depend.findtext("onlayer")) == ("render", "tracks")


def test_a_last_layer_measures_the_shot_after_all_frames(tmp_path: Path) -> None:
    job = submitted(tmp_path, "--qc")
    last = layer(job, "qc")
    path, report = str(tmp_path / "sh010.toml"), str(tmp_path / "out" / "sh010.qc.html")
    assert shlex.split(last["cmd"] or "") == ["vfx-swap", "qc", path, "--frames", "1-6", "--out", report, "--json"]
    assert last["range"] == "1"
    pairs = {(one.findtext("deplayer"), one.findtext("onlayer")) for one in job.iter("depend")}
    assert pairs == {("render", "tracks"), ("qc", "render")}


def test_frames_are_signed_in_a_last_layer_and_only_if_they_hold_up(tmp_path: Path) -> None:
    job = submitted(tmp_path, "--sign", "--qc")
    path = str(tmp_path / "sh010.toml")
    last = layer(job, "sign")
    assert shlex.split(last["cmd"] or "") == ["vfx-swap", "provenance", "sign", path, "--overwrite", "--json"]
    pairs = {(one.findtext("deplayer"), one.findtext("onlayer")) for one in job.iter("depend")}
    assert pairs == {("render", "tracks"), ("qc", "render"), ("sign", "qc")}
    job = submitted(tmp_path, "--sign")
    pairs = {(one.findtext("deplayer"), one.findtext("onlayer")) for one in job.iter("depend")}
    assert pairs == {("render", "tracks"), ("sign", "render")}


def test_nothing_else_is_left_behind(tmp_path: Path) -> None:
    submitted(tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["job.xml", "plates", "sh010.toml", "who.identity"]


def test_a_path_that_cuebot_would_change_is_refused(tmp_path: Path) -> None:
    needs("outline", "openjd")
    job: dict[str, Any] = {"shot": make_shot(tmp_path), "frames": (1,)}
    with pytest.raises(UsageError, match="for a frame"):
        job_specification(Submission(shot_file=Path("/s/#FRAME#/sh010.toml"), **job), show="x", user="me")
