"""Clips, plates and results in a Resolve that never says what it did: each trap that was observed is a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from vfx_swap_resolve import clips, memory, plates, results, timelines
from vfx_swap_resolve.calls import ResolveError, current_timeline, has_method

from tests.hosts.resolve.fake_resolve import FakeItem, FakeResolve, FakeTimeline, Traps, item_on, media_of


@pytest.fixture(params=[None, False, True], ids=["says None", "says False", "says True"])
def says(request: pytest.FixtureRequest) -> Any:
    """What this Resolve answers when it is told to do something."""
    return request.param


def a_clip(resolve: FakeResolve, **more: Any) -> clips.Clip:
    """25 frames of 1001-1100 from the eleventh, at frame 86400 of the timeline."""
    media = media_of(resolve, Path("/show/plates"), 1001, 100)
    item_on(resolve, media, **{"start": 86400, "duration": 25, "left": 10, **more})
    return clips.under_playhead(resolve.project.timeline)  # type: ignore[arg-type]  # the fake


def a_result(folder: Path, first: int = 1003, count: int = 41, head: int = 8) -> results.Result:
    folder.mkdir(exist_ok=True)
    for number in range(first, first + count):
        (folder / f"swap.{number:04d}.exr").write_bytes(b"exr")
    return results.Result(f"{folder}/swap.####.exr", first, first + count - 1, head, same_files=True)


def laid(resolve: FakeResolve, clip: clips.Clip, result: results.Result, kind: str) -> results.Placed:
    fake: Any = resolve
    return results.place(fake, fake.project, fake.project.timeline, clip, result, kind=kind)


def test_a_method_is_known_by_dir_alone() -> None:
    resolve = FakeResolve()
    assert hasattr(resolve, "NoSuchThing")
    assert not has_method(resolve, "NoSuchThing")
    assert has_method(resolve, "GetCurrentPage")


def test_the_end_is_exclusive_and_the_left_offset_says_the_first_frame() -> None:
    clip = a_clip(FakeResolve(Traps(source_off=1)))
    assert (clip.start, clip.duration, clip.left, clip.right) == (86400, 25, 10, 65)
    assert (clip.pattern, clip.first, clip.last) == ("/show/plates/plate.####.exr", 1011, 1035)
    assert not clip.retimed


def test_a_retimed_clip_is_known_and_refused_as_a_reference() -> None:
    clip = a_clip(FakeResolve(), speed=2.0)
    with pytest.raises(ResolveError, match=r"retimed.*Choose the rendered plate"):
        plates.referenced(clip, handles=8)


def test_another_rate_than_the_timeline_s_counts_as_retimed() -> None:
    resolve = FakeResolve()
    media = media_of(resolve, Path("/show"), 1, 50, FPS="25")
    item_on(resolve, media, start=0, duration=10, left=0)
    assert clips.under_playhead(resolve.project.timeline).retimed  # type: ignore[arg-type]
    media.properties["FPS"] = "23.976"
    resolve.project.timeline.fps = "23.98"
    assert not clips.under_playhead(resolve.project.timeline).retimed  # type: ignore[arg-type]


def test_handles_are_what_the_media_has() -> None:
    clip = a_clip(FakeResolve(), left=3)
    plate = plates.referenced(clip, handles=8)
    assert (plate.first, plate.last, plate.head, plate.tail) == (1001, 1036, 3, 8)


def test_nothing_under_the_playhead_and_no_timeline_are_said() -> None:
    resolve: Any = FakeResolve()
    with pytest.raises(ResolveError, match="no clip is under the playhead"):
        clips.under_playhead(resolve.project.timeline)
    resolve.project.timeline = None
    with pytest.raises(ResolveError, match="no timeline is open"):
        current_timeline(resolve.project)
    with pytest.raises(ResolveError, match="no timeline is open"):
        current_timeline(None)


def test_flagged_clips_of_all_tracks() -> None:
    resolve: Any = FakeResolve()
    media = media_of(resolve, Path("/show"), 1, 50)
    for track, flags in ((1, ["Cyan"]), (2, []), (3, ["Red", "Cyan"])):
        item_on(resolve, media, start=0, duration=5, left=0, track=track).flags = flags
    assert [one.track for one in clips.flagged(resolve.project.timeline, "Cyan")] == [1, 3]
    with pytest.raises(ResolveError, match="no clip has a Blue flag"):
        clips.flagged(resolve.project.timeline, "Blue")


def test_a_result_becomes_a_take_and_both_are_kept(tmp_path: Path, says: Any) -> None:
    resolve = FakeResolve(Traps(says=says))
    clip = a_clip(resolve)
    placed = laid(resolve, clip, a_result(tmp_path / "out"), "take")
    assert placed.kind == "take"
    item: Any = clip.item
    assert (item.GetTakesCount(), item.selected, item.left) == (2, 2, 8)
    assert item.media.properties["File Path"].endswith("swap.[1003-1043].exr")
    assert item.shown[0][0].properties["File Path"].startswith("/show/plates")
    assert len(resolve.project.timeline.tracks) == 1


def test_frames_counted_by_file_number_are_found_by_measuring(tmp_path: Path) -> None:
    resolve = FakeResolve(Traps(from_file_number=True))
    clip = a_clip(resolve)
    assert laid(resolve, clip, a_result(tmp_path / "out"), "take").kind == "take"
    item: Any = clip.item
    assert (item.GetTakesCount(), item.left) == (2, 8)


@pytest.mark.parametrize("takes", ["refused", "bare"])
def test_where_no_take_comes_of_it_the_result_lies_above(tmp_path: Path, takes: str, says: Any) -> None:
    resolve = FakeResolve(Traps(takes=takes, says=says))
    clip = a_clip(resolve)
    placed = laid(resolve, clip, a_result(tmp_path / "out"), "take")
    assert placed.kind == "track"
    assert "no take" in placed.warnings[0]
    item: Any = clip.item
    assert item.GetTakesCount() == 0
    assert item.media.properties["File Path"].startswith("/show/plates")
    assert resolve.project.timeline.names == ["Video 1", "Vfx Swap"]
    [above] = resolve.project.timeline.tracks[1]
    assert (above.start, above.duration, above.left) == (86400, 25, 8)


@pytest.mark.parametrize("inclusive", [False, True])
@pytest.mark.parametrize("numbered", [False, True])
@pytest.mark.parametrize("page", ["edit", "color"])
def test_a_placement_is_measured_whatever_frames_mean(
    tmp_path: Path, inclusive: bool, numbered: bool, page: str
) -> None:
    resolve = FakeResolve(Traps(end_inclusive=inclusive, from_file_number=numbered))
    resolve.state.page = page
    clip = a_clip(resolve)
    placed = laid(resolve, clip, a_result(tmp_path / "out"), "track")
    [above] = resolve.project.timeline.tracks[1]
    assert (above.start, above.duration, above.left) == (86400, 25, 8)
    shown: Any = placed.item
    assert shown is above
    assert resolve.state.page == page
    resolve.manager.SaveProject()
    assert resolve.project.timeline.tracks[1] == [above]


def test_an_item_that_is_returned_and_not_placed_is_no_placement(tmp_path: Path) -> None:
    resolve = FakeResolve(Traps(places=False))
    clip = a_clip(resolve)
    with pytest.raises(ResolveError, match="placed nothing in place of 25 from 86400"):
        laid(resolve, clip, a_result(tmp_path / "out"), "track")
    assert len(resolve.project.timeline.tracks) == 1


def test_a_track_with_something_there_already_is_not_used(tmp_path: Path) -> None:
    resolve = FakeResolve()
    clip = a_clip(resolve)
    first = laid(resolve, clip, a_result(tmp_path / "one"), "track")
    second = laid(resolve, clip, a_result(tmp_path / "two"), "track")
    assert (first.where.split(",")[0], second.where.split(",")[0]) == ("video track 2", "video track 3")
    assert [len(track) for track in resolve.project.timeline.tracks] == [1, 1, 1]
    # Room on our own track is used again.
    item_on(resolve, media_of(resolve, Path("/show"), 1, 50), start=90000, duration=10, left=0)
    later = clips.under_playhead(resolve.project.timeline)  # type: ignore[arg-type]
    laid(resolve, later, a_result(tmp_path / "three", first=1, count=18, head=0), "track")
    assert [len(track) for track in resolve.project.timeline.tracks] == [2, 2, 1]


def test_durations_that_another_rate_floors_are_refused_and_taken_back(tmp_path: Path) -> None:
    resolve = FakeResolve(Traps(properties_stick=False))
    clip = a_clip(resolve)  # the result is imported at 25, the timeline runs at 24
    with pytest.raises(ResolveError, match="in place of 25 from 86400"):
        laid(resolve, clip, a_result(tmp_path / "out"), "track")
    assert [len(track) for track in resolve.project.timeline.tracks] == [1]


def test_no_new_track_is_said(tmp_path: Path) -> None:
    resolve = FakeResolve(Traps(new_tracks=False))
    with pytest.raises(ResolveError, match="made no new video track"):
        laid(resolve, a_clip(resolve), a_result(tmp_path / "out"), "track")


def test_media_goes_into_our_bin_and_the_current_bin_is_as_it_was(tmp_path: Path, says: Any) -> None:
    resolve = FakeResolve(Traps(says=says))
    clip = a_clip(resolve)
    pool = resolve.project.pool
    project: Any = resolve.project
    fake: Any
    fake, lost = results.import_result(project, clip, a_result(tmp_path / "out"))
    assert pool.current is pool.root
    assert [folder.name for folder in pool.root.below] == ["Vfx Swap"]
    assert pool.root.below[0].clips == [fake]
    assert lost == []
    assert (fake.properties["FPS"], fake.properties["Input Color Space"]) == ("24.0", "ACEScg")


def test_what_cannot_be_carried_over_is_told(tmp_path: Path) -> None:
    resolve: Any = FakeResolve(Traps(properties_stick=False))
    _, lost = results.import_result(resolve.project, a_clip(resolve), a_result(tmp_path / "out"))
    assert len(lost) == 2
    assert "Input Color Space could not be set to ACEScg" in lost[1]


def test_a_sequence_that_resolve_sees_otherwise_is_refused(tmp_path: Path) -> None:
    resolve: Any = FakeResolve()
    clip, result = a_clip(resolve), a_result(tmp_path / "out")
    (tmp_path / "out" / "swap.1010.exr").unlink()
    with pytest.raises(ResolveError, match="sees 40 frames"):
        results.import_result(resolve.project, clip, result)
    assert resolve.project.pool.root.below[0].clips == []
    resolve = FakeResolve(Traps(imports=False))
    with pytest.raises(ResolveError, match="imported 0 clips"):
        results.import_result(resolve.project, a_clip(resolve), result)


def render(resolve: Any, clip: clips.Clip, folder: Path, handles: int = 8) -> plates.Plate:
    waits: list[float] = []
    project = resolve.project
    made = plates.rendered(
        resolve, project, project.timeline, clip, folder=str(folder), handles=handles, wait=waits.append
    )
    assert waits
    return made


def test_a_plate_is_rendered_with_handles_through_the_pinned_preset(tmp_path: Path, says: Any) -> None:
    resolve = FakeResolve(Traps(says=says))
    clip = a_clip(resolve, track=2, left=5)
    plate = render(resolve, clip, tmp_path / "plate")
    assert (plate.first, plate.last, plate.head, plate.tail) == (86400, 86400 + 34, 5, 5)
    assert plate.pattern == f"{tmp_path}/plate/plate.########.exr"
    project = resolve.project
    assert project.seen_enabled == [[False, True]]  # the clip's own track alone
    assert (project.timeline.enabled, project.mode, project.jobs) == ([True, True], 1, {})
    assert set(project.presets) == {"VfxSwap Plate", "VfxSwap Plate h5"}
    assert not list(tmp_path.glob("*.xml"))
    # Settings lie over the preset's: every one that matters is given.
    assert (project.settings["MarkIn"], project.settings["MarkOut"]) == (86400, 86424)
    assert project.settings["SelectAllFrames"] is False


@pytest.mark.parametrize(
    ("traps", "words"),
    [
        (Traps(frame_drop=1), "rendered 40 frames of 'plate', 41 were asked for"),
        (Traps(render_fails="disk full"), "failed: disk full"),
        (Traps(forgets="MarkIn"), "has MarkIn 0, not 86400"),
        (Traps(forgets="TargetDir"), "has TargetDir '/nowhere'"),
        (Traps(import_presets=False), "did not take the preset"),
    ],
)
def test_a_render_that_went_wrong_is_told_and_cleared_away(tmp_path: Path, traps: Traps, words: str) -> None:
    resolve = FakeResolve(traps)
    clip = a_clip(resolve)
    with pytest.raises(ResolveError, match=words):
        render(resolve, clip, tmp_path / "plate")
    project = resolve.project
    assert (project.timeline.enabled, project.mode, project.jobs) == ([True], 1, {})


def test_a_preset_that_is_not_there_or_no_frames_are_said(tmp_path: Path) -> None:
    resolve = FakeResolve()
    clip = a_clip(resolve)
    resolve.project.presets["VfxSwap Plate h8"] = "<NumFramesOfHandles>8</NumFramesOfHandles>"
    resolve.project.presets["VfxSwap Plate"] = "<Preset/>"
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x.exr").touch()
    with pytest.raises(ResolveError, match="is not empty"):
        render(resolve, clip, tmp_path / "full")
    with pytest.raises(ResolveError, match="no number of handles"):
        render(resolve, clip, tmp_path / "three", handles=3)
    del resolve.project.presets["VfxSwap Plate"]
    with pytest.raises(ResolveError, match="there is no render preset 'VfxSwap Plate'"):
        render(resolve, clip, tmp_path / "none")


def test_a_locked_track_is_said_and_the_others_are_as_they_were(tmp_path: Path) -> None:
    resolve = FakeResolve()
    clip = a_clip(resolve, track=2)
    resolve.project.timeline.locked[0] = True
    with pytest.raises(ResolveError, match="video track 1 cannot be switched off"):
        render(resolve, clip, tmp_path / "plate")
    assert resolve.project.timeline.enabled == [True, True]


def test_settings_are_remembered_on_the_clip_and_read_back(says: Any) -> None:
    item: Any = FakeItem(FakeResolve(Traps(says=says)).state, None, start=0, duration=5, left=0, track=1)
    item.markers[0.0] = {"customData": "somebody else's"}
    assert memory.recall(item) == {}
    assert memory.remember(item, {"identity": "lead", "note": "v001"})
    assert memory.remember(item, {"identity": "other"})
    assert memory.recall(item) == {"schema": memory.SCHEMA, "identity": "other"}
    assert len(item.markers) == 2
    forgetful: Any = FakeItem(FakeResolve(Traps(keeps_markers=False)).state, None, start=0, duration=5, left=0, track=1)
    assert not memory.remember(forgetful, {"identity": "lead"})
    media: Any = media_of(FakeResolve(), Path("/show"), 1, 5)
    assert memory.stamp(media, {"job": "x"})
    assert '"job": "x"' in media.third["vfx_swap"]


def test_a_timeline_is_imported_under_a_free_name(tmp_path: Path) -> None:
    resolve: Any = FakeResolve()
    resolve.project.timelines.append(FakeTimeline(resolve.state, "cut_v002"))
    made = timelines.import_timeline(resolve.project, str(tmp_path / "cut_v002.otio"))
    assert made.GetName() == "cut_v002 2"


def test_the_fake_is_held_by_the_stub() -> None:
    with pytest.raises(TypeError, match="TimelineItem has no method GetSpeed"):
        type("Wrong", (FakeItem,), {"STUB": "TimelineItem", "GetSpeed": lambda self: 1.0})
    item: Any = FakeItem(FakeResolve().state, None, start=0, duration=5, left=0, track=1)
    with pytest.raises(TypeError, match="AddTake is not called with"):
        item.AddTake(None)
    with pytest.raises(TypeError, match="not callable"):
        item.GetStrat(False)
