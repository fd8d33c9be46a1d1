"""Bad days of a shot: damaged frames, no face, no consent, full disks, interrupts, hostile paths."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.pipeline.shot_fakes import (
    ALL,
    TODAY,
    digests_of,
    fake_analyse,
    fake_swap,
    leftovers,
    make_identity,
    make_shot,
    render,
    rows_of,
    tools,
    write_png,
)
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
from vfx_swap.pipeline.render_log import read_log
from vfx_swap.pipeline.shot_tracks import analyse_plate
from vfx_swap.settings import Cast, Shot


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


def test_tracks_edited_while_the_plate_is_analysed_are_kept_and_named(tmp_path: Path) -> None:
    shot, path = make_shot(tmp_path), tmp_path / "out" / "sh010.tracks.json"
    said: list[str] = []

    def analyse(plate: Any, **more: Any) -> Any:
        found = fake_analyse()(plate, **more)
        path.write_text("{ my work of an hour")
        return found

    render(shot, tools=tools(analyse=analyse), progress=lambda event: said.append(event.message or ""))
    aside = tmp_path / "out" / "sh010.tracks.edited.json"
    assert aside.read_text() == "{ my work of an hour"
    assert any(str(aside) in one and "not used" in one for one in said)


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
