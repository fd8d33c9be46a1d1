"""Movies: the frame that was asked for, at its depth, and the way out again."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.io.disks import mounted
from tests.io.filming import FPS, QUIET, code, film, frame_shown, packets
from tests.io.making import half_exr, save, spec_of
from vfx_swap.errors import (
    DiskFullError,
    MissingInputError,
    OutputError,
    UnreadableImageError,
    UnsupportedImageError,
    UsageError,
)
from vfx_swap.io.movies import MovieReader
from vfx_swap.io.outputs import open_output
from vfx_swap.io.picture import Picture
from vfx_swap.io.plates import open_plate
from vfx_swap.io.read import read_picture

FORMS = [
    ("h.mp4", "libx264", "yuv420p", {"bf": "3", "g": "8"}, 8),
    ("h.mov", "libx264", "yuv422p10le", {"g": "250"}, 10),
    ("x.mp4", "libx265", "yuv420p10le", QUIET, 10),
    ("p.mov", "prores_ks", "yuv422p10le", {"profile": "3"}, 10),
    ("p4.mov", "prores_ks", "yuva444p10le", {"profile": "4"}, 12),
]


def shown(picture: Picture) -> int:
    assert picture.yuv is not None
    return frame_shown(picture.yuv.y, picture.yuv.bits)


@pytest.mark.parametrize(("name", "codec", "pixel_format", "options", "depth"), FORMS)
def test_any_frame_in_any_order_at_its_depth(
    tmp_path: Path, name: str, codec: str, pixel_format: str, options: dict[str, str], depth: int
) -> None:
    path = film(tmp_path / name, codec=codec, pixel_format=pixel_format, options=options)
    with MovieReader(path) as movie:
        assert movie.frames == range(1, 25)
        assert movie.fps == FPS
        for frame in (1, 2, 3, 24, 10, 9, 11, 1, 17, 17, 23):
            picture = movie.read(frame)
            assert shown(picture) == frame
        assert picture.bits == depth
        assert picture.kind == "movie"
        assert not picture.is_float
        assert (picture.alpha is not None) == ("yuva" in pixel_format)
        assert picture.rgb()[5, 5] == pytest.approx((code(23) - 16) / 219, abs=0.012)
        assert picture.warnings == ()


def test_times_that_vary_and_groups_that_are_open(tmp_path: Path) -> None:
    times = [0, 1, 2, 5, 6, 7, 8, 20, 21, 22, 23, 40, 41, 42, 43, 44, 60, 61, 62, 63]
    options = {"bf": "3", "g": "6", "x264-params": "open-gop=1"}
    path = film(tmp_path / "v.mp4", count=20, times=times, options=options)
    with MovieReader(path) as movie:
        assert len(movie.frames) == 20
        for frame in (20, 3, 8, 7, 12, 6, 13, 1):
            assert shown(movie.read(frame)) == frame
        assert movie.seconds(4) - movie.seconds(3) == Fraction(3 * 1001, 24000)


def test_frames_cut_off_by_an_edit_list_do_not_count(tmp_path: Path) -> None:
    path = film(tmp_path / "whole.mp4", options={"bf": "0", "g": "24"})
    with av.open(str(path)) as whole, av.open(str(tmp_path / "cut.mp4"), "w") as cut:
        stream = cut.add_stream_from_template(whole.streams.video[0])
        packets_in: Any = whole.demux(whole.streams.video[0])
        for packet in packets_in:
            if packet.size:
                # Times below zero are what an edit list cuts off.
                packet.pts, packet.dts = packet.pts - 5 * 1001, packet.dts - 5 * 1001
                packet.stream = stream
                cut.mux(packet)
    with MovieReader(tmp_path / "cut.mp4") as movie:
        assert len(movie.frames) == 19
        assert [shown(movie.read(frame)) for frame in (1, 7, 19, 2)] == [6, 12, 24, 7]


def test_tags_choose_matrix_and_range_and_are_told(tmp_path: Path) -> None:
    tags = {"colorspace": 9, "color_range": 2, "color_primaries": 9, "color_trc": 16}
    with MovieReader(film(tmp_path / "t.mp4", count=2, tags=tags)) as movie:
        picture = movie.read(2)
    hints = picture.colour_hints
    assert (hints.movie_primaries, hints.movie_transfer, hints.movie_matrix) == ("bt2020", "smpte2084", "bt2020nc")
    assert picture.yuv is not None
    assert (picture.yuv.matrix, picture.yuv.full_range) == (9, True)
    assert picture.rgb()[5, 5, 1] == pytest.approx(code(2) / 255, abs=0.01)


def test_a_movie_that_does_not_say_is_read_as_bt709_by_name(tmp_path: Path) -> None:
    with MovieReader(film(tmp_path / "t.mp4", count=1, tags={"colorspace": 2})) as movie:
        picture = movie.read(1)
    assert any("BT.709" in warning for warning in picture.warnings)


def test_frames_that_are_not_there(tmp_path: Path) -> None:
    with MovieReader(film(tmp_path / "t.mp4", count=3)) as movie:
        for frame in (0, 4, -1):
            with pytest.raises(MissingInputError, match="1-3"):
                movie.read(frame)
    with pytest.raises(MissingInputError):
        MovieReader(tmp_path / "no.mp4")


def test_damaged_movies(tmp_path: Path) -> None:
    whole = film(tmp_path / "t.mp4").read_bytes()
    for name, data in (("cut.mp4", whole[: len(whole) // 2]), ("empty.mp4", b""), ("text.mov", b"no movie at all")):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(UnreadableImageError, match=name):
            MovieReader(tmp_path / name)
    early = film(tmp_path / "e.mp4", index_first=True, options={"crf": "0"}).read_bytes()
    (tmp_path / "late.mp4").write_bytes(early[: len(early) - 400])
    with pytest.raises(UnreadableImageError, match=r"late\.mp4"):
        MovieReader(tmp_path / "late.mp4")
    (tmp_path / "d.mov").mkdir()
    with pytest.raises(UnreadableImageError):
        MovieReader(tmp_path / "d.mov")


@pytest.mark.parametrize("name", ["a%d.mp4", "line\nbreak.mov", "http:x.mp4", "ü 漢.mp4"])
def test_hostile_names(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / name).write_bytes(film(tmp_path / "t.mp4", count=2).read_bytes())
    monkeypatch.chdir(tmp_path)
    again(Path(name), Path(f"{name[0]}{name}"))
    assert (tmp_path / f"{name[0]}{name}").is_file()


def again(
    plate_path: Path, out: Path, *, change: bool = False, frames: slice = slice(None), codec: Any = None
) -> list[str]:
    """Write a movie's frames again, some changed in a square."""
    warnings: dict[str, None] = {}
    with open_plate(plate_path) as plate, open_output(out, plate=plate, codec=codec) as output:
        for frame in plate.frames[frames]:
            picture = plate.read(frame)
            rgb = picture.rgb()
            matte = np.zeros(rgb.shape[:2], np.float32)
            if change:
                matte[8:24, 8:32] = 1
                rgb[8:24, 8:32] = (0.8, 0.2, 0.1)
            report = output.write(frame, picture, rgb=rgb, matte=matte)
            warnings.update(dict.fromkeys(report.warnings))
    return list(warnings)


