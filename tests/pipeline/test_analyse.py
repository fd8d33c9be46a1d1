"""The analyse pass on painted faces, whose places and people are known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.pipeline.painted_faces import Disc, PaintedDetector, PaintedModels, PaintedRecogniser, as_seen, paint
from vfx_swap.colour.display import to_display
from vfx_swap.colour.ocio import load_config
from vfx_swap.errors import FrameFailure, InputError, UnreadableImageError
from vfx_swap.pipeline.analyse import AnalyseSettings, analyse, display_for, read_each
from vfx_swap.pipeline.progress import ProgressEvent
from vfx_swap.pipeline.tracks_file import Tracks, save_tracks
from vfx_swap.types import Frame, Window


def track_of(frames: Iterable[Frame | FrameFailure], models: PaintedModels | None = None, **changes: object) -> Tracks:
    settings = AnalyseSettings(**changes)  # type: ignore[arg-type] # the changes are typed where they are written
    return analyse(frames, models=models or PaintedModels(), display=as_seen, settings=settings)


def middle(tracks: Tracks, track_id: int, frame: int) -> np.ndarray:
    points = tracks.track(track_id).faces[frame].points
    return (points[0, :2] + points[1, :2]) / 2


def shot(paths: Sequence[Sequence[Disc]], **changes: Window) -> list[Frame | FrameFailure]:
    return [paint(1001 + index, discs, **changes) for index, discs in enumerate(paths)]


def test_a_moving_face_is_one_track_in_plate_pixels() -> None:
    window = Window(-8, -4, 320, 180)
    models = PaintedModels()
    frames = shot([[Disc(0, 60 + 3 * n, 90)] for n in range(20)], window=window)

    tracks = track_of(frames, models)

    assert tracks.ids == (1,)
    assert list(tracks.track(1).faces) == list(range(1001, 1021))
    for n in (0, 7, 19):
        assert middle(tracks, 1, 1001 + n) == pytest.approx([60 + 3 * n, 90], abs=0.6)
    assert tracks.frames == tuple(range(1001, 1021))
    assert tracks.track(1).faces[1001].identity_distance == pytest.approx(0.0, abs=0.05)


def test_detector_and_recogniser_run_on_few_frames_while_the_face_is_sound() -> None:
    models = PaintedModels()
    track_of(shot([[Disc(0, 60 + 3 * n, 90)] for n in range(24)]), models, detect_every=6, embed_every=8)

    assert models.detector.calls == 4
    assert models.recogniser.calls == 3


@pytest.mark.parametrize("front", [0, 1])
def test_two_faces_that_cross_keep_their_ids(front: int) -> None:
    paths = []
    for n in range(32):
        pair = [Disc(0, 80 + 5 * n, 90), Disc(1, 240 - 5 * n, 95)]
        paths.append(pair if front == 1 else pair[::-1])

    tracks = track_of(shot(paths))

    assert tracks.ids == (1, 2)
    for frame in [*range(1001, 1012), *range(1022, 1033)]:
        n = frame - 1001
        assert middle(tracks, 1, frame)[0] == pytest.approx(80 + 5 * n, abs=2.5), frame
        assert middle(tracks, 2, frame)[0] == pytest.approx(240 - 5 * n, abs=2.5), frame


@pytest.mark.parametrize("front", [0, 1])
def test_two_faces_that_meet_and_part_keep_their_ids(front: int) -> None:
    paths = []
    for n in range(32):
        away = 5 * abs(n - 15.5)
        pair = [Disc(0, 160 - away, 90), Disc(1, 160 + away, 95)]
        paths.append(pair if front == 1 else pair[::-1])

    tracks = track_of(shot(paths))

    assert tracks.ids == (1, 2)
    for frame in (1001, 1008, 1028, 1032):
        away = 5 * abs(frame - 1001 - 15.5)
        assert middle(tracks, 1, frame)[0] == pytest.approx(160 - away, abs=2.5), frame
        assert middle(tracks, 2, frame)[0] == pytest.approx(160 + away, abs=2.5), frame


def test_a_face_that_hides_another_is_not_painted_over_by_a_bridge() -> None:
    """The hidden face is unseen for a few frames: short enough to bridge, but another face is in front."""
    paths = [[Disc(0, 80 + 8 * n, 90), Disc(1, 160, 90, radius=24)] for n in range(20)]

    hidden = track_of(shot(paths)).track(1).faces

    assert 1011 not in hidden
    assert not any(face.bridged for face in hidden.values())
    assert {1001, 1020} <= set(hidden)


def test_a_face_that_leaves_and_returns_is_the_same_track() -> None:
    paths: list[list[Disc]] = [[Disc(0, 40, 60), Disc(1, 200, 60)] for _ in range(8)]
    paths += [[Disc(1, 200, 60)] for _ in range(12)]
    paths += [[Disc(0, 90, 120, radius=26), Disc(1, 200, 60)] for _ in range(8)]

    tracks = track_of(shot(paths))

    assert tracks.ids == (1, 2)
    assert set(tracks.track(1).faces) == {*range(1001, 1009), *range(1021, 1029)}
    assert middle(tracks, 1, 1025) == pytest.approx([90, 120], abs=0.6)


def test_two_faces_that_return_on_swapped_sides_are_known_by_their_looks() -> None:
    paths: list[list[Disc]] = [[Disc(0, 60, 90), Disc(1, 240, 90)] for _ in range(6)]
    paths += [[] for _ in range(10)]
    paths += [[Disc(0, 240, 90), Disc(1, 60, 90)] for _ in range(6)]

    tracks = track_of(shot(paths))
    unseeing = track_of(shot(paths), PaintedModels(recogniser=PaintedRecogniser(colour_blind=True)))

    assert [round(float(middle(tracks, number, 1020)[0]), -1) for number in (1, 2)] == [240, 60]
    assert [round(float(middle(unseeing, number, 1020)[0]), -1) for number in (1, 2)] == [60, 240]


def test_another_face_in_the_place_of_a_lost_one_is_another_track() -> None:
    paths = [[Disc(0, 100, 90)]] * 8 + [[]] * 2 + [[Disc(1, 100, 90)]] * 8

    tracks = track_of(shot(paths))

    assert tracks.ids == (1, 2)
    assert set(tracks.track(1).faces) == set(range(1001, 1009))


def test_a_late_face_is_followed_back_to_the_frame_it_came_in() -> None:
    paths = [[Disc(0, 60, 90)] + ([Disc(1, 250 - n, 90)] if n >= 5 else []) for n in range(16)]

    tracks = track_of(shot(paths), detect_every=4)

    assert set(tracks.track(2).faces) == set(range(1006, 1017))


def test_short_gaps_are_bridged_and_marked_long_ones_stay() -> None:
    paths = [[Disc(0, 60 + 4 * n, 90)] for n in range(30)]
    for n in (8, 9, 10, *range(18, 25)):
        paths[n] = []

    faces = track_of(shot(paths)).track(1).faces

    assert [frame for frame, face in faces.items() if face.bridged] == [1009, 1010, 1011]
    assert all(faces[frame].confidence == 0 for frame in (1009, 1010, 1011))
    for n in (8, 9, 10):
        corners = faces[1001 + n].points
        assert (corners[0, 0] + corners[1, 0]) / 2 == pytest.approx(60 + 4 * n, abs=0.7)
    assert not set(range(1019, 1026)) & set(faces)
    assert {1018, 1026} <= set(faces)


def test_frames_that_cannot_be_read_are_named_and_the_rest_is_tracked() -> None:
    def read(number: int) -> Frame:
        if number == 1005:
            raise UnreadableImageError("is cut short", where="plate.1005.exr")
        return paint(number, [Disc(0, 60 + 3 * (number - 1001), 90)])

    tracks = track_of(read_each(range(1001, 1011), read=read))

    assert [failure.frame for failure in tracks.failures] == [1005]
    assert "plate.1005.exr" in tracks.failures[0].reason
    assert tracks.frames == tuple(range(1001, 1011))
    assert list(tracks.track(1).faces) == list(range(1001, 1011))
    assert tracks.track(1).faces[1005].bridged


def test_other_errors_of_reading_stop_the_pass() -> None:
    def read(number: int) -> Frame:
        raise InputError("the whole plate is wrong")

    with pytest.raises(InputError):
        track_of(read_each([1001], read=read))


def test_cuts_are_seen_people_kept_apart_and_known_again_and_nothing_is_bridged_across() -> None:
    def other_side(number: int, discs: Sequence[Disc]) -> Frame:
        frame = paint(number, discs)
        rgb = np.where(frame.rgb < 0.21, 0.2 - frame.rgb, frame.rgb)
        return Frame(number, rgb, frame.data_window, frame.display_window, frame.colour_space)

    frames: list[Frame | FrameFailure] = [paint(1001 + n, [Disc(0, 60, 60)]) for n in range(6)]
    frames += [other_side(1007 + n, [Disc(1, 250, 100)]) for n in range(4)]
    frames += [paint(1011 + n, [Disc(0, 70, 65)]) for n in range(6)]

    tracks = track_of(frames)

    assert tracks.cuts == (1007, 1011)
    assert set(tracks.track(1).faces) == {*range(1001, 1007), *range(1011, 1017)}
    assert set(tracks.track(2).faces) == set(range(1007, 1011))
    assert middle(tracks, 1, 1006) == pytest.approx([60, 60], abs=0.6)
    assert middle(tracks, 1, 1011) == pytest.approx([70, 65], abs=0.6)


def test_a_flash_of_one_frame_is_no_track_but_a_still_is() -> None:
    paths = [[Disc(0, 60, 90)] for _ in range(12)]
    paths[4] = [Disc(0, 60, 90), Disc(2, 200, 60)]

    assert track_of(shot(paths)).ids == (1,)
    assert track_of([paint(1, [Disc(2, 200, 60)])]).ids == (1,)


def test_nan_and_inf_pixels_do_not_stop_the_pass() -> None:
    frames = shot([[Disc(0, 60 + n, 90)] for n in range(6)])
    for frame in frames:
        assert isinstance(frame, Frame)
        frame.rgb[10:14, 200:220] = np.nan
        frame.rgb[20:24, 200:220] = np.inf
        frame.rgb[89:91, 62:64] = np.nan

    faces = track_of(frames).track(1).faces

    assert len(faces) == 6
    assert all(np.isfinite(face.points).all() for face in faces.values())


def test_models_see_the_plate_as_the_display_transform_shows_it() -> None:
    config = load_config()
    rgb = np.random.default_rng(0).uniform(-0.1, 0.6, (150, 90, 3)).astype(np.float32)
    rgb[70], rgb[140] = np.nan, np.inf
    window = Window(0, 0, 90, 150)

    seen = display_for(config)(Frame(1, rgb, window, window, "ACEScg")).rgb

    np.testing.assert_array_equal(seen, to_display(rgb, config=config, colour_space="ACEScg", exposure=0.0).rgb)


def test_a_dark_plate_is_brightened_as_a_whole() -> None:
    window = Window(0, 0, 64, 160)
    rgb = np.full((160, 64, 3), 0.002, dtype=np.float32)
    rgb[80:] *= 2

    seen = display_for(load_config())(Frame(1, rgb, window, window, "lin_rec709_scene")).rgb

    assert 0.35 < float(seen[0, 0, 0]) < float(seen[159, 0, 0]) < 0.7


def test_an_empty_plate_gives_no_tracks() -> None:
    tracks = track_of(shot([[]] * 3))

    assert tracks.tracks == ()
    assert tracks.frames == (1001, 1002, 1003)


def test_a_face_the_detector_misses_is_held_by_its_landmarks() -> None:
    class Sleepy(PaintedDetector):
        def detect(self, image, /):  # type: ignore[no-untyped-def] # as its base
            found = super().detect(image)
            return found if self.calls == 1 else []

    models = PaintedModels(detector=Sleepy())

    assert len(track_of(shot([[Disc(0, 60 + 2 * n, 90)] for n in range(16)]), models).track(1).faces) == 16


def test_progress_names_frames_and_failures() -> None:
    events: list[ProgressEvent] = []
    frames: list[Frame | FrameFailure] = [paint(1, [Disc(0, 60, 90)]), FrameFailure(2, "gone")]

    analyse(frames, models=PaintedModels(), display=as_seen, total=2, progress=events.append)

    assert [(event.what, event.done, event.frame) for event in events] == [
        ("started", 0, None),
        ("frame", 1, 1),
        ("failed", 2, 2),
        ("finished", 2, None),
    ]


def test_the_same_plate_gives_the_same_file(tmp_path: Path) -> None:
    paths = [[Disc(0, 80 + 5 * n, 90), Disc(1, 240 - 5 * n, 95)] for n in range(12)]
    for name in ("a.json", "b.json"):
        save_tracks(track_of(shot(paths)), tmp_path / name)

    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_the_settings_digest_changes_with_settings_and_models() -> None:
    settings = AnalyseSettings()
    digest = settings.digest(models={"a": "1"})

    assert digest == AnalyseSettings().digest(models={"a": "1"})
    assert digest != AnalyseSettings(bridge_frames=4).digest(models={"a": "1"})
    assert digest != settings.digest(models={"a": "2"})


@pytest.mark.parametrize("change", [{"detect_every": 0}, {"bridge_frames": -1}, {"least_confidence": 1.5}])
def test_impossible_settings_are_refused(change: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be"):
        AnalyseSettings(**change)  # type: ignore[arg-type] # wrong on purpose
