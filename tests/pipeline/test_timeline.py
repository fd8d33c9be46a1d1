"""A timeline through the whole command's work: what a viewer sees is the right frame, swapped."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import opentimelineio as otio
import pytest

from tests.pipeline.shot_fakes import FakeSwapper, fake_analyse, fake_engine, make_identity, write_exr, write_png
from tests.pipeline.timeline_plates import (
    FILM,
    NOBODY,
    RT,
    TR,
    clip,
    file_shown,
    gap,
    is_swapped,
    number_in,
    plate_of,
    play,
    quick_tools,
    run_edit,
    sequence,
    timeline_of,
    values_of,
)
from vfx_swap.errors import CancelledError, ConsentExpiredError, FramesFailedError, SettingsError
from vfx_swap.pipeline.consent import consent_from_options
from vfx_swap.pipeline.engines import Engine
from vfx_swap.pipeline.timeline_plan import Selection

HOUR = 3600 * 24
"""Frames of an hour, as 23.976 counts timecode."""


def check_frames(before: Any, after: Any) -> list[int]:
    """Every frame of the new timeline shows the number that the old one shows, swapped; returns the numbers."""
    old, new = play(before), play(after)
    assert len(old) == len(new)
    numbers = []
    for one, other in zip(old, new, strict=True):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            was, now = file_shown(*one), file_shown(*other)
            assert now != was
            assert number_in(now) == number_in(was)
            assert is_swapped(now, plate=was)
            assert file_shown(*other, "original") == was
            numbers.append(number_in(now))
    return numbers


def the_edit(folder: Path) -> Any:
    """Gaps, a transition, a nest that trims, a clip used twice, speeds, 23.976 and clocks that start anywhere."""
    a = plate_of(folder / "plates" / "a b", range(1001, 1061))
    b = plate_of(folder / "plates" / "b", range(1, 41))

    def of_a(name: str, start: int, count: int, speed: float | None = None) -> Any:
        return clip(name, sequence(a, 1001, 60, start=HOUR, rate=FILM), HOUR + start, count, rate=FILM, speed=speed)

    def of_b(name: str, start: int, count: int) -> Any:
        return clip(name, sequence(b, 1, 40, start=77, rate=FILM), 77 + start, count, rate=FILM)

    nest = otio.schema.Stack("nest", source_range=TR(RT(3, FILM), RT(4, FILM)))
    nest.append(otio.schema.Track("inner", children=[gap(2, rate=FILM), of_b("deep", 20, 9)], kind="Video"))
    dissolve = otio.schema.Transition("dissolve", "SMPTE_Dissolve", RT(2, FILM), RT(3, FILM))
    main = [
        gap(3, rate=FILM), of_a("twice", 10, 6), gap(1, rate=FILM), of_a("again", 13, 6), nest,
        of_b("out", 5, 5), dissolve, of_b("in", 30, 6), of_a("double", 30, 5, 2.0), of_a("frozen", 55, 4, 0.0),
        of_a("back", 50, 4, -1.0), of_a("slow", 40, 6, 0.5),
    ]  # fmt: skip
    return timeline_of(main, [gap(4, rate=FILM), of_b("above", 12, 3)], start=HOUR, rate=FILM)


def test_every_frame_of_an_edit_is_the_right_one_swapped(tmp_path: Path) -> None:
    before = the_edit(tmp_path)
    after, report = run_edit(tmp_path, before, handles=2)

    numbers = check_frames(before, after)
    assert numbers[:6] == [1011, 13, 14, 15, 1015, 1016]
    assert set(range(1051 - 3, 1051)) <= set(numbers)  # backwards, from its start
    assert after.global_start_time == before.global_start_time
    assert len(report.clips) == 10
    spans = [(one.stretch.span.first, one.stretch.span.last) for one in report.rendered]
    # a: 1011-1016 and 1014-1019; twice as fast 1031-1039, slow 1041-1044, back 1048-1051 or 1051-1054, frozen 1056.
    # b: out 6-10 and 3 for the dissolve, above 13-15; deep 22-25 of 21-29; in 31-36 and 2 before. Handles of 2.
    assert spans == [(1009, 1021), (1029, 1058), (4, 17), (20, 38)]
    files = list((tmp_path / "media").rglob("*.exr"))
    assert len(files) == sum(last - first + 1 for first, last in spans)
    # And what the edit plays is not changed: with the originals back in place it is the old one.
    for one in after.find_clips():
        one.set_media_references({"DEFAULT_MEDIA": one.media_references()["original"]}, "DEFAULT_MEDIA")
    del after.metadata["vfx_swap"]
    assert after.is_equivalent_to(before)


@pytest.mark.parametrize("hours", [0, 10])
def test_one_rate_written_in_two_ways_is_one_rate(tmp_path: Path, hours: int) -> None:
    folder = plate_of(tmp_path / "plate", range(1, 21))
    reference = sequence(folder, 1, 20, start=hours * HOUR, rate=23.98)
    before = timeline_of([clip("c", reference, hours * HOUR + 8, 4, rate=FILM)], rate=FILM)
    after, report = run_edit(tmp_path, before, handles=0)
    assert sorted(path.name for path in (tmp_path / "media").rglob("*.exr")) == [
        f"plate.{number:04d}.exr" for number in (9, 10, 11, 12)
    ]
    made = after.find_clips()[0].media_reference
    assert (made.start_frame, made.rate) == (9, 23.98)
    assert made.available_range.start_time == RT(hours * HOUR + 8, 23.98)
    assert report.rendered[0].frames == 4


def test_a_plate_of_another_rate_is_read_by_the_clock(tmp_path: Path) -> None:
    folder = plate_of(tmp_path / "plate", range(101, 141))
    before = timeline_of([clip("c", sequence(folder, 101, 40, start=100, rate=48), 53, 5)])
    _, report = run_edit(tmp_path, before, handles=1)  # 53/24 s is 106/48 s: 6 frames in
    assert report.rendered[0].stretch.span.first == 106
    assert report.rendered[0].stretch.span.last == 116


def test_backwards_from_its_end_is_read_where_only_that_is_there(tmp_path: Path) -> None:
    folder = plate_of(tmp_path / "plate", range(1, 11))
    before = timeline_of([clip("c", sequence(folder, 1, 10), 0, 6, speed=-1.0)])
    _, report = run_edit(tmp_path, before, handles=0)
    assert (report.rendered[0].stretch.span.first, report.rendered[0].stretch.span.last) == (1, 6)


def test_a_nest_that_is_played_faster_shows_more_of_its_clip(tmp_path: Path) -> None:
    folder = plate_of(tmp_path / "plate", range(1, 41))
    nest = otio.schema.Stack("nest", source_range=TR(RT(4, 24), RT(5, 24)))
    nest.append(otio.schema.Track(children=[clip("c", sequence(folder, 1, 40), 0, 40)], kind="Video"))
    nest.effects.append(otio.schema.LinearTimeWarp(time_scalar=3.0))
    _, report = run_edit(tmp_path, timeline_of([nest]), handles=0)
    span = report.rendered[0].stretch.span
    assert (span.first, span.last) == (5, 19)  # 5 frames of 3 from the fifth


@pytest.mark.parametrize("spelling", ["range", "pattern", "first file", "plain path", "relative", "escaped"])
def test_references_of_other_spellings_lead_to_the_same_frames(tmp_path: Path, spelling: str) -> None:
    folder = plate_of(tmp_path / "a b", range(1001, 1011))
    url = {
        "range": f"{folder}/plate.[1001-1010].exr",
        "pattern": f"{folder}/plate.%04d.exr",
        "first file": f"file://{folder}/plate.1001.exr",
        "plain path": f"{folder}/plate.####.exr",
        "relative": "a b/plate.####.exr",
        "escaped": f"file://{str(folder).replace(' ', '%20')}/plate.%2504d.exr",
    }[spelling]
    reference = otio.schema.ExternalReference(url, TR(RT(500, 24), RT(10, 24)))
    after, _ = run_edit(tmp_path, timeline_of([clip("c", reference, 503, 3)]), handles=0)
    made = after.find_clips()[0].media_reference
    assert (made.start_frame, made.available_range) == (1004, TR(RT(503, 24), RT(3, 24)))
    base = made.target_url_base
    assert base.startswith("file:///") == url.startswith("file:")
    assert base.startswith("media/") == (spelling == "relative")
    assert ("%20" in base) == (spelling == "escaped" and " " in str(tmp_path)) or " " not in base


def test_a_still_is_rendered_once_and_stays_a_still(tmp_path: Path) -> None:
    from tests.pipeline.timeline_plates import burnt

    write_exr(tmp_path / "still.exr", burnt(7))
    reference = otio.schema.ExternalReference(str(tmp_path / "still.exr"), TR(RT(0, 24), RT(1, 24)))
    before = timeline_of([clip("a", reference, 0, 50), gap(2), clip("b", reference, 0, 10)])
    after, report = run_edit(tmp_path, before)
    assert sum(one.frames for one in report.rendered) == 1
    made = {one.media_reference.target_url for one in after.find_clips()}
    assert len(made) == 1
    assert number_in(Path(made.pop())) == 7


def test_a_movie_comes_back_as_a_movie_on_the_same_clock(tmp_path: Path) -> None:
    from vfx_swap.io.movies import MovieReader

    movie = make_movie(tmp_path / "take.mov", 24)
    reference = otio.schema.ExternalReference(f"file://{movie}", TR(RT(HOUR, FILM), RT(24, FILM)))
    before = timeline_of([clip("c", reference, HOUR + 10, 5, rate=FILM)], rate=FILM)
    quick = quick_tools(analyse=fake_analyse(), open_engine=any_light_engine)
    after, report = run_edit(tmp_path, before, handles=3, tools=quick)
    made = after.find_clips()[0].media_reference
    assert made.available_range == TR(RT(HOUR + 7, FILM), RT(11, FILM))
    assert report.rendered[0].frames == 11
    with MovieReader(Path(str(otio.url_utils.filepath_from_url(made.target_url)))) as result:
        assert len(result.frames) == 11
        assert [movie_number(result.read(frame).rgb()) for frame in (1, 4, 11)] == [8, 11, 18]


class AnyLight(FakeSwapper):
    """For plates of any colour space."""

    def prepare(self, identity: Any, **_: Any) -> float:
        return 0.5


def any_light_engine(shot: Any, **more: Any) -> Engine:
    swapper: Any = AnyLight()
    return replace(fake_engine({})(shot, **more), swapper_for=lambda _: swapper)


def make_movie(path: Path, frames: int) -> Path:
    """A movie that counts in blocks, at 23.976."""
    import av

    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=24000, options={"crf": "1"})
        stream.codec_context.framerate = Fraction(24000, 1001)
        stream.time_base = stream.codec_context.time_base = Fraction(1001, 24000)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(1, frames + 1):
            rgb = np.full((48, 64, 3), 90, np.uint8)
            for bit in range(8):
                rgb[40:48, bit * 8 : bit * 8 + 8] = 235 if number >> bit & 1 else 16
            picture = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            picture.pts = number - 1
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def movie_number(rgb: np.ndarray) -> int:
    return sum(1 << bit for bit in range(8) if rgb[44, bit * 8 + 4].mean() > 0.5)


def test_a_second_run_renders_nothing_and_a_new_version_keeps_the_first(tmp_path: Path) -> None:
    folder = plate_of(tmp_path / "plate", range(1, 13))
    before = timeline_of([clip("c", sequence(folder, 1, 12), 3, 4)])
    once, _ = run_edit(tmp_path, before, handles=1)
    again, report = run_edit(tmp_path, before, handles=1)
    assert again.is_equivalent_to(once)
    assert [(one.frames, one.skipped) for one in report.rendered] == [(6, 6)]
    # An edit that carries a swap: the original is what is swapped, not the result.
    third, report = run_edit(tmp_path, once, handles=1, values=values_of(tmp_path, matte={"feather": 0.2}))
    assert report.key == "vfx_swap_v002"
    references = third.find_clips()[0].media_references()
    assert set(references) == {"original", "vfx_swap_v001", "vfx_swap_v002"}
    assert references["original"].target_url_base == sequence(folder, 1, 12).target_url_base


def test_stopped_it_writes_no_timeline_and_goes_on_the_next_time(tmp_path: Path) -> None:
    folder = plate_of(tmp_path / "plate", range(1, 31))
    before = timeline_of([
        clip("a", sequence(folder, 1, 30), 0, 4), gap(1), clip("b", sequence(folder, 1, 30), 20, 4),
    ])  # fmt: skip
    written: list[int] = []

    def told(event: Any) -> None:
        if (event.stage, event.what) == ("render", "frame"):
            written.append(event.done)

    with pytest.raises(CancelledError, match="Run the same command again"):
        run_edit(tmp_path, before, handles=0, progress=told, cancelled=lambda: bool(written))
    assert not (tmp_path / "new.otio").exists()
    kept = len(list((tmp_path / "media").rglob("*.exr")))
    assert 1 <= kept < 8
    _, report = run_edit(tmp_path, before, handles=0)
    assert sum(one.skipped for one in report.rendered) == kept
    assert sum(one.frames for one in report.rendered) == 8


def test_active_only_leaves_one_reference(tmp_path: Path) -> None:
    folder = plate_of(tmp_path / "plate", range(1, 13))
    after, _ = run_edit(tmp_path, timeline_of([clip("c", sequence(folder, 1, 12), 3, 4)]), active_only=True)
    references = after.find_clips()[0].media_references()
    assert list(references) == ["DEFAULT_MEDIA"]
    assert "media" in references["DEFAULT_MEDIA"].target_url_base
    assert references["DEFAULT_MEDIA"].metadata["vfx_swap"]["original"] == sequence(folder, 1, 12).target_url_base


def test_a_clip_whose_frames_fail_keeps_its_media_and_the_others_are_written(tmp_path: Path) -> None:
    good = plate_of(tmp_path / "good", range(1, 6), name="good")
    bad = plate_of(tmp_path / "bad", range(1, 6), name="bad")
    (bad / "bad.0003.exr").write_bytes((bad / "bad.0003.exr").read_bytes()[:900])
    before = timeline_of([
        clip("good", sequence(good, 1, 5, name="good"), 0, 5), clip("bad", sequence(bad, 1, 5, name="bad"), 0, 5),
    ])  # fmt: skip
    with pytest.raises(FramesFailedError, match="frame 3: bad_1-5") as caught:
        run_edit(tmp_path, before)
    assert "new.otio is written" in str(caught.value.mend)
    written = otio.adapters.read_from_file(str(tmp_path / "new.otio"))
    assert [one.active_media_reference_key for one in written.find_clips()] == ["vfx_swap_v001", "DEFAULT_MEDIA"]


def test_the_performer_s_face_says_which_clips(tmp_path: Path) -> None:
    stunt = plate_of(tmp_path / "s", range(1, 6), performer=3, name="stunt")
    other = plate_of(tmp_path / "o", range(1, 6), performer=2, name="other")
    empty = plate_of(tmp_path / "e", range(1, 6), performer=NOBODY, name="empty")
    clips = [
        clip(name, sequence(folder, 1, 5, name=name), 0, 5)
        for name, folder in (("stunt", stunt), ("other", other), ("empty", empty))
    ]
    values = values_of(tmp_path)
    photo = tmp_path / "stunt.png"
    write_png(photo, disc(0.5))  # exposed for a display it is the brightest shade, performer 3
    values["cast"] = [{"performer": str(photo), "identity": str(tmp_path / "who.identity"), "reshape": 0.0}]
    after, report = run_edit(tmp_path, timeline_of(clips), values=values)
    keys = [one.active_media_reference_key for one in after.find_clips()]
    assert keys == ["vfx_swap_v001", "DEFAULT_MEDIA", "DEFAULT_MEDIA"]
    assert [one.reason for one in report.left] == ["shows nobody of the cast"] * 2
    # Asked for by name, a clip without the performer is a problem, and nothing is rendered.
    named = Selection(clips=("stunt", "other"))
    with pytest.raises(SettingsError, match=r"clip 2 'other': shows nobody of the cast"):
        run_edit(tmp_path, timeline_of(clips), values=values, selection=named, overwrite=True)


def disc(shade: float) -> np.ndarray:
    """A photograph of the painted performer of that shade."""
    rows, columns = np.mgrid[0:120, 0:160]
    inside = (columns - 80) ** 2 + (rows - 60) ** 2 <= 40**2
    return np.repeat(np.where(inside, shade, 0.1)[:, :, None], 3, axis=2)


def test_consent_comes_before_everything(tmp_path: Path) -> None:
    folder = plate_of(tmp_path / "plate", range(1, 6))
    values = values_of(tmp_path)
    record = consent_from_options(who="x", scope="y", expires="2020-02-01", performer="z", valid_from=date(2020, 1, 1))
    make_identity(tmp_path / "who.identity", consent=record)
    read: list[int] = []

    def analyse(plate: Any, **_: Any) -> Any:
        read.append(1)

    with pytest.raises(ConsentExpiredError):
        run_edit(
            tmp_path,
            timeline_of([clip("c", sequence(folder, 1, 5), 0, 5)]),
            values=values,
            tools=quick_tools(analyse=analyse),
        )
    assert not read
    assert not (tmp_path / "media").exists()
    assert not (tmp_path / "new.otio").exists()
