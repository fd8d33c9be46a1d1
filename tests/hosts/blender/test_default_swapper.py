"""The node with the default swapper and no server: a digital double, its mattes, pixels as they were written."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import ROOT, clean_environment
from tests.hosts.blender.blenders import Blender, blender_of, extension, pixels
from tests.service.test_real_worker import GOLDEN, RECORD
from vfx_swap.io.read import read_picture

pytestmark = [pytest.mark.blender, pytest.mark.slow]
FRAME = 1002


def test_the_node_shows_what_the_default_swapper_made(tmp_path: Path) -> None:
    venv = blender_of("4.5")
    consent, pack = tmp_path / "consent.json", tmp_path / "emre.identity"
    consent.write_text(json.dumps(RECORD), encoding="utf-8")
    built = [sys.executable, "-m", "vfx_swap", "identity", "build", "emre"]
    for view in ("front", "left45"):
        built += ["--reference", str(GOLDEN / "people/emre" / f"{view}.exr")]
    subprocess.run(
        [*built, "--out", str(pack), "--consent", str(consent)],
        cwd=ROOT,
        env=clean_environment(),
        check=True,
        timeout=300,
    )
    plate = tmp_path / "plate" / f"talk.{FRAME}.exr"
    plate.parent.mkdir()
    plate.write_bytes((GOLDEN / f"shots/talk/plate.{FRAME}.exr").read_bytes())
    whole = pixels(plate)
    blender = Blender(venv, extension(tmp_path, venv), "", tmp_path)
    told = blender.run(
        "parsing",
        show=str(tmp_path),
        identity=str(pack),
        plate=str(plate),
        size=[whole.shape[1], whole.shape[0]],
        frame=FRAME,
    )
    assert (told["rendered"], told["trouble"]) == (["FINISHED"], "")
    assert {"Image", "Matte", "Patch", "skin", "hair", "l_eye"} <= set(told["outputs"])
    written = read_picture(Path(told["result"].replace("####", str(FRAME)))).rgb_part
    rgb = np.stack([written.channel(name) for name in "RGB"], axis=-1)
    np.testing.assert_array_equal(pixels(Path(told["Image"]))[..., :3], rgb)
    matte = next(written.channel(name) for name in written.channels if name.startswith("matte."))
    np.testing.assert_array_equal(pixels(Path(told["Matte"]))[..., 0], matte)
    for region in ("skin", "nose"):
        np.testing.assert_array_equal(pixels(Path(told[region]))[..., 0], written.channel(f"regions.{region}"))
    assert np.abs(rgb.astype(np.float32) - whole[..., :3])[matte > 0.5].mean() > 0.005  # somebody else
    np.testing.assert_array_equal(rgb[matte == 0], whole[..., :3][matte == 0])
