"""The real engine in chunks: on one thread each, beside each other, the bits are those of one run on all threads."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bad_days.conftest import Sitters
from tests.bad_days.staging import vfx, write_plate

SHOT = """
schema = "vfx_swap/shot.1"
name = "sh010"
plate = "{plate}"
output = "{out}/swap.####.exr"
[[cast]]
position = "largest"
identity = "{identity}"
[write]
layers = ["matte"]
"""


@pytest.mark.slow
def test_a_shot_in_processes_is_the_bits_of_one_process(
    sitters: Sitters, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plate = write_plate(tmp_path / "plate", 4)
    for name in ("whole", "farm"):
        text = SHOT.format(plate=plate, out=tmp_path / name, identity=sitters.hopper)
        (tmp_path / f"{name}.toml").write_text(text)
    assert vfx("render", tmp_path / "whole.toml").code == 0
    for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"):
        monkeypatch.setenv(threads, "1")
    done = vfx("render", tmp_path / "farm.toml", "--on", "local", "--workers", "2", "--chunk", "2")
    assert (done.code, done.last["rendered"]) == (0, 4), done.text
    for frame in range(1, 5):
        whole, farm = (tmp_path / name / f"swap.{frame:04d}.exr" for name in ("whole", "farm"))
        assert whole.read_bytes() == farm.read_bytes(), f"frame {frame}"
