"""Quality control of whole shots: what is well passes, every fault is found in its frame, nothing is passed over."""

from __future__ import annotations

import csv
import html
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.pipeline.qc_shots import (
    SIZE,
    check,
    make_files,
    matte_picture,
    other_face,
    plate_picture,
    write_exr,
    write_log,
    write_png,
)
from vfx_swap.arrays import FloatArray
from vfx_swap.errors import CancelledError, FrameRangeError, SettingsError, UsageError
from vfx_swap.pipeline.qc_run import QcReport, QcRequest, run_qc


def statuses(report: QcReport) -> dict[int, str]:
    return {one.frame: one.status for one in report.frames}


def value(report: QcReport, frame: int, metric: str) -> float:
    row = next(one for one in report.frames if one.frame == frame)
    return row.values[metric] if metric in row.values else row.faces[0].values[metric]


def broken(report: QcReport) -> dict[int, tuple[str, ...]]:
    return {one.frame: one.broken for one in report.verdict.frames if one.failed}


def test_a_good_shot_passes_and_is_written_three_times(tmp_path: Path) -> None:
    report = check(make_files(tmp_path), tmp_path / "qc" / "sh010.html")
    assert report.verdict.reasons == ()
    assert report.verdict.passed
    assert report.verdict.not_measured == ()
    document = json.loads(report.json.read_text())
    assert document["schema"] == "vfx_swap/qc.1"
    assert document["passed"] is True
    assert [one["frame"] for one in document["frames"]] == [1, 2, 3, 4, 5, 6]
    face = document["frames"][2]["faces"][0]
    assert face["track"] == 1
    assert face["name"] == "track 1, somebody"
    assert face["distance_to_identity"] == pytest.approx(value(report, 3, "distance_to_identity"), rel=1e-4)
    rows = list(csv.DictReader(report.csv.read_text().splitlines()))
    assert [row["frame"] for row in rows] == ["1", "2", "3", "4", "5", "6"]
    assert rows[0]["flicker_stops"] == ""
    assert float(rows[1]["flicker_stops"]) == pytest.approx(value(report, 2, "flicker_stops"), rel=1e-4)
    assert rows[0]["changed_outside_pixels"] == "0"
    assert "Passed" in report.page.read_text()
    assert sorted(path.name for path in report.page.parent.iterdir()) == ["sh010.csv", "sh010.html", "sh010.json"]


def faulty(frame: int, plate: FloatArray, matte: FloatArray, **fault: Any) -> FloatArray:
    good = other_face(frame, plate, matte)
    if frame != 4:
        return good
    on = matte[..., None] > 0.0
    if "gain" in fault:
        return np.where(on, good * np.float32(fault["gain"]), good).astype(np.float32)
    if "white" in fault:
        good[70:80, 60:100] = 1.5
    if "nan" in fault:
        good[80, 80] = np.nan
    if "outside" in fault:
        good[2, 3] += np.float32(0.01)
    if "hard" in fault:
        good = np.where(on, good * np.float32(0.3), good).astype(np.float32)
    if "boil" in fault:
        x = np.linspace(0.0, 12.0, SIZE, dtype=np.float32)[None, :, None]
        good = np.where(on, good * (1.0 + 0.3 * np.sin(x)), good).astype(np.float32)
    if "shade" in fault:
        x = np.linspace(-6.0, 6.0, SIZE, dtype=np.float32)[None, :, None]
        good = np.where(on, good * np.exp2(x), good).astype(np.float32)
    return good


@pytest.mark.parametrize(
    ("fault", "key"),
    [
        ("gain", "light_level_stops"),
        ("gain", "light_jump_stops"),
        ("white", "clipped_added_percent"),
        ("nan", "not_finite_pixels"),
        ("outside", "changed_outside_pixels"),
        ("hard", "seam_worst_stops"),
        ("boil", "flicker_pop_ratio"),
        ("shade", "light_shading_stops"),
    ],
)
def test_a_fault_is_found_in_its_frame(fault: str, key: str, tmp_path: Path) -> None:
    amount: dict[str, Any] = {fault: 1.6 if fault == "gain" else True}
    shot = make_files(tmp_path, change=lambda *of: faulty(*of, **amount))
    report = check(shot, tmp_path / "qc.html")
    assert not report.verdict.passed
    assert report.verdict.worst[0] in (4, 5)  # what jumps there jumps back
    assert key in broken(report)[4]
    assert set(broken(report)) <= {4, 5}


def test_a_soft_and_a_clean_face_lack_detail_and_grain(tmp_path: Path) -> None:
    from scipy import ndimage

    def soft(frame: int, plate: FloatArray, matte: FloatArray) -> FloatArray:
        blurred = ndimage.gaussian_filter(plate, (3, 3, 0))
        return np.where(matte[..., None] > 0.0, plate + matte[..., None] * (blurred - plate), plate).astype(np.float32)

    report = check(make_files(tmp_path, change=soft, frames=(1, 2)), tmp_path / "qc.html")
    assert {"sharpness_least", "grain_least"} <= set(broken(report)[1])


