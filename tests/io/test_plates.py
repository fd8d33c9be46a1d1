"""Plates and outputs: sequences, missing frames, and what is never written over."""

from __future__ import annotations

import gc
import weakref
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.io.filming import FPS, film
from tests.io.making import any_half, bits, half_exr, save, spec_of
from vfx_swap.errors import MissingInputError, UnreadableImageError, UnsupportedImageError, UsageError
from vfx_swap.io.outputs import Output, open_output
from vfx_swap.io.picture import Picture
from vfx_swap.io.plates import Plate, open_plate
from vfx_swap.io.read import read_picture


def sequence(folder: Path, frames: tuple[int, ...], name: str = "n") -> str:
    """Frames whose red is their number."""
    for frame in frames:
        pixels = np.full((4, 6, 3), frame, np.float16)
        half_exr(folder / f"{name}.{frame:04d}.exr", pixels, window=(1, 1))
    return str(folder / f"{name}.####.exr")


def number(picture: Picture) -> float:
    return float(picture.rgb()[0, 0, 0])


def put(output: Output, frame: int, picture: Picture) -> None:
    rgb = picture.rgb()
    output.write(frame, picture, rgb=rgb, matte=np.zeros(rgb.shape[:2], np.float32))


def test_frames_among_other_sequences(tmp_path: Path) -> None:
    sequence(tmp_path, (7, 8), "other")
    plate = open_plate(sequence(tmp_path, (1003, 1001, 1002)))
    assert plate.frames == (1001, 1002, 1003)
    assert plate.kind == "float"
    assert plate.fps is None
    assert number(plate.read(1002)) == 1002
    assert plate.path(5).name == "n.0005.exr"


@pytest.mark.parametrize("spelling", ["n.%04d.exr", "n.$F4.exr", "n.<frame>.exr", "n.@@@@.exr"])
def test_every_spelling_reads(tmp_path: Path, spelling: str) -> None:
    sequence(tmp_path, (11, 12))
    assert number(open_plate(tmp_path / spelling).read(12)) == 12


def test_missing_frames_are_errors_by_default(tmp_path: Path) -> None:
    plate = open_plate(sequence(tmp_path, (1001, 1004)))
    assert plate.frames == (1001, 1004)
    assert plate.absent([1001, 1002, 1004, 1005]) == (1002, 1005)
    with pytest.raises(MissingInputError, match="1002"):
        plate.read(1002)


def test_missing_frames_are_held(tmp_path: Path) -> None:
    plate = open_plate(sequence(tmp_path, (1001, 1004)), missing="hold")
    assert plate.frames == (1001, 1002, 1003, 1004)
    assert [number(plate.read(frame)) for frame in (1000, 1001, 1002, 1003, 1004, 1009)] == [
        1001, 1001, 1001, 1001, 1004, 1004,
    ]  # fmt: skip
    assert any("1003" in warning and "1001" in warning for warning in plate.read(1003).warnings)
    assert plate.read(1001).warnings == ()


def test_missing_frames_are_black(tmp_path: Path) -> None:
    plate = open_plate(sequence(tmp_path, (1001, 1003)), missing="black")
    picture = plate.read(1002)
    assert (picture.rgb() == 0).all()
    assert picture.native_rgb.dtype == np.float16
    assert picture.data_window == plate.read(1001).data_window
    assert any("black" in warning for warning in picture.warnings)


@pytest.mark.parametrize("missing", ["error", "hold", "black"])
def test_a_damaged_frame_is_an_error_under_every_policy_and_the_others_read(tmp_path: Path, missing: str) -> None:
    text = sequence(tmp_path, (1, 2, 3))
    broken = tmp_path / "n.0001.exr"
    broken.write_bytes(broken.read_bytes()[:-20])
    plate = open_plate(text, missing=missing)  # type: ignore[arg-type]  # parametrised
    with pytest.raises(UnreadableImageError, match=r"n\.0001\.exr"):
        plate.read(1)
    assert number(plate.read(2)) == 2
    # What kind of plate it is does not hang on the one frame.
    assert plate.kind == "float"


def test_nothing_there(tmp_path: Path) -> None:
    sequence(tmp_path, (1001,))
    for name in ("x.####.exr", "x.exr", "x.mov", "none/x.####.exr"):
        with pytest.raises(MissingInputError):
            open_plate(tmp_path / name)
    with pytest.raises(MissingInputError, match="padded") as caught:
        open_plate(tmp_path / "n.######.exr")
    assert "n.1001.exr" in str(caught.value)
    with pytest.raises(UsageError, match="policy"):
        open_plate(tmp_path / "n.####.exr", missing="skip")  # type: ignore[arg-type]  # what a user may type


def test_a_folder_named_like_a_frame_is_no_frame(tmp_path: Path) -> None:
    text = sequence(tmp_path, (1001,))
    (tmp_path / "n.1002.exr").mkdir()
    assert open_plate(text).frames == (1001,)


