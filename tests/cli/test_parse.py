"""`vfx-swap parse` as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import OpenImageIO as oiio
import pytest

from tests.models.portraits import astronaut
from vfx_swap.cli.app import run


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plate") / "collins.png"
    assert cv2.imwrite(str(path), np.round(255.0 * astronaut()[:320, 60:380, ::-1]).astype(np.uint8))
    return path


def layers_of(path: Path) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    part = 0
    while True:
        buffer = oiio.ImageBuf(str(path), part, 0)
        if buffer.has_error or part >= buffer.nsubimages:
            return found
        pixels = buffer.get_pixels(oiio.FLOAT)
        assert pixels is not None
        found |= {str(name): pixels[..., index] for index, name in enumerate(buffer.spec().channelnames)}
        part += 1


def test_a_portrait_s_regions(plate: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "regions.exr"
    typed = ["parse", "--plate", str(plate), "--out", str(out), "--cryptomatte", "--regions", "--json"]
    assert run(typed) == 0
    done = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (done["event"], done["rendered"], done["without_face"]) == ("done", 1, [])
    layers = layers_of(out)
    whole = np.stack([plane for name, plane in layers.items() if name.startswith("regions.")])
    assert len(whole) == 19
    assert np.abs(whole.sum(axis=0) - 1.0).max() < 0.01  # half
    face = 1.0 - layers["regions.background"]
    rows, columns = np.nonzero(face > 0.5)
    # Eileen Collins's face, by sight: 100 pixels wide, its middle at (163, 110) of this cut.
    assert 5000 < len(rows) < 16000
    assert abs(float(columns.mean()) - 163.0) < 12.0
    assert abs(float(rows.mean()) - 110.0) < 20.0
    for name in ("skin", "l_eye", "r_eye", "nose", "mouth", "hair"):
        assert layers[f"regions.{name}"].sum() > 30.0, name
    assert layers["CryptoFaceRegion00.G"][int(rows.mean()), int(columns.mean())] > 0.5
    assert run(typed) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["skipped"] == 1


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (["--engine", "bisenet"], 4, "models add"),
        (["--engine", "centerface"], 2, "landmark-parser"),
        (["--out", "regions.png"], 2, "EXR"),
        (["--device", "abacus"], 2, "cuda:0"),
    ],
)
def test_what_cannot_be_done_is_said(
    plate: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], code: int, words: str
) -> None:
    out = ["--out", str(tmp_path / "regions.exr")] if "--out" not in more else []
    given = [str(tmp_path / one) if one.endswith(".png") else one for one in more]
    assert run(["parse", "--plate", str(plate), *out, *given]) == code
    said = capsys.readouterr().err
    assert words in said
    assert "Traceback" not in said
