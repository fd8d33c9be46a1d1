"""Frames on another device: asked for by name, on record, and never taken for the CPU's."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.shot_fakes import ALL, digests_of, make_shot, render, rows_of, tools
from vfx_swap.errors import DeviceError
from vfx_swap.io.read import read_picture
from vfx_swap.models.kernels import NUMPY, Kernels
from vfx_swap.pipeline.render_log import FrameRow


def elsewhere(device: str) -> Kernels:
    """Kernels that only say where they are."""
    return replace(NUMPY, device=device, arithmetic="numpy" if device == "cpu" else "cuda")


def test_device_and_arithmetic_are_on_record(tmp_path: Path) -> None:
    render(make_shot(tmp_path), device="cuda:1", tools=tools(open_kernels=elsewhere))
    rows = rows_of(tmp_path / "out")
    assert {(row["device"], row["arithmetic"]) for row in rows.values()} == {("cuda:1", "cuda")}
    text = read_picture(tmp_path / "out" / "swap.0002.exr").rgb_part.spec.get_string_attribute("vfx_swap/render")
    assert json.loads(text)["arithmetic"] == "cuda"
    assert "cuda:1" not in text


def test_another_arithmetic_renders_anew_and_another_gpu_does_not(tmp_path: Path) -> None:
    shot = make_shot(tmp_path)
    rendered = [
        render(shot, device=device, tools=tools(open_kernels=elsewhere)).rendered
        for device in ("cpu", "cpu", "cuda:0", "cuda:1", "cpu")
    ]
    assert rendered == [ALL, (), ALL, (), ALL]
    assert {row["device"] for row in rows_of(tmp_path / "out").values()} == {"cpu"}


def test_a_device_that_is_not_there_ends_the_render_before_a_frame(tmp_path: Path) -> None:
    def refuse(device: str) -> Any:
        raise DeviceError(f"no {device}")

    with pytest.raises(DeviceError, match="no cuda:7"):
        render(make_shot(tmp_path), device="cuda:7", tools=tools(open_kernels=refuse))
    assert digests_of(tmp_path / "out") == {}


def test_rows_of_before_devices_are_of_the_cpu() -> None:
    row = FrameRow(1, "a.exr", "in", "set", "out", "now", device="cuda:0", arithmetic="cuda")
    fields = json.loads(row.to_json())
    assert FrameRow.from_json(fields) == row
    del fields["device"], fields["arithmetic"]
    assert (FrameRow.from_json(fields).device, FrameRow.from_json(fields).arithmetic) == ("cpu", "numpy")
