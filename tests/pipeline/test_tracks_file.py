"""The tracks file: bits kept, faults named, hand edits respected."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vfx_swap.errors import FrameFailure, MissingInputError, OutputError, TracksError
from vfx_swap.pipeline.tracks_file import Tracks, load_tracks, rounded_track, save_tracks, tracks_are_current
from vfx_swap.types import Embedding, Face, Front, Pose, Track


def face(frame: int, seed: int) -> Face:
    rng = np.random.default_rng(seed)
    return Face(
        frame=frame,
        points=rng.uniform(-50, 4000, (478, 3)).astype(np.float32),
        expression=rng.uniform(0, 1, 52).astype(np.float32),
        pose=Pose(*rng.uniform(-90, 90, 3).tolist()),
        confidence=0.87654321,
        bridged=seed == 2,
        identity_distance=0.123456 if seed == 1 else None,
        front=front() if seed == 1 else None,
    )


def front() -> Front:
    """A hand over part of the face, and a frame of spectacles."""
    matte = np.zeros((40, 30), np.uint8)
    matte[5:20, 10:] = np.arange(20, dtype=np.uint8) * 13
    return Front(
        left=812.123456, top=-3.5, step=1.23456, mattes={"hand": matte, "glasses": 255 - matte, "glare": matte // 2}
    )


def made() -> Tracks:
    rng = np.random.default_rng(0)
    tracks = [
        Track(
            id=track_id,
            faces={1001 + n: face(1001 + n, 10 * (track_id - 1) + n) for n in range(3)},
            embedding=Embedding("dlib-resnet", rng.normal(0, 0.1, 128).astype(np.float32)),
        )
        for track_id in (1, 2)
    ]
    return Tracks(
        tracks=tuple(rounded_track(track) for track in tracks),
        frames=(1001, 1002, 1003, 1004),
        plate="plates/æ ####.exr",
        plate_digest="aa",
        settings_digest="bb",
        models={"dlib-resnet/x.dat": "cc"},
        cuts=(1003,),
        failures=(FrameFailure(1004, 'is "cut" short'),),
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "shot.tracks.json"
    save_tracks(made(), path)
    return path


def change(path: Path, old: str, new: str, count: int = 1) -> None:
    text = path.read_text(encoding="utf-8")
    assert re.search(old, text), old
    path.write_text(re.sub(old, new, text, count=count), encoding="utf-8")


def edit(path: Path, how: Any) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    how(document)
    path.write_text(json.dumps(document, indent=1), encoding="utf-8")


def of_front(front: Front | None) -> Any:
    """What a comparison needs of what lies in front."""
    if front is None:
        return None
    mattes = {word: (matte.shape, matte.dtype, matte.tobytes()) for word, matte in front.mattes.items()}
    return (front.left, front.top, front.step, mattes)


def same_bits(one: Tracks, other: Tracks) -> bool:
    def bits(tracks: Tracks) -> list[Any]:
        return [
            (
                *(track.id, track.embedding.recogniser, track.embedding.vector.tobytes(), number),
                *(face.points.tobytes(), face.expression.tobytes(), face.pose, face.confidence),
                *(face.bridged, face.identity_distance, of_front(face.front)),
            )
            for track in tracks.tracks
            for number, face in track.faces.items()
        ]

    return bits(one) == bits(other)


def test_what_is_saved_comes_back_to_the_bit(path: Path) -> None:
    before, after = made(), load_tracks(path)

    assert same_bits(before, after)
    assert (after.frames, after.plate, after.cuts, after.failures, after.models) == (
        before.frames,
        before.plate,
        before.cuts,
        before.failures,
        before.models,
    )
    assert not after.edited


def test_what_lies_in_front_moves_with_its_face(path: Path) -> None:
    edit(path, lambda d: d["tracks"][0]["faces"][1].update(move=[2.5, -1]))
    moved = load_tracks(path).track(1).faces[1002].front
    still = made().track(1).faces[1002].front

    assert moved is not None
    assert still is not None
    assert (moved.left, moved.top, moved.step) == (still.left + 2.5, still.top - 1.0, still.step)


def test_a_matte_taken_out_by_hand_is_gone(path: Path) -> None:
    edit(path, lambda d: d["tracks"][0]["faces"][1]["front"].pop("hand"))
    left = load_tracks(path).track(1).faces[1002].front
    assert left is not None
    assert set(left.mattes) == {"glasses", "glare"}


def test_saved_again_it_is_the_same_file(path: Path) -> None:
    before = path.read_bytes()

    assert save_tracks(load_tracks(path), path) is None
    assert path.read_bytes() == before


def test_the_file_has_a_schema_and_one_line_a_face(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()

    assert json.loads(path.read_text(encoding="utf-8"))["schema"] == "vfx_swap/tracks.1"
    faces = [line for line in lines if line.lstrip().startswith('{"frame": 10')]
    assert len(faces) == 6
    assert all(len(re.findall(r"\.\d{4,}", line)) == 0 for line in faces)


def test_current_until_plate_or_settings_change() -> None:
    tracks = made()

    assert tracks_are_current(tracks, plate_digest="aa", settings_digest="bb")
    assert not tracks_are_current(tracks, plate_digest="a", settings_digest="bb")
    assert not tracks_are_current(tracks, plate_digest="aa", settings_digest="b")


def test_an_edit_by_hand_is_noticed_used_and_does_not_make_it_stale(path: Path) -> None:
    change(path, r'"move": \[0, 0\]', '"move": [2.5, -1]')

    tracks = load_tracks(path)

    assert tracks.edited
    assert tracks_are_current(tracks, plate_digest="aa", settings_digest="bb")
    moved = tracks.track(1).faces[1001].points - made().track(1).faces[1001].points
    np.testing.assert_allclose(moved, np.tile([2.5, -1, 0], (478, 1)), atol=1e-3)


def test_a_file_may_be_laid_out_anew(path: Path) -> None:
    edit(path, lambda document: None)

    assert same_bits(load_tracks(path), made())


def test_an_edited_file_is_kept_when_a_new_one_is_written(path: Path) -> None:
    for name in ("shot.tracks.edited.json", "shot.tracks.edited2.json"):
        change(path, r'"move": \[0, 0\]', '"move": [1, 1]')
        mine = path.read_bytes()

        assert save_tracks(made(), path) == path.with_name(name)
        assert path.with_name(name).read_bytes() == mine
        assert not load_tracks(path).edited


def test_a_file_broken_by_hand_is_kept_too(path: Path) -> None:
    path.write_text("{ oh", encoding="utf-8")

    assert save_tracks(made(), path) == path.with_name("shot.tracks.edited.json")


def test_two_entries_of_one_id_are_one_track(path: Path) -> None:
    def join(document: Any) -> None:
        document["tracks"][1]["id"] = 1
        for n, row in enumerate(document["tracks"][1]["faces"]):
            row["frame"] = 1011 + n

    edit(path, join)

    assert list(load_tracks(path).track(1).faces) == [1001, 1002, 1003, 1011, 1012, 1013]


def test_two_entries_of_one_id_may_not_share_a_frame(path: Path) -> None:
    edit(path, lambda document: document["tracks"][1].update(id=1))

    with pytest.raises(TracksError, match=r"track 1, frame: 1001 stands twice"):
        load_tracks(path)


CASES = {
    "schema": (lambda d: d.update(schema="vfx_swap/tracks.9"), r"line 2: schema: is 'vfx_swap/tracks.9'"),
    "no tracks": (lambda d: d.pop("tracks"), r"tracks: is missing"),
    "no embedding": (lambda d: d["tracks"][0].pop("embedding"), r"track 1, embedding: is missing"),
    "id": (lambda d: d["tracks"][1].update(id="two"), r"line \d+: tracks\[1\], id: must be a whole number"),
    "unknown key": (lambda d: d["tracks"][0]["faces"][1].update(point=[]), r"track 1, frame 1002, point: is not a key"),
    "short": (
        lambda d: d["tracks"][1]["faces"][2]["points"].pop(),
        r"track 2, frame 1003, points: must be 478x3 numbers, got 477x3",
    ),
    "ragged": (lambda d: d["tracks"][0]["faces"][0]["points"][5].pop(), r"track 1, frame 1001, points: must be 478x3"),
    "confidence": (lambda d: d["tracks"][0]["faces"][0].update(confidence=2), r"confidence: .*from 0 to 1, got 2"),
    "expression": (lambda d: d["tracks"][0]["faces"][0].update(expression=[2] * 52), r"expression: .*from 0 to 1"),
    "pose": (lambda d: d["tracks"][0]["faces"][0]["pose"].pop("roll_degrees"), r"roll_degrees: is missing"),
    "far": (lambda d: d["tracks"][0]["faces"][0].update(move=[1e9, 0]), r"move: .*got 1e\+09"),
    "empty": (lambda d: d["tracks"][0].update(faces=[]), r"track 1, faces: is empty"),
    "frames": (lambda d: d.update(frames=[1.5]), r"frames: must hold frame numbers, got 1.5"),
    "front": (lambda d: d["tracks"][0]["faces"][1].update(front=[]), r"frame 1002, front: must be an object"),
    "front's step": (lambda d: d["tracks"][0]["faces"][1]["front"].update(step=0), r"front, step: must be a number"),
    "front's key": (lambda d: d["tracks"][0]["faces"][1]["front"].update(hat=""), r"front, hat: is not a key"),
    "matte": (lambda d: d["tracks"][0]["faces"][1]["front"].update(hand="AAAA"), r"front, hand: must be a PNG"),
    "matte's text": (lambda d: d["tracks"][0]["faces"][1]["front"].update(hand="!"), r"front, hand: must be a PNG"),
    "failures": (lambda d: d.update(failures=[3]), r"failures: must hold objects"),
}


@pytest.mark.parametrize("case", CASES)
def test_faults_are_named_with_their_place(path: Path, case: str) -> None:
    how, message = CASES[case]
    edit(path, how)

    with pytest.raises(TracksError, match=message) as caught:
        load_tracks(path)
    assert str(path) in str(caught.value)


def test_a_fault_in_a_face_names_its_line(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    number = next(n for n, line in enumerate(lines, 1) if line.lstrip().startswith('{"frame": 1003'))
    lines[number - 1] = lines[number - 1].replace('"bridged": true', '"bridged": 1')
    path.write_text("\n".join(lines), encoding="utf-8")

    with pytest.raises(
        TracksError, match=rf"line {number}: track 1, frame 1003, bridged: must be true or false, got 1"
    ):
        load_tracks(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not valid JSON"),
        ('{"schema": "vfx_swap/tracks.1",\n  "plate": oops}', "line 2, column 12"),
        ("[1, 2]", "does not hold a JSON object"),
        ('{"a": 1, "a": 2}', "'a' stands twice"),
        ('{"a": NaN}', "line 1: NaN is not a number"),
        ("[" * 100_000, "not valid JSON"),
    ],
)
def test_what_is_no_tracks_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "t.json"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(TracksError, match=message):
        load_tracks(path)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(TracksError, match="not a text file"):
        load_tracks(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"no\.json"):
        load_tracks(tmp_path / "no.json")


def test_a_folder_in_its_place_is_no_target(tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        save_tracks(made(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_track_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(TracksError, match=r"no track 7.*Tracks there are: 1, 2"):
        made().track(7)