@pytest.mark.parametrize(
    ("name", "out", "codec", "coder", "pixel_format"),
    [
        ("h.mp4", "o.mp4", None, "h264", "yuv420p"), ("x.mp4", "o.mp4", None, "hevc", "yuv420p10le"),
        ("p.mov", "o.mov", None, "prores", "yuv422p10le"), ("p4.mov", "o.mov", None, "prores", "yuva444p12le"),
        ("h.mp4", "o.mov", None, "prores", "yuv422p10le"), ("p.mov", "o.mp4", None, "hevc", "yuv422p10le"),
        ("h.mp4", "o.mp4", "hevc", "hevc", "yuv420p10le"),
        ("p4.mov", "o.mov", "prores_422_hq", "prores", "yuv422p10le"),
    ],
)  # fmt: skip
def test_out_again_with_sound(tmp_path: Path, name: str, out: str, codec: Any, coder: str, pixel_format: str) -> None:
    (form,) = [form for form in FORMS if form[0] == name]
    path = film(tmp_path / name, codec=form[1], pixel_format=form[2], options=form[3], count=8, sound="aac")
    warnings = again(path, tmp_path / out, change=True, codec=codec)
    assert any("compressed again" in warning for warning in warnings)
    with MovieReader(tmp_path / out) as movie:
        assert movie.stream.codec_context.name == coder
        assert movie.stream.codec_context.pix_fmt == pixel_format
        assert movie.stream.codec_context.colorspace == 1
        assert len(movie.frames) == 8
        assert movie.fps == FPS
        picture = movie.read(5)
        hints = picture.colour_hints
        assert movie.stream.container.metadata["title"] == "sq010_sh0020"
        assert (hints.movie_primaries, hints.movie_transfer, hints.movie_matrix) == ("bt709", "bt709", "bt709")
        assert picture.rgb()[15, 18] == pytest.approx((0.8, 0.2, 0.1), abs=0.02)
        assert picture.yuv is not None
        assert frame_shown(picture.yuv.y[32:, 40:], picture.yuv.bits) == 5
    sound, original = packets(tmp_path / out, "audio"), packets(path, "audio")
    # The movie is shorter than the tone: sound past its end stays behind, all before is there, byte by byte.
    assert sound == original[: len(sound)]
    assert len(sound) >= 15
    assert [item.name for item in tmp_path.iterdir() if ".tmp" in item.name] == []


