"""Frame ranges."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfx_swap.errors import FrameRangeError
from vfx_swap.io.ranges import format_frames, parse_frames


@pytest.mark.parametrize(
    ("text", "frames"),
    [
        ("1001", (1001,)),
        ("1001-1004", (1001, 1002, 1003, 1004)),
        ("1-10x3", (1, 4, 7, 10)),
        ("1-6y3", (2, 3, 5, 6)),
        ("-3--1", (-3, -2, -1)),
        ("-1-1", (-1, 0, 1)),
        ("10-8", (8, 9, 10)),
        ("5, 1-2 ,5", (1, 2, 5)),
        ("1001-1010x2,1020", (1001, 1003, 1005, 1007, 1009, 1020)),
        ("0010-0012", (10, 11, 12)),
    ],
)
def test_reads_ranges(text: str, frames: tuple[int, ...]) -> None:
    assert parse_frames(text) == frames


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        ",",
        "1,",
        "1,,2",
        "a",
        "1-",
        "1-5x0",
        "1-5x-1",
        "1.5",
        "1-3x0.5",
        "1-99999999999",
        "1-5z2",
        "1..5",
        "١-٣",
        "1;2",
    ],
)
def test_refuses_what_is_no_range_and_says_how_to_write_one(text: str) -> None:
    with pytest.raises(FrameRangeError) as caught:
        parse_frames(text)
    assert repr(text) in str(caught.value)
    assert caught.value.mend


@given(st.sets(st.integers(-5000, 5000), min_size=1, max_size=60))
def test_formatting_and_parsing_are_inverse(frames: set[int]) -> None:
    assert parse_frames(format_frames(frames)) == tuple(sorted(frames))


@given(st.integers(-999, 999), st.integers(0, 300), st.integers(1, 40))
def test_steps_are_kept(first: int, length: int, step: int) -> None:
    assert parse_frames(f"{first}-{first + length}x{step}") == tuple(range(first, first + length + 1, step))


@given(st.text(max_size=12))
def test_any_text_gives_frames_or_one_of_our_errors(text: str) -> None:
    try:
        frames = parse_frames(text)
    except FrameRangeError:
        return
    assert frames == tuple(sorted(set(frames)))
    assert frames


def test_no_frames_give_an_empty_text() -> None:
    assert format_frames([]) == ""
