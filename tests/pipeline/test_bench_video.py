"""`scripts/bench video` on a small plate: what it runs, and that its ratios are of what it printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    from scripts.benchmarks import video
    from scripts.benchmarks._plates import Case

    monkeypatch.setattr(video, "CASES", {"1080p": Case("480x270", 480, 270)})
    monkeypatch.setenv("VFX_SWAP_MODELS", "unset")  # the bench sets it for its own run; this puts it back after


@pytest.mark.usefixtures("small")
def test_the_render_runs_the_networks_that_the_forwards_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from scripts.benchmarks import video

    asked: list[str] = []
    forward = video._forward

    def listened(name: str) -> object:
        asked.append(name)
        return forward(name)

    monkeypatch.setattr(video, "_forward", listened)
    video.main(
        ["--frames", "2", "--rounds", "1", "--parser", "landmark-parser", "--out", str(tmp_path / "video"), "--json"]
    )
    [found] = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert asked == found["networks"] == ["gen224"]
    assert found["frames"] == 2
    assert found["ratio"] == pytest.approx(found["render"] / found["forwards"], rel=0.01)
    assert found["ratio_cpu"] == pytest.approx(found["render_cpu"] / found["forwards_cpu"], rel=0.01)
    assert found["ratio_least"] == found["ratio"] == found["ratio_most"], "one round"
    assert set(found["stages"]) == {"read", "swap", "write"}
    swaps = tmp_path / "video" / "swaps"
    told = json.loads((swaps / "video.render.json").read_text(encoding="utf-8"))
    assert len(told["rows"]) == len(list(swaps.glob("video.*.exr"))) == 2
    assert all(row["metrics"]["faces"] == 1 for row in told["rows"])