def test_the_encoder_gets_the_plates_codes(tmp_path: Path) -> None:
    # A codec that keeps all would show it; ProRes of flat frames is near enough to.
    path = film(tmp_path / "p.mov", codec="prores_ks", pixel_format="yuv422p10le", count=3)
    again(path, tmp_path / "o.mov")
    with MovieReader(path) as plate, MovieReader(tmp_path / "o.mov") as got:
        one, two = plate.read(2).yuv, got.read(2).yuv
        assert one is not None
        assert two is not None
        assert np.abs(one.y.astype(int) - two.y).max() <= 1


def test_part_of_a_movie_takes_the_sound_of_that_part(tmp_path: Path) -> None:
    path = film(tmp_path / "h.mp4", sound="aac", metadata={"timecode": "01:00:00:00"})
    again(path, tmp_path / "o.mp4", frames=slice(12, 18))
    sound, original = packets(tmp_path / "o.mp4", "audio"), packets(path, "audio")
    assert 8 <= len(sound) <= 13
    start = original.index(sound[0])
    assert original[start : start + len(sound)] == sound
    # 12 frames are 0.5005 s, 23.5 packets of 1024 samples.
    assert 23 <= start <= 25
    with MovieReader(tmp_path / "o.mp4") as movie:
        assert len(movie.frames) == 6
        assert shown(movie.read(1)) == 13


def test_times_that_vary_are_kept(tmp_path: Path) -> None:
    path = film(tmp_path / "v.mp4", count=6, times=[0, 1, 2, 8, 9, 10])
    again(path, tmp_path / "o.mp4")
    with MovieReader(path) as plate, MovieReader(tmp_path / "o.mp4") as got:
        for frame in plate.frames:
            assert float(got.seconds(frame)) == pytest.approx(float(plate.seconds(frame)), abs=0.002)


def test_sound_that_does_not_fit_is_named(tmp_path: Path) -> None:
    path = film(tmp_path / "p.mov", codec="prores_ks", pixel_format="yuv422p10le", count=3, sound="pcm_alaw")
    assert any("pcm_alaw" in warning for warning in again(path, tmp_path / "o.mp4"))
    again(path, tmp_path / "o.mov")
    assert packets(tmp_path / "o.mov", "audio")[0] == packets(path, "audio")[0]


def test_a_movie_from_integer_stills(tmp_path: Path) -> None:
    # Odd sizes, which encoders refuse with halved chroma.
    for frame in range(1001, 1005):
        pixels = np.full((31, 41, 3), 40 * (frame - 1000), np.uint8)
        save(tmp_path / f"n.{frame}.png", (spec_of("RGB", pixels), pixels))
    again(tmp_path / "n.####.png", tmp_path / "o.mp4")
    with MovieReader(tmp_path / "o.mp4") as movie:
        assert movie.fps == 24
        assert len(movie.frames) == 4
        assert movie.read(3).rgb()[5, 5] == pytest.approx(120 / 255, abs=0.01)
        assert movie.read(3).colour_hints.movie_transfer == "iec61966-2-1"


@pytest.mark.parametrize(("name", "dtype"), [("o.%d.exr", np.float16), ("o.%d.png", np.uint16), ("o.%d.jpg", np.uint8)])
def test_a_movie_into_stills(tmp_path: Path, name: str, dtype: type[np.generic]) -> None:
    path = film(tmp_path / "x.mp4", codec="libx265", pixel_format="yuv420p10le", options=QUIET, count=4)
    warnings = again(path, tmp_path / name, change=True)
    assert warnings
    with MovieReader(path) as movie:
        plate = movie.read(2)
    got = read_picture(tmp_path / (name % 2))
    assert got.native_rgb.dtype == dtype
    assert got.rgb()[15, 18] == pytest.approx((0.8, 0.2, 0.1), abs=0.02)
    assert np.abs(got.rgb() - plate.rgb())[30:, 40:].max() < (0.02 if dtype == np.uint8 else 0.001)


def test_avi_with_b_frames_is_refused_rather_than_guessed(tmp_path: Path) -> None:
    # AVI has no presentation times: with B-frames the decoder's pictures come under wrong ones (4 showed 2).
    with pytest.raises(UnsupportedImageError, match="AVI"):
        MovieReader(film(tmp_path / "a.avi", options={"bf": "3"}))
    with MovieReader(film(tmp_path / "b.avi", codec="mpeg4", options={"bf": "0", "q": "2"})) as movie:
        assert [shown(movie.read(frame)) for frame in (1, 4, 24, 9)] == [1, 4, 24, 9]


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("codec", ["h264", "hevc", "prores_422_hq"])
def test_movies_of_few_frames(tmp_path: Path, count: int, codec: Any) -> None:
    for frame in range(1, count + 1):
        pixels = np.full((48, 64, 3), 10000 * frame, np.uint16)
        save(tmp_path / f"n.{frame:04d}.png", (spec_of("RGB", pixels), pixels))
    out = tmp_path / ("o.mov" if codec.startswith("prores") else "o.mp4")
    again(tmp_path / "n.####.png", out, codec=codec)
    with MovieReader(out) as movie:
        assert len(movie.frames) == count
        assert movie.read(count).rgb()[5, 5] == pytest.approx(10000 * count / 65535, abs=0.01)


