"""A shot from settings to files: resume, chunks, failures, consent; with quick stand-ins for models and swapper."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.pipeline.shot_fakes import (
    TODAY,
    digests_of,
    fake_analyse,
    fake_engine,
    fake_swap,
    make_identity,
    make_shot,
    tools,
    write_exr,
    write_png,
)
from vfx_swap.colour.ocio import load_config
from vfx_swap.errors import (
    CancelledError,
    ConsentExpiredError,
    ConsentMissingError,
    DiskFullError,
    FrameRangeError,
    FramesFailedError,
    MissingInputError,
    NoFaceError,
    OutputError,
    TracksError,
    UnsupportedImageError,
    UsageError,
)
from vfx_swap.io.read import read_picture
from vfx_swap.pipeline.progress import ProgressEvent
from vfx_swap.pipeline.render_log import RENDER_SCHEMA, read_log
from vfx_swap.pipeline.shot import RENDER_REVISION, render_shot
from vfx_swap.pipeline.shot_tracks import analyse_plate
from vfx_swap.pipeline.tracks_file import Tracks
from vfx_swap.settings import Cast, Shot

ALL = (1, 2, 3, 4, 5, 6)


def render(shot: Shot, **more: Any) -> Any:
    """Render with quick tools."""
    more.setdefault("tools", tools())
    return render_shot(shot, today=more.pop("today", TODAY), **more)


def rows_of(folder: Path) -> dict[int, dict[str, Any]]:
    """Rows of the merged log, by frame."""
    document = json.loads((folder / "sh010.render.json").read_text())
    assert document["schema"] == RENDER_SCHEMA
    return {row["frame"]: row for row in document["rows"]}


def leftovers(folder: Path) -> list[str]:
    """Hidden and temporary files."""
    return sorted(path.name for path in folder.rglob("*") if path.name.startswith(".") or ".tmp" in path.name)


def test_a_shot_is_written_with_its_log_and_tracks(tmp_path: Path) -> None:
    shot = make_shot(tmp_path)
    report = render(shot)
    out = tmp_path / "out"
    assert report.rendered == ALL
    assert (report.skipped, report.without_face) == ((), ())
    assert sorted(path.name for path in out.iterdir()) == [
        "sh010.render.json",
        "sh010.tracks.json",
        *(f"swap.{number:04d}.exr" for number in ALL),
    ]
    row = rows_of(out)[3]
    assert row["output"] == "swap.0003.exr"
    assert row["metrics"]["faces"] == 1
    assert set(row["seconds"]) == {"read", "swap", "write"}
    assert len({rows_of(out)[number]["settings_digest"] for number in ALL}) == len(ALL)


def test_pixels_outside_the_matte_are_the_plates_and_inside_the_swappers(tmp_path: Path) -> None:
    shot = make_shot(tmp_path)
    render(shot)
    plate = read_picture(tmp_path / "plates" / "plate.0002.exr").native_rgb
    out = read_picture(tmp_path / "out" / "swap.0002.exr").native_rgb
    box = (slice(14, 26), slice(15, 27))
    assert np.array_equal(out[box], (plate[box].astype(np.float32) * 0.5).astype(np.float16))
    rest = np.ones(plate.shape[:2], bool)
    rest[box] = False
    assert np.array_equal(out[rest].view(np.uint16), plate[rest].view(np.uint16))


def test_the_header_says_what_made_the_frame_and_nothing_of_day_or_machine(tmp_path: Path) -> None:
    shot = make_shot(tmp_path)
    render(shot)
    text = read_picture(tmp_path / "out" / "swap.0002.exr").rgb_part.spec.get_string_attribute("vfx_swap/render")
    header = json.loads(text)
    assert header["settings_digest"] == rows_of(tmp_path / "out")[2]["settings_digest"]
    assert header["engine"] == "reprojection"
    assert header["models"] == {"fake/x": "1"}
    assert header["identities"][0]["consent_id"].startswith("public-domain-")
    assert set(header) == {"schema", "version", "engine", "models", "identities", "settings_digest"}
    assert str(tmp_path) not in text


def test_the_same_shot_in_another_place_and_at_another_time_is_the_same_bits(tmp_path: Path) -> None:
    one, two = make_shot(tmp_path / "one"), make_shot(tmp_path / "two")
    render(one)
    render(two, today=date(2027, 1, 1))
    assert digests_of(tmp_path / "one" / "out") == digests_of(tmp_path / "two" / "out")


def test_a_second_run_renders_nothing(tmp_path: Path) -> None:
    shot = make_shot(tmp_path)
    analysed: list[int] = []
    render(shot, tools=tools(analyse=fake_analyse(calls=analysed)))
    before = digests_of(tmp_path / "out")

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("a current frame was rendered")

    report = render(shot, tools=tools(swap_frame=refuse, analyse=fake_analyse(calls=analysed)))
    assert report.skipped == ALL
    assert digests_of(tmp_path / "out") == before
    assert len(analysed) == 1


def test_overwrite_renders_every_frame_again(tmp_path: Path) -> None:
    shot = make_shot(tmp_path)
    render(shot)
    assert render(shot, overwrite=True).rendered == ALL


def _spoil_output(folder: Path, shot: Shot) -> Shot:
    (folder / "out" / "swap.0003.exr").write_bytes(b"spoilt")
    return shot


def _remove_output(folder: Path, shot: Shot) -> Shot:
    (folder / "out" / "swap.0003.exr").unlink()
    return shot


def _repaint_plate(folder: Path, shot: Shot) -> Shot:
    path = folder / "plates" / "plate.0003.exr"
    pixels = read_picture(path).native_rgb.copy()
    pixels[40, 60] += 0.25  # outside every face
    write_exr(path, pixels)
    return shot


def _forget_row(folder: Path, shot: Shot) -> Shot:
    path = folder / "out" / "sh010.render.json"
    lines = [line for line in path.read_text().splitlines() if '"frame":3,' not in line]
    path.write_text("\n".join(lines))
    return shot


@pytest.mark.parametrize("change", [_spoil_output, _remove_output, _repaint_plate, _forget_row])
def test_what_changed_in_one_frame_renders_that_frame_only(tmp_path: Path, change: Any) -> None:
    shot = make_shot(tmp_path)
    render(shot)
    report = render(change(tmp_path, shot))
    assert report.rendered == (3,)
    assert report.skipped == (1, 2, 4, 5, 6)


def _stronger(folder: Path, shot: Shot) -> Any:
    return shot.model_copy(update={"cast": (shot.cast[0].model_copy(update={"strength": 0.5}),)}), tools()


def _other_identity(folder: Path, shot: Shot) -> Any:
    make_identity(folder / "who.identity", shade=0.5)
    return shot, tools()


def _other_model(folder: Path, shot: Shot) -> Any:
    return shot, tools(open_engine=fake_engine({"fake/x": "2"}))


def _with_layers(folder: Path, shot: Shot) -> Any:
    return shot.model_copy(update={"write": shot.write.model_copy(update={"layers": ("matte",)})}), tools()


def _matte(folder: Path, shot: Shot) -> Any:
    return shot.model_copy(update={"matte": shot.matte.model_copy(update={"feather": 0.2})}), tools()


def _other_ocio_config(folder: Path, shot: Shot) -> Any:
    return shot, tools(load_config=lambda: replace(load_config(), digest="another"))


def _other_name(folder: Path, shot: Shot) -> Any:
    for kind in ("render", "tracks"):  # as if moved by hand
        (folder / "out" / f"sh010.{kind}.json").rename(folder / "out" / f"sh020.{kind}.json")
    return shot.model_copy(update={"name": "sh020"}), tools()


@pytest.mark.parametrize(
    "change", [_stronger, _other_identity, _other_model, _with_layers, _matte, _other_ocio_config, _other_name]
)
def test_what_changes_every_frame_renders_every_frame(tmp_path: Path, change: Any) -> None:
    shot = make_shot(tmp_path)
    render(shot)
    changed, with_tools = change(tmp_path, shot)
    assert render(changed, tools=with_tools).rendered == ALL


def test_a_new_render_revision_renders_every_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shot = make_shot(tmp_path)
    render(shot)
    monkeypatch.setattr("vfx_swap.pipeline.shot.RENDER_REVISION", RENDER_REVISION + 1)
    assert render(shot).rendered == ALL


def test_an_edit_of_one_face_in_the_tracks_renders_that_frame_only(tmp_path: Path) -> None:
    shot = make_shot(tmp_path)
    render(shot)
    path = tmp_path / "out" / "sh010.tracks.json"
    lines = path.read_text().splitlines()
    at = next(index for index, line in enumerate(lines) if '"frame": 4,' in line and '"points"' in line)
    lines[at] = lines[at].replace('"move": [0, 0]', '"move": [3, 0]')
    path.write_text("\n".join(lines) + "\n")
    assert render(shot).rendered == (4,)


def test_an_edit_of_one_face_renders_every_frame_where_the_track_is_reshaped(tmp_path: Path) -> None:
    shot = make_shot(tmp_path)
    shot = shot.model_copy(update={"cast": (shot.cast[0].model_copy(update={"reshape": 0.5}),)})
    render(shot)
    path = tmp_path / "out" / "sh010.tracks.json"
    path.write_text(path.read_text().replace('"points": [[', '"points": [[1', 1))
    assert render(shot).rendered == ALL


def test_the_analyse_pass_sees_the_whole_shot_whatever_range_is_rendered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def analyse(frames: Any, **_: Any) -> Any:
        seen.extend(frame.number for frame in frames)
        return Tracks(tracks=(), frames=tuple(seen))

    monkeypatch.setattr("vfx_swap.pipeline.shot_tracks.analyse", analyse)
    with pytest.raises(NoFaceError):
        render(make_shot(tmp_path), frames=[5], tools=tools(analyse=analyse_plate))
    assert seen == list(ALL)


def test_chunks_are_the_bits_of_one_run(tmp_path: Path) -> None:
    whole, chunked = make_shot(tmp_path / "whole"), make_shot(tmp_path / "chunked")
    render(whole)
    first = render(chunked, frames=[4, 5, 6])
    second = render(chunked, frames=[1, 2, 3])
    assert (first.rendered, second.rendered) == ((4, 5, 6), (1, 2, 3))
    assert digests_of(tmp_path / "whole" / "out") == digests_of(tmp_path / "chunked" / "out")
    assert sorted(rows_of(tmp_path / "chunked" / "out")) == list(ALL)


CHUNK = """
import sys
from pathlib import Path
from tests.pipeline.shot_fakes import TODAY, make_shot, slow_swap, tools
from vfx_swap.pipeline.shot import render_shot
frames = [int(number) for number in sys.argv[2].split(",")]
quick = tools(swap_frame=slow_swap(float(sys.argv[3])))
render_shot(make_shot(Path(sys.argv[1])), frames=frames, today=TODAY, tools=quick)
"""


def start(folder: Path, frames: str, seconds: float) -> subprocess.Popen[bytes]:
    """A render in a process of its own."""
    return subprocess.Popen([sys.executable, "-c", CHUNK, str(folder), frames, str(seconds)])


def test_chunks_in_processes_at_once_lose_no_row_and_are_the_bits_of_one_run(tmp_path: Path) -> None:
    whole = make_shot(tmp_path / "whole")
    make_shot(tmp_path / "chunked")
    render(whole)
    chunks = [start(tmp_path / "chunked", frames, 0.05) for frames in ("1,2", "3,4", "5,6")]
    assert [chunk.wait() for chunk in chunks] == [0, 0, 0]
    out = tmp_path / "chunked" / "out"
    assert digests_of(out) == digests_of(tmp_path / "whole" / "out")
    assert sorted(rows_of(out)) == list(ALL)
    assert leftovers(out) == []


def test_killed_in_mid_shot_then_resumed_is_the_bits_of_one_run(tmp_path: Path) -> None:
    whole = make_shot(tmp_path / "whole")
    make_shot(tmp_path / "killed")
    render(whole)
    out = tmp_path / "killed" / "out"
    process = start(tmp_path / "killed", "1,2,3,4,5,6", 0.3)
    while process.poll() is None and not (out / "swap.0003.exr").exists():
        threading.Event().wait(0.01)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    report = render(make_shot(tmp_path / "killed"))
    assert 1 in report.skipped
    assert 6 in report.rendered
    assert digests_of(out) == digests_of(tmp_path / "whole" / "out")
    assert not list(out.glob("*.jsonl"))


def test_what_a_killed_render_left_half_written_is_removed_once_it_is_old(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    old, young, other = (out / name for name in (".swap.0002.99.tmp.exr", ".swap.0003.98.tmp.exr", ".mine.tmp.exr"))
    for path in (old, young, other):
        path.write_bytes(b"half")
    for path in (old, other):
        os.utime(path, (1, 1))
    render(make_shot(tmp_path))
    assert [path.exists() for path in (old, young, other)] == [False, True, True]


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]), "plate.0003.exr"),
        (lambda path: path.write_bytes(b""), "plate.0003.exr"),
        (lambda path: path.write_bytes(b"this is no picture" * 100), "plate.0003.exr"),
    ],
    ids=["truncated", "empty", "wrong type"],
)
def test_a_damaged_frame_is_named_and_the_others_are_rendered(tmp_path: Path, spoil: Any, says: str) -> None:
    shot = make_shot(tmp_path)
    spoil(tmp_path / "plates" / "plate.0003.exr")
    with pytest.raises(FramesFailedError, match=r"frame 3: .*plate\.0003\.exr") as caught:
        render(shot)
    assert [failure.frame for failure in caught.value.failures] == [3]
    out = tmp_path / "out"
    assert sorted(digests_of(out)) == [f"swap.{number:04d}.exr" for number in (1, 2, 4, 5, 6)]
    assert says in rows_of(out)[3]["error"]
    assert rows_of(out)[3]["output_digest"] is None


def test_a_damaged_frame_that_was_mended_is_all_that_is_rendered_again(tmp_path: Path) -> None:
    shot = make_shot(tmp_path)
    path = tmp_path / "plates" / "plate.0003.exr"
    content = path.read_bytes()
    path.write_bytes(content[:100])
    with pytest.raises(FramesFailedError):
        render(shot)
    path.write_bytes(content)
    assert render(shot).rendered == (3,)
    row = rows_of(tmp_path / "out")[3]
    assert (row["error"], row["metrics"]["faces"]) == (None, 1), "tracks of a plate that changed were kept"


def test_a_swapper_that_fails_on_one_frame_fails_that_frame(tmp_path: Path) -> None:
    def swap(frame: Any, cast: Any, **more: Any) -> Any:
        if frame.number == 2:
            raise FloatingPointError("overflow in exp")
        return fake_swap(frame, cast, **more)

    events: list[ProgressEvent] = []
    with pytest.raises(FramesFailedError, match="frame 2: FloatingPointError: overflow in exp"):
        render(make_shot(tmp_path), tools=tools(swap_frame=swap), progress=events.append)
    assert not (tmp_path / "out" / "swap.0002.exr").exists()
    assert [event.frame for event in events if event.what == "failed"] == [2]


def test_a_frame_that_fails_over_an_older_file_says_so(tmp_path: Path) -> None:
    shot = make_shot(tmp_path)
    render(shot)
    (tmp_path / "plates" / "plate.0003.exr").write_bytes(b"")
    with pytest.raises(FramesFailedError, match="from an earlier render is still there"):
        render(shot)


def test_a_face_that_leaves_gives_the_plate_and_a_warning(tmp_path: Path) -> None:
    events: list[ProgressEvent] = []
    shot = make_shot(tmp_path, layers=["matte", "patch"])
    report = render(shot, tools=tools(analyse=fake_analyse(absent=[5, 6])), progress=events.append)
    assert report.without_face == (5, 6)
    assert [event.frame for event in events if event.what == "warning" and "no cast face" in event.message] == [5, 6]
    out, plate = (read_picture(tmp_path / path) for path in ("out/swap.0006.exr", "plates/plate.0006.exr"))
    assert np.array_equal(out.native_rgb.view(np.uint16), plate.native_rgb.view(np.uint16))
    assert rows_of(tmp_path / "out")[6]["metrics"]["faces"] == 0
    # a compositor's script reads the same channels in every frame
    there = read_picture(tmp_path / "out" / "swap.0001.exr").rgb_part.channels
    assert out.rgb_part.channels == there


def test_no_face_in_the_whole_shot_is_an_error_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(NoFaceError, match="in the shot"):
        render(make_shot(tmp_path), tools=tools(analyse=fake_analyse(faces=False)))
    assert digests_of(tmp_path / "out") == {}


@pytest.mark.parametrize(
    ("today", "with_consent", "kind"),
    [(date(2100, 1, 1), True, ConsentExpiredError), (TODAY, False, ConsentMissingError)],
)
def test_without_consent_nothing_is_read_or_written(
    tmp_path: Path, today: date, with_consent: bool, kind: type[Exception]
) -> None:
    make_identity(tmp_path / "who.identity", with_consent=with_consent)
    shot = make_shot(tmp_path)
    shutil.rmtree(tmp_path / "plates")  # a plate that is touched before the check would be named instead
    with pytest.raises(kind):
        render(shot, today=today)
    assert not (tmp_path / "out").exists()


def test_every_identity_of_the_cast_needs_consent(tmp_path: Path) -> None:
    shot = make_shot(tmp_path)
    other = make_identity(tmp_path / "other.identity", name="other", with_consent=False)
    with pytest.raises(ConsentMissingError, match="other"):
        render(shot.model_copy(update={"cast": (*shot.cast, Cast(track=2, identity=other))}))


@pytest.mark.parametrize("frames", [[7], [], [0, 1]])
def test_frames_that_are_not_the_shots_are_refused(tmp_path: Path, frames: list[int]) -> None:
    with pytest.raises(FrameRangeError):
        render(make_shot(tmp_path), frames=frames)


def test_frames_missing_on_disk_are_refused_before_any_is_rendered(tmp_path: Path) -> None:
    shot = make_shot(tmp_path, frames=(1, 2, 4)).model_copy(update={"frames": "1-4"})
    with pytest.raises(FrameRangeError, match="3"):
        render(shot)
    assert not (tmp_path / "out").exists()
    report = render(shot.model_copy(update={"missing": "hold"}))
    assert report.rendered == (1, 2, 3, 4)
    assert any("frame 3 is missing" in warning for warning in report.warnings)


def test_a_plate_that_is_not_there_is_named(tmp_path: Path) -> None:
    shot = make_shot(tmp_path)
    shutil.rmtree(tmp_path / "plates")
    with pytest.raises(MissingInputError):
        render(shot)


def test_the_plate_is_never_written_over(tmp_path: Path) -> None:
    shot = make_shot(tmp_path)
    before = {path.name: path.read_bytes() for path in (tmp_path / "plates").iterdir()}
    (tmp_path / "link").symlink_to(tmp_path / "plates")
    with pytest.raises(UsageError, match="plate"):
        render(shot.model_copy(update={"output": str(tmp_path / "link" / "plate.%04d.exr")}))
    assert {path.name: path.read_bytes() for path in (tmp_path / "plates").iterdir()} == before


def test_a_tracks_file_that_is_broken_is_named_and_kept(tmp_path: Path) -> None:
    shot = make_shot(tmp_path)
    render(shot)
    path = tmp_path / "out" / "sh010.tracks.json"
    path.write_text("{ not json")
    with pytest.raises(TracksError):
        render(shot)
    assert path.read_text() == "{ not json"


def test_cancelled_keeps_what_is_written_and_resumes(tmp_path: Path) -> None:
    shot = make_shot(tmp_path)
    seen: list[int] = []

    def swap(frame: Any, cast: Any, **more: Any) -> Any:
        seen.append(frame.number)
        return fake_swap(frame, cast, **more)

    with pytest.raises(CancelledError, match="of 6 frames") as caught:
        render(shot, tools=tools(swap_frame=swap), cancelled=lambda: len(seen) >= 3)
    assert "again" in str(caught.value)
    out = tmp_path / "out"
    written = sorted(digests_of(out))
    assert written == [f"swap.{number:04d}.exr" for number in (1, 2, 3)]
    assert leftovers(out) == []
    report = render(shot)
    assert (report.skipped, report.rendered) == ((1, 2, 3), (4, 5, 6))


def test_cancelled_in_the_analyse_pass_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(CancelledError, match="analyse"):
        render(make_shot(tmp_path), tools=tools(analyse=analyse_plate), cancelled=lambda: True)
    assert digests_of(tmp_path / "out") == {}
    assert leftovers(tmp_path / "out") == []


def test_an_interrupt_in_mid_frame_keeps_the_rows_of_what_is_written(tmp_path: Path) -> None:
    def swap(frame: Any, cast: Any, **more: Any) -> Any:
        if frame.number == 4:
            raise KeyboardInterrupt
        return fake_swap(frame, cast, **more)

    shot = make_shot(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        render(shot, tools=tools(swap_frame=swap))
    assert sorted(read_log(tmp_path / "out", "sh010")) == [1, 2, 3]
    assert leftovers(tmp_path / "out") == []
    assert render(shot).skipped == (1, 2, 3)


def test_an_output_folder_that_cannot_be_written_to_is_named_before_the_analyse_pass(tmp_path: Path) -> None:
    shot = make_shot(tmp_path)
    analysed: list[int] = []
    (tmp_path / "out").write_text("a file where the folder should be")
    with pytest.raises(OutputError, match="out"):
        render(shot, tools=tools(analyse=fake_analyse(calls=analysed)))
    assert analysed == []


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")


@pytest.fixture
def small_disk(tmp_path: Path) -> Any:
    """A tmpfs of 128 KiB; skipped where mounting is not allowed."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"cannot mount a tmpfs here: {done.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@needs_root
def test_a_full_disk_stops_the_shot_keeps_what_is_whole_and_resumes(tmp_path: Path, small_disk: Path) -> None:
    shot = make_shot(tmp_path).model_copy(update={"output": str(small_disk / "swap.####.exr")})
    with pytest.raises(DiskFullError, match="full"):
        render(shot)
    whole = digests_of(small_disk)
    assert 0 < len(whole) < 6
    assert not [path for path in small_disk.iterdir() if ".tmp" in path.name]
    subprocess.run(["mount", "-o", "remount,size=4m", str(small_disk)], check=True)
    report = render(shot)
    assert set(report.rendered) | set(report.skipped) == set(ALL)
    assert len(digests_of(small_disk)) == 6
    assert {name: digests_of(small_disk)[name] for name in whole} == whole
    assert leftovers(small_disk) == []


@needs_root
def test_a_read_only_disk_is_named(tmp_path: Path, small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    shot = make_shot(tmp_path).model_copy(update={"output": str(small_disk / "swap.####.exr")})
    with pytest.raises(OutputError, match=r"[Rr]ead-only"):
        render(shot)


@pytest.mark.parametrize(
    "name",
    ["spaces and 'quotes'", "$(touch owned)", "%s%n", "{x}", "-rf", "[red]bold[/]", "línea\nbreak", "a" * 120, "..x"],
)
def test_hostile_paths_are_only_names(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    shot = make_shot(folder, frames=(1, 2))
    assert render(shot).rendered == (1, 2)
    assert render(shot).skipped == (1, 2)
    assert not (tmp_path / "owned").exists()
    assert leftovers(folder / "out") == []


def test_layers_are_written_when_asked(tmp_path: Path) -> None:
    render(make_shot(tmp_path, layers=["matte", "patch"]))
    part = read_picture(tmp_path / "out" / "swap.0001.exr").rgb_part
    assert {"matte.1.A", "patch.R", "patch.G", "patch.B", "patch.A"} <= set(part.channels)
    matte = part.channel("matte.1.A")
    assert (float(matte.max()), float(matte[0].max())) == (1.0, 0.0)


def movie_shot(folder: Path) -> Shot:
    """A shot of 8-bit stills into a movie."""
    shot = make_shot(folder, out="out/swap.mov", colour_space="sRGB Encoded Rec.709 (sRGB)")
    for number in ALL:
        pixels = read_picture(folder / "plates" / f"plate.{number:04d}.exr").rgb()
        write_png(folder / "plates" / f"plate.{number:04d}.png", np.nan_to_num(pixels, posinf=1.0).clip(0, 1))
    return shot.model_copy(update={"plate": str(folder / "plates" / "plate.####.png")})


def test_a_movie_is_written_whole_and_skipped_whole(tmp_path: Path) -> None:
    shot = movie_shot(tmp_path)
    assert render(shot).rendered == ALL
    content = (tmp_path / "out" / "swap.mov").read_bytes()
    assert render(shot).skipped == ALL
    assert (tmp_path / "out" / "swap.mov").read_bytes() == content
    write_png(tmp_path / "plates" / "plate.0003.png", np.full((48, 64, 3), 0.5, np.float32))
    assert render(shot).rendered == ALL
    assert (tmp_path / "out" / "swap.mov").read_bytes() != content


def test_float_light_into_a_movie_is_refused_before_a_frame_is_rendered(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedImageError, match="movie"):
        render(make_shot(tmp_path, out="out/swap.mov"))
    assert not (tmp_path / "out").exists()


def test_a_movie_with_a_frame_that_fails_is_not_written(tmp_path: Path) -> None:
    shot = movie_shot(tmp_path)
    (tmp_path / "plates" / "plate.0003.png").write_bytes(b"")
    with pytest.raises(FramesFailedError, match="No movie was written"):
        render(shot)
    assert not (tmp_path / "out" / "swap.mov").exists()
    assert leftovers(tmp_path / "out") == []


def test_reading_ahead_never_changes_a_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shot = make_shot(tmp_path)
    render(shot)
    before = digests_of(tmp_path / "out")
    monkeypatch.setattr("vfx_swap.pipeline.render_frames.QUEUE_DEPTH", 5)
    render(shot, overwrite=True)
    assert digests_of(tmp_path / "out") == before


def test_progress_counts_every_frame_once_and_in_order(tmp_path: Path) -> None:
    events: list[ProgressEvent] = []
    render(make_shot(tmp_path), progress=events.append)
    frames = [event for event in events if event.stage == "render" and event.what == "frame"]
    assert [(event.frame, event.done, event.total) for event in frames] == [(n, n, 6) for n in ALL]
    assert replace(events[-1], metrics={}) == ProgressEvent("render", "finished", 6, 6)