def test_a_matte_that_comes_and_goes_jumps(tmp_path: Path) -> None:
    shot = make_files(tmp_path)
    plate = plate_picture(3)
    write_exr(tmp_path / "out/swap.0003.exr", plate, matte=np.zeros((SIZE, SIZE), np.float32))
    report = check(shot, tmp_path / "qc.html")
    assert broken(report) == {3: ("matte_jump_percent",), 4: ("matte_jump_percent",)}
    assert value(report, 3, "matte_jump_percent") == 100.0
    assert "nothing was swapped here" in report.csv.read_text()


def test_a_face_that_the_result_has_lost_is_named(tmp_path: Path) -> None:
    def black(frame: int, plate: FloatArray, matte: FloatArray) -> FloatArray:
        return np.where(matte[..., None] > 0.0, 0.0, plate).astype(np.float32)

    report = check(make_files(tmp_path, change=black, frames=(1, 2)), tmp_path / "qc.html")
    assert "no face is found in the result" in " ".join(report.verdict.frames[0].why)


def test_a_plate_without_a_face_is_measured_by_its_pixels(tmp_path: Path) -> None:
    report = check(make_files(tmp_path, frames=(1, 2)), tmp_path / "qc.html", blind=True)
    assert value(report, 2, "flicker_stops") > 0.0
    assert "seam_worst_stops" in report.frames[0].faces[0].values
    assert "distance to the identity" in report.verdict.not_measured
    assert "no face is found on the plate" in report.frames[0].faces[0].remarks[0]


