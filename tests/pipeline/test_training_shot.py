"""Crops of one shot: whom they show, how they are exposed, and whom they may show."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.pipeline.shot_fakes import EMBEDDING, TODAY, face_at, make_shot, tools, write_exr
from vfx_swap.errors import (
    CancelledError,
    ConsentMissingError,
    ConsentScopeError,
    NoFaceError,
    RefusedError,
    UsageError,
)
from vfx_swap.models import templates
from vfx_swap.models.training.crops import Crops, read_crops
from vfx_swap.pipeline.consent import consent_from_file
from vfx_swap.pipeline.identity_file import load_identity, save_identity
from vfx_swap.pipeline.tracks_file import Tracks
from vfx_swap.pipeline.training_shot import prepare_shot
from vfx_swap.settings import Shot
from vfx_swap.types import Face, Front, Pose, Reference, Track

SIDE = 32
WIDE = 24
"""Side of the crop in the plate."""


def _face(frame: int, x: float, y: float) -> Face:
    """A face whose crop is 24 pixels wide, about (x, y)."""
    made = face_at(frame, x, y)
    points = made.points.copy()
    corners = templates.template_named("arcface_112_v1").pixels(WIDE) + np.array([x, y]) - WIDE / 2
    places = (templates._LEFT_EYE_CORNERS, templates._RIGHT_EYE_CORNERS, (templates._NOSE_TIP,))
    for corner, indices in zip(corners, (*places, *((one,) for one in templates._MOUTH_CORNERS)), strict=True):
        points[list(indices), :2] = corner
    return replace(made, points=points)


def _analyse(calls: list[int]) -> Callable[..., Tracks]:
    def run(plate: Any, **_: Any) -> Tracks:
        calls.append(1)
        faces = {number: _face(number, 20.0 + number, 22.0) for number in plate.shot_frames}
        return Tracks(tracks=(Track(1, faces, EMBEDDING),), frames=tuple(plate.shot_frames), failures=())

    return run


def _record(path: Path, id: str, *, training: bool = True, **more: Any) -> Path:
    record = {
        "schema": "vfx_swap/consent.1", "id": id, "performer": {"name": "N"}, "granted_by": {"name": "N"},
        "scope": {"text": "a film"}, "valid_from": "2026-01-01", "expires": "2026-12-31", **more,
    }  # fmt: skip
    path.write_text(json.dumps(record | ({"training": {"allowed": True}} if training else {})))
    return path


def _shot(folder: Path, *, training: bool = True) -> Shot:
    """Six frames, one performer, and an identity of two references, the first of them red."""
    shot = make_shot(folder)
    pack = folder / "who.identity"
    consent = consent_from_file(_record(folder / "identity.json", "identity-1", training=training))
    references = []
    for colour in ((0.4, 0.1, 0.1), (0.1, 0.4, 0.1)):
        rgb = np.broadcast_to(np.array(colour, np.float32), (40, 40, 3)).copy()
        points = _face(0, 20.0, 20.0).points
        references.append(Reference(rgb, points, np.zeros(52, np.float32), Pose(0.0, 0.0, 0.0), "photo.jpg", "0" * 64))
    made = load_identity(pack)
    pack.unlink()
    save_identity(replace(made, references=tuple(references), consent=consent), pack)
    return shot


def _prepared(shot: Shot, folder: Path, **more: Any) -> Crops:
    given: dict[str, Any] = {
        "consent": _record(folder / "performer.json", "performer-1"),
        "tools": tools(analyse=_analyse([])),
    }
    given |= more
    prepare_shot(shot, folder / "crops", today=TODAY, size=SIDE, **given)
    return read_crops(folder / "crops")


def test_crops_are_of_performer_and_identity_with_the_casting_and_both_records(tmp_path: Path) -> None:
    crops = _prepared(_shot(tmp_path), tmp_path)
    assert crops.identities == ("track1", "somebody")
    assert crops.labels.tolist() == [0] * 6 + [1] * 2
    assert crops.casting == ((0, 1),)
    assert {name: usage.consent_id for name, usage in crops.usage.items()} == {
        "track1": "performer-1",
        "somebody": "identity-1",
    }
    red, green = crops.pictures[6], crops.pictures[7]
    assert red[..., 0].mean() > 1.3 * red[..., 1].mean()
    assert green[..., 1].mean() > 1.3 * green[..., 0].mean()


def test_tracks_are_those_of_a_render_and_made_once(tmp_path: Path) -> None:
    calls: list[int] = []
    shot = _shot(tmp_path)
    for _ in range(2):
        _prepared(shot, tmp_path, tools=tools(analyse=_analyse(calls)))
    assert calls == [1]
    assert (tmp_path / "out" / "sh010.tracks.json").is_file()


def test_of_a_long_shot_crops_are_spread_evenly(tmp_path: Path) -> None:
    crops = _prepared(_shot(tmp_path), tmp_path, most=3)
    assert crops.labels.tolist() == [0] * 3 + [1] * 2
    told = json.loads((tmp_path / "crops" / "crops.json").read_text())
    assert [one["file"] for one in told["crops"][:3]] == [
        "plate.0001.exr#1", "plate.0003.exr#3", "plate.0006.exr#6"
    ]  # fmt: skip
    with pytest.raises(UsageError, match="0 crops"):
        _prepared(_shot(tmp_path), tmp_path, most=0)


def test_one_exposure_serves_a_whole_track(tmp_path: Path) -> None:
    """Frames three stops under stay darker than the others, but a dark shot is brought up as a whole."""
    shot = _shot(tmp_path)
    for number in range(1, 7):
        light = 0.02 if number < 6 else 0.0025
        pixels = np.full((48, 64, 3), light, np.float16)
        write_exr(tmp_path / "plates" / f"plate.{number:04d}.exr", pixels)
    means = _prepared(shot, tmp_path).pictures[:6].mean(axis=(1, 2, 3))
    assert 90 < means[0] < 200
    assert means[5] < 0.6 * means[0]
    assert np.allclose(means[:5], means[0])


def test_faces_that_were_not_seen_or_lie_behind_a_hand_are_left_out(tmp_path: Path) -> None:
    def analyse(plate: Any, **_: Any) -> Tracks:
        faces = {number: _face(number, 30.0, 22.0) for number in plate.shot_frames}
        faces[2] = replace(faces[2], bridged=True)
        faces[3] = replace(faces[3], front=Front(22.0, 14.0, 1.0, {"hand": np.full((8, 16), 255, np.uint8)}))
        faces[4] = _face(4, 2.0, 2.0)  # half of it is out of the picture
        return Tracks(tracks=(Track(1, faces, EMBEDDING),), frames=tuple(plate.shot_frames), failures=())

    shot = _shot(tmp_path)
    crops = _prepared(shot, tmp_path, tools=tools(analyse=analyse))
    told = json.loads((tmp_path / "crops" / "crops.json").read_text())
    assert [one["file"].split("#")[1] for one in told["crops"] if one["identity"] == 0] == ["1", "5", "6"]
    assert len(crops.labels) == 5


@pytest.mark.parametrize("who", ["identity", "performer", "nobody"])
def test_training_that_a_record_does_not_allow_is_refused_before_the_plate_is_read(tmp_path: Path, who: str) -> None:
    calls: list[int] = []
    shot = _shot(tmp_path, training=who != "identity")
    consent = None if who == "nobody" else _record(tmp_path / "p.json", "performer-1", training=who != "performer")
    refused: type[RefusedError] = ConsentMissingError if who == "nobody" else ConsentScopeError
    with pytest.raises(refused, match="performers" if who == "nobody" else f"{who}-1 does not allow"):
        _prepared(shot, tmp_path, consent=consent, tools=tools(analyse=_analyse(calls)))
    assert calls == []
    assert not (tmp_path / "crops").exists()


def test_a_shot_that_the_identity_is_not_for_is_refused(tmp_path: Path) -> None:
    shot = _shot(tmp_path)
    consent = consent_from_file(
        _record(tmp_path / "other.json", "identity-1", scope={"text": "a film", "projects": ["other*"]})
    )
    pack = tmp_path / "who.identity"
    made = load_identity(pack)
    pack.unlink()
    save_identity(replace(made, consent=consent), pack)
    with pytest.raises(ConsentScopeError, match="limited to other"):
        _prepared(shot, tmp_path)


def test_somebody_of_whom_there_is_no_crop_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoFaceError, match="no crop can be had of somebody"):
        _prepared(make_with_far_reference(tmp_path), tmp_path)


def make_with_far_reference(folder: Path) -> Shot:
    """Its identity's only reference has its face beyond the picture."""
    shot = _shot(folder)
    pack = folder / "who.identity"
    made = load_identity(pack)
    pack.unlink()
    far = replace(made.references[0], points=_face(0, 120.0, 120.0).points)
    save_identity(replace(made, references=(far,)), pack)
    return shot


def test_a_stop_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(CancelledError):
        _prepared(_shot(tmp_path), tmp_path, cancelled=lambda: True)
    assert not (tmp_path / "crops").exists()
