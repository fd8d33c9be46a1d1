"""The demo's plate: the same bits every run, and the properties that make it a fair test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest

from vfx_swap.errors import MissingInputError, ModelMismatchError, UsageError
from vfx_swap.pipeline import demo_portraits
from vfx_swap.pipeline.demo_light import LIN_REC709_TO_ACESCG, add_grain
from vfx_swap.pipeline.demo_motion import ShotMotion, plate_to_portrait, portrait_to_plate
from vfx_swap.pipeline.demo_portraits import COLLINS, HOPPER, Portrait, portrait_landmarks, portrait_path
from vfx_swap.pipeline.demo_shot import DemoShot, make_demo_shot

WIDTH, HEIGHT = 320, 180


@pytest.fixture(scope="module")
def shot(tmp_path_factory: pytest.TempPathFactory) -> DemoShot:
    return make_demo_shot(tmp_path_factory.mktemp("plate"), frames=3, width=WIDTH, height=HEIGHT)


def _read(shot: DemoShot, frame: int) -> np.ndarray:
    pixels = oiio.ImageBuf(shot.pattern.replace("####", str(frame))).get_pixels(oiio.FLOAT)
    assert pixels is not None
    return np.asarray(pixels)


def test_two_runs_write_the_same_bytes(shot: DemoShot, tmp_path: Path) -> None:
    again = make_demo_shot(tmp_path, frames=3, width=WIDTH, height=HEIGHT)
    assert again.frames == shot.frames == (1001, 1002, 1003)
    for frame in shot.frames:
        assert np.array_equal(_read(shot, frame), _read(again, frame))
    assert again.truth.read_bytes() == shot.truth.read_bytes()


def test_frames_are_half_zip_acescg_and_say_so(shot: DemoShot) -> None:
    spec = oiio.ImageBuf(shot.pattern.replace("####", "1001")).spec()
    assert (spec.width, spec.height, spec.nchannels, str(spec.format)) == (WIDTH, HEIGHT, 3, "half")
    assert spec["compression"] == "zip"
    assert spec["colorInteropID"] == "lin_ap1_scene"
    chromaticities: Any = spec["chromaticities"]
    assert chromaticities[:2] == pytest.approx((0.713, 0.293))


def test_light_is_scene_linear_with_speculars_far_above_white(shot: DemoShot) -> None:
    last = _read(shot, 1003)
    assert np.isfinite(last).all()
    assert last.max() > 8.0
    assert 0.05 < float(np.median(last)) < 0.6


def test_exposure_rises_by_one_and_a_half_stops_over_the_shot() -> None:
    motion = ShotMotion(24, 1920, 1080)
    assert motion.at(23.0).exposure_stops - motion.at(0.0).exposure_stops == pytest.approx(1.5)


def test_exactly_one_frame_is_motion_blurred() -> None:
    motion = ShotMotion(24, 1920, 1080)
    samples = [len(motion.shutter(index)) for index in range(24)]
    assert samples.count(1) == 23
    first, *_, last = motion.shutter(motion.blurred)
    moved = portrait_to_plate(last, portrait_landmarks(), width=1920, height=1080) - portrait_to_plate(
        first, portrait_landmarks(), width=1920, height=1080
    )
    assert 20.0 < float(np.linalg.norm(moved, axis=1).mean()) < 60.0
    # The neighbours' shutters must lie outside the knock.
    for time in (motion.blurred - 1.0, motion.blurred + 1.0):
        a, b = (
            portrait_to_plate(motion.at(time + d), portrait_landmarks(), width=1920, height=1080) for d in (-0.25, 0.25)
        )
        assert float(np.linalg.norm(a - b, axis=1).mean()) < 4.0


def test_truth_is_the_inverse_of_the_warp_that_draws_the_plate() -> None:
    motion = ShotMotion(24, 640, 360)
    points = portrait_landmarks()
    for index in (0, 7, 23):
        state = motion.at(float(index))
        x, y = plate_to_portrait(state, width=640, height=360)
        placed = np.rint(portrait_to_plate(state, points, width=640, height=360)).astype(int)
        back = np.stack([x[placed[:, 1], placed[:, 0]], y[placed[:, 1], placed[:, 0]]], axis=1)
        forth = portrait_to_plate(state, back, width=640, height=360)
        assert np.abs(forth - placed).max() < 0.02


def test_truth_file_holds_every_landmark_of_every_frame(shot: DemoShot) -> None:
    truth = json.loads(shot.truth.read_text())
    assert truth["schema"] == "vfx_swap/demo_truth.1"
    assert [row["frame"] for row in truth["frames"]] == list(shot.frames)
    assert all(np.asarray(row["points"]).shape == (478, 2) for row in truth["frames"])
    assert sum(row["motion_blurred"] for row in truth["frames"]) == 1
    assert all(0.33 < row["face_height_pixels"] / HEIGHT < 0.45 for row in truth["frames"])


def test_no_border_of_the_photograph_shows() -> None:
    motion = ShotMotion(24, 1920, 1080)
    for index in (0, 8, motion.blurred, motion.blurred + 1, 23):
        x, y = plate_to_portrait(motion.shutter(index)[-1], width=1920, height=1080)
        assert x.min() > -48
        assert x.max() < 512 + 47
        assert y.min() > -48
        assert y.max() < 340


def test_grain_grows_with_light_and_differs_by_frame() -> None:
    grey = np.full((64, 64, 3), 0.18, dtype=np.float32)
    spread = [float(np.std(add_grain(grey * level, seed=(1, 2)) - grey * level)) for level in (0.05, 1.0, 20.0)]
    assert spread[0] < spread[1] < spread[2]
    assert spread[1] / 0.18 == pytest.approx(0.042, abs=0.012)
    assert np.array_equal(add_grain(grey, seed=(1, 2)), add_grain(grey, seed=(1, 2)))
    assert not np.array_equal(add_grain(grey, seed=(1, 2)), add_grain(grey, seed=(1, 3)))


def test_white_stays_white_in_acescg() -> None:
    np.testing.assert_allclose(LIN_REC709_TO_ACESCG.sum(axis=1), 1.0, atol=1e-6)


@pytest.mark.parametrize("portrait", [COLLINS, HOPPER], ids=lambda portrait: portrait.name)
def test_portraits_arrive_with_the_packages(portrait: Portrait) -> None:
    assert portrait_path(portrait).is_file()


def test_another_portrait_than_the_pinned_one_is_refused() -> None:
    wrong = demo_portraits.Portrait(**{**COLLINS.__dict__, "sha256": "0" * 64})
    with pytest.raises(ModelMismatchError, match="sha256"):
        portrait_path(wrong)


def test_a_missing_portrait_names_the_package_to_install() -> None:
    absent = demo_portraits.Portrait(**{**COLLINS.__dict__, "package": "no_such_package"})
    with pytest.raises(MissingInputError, match="scikit-image"):
        portrait_path(absent)


@pytest.mark.parametrize("size", [{"frames": 0}, {"width": 8}, {"height": 8}])
def test_impossible_sizes_are_refused(tmp_path: Path, size: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="cannot be made"):
        make_demo_shot(tmp_path, **size)  # type: ignore[arg-type]  # mypy cannot see the keys
