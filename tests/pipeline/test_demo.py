"""The demo from plate to page, small: what is written, that it runs again from its own folder, and what it says."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vfx_swap.colour.ocio import load_config
from vfx_swap.errors import CancelledError
from vfx_swap.pipeline.demo import run_demo
from vfx_swap.pipeline.demo_pictures import DemoReport
from vfx_swap.pipeline.progress import ProgressEvent
from vfx_swap.pipeline.shot import render_shot
from vfx_swap.pipeline.shot_frames import read_pairs
from vfx_swap.settings import load_shot

TODAY = date(2026, 6, 1)
FRAMES = 3


@pytest.fixture(scope="module")
def events() -> list[ProgressEvent]:
    return []


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, events: list[ProgressEvent]) -> DemoReport:
    out = tmp_path_factory.mktemp("demo")
    return run_demo(out, frames=FRAMES, size=(480, 270), today=TODAY, progress=events.append)


def test_everything_the_report_names_is_there(demo: DemoReport) -> None:
    for path in (demo.page, demo.contact_sheet, demo.movie, demo.quality_file, demo.shot_file, demo.identity):
        assert path.stat().st_size > 100, path
    assert demo.tracks.is_file()
    assert demo.log.is_file()
    for pattern in (demo.plate, demo.output):
        assert all(Path(pattern.replace("####", str(1001 + index))).is_file() for index in range(FRAMES))
    assert all(str(path) in str(demo) for path in (demo.page, demo.contact_sheet, demo.shot_file))


def test_the_face_changes_under_the_matte_and_nothing_else_does(demo: DemoReport) -> None:
    pairs = list(read_pairs(demo.plate, demo.output, frames=(1001, 1003), config=load_config(), colour_space="ACEScg"))
    for plate, swap, matte in pairs:
        assert 0.005 < float((matte > 0.5).mean()) < 0.2
        assert np.array_equal(plate.rgb[matte == 0], swap.rgb[matte == 0])
        assert float(np.abs(plate.rgb - swap.rgb)[matte > 0.9].mean()) > 0.005
    assert demo.quality.changed_outside_pixels == 0


def test_quality_is_on_file_for_the_shot_and_each_frame(demo: DemoReport) -> None:
    document = json.loads(demo.quality_file.read_text())
    assert document["schema"] == "vfx_swap/quality.1"
    assert [row["frame"] for row in document["frames"]] == [1001, 1002, 1003]
    assert document["shot"]["distance_to_identity"] == pytest.approx(demo.quality.distance_to_identity)
    assert document["shot"]["distance_to_identity"] < document["shot"]["distance_to_performer"]


def test_contact_sheet_has_the_frames_shown(demo: DemoReport) -> None:
    with Image.open(demo.contact_sheet) as sheet:
        assert sheet.height > 3 * 600
        assert np.asarray(sheet).std() > 10


def test_page_names_the_settings_and_the_files(demo: DemoReport) -> None:
    page = demo.page.read_text(encoding="utf-8")
    assert "schema = &#34;vfx_swap/shot.1&#34;" in page
    assert demo.output in page
    assert "distance to the identity" in page


def test_progress_tells_every_stage(demo: DemoReport, events: list[ProgressEvent]) -> None:
    del demo
    frames = {
        stage: [event for event in events if (event.stage, event.what) == (stage, "frame")]
        for stage in ("demo", "render", "qc")
    }
    assert [len(rows) for rows in frames.values()] == [FRAMES] * 3
    assert events[-1].what == "finished"


def test_the_folder_can_be_moved_and_rendered_again(demo: DemoReport, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(demo.shot_file.parent, moved)
    report = render_shot(load_shot(moved / "demo.shot.toml"), today=TODAY)
    assert report.rendered == ()
    assert report.skipped == (1001, 1002, 1003)


def test_a_second_run_keeps_frames_and_gives_the_same_numbers(demo: DemoReport) -> None:
    again = run_demo(demo.shot_file.parent, frames=FRAMES, size=(480, 270), today=TODAY)
    assert again.quality == demo.quality
    log = json.loads(again.log.read_text())
    assert log


@pytest.mark.parametrize("stage", ["demo", "qc"])
def test_the_demo_stops_between_frames_of_every_stage(demo: DemoReport, stage: str) -> None:
    seen: list[ProgressEvent] = []
    with pytest.raises(CancelledError):
        run_demo(
            demo.shot_file.parent,
            frames=FRAMES,
            size=(480, 270),
            today=TODAY,
            progress=seen.append,
            cancelled=lambda: any((event.stage, event.what) == (stage, "frame") for event in seen),
        )
    assert seen[-1].stage == stage
