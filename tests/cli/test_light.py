"""`vfx-swap light` as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.models.portraits import astronaut
from tests.pipeline.shot_fakes import make_identity
from vfx_swap.cli.app import run
from vfx_swap.io.read import read_picture


@pytest.fixture(scope="module")
def shot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A portrait, darker towards the picture's right."""
    folder = tmp_path_factory.mktemp("shot")
    picture = astronaut()[:320, 60:380].astype(np.float64) * np.linspace(1.0, 0.45, 320)[None, :, None]
    assert cv2.imwrite(str(folder / "collins.png"), np.round(255.0 * picture[..., ::-1]).astype(np.uint8))
    make_identity(folder / "a.identity")
    path = folder / "shot.toml"
    path.write_text(
        'schema = "vfx_swap/shot.1"\nname = "sh"\nplate = "collins.png"\noutput = "out/swap.png"\n'
        '[[cast]]\nposition = "largest"\nidentity = "a.identity"\n',
        encoding="utf-8",
    )
    return path


def test_the_key_stands_on_the_brighter_side(shot: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = shot.parent / "light.json"
    assert run(["light", str(shot), "--out", str(out), "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    [key] = [event for event in events if event["event"] == "key"]
    assert key["azimuth_degrees"] < -15.0
    told = json.loads(out.read_text(encoding="utf-8"))
    assert told["lights"][0]["keys"][0]["azimuth_degrees"] == pytest.approx(key["azimuth_degrees"], abs=0.01)
    assert run(["light", str(shot), "--out", str(shot.parent / "light.exr")]) == 0
    latlong = read_picture(shot.parent / "light.exr").rgb(None)
    # The picture's middle is behind the head: what stands to the left of the camera lies in its first quarters.
    assert int(latlong.sum(axis=2).max(axis=0).argmax()) in range(64)


@pytest.mark.parametrize(
    ("more", "what"),
    [
        (["--out", "a.tiff"], "not '.tiff'"),
        (["--out", "a.exr", "--frame", "77"], "no light is known in frame 77"),
        (["--out", "a.png", "--preview", "1", "--frame", "1"], "do not go with --preview"),
        (["--out", "a.json", "--track", "9"], "no track 9"),
    ],
)
def test_what_cannot_be_done_is_said(
    shot: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, more: list[str], what: str
) -> None:
    monkeypatch.chdir(shot.parent)
    assert run(["light", str(shot), *more]) == 2
    assert what in capsys.readouterr().err
