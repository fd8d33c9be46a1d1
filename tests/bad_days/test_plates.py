"""Plates on a bad day, through the real engine: damaged frames, faces that go, pixels that are no numbers, windows."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.bad_days.conftest import CleanShot, Sitters
from tests.bad_days.staging import (
    MATTE,
    SIDE,
    bits,
    crossing,
    face_box,
    linear,
    performer,
    rendered,
    tracks_of,
    vfx,
    write_exr,
    write_plate,
    write_still,
)
from vfx_swap.arrays import FloatArray
from vfx_swap.io.read import read_picture


def test_damaged_and_foreign_frames_are_named_and_the_others_rendered(sitters: Sitters, tmp_path: Path) -> None:
    plate = write_plate(tmp_path / "plate", 6)
    cut, empty, text, still, gone = (tmp_path / "plate" / f"plate.{number:04d}.exr" for number in (1, 2, 3, 4, 6))
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    empty.write_bytes(b"")
    text.write_bytes(b"no picture at all" * 50)
    write_still(tmp_path / "x.png", performer(), "uint8")
    shutil.move(tmp_path / "x.png", still)
    gone.unlink()
    gone.mkdir()
    out = tmp_path / "out"
    outcome = vfx("swap", "--plate", plate, "--out", out / "swap.####.exr", "--identity", sitters.hopper)
    assert (outcome.code, outcome.last["kind"]) == (1, "FramesFailedError")
    reasons = {failure["frame"]: failure["reason"] for failure in outcome.last["failures"]}
    assert list(reasons) == [1, 2, 3, 4]
    assert all(f"plate.{number:04d}.exr" in reason for number, reason in reasons.items())
    assert "png picture of integer samples" in reasons[4]
    assert list(rendered(out)) == ["swap.0005.exr"]
    assert "run again" in outcome.last["mend"]


def test_a_plate_without_one_good_frame_writes_nothing(sitters: Sitters, tmp_path: Path) -> None:
    plate = write_plate(tmp_path / "plate", 2)
    for path in (tmp_path / "plate").iterdir():
        path.write_bytes(b"")
    outcome = vfx("swap", "--plate", plate, "--out", tmp_path / "out/s.####.exr", "--identity", sitters.hopper)
    assert (outcome.code, outcome.last["kind"]) == (2, "UnreadableImageError")
    assert not (tmp_path / "out").exists()


def test_a_plate_with_no_face_is_exit_2_and_renders_nothing(sitters: Sitters, tmp_path: Path) -> None:
    noise = np.random.default_rng(5).uniform(0.0, 1.0, (256, 256, 3)).astype(np.float32)
    write_exr(tmp_path / "plate.exr", noise)
    outcome = vfx(
        "swap", "--plate", tmp_path / "plate.exr", "--out", tmp_path / "swap.exr", "--identity", sitters.hopper
    )
    assert (outcome.code, outcome.last["kind"]) == (2, "NoFaceError")
    assert not (tmp_path / "swap.exr").exists()


def test_a_face_that_leaves_gives_the_plates_bits_and_comes_back(sitters: Sitters, tmp_path: Path) -> None:
    for number in (1, 2, 3, 4):
        gone = number in (2, 3)
        picture = np.flip(performer()[SIDE // 2 :], axis=0)  # no face in the lower half
        write_exr(
            tmp_path / f"plate.{number:04d}.exr", linear(np.concatenate([picture, picture]) if gone else performer())
        )
    out = tmp_path / "out"
    outcome = vfx(
        "swap", "--plate", tmp_path / "plate.####.exr", "--out", out / "swap.####.exr", "--identity", sitters.hopper
    )
    assert (outcome.code, outcome.last["without_face"]) == (0, [2, 3])
    assert [warning for warning in outcome.warnings if "no cast face in frame 2" in warning]
    for number in (1, 2, 3, 4):
        same = np.array_equal(bits(tmp_path / f"plate.{number:04d}.exr"), bits(out / f"swap.{number:04d}.exr"))
        assert same == (number in (2, 3)), f"frame {number}"


def test_two_faces_that_cross_keep_their_identities(sitters: Sitters, tmp_path: Path) -> None:
    for index in range(6):
        write_exr(tmp_path / f"plate.{index + 1:04d}.exr", crossing(index / 5))
    casts = (f"{sitters.hopper_photo}={sitters.astronaut}", f"{sitters.astronaut_photo}={sitters.hopper}")
    options = [option for cast in casts for option in ("--cast", cast)]
    out = tmp_path / "out"
    where = ("--plate", tmp_path / "plate.####.exr", "--out", out / "swap.####.exr", "--layer", "matte")
    assert vfx("swap", *where, *options).code == 0
    tracks = tracks_of(out)
    assert len(tracks.tracks) == 2, "one track a person, through the crossing"
    ways = {}
    for track in tracks.tracks:
        first, last = (float(track.faces[number].points[:, 0].mean()) for number in (1, 6))
        ways[track.id] = last - first
        for number in (1, 6):
            matte = read_picture(out / f"swap.{number:04d}.exr").rgb_part.channel(f"matte.{track.id}.A")
            at = float(track.faces[number].points[:, 0].mean())
            assert abs(float(np.nonzero(matte)[1].mean()) - at) < 40, f"matte of track {track.id}, frame {number}"
    assert sorted(round(way, -2) for way in ways.values()) == [-400.0, 400.0]
    # a track is the same person before and after: each is nearer to itself than to the other
    head = read_picture(out / "swap.0001.exr").native_rgb.astype(np.float32)
    tail = read_picture(out / "swap.0006.exr").native_rgb.astype(np.float32)
    colours = {
        (track.id, number): np.median(picture[read_matte(out, number, track.id) > 0.9], axis=0)
        for track in tracks.tracks
        for number, picture in ((1, head), (6, tail))
    }
    one, two = (track.id for track in tracks.tracks)
    own = np.abs(colours[one, 1] - colours[one, 6]).sum() + np.abs(colours[two, 1] - colours[two, 6]).sum()
    other = np.abs(colours[one, 1] - colours[two, 6]).sum() + np.abs(colours[two, 1] - colours[one, 6]).sum()
    assert own < 0.5 * other


def read_matte(folder: Path, number: int, track: int = 1) -> FloatArray:
    path = folder / f"swap.{number:04d}.exr"
    return np.asarray(read_picture(path).rgb_part.channel(f"matte.{track}.A"), np.float32)


def test_nan_and_inf_stay_where_they_are_and_spread_nowhere(sitters: Sitters, clean: CleanShot, tmp_path: Path) -> None:
    good = read_picture(Path(clean.plate.replace("####", "0002"))).native_rgb.astype(np.float32)
    face = np.argwhere(read_matte(clean.out, 2) > 0.99)
    inside = [tuple(face[len(face) * part // 8]) for part in range(1, 8)]
    values = [np.nan, np.inf, -np.inf, np.nan, np.inf, np.nan, np.inf]
    bad = good.copy()
    for place, value in zip(inside, values, strict=True):
        bad[place] = value
    bad[0, 0], bad[1, 2], bad[-1, -1, 1] = np.nan, np.inf, -np.inf
    # and just outside the matte, where the crop is: a comp that multiplies by 0 loses these
    clear = cv2.blur(read_matte(clean.out, 2), (5, 5)) == 0.0
    near = np.argwhere(clear & (cv2.blur(read_matte(clean.out, 2), (15, 15)) > 0.0))
    bad[tuple(near[:: len(near) // 6].T)] = np.inf
    write_exr(tmp_path / "plate.0002.exr", bad)
    out = tmp_path / "out"
    where = ("--plate", tmp_path / "plate.####.exr", "--out", out / "swap.####.exr", "--layer", "matte")
    assert vfx("swap", *where, "--identity", sitters.hopper).code == 0
    before, after = bits(tmp_path / "plate.0002.exr"), bits(out / "swap.0002.exr")
    matte, swap = read_matte(out, 2), read_picture(out / "swap.0002.exr").native_rgb.astype(np.float32)
    assert np.array_equal(before[matte == 0.0], after[matte == 0.0]), "bits outside the matte"
    assert np.isfinite(swap[np.isfinite(bad)]).all(), "a pixel that was whole is not any more"
    assert (before != after).any(axis=-1).sum() > 1000
    usual = read_picture(clean.out / "swap.0002.exr").native_rgb.astype(np.float32)
    fine = np.isfinite(swap).all(axis=-1) & (matte > 0.0)
    assert float(np.median(np.abs(swap - usual)[fine])) < 0.02
    assert float((np.abs(swap - usual)[fine].max(axis=-1) > 0.3).mean()) < 0.02, "a hot pixel lights its neighbours"


@pytest.mark.parametrize("side", ["cut", "overscan"])
def test_data_windows_that_are_not_the_display_window(sitters: Sitters, tmp_path: Path, side: str) -> None:
    picture, display = linear(performer()), (0, 0, SIDE, SIDE)
    if side == "cut":  # through the middle of the face
        corner, seen = (140, 0), picture[:, 140:]
    else:
        corner, seen = (-24, -16), np.pad(picture, ((16, 16), (24, 24), (0, 0)), mode="reflect")
    write_exr(tmp_path / "plate.exr", np.asarray(seen, np.float32), at=corner, display=display)
    where = ("--plate", tmp_path / "plate.exr", "--out", tmp_path / "swap.exr", "--layer", "matte")
    assert vfx("swap", *where, "--identity", sitters.hopper).code == 0
    before, after = read_picture(tmp_path / "plate.exr"), read_picture(tmp_path / "swap.exr")
    assert (after.data_window, after.display_window) == (before.data_window, before.display_window)
    assert (after.data_window.x, after.data_window.y) == corner
    matte = after.rgb_part.channel(MATTE)
    changed = (bits(tmp_path / "plate.exr") != bits(tmp_path / "swap.exr")).any(axis=-1)
    assert changed.sum() > 500
    assert not changed[matte == 0.0].any()
    if side == "cut":
        assert changed[:, 0].any(), "the face is swapped up to the edge of the data"
    else:
        box = face_box(tracks_of(tmp_path), 1)
        columns = np.nonzero(changed.any(axis=0))[0] + corner[0]
        assert box[1].start <= columns.min() <= columns.max() <= box[1].stop, "in the coordinates of the display window"


@pytest.mark.parametrize(
    ("name", "dtype", "attributes"),
    [
        ("plate.tif", "uint16", {}),
        ("plate.jpg", "uint8", {"Compression_jpeg": 95}),
        ("plate.dpx", "uint16", {"oiio_BitsPerSample": 10}),
        ("plate.png", "uint16", {}),
    ],
    ids=["TIFF 16", "JPEG 8", "DPX 10", "PNG 16"],
)
def test_integer_plates_come_back_in_their_own_type(
    sitters: Sitters, tmp_path: Path, name: str, dtype: str, attributes: dict[str, int]
) -> None:
    write_still(tmp_path / name, performer(), dtype, **attributes)
    out = tmp_path / f"swap{Path(name).suffix}"
    outcome = vfx("swap", "--plate", tmp_path / name, "--out", out, "--identity", sitters.hopper)
    assert outcome.code == 0
    before, after = bits(tmp_path / name), bits(out)
    assert after.dtype == before.dtype == np.dtype(dtype)
    far = np.ones(before.shape[:2], bool)
    far[face_box(tracks_of(tmp_path), 1)] = False
    moved = np.abs(before.astype(np.float64) - after) / np.iinfo(dtype).max
    if name.endswith(".jpg"):  # compressed again, and it says so
        assert moved[far].max() < 0.06
        assert [warning for warning in outcome.warnings if "JPEG loses bits" in warning]
    else:
        assert np.array_equal(before[far], after[far])
    assert (moved[~far].max(axis=-1) > 0.02).sum() > 500


@pytest.mark.parametrize("name", ["s.####.png", "s.####.jpg", "s.####.dpx", "s.mp4", "s.mov"])
def test_float_light_into_integers_is_refused_before_anything_is_rendered(
    sitters: Sitters, clean: CleanShot, tmp_path: Path, name: str
) -> None:
    out = tmp_path / "out"
    outcome = vfx("swap", "--plate", clean.plate, "--out", out / name, "--identity", sitters.hopper)
    assert (outcome.code, outcome.last["kind"]) == (2, "UnsupportedImageError")
    assert "clipped at white" in outcome.last["what"]
    assert "EXR" in outcome.last["mend"]
    assert not out.exists()


def test_float_light_goes_into_tiff(sitters: Sitters, clean: CleanShot, tmp_path: Path) -> None:
    first = clean.plate.replace("####", "0001")
    outcome = vfx("swap", "--plate", first, "--out", tmp_path / "swap.tif", "--identity", sitters.hopper)
    assert outcome.code == 0
    assert read_picture(tmp_path / "swap.tif").is_float


def test_a_plate_with_gaps_is_told(clean: CleanShot, tmp_path: Path) -> None:
    for number, into in ((1, 1001), (2, 1002), (3, 1004)):
        shutil.copyfile(clean.plate.replace("####", f"{number:04d}"), tmp_path / f"plate.{into}.exr")
    track = ("track", "--plate", tmp_path / "plate.####.exr", "--out", tmp_path / "t.json")
    outcome = vfx(*track)
    assert outcome.code == 0
    assert [warning for warning in outcome.warnings if "1 frame is not there and not rendered (1003)" in warning]
    (tmp_path / "plate.1002.exr").unlink()
    (tmp_path / "plate.1004.exr").rename(tmp_path / "plate.1003.exr")  # every second frame: that is no gap
    assert not [warning for warning in vfx(*track).warnings if "gaps" in warning]


def test_frames_of_another_size_are_swapped_too(sitters: Sitters, tmp_path: Path) -> None:
    for number, side in ((1, SIDE), (2, 256)):
        small = cv2.resize(performer(), (side, side), interpolation=cv2.INTER_AREA)
        write_exr(tmp_path / f"plate.{number:04d}.exr", linear(np.asarray(small)))
    where = ("--plate", tmp_path / "plate.####.exr", "--out", tmp_path / "out/swap.####.exr")
    outcome = vfx("swap", *where, "--identity", sitters.hopper)
    assert (outcome.code, outcome.last["without_face"]) == (0, [])
    assert bits(tmp_path / "out/swap.0002.exr").shape == (256, 256, 3)
