"""A real Blender draws a real double, small: the plate, the true swap, the truth."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from scripts.digital_doubles.__main__ import main
from scripts.digital_doubles.pictures import read_channels
from tests.doubles.venv import venv

pytestmark = [pytest.mark.doubles, pytest.mark.slow]


def drawn(folder: Path) -> int:
    size = ["--samples", "1", "--size", "0.2", "--frames", "1", "--threads", "2"]
    return main(["--only", "talk", "--out", str(folder), "--venv", str(venv()), *size])


def rgb(path: Path) -> np.ndarray:
    channels = read_channels(path)
    return np.stack([channels[k] for k in "RGB"], 2)


@pytest.fixture(scope="module")
def shot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("doubles")
    assert drawn(folder) == 0
    return folder


def test_a_shot_has_its_files(shot: Path) -> None:
    folder = shot / "shots/talk"
    told = json.loads((folder / "shot.json").read_text())
    assert told["performers"] == [{"name": "ben", "identity": "emre"}]
    assert (told["width"], told["height"], told["frames"]) == (112, 96, [1001])
    plate, true = rgb(folder / "plate.1001.exr"), rgb(folder / "true.1001.exr")
    assert plate.shape == true.shape == (96, 112, 3)
    assert 0.01 < plate.mean() < 1.0
    truth = read_channels(folder / "truth.1001.exr")
    assert {"matte.face", "matte.hair", "depth.Z", "normal.X", "uv.X", "albedo.R"} <= set(truth)
    face = truth["matte.face"]
    assert 0.08 < face.mean() < 0.5
    changed = np.abs(true - plate).max(2)
    assert changed[face > 0.9].mean() > 0.01
    assert changed[:, :8].max() == 0.0  # not the background
    assert 0.8 < truth["depth.Z"][face > 0.9].mean() < 1.2


def test_landmarks_lie_on_the_face(shot: Path) -> None:
    told = json.loads((shot / "shots/talk/truth.json").read_text())["1001"]["faces"][0]
    face = read_channels(shot / "shots/talk/truth.1001.exr")["matte.face"]
    points = np.array(told["landmarks"])
    assert points.shape == (468, 3)
    x, y = np.round(points[:, :2]).astype(int).T
    # those at the rim may lie under hair or just beside the face
    assert (face[np.clip(y, 0, 95), np.clip(x, 0, 111)] > 0.3).mean() > 0.9
    assert points[10, 1] < points[1, 1] < points[152, 1]  # forehead, nose, chin
    assert points[33, 0] < points[263, 0]  # the performer's right eye is at the picture's left
    assert points[1, 2] < points[10, 2]  # the nose is nearer than the forehead
    assert np.abs(np.array(told["true_landmarks"]) - points).max() < 12
    assert told["head_angle_degrees"] < 15


def test_what_is_there_is_not_drawn_again(shot: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = shot / "shots/talk/plate.1001.exr"
    before = file.stat().st_mtime_ns
    assert drawn(shot) == 0
    assert file.stat().st_mtime_ns == before
    assert "frame" not in capsys.readouterr().out


def test_the_same_numbers_are_the_same_bits(shot: Path, tmp_path: Path) -> None:
    assert drawn(tmp_path) == 0
    for name in ("plate.1001.exr", "true.1001.exr", "truth.1001.exr"):
        one, other = (read_channels(folder / "shots/talk" / name) for folder in (shot, tmp_path))
        assert all(np.array_equal(one[channel], other[channel]) for channel in one), name


def test_a_name_that_is_not_there_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["--only", "nobody", "--out", str(tmp_path)]) == 2
    assert "nobody" in capsys.readouterr().err
    assert main(["--only", "talk", "--out", str(tmp_path), "--venv", str(tmp_path)]) == 4
    assert "scripts/setup --doubles" in capsys.readouterr().err
