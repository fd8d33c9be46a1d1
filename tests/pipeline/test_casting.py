"""Casting on hand-made tracks."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from tests.pipeline.painted_faces import TEMPLATE, Disc, PaintedModels, as_seen, paint
from vfx_swap.errors import NoFaceError, TracksError, UsageError
from vfx_swap.pipeline.casting import CastBy, cast_tracks, embed_performer
from vfx_swap.pipeline.tracks_file import Tracks
from vfx_swap.types import Embedding, Face, Pose, Track


def looks(*values: float, recogniser: str = "r") -> Embedding:
    return Embedding(recogniser, np.array(values, dtype=np.float32))


def track(track_id: int, embedding: Embedding, *, x: float, size: float, frames: Iterable[int] = range(1, 5)) -> Track:
    points = (TEMPLATE * size + [x, 100, 0]).astype(np.float32)
    faces = {n: Face(n, points, np.zeros(52, np.float32), Pose(0, 0, 0), 1.0) for n in frames}
    return Track(id=track_id, faces=faces, embedding=embedding)


ANNA, BERT = looks(0, 0), looks(1, 0)
TRACKS = Tracks(
    tracks=(track(1, ANNA, x=300, size=20), track(2, BERT, x=100, size=40), track(5, looks(0, 2), x=500, size=10)),
    frames=(1, 2, 3, 4),
    plate="plate.####.exr",
)


def cast(*casts: CastBy, tracks: Tracks = TRACKS) -> dict[int, int]:
    return dict(cast_tracks(tracks, casts, same_person_below=0.6))


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        (CastBy(track=5), 5),
        (CastBy(position="largest"), 2),
        (CastBy(position="left"), 2),
        (CastBy(position="right"), 5),
        (CastBy(performer=looks(0.9, 0.1)), 2),
        (CastBy(performer=looks(0.1, 0.1)), 1),
    ],
)
def test_one_entry_takes_one_track(by: CastBy, expected: int) -> None:
    assert cast(by) == {expected: 0}


def test_all_takes_what_the_others_leave_wherever_it_stands() -> None:
    assert cast(CastBy(position="all"), CastBy(track=2)) == {1: 0, 2: 1, 5: 0}


def test_large_for_a_moment_is_not_largest() -> None:
    passing = track(9, looks(3, 3), x=0, size=60, frames=[1])
    assert cast(CastBy(position="largest"), tracks=Tracks((*TRACKS.tracks, passing), TRACKS.frames)) == {2: 0}


def test_a_photograph_takes_all_tracks_of_the_person_never_seen_together() -> None:
    again = track(7, looks(0.2, 0), x=0, size=20, frames=range(10, 15))
    assert cast(CastBy(performer=ANNA), tracks=Tracks((*TRACKS.tracks, again), TRACKS.frames)) == {1: 0, 7: 0}


def test_the_nearer_of_two_seen_together_is_taken() -> None:
    sister = track(7, looks(0.4, 0), x=0, size=20)
    assert cast(CastBy(performer=ANNA), tracks=Tracks((*TRACKS.tracks, sister), TRACKS.frames)) == {1: 0}


def test_twins_are_ambiguous_and_the_distances_are_shown() -> None:
    twin = track(7, looks(0.04, 0), x=0, size=20)
    with pytest.raises(UsageError, match=r"tracks 1 and 7 .*track 1: 0\.000, track 7: 0\.040"):
        cast(CastBy(performer=ANNA), tracks=Tracks((*TRACKS.tracks, twin), TRACKS.frames))


def test_a_stranger_is_named_with_all_distances() -> None:
    with pytest.raises(TracksError, match=r"stranger.jpg: nobody .*track 2: 1\.000, track 1: 2\.000.*below 0\.6"):
        cast(CastBy(performer=looks(2, 0), name="stranger.jpg"))


def test_a_missing_track_names_those_there_are() -> None:
    with pytest.raises(
        TracksError, match=r"plate\.####\.exr: cast\[0\]: there is no track 3\. .*1 \(4 frames .*, 5 \("
    ):
        cast(CastBy(track=3))


def test_one_track_cannot_be_cast_twice() -> None:
    with pytest.raises(UsageError, match=r"both a and cast\[1\] are track 2"):
        cast(CastBy(track=2, name="a"), CastBy(position="largest"))


def test_embeddings_of_two_recognisers_are_not_compared() -> None:
    with pytest.raises(TracksError, match=r"'r'.*'other'"):
        cast(CastBy(performer=looks(0, 0, recogniser="other")))


def test_a_shot_without_faces_cannot_be_cast() -> None:
    with pytest.raises(NoFaceError):
        cast(CastBy(track=1), tracks=Tracks((), (1, 2)))


@pytest.mark.parametrize("given", [{}, {"track": 1, "position": "left"}])
def test_an_entry_names_exactly_one_way(given: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="exactly one"):
        CastBy(**given)  # type: ignore[arg-type] # wrong on purpose


def test_the_largest_face_of_a_photograph_is_embedded() -> None:
    photograph = as_seen(paint(1, [Disc(0, 60, 60, radius=15), Disc(2, 200, 100, radius=40)]))

    assert int(np.argmax(embed_performer(photograph, models=PaintedModels(), where="a.jpg").vector)) == 2


def test_a_photograph_without_a_face_is_refused() -> None:
    with pytest.raises(NoFaceError, match=r"^a\.jpg: "):
        embed_performer(as_seen(paint(1, [])), models=PaintedModels(), where="a.jpg")
