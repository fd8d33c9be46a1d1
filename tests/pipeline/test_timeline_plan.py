"""Which clips a timeline asks for, and all that is wrong with them at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest

from tests.pipeline.timeline_plates import RT, TR, clip, gap, planned, plate_of, sequence, timeline_of, values_of
from vfx_swap.errors import InputError, MissingInputError, SettingsError, UsageError
from vfx_swap.io.timecode import frames_of_timecode
from vfx_swap.pipeline.timeline_plan import EditPlan, Selection


def plan(folder: Path, timeline: Any, **more: Any) -> EditPlan:
    edit = folder / "edit.otio"
    otio.adapters.write_to_file(timeline, str(edit))
    return planned(folder, edit, **more)


def seen(made: EditPlan) -> list[str]:
    """Names of the clips that are taken."""
    return sorted(use.name for stretch in made.stretches for use, _ in stretch.uses)


def test_everything_that_is_wrong_is_told_at_once_by_clip(tmp_path: Path) -> None:
    folder = plate_of(tmp_path / "plate", range(1, 11))
    gone = sequence(tmp_path / "gone", 1, 10, name="gone")
    ramp = clip("ramp", sequence(folder, 1, 10), 0, 4)
    ramp.effects.append(otio.schema.TimeEffect("my ramp", "TimeWarp"))
    step = sequence(folder, 1, 10)
    step.frame_step = 2
    web = otio.schema.ExternalReference("https://example.com/take.mov", TR(RT(0, 24), RT(10, 24)))
    nest = otio.schema.Stack("nest")
    nest.append(otio.schema.Track(children=[clip("deep", sequence(folder, 1, 10), 0, 3)], kind="Video"))
    nest.effects.append(otio.schema.TimeEffect("", "Boomerang"))
    timeline = timeline_of([
        clip("lost", otio.schema.MissingReference(), 0, 5), clip("gone", gone, 0, 5), ramp,
        clip("steps", step, 0, 2), clip("web", web, 0, 3), clip("beyond", sequence(folder, 1, 10), 7, 6), nest,
        clip("fine", sequence(folder, 1, 10), 0, 2),
    ])  # fmt: skip
    with pytest.raises(SettingsError) as caught:
        plan(tmp_path, timeline, values=values_of(tmp_path, engine="nothing"))
    told = {problem.key: problem.what for problem in caught.value.problems}
    assert "its reference is missing" in told["V1, clip 1 'lost'"]
    assert "no frame of this name" in told["V1, clip 2 'gone'"]
    assert "time effect 'TimeWarp'" in told["V1, clip 3 'ramp'"]
    assert "frame_step" in told["V1, clip 4 'steps'"]
    assert "https://example.com/take.mov" in told["V1, clip 5 'web'"]
    assert "that do not exist: 11-13" in told["V1, clip 6 'beyond'"]
    assert "Boomerang" in told["V1, nest 7 'nest', V1, clip 1 'deep'"]
    assert "engine" in told
    assert len(told) == 8
    assert not (tmp_path / "media").exists()


def test_what_cannot_be_done_can_be_left(tmp_path: Path) -> None:
    folder = plate_of(tmp_path / "plate", range(1, 11))
    timeline = timeline_of([
        clip("lost", otio.schema.MissingReference(), 0, 5), clip("fine", sequence(folder, 1, 10), 0, 2),
    ])  # fmt: skip
    made = plan(tmp_path, timeline, leave_refused=True)
    assert seen(made) == ["fine"]
    assert [(one.place, one.reason) for one in made.left] == [
        ("V1, clip 1 'lost'", "has no media: its reference is missing")
    ]


def test_missing_frames_can_be_held(tmp_path: Path) -> None:
    folder = plate_of(tmp_path / "plate", range(1, 11))
    made = plan(
        tmp_path,
        timeline_of([clip("beyond", sequence(folder, 1, 12), 7, 5)]),
        values=values_of(tmp_path, missing="hold"),
    )
    assert made.stretches[0].span.last == 12


def test_a_title_is_left_and_only_a_problem_by_name(tmp_path: Path) -> None:
    folder = plate_of(tmp_path / "plate", range(1, 11))
    bars = clip("bars", otio.schema.GeneratorReference(generator_kind="SMPTEBars"), 0, 5)
    timeline = timeline_of([bars, clip("fine", sequence(folder, 1, 10), 0, 2)])
    assert [one.place for one in plan(tmp_path, timeline).left] == ["V1, clip 1 'bars'"]
    with pytest.raises(SettingsError, match="SMPTEBars"):
        plan(tmp_path, timeline, selection=Selection(clips=("bars",)))


def four_clips(folder: Path) -> Any:
    """Two tracks, with markers on a clip, on a track and on the timeline, and metadata."""
    reference = [sequence(plate_of(folder / "plate", range(1, 41)), 1, 40) for _ in range(4)]
    one, two = clip("one", reference[0], 0, 5), clip("two", reference[1], 10, 5)
    three, four = clip("three", reference[2], 20, 5), clip("four", reference[3], 30, 5)
    one.markers.append(otio.schema.Marker("double", TR(RT(1, 24), RT(0, 24)), color="GREEN"))
    two.metadata["show"] = {"double": "lead", "swap": False}
    reference[3].metadata["reel"] = "A001"
    made = timeline_of([one, two], [gap(5), three, gap(2), four])
    made.tracks.markers.append(otio.schema.Marker("swap me", TR(RT(11, 24), RT(1, 24)), color="RED"))
    made.tracks[1].markers.append(otio.schema.Marker("here", TR(RT(6, 24), RT(0, 24)), color="BLUE"))
    made.tracks[1].name = "VFX"
    return made


@pytest.mark.parametrize(
    ("selection", "names"),
    [
        (Selection(), ["four", "one", "three", "two"]),
        (Selection(tracks=("vfx",)), ["four", "three"]),
        (Selection(tracks=("V1",)), ["one", "two"]),
        (Selection(tracks=("2",)), ["four", "three"]),
        (Selection(markers=("Double",)), ["one"]),
        (Selection(markers=("green", "here")), ["one", "three"]),
        (Selection(markers=("swap me",)), []),
        (Selection(metadata=("show.double=lead",)), ["two"]),
        (Selection(metadata=("show.double=other",)), None),
        (Selection(metadata=("show.swap",)), None),
        (Selection(metadata=("reel=A001",)), ["four"]),
        (Selection(clips=("one", "four")), ["four", "one"]),
        (Selection(clips=("one", "four"), tracks=("VFX",)), ["four"]),
        (Selection(clips=("nothing",)), None),
    ],
)
def test_clips_are_found_by_track_marker_metadata_and_name(
    tmp_path: Path, selection: Selection, names: list[str] | None
) -> None:
    timeline = four_clips(tmp_path)
    if names == []:  # the timeline's marker lies over the gap of V2 and past the end of V1
        names = None
    if names is None:
        with pytest.raises(UsageError, match=r"no clip is to be swapped.*There are 4 clips on V1 \(V1\), VFX \(V2\)"):
            plan(tmp_path, timeline, selection=selection)
        return
    assert seen(plan(tmp_path, timeline, selection=selection)) == names


def test_a_marker_of_the_timeline_takes_what_lies_under_it(tmp_path: Path) -> None:
    timeline = four_clips(tmp_path)
    timeline.tracks.markers[0].marked_range = TR(RT(7, 24), RT(1, 24))
    assert seen(plan(tmp_path, timeline, selection=Selection(markers=("red",)))) == ["three", "two"]


def test_what_is_not_seen_is_not_rendered(tmp_path: Path) -> None:
    timeline = four_clips(tmp_path)
    timeline.tracks[1].enabled = False
    timeline.tracks[0][0].enabled = False
    timeline.tracks.append(otio.schema.Track("A1", children=[gap(1)], kind="Audio"))
    assert seen(plan(tmp_path, timeline)) == ["two"]
    timeline.tracks.source_range = TR(RT(0, 24), RT(7, 24))
    made = plan(tmp_path, timeline, handles=0)
    assert (made.stretches[0].span.first, made.stretches[0].span.last) == (11, 12)


def test_handles_end_where_the_files_do(tmp_path: Path) -> None:
    folder = plate_of(tmp_path / "plate", [*range(1, 7), *range(9, 21)])
    made = plan(tmp_path, timeline_of([clip("c", sequence(folder, 1, 20), 9, 3)]), handles=8)
    assert (made.stretches[0].span.first, made.stretches[0].span.last) == (9, 20)


def test_plates_of_one_name_do_not_share_a_folder(tmp_path: Path) -> None:
    one, other = plate_of(tmp_path / "a", range(1, 4)), plate_of(tmp_path / "b", range(1, 4))
    made = plan(tmp_path, timeline_of([clip("x", sequence(one, 1, 3), 0, 3), clip("y", sequence(other, 1, 3), 0, 3)]))
    assert len({stretch.shot.output for stretch in made.stretches}) == 2
    # The same names for the same plates, whatever else is in the edit in between.
    again = plan(tmp_path, timeline_of([clip("y", sequence(other, 1, 3), 0, 3), clip("x", sequence(one, 1, 3), 0, 3)]))
    assert {one.shot.output for one in again.stretches} == {one.shot.output for one in made.stretches}


def test_what_is_no_timeline_is_said(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError):
        planned(tmp_path, tmp_path / "no.otio")
    (tmp_path / "bad.otio").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="does not read as a timeline"):
        planned(tmp_path, tmp_path / "bad.otio")
    with pytest.raises(UsageError, match=r"timelines ending in '\.aaf'"):
        planned(tmp_path, tmp_path / "edit.aaf")
    otio.adapters.write_to_file(clip("c", otio.schema.MissingReference(), 0, 1), str(tmp_path / "clip.otio"))
    with pytest.raises(InputError, match="holds no timeline, but Clip"):
        planned(tmp_path, tmp_path / "clip.otio")
    endless = otio.schema.Timeline()
    endless.tracks.append(otio.schema.Track(children=[otio.schema.Clip("c")], kind="Video"))
    with pytest.raises(InputError, match="cannot be laid out in time"):
        plan(tmp_path, endless)


@pytest.mark.parametrize(
    ("text", "fps", "frames"),
    [
        ("01:00:00:00", 24000 / 1001, 86400), ("00:00:01:05", 25.0, 30), ("00:01:00;02", 29.97, 1800),
        ("01:00:00;00", 29.97, 107892), ("00:10:00;00", 59.94, 35964), ("noon", 24.0, None), ("", 24.0, None),
    ],
)  # fmt: skip
def test_timecode_counts_frames(text: str, fps: float, frames: int | None) -> None:
    assert frames_of_timecode(text, fps=fps) == frames
