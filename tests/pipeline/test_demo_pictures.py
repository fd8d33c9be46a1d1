"""The contact sheet, the page and the movie: sizes, no references outward, hostile names escaped."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from vfx_swap.errors import OutputError, UsageError
from vfx_swap.pipeline.before_after import half_columns, side_by_side, write_mp4
from vfx_swap.pipeline.contact_sheet import SheetRow, crop_at_200, make_contact_sheet, to_bytes, write_contact_sheet
from vfx_swap.pipeline.page import PageFile, make_page, page_still, write_page
from vfx_swap.pipeline.qc import Metrics
from vfx_swap.pipeline.qc_report import PROTOCOLS, metric_rows
from vfx_swap.types import ModelImage

HOSTILE = '<script>alert("x")</script>\'"&{{ 7*7 }}'


def _image(value: float, *, width: int = 160, height: int = 90) -> ModelImage:
    picture = np.full((height, width, 3), value, dtype=np.float32)
    picture[:, : width // 2] *= 0.5
    return ModelImage(picture)


def _row(label: str = "frame 1001") -> SheetRow:
    return SheetRow(label, _image(0.4), _image(0.8), np.ones((90, 160), np.float32), (80.0, 45.0))


def test_sheet_has_a_row_a_frame_and_five_columns(tmp_path: Path) -> None:
    one = make_contact_sheet([_row()], title="t", row_height=90)
    three = make_contact_sheet([_row()] * 3, title="t", row_height=90)
    assert one.width == three.width == 3 * 160 + 2 * 112 + 6 * 8
    assert three.height - one.height == 2 * (90 + 30 + 8)
    write_contact_sheet(tmp_path / "sheet.png", [_row()], title="t", row_height=90)
    with Image.open(tmp_path / "sheet.png") as written:
        assert written.size == one.size


def test_sheet_shows_plate_swap_and_matte_in_that_order() -> None:
    sheet = np.asarray(make_contact_sheet([_row()], title="t", row_height=90))
    middle = 64 + 30 + 30 + 45
    right_of = [8 + index * 168 + 120 for index in range(3)]
    assert [int(sheet[middle, x, 0]) for x in right_of] == [102, 204, 255]


def test_crop_is_twice_the_size_and_stays_inside() -> None:
    crop = crop_at_200(_image(0.5), centre=(0.0, 0.0), width=80, height=60)
    assert crop.size == (80, 60)
    assert int(np.asarray(crop)[30, 30, 0]) == 64


def test_sheet_takes_hostile_labels_and_needs_a_frame() -> None:
    make_contact_sheet([_row("\x00\u202e" + "x" * 5000)], title=HOSTILE, row_height=40)
    with pytest.raises(UsageError):
        make_contact_sheet([], title="t")


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: list[str] = []
        self.ranges = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        known = dict(attrs)
        self.links += [value for key in ("src", "href", "srcset", "action") if (value := known.get(key))]
        self.ranges += tag == "input" and known.get("type") == "range" and bool(known.get("aria-label"))


def _page(name: str = "demo") -> str:
    return make_page(
        title=name,
        subtitle=name,
        stills=[page_still(name, plate=_image(0.2), swap=_image(0.7))] * 2,
        movie=f"{name}.mp4",
        metrics=metric_rows(Metrics(distance_to_identity=0.35)),
        settings=name,
        command=name,
        files=[PageFile(name, name)],
        notes=[name],
    )


def test_page_refers_to_nothing_outside_its_folder() -> None:
    parsed = _Links()
    parsed.feed(_page())
    assert parsed.links
    assert all(link.startswith(("data:image/jpeg;base64,", "./")) for link in parsed.links)
    assert not re.search(r"https?:|//[a-z]|@import|url\(", re.sub(r"base64,[A-Za-z0-9+/=]+", "", _page()))


def test_page_has_a_labelled_slider_for_each_still() -> None:
    parsed = _Links()
    parsed.feed(_page())
    assert parsed.ranges == 2


def test_page_escapes_hostile_names(tmp_path: Path) -> None:
    plain, hostile = _Links(), _Links()
    plain.feed(_page())
    hostile.feed(_page(HOSTILE))
    assert hostile.tags == plain.tags
    assert all(link.startswith(("data:image/jpeg;base64,", "./")) for link in hostile.links)
    assert "{{ 7*7 }}" in _page(HOSTILE)
    write_page(tmp_path / "page.html", _page("a\udcff"))
    assert (tmp_path / "page.html").stat().st_size > 1000


def test_every_metric_has_its_protocol_and_unmeasured_ones_are_left_out() -> None:
    assert list(PROTOCOLS) == list(Metrics.__dataclass_fields__)
    rows = metric_rows(Metrics(distance_to_identity=0.351, changed_outside_pixels=0))
    assert [(row.name, row.value) for row in rows] == [
        ("distance to the identity", "0.351"),
        ("pixels changed outside the matte", "0"),
    ]


def test_movie_is_h264_that_browsers_play_and_shows_both_halves(tmp_path: Path) -> None:
    plate, swap = to_bytes(_image(0.4)), to_bytes(_image(0.8))
    columns = half_columns(160, centre_x=80.0, width=121)
    assert columns == slice(50, 110)
    joined = side_by_side(plate[:, columns], swap[:, columns])
    assert joined.shape == (90, 120, 3)
    path = tmp_path / "before_after.mp4"
    assert write_mp4(path, [joined] * 5, fps=24) == 5
    with av.open(str(path)) as movie:
        stream = movie.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert stream.average_rate == 24
        frames = [frame.to_ndarray(format="rgb24") for frame in movie.decode(stream)]
    assert len(frames) == 5
    assert abs(int(frames[4][45, 110, 1]) - 204) < 6
    assert abs(int(frames[4][45, 50, 1]) - 102) < 6


def test_halves_stay_inside_the_picture() -> None:
    assert half_columns(160, centre_x=-40.0, width=120) == slice(0, 60)
    assert half_columns(160, centre_x=400.0, width=120) == slice(100, 160)
    assert half_columns(51, centre_x=20.0, width=1920) == slice(0, 50)


def test_movie_without_frames_or_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        write_mp4(tmp_path / "none.mp4", [])
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        write_mp4(tmp_path / "file" / "x.mp4", [to_bytes(_image(0.1))])
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