def test_frames_that_cannot_be_looked_at_are_named_with_their_reason(tmp_path: Path) -> None:
    errors = dict.fromkeys(range(1, 9)) | {6: "NaN <in> the plate", 8: None}
    shot = make_files(tmp_path, frames=tuple(range(1, 9)), log=errors)
    out = tmp_path / "out"
    (out / "swap.0002.exr").unlink()
    whole = (out / "swap.0003.exr").read_bytes()
    (out / "swap.0003.exr").write_bytes(whole[: len(whole) // 2])
    write_exr(out / "swap.0004.exr", plate_picture(4)[:80], matte=matte_picture()[:80])
    (tmp_path / "plate/plate.0005.exr").unlink()
    (out / "swap.0007.exr").write_bytes(b"")
    report = check(shot, tmp_path / "qc.html")
    assert statuses(report) == {
        1: "measured",
        2: "missing",
        3: "unreadable",
        4: "unlike",
        5: "no plate",
        6: "failed",
        7: "unreadable",
        8: "measured",
    }
    assert not report.verdict.passed
    page, rows = report.page.read_text(), list(csv.DictReader(report.csv.read_text().splitlines()))
    document = json.loads(report.json.read_text())
    assert [row["status"] for row in rows] == list(statuses(report).values())
    for one, row in zip(document["frames"], rows, strict=True):
        assert one["status"] == row["status"]
        if one["status"] != "measured":
            assert one["why_not"]
            assert f'<th scope="row">{one["frame"]}</th><td>{one["status"]}</td>' in page
    assert "NaN &lt;in&gt; the plate" in page
    assert "<in>" not in page
    assert "flicker_stops" not in report.frames[7].faces[0].values  # nothing is compared over a gap


def test_a_shot_of_which_nothing_was_rendered_fails(tmp_path: Path) -> None:
    shot = make_files(tmp_path)
    for path in (tmp_path / "out").iterdir():
        path.unlink()
    report = check(shot, tmp_path / "qc.html")
    assert set(statuses(report).values()) == {"missing"}
    assert not report.verdict.passed
    assert any("tracks" in note for note in report.subject.notes)
    assert any("render log" in note for note in report.subject.notes)


def test_a_file_that_is_not_the_one_on_record_is_remarked_on(tmp_path: Path) -> None:
    shot = make_files(tmp_path, frames=(1, 2))
    path = tmp_path / "out/sh010.render.json"
    document = json.loads(path.read_text())
    for row in document["rows"]:
        row["output_digest"] = "0" * 64
    path.write_text(json.dumps(document))
    report = check(shot, tmp_path / "qc.html")
    assert "changed after it was rendered" in report.frames[0].remarks[0]
    assert "changed after it was rendered" in report.page.read_text()


@pytest.mark.parametrize(
    "damage", ['{"schema": "vfx_swap/other.9"}', "{", "[]", '{"schema": "vfx_swap/render.1", "rows": [3]}']
)
def test_a_log_or_tracks_that_cannot_be_used_are_said_not_to_be(damage: str, tmp_path: Path) -> None:
    shot = make_files(tmp_path, frames=(1, 2))
    for name in ("sh010.render.json", "sh010.tracks.json"):
        (tmp_path / "out" / name).write_text(damage)
    report = check(shot, tmp_path / "qc.html")
    assert statuses(report) == {1: "measured", 2: "measured"}
    assert len(report.subject.notes) == 2
    page = html.unescape(report.page.read_text())
    assert all(note in page for note in report.subject.notes)


def test_limits_of_the_shot_file_count_and_wrong_ones_are_refused_with_their_line(tmp_path: Path) -> None:
    shot = make_files(tmp_path, frames=(1, 2), more="[qc]\nmatte_jump_percent = 0.0\ndistance_to_identity = 0.0001")
    report = check(shot, tmp_path / "qc.html")
    assert "distance_to_identity" in broken(report)[1]
    assert report.subject.limits_from == "[qc] of sh010.toml"
    text = shot.read_text()
    shot.write_text(text.replace("0.0001", "-1").replace("matte_jump_percent", "matte_jumps"))
    with pytest.raises(SettingsError) as caught:
        check(shot, tmp_path / "other.html")
    lines = text.splitlines()
    found = {problem.key: problem.line for problem in caught.value.problems}
    assert found["qc.distance_to_identity"] == lines.index("distance_to_identity = 0.0001") + 1
    assert found["qc.matte_jumps"] == lines.index("matte_jump_percent = 0.0") + 1
    assert not (tmp_path / "other.html").exists()


def test_a_sequence_without_a_shot_file(tmp_path: Path) -> None:
    make_files(tmp_path)
    (tmp_path / "out/swap.0003.exr").unlink()
    pattern = tmp_path / "out/swap.####.exr"
    report = check(pattern, tmp_path / "qc.html")
    assert report.subject.name == "sh010"
    assert statuses(report)[3] == "missing"
    assert report.subject.plate == str(tmp_path / "plate/plate.####.exr")
    assert "distance to the identity" in report.verdict.not_measured
    known = check(pattern, tmp_path / "qc.html", identity=tmp_path / "who.identity", frames="1-2")
    assert known.verdict.passed
    assert value(known, 1, "distance_to_identity") < 2.0


def test_a_sequence_with_nothing_beside_it_wants_a_plate(tmp_path: Path) -> None:
    make_files(tmp_path, tracks=False, layers=False, log={})
    (tmp_path / "out/sh010.render.json").unlink()
    pattern = tmp_path / "out/swap.####.exr"
    with pytest.raises(UsageError, match="--plate"):
        check(pattern, tmp_path / "qc.html")
    report = check(pattern, tmp_path / "qc.html", plate=str(tmp_path / "plate/plate.####.exr"))
    assert set(statuses(report).values()) == {"measured"}
    assert report.frames[0].faces[0].track is None
    assert value(report, 2, "matte_area_percent") > 5.0
    assert "pixels changed outside the matte" in report.verdict.not_measured


def test_lossless_pictures_without_layers_have_the_matte_of_what_was_changed(tmp_path: Path) -> None:
    shot = make_files(tmp_path, layers=False, frames=(1, 2))
    report = check(shot, tmp_path / "qc.html")
    assert 40.0 < value(report, 1, "matte_area_percent") < 80.0


def test_a_movie_is_looked_at_frame_by_frame(tmp_path: Path) -> None:
    from vfx_swap.pipeline.before_after import write_mp4

    make_files(tmp_path)
    pictures = []
    for frame in range(11, 15):
        own = plate_picture(frame)
        write_png(tmp_path / f"png/plate.{frame:04d}.png", own)
        shown = np.round(255.0 * np.clip(other_face(frame, own, matte_picture()), 0.0, 1.0)).astype(np.uint8)
        pictures.append(shown)
    write_mp4(tmp_path / "out/swap.mp4", pictures)
    report = check(
        tmp_path / "out/swap.mp4", tmp_path / "qc.html", plate=str(tmp_path / "png/plate.####.png"), frames="11-15"
    )
    assert statuses(report) == {11: "measured", 12: "measured", 13: "measured", 14: "measured", 15: "no plate"}
    assert "lossy" in report.frames[0].faces[0].remarks[0]


def test_frames_that_are_not_the_shot_s_are_refused(tmp_path: Path) -> None:
    shot = make_files(tmp_path, frames=(1, 2))
    with pytest.raises(FrameRangeError, match="7"):
        check(shot, tmp_path / "qc.html", frames="1,7")
    with pytest.raises(UsageError, match=r"\.html"):
        check(shot, tmp_path / "qc.txt")
    with pytest.raises(UsageError, match="shot file names them"):
        check(shot, tmp_path / "qc.html", plate="x.####.exr")


def test_a_stop_writes_nothing(tmp_path: Path) -> None:
    from tests.pipeline.qc_shots import fake_models

    shot = make_files(tmp_path, frames=(1, 2))
    with pytest.raises(CancelledError):
        run_qc(QcRequest(str(shot), tmp_path / "qc.html"), load_models=fake_models, cancelled=lambda: True)
    assert not list(tmp_path.glob("qc.*"))


def test_texts_are_no_formulas_in_a_spreadsheet(tmp_path: Path) -> None:
    make_files(tmp_path, frames=(1, 2))
    write_log(tmp_path / "out", {1: None, 2: '=HYPERLINK("x")'})
    report = check(tmp_path / "out/swap.####.exr", tmp_path / "qc.html")
    rows = list(csv.DictReader(report.csv.read_text().splitlines()))
    assert "HYPERLINK" in rows[1]["why"]
    assert not any(cell.startswith(("=", "@")) for row in rows for cell in row.values())
