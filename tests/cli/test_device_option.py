"""`--device` of swap and render: what is said is what is opened, or the reason why not."""

from __future__ import annotations

import functools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.pipeline.shot_fakes import SHOT_FILE, make_shot, rows_of, tools
from vfx_swap.cli.app import app
from vfx_swap.errors import DeviceError
from vfx_swap.models.devices import open_kernels
from vfx_swap.models.kernels import NUMPY, Kernels
from vfx_swap.pipeline import shot as shot_module


@pytest.fixture(params=["render", "swap"])
def command(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    """A command that swaps six frames."""
    make_shot(tmp_path)
    if request.param == "render":
        (tmp_path / "shot.toml").write_text(SHOT_FILE)
        return ["render", str(tmp_path / "shot.toml")]
    plate, out = tmp_path / "plates" / "plate.####.exr", tmp_path / "out" / "sh010.####.exr"
    return ["swap", "--plate", str(plate), "--identity", str(tmp_path / "who.identity"), "--out", str(out)]


def run(command: list[str], monkeypatch: pytest.MonkeyPatch, **changes: Any) -> tuple[int, dict[str, Any]]:
    """Run it with quick tools: exit code and last event."""
    quick = functools.partial(shot_module.render_shot, tools=tools(**changes))
    monkeypatch.setattr(shot_module, "render_shot", quick)
    result = CliRunner().invoke(app, [*command, "--json"])
    return result.exit_code, json.loads(result.stdout.splitlines()[-1])


def test_the_device_that_is_named_is_opened(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def remember(device: str) -> Kernels:
        asked.append(device)
        return replace(NUMPY, device="cuda:2", arithmetic="cuda")

    code, _ = run([*command, "--device", "auto"], monkeypatch, open_kernels=remember)
    assert (code, asked) == (0, ["auto"])
    assert {row["device"] for row in rows_of(tmp_path / "out").values()} == {"cuda:2"}


def test_without_a_word_it_is_the_cpu(command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, _ = run(command, monkeypatch)
    assert code == 0
    assert {row["device"] for row in rows_of(tmp_path / "out").values()} == {"cpu"}


def test_a_device_that_is_not_there_ends_it_with_4(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(device: str) -> Kernels:
        raise DeviceError(f"there is no {device}", mend="Say --device cpu")

    code, event = run([*command, "--device", "cuda:7"], monkeypatch, open_kernels=refuse)
    assert code == 4
    assert (event["kind"], event["what"], event["mend"]) == ("DeviceError", "there is no cuda:7", "Say --device cpu")


def test_a_word_that_is_no_device_ends_it_with_2(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    code, event = run([*command, "--device", "gpu"], monkeypatch, open_kernels=open_kernels)
    assert (code, event["kind"]) == (2, "UsageError")