def test_what_a_movie_cannot_be(tmp_path: Path) -> None:
    half_exr(tmp_path / "n.1001.exr")
    light = open_plate(tmp_path / "n.####.exr")
    picture = read_picture(tmp_path / "n.1001.exr")
    rgb, matte = picture.rgb(), np.zeros((12, 16), np.float32)
    with pytest.raises(UnsupportedImageError, match="float"):
        open_output(tmp_path / "o.mp4", plate=light).write(1001, picture, rgb=rgb, matte=matte)
    with pytest.raises(UnsupportedImageError, match="avi"):
        open_output(tmp_path / "o.avi", plate=light)
    path = film(tmp_path / "h.mp4", count=2)
    with open_plate(path) as plate:
        picture = plate.read(1)
        rgb, matte = picture.rgb(), np.zeros((48, 64), np.float32)
        with pytest.raises(UsageError, match="ProRes"):
            open_output(tmp_path / "o.mp4", plate=plate, codec="prores_4444").write(1, picture, rgb=rgb, matte=matte)
        with pytest.raises(UsageError, match="codec"):
            open_output(tmp_path / "o.mp4", plate=plate, codec="divx")  # type: ignore[arg-type]  # what a user may type
        with pytest.raises(UnsupportedImageError, match="matte"):
            open_output(tmp_path / "o.mp4", plate=plate).write(
                1, picture, rgb=rgb, matte=matte, layers={"matte.1.A": matte}
            )
        with pytest.raises(UnsupportedImageError, match="EXR"):
            open_output(tmp_path / "o.mp4", plate=plate, layers=True)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["h.mp4", "n.1001.exr"]


def test_frames_of_a_movie_come_in_order(tmp_path: Path) -> None:
    with open_plate(film(tmp_path / "h.mp4", count=3)) as plate:
        picture = plate.read(2)
        rgb, matte = picture.rgb(), np.zeros((48, 64), np.float32)
        output = open_output(tmp_path / "o.mp4", plate=plate)
        output.write(2, picture, rgb=rgb, matte=matte)
        with pytest.raises(UsageError, match="order"):
            output.write(1, picture, rgb=rgb, matte=matte)
        output.abort()
    assert not (tmp_path / "o.mp4").exists()


def test_an_interrupted_movie_leaves_nothing(tmp_path: Path) -> None:
    path = film(tmp_path / "h.mp4", count=3)

    def interrupted() -> None:
        with open_plate(path) as plate, open_output(tmp_path / "o.mp4", plate=plate) as output:
            picture = plate.read(1)
            output.write(1, picture, rgb=picture.rgb(), matte=np.zeros((48, 64), np.float32))
            assert len(list(tmp_path.iterdir())) == 2
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [item.name for item in tmp_path.iterdir()] == ["h.mp4"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    yield from mounted(disk, "size=256k")


def test_a_full_disk_is_found_and_leaves_nothing(tmp_path: Path, small_disk: Path) -> None:
    with open_plate(film(tmp_path / "h.mp4", size=(320, 240), count=12)) as plate:
        output = open_output(small_disk / "o.mov", plate=plate)

        def write_all() -> None:
            random = np.random.default_rng(9)
            for frame in plate.frames:
                picture = plate.read(frame)
                noise = random.random((240, 320, 3)).astype(np.float32)
                output.write(frame, picture, rgb=noise, matte=np.ones((240, 320), np.float32))
            output.close()

        with pytest.raises(DiskFullError):
            write_all()
        output.abort()
    assert list(small_disk.iterdir()) == []


@pytest.mark.parametrize(("number", "expected"), [(errno.ENOSPC, DiskFullError), (errno.EIO, OutputError)])
def test_a_disk_that_fails_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, expected: type[Exception]
) -> None:
    path = film(tmp_path / "h.mp4", count=2)
    with open_plate(path) as plate:
        output = open_output(tmp_path / "o.mp4", plate=plate)
        picture = plate.read(1)
        output.write(1, picture, rgb=picture.rgb(), matte=np.zeros((48, 64), np.float32))

        def fail(handle: int) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(expected):
            output.close()
    assert [item.name for item in tmp_path.iterdir()] == ["h.mp4"]
