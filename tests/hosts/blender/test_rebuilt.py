"""The script of docs/layers.md in Blender: the result rebuilt from its layers, as Blender reads them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import ROOT
from tests.hosts.blender.blenders import BLENDERS, blender_of
from tests.pipeline.rebuilt_shot import write_result
from vfx_swap.io.host_layers import write_host_layers
from vfx_swap.io.read import read_picture

pytestmark = pytest.mark.blender
GRAPH = ROOT / "docs" / "graphs" / "rebuild_blender.py"


@pytest.mark.parametrize("version", BLENDERS)
def test_blender_rebuilds_the_result(tmp_path: Path, version: str) -> None:
    python = blender_of(version) / "bin/python"
    written = write_result(tmp_path)
    passes = write_host_layers(written.path, tmp_path / "layers.exr")
    assert {"Patch", "STMap", "STMap inverse", "UV", "Normal", "Depth", "Confidence"} <= set(passes)
    # Nothing of this interpreter reaches Blender.
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "BLENDER", "VFX_"))}
    command = [python, "-I", GRAPH, "--", tmp_path / "layers.exr", written.plate_path, tmp_path]
    subprocess.run([str(one) for one in command], env=kept, check=True, timeout=120, capture_output=True)
    over, undone, redone = (read_picture(tmp_path / f"{name}.exr").rgb() for name in ("over", "undone", "redone"))
    step = np.float32(2.0**-11) * np.maximum(np.maximum(np.abs(written.rgb), np.abs(written.plate)), 2.0**-3)
    assert (np.abs(over - written.rgb) <= 3.0 * step).all()
    face = written.channel("face_confidence.A") > 0.5
    error = np.abs(redone - written.plate).max(axis=-1)[face]
    assert error.mean() < 0.004
    assert np.percentile(error, 99) < 0.02
    assert np.abs(undone - written.plate).max(axis=-1)[face].mean() > 0.1  # another picture