def test_a_still_is_frame_one(tmp_path: Path) -> None:
    plate = open_plate(half_exr(tmp_path / "p.1001.exr"))
    assert plate.frames == (1,)
    plate.read(1)
    with pytest.raises(MissingInputError, match="frame 1"):
        plate.read(1001)


def test_kinds_and_rates(tmp_path: Path) -> None:
    pixels = np.zeros((4, 4, 3), np.uint8)
    save(tmp_path / "a.png", (spec_of("RGB", pixels), pixels))
    assert open_plate(tmp_path / "a.png").kind == "integer"
    with open_plate(film(tmp_path / "m.mp4", count=3)) as plate:
        assert (plate.kind, plate.fps, plate.frames) == ("movie", FPS, (1, 2, 3))
    half_exr(tmp_path / "r.exr", attributes={"FramesPerSecond": ("rational", (24000, 1001))})
    assert open_plate(tmp_path / "r.exr").fps == FPS
    half_exr(tmp_path / "f.exr", attributes={"FramesPerSecond": 25.0})
    assert open_plate(tmp_path / "f.exr").fps == Fraction(25)


def test_a_sequence_out(tmp_path: Path) -> None:
    plate = open_plate(sequence(tmp_path, (1001, 1002)))
    with open_output(tmp_path / "new" / "deep" / "o.%04d.exr", plate=plate) as output:
        assert not output.is_movie
        for frame in plate.frames:
            put(output, frame, plate.read(frame))
        assert output.path(1001).name == "o.1001.exr"
    again = open_plate(tmp_path / "new" / "deep" / "o.####.exr")
    assert again.frames == (1001, 1002)
    assert np.array_equal(bits(again.read(1002).native_rgb), bits(plate.read(1002).native_rgb))


def test_a_still_takes_one_frame(tmp_path: Path) -> None:
    plate = open_plate(sequence(tmp_path, (1, 2)))
    output = open_output(tmp_path / "o.exr", plate=plate)
    put(output, 1, plate.read(1))
    put(output, 1, plate.read(1))
    with pytest.raises(UsageError, match="same file"):
        put(output, 2, plate.read(2))


def test_the_plate_is_never_written_over(tmp_path: Path) -> None:
    text = sequence(tmp_path, (1001, 1002))
    plate: Plate = open_plate(text)
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "l.1001.exr").symlink_to(tmp_path / "n.1001.exr")
    (tmp_path / "h.1002.exr").hardlink_to(tmp_path / "n.1002.exr")
    for name in (
        "n.####.exr", "n.%04d.exr", "n.1002.exr", "link/n.####.exr", "../" + tmp_path.name + "/n.$F4.exr",
        "l.####.exr", "h.####.exr",
    ):  # fmt: skip
        with pytest.raises(UsageError, match="write over"):
            open_output(tmp_path / name, plate=plate)
    open_output(tmp_path / "o.####.exr", plate=plate)


def test_outputs_that_cannot_be(tmp_path: Path) -> None:
    plate = open_plate(sequence(tmp_path, (1,)))
    with pytest.raises(UnsupportedImageError, match="xyz"):
        open_output(tmp_path / "o.####.xyz", plate=plate)
    with pytest.raises(UnsupportedImageError, match="layers"):
        open_output(tmp_path / "o.####.tif", plate=plate, layers=True)
    with pytest.raises(UsageError):
        open_output("", plate=plate)


@pytest.mark.parametrize("name", ["%s%n", "a b", "漢字", "x\ny", "'; rm -rf ~ #", "..", "-rf"])
def test_hostile_names_go_round(tmp_path: Path, name: str) -> None:
    for frame in (-1, 1):
        half_exr(tmp_path / f"{name}.{'-001' if frame < 0 else '0001'}.exr", any_half(4, 6, 3))
    plate = open_plate(tmp_path / f"{name}.####.exr")
    assert plate.frames == (-1, 1)
    with open_output(tmp_path / "out" / f"{name}.####.exr", plate=plate) as output:
        for frame in plate.frames:
            put(output, frame, plate.read(frame))
    assert {path.name for path in (tmp_path / "out").iterdir()} == {f"{name}.-001.exr", f"{name}.0001.exr"}


def test_the_first_frame_is_decoded_once_and_no_picture_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    kept: list[weakref.ref[Picture]] = []

    def counted(path: Path) -> Picture:
        read.append(path.name)
        picture = read_picture(path)
        kept.append(weakref.ref(picture))
        return picture

    pattern = sequence(tmp_path, (3, 4))
    monkeypatch.setattr("vfx_swap.io.plates.read_picture", counted)
    plate = open_plate(pattern)
    assert plate.read(3).kind == plate.kind == "float"
    assert plate.fps is None
    plate.read(4)
    assert read == ["n.0003.exr", "n.0004.exr"]
    gc.collect()
    assert [picture() for picture in kept] == [None, None]
