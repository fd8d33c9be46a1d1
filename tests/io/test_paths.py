"""Paths, the hostile ones among them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfx_swap.errors import UsageError
from vfx_swap.io.paths import FramePattern


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a/n.####.exr", "a/n.0007.exr"),
        ("n.%04d.exr", "n.0007.exr"),
        ("n.$F4.exr", "n.0007.exr"),
        ("n.<frame>.exr", "n.0007.exr"),
        ("n.@@@.exr", "n.007.exr"),
        ("n.#.exr", "n.7.exr"),
        ("n.%d.exr", "n.7.exr"),
        ("n.$F.exr", "n.7.exr"),
        ("n_##.dpx", "n_07.dpx"),
        ("####.exr", "0007.exr"),
        ("%s%n.####.exr", "%s%n.0007.exr"),
        ("shot#2.####.exr", "shot#2.0007.exr"),
        ("take <1>.####.exr", "take <1>.0007.exr"),
        ("line\nbreak.####.exr", "line\nbreak.0007.exr"),
        ('прев\'ю "x";$(rm -rf).####.exr', 'прев\'ю "x";$(rm -rf).0007.exr'),
        ("dir####/../d/n.####.exr", "dir####/../d/n.0007.exr"),
    ],
)
def test_spellings_of_a_sequence(text: str, name: str) -> None:
    pattern = FramePattern.parse(text)
    assert pattern.kind == "sequence"
    assert str(pattern.path(7)) == name


def test_large_and_negative_frames() -> None:
    pattern = FramePattern.parse("n.####.exr")
    assert pattern.path(123456).name == "n.123456.exr"
    assert pattern.path(-7).name == "n.-007.exr"


@pytest.mark.parametrize(
    ("text", "kind"), [("a.exr", "still"), ("a.1001.exr", "still"), ("a.MOV", "movie"), ("v%02d.mp4", "movie")]
)
def test_stills_and_movies(text: str, kind: str) -> None:
    pattern = FramePattern.parse(text)
    assert pattern.kind == kind
    assert str(pattern.path(3)) == text


@pytest.mark.parametrize("text", ["", "a/", ".", "..", "a/..", "nul\0.exr"])
def test_refuses_what_is_no_file(text: str) -> None:
    with pytest.raises(UsageError):
        FramePattern.parse(text)


def test_a_file_of_exactly_that_name_is_a_still(tmp_path: Path) -> None:
    odd = tmp_path / "odd####.exr"
    odd.touch()
    assert FramePattern.parse(odd).kind == "still"


@pytest.mark.parametrize(
    ("text", "name"), [("a/plate.####.exr", "plate"), ("p_v003.exr", "p_v003"), ("####.exr", "frames"), ("m.mov", "m")]
)
def test_name_for_the_files_beside(text: str, name: str) -> None:
    assert FramePattern.parse(text).name == name


@pytest.mark.parametrize(
    ("text", "extension"), [("n.####.EXR", ".exr"), ("n.exr", ".exr"), ("n####", ""), ("m.Mov", ".mov")]
)
def test_extension(text: str, extension: str) -> None:
    assert FramePattern.parse(text).extension == extension


def test_finds_the_frames_of_one_sequence_among_others(tmp_path: Path) -> None:
    for name in (
        "n.1001.exr", "n.1002.exr", "n.-005.exr", "n.10000.exr",
        "n.7.exr", "n.01003.exr", "n.1004.exr.bak", "xn.1005.exr", "n.1006.dpx", "nn.1007.exr", "n.10a8.exr", "n..exr",
        ".n.1009.42.tmp.exr",
    ):  # fmt: skip
        (tmp_path / name).touch()
    (tmp_path / "n.1010.exr").mkdir()
    (tmp_path / "n.1011.exr").symlink_to(tmp_path / "n.1001.exr")
    (tmp_path / "n.1012.exr").symlink_to(tmp_path / "nowhere.exr")
    pattern = FramePattern.parse(tmp_path / "n.####.exr")
    assert pattern.frames_on_disk() == (-5, 1001, 1002, 1011, 10000)
    assert {path.name for path in pattern.other_paddings()} == {"n.7.exr", "n.01003.exr"}


def test_no_folder_holds_no_frames(tmp_path: Path) -> None:
    assert FramePattern.parse(tmp_path / "none" / "n.####.exr").frames_on_disk() == ()


_NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), max_size=12)


@given(_NAMES, st.sampled_from(["####", "%05d", "$F3", "<frame>", "@@", "#"]), st.integers(-9999, 99999))
def test_every_frame_of_any_name_is_found_again(prefix: str, token: str, frame: int) -> None:
    pattern = FramePattern.parse(f"{prefix}{token}.exr")
    name = pattern.path(frame).name
    # A sign that ends the name runs on into the number's: `n##` + `####` is six digits, which is what it says.
    assert name.endswith(".exr")
    number = pattern._number(name)
    assert number is not None
    assert int(number) == frame
    assert os.fspath(pattern.path(frame)).startswith(pattern.prefix)
