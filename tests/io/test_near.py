"""What a message suggests where a plate is not there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vfx_swap.errors import MissingInputError
from vfx_swap.io import near
from vfx_swap.io.near import file_near, sequences_near
from vfx_swap.io.plates import open_plate


def _touch(folder: Path, *names: str) -> None:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).touch()


def test_a_folder_gets_its_longest_sequence_and_the_others_by_name(tmp_path: Path) -> None:
    _touch(tmp_path, *(f"bg.{frame:04d}.exr" for frame in range(1001, 1006)), "notes.txt", "still.0001.exr")
    _touch(tmp_path, "fg_1.png", "fg_2.png", "fg_10.png", "take-0001.txt", "take-0002.txt")
    said = sequences_near(tmp_path)
    assert said == f"Did you mean '{tmp_path}/bg.####.exr' (5 frames, 1001 to 1005)? Beside it: 'fg_#.png'"


def test_a_pattern_that_finds_nothing_gets_the_likest_name(tmp_path: Path) -> None:
    for name in ("a_long_one", "plate", "matte", "zz"):
        _touch(tmp_path, *(f"{name}.{frame}.exr" for frame in range(1, 4)))
    said = sequences_near(tmp_path / "plat.####.exr")
    assert said is not None
    assert said.startswith(f"Did you mean '{tmp_path}/plate.#.exr' (3 frames, 1 to 3)? Beside it: 'matte.#.exr', ")
    assert said.endswith(", others")


def test_a_folder_of_stills_gets_their_names(tmp_path: Path) -> None:
    _touch(tmp_path, "b.png", "a.jpg", "notes.txt")
    assert sequences_near(tmp_path) == "It holds 'a.jpg', 'b.png': give one picture of it"
    _touch(tmp_path, "c.exr", "d.0001.exr")
    assert sequences_near(tmp_path) == "It holds 'a.jpg', 'b.png', 'c.exr', ...: give one picture of it"


@pytest.mark.parametrize("typed", ["laed.jpg", "lead.jpeg", "Lead.jpg"])
def test_a_file_that_is_mistyped_gets_the_likest(tmp_path: Path, typed: str) -> None:
    _touch(tmp_path, "lead.jpg", "other.png", ".lead.jpg.part")
    assert file_near(tmp_path / typed) == f"Did you mean '{tmp_path}/lead.jpg'?"
    with pytest.raises(MissingInputError, match=r"Did you mean .*lead\.jpg"):
        open_plate(tmp_path / typed)


def test_a_file_like_none_gets_no_suggestion(tmp_path: Path) -> None:
    _touch(tmp_path, "lead.jpg")
    assert file_near(tmp_path / "portrait.jpg") is None
    assert file_near(tmp_path / "none" / "lead.jpg") is None
    assert file_near("\0") is None


def test_a_name_like_none_gets_no_suggestion(tmp_path: Path) -> None:
    _touch(tmp_path, "o.0001.exr", "o.0002.exr")
    assert sequences_near(tmp_path / "portrait.png") is None
    assert sequences_near(tmp_path / "p.####.exr") is not None


def test_nothing_is_said_where_nothing_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert sequences_near(tmp_path / "loop" / "a.####.exr") is None
    assert sequences_near(tmp_path / "none" / "a.####.exr") is None
    _touch(tmp_path, "alone.0001.exr", "%s\n{}[1-2]@@.0001.exr", os.fsdecode(b"\xff.1.exr"))
    assert sequences_near(tmp_path / "plate.####.exr") is None
    _touch(tmp_path, "alone.0002.exr")
    assert sequences_near(tmp_path) is not None
    monkeypatch.setattr(near, "FILES_LIMIT", 3)
    assert sequences_near(tmp_path) is None


@pytest.mark.parametrize("asked", ["", "/", "/plate.###.exr", "/plate", "/plate.exr"])
def test_a_plate_is_refused_with_the_pattern_that_was_meant(tmp_path: Path, asked: str) -> None:
    _touch(tmp_path / "shot", "plate.0001.exr", "plate.0002.exr")
    with pytest.raises(MissingInputError) as caught:
        open_plate(f"{tmp_path}/shot{asked}")
    if asked == "/plate.###.exr":  # says which digit is missing, which is nearer still
        assert "plate.0001.exr is padded otherwise" in str(caught.value)
    else:
        assert "shot/plate.####.exr' (2 frames, 1 to 2)?" in str(caught.value)


def test_an_empty_folder_says_what_a_plate_is(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"is a folder\. Give name\.####\.exr, one picture, or a movie"):
        open_plate(tmp_path)
