"""Any split of a shot, in any order, by any worker, has the same bits: real engines, and all that they measure."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.pipeline.brought import bring, lead
from tests.pipeline.moving_shot import FRAMES, make_plate, moving_shot, render_moving
from vfx_swap.pipeline.tracks_file import load_tracks
from vfx_swap.types import Embedding

NETWORK = "inswapper-128"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of models, empty."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("VFX_SWAP_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def digests(folder: Path) -> dict[str, str]:
    """File -> SHA-256 of all frames."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("swap.*.exr"))}


@pytest.mark.parametrize("engine", ["reprojection", NETWORK])
def test_four_splits_of_a_shot_have_the_same_bits(tmp_path: Path, home: Path, engine: str) -> None:
    if engine == NETWORK:
        bring(home, NETWORK)
    make_plate(tmp_path / "plates")
    vector = Embedding("w600k-r50", np.random.default_rng(2).standard_normal(512).astype(np.float32))
    identity = lead(tmp_path / "lead.identity", vector)

    def shot_in(name: str) -> Path:
        return tmp_path / name

    def rendered(name: str, *chunks: tuple[int, ...] | None) -> dict[str, str]:
        shot = moving_shot(shot_in(name), engine=engine, identity=identity, plates=tmp_path / "plates")
        for chunk in chunks:
            render_moving(shot, chunk)
        return digests(shot_in(name) / "out")

    whole = rendered("whole", None)
    assert len(whole) == len(FRAMES)
    # What the splits must agree on is there: a shutter or a focus, and grain.
    camera = load_tracks(shot_in("whole") / "out" / "sh010.tracks.json").camera
    assert camera.grain is not None
    assert max(camera.focus[1].values()) > 0.5
    assert rendered("frames", *((number,) for number in FRAMES)) == whole
    assert rendered("odd", (6,), (3, 5), (1, 2, 4)) == whole
    workers = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.pipeline.moving_shot", str(shot_in("workers")), engine, identity,
             str(tmp_path / "plates"), frames],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        for frames in ("4,5,6,1", "1,2,3,4")
    ]  # fmt: skip
    assert [worker.wait() for worker in workers] == [0, 0]
    assert digests(shot_in("workers") / "out") == whole
